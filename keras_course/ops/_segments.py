"""Reductions over segments: rows of one tensor that carry the same id are summed, averaged, maximized or normalized.

Notation: data (E, ...) has E rows, ids (E,) names the segment 0..N-1 of each row, N = `num_segments`. A row with a
negative id belongs to no segment: this is how padding is left out. A segment without rows is zero.
"""

import keras
from keras import ops

from keras_course.checks.tensors import ids_below, on_tensors
from keras_course.ops._types import Tensor

_BACKEND = keras.config.backend()
if _BACKEND == "jax":
    import jax
elif _BACKEND == "tensorflow":
    import tensorflow as tf
else:
    import torch


@ids_below("num_segments", "ids")
@on_tensors(data=None, ids=1)
def segment_sum(data, ids, num_segments) -> Tensor:
    """Return the sum of the rows of each segment.

    Args:
        data: `(E, ...)`.
        ids: `(E,)` integers below `num_segments`; rows with a negative id are left out.
        num_segments: N, a whole number or an integer scalar.

    Returns:
        A tensor `(N, ...)`; zero for a segment without rows.

    Raises:
        ValueError: `data` and `ids` differ in length.

    Example:
        >>> from keras_course.ops import segment_sum
        >>> [float(y) for y in segment_sum([1.0, 2.0, 3.0, 4.0], [0, 0, 2, -1], 3)]
        [3.0, 0.0, 3.0]
    """
    _check_rows(ids, data=data)
    dtype = keras.backend.standardize_dtype(data.dtype)
    if dtype in ("float16", "bfloat16"):  # half precision would stop adding ones at 2,048 or at 256
        return ops.cast(segment_sum(ops.cast(data, "float32"), ids, num_segments), dtype)
    rows = _rows_of(ids, num_segments)
    shape = (num_segments + 1, *ops.shape(data)[1:])
    if _BACKEND == "torch":  # Keras's scatter_update sorts the rows, which takes three times as long
        return torch.zeros(shape, dtype=data.dtype, device=data.device).index_add(0, rows, data)[:-1]
    return ops.scatter_update(ops.zeros(shape, data.dtype), rows[:, None], data, reduction="add")[:-1]


@ids_below("num_segments", "ids")
@on_tensors(data=None, ids=1)
def segment_mean(data, ids, num_segments) -> Tensor:
    """Return the mean of the rows of each segment; arguments as in `segment_sum`, zero for a segment without rows.

    Example:
        >>> from keras_course.ops import segment_mean
        >>> [float(y) for y in segment_mean([1.0, 2.0, 3.0], [0, 0, 2], 3)]
        [1.5, 0.0, 3.0]
    """
    total = segment_sum(data, ids, num_segments)
    count = ops.reshape(segment_count(ids, num_segments), (-1,) + (1,) * (len(data.shape) - 1))
    return ops.divide(total, ops.cast(ops.maximum(count, ops.ones_like(count)), total.dtype))


@ids_below("num_segments", "ids")
@on_tensors(ids=1)
def segment_count(ids, num_segments) -> Tensor:
    """Return the number of rows of each segment, `(N,)` float32; arguments as in `segment_sum`.

    Example:
        >>> from keras_course.ops import segment_count
        >>> [float(y) for y in segment_count([0, 0, 2, -1], 3)]
        [2.0, 0.0, 1.0]
    """
    return segment_sum(ops.ones_like(ids, dtype="float32"), ids, num_segments)


@ids_below("num_segments", "ids")
@on_tensors(data=None, ids=1)
def segment_max(data, ids, num_segments) -> Tensor:
    """Return the maximum of the rows of each segment; arguments as in `segment_sum`, zero for a segment without rows.

    Example:
        >>> from keras_course.ops import segment_max
        >>> [float(y) for y in segment_max([-1.0, -2.0, 3.0], [0, 0, 2], 3)]
        [-1.0, 0.0, 3.0]
    """
    _check_rows(ids, data=data)
    largest = _largest(data, _rows_of(ids, num_segments), num_segments)
    if _BACKEND == "tensorflow":  # whose maximum forgets a NaN before a number
        lost = tf.math.unsorted_segment_sum(tf.cast(tf.math.is_nan(data), "int32"), ids, num_segments) > 0
        largest = tf.where(lost, tf.cast(float("nan"), largest.dtype), largest)
    return ops.where(largest == -float("inf"), ops.zeros_like(largest), largest)


@ids_below("num_segments", "ids")
@on_tensors(scores=None, ids=1)
def segment_softmax(scores, ids, num_segments) -> Tensor:
    """Return the softmax of the rows over each segment: positive numbers that sum to 1 in every segment.

        y_e = exp(s_e - m) / sum_{e' in the segment of e} exp(s_e' - m),  m = max_e' s_e'

    Args:
        scores: `(E, ...)`.
        ids: `(E,)` integers below `num_segments`; rows with a negative id get 0.
        num_segments: N, a whole number or an integer scalar.

    Returns:
        A tensor `(E, ...)`.

    Raises:
        ValueError: `scores` and `ids` differ in length.

    Example:
        >>> from keras_course.ops import segment_softmax
        >>> [float(y) for y in segment_softmax([5.0, 5.0, 1.0], [0, 0, 1], 2)]
        [0.5, 0.5, 1.0]
    """
    _check_rows(ids, scores=scores)
    largest = _largest(ops.stop_gradient(scores), _rows_of(ids, num_segments), num_segments)
    largest = ops.where(ops.isfinite(largest), largest, ops.zeros_like(largest))
    inside = ops.reshape(ids >= 0, (-1,) + (1,) * (len(scores.shape) - 1))
    shifted = ops.where(inside, ops.subtract(scores, ops.take(largest, ids, axis=0)), ops.zeros_like(scores))
    powers = ops.where(inside, ops.exp(shifted), ops.zeros_like(scores))
    totals = ops.take(segment_sum(powers, ids, num_segments), ids, axis=0)
    return ops.divide(powers, ops.where(inside, totals, ops.ones_like(totals)))


def _check_rows(ids, **rows):
    ((name, data),) = rows.items()
    if len(data.shape) < 1 or (None not in (data.shape[0], ids.shape[0]) and data.shape[0] != ids.shape[0]):
        raise ValueError(
            f"ids has shape {tuple(ids.shape)}; it must name a segment for each row of {name}, which has shape "
            f"{tuple(data.shape)}"
        )


def _rows_of(ids, num_segments):
    """Return the row of each id in an array with a row for each segment and a last one for negative ids."""
    kind = "int64" if _BACKEND == "torch" else "int32"
    ids = ops.cast(ids, kind)
    return ops.where(ids < 0, ops.cast(num_segments, kind), ids)


def _largest(data, rows, num_segments):
    """Return the maximum of each segment; -inf where there are no rows."""
    if _BACKEND == "jax":
        return jax.ops.segment_max(data, rows, num_segments + 1)[:-1]
    if _BACKEND == "tensorflow":
        lowest = tf.math.unsorted_segment_max(data, rows, num_segments + 1)[:-1]
        return tf.where(lowest == data.dtype.min, tf.cast(-float("inf"), data.dtype), lowest)
    shape = (num_segments + 1, *data.shape[1:])
    rows = rows.reshape(-1, *[1] * (data.ndim - 1)).expand(data.shape)
    empty = torch.full(shape, -float("inf"), dtype=data.dtype, device=data.device)
    return empty.scatter_reduce(0, rows, data, "amax")[:-1]
