"""The multi-layer perceptron.

Notation: x (B, ...) inputs of D numbers each, h_l (B, C_l) the features after hidden layer l = 1..L, W_l (C_{l-1}, C_l)
and b_l (C_l) its kernel and bias, K outputs.
"""

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import fraction, numpy_seed, validate, whole, wholes
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer


@builder(
    reference="Rumelhart, Hinton and Williams, 1986, https://doi.org/10.1038/323533a0",
    presets={
        "tiny": {"input_shape": (2,), "num_outputs": 2},
        "moons": {"input_shape": (2,), "num_outputs": 1, "hidden_dims": (32, 32), "parameters": 1_185},
        "spiral": {"input_shape": (2,), "num_outputs": 2, "hidden_dims": (100,), "parameters": 502},
        "digits": {"input_shape": (8, 8), "num_outputs": 10, "hidden_dims": (100,), "parameters": 7_510},
        "mnist": {"input_shape": (28, 28), "num_outputs": 10, "hidden_dims": (512, 512), "parameters": 669_706},
    },
)
@validate(input_shape=wholes(1), num_outputs=whole(1), hidden_dims=wholes(1), dropout=fraction, seed=numpy_seed)
def mlp(
    input_shape,
    num_outputs,
    *,
    hidden_dims=(64, 64),
    activation="relu",
    dropout=0.0,
    kernel_initializer="glorot_uniform",
    seed=0,
    name="mlp",
) -> keras.Model:
    """Build a multi-layer perceptron: layers in series, each a linear map followed by a non-linearity.

    Takes `(B, *input_shape)`, flattened to D numbers an example; gives `(B, K)`:

        h_0 = x,  h_l = phi(h_{l-1} W_l + b_l) for l = 1..L,  output = h_L W_{L+1} + b_{L+1}

    The output is raw: what it means (a mean, logits) is up to the loss, which `output_head` derives.

    Args:
        input_shape: shape of one example, a tuple such as `(2,)` or `(28, 28)`.
        num_outputs: number K of outputs.
        hidden_dims: widths C_1, ..., C_L of the hidden layers. With none, `()`, the model is linear.
        activation: the non-linearity phi: a Keras name or a function, or "gelu_tanh" or "relu_squared".
        dropout: rate in [0, 1) at which features of each hidden layer are dropped in training.
        kernel_initializer: a Keras name or initializer: the distribution of the W_l. Biases start at 0.
        seed: whole number, seed of the kernels (an initializer that is given as an object has its own) and dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a size that is not a whole number of at least 1, a `dropout` outside [0, 1), or an unknown
            `activation` or `kernel_initializer`.

    References:
        Learning representations by back-propagating errors, Rumelhart, Hinton and Williams, 1986,
        https://doi.org/10.1038/323533a0

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> model = mlp((28, 28), 10, hidden_dims=(100, 100))
        >>> model(np.zeros((4, 28, 28), "float32")).shape == (4, 10)
        True
    """
    phi = get_activation(activation)
    seeds = np.random.default_rng(seed).integers(2**31, size=2 * len(hidden_dims) + 1).tolist()  # one for each use
    initializers = _initializers(kernel_initializer, seeds[len(hidden_dims) :])

    x = keras.Input(input_shape, name="x")
    h = x if len(input_shape) == 1 else keras.layers.Flatten(name="flatten")(x)  # (B, D)
    for i, units in enumerate(hidden_dims):
        h = keras.layers.Dense(units, activation=phi, kernel_initializer=initializers[i], name=f"hidden_{i}")(h)
        if dropout:
            h = keras.layers.Dropout(dropout, seed=seeds[i], name=f"dropout_{i}")(h)
    outputs = keras.layers.Dense(num_outputs, kernel_initializer=initializers[-1], name="head")(h)
    return keras.Model(x, outputs, name=name)


def _initializers(kernel_initializer, seeds):
    """Return an initializer for each seed: one that is shared by layers would draw the same numbers for all of them."""
    initializer = get_initializer(kernel_initializer=kernel_initializer)
    if isinstance(kernel_initializer, str) and "seed" in (config := initializer.get_config()):
        return [type(initializer).from_config({**config, "seed": seed}) for seed in seeds]
    return [initializer] * len(seeds)
