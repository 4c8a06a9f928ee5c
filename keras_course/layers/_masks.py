"""Masks and biases of attention: their shapes, and how two become one.

Notation: q (B, T, H, D) queries; k, v (B, N, G, D) keys and values. A mask is true where a query may see a key; None
stands for a mask that is true everywhere, and for a bias of 0.
"""

import keras
from keras import ops

from keras_course.checks import validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


def both(mask, other) -> Tensor | None:
    """Return where both masks are true."""
    if mask is None or other is None:
        return other if mask is None else mask
    return ops.logical_and(mask, other)


def plus(bias, other) -> Tensor | None:
    """Return the sum of two biases."""
    if bias is None or other is None:
        return other if bias is None else bias
    return bias + other


@on_tensors(queries=1, keys=1)
def causal_mask(queries, keys) -> Tensor:
    """Return the mask under which a query sees the keys up to its own position.

    Args:
        queries, keys: positions `(T,)` of the queries and `(N,)` of the keys.

    Returns:
        Booleans `(1, 1, T, N)`, true where a query may see a key, as `attention` takes them.

    Raises:
        ValueError: an argument has not one axis.

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import causal_mask
        >>> ops.convert_to_numpy(causal_mask([2, 3], [0, 1, 2, 3])[0, 0]).astype(int).tolist()
        [[1, 1, 1, 0], [1, 1, 1, 1]]
    """
    return ops.less_equal(keys[None, :], queries[:, None])[None, None]


@on_tensors(queries=1, keys=1)
@validate(window=whole(1))
def window_mask(queries, keys, window=None) -> Tensor | None:
    """Return the mask of a sliding window: a query sees the keys at a distance below `window`, on both sides.

    Args:
        queries, keys: positions `(T,)` of the queries and `(N,)` of the keys.
        window: a distance; None hides no key.

    Returns:
        Booleans `(1, 1, T, N)`, true where a query may see a key, as `attention` takes them; None without a window.

    Raises:
        ValueError: an argument has not one axis, or `window` is not a whole number of at least 1.

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import window_mask
        >>> ops.convert_to_numpy(window_mask([2, 3], [0, 1, 2, 3], 2)[0, 0]).astype(int).tolist()
        [[0, 1, 1, 1], [0, 0, 1, 1]]
    """
    if window is None:
        return None
    distances = ops.abs(ops.subtract(queries[:, None], keys[None, :]))
    return (distances < window)[None, None]


def window_blocks(q, k, v, window) -> tuple[list[Tensor], Tensor]:
    """Cut sequences into blocks of W = `window` positions for causal attention in that window.

    The queries of a block see keys of their own block and of the one before. The first block has none before it and is
    left out.

    Returns:
        `([q, k, v], mask)`: q `(B n, W, H, D)`, k and v `(B n, 2 W, G, D)` for n blocks, the last one padded, and the
        mask `(1, 1, W, 2 W)` of each block.
    """
    steps = q.shape[1]
    padded = [ops.pad(x, [(0, 0), (0, -steps % window), (0, 0), (0, 0)]) for x in (q, k, v)]
    q, k, v = (ops.reshape(x, (-1, x.shape[1] // window, window, *x.shape[2:])) for x in padded)
    k, v = (ops.concatenate([x[:, :-1], x[:, 1:]], axis=2) for x in (k, v))
    blocks = [ops.reshape(x, (-1, *x.shape[2:])) for x in (q[:, 1:], k, v)]
    distances = window + ops.arange(window)[:, None] - ops.arange(2 * window)[None, :]
    return blocks, ops.logical_and(distances >= 0, distances < window)[None, None]


def four_axes(attention_mask) -> Tensor | None:
    """Return a mask `(B, N)`, `(B, T, N)` or `(B, H, T, N)` as one that broadcasts to `(B, H, T, N)`."""
    if attention_mask is None:
        return None
    mask = ops.convert_to_tensor(attention_mask)
    if len(mask.shape) not in (2, 3, 4):
        raise ValueError(f"attention_mask has shape {tuple(mask.shape)}; it must be (B, N), (B, T, N) or (B, H, T, N)")
    return {2: lambda: mask[:, None, None, :], 3: lambda: mask[:, None], 4: lambda: mask}[len(mask.shape)]()


def check_heads(q, k, v, mask, bias, causal, window) -> None:
    """Raise a ValueError where the shapes of the arguments of attention do not fit each other."""
    heads, groups = q.shape[2], k.shape[2]
    if not groups or heads % groups or v.shape[2] != groups or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"q, k and v have shapes {tuple(q.shape)}, {tuple(k.shape)} and {tuple(v.shape)}: k and v need the same "
            "number of heads, which divides the number of heads of q, and q and k the same width"
        )
    if not _fits(k.shape[:2], v.shape[:2]) or not _fits(q.shape[:1], k.shape[:1]):
        raise ValueError(f"k and v have shapes {tuple(k.shape)} and {tuple(v.shape)}; q has {tuple(q.shape)}")
    if (causal or window) and not _fits(q.shape[1:2], k.shape[1:2]):
        sizes = f"k has {k.shape[1]} and q has {q.shape[1]}"
        raise ValueError(f"causal={causal} and window={window} need as many keys as queries; {sizes}")
    full = (q.shape[0], heads, q.shape[1], k.shape[1])
    for name, given in {"mask": mask, "bias": bias}.items():
        if given is None:
            continue
        wanted = [m if n != 1 else 1 for n, m in zip(given.shape, full, strict=True)]
        if not _fits(wanted, given.shape):
            raise ValueError(f"{name} has shape {tuple(given.shape)}; it must broadcast to (B, H, T, N) = {full}")
    if mask is not None and keras.backend.standardize_dtype(mask.dtype) != "bool":
        raise ValueError(f"mask must be boolean, true where a query may see a key; its type is {mask.dtype}")


def _fits(shape, other):
    """Return whether two shapes are equal, as far as they are known."""
    return all(n == m or None in (n, m) for n, m in zip(shape, other, strict=True))
