"""Where a token stands: learned and rotary positions.

Notation: x (B, T, C) features of tokens, p (T) their positions, P (N, C) a table with one row per position.
"""

import math

import keras
from keras import ops

from keras_course.checks import positive, whole_number
from keras_course.checks.tensors import on_tensors
from keras_course.layers._initializers import get_initializer


def check_length(x, context_length):
    """Raise a ValueError where the sequences x `(B, T, ...)` are known to be longer than `context_length`."""
    if context_length is not None and x.shape[1] is not None and x.shape[1] > context_length:
        raise ValueError(f"a sequence of {x.shape[1]} tokens is longer than context_length={context_length}")


@keras.saving.register_keras_serializable("keras_course")
class PositionEmbedding(keras.layers.Layer):
    """Learned positions: y_t = x_t + P_t.

    Takes and gives `(B, T, C)` with T up to `context_length`.

    Args:
        context_length: number N of positions.
        initializer: initializer of the table P, `(N, C)`.

    Raises:
        ValueError: `context_length` < 1 (at construction), or a sequence is longer than `context_length` (at the call).

    References:
        Convolutional Sequence to Sequence Learning, Gehring et al., 2017, https://arxiv.org/abs/1705.03122

    Example:
        >>> import keras
        >>> from keras_course.layers import PositionEmbedding
        >>> PositionEmbedding(8)(keras.ops.ones((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    def __init__(self, context_length, *, initializer="uniform", **kwargs):
        super().__init__(**kwargs)
        whole_number(1, context_length=context_length)
        self.context_length = int(context_length)
        self.embeddings_initializer = get_initializer(initializer=initializer)

    def build(self, input_shape):
        shape = (self.context_length, input_shape[-1])
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer=self.embeddings_initializer)

    def call(self, x):
        check_length(x, self.context_length)
        return x + ops.convert_to_tensor(self.embeddings)[: ops.shape(x)[1]]

    def decode(self, x, cache, index):
        """Add the positions `index`, `index + 1`, ... to the tokens x `(B, S, C)`; there is nothing to cache."""
        rows = ops.take(self.embeddings, index + ops.arange(x.shape[1], dtype="int32"), axis=0)
        return x + ops.cast(rows, x.dtype), cache

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        initializer = keras.initializers.serialize(self.embeddings_initializer)
        return {**super().get_config(), "context_length": self.context_length, "initializer": initializer}


@on_tensors(x=4, positions=1)
def rotate(x, positions, *, base=10_000.0):
    """Rotary positions: turn each pair of features by an angle that grows with the position.

    The pair (x_i, x_{i+D/2}) of a head of width D is turned by p * base^(-2i/D). A turned query and a turned key then
    meet at an angle that depends on the difference of their positions alone: (R_m q)'(R_n k) = q' R_{n-m} k.

    Args:
        x: `(B, T, H, D)` queries or keys, D even.
        positions: `(T,)` integers.
        base: ratio by which the wavelengths 2 pi base^(2i/D), in tokens, grow over the pairs.

    Returns:
        A tensor like `x`.

    Raises:
        ValueError: D is odd, an argument has another shape, or `base` is no positive number.

    Differences from the paper: it pairs neighbouring features; these pairs are D/2 apart, as in GPT-NeoX and LLaMA. The
    two differ by a fixed order of the features, which the kernels before it can learn.

    References:
        RoFormer: Enhanced Transformer with Rotary Position Embedding, Su et al., 2021,
        https://arxiv.org/abs/2104.09864

    Example:
        >>> import keras
        >>> from keras_course.layers import rotate
        >>> rotate(keras.ops.ones((1, 3, 2, 4)), keras.ops.arange(3)).shape == (1, 3, 2, 4)
        True
    """
    positive(base=base)
    width = x.shape[-1]
    if None not in (positions.shape[0], x.shape[1]) and positions.shape[0] not in (1, x.shape[1]):
        raise ValueError(f"positions has {positions.shape[0]} entries; x of shape {tuple(x.shape)} needs {x.shape[1]}")
    if width % 2 or not width:
        raise ValueError(f"x has heads of width {width}; to be rotated in pairs, hidden_dim / num_heads must be even")
    rates = ops.exp(ops.arange(width // 2, dtype="float32") * (-2.0 * math.log(base) / width))
    angles = ops.cast(positions, "float32")[:, None, None] * rates  # (T, 1, D/2)
    cos, sin = ops.cast(ops.cos(angles), x.dtype), ops.cast(ops.sin(angles), x.dtype)
    left, right = ops.split(x, 2, axis=-1)
    return ops.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)
