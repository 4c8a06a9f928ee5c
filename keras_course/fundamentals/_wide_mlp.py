"""An over-parameterized network: it has far more weights than training points, and still stays smooth between them.

Notation: x (B, ...) inputs of D numbers each, W = `width` hidden units, K outputs.
"""

import math

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import numpy_seed, validate, whole, wholes
from keras_course.layers._activations import get_activation


@builder(
    reference="Neal, 1996, https://doi.org/10.1007/978-1-4612-0745-0",
    presets={
        "tiny": {"input_shape": (1,), "num_outputs": 1},
        "lecture": {"input_shape": (1,), "num_outputs": 1, "width": 100_000, "parameters": 300_001},
    },
)
@validate(input_shape=wholes(1), num_outputs=whole(1), width=whole(1), seed=numpy_seed)
def wide_mlp(input_shape, num_outputs, *, width=1000, activation="sigmoid", seed=0, name="wide_mlp") -> keras.Model:
    """Build a perceptron with one very wide hidden layer.

    Takes `(B, *input_shape)`, flattened to D numbers an example; returns `(B, K)`:

        f(x) = phi(x W_1 + b_1) W_2 + b_2

    All weights *and biases* are drawn from U(-1/sqrt(n), 1/sqrt(n)), n the number of inputs of a unit, as PyTorch does
    (Keras starts biases at 0): the units then bend at different positions from the start. Trained by Adam, each of many
    weights moves little; the function stays smooth although the weights could interpolate any points.

    Args:
        input_shape: shape of one example, a tuple such as `(1,)`.
        num_outputs: number K of outputs.
        width: W, number of hidden units.
        activation: phi, a Keras name or a function.
        seed: whole number, seed of the weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a size is not a whole number of at least 1, or `activation` is unknown.

    References:
        Bayesian Learning for Neural Networks, chapter 2, Neal, 1996, https://doi.org/10.1007/978-1-4612-0745-0

    Example:
        >>> import numpy as np
        >>> from keras_course.fundamentals import wide_mlp
        >>> model = wide_mlp((1,), 1, width=500)
        >>> model(np.zeros((4, 1), "float32")).shape == (4, 1), model.count_params()
        (True, 1501)
    """
    phi = get_activation(activation)
    seeds = np.random.default_rng(seed).integers(2**31, size=4).tolist()

    x = keras.Input(input_shape, name="x")
    h = x if len(input_shape) == 1 else keras.layers.Flatten(name="flatten")(x)  # (B, D)
    h = keras.layers.Dense(width, activation=phi, name="hidden", **_uniform(math.prod(input_shape), seeds[:2]))(h)
    return keras.Model(x, keras.layers.Dense(num_outputs, name="head", **_uniform(width, seeds[2:]))(h), name=name)


def _uniform(num_inputs, seeds):
    """Return initializers of a layer's kernel and bias."""
    bound = num_inputs**-0.5
    kernel, bias = (keras.initializers.RandomUniform(-bound, bound, seed=seed) for seed in seeds)
    return {"kernel_initializer": kernel, "bias_initializer": bias}
