"""Boxes: their formats, their overlap, and the offsets between two of them.

Notation: a box is (x1, y1, x2, y2), its left, upper, right and lower border in pixels; x points to the right and y
down. Its width is w = x2 - x1, its height h = y2 - y1, and its center (c_x, c_y). A and B are boxes.
"""

import math

from keras import ops

from keras_course.checks import choice, flag, validate, wholes
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor

FORMATS = ("xyxy", "xywh", "cxcywh")
LARGEST = math.log(1000 / 16)  # of the logarithm of a ratio of sizes, so that an exponential stays finite
TINY = 1e-7


def check_boxes(**tensors) -> None:
    """Raise a ValueError for the first tensor whose last axis does not hold four numbers."""
    for name, boxes in tensors.items():
        if not len(boxes.shape) or boxes.shape[-1] != 4:
            raise ValueError(f"{name} has shape {tuple(boxes.shape)}; its last axis must hold the 4 numbers of a box")


@on_tensors(boxes=None)
@validate(source=choice(*FORMATS), target=choice(*FORMATS))
def convert_boxes(boxes, source, target) -> Tensor:
    """Return boxes in another format.

    Args:
        boxes: (..., 4).
        source, target: "xyxy", the four borders; "xywh", the upper left corner with width and height, as in COCO; or
            "cxcywh", the center with width and height, as in YOLO.

    Returns:
        A tensor (..., 4).

    Raises:
        ValueError: a format is unknown, or the last axis does not hold four numbers.

    Example:
        >>> from keras_course.vision import convert_boxes
        >>> [float(part) for part in convert_boxes([10.0, 20.0, 30.0, 60.0], "xyxy", "cxcywh")]
        [20.0, 40.0, 20.0, 40.0]
    """
    check_boxes(boxes=boxes)
    first, second = boxes[..., :2], boxes[..., 2:]
    if source == "xyxy":
        corner, size = first, second - first
    else:
        corner, size = (first if source == "xywh" else first - second / 2), second
    start, end = {
        "xyxy": (corner, corner + size),
        "xywh": (corner, size),
        "cxcywh": (corner + size / 2, size),
    }[target]
    return ops.concatenate([start, end], axis=-1)


@on_tensors(boxes=None)
def box_area(boxes) -> Tensor:
    """Return the areas (...) of boxes (..., 4); a box whose borders are in the wrong order has the area 0.

    Raises:
        ValueError: the last axis does not hold four numbers.

    Example:
        >>> from keras_course.vision import box_area
        >>> float(box_area([10.0, 20.0, 30.0, 60.0]))
        800.0
    """
    check_boxes(boxes=boxes)
    size = ops.relu(boxes[..., 2:] - boxes[..., :2])
    return size[..., 0] * size[..., 1]


@on_tensors(boxes=None, others=None)
@validate(pairwise=flag)
def box_iou(boxes, others, *, pairwise=True) -> Tensor:
    """Return the intersection over union (IoU) of boxes, from 0 to 1.

    It is the area that two boxes share, relative to the area that they cover together:

        IoU(A, B) = area of A and B / area of A or B

    Args:
        boxes: (..., N, 4).
        others: (..., M, 4).
        pairwise: whether each box meets each other one. Otherwise, both tensors have the shape (..., 4), and box i
            meets the other box i.

    Returns:
        A tensor (..., N, M), or (...) if not `pairwise`.

    Raises:
        ValueError: the last axis does not hold four numbers, or there is no axis of boxes.

    Example:
        >>> from keras_course.vision import box_iou
        >>> box_iou([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]]).shape == (1, 2)
        True
        >>> round(float(box_iou([0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], pairwise=False)), 4)
        0.3333
    """
    boxes, others = _pairs(boxes, others, pairwise)
    shared, union = _overlap(boxes, others)
    return shared / ops.maximum(union, TINY)


@on_tensors(boxes=None, others=None)
@validate(pairwise=flag)
def generalized_iou(boxes, others, *, pairwise=True) -> Tensor:
    """Return the generalized IoU of boxes, from -1 to 1; its gradient does not vanish where boxes do not overlap.

    It subtracts how much of the smallest box C that holds both is covered by neither:

        GIoU(A, B) = IoU(A, B) - (area of C - area of A or B) / area of C

    Arguments and shapes are as in `box_iou`.

    Args:
        boxes: (..., N, 4).
        others: (..., M, 4).
        pairwise: whether each box meets each other one.

    Returns:
        A tensor (..., N, M), or (...) if not `pairwise`.

    Raises:
        ValueError: the last axis does not hold four numbers, or there is no axis of boxes.

    References:
        Generalized Intersection over Union: A Metric and A Loss for Bounding Box Regression, Rezatofighi et al., 2019,
        https://arxiv.org/abs/1902.09630

    Example:
        >>> from keras_course.vision import generalized_iou
        >>> round(float(generalized_iou([0.0, 0.0, 1.0, 1.0], [2.0, 0.0, 3.0, 1.0], pairwise=False)), 4)
        -0.3333
    """
    boxes, others = _pairs(boxes, others, pairwise)
    shared, union = _overlap(boxes, others)
    low, high = ops.minimum(boxes[..., :2], others[..., :2]), ops.maximum(boxes[..., 2:], others[..., 2:])
    hull = box_area(ops.concatenate([low, high], axis=-1))
    return shared / ops.maximum(union, TINY) - (hull - union) / ops.maximum(hull, TINY)


