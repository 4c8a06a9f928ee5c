"""From boxes and probabilities to objects, and from annotations to targets: what all detectors share.

Notation: A boxes of an image that a network predicts, C classes, at most K true objects.
"""

import functools

import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_floats, as_real, finite, validate, whole, within
from keras_course.vision._anchors import as_boxes
from keras_course.vision._average_precision import Objects
from keras_course.vision._suppression import start_suppression, suppression_step


def box_targets(boxes, classes) -> np.ndarray:
    """Return true objects as one array: the targets of a detector's loss.

    Args:
        boxes: (N, K, 4), borders in pixels; rows of padding may hold anything.
        classes: (N, K) integers, -1 for padding.

    Returns:
        An array (N, K, 5) of float32: the class, and then the box.

    Raises:
        ValueError: shapes do not fit, a box of an object is not finite, or its borders are in the wrong order.

    Example:
        >>> from keras_course.vision import box_targets
        >>> box_targets([[[1, 2, 5, 6], [0, 0, 0, 0]]], [[2, -1]]).tolist()
        [[[2.0, 1.0, 2.0, 5.0, 6.0], [-1.0, 0.0, 0.0, 0.0, 0.0]]]
    """
    boxes, classes = as_floats("boxes", boxes), as_real("classes", classes)
    if boxes.ndim != 3 or boxes.shape[-1] != 4 or classes.shape != boxes.shape[:2]:
        raise ValueError(
            f"boxes and classes have shapes {boxes.shape}, {classes.shape}; they must be (N, K, 4), (N, K)"
        )
    if not classes.size or classes.dtype.kind not in "iu" or classes.min() < -1:
        raise ValueError("classes must be integers of at least -1, for at least one object or row of padding")
    there = classes >= 0
    as_boxes("boxes", boxes[there])
    return np.concatenate([classes[..., None], np.where(there[..., None], boxes, 0)], axis=-1).astype("float32")


def true_objects(targets) -> list[Objects]:
    """Return the `Objects` of each image, from targets (N, K, 5) of `box_targets`.

    Raises:
        ValueError: the shape does not fit, or a number is not finite.

    Example:
        >>> from keras_course.vision import box_targets, true_objects
        >>> true_objects(box_targets([[[1, 2, 5, 6], [0, 0, 0, 0]]], [[2, -1]]))[0].classes.tolist()
        [2]
    """
    targets = as_floats("targets", targets)
    if targets.ndim != 3 or targets.shape[-1] != 5:
        raise ValueError(f"targets has shape {targets.shape}; it must be (N, K, 5), a class and a box")
    finite(targets=targets)
    there = targets[..., 0] >= 0
    return [Objects(row[mask, 1:], row[mask, 0].astype("int32")) for row, mask in zip(targets, there, strict=True)]


@validate(
    score_threshold=within(at_least=0, at_most=1),
    iou_threshold=within(at_least=0, at_most=1),
    max_objects=whole(1, 10_000),
)
def select_objects(boxes, probabilities, *, score_threshold=0.05, iou_threshold=0.5, max_objects=100) -> list[Objects]:
    """Return the `Objects` that are left of predicted boxes after a threshold and non-maximum suppression.

    Each box counts for the class with its highest probability, and boxes of different classes do not suppress each
    other.

    Args:
        boxes: (N, A, 4).
        probabilities: (N, A, C).
        score_threshold: smallest probability that is kept.
        iou_threshold: boxes of one class with a larger IoU are the same object.
        max_objects: most objects of an image.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or a threshold is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import select_objects
        >>> boxes = np.array([[[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]])
        >>> found = select_objects(boxes, [[[0.6, 0.1], [0.9, 0.0], [0.2, 0.7]]])[0]
        >>> found.classes.tolist(), found.scores.round(2).tolist()
        ([0, 1], [0.9, 0.7])
    """
    boxes, probabilities = as_floats("boxes", boxes), as_floats("probabilities", probabilities)
    if boxes.ndim != 3 or boxes.shape[-1] != 4 or not probabilities.size:
        raise ValueError(f"boxes has shape {boxes.shape}; it must be (N, A, 4)")
    if probabilities.ndim != 3 or probabilities.shape[:2] != boxes.shape[:2]:
        raise ValueError(f"probabilities has shape {probabilities.shape}; it must be (N, A, C), as boxes {boxes.shape}")
    finite(boxes=boxes, probabilities=probabilities)
    classes, scores = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    inputs = (ops.convert_to_tensor(part, "float32") for part in (boxes, scores, classes))
    loop = _compiled(float(score_threshold), float(iou_threshold), int(max_objects))
    *_, indices, kept = map(ops.convert_to_numpy, loop(start_suppression(*inputs, max_objects)))
    rows = [row[mask] for row, mask in zip(indices, kept, strict=True)]
    return [Objects(boxes[n, row], classes[n, row], scores[n, row]) for n, row in enumerate(rows)]


@functools.lru_cache(maxsize=16)
def _compiled(score_threshold, iou_threshold, max_boxes):
    """Return the compiled loop of `non_maximum_suppression`, which ends when no box is left."""

    def goes_on(state):
        return ops.logical_and(state[0] < max_boxes, ops.any(state[2] > score_threshold))

    return course_ops.jit_while(goes_on, suppression_step(iou_threshold, score_threshold))
