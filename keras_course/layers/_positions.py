"""Positions inside attention: rotations of queries and keys, and penalties on distances.

Notation: x (B, T, H, D) queries or keys of H heads, p (T) their positions, t - s the distance of a query at t from a
key at s.
"""

import math

import numpy as np
from keras import ops

from keras_course.checks import positive, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


@on_tensors(x=4, positions=1)
@validate(base=positive)
def rotate(x, positions, *, base=10_000.0) -> Tensor:
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
        ValueError: D is odd, an argument has another shape, or `base` is not a positive number.

    Differences from the paper: it pairs neighboring features; these pairs are D/2 apart, as in GPT-NeoX and LLaMA. The
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


@validate(num_heads=whole(1))
def alibi_slopes(num_heads) -> np.ndarray:
    """Return the slopes of attention with linear biases (ALiBi): head h subtracts `m_h |t - s|` from its scores.

    For H = 2^n heads, m_h = 2^(-8 h / H) with h = 1, ..., H. For another H the slopes of the next smaller power of two
    come first, then every other slope of the next larger one.

    Args:
        num_heads: number H of heads.

    Returns:
        A float32 array `(H,)`.

    Raises:
        ValueError: `num_heads` is not a whole number of at least 1.

    References:
        Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation, Press et al., 2022,
        https://arxiv.org/abs/2108.12409

    Example:
        >>> from keras_course.layers import alibi_slopes
        >>> alibi_slopes(4).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625]
    """
    smaller = 1 << (int(num_heads).bit_length() - 1)
    first, second = (2.0 ** (-8.0 * np.arange(1, n + 1) / n) for n in (smaller, 2 * smaller))
    return np.concatenate([first, second[::2][: num_heads - smaller]]).astype("float32")
