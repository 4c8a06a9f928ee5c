"""A convolutional network for signals, with and without an attention layer in the middle.

Notation: x (B, T, 1) signals; C = `hidden_dim` channels.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import flag, validate, whole, whole_numbers
from keras_course.layers import MultiHeadAttention
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class BinaryPositions(keras.layers.Layer):
    """Takes x `(B, T, C)` and returns `(B, T, C + K)`: the K binary digits of each position t are appended to x.

    Args:
        num_digits: number K of digits, of which the first one counts 1, the next one 2, then 4.

    Raises:
        ValueError: `num_digits` is not a whole number from 1 to 20.

    Example:
        >>> import keras
        >>> from keras_course.attention import BinaryPositions
        >>> [[int(digit) for digit in row] for row in BinaryPositions(2)(keras.ops.zeros((1, 4, 1)))[0, :, 1:]]
        [[0, 0], [1, 0], [0, 1], [1, 1]]
    """

    @validate(num_digits=whole(1, 20))
    def __init__(self, num_digits, **kwargs):
        super().__init__(**kwargs)
        self.num_digits = int(num_digits)

    def call(self, x) -> Tensor:
        t, powers = ops.arange(ops.shape(x)[1], dtype="int32"), 2 ** ops.arange(self.num_digits, dtype="int32")
        digits = ops.cast((t[:, None] // powers) % 2, x.dtype)  # (T, K)
        return ops.concatenate([x, ops.broadcast_to(digits, (*ops.shape(x)[:2], self.num_digits))], axis=-1)

    def compute_output_shape(self, input_shape) -> tuple:
        return (*input_shape[:-1], input_shape[-1] + self.num_digits)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_digits": self.num_digits}


@builder(
    reference="Fleuret, 2023, https://fleuret.org/dlc/materials/dlc-handout-13-2-attention-mechanisms.pdf",
    presets={"tiny": {"input_shape": (100, 1)}},
)
@validate(hidden_dim=whole(1), kernel_size=whole(1), attention=flag, positions=flag)
def signal_network(
    input_shape,
    num_outputs=1,
    *,
    hidden_dim=64,
    kernel_size=5,
    attention=True,
    positions=False,
    name="signal_network",
) -> keras.Model:
    """Build a network of convolutions that maps a signal to a signal, with attention in the middle.

    Takes x `(B, T, C_in)`; returns y `(B, T, num_outputs)`:

        h = relu(conv(relu(conv(x)))),  h <- attention(h),  y = conv(relu(conv(h)))

    A convolution sees `kernel_size` neighbors. Attention sees the whole signal, but not the positions, unless they are
    appended to the input.

    Args:
        input_shape: (T, C_in).
        num_outputs: number of output channels.
        hidden_dim: number C of channels in between.
        kernel_size: width of the convolutions.
        attention: whether the layer in the middle is attention; otherwise it is a convolution.
        positions: whether the binary digits of each position are appended to the input.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` has not two entries, or a number is out of its range.

    References:
        Deep learning course, lecture 13.2, Fleuret, 2023,
        https://fleuret.org/dlc/materials/dlc-handout-13-2-attention-mechanisms.pdf

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import signal_network
        >>> signal_network((100, 1))(np.zeros((2, 100, 1))).shape == (2, 100, 1)
        True
    """
    whole_numbers(1, length=2, input_shape=input_shape)
    whole(1)(num_outputs=num_outputs)

    def convolution(channels, activation=None):
        return keras.layers.Conv1D(channels, kernel_size, padding="same", activation=activation)

    x = keras.Input(input_shape, name="signal")
    h = BinaryPositions(max(1, (input_shape[0] - 1).bit_length()), name="positions")(x) if positions else x
    h = convolution(hidden_dim, "relu")(h)
    h = convolution(hidden_dim, "relu")(h)
    if attention:
        h = MultiHeadAttention(1, qkv_bias=False, project=False, name="attention")(h)
    else:
        h = convolution(hidden_dim, "relu")(h)
    h = convolution(hidden_dim, "relu")(h)
    return keras.Model(x, convolution(num_outputs)(h), name=name)
