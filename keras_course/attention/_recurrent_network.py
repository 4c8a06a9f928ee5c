"""A recurrent network that maps a sequence to one output.

Notation: x (B, T, D) sequences of different lengths, padded with rows of zeros; H = `hidden_dim` units of a layer.
"""

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.backend import without_tensorflow
from keras_course.checks import choice, flag, fraction, validate, whole, whole_numbers
from keras_course.layers import sibling
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class ForgetGateBias(keras.initializers.Initializer):
    """Initialize the biases `(4 H,)` of an LSTM: 1 for the forget gate, which is then mostly open, and 0 elsewhere.

    The gates stand in the order of Keras: input, forget, cell, output.

    Raises:
        ValueError: the shape of the biases is not `(4 H,)`.

    References:
        An Empirical Exploration of Recurrent Network Architectures, Jozefowicz, Zaremba, Sutskever, 2015,
        https://proceedings.mlr.press/v37/jozefowicz15.html

    Example:
        >>> from keras_course.attention import ForgetGateBias
        >>> [float(b) for b in ForgetGateBias()((8,))]
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __call__(self, shape, dtype=None, **kwargs) -> Tensor:
        whole_numbers(1, length=1, shape=shape)
        if shape[0] % 4:
            raise ValueError(f"shape={tuple(shape)} must be (4 H,)")
        return keras.ops.convert_to_tensor(np.repeat([0.0, 1.0, 0.0, 0.0], shape[0] // 4), dtype=dtype or "float32")


@keras.saving.register_keras_serializable("keras_course")
class Orthogonal(keras.initializers.Orthogonal):
    """Initialize as orthogonal, in any type: PyTorch lacks a QR decomposition in half precision."""

    def __call__(self, shape, dtype=None) -> Tensor:
        return keras.ops.cast(super().__call__(shape, dtype="float32"), dtype or keras.config.floatx())


def recurrent_layer(cell, units, seed, k, **options) -> keras.layers.RNN:
    """Return the k-th layer of recurrent units of a kind, with the equations of the lecture and weights of its own."""
    kernels = keras.initializers.GlorotUniform(seed=seed), Orthogonal(seed=seed)
    options["kernel_initializer"], options["recurrent_initializer"] = (sibling(kernel, k) for kernel in kernels)
    if cell == "elman":
        return keras.layers.SimpleRNN(units, **options)
    if cell == "lstm":
        return keras.layers.LSTM(units, unit_forget_bias=False, bias_initializer=ForgetGateBias(), **options)
    return keras.layers.GRU(units, reset_after=False, **options)


def _padded_sequences(model, batch_size, rng):
    """Return random sequences of different lengths."""
    x = rng.normal(size=(batch_size, 6, model.input.shape[-1])).astype("float32")
    return x * (np.arange(6) < rng.integers(2, 7, (batch_size, 1)))[..., None].astype("float32")


@builder(
    reference="Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1",
    presets={
        "tiny": {"input_shape": (None, 5), "num_outputs": 2},
        "palindromes": {"input_shape": (None, 5), "num_outputs": 2, "hidden_dim": 10},
    },
    example=_padded_sequences,
)
@validate(
    num_outputs=whole(1),
    cell=choice("elman", "lstm", "gru"),
    hidden_dim=whole(1),
    num_layers=whole(1),
    bidirectional=flag,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def recurrent_network(
    input_shape,
    num_outputs,
    *,
    cell="gru",
    hidden_dim=32,
    num_layers=1,
    bidirectional=False,
    dropout=0.0,
    seed=0,
    name="recurrent_network",
) -> keras.Model:
    """Build a recurrent network for the classification of sequences, or for a regression.

    Takes x `(B, T, D)`, padded at the end with rows of zeros; returns `(B, num_outputs)`, logits or means:

        h_t = cell(x_t, h_{t-1}),  y = h_T W + b

    where T is the last position of a sequence that is not padding. Layers are stacked: the states of one layer are the
    inputs of the next one. See `elman`, `lstm` and `gru` for the equations of the cells.

    Args:
        input_shape: (T, D); with T = None sequences may have any length.
        num_outputs: number of classes, or of values to predict.
        cell: "elman", "lstm" or "gru".
        hidden_dim: number H of units of each layer, in each direction.
        num_layers: number of recurrent layers.
        bidirectional: whether each layer also reads the sequence from its end; both states are then put side by side.
        dropout: rate in [0, 1) on the inputs of the layers after the first one, and of the output layer.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. Recurrent matrices are initialized as orthogonal, biases as 0 (as 1 for the
        forget gates of an LSTM).

    Raises:
        ValueError: `input_shape` is not (T, D), a number is out of its range, or an unknown `cell`.

    References:
        Finding Structure in Time, Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1

        Bidirectional Recurrent Neural Networks, Schuster, Paliwal, 1997, https://doi.org/10.1109/78.650093

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import recurrent_network
        >>> model = recurrent_network((None, 5), 2, cell="lstm", bidirectional=True)
        >>> model(np.ones((3, 7, 5))).shape == (3, 2)
        True
    """
    _check_shape(input_shape)
    x = keras.Input(input_shape, name="sequence")
    h = keras.layers.Masking(name="padding")(x)
    for i in range(num_layers):
        options = {"return_sequences": i < num_layers - 1, "name": f"{cell}_{i}"}
        layer = recurrent_layer(cell, hidden_dim, seed, 2 * i, **options)
        if bidirectional:
            options["name"] = f"backward_{cell}_{i}"
            backward = recurrent_layer(cell, hidden_dim, seed, 2 * i + 1, go_backwards=True, **options)
            with without_tensorflow():  # Keras serializes both layers
                layer = keras.layers.Bidirectional(layer, backward_layer=backward, name=f"bidirectional_{i}")
        h = layer(h)
        h = keras.layers.Dropout(dropout, seed=seed + i, name=f"dropout_{i}")(h) if dropout else h
    kernel = sibling(keras.initializers.GlorotUniform(seed=seed), 2 * num_layers)
    return keras.Model(x, keras.layers.Dense(num_outputs, kernel_initializer=kernel, name="head")(h), name=name)


def _check_shape(input_shape):
    if not isinstance(input_shape, tuple | list) or len(input_shape) != 2:
        raise ValueError(f"input_shape={input_shape!r} must be (T, D), or (None, D) for sequences of any length")
    whole_numbers(1, input_shape=[n for i, n in enumerate(input_shape) if i or n is not None])