def _pairs(boxes, others, pairwise):
    check_boxes(boxes=boxes, others=others)
    if not pairwise:
        return boxes, others
    for name, tensor in (("boxes", boxes), ("others", others)):
        if len(tensor.shape) < 2:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; pairwise=True needs (..., N, 4)")
    return boxes[..., :, None, :], others[..., None, :, :]


def _overlap(boxes, others):
    """Return the areas of intersection and union."""
    low, high = ops.maximum(boxes[..., :2], others[..., :2]), ops.minimum(boxes[..., 2:], others[..., 2:])
    shared = box_area(ops.concatenate([low, high], axis=-1))
    return shared, box_area(boxes) + box_area(others) - shared


@on_tensors(boxes=None)
@validate(image_shape=wholes(1))
def clip_boxes(boxes, image_shape) -> Tensor:
    """Return boxes (..., 4) without the parts that lie outside an image of the shape (H, W) or (H, W, C).

    Raises:
        ValueError: the last axis does not hold four numbers, or `image_shape` has not two or three entries.

    Example:
        >>> from keras_course.vision import clip_boxes
        >>> [float(part) for part in clip_boxes([-5.0, 2.0, 90.0, 30.0], (20, 40))]
        [0.0, 2.0, 40.0, 20.0]
    """
    check_boxes(boxes=boxes)
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be (height, width)")
    height, width = image_shape[:2]
    limits = ops.convert_to_tensor([width, height, width, height], dtype=boxes.dtype)
    return ops.minimum(ops.relu(boxes), limits)


@on_tensors(boxes=None, anchors=None)
def encode_offsets(boxes, anchors) -> Tensor:
    """Return what moves anchors to boxes: the targets of the regression in a detector with anchors.

    For a box with the center (c_x, c_y) and the size (w, h), and an anchor with the center (a_x, a_y) and the size
    (a_w, a_h), the offsets are:

        t = ((c_x - a_x) / a_w, (c_y - a_y) / a_h, ln(w / a_w), ln(h / a_h))

    Shifts are relative to the size, and sizes are logarithms, so a large and a small object weigh alike.

    Args:
        boxes: (..., 4).
        anchors: (..., 4).

    Returns:
        A tensor (..., 4).

    Raises:
        ValueError: the last axis does not hold four numbers.

    References:
        Rich feature hierarchies for accurate object detection and semantic segmentation, Girshick et al., 2014,
        appendix C, https://arxiv.org/abs/1311.2524

    Example:
        >>> from keras_course.vision import encode_offsets
        >>> [round(float(part), 3) for part in encode_offsets([2.0, 0.0, 12.0, 10.0], [0.0, 0.0, 10.0, 10.0])]
        [0.2, 0.0, 0.0, 0.0]
    """
    check_boxes(boxes=boxes, anchors=anchors)
    boxes, anchors = convert_boxes(boxes, "xyxy", "cxcywh"), convert_boxes(anchors, "xyxy", "cxcywh")
    anchors = ops.cast(anchors, boxes.dtype)
    sizes = ops.maximum(anchors[..., 2:], TINY)
    shift = (boxes[..., :2] - anchors[..., :2]) / sizes
    return ops.concatenate([shift, ops.log(ops.maximum(boxes[..., 2:], TINY) / sizes)], axis=-1)


@on_tensors(offsets=None, anchors=None)
def decode_offsets(offsets, anchors) -> Tensor:
    """Return the boxes (..., 4) to which offsets (..., 4) move anchors (..., 4); the inverse of `encode_offsets`.

    A box is at most 62.5 times as wide or high as its anchor.

    Raises:
        ValueError: the last axis does not hold four numbers.

    Example:
        >>> from keras_course.vision import decode_offsets
        >>> [round(float(part), 4) for part in decode_offsets([0.2, 0.0, 0.0, 0.0], [0.0, 0.0, 10.0, 10.0])]
        [2.0, 0.0, 12.0, 10.0]
    """
    check_boxes(offsets=offsets, anchors=anchors)
    anchors = ops.cast(convert_boxes(anchors, "xyxy", "cxcywh"), offsets.dtype)
    center = anchors[..., :2] + offsets[..., :2] * anchors[..., 2:]
    size = anchors[..., 2:] * ops.exp(ops.minimum(offsets[..., 2:], LARGEST))
    return convert_boxes(ops.concatenate([center, size], axis=-1), "cxcywh", "xyxy")
