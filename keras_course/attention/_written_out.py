"""Attention written out, in the order of its discovery: additive, scaled dot-product, multi-head.

Each function returns its output and its weights. `keras_course.layers.attention` and `MultiHeadAttention` compute the
same faster.

Notation: q (B, T, ...) queries of T positions; k, v (B, N, ...) keys and values of N positions; C = `hidden_dim` the
width of a position, D the width of a query and a key.
"""

import keras
from keras import ops

from keras_course.checks import validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.layers._activations import softmax
from keras_course.ops._types import Tensor


@on_tensors(q=3, k=3, v=3, w_q=2, w_k=2, w=1, mask=None)
def additive_attention(q, k, v, w_q, w_k, w, *, mask=None) -> tuple[Tensor, Tensor]:
    """Additive attention: a network with one hidden layer compares each query with each key.

    Takes q `(B, T, A)`, k `(B, N, D)` and v `(B, N, E)`; returns y `(B, T, E)` and the weights `(B, T, N)`:

        weights = softmax(w' tanh(W_q' q + W_k' k)),  y = weights v

    Args:
        q, k, v: queries, keys and values; their widths may differ.
        w_q, w_k: matrices `(A, H)` and `(D, H)`, with H hidden units.
        w: vector `(H,)`.
        mask: booleans that broadcast to `(B, T, N)`, true where a query may see a key. A query that may see no key
            has weights and output 0.

    Returns:
        (y, weights).

    Raises:
        ValueError: the shapes do not fit each other.

    References:
        Neural Machine Translation by Jointly Learning to Align and Translate, Bahdanau, Cho, Bengio, 2014,
        https://arxiv.org/abs/1409.0473

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import additive_attention
        >>> q, k, v = ops.ones((1, 2, 3)), ops.ones((1, 5, 4)), ops.ones((1, 5, 6))
        >>> y, weights = additive_attention(q, k, v, ops.ones((3, 8)), ops.ones((4, 8)), ops.ones(8))
        >>> y.shape == (1, 2, 6), weights.shape == (1, 2, 5)
        (True, True)
    """
    _check_keys(q, k, v)
    for name, x, matrix in (("w_q", q, w_q), ("w_k", k, w_k)):
        if matrix.shape != (x.shape[-1], w.shape[0]):
            raise ValueError(f"{name} has shape {tuple(matrix.shape)}; it must be ({x.shape[-1]}, {w.shape[0]})")
    hidden = ops.tanh(ops.matmul(q, w_q)[:, :, None] + ops.matmul(k, w_k)[:, None])  # (B, T, N, H)
    weights = _softmax_over_keys(ops.sum(hidden * w, axis=-1), mask)
    return ops.matmul(weights, v), weights


@on_tensors(q=3, k=3, v=3, mask=None)
def scaled_dot_attention(q, k, v, *, mask=None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention.

    Takes q `(B, T, D)`, k `(B, N, D)` and v `(B, N, E)`; returns y `(B, T, E)` and the weights `(B, T, N)`:

        weights = softmax(q k' / sqrt(D)),  y = weights v

    If the entries of q and k are independent with mean 0 and variance 1, q k' has variance D. The division makes it 1.

    Args:
        q, k, v: queries, keys and values.
        mask: as in `additive_attention`.

    Returns:
        (y, weights).

    Raises:
        ValueError: the shapes do not fit each other.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import scaled_dot_attention
        >>> k = 10 * ops.eye(2)[None]
        >>> y, weights = scaled_dot_attention(k[:, :1], k, ops.array([[[1.0], [3.0]]]))
        >>> round(float(y[0, 0, 0]), 3)  # the query resembles the first key
        1.0
    """
    _check_keys(q, k, v)
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"q and k have shapes {tuple(q.shape)} and {tuple(k.shape)}; their last axes must be equal")
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / q.shape[-1] ** 0.5
    weights = _softmax_over_keys(scores, mask)
    return ops.matmul(weights, v), weights


@on_tensors(x=3, context=3, w_q=2, w_k=2, w_v=2, w_o=2, mask=None)
@validate(num_heads=whole(1))
def multi_head_attention(x, context, w_q, w_k, w_v, w_o, *, num_heads, mask=None) -> tuple[Tensor, Tensor]:
    """Multi-head attention: H heads of width D = C / H attend side by side, and one matrix mixes their outputs.

    Takes x `(B, T, C)` and context `(B, N, E)`; returns y `(B, T, C)` and the weights `(B, H, T, N)`:

        head_h = attention(x W_q[h], context W_k[h], context W_v[h]),  y = concat(head_1, ..., head_H) W_o

    where W_q[h] are the columns h D to (h + 1) D of W_q. Self-attention has context = x.

    Args:
        x: the positions that ask.
        context: the positions that x looks at.
        w_q, w_k, w_v, w_o: matrices `(C, C)`, `(E, C)`, `(E, C)` and `(C, C)`.
        num_heads: number H of heads; it must divide C.
        mask: as in `additive_attention`.

    Returns:
        (y, weights).

    Raises:
        ValueError: the shapes do not fit each other, or `num_heads` does not divide C.

    Differences from the paper: no biases.

    References:
        Attention Is All You Need, Vaswani et al., 2017, section 3.2.2, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras import ops
        >>> from keras_course.attention import multi_head_attention
        >>> x, eye = ops.ones((1, 3, 4)), ops.eye(4)
        >>> y, weights = multi_head_attention(x, x, eye, eye, eye, eye, num_heads=2)
        >>> y.shape == (1, 3, 4), weights.shape == (1, 2, 3, 3)
        (True, True)
    """
    width, num_heads = x.shape[-1], int(num_heads)
    if width % num_heads:
        raise ValueError(f"num_heads={num_heads} must divide the width {width} of x")
    for name, inputs, matrix in (("w_q", x, w_q), ("w_k", context, w_k), ("w_v", context, w_v), ("w_o", x, w_o)):
        if matrix.shape != (inputs.shape[-1], width):
            raise ValueError(f"{name} has shape {tuple(matrix.shape)}; it must be ({inputs.shape[-1]}, {width})")
    q, k, v = ops.matmul(x, w_q), ops.matmul(context, w_k), ops.matmul(context, w_v)
    heads = [
        scaled_dot_attention(*parts, mask=mask)
        for parts in zip(*(ops.split(t, num_heads, axis=-1) for t in (q, k, v)), strict=True)
    ]
    outputs, weights = zip(*heads, strict=True)
    return ops.matmul(ops.concatenate(outputs, axis=-1), w_o), ops.stack(weights, axis=1)


def _check_keys(q, k, v):
    if k.shape[:2] != v.shape[:2] or q.shape[0] != k.shape[0]:
        shapes = [tuple(x.shape) for x in (q, k, v)]
        raise ValueError(f"q, k and v have shapes {shapes}: all need the same batch, and k and v as many positions")


def _softmax_over_keys(scores, mask):
    """Return the softmax of each row over the keys that the mask allows; a row without such a key is 0."""
    if mask is None:
        return softmax(scores)
    kind, shape, target = keras.backend.standardize_dtype(mask.dtype), tuple(mask.shape), tuple(scores.shape)
    sizes = zip(shape[::-1], target[::-1], strict=False)
    if kind != "bool" or len(shape) > 3 or any(n not in (1, size) and None not in (n, size) for n, size in sizes):
        raise ValueError(f"mask must be booleans that broadcast to (B, T, N) = {target}, got {kind} {shape}")
    return ops.where(mask, softmax(ops.where(mask, scores, -1e30)), 0.0)
