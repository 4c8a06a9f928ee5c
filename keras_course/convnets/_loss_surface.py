"""The loss around the weights that a network has: an image of it, and how its gradient reaches the layers.

Notation: w the trainable weights, L(w) the mean loss on a batch (x, y), d a direction in the space of the weights; a
filter is what makes one output channel of a layer, w_f its weights.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops, tree

from keras_course.checks import numpy_seed, positive, validate, whole
from keras_course.checks.examples import check_examples, get_loss
from keras_course.checks.graphs import name_of
from keras_course.ops import functional, grad, jit

DEPTHWISE = (
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


class LossSurface(NamedTuple):
    """The loss on a plane through the weights of a model.

    Args:
        alphas: steps along the first direction, `(num,)`.
        betas: steps along the second direction, `(num,)`.
        losses: L, `(num, num)`: `losses[i, j]` belongs to `alphas[i]` and `betas[j]`.
    """

    alphas: np.ndarray
    betas: np.ndarray
    losses: np.ndarray


@validate(seed=numpy_seed)
def random_direction(model, *, seed=0) -> list[np.ndarray]:
    """Draw a random direction in the space of weights in which each filter is as long as the model's own.

    Gaussian noise d, and for each filter f of a kernel:

        d_f <- d_f |w_f| / |d_f|

    A network with ReLUs computes the same if one layer's weights are doubled and the next one's halved; measured by
    directions of a fixed length, it would look sharper or flatter for no reason. Biases, and scales and shifts of
    normalizations, get 0.

    Args:
        model: a built `keras.Model`.
        seed: of the noise.

    Returns:
        A list of float32 arrays shaped like `model.trainable_variables`.

    Raises:
        ValueError: the model has no trainable kernel, or `seed` is not a whole number of at least 0.

    References:
        Visualizing the Loss Landscape of Neural Nets, Li et al., 2018, https://arxiv.org/abs/1712.09913

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import random_direction
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, kernel_initializer="ones")])
        >>> kernel, bias = random_direction(model)
        >>> np.linalg.norm(kernel[..., 0]).round(4).item(), bias.tolist()      # 9 ones have the length 3
        (3.0, [0.0, 0.0])
    """
    _check_model(model)
    rng = np.random.default_rng(seed)
    special, directions = _filter_axes(model), []
    for variable in model.trainable_variables:
        w = np.asarray(ops.convert_to_numpy(variable.value), "float32")
        if w.ndim < 2:
            directions.append(np.zeros_like(w))
            continue
        d = rng.normal(size=w.shape).astype("float32")
        axes = special.get(id(variable), tuple(range(w.ndim - 1)))
        lengths = [np.sqrt((part**2).sum(axis=axes, keepdims=True)) for part in (w, d)]
        directions.append(d * lengths[0] / lengths[1])
    return directions


@validate(span=positive, num=whole(1), seed=numpy_seed)
def loss_surface(model, x, y, loss, *, span=1.0, num=21, seed=0) -> LossSurface:
    """Measure the loss on a plane through the weights of a model, along two random directions d and e.

    `random_direction` samples the directions with the seeds 2 `seed` and 2 `seed` + 1:

        L(w + alpha d + beta e),  alpha, beta in [-span, span]

    The model acts as in inference: batch normalization uses the averages that it has. Nothing is ever written into the
    model, so its weights stay as they are.

    Args:
        model: a built `keras.Model`.
        x: a batch of inputs, as the model takes them.
        y: its targets.
        loss: a Keras loss or its name, or a function of y and the output.
        span: largest step along both directions, above 0; 1 is as far as the weights are long.
        num: number of steps along each, at least 1; an odd number has the model itself at its center.
        seed: of the directions.

    Returns:
        A `LossSurface`; with `num=1` of the model itself alone.

    Raises:
        ValueError: an argument is out of range, the model has no trainable kernel, or x and y do not hold equally many
            examples, numbers that are not finite, or labels out of range.

    References:
        Visualizing the Loss Landscape of Neural Nets, Li et al., 2018, https://arxiv.org/abs/1712.09913

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import loss_surface
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
        >>> surface = loss_surface(model, np.eye(2), model.predict(np.eye(2), verbose=0), "mean_squared_error", num=3)
        >>> surface.losses.shape, surface.losses.argmin().item()      # the center, as the targets are what it says
        ((3, 3), 4)
    """
    x, y, measure = _batch(model, x, y, loss)
    variables = model.trainable_variables
    directions = [random_direction(model, seed=2 * seed + i) for i in (0, 1)]

    def at(alpha, beta, d, e, x, y):
        moved = [v + alpha * a + beta * b for v, a, b in zip(variables, d, e, strict=True)]
        return functional(measure, variables)(moved, x, y)

    program = jit(at, variables=model.variables)
    steps = np.linspace(-span, span, num, dtype="float32") if num > 1 else np.zeros(1, "float32")
    losses = [[float(program(alpha, beta, *directions, x, y)) for beta in steps] for alpha in steps]
    return LossSurface(steps, steps.copy(), np.array(losses))


def gradient_norms(model, x, y, loss) -> dict[str, float]:
    """Return the length of the loss's gradient with respect to the kernel of each layer, from the input upwards.

    It is made of the input h of the layer and of what comes back to its output a:

        |dL/dW_l|,  dL/dW_l = sum over examples and positions of h_{l-1} (dL/da_l)'

    In a deep plain network of small weights h fades on the way up, and dL/da on the way down, by the same factor a
    layer: every kernel gets little, and the less the deeper the network is. Skip connections keep both up.

    The model acts as in inference: nothing is dropped, and batch normalization uses the averages that it has.

    Args:
        model: a built `keras.Model`.
        x: a batch of inputs, as the model takes them.
        y: its targets.
        loss: a Keras loss or its name.

    Returns:
        A dict of floats by the path of the kernel, for each trainable weight with at least two axes.

    Raises:
        ValueError: the model has no trainable kernel, or x and y do not hold equally many examples, numbers that are
            not finite, or labels out of range.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import gradient_norms
        >>> layers = [keras.layers.Dense(3, name="first"), keras.layers.Dense(1, name="second")]
        >>> model = keras.Sequential([keras.Input((2,)), *layers])
        >>> list(gradient_norms(model, np.ones((4, 2)), np.ones((4, 1)), "mean_squared_error"))
        ['first/kernel', 'second/kernel']
    """
    x, y, measure = _batch(model, x, y, loss)
    kernels = [variable for variable in model.trainable_variables if len(variable.shape) > 1]
    gradients = functional(lambda: grad(measure, variables=kernels)(x, y), [])([])
    norms = [float(np.linalg.norm(ops.convert_to_numpy(ops.cast(g, "float32")))) for g in gradients]
    return {kernel.path.removeprefix(f"{model.name}/"): norm for kernel, norm in zip(kernels, norms, strict=True)}


def _filter_axes(model):
    """Return the axes over which the weights of one filter extend, by id of the kernel, where not all but the last."""
    axes = {}
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, DEPTHWISE):  # (..., C, multiplier): a filter for each of the last two
            kernel = getattr(layer, "depthwise_kernel", None)
            kernel = layer.kernel if kernel is None else kernel
            axes[id(kernel)] = tuple(range(len(kernel.shape) - 2))
        elif isinstance(layer, TRANSPOSED):  # (..., C_out, C_in)
            rank = len(layer.kernel.shape)
            axes[id(layer.kernel)] = (*range(rank - 2), rank - 1)
    return axes


def _check_model(model):
    if not isinstance(model, keras.Model) or not any(len(v.shape) > 1 for v in model.trainable_variables):
        raise ValueError(f"model={name_of(model)!r} must be a built keras.Model with trainable kernels")


def _batch(model, x, y, loss):
    """Return x and y as tensors, and L as a function of them."""
    _check_model(model)
    if y is None:
        raise ValueError("y=None: the loss needs targets")
    loss = get_loss(loss)
    x, y = tree.map_structure(ops.convert_to_tensor, check_examples(model, x, y, loss))

    def measure(x, y):
        return ops.mean(ops.cast(loss(y, model(x, training=False)), "float32"))

    return x, y, measure
