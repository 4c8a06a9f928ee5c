"""Vanishing gradients: the chain that proves it, the histogram that shows it, and the units that died.

Notation: h_l the features after hidden layer l = 1..L, h_0 = x; sigma the logistic sigmoid, sigma' <= 1/4.
"""

import itertools

import keras
import numpy as np

from keras_course import ops
from keras_course.checks import as_floats, number, validate, whole
from keras_course.checks.examples import check_examples, get_loss
from keras_course.checks.graphs import check_model


def sigmoid_chain(x, weights) -> tuple[float, np.ndarray]:
    """Evaluate a chain of L units of one input each, and its gradient with respect to every weight.

    The chain rule, from the last unit back to the first:

        h_l = sigma(w_l h_{l-1}),  dh_L/dw_l = h_{l-1} sigma'_l (w_{l+1} sigma'_{l+1}) ... (w_L sigma'_L)

    Args:
        x: the input h_0, a number.
        weights: w_1, ..., w_L.

    Returns:
        h_L, a float, and the gradients dh_L/dw_1, ..., dh_L/dw_L, `(L,)`.

    Raises:
        ValueError: no weights, or numbers that are not finite.

    Example:
        >>> from keras_course.perceptron import sigmoid_chain
        >>> value, gradients = sigmoid_chain(0.0, [1.0])
        >>> value, gradients.tolist()
        (0.5, [0.0])
    """
    x, weights = as_floats("x", x), np.atleast_1d(as_floats("weights", weights))
    if x.ndim or weights.ndim > 1 or weights.size == 0 or not np.isfinite([x, *weights]).all():
        raise ValueError(f"x={x} and weights={weights} must be finite, with at least one weight")
    h = [float(x)]
    for w in weights:
        h.append(0.5 + 0.5 * float(np.tanh(0.5 * w * h[-1])))
    gradients, upstream = [], 1.0  # upstream: dh_L / dh_l
    for w, before, after in zip(weights[::-1], h[-2::-1], h[:0:-1], strict=True):
        slope = upstream * after * (1 - after)
        gradients.append(slope * before)
        upstream = slope * w
    return h[-1], np.array(gradients[::-1])


@validate(x=number, num_layers=whole(1))
def vanishing_bound(x, num_layers) -> float:
    """The largest that the first gradient of a `sigmoid_chain` with weights in [-1, 1] can be: `|x| / 4^L`.

    Args:
        x: the input.
        num_layers: number L of units in the chain.

    Returns:
        The bound, a float.

    Raises:
        ValueError: `num_layers` below 1, or an `x` that is not a finite number.

    References:
        Untersuchungen zu dynamischen neuronalen Netzen, Hochreiter, 1991,
        https://people.idsia.ch/~juergen/SeppHochreiter1991ThesisAdvisorSchmidhuber.pdf

    Example:
        >>> from keras_course.perceptron import vanishing_bound
        >>> vanishing_bound(2.0, num_layers=3)
        0.03125
    """
    return abs(float(x)) * 0.25**num_layers


def backpropagated_gradients(model, loss, x, y) -> dict[str, np.ndarray]:
    """Return the gradients dL/dh_l that come back to each hidden layer: what a histogram of vanishing gradients shows.

    Args:
        model: a network of layers in series, as `mlp` builds.
        loss: function of targets and outputs that returns a scalar, such as `output_head("multiclass").loss`.
        x: inputs, `(B, ...)`.
        y: targets.

    Returns:
        A dictionary from the name of each hidden layer, first to last, to an array `(B, C_l)`.

    Raises:
        ValueError: the layers of `model` are not in series, there is no hidden layer, or `x` and `y` are empty, not
            finite, not equally many, or have labels out of range.

    References:
        Understanding the difficulty of training deep feedforward neural networks, Glorot and Bengio, 2010,
        https://proceedings.mlr.press/v9/glorot10a.html

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import backpropagated_gradients, mlp, output_head
        >>> model, loss = mlp((2,), 3, hidden_dims=(8, 4)), output_head("multiclass").loss
        >>> gradients = backpropagated_gradients(model, loss, np.zeros((5, 2), "float32"), np.zeros(5, "int32"))
        >>> {name: array.shape for name, array in gradients.items()}
        {'hidden_0': (5, 8), 'hidden_1': (5, 4)}
    """
    hidden = _hidden_layers(model)
    x, y = map(keras.ops.convert_to_tensor, check_examples(model, x, y, loss))
    loss = get_loss(loss)

    def value(shifts):
        """The loss when every h_l is shifted: its gradient with respect to a shift is the one to h_l."""
        h = x
        for layer in model.layers[1:]:
            h = layer(h)
            if layer in hidden:
                h = h + shifts[hidden.index(layer)]
        return keras.ops.mean(loss(y, h))

    shifts = [keras.ops.zeros((x.shape[0], layer.units), dtype=layer.compute_dtype) for layer in hidden]
    gradients = ops.grad(value)(shifts)
    return {layer.name: keras.ops.convert_to_numpy(g) for layer, g in zip(hidden, gradients, strict=True)}


def dead_units(model, x) -> dict[str, float]:
    """Return the fraction of units in each hidden layer that are off for every input: no example can wake them again.

    A rectifier whose pre-activation is negative for all data passes no gradient to its weights.

    Args:
        model: a network of layers in series, as `mlp` builds, with activation "relu".
        x: inputs, `(B, ...)`.

    Returns:
        A dictionary from the name of each hidden layer to a fraction in [0, 1].

    Raises:
        ValueError: the layers of `model` are not in series, there is no hidden layer, or `x` is empty or not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import dead_units, mlp
        >>> model = mlp((2,), 1, hidden_dims=(4,))
        >>> model.layers[1].set_weights([np.zeros((2, 4)), np.array([-1.0, -1.0, -1.0, 1.0])])
        >>> dead_units(model, np.ones((3, 2), "float32"))
        {'hidden_0': 0.75}
    """
    hidden = _hidden_layers(model)
    features = keras.Model(model.input, {layer.name: layer.output for layer in hidden})
    outputs = features(keras.ops.convert_to_tensor(check_examples(model, x)[0]))
    alive = {layer.name: np.any(keras.ops.convert_to_numpy(outputs[layer.name]) > 0, axis=0) for layer in hidden}
    return {name: float(1 - np.mean(on)) for name, on in alive.items()}


@validate(model=check_model)
def _hidden_layers(model):
    """Return all dense layers but the last; raise a ValueError if layers are not in series."""
    for before, after in itertools.pairwise(model.layers):
        if after.input is not before.output:
            raise ValueError(
                f"model={model.name!r} is not a series of layers: {after.name} does not follow {before.name}"
            )
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if len(dense) < 2:
        raise ValueError(f"model={model.name!r} has no hidden layer")
    return dense[:-1]
