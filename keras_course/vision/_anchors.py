"""Anchors: boxes of fixed sizes at all positions of a grid, and which object each one belongs to.

Notation: an image of H x W pixels, a feature map with the stride s, A anchors at each position of it.
"""

import math

import numpy as np

from keras_course.checks import as_floats, finite, number, validate, whole, wholes, within


def _positive_numbers(**arguments):
    for name, values in arguments.items():
        if not isinstance(values, tuple | list) or not values:
            raise ValueError(f"{name}={values!r} must be a tuple of numbers, at least one")
        number(above=0, **{f"{name}[{i}]": value for i, value in enumerate(values)})


@validate(image_shape=wholes(1), stride=whole(1))
def grid_centers(image_shape, stride) -> np.ndarray:
    """Return the centers (x, y) in pixels of the positions of a feature map, row by row.

    Args:
        image_shape: (H, W) or (H, W, C).
        stride: s, pixels between two positions.

    Returns:
        An array (rows columns, 2) of float32, with H / s rows and W / s columns, both rounded up.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> from keras_course.vision import grid_centers
        >>> grid_centers((16, 16), 8).tolist()
        [[4.0, 4.0], [12.0, 4.0], [4.0, 12.0], [12.0, 12.0]]
    """
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be (height, width)")
    y, x = (stride * (np.arange(math.ceil(side / stride)) + 0.5) for side in image_shape[:2])
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype("float32")


@validate(sizes=_positive_numbers, ratios=_positive_numbers)
def anchor_boxes(image_shape, stride, *, sizes, ratios=(0.5, 1.0, 2.0)) -> np.ndarray:
    """Return the anchors of a feature map: at each position a box for each size and each ratio.

    An anchor of size a and ratio r has the area a^2 and the height r times the width: w = a / sqrt(r), h = a sqrt(r).

    Args:
        image_shape: (H, W) or (H, W, C).
        stride: s, pixels between two positions.
        sizes: roots of the areas, in pixels.
        ratios: of height to width.

    Returns:
        An array (rows columns A, 4) of float32; the A anchors of a position stand together.

    Raises:
        ValueError: a number is out of its range.

    References:
        Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks, Ren et al., 2015,
        https://arxiv.org/abs/1506.01497

    Example:
        >>> from keras_course.vision import anchor_boxes
        >>> anchors = anchor_boxes((16, 16), 8, sizes=(8, 16), ratios=(1.0,))
        >>> anchors.shape, anchors[0].tolist()
        ((8, 4), [0.0, 0.0, 8.0, 8.0])
    """
    centers = grid_centers(image_shape, stride)[:, None]
    half = np.array([(a / r**0.5, a * r**0.5) for a in sizes for r in ratios]) / 2
    return np.concatenate([centers - half, centers + half], axis=-1).reshape(-1, 4).astype("float32")


@validate(positive=within(above=0, at_most=1), negative=within(at_least=0, at_most=1))
def match_anchors(anchors, boxes, *, positive=0.5, negative=0.4) -> np.ndarray:
    """Return for each anchor the index of its object, -1 for background, and -2 where the loss leaves it out.

    An anchor belongs to the object with which its IoU is largest, if that is at least `positive`; below `negative` it
    is background. So that no object is left without an anchor, the best anchor of each object belongs to it.

    Args:
        anchors: (N, 4).
        boxes: (K, 4), the objects of an image; K may be 0.
        positive, negative: thresholds of the IoU.

    Returns:
        An array (N,) of int32.

    Raises:
        ValueError: shapes do not fit, borders are in the wrong order, a number is not finite, or `negative` is above
            `positive`.

    Example:
        >>> from keras_course.vision import match_anchors
        >>> anchors = [[0, 0, 8, 8], [0, 0, 9, 8], [30, 30, 38, 38], [5, 0, 13, 8]]
        >>> match_anchors(anchors, [[0, 0, 8, 8]]).tolist()
        [0, 0, -1, -1]
    """
    if negative > positive:
        raise ValueError(f"negative={negative} must be at most positive={positive}")
    anchors, boxes = as_boxes("anchors", anchors), as_boxes("boxes", boxes)
    found = np.full(len(anchors), -1, "int32")
    if not len(boxes):
        return found
    overlap = pairwise_iou(anchors, boxes)
    best = overlap.max(axis=1)
    found = np.where(best >= positive, overlap.argmax(axis=1), np.where(best < negative, -1, -2)).astype("int32")
    found[overlap.argmax(axis=0)] = np.arange(len(boxes))
    return found


def as_boxes(name, value) -> np.ndarray:
    """Return boxes as a float64 array (K, 4), or raise a ValueError; K may be 0."""
    boxes = as_floats(name, value)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 and boxes.ndim <= 2 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} has shape {boxes.shape}; it must be (K, 4)")
    finite(**{name: boxes})
    wrong = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))
    if len(wrong):
        raise ValueError(
            f"{name}[{wrong[0]}]={boxes[wrong[0]].tolist()} must be (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2"
        )
    return boxes


def pairwise_iou(boxes, others) -> np.ndarray:
    """Return the IoU (N, M) of boxes in NumPy."""
    low, high = np.maximum(boxes[:, None, :2], others[None, :, :2]), np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(part[:, 2:] - part[:, :2], axis=-1) for part in (boxes, others)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-12)
