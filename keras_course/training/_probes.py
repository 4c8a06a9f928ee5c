"""Outputs of the layers of a network, and the gradients with respect to them.

Notation: h_l the output of layer l, L a scalar made of the output of the model; activations are the h_l, gradients
the dL/dh_l. Both work for every Keras model, Functional or subclassed, on every backend: the calls of its layers are
watched while it runs once.
"""

import contextlib
import dataclasses

import keras
import numpy as np
from keras import ops, tree

from keras_course.checks import flag, validate
from keras_course.checks.examples import check_examples
from keras_course.checks.graphs import check_model
from keras_course.ops import functional, grad

DEAD, EXPLODED = 1e-5, 1e4  # standard deviations below and above which training is hopeless in float32


@dataclasses.dataclass(frozen=True)
class LayerProbe:
    """What was seen at one layer.

    Args:
        name: name of the layer.
        values: its output, or the gradient with respect to it, as a NumPy array `(B, ...)`.
    """

    name: str
    values: np.ndarray = dataclasses.field(repr=False)

    @property
    def mean(self) -> float:
        """Mean of all entries."""
        return float(np.mean(self.values, dtype=float))

    @property
    def sd(self) -> float:
        """Standard deviation of all entries."""
        return float(np.std(self.values, dtype=float))

    @property
    def magnitude(self) -> float:
        """Mean of the absolute values."""
        return float(np.mean(np.abs(self.values), dtype=float))

    @property
    def second_moment(self) -> float:
        """Mean of the squares."""
        return float(np.mean(np.square(self.values, dtype=float)))

    @property
    def zeros(self) -> float:
        """Fraction of the entries that are exactly zero."""
        return float(np.mean(self.values == 0))

    @property
    def dead_units(self) -> float:
        """Fraction of the units (positions along the last axis) that are zero for every example."""
        return float(np.mean(np.all(self.values.reshape(-1, self.values.shape[-1]) == 0, axis=0)))

    @property
    def label(self) -> str:
        """Either "dead" (hardly any variation left), "exploded" (too large, or no numbers) or "healthy"."""
        if not np.isfinite(self.values).all() or self.sd > EXPLODED:
            return "exploded"
        return "dead" if self.sd < DEAD else "healthy"


@validate(training=flag)
def probe_activations(model, x, *, training=False) -> list[LayerProbe]:
    """Run a model once and return the outputs of its layers.

    Args:
        model: a built `keras.Model`.
        x: a batch of inputs, as the model takes them.
        training: whether layers act as in training, dropout and batch normalization in particular. The model's own
            state stays the same.

    Returns:
        A list with a `LayerProbe` for each call of a layer, in the order of the calls. Layers made of others are not
        listed, their parts are.

    Raises:
        ValueError: the model has no layers, or x holds no examples or numbers that are not finite.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.training import probe_activations
        >>> layers = [keras.layers.Dense(50, kernel_initializer="zeros", name="zeros"), keras.layers.ReLU()]
        >>> probes = probe_activations(keras.Sequential([keras.Input((4,)), *layers]), np.ones((2, 4)))
        >>> probes[0].name, probes[0].values.shape, probes[0].label
        ('zeros', (2, 50), 'dead')
    """
    x, _ = _check(model, x)
    seen = []

    def keep(layer, output):
        seen.append((layer.name, output))
        return output

    functional(_watched(model, keep), [])([], x, training)
    return _probes(seen)


@validate(training=flag)
def probe_gradients(model, x, y=None, *, loss=None, training=False) -> list[LayerProbe]:
    """Run a model forward and backward once and return the gradients with respect to the outputs of its layers.

    The model stays as it is: a zero is added to the output of each layer, and L is differentiated with respect
    to these zeros.

    Args:
        model: a built `keras.Model`.
        x: a batch of inputs, as the model takes them.
        y: targets. Without them L is the sum of all outputs.
        loss: L = the mean of loss(y, output), a Keras loss or its name; None for the loss that the model was compiled
            with.
        training: as for `probe_activations`.

    Returns:
        A list with a `LayerProbe` for each call of a layer, in the order of the (forward) calls.

    Raises:
        ValueError: the model has no layers, x or y holds no examples, numbers that are not finite, or labels out of
            range, there is a loss without y, or y without a loss.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.training import probe_gradients
        >>> layers = [keras.layers.Dense(3, kernel_initializer="ones", name=name) for name in ("first", "second")]
        >>> probes = probe_gradients(keras.Sequential([keras.Input((4,)), *layers]), np.ones((2, 4)))
        >>> {probe.name: probe.mean for probe in probes}      # of the sum of all outputs
        {'first': 3.0, 'second': 1.0}
    """
    x, y = _check(model, x, y, loss)
    _check_targets(model, y, loss)
    names = [(probe.name, probe.values.shape) for probe in probe_activations(model, x, training=training)]

    def objective(shifts):
        rest = iter(shifts)
        output = _watched(model, lambda layer, output: output + ops.cast(next(rest), output.dtype))(x, training)
        if y is None:
            return sum(ops.sum(ops.cast(part, "float32")) for part in tree.flatten(output))
        if loss is None:
            return ops.cast(model.compute_loss(x=x, y=y, y_pred=output), "float32")
        return ops.mean(ops.cast(keras.losses.get(loss)(y, output), "float32"))

    zeros = [ops.zeros(shape, dtype="float32") for _, shape in names]
    gradients = functional(lambda: grad(objective)(zeros), [])([])
    return _probes([(name, gradient) for (name, _), gradient in zip(names, gradients, strict=True)])


def _watched(model, hook):
    """Return the model as a function of x and training in which every output of a layer goes through `hook`."""

    def watch(layer, call):
        def watched(*args, **kwargs):
            float_only = lambda t: hook(layer, t) if _is_float(t) else t  # noqa: E731
            return tree.map_structure(float_only, call(*args, **kwargs))

        return watched

    def run(x, training):
        with contextlib.ExitStack() as stack:
            for layer in _leaves(model):
                layer.call = watch(layer, layer.call)
                stack.callback(delattr, layer, "call")  # the method of the class is found again
            return model(x, training=training)

    return run


def _leaves(model):
    """Return the layers that are made of no others, each once; a recurrent one is whole, as its cell runs in a loop."""
    layers = list(model._flatten_layers(include_self=False))
    parts = {layer: list(layer._flatten_layers(include_self=False)) for layer in layers}
    cells = {cell for layer, inside in parts.items() if isinstance(layer, keras.layers.RNN) for cell in inside}
    alone = [layer for layer, inside in parts.items() if not inside or isinstance(layer, keras.layers.RNN)]
    return [layer for layer in alone if layer not in cells and not isinstance(layer, keras.layers.InputLayer)]


def _is_float(tensor):
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))


def _probes(seen):
    return [LayerProbe(name, ops.convert_to_numpy(ops.cast(values, "float32"))) for name, values in seen]


def _check(model, x, y=None, loss=None):
    check_model(model=model)
    if not _leaves(model):
        raise ValueError(f"model={model.name!r} has no layers to look into")
    return check_examples(model, x, y, loss)


def _check_targets(model, y, loss):
    if loss is not None and y is None:
        raise ValueError(f"loss={loss!r} needs the targets y")
    if y is not None and loss is None and not model.compiled:
        raise ValueError(f"y is given, but no loss, and model={model.name!r} is not compiled with one")
