"""The mean of everything so far, written in four ways: the way from a loop to attention.

Notation: x (B, T, C) features; y_t = (x_1 + ... + x_t) / t, a row of y = A x, where the weights A (T, T) are 1 / t for
s <= t and 0 elsewhere. Attention differs from this mean only in that A depends on the data.
"""

import keras
from keras import ops

from keras_course.checks import choice, tensor, validate
from keras_course.layers import attention
from keras_course.ops._types import Tensor


def _loop(x):
    return ops.stack([ops.mean(x[:, : t + 1], axis=1) for t in range(x.shape[1])], axis=1)


def _matmul(x):
    lower = ops.tril(ops.ones((x.shape[1], x.shape[1]), dtype=x.dtype))
    return ops.matmul(lower / ops.sum(lower, axis=1, keepdims=True), x)


def _softmax(x):
    steps = ops.arange(x.shape[1])
    seen = steps[None, :] <= steps[:, None]  # (T, T)
    scores = ops.where(seen, 0.0, -float("inf"))
    return ops.matmul(ops.cast(ops.softmax(scores, axis=-1), x.dtype), x)


def _attention(x):
    one_head = x[:, :, None, :]  # (B, T, 1, C)
    return attention(ops.zeros_like(one_head), one_head, one_head, causal=True)[:, :, 0]


_METHODS = {"loop": _loop, "matmul": _matmul, "softmax": _softmax, "attention": _attention}


@validate(method=choice(*_METHODS), x=tensor)
def prefix_mean(x, method="matmul") -> Tensor:
    """Average each sequence over its past, the present included.

    Takes and gives `(B, T, C)`:

        y_t = (x_1 + ... + x_t) / t

    Args:
        x: tensor of floats.
        method: "loop" over t; "matmul" with a lower-triangular matrix whose rows add up to one; "softmax", where that
            matrix is the softmax of zeros with minus infinity above the diagonal; "attention" with queries of zero,
            to which all keys are alike. All give the same up to rounding.

    Returns:
        A tensor like `x`.

    Raises:
        ValueError: `x` has not three axes, has no step, or is not of floats; or `method` is unknown.

    References:
        Let's build GPT: from scratch, in code, spelled out (the four forms), Karpathy, 2023,
        https://www.youtube.com/watch?v=kCc8FmEb1nY

    Example:
        >>> import numpy as np
        >>> from keras_course.language import prefix_mean
        >>> x = np.array([[[1.0], [3.0], [8.0]]], "float32")
        >>> [float(y) for y in prefix_mean(x, "matmul")[0, :, 0]]
        [1.0, 2.0, 4.0]
    """
    x = ops.convert_to_tensor(x)
    if len(x.shape) != 3 or x.shape[1] == 0 or not keras.backend.is_float_dtype(x.dtype):
        raise ValueError(
            f"x must be floats (B, T, C) with T at least 1; its shape is {tuple(x.shape)}, its type "
            f"{keras.backend.standardize_dtype(x.dtype)}"
        )
    return _METHODS[method](x)
