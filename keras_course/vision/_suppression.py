"""Non-maximum suppression: of boxes that overlap, keep the one with the highest score.

Notation: N boxes with scores, of which at most M are kept; B examples in a batch. `plain_suppression` is the algorithm
as one explains it. `non_maximum_suppression` computes the same with tensors of fixed shapes, so that it compiles.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_course.checks import as_floats, finite, number, validate, whole, within
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor
from keras_course.vision._boxes import box_iou, check_boxes


def _finite_number(**arguments):
    number(**arguments)


@validate(iou_threshold=within(at_least=0, at_most=1))
def plain_suppression(boxes, scores, iou_threshold=0.5) -> list[int]:
    """Return the indices of the boxes that are kept, from the highest score down.

    Take the box with the highest score, drop all others whose IoU with it is above the threshold, and repeat with what
    is left.

    Args:
        boxes: (N, 4).
        scores: (N,).
        iou_threshold: from 0 to 1.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or the threshold is out of range.

    Example:
        >>> from keras_course.vision import plain_suppression
        >>> boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]
        >>> plain_suppression(boxes, [0.6, 0.9, 0.5])
        [1, 2]
    """
    boxes, scores = as_floats("boxes", boxes), as_floats("scores", scores)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise ValueError(f"boxes and scores have shapes {boxes.shape}, {scores.shape}; they must be (N, 4) and (N,)")
    finite(boxes=boxes, scores=scores)
    left, kept = list(np.argsort(-scores, kind="stable")), []
    while left:
        best = left.pop(0)
        kept.append(int(best))
        left = [other for other in left if _iou(boxes[best], boxes[other]) <= iou_threshold]
    return kept


def _iou(a, b):
    width, height = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(width, 0) * max(height, 0)
    union = np.prod(np.maximum(a[2:] - a[:2], 0)) + np.prod(np.maximum(b[2:] - b[:2], 0)) - shared
    return shared / max(union, 1e-7)


@on_tensors(boxes=None, scores=None, classes=None)
@validate(
    iou_threshold=within(at_least=0, at_most=1),
    score_threshold=_finite_number,
    max_boxes=whole(1, 10_000),
)
def non_maximum_suppression(
    boxes, scores, classes=None, *, iou_threshold=0.5, score_threshold=0.0, max_boxes=100
) -> tuple[Tensor, Tensor]:
    """Return which boxes of each example are kept, from the highest score down, as tensors of fixed shapes.

    The result equals `plain_suppression`, cut after `max_boxes`. All examples take each step together, and a step is a
    maximum over N scores and the IoU of one box with N others, so the memory grows with N and not with its square.

    Args:
        boxes: (B, N, 4).
        scores: (B, N).
        classes: (B, N) integers, or None. Boxes of different classes do not suppress each other.
        iou_threshold: a box is dropped if its IoU with a better one is above it, from 0 to 1.
        score_threshold: boxes with this score or a lower one are not kept.
        max_boxes: M.

    Returns:
        (indices (B, M) int32, kept (B, M) bool). Where `kept` is false, the index means nothing.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.

    Example:
        >>> from keras_course.vision import non_maximum_suppression
        >>> boxes = [[[0.0, 0.0, 10.0, 10.0], [1.0, 0.0, 11.0, 10.0], [20.0, 0.0, 30.0, 10.0]]]
        >>> indices, kept = non_maximum_suppression(boxes, [[0.6, 0.9, 0.5]], max_boxes=3)
        >>> [int(i) for i, ok in zip(indices[0], kept[0]) if ok]
        [1, 2]
    """
    check_boxes(boxes=boxes)
    if len(boxes.shape) != 3 or tuple(scores.shape) != tuple(boxes.shape[:2]):
        raise ValueError(
            f"boxes and scores have shapes {tuple(boxes.shape)}, {tuple(scores.shape)}; they must be (B, N, 4), (B, N)"
        )
    if classes is not None and tuple(classes.shape) != tuple(scores.shape):
        raise ValueError(f"classes has shape {tuple(classes.shape)}; it must be {tuple(scores.shape)}, as scores")
    step, start = suppression_step(iou_threshold, score_threshold), start_suppression(boxes, scores, classes, max_boxes)
    *_, indices, kept = ops.fori_loop(0, max_boxes, lambda _, state: step(state), start)
    return indices, kept


def start_suppression(boxes, scores, classes, max_boxes) -> tuple:
    """Return the state before the first step: (k, boxes, scores of those left, indices, kept)."""
    if classes is not None:
        extent = ops.max(boxes, axis=(1, 2), keepdims=True) - ops.min(boxes, axis=(1, 2), keepdims=True) + 1.0
        boxes = boxes + ops.cast(classes, boxes.dtype)[..., None] * extent  # so far apart that they do not overlap
    empty = ops.zeros((ops.shape(scores)[0], max_boxes), "int32")
    return ops.zeros((), "int32"), boxes, scores, empty, empty > 0


def suppression_step(iou_threshold, score_threshold) -> Callable[[tuple], tuple]:
    """Return the function from the state before a step to the state after it: one more box of each example is kept."""

    def step(state):
        k, boxes, left, indices, kept = state
        positions = ops.arange(left.shape[1], dtype="int32")
        best = ops.cast(ops.argmax(left, axis=1), "int32")[:, None]  # (B, 1)
        found = ops.take_along_axis(left, best, axis=1) > score_threshold
        overlap = box_iou(ops.take_along_axis(boxes, best[..., None], axis=1), boxes)[:, 0]  # (B, N)
        drop = ops.logical_or(overlap > iou_threshold, positions == best)
        left = ops.where(drop, ops.cast(-float("inf"), left.dtype), left)
        now = ops.arange(indices.shape[1], dtype="int32") == k
        kept = ops.logical_or(kept, ops.logical_and(now, found))
        return k + 1, boxes, left, ops.where(now, best, indices), kept

    return step
