"""Sinusoidal positions.

Notation: P (N, C) a table with one row for each position t.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_course.checks import positive, validate, whole
from keras_course.layers._attention import check_length
from keras_course.ops._types import Tensor


@validate(num_positions=whole(1), hidden_dim=whole(2), base=positive)
def sinusoidal_positions(num_positions, hidden_dim, *, base=10_000.0) -> np.ndarray:
    """Return the sinusoidal position encoding.

        P[t, 2 i] = sin(t / base^(2 i / C)),  P[t, 2 i + 1] = cos(t / base^(2 i / C))

    Row t + k is a rotation of row t, by an angle for each pair of columns that depends on k only.

    Args:
        num_positions: number N of positions.
        hidden_dim: number C of columns, even.
        base: ratio by which the wavelengths 2 pi base^(2 i / C), in positions, grow over the columns.

    Returns:
        A float32 array `(N, C)`.

    Raises:
        ValueError: a number is out of its range, or `hidden_dim` is odd.

    References:
        Attention Is All You Need, Vaswani et al., 2017, section 3.5, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.attention import sinusoidal_positions
        >>> sinusoidal_positions(3, 2).round(2).tolist()
        [[0.0, 1.0], [0.8399999737739563, 0.5400000214576721], [0.9100000262260437, -0.41999998688697815]]
    """
    if hidden_dim % 2:
        raise ValueError(f"hidden_dim={hidden_dim} must be even: each frequency has a sine and a cosine")
    rates = base ** (-np.arange(0, hidden_dim, 2) / hidden_dim)
    angles = np.arange(num_positions)[:, None] * rates
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(num_positions, hidden_dim).astype("float32")


@keras.saving.register_keras_serializable("keras_course")
class SinusoidalPositions(keras.layers.Layer):
    """Sinusoidal positions: y_t = sqrt(C) x_t + P_t, as in the transformer of Vaswani et al.

    Takes and returns `(B, T, C)`. The embeddings x are scaled, so that the positions do not drown them initially.

    Args:
        context_length: number N of positions.

    Raises:
        ValueError: `context_length` < 1, or (at the call) a sequence is longer or its width C is odd.

    References: as for `sinusoidal_positions`.

    Example:
        >>> import keras
        >>> from keras_course.attention import SinusoidalPositions
        >>> SinusoidalPositions(8)(keras.ops.ones((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    @validate(context_length=whole(1))
    def __init__(self, context_length, **kwargs):
        super().__init__(**kwargs)
        self.context_length = int(context_length)

    def build(self, input_shape) -> None:
        self.width = input_shape[-1]
        self.table = sinusoidal_positions(self.context_length, self.width)

    def call(self, x) -> Tensor:
        check_length(x, self.context_length)
        return self._plus(x, ops.convert_to_tensor(self.table)[: ops.shape(x)[1]])

    def decode(self, x, cache, index) -> tuple[Tensor, Any]:
        """Encode the tokens x `(B, S, C)` at the positions `index`, ...; there is nothing to cache."""
        rows = ops.take(ops.convert_to_tensor(self.table), index + ops.arange(x.shape[1], dtype="int32"), axis=0)
        return self._plus(x, rows), cache

    def _plus(self, x, rows):
        return x * self.width**0.5 + ops.cast(rows, x.dtype)

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "context_length": self.context_length}
