"""Regions of interest (RoI): features of one size for boxes of any size.

Notation: features f (B, H, W, C), boxes (B, N, 4) in the unit of a feature's pixel; P bins on each side of a box. The
feature f[i, j] belongs to the point (x, y) = (j + 1/2, i + 1/2).
"""

from keras import ops

from keras_course.checks import validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor
from keras_course.vision._boxes import check_boxes


def _check(features, boxes):
    check_boxes(boxes=boxes)
    if features.shape[0] != boxes.shape[0]:
        raise ValueError(f"boxes has {boxes.shape[0]} examples, and features has {features.shape[0]}")


@on_tensors(features=4, boxes=3)
@validate(size=whole(1, 100), samples=whole(1, 16))
def roi_align(features, boxes, size=7, *, samples=2) -> Tensor:
    """Return the mean of bilinear interpolations in each bin of each box: RoIAlign.

    Each of the P x P bins has `samples` x `samples` points on a regular grid. Bilinear interpolation is a product of a
    function of y and a function of x, so the result is a product of two matrices with the features:

        out[p, q] = sum_i sum_j Y[p, i] f[i, j] X[q, j],  Y[p, i] = mean over y in bin p of max(0, 1 - |y - 1/2 - i|)

    No coordinate is rounded, so the result is exact where the features are a linear function of x and y.

    Args:
        features: (B, H, W, C).
        boxes: (B, N, 4), in pixels of the features: pixels of the image divided by the stride.
        size: P.
        samples: points along each side of a bin.

    Returns:
        A tensor (B, N, P, P, C). Points beyond the centers of the outer pixels get the value of the nearest one.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.

    Differences from the paper:
        Points far outside the features count as their border, and not as zero.

    References:
        Mask R-CNN, He et al., 2017, https://arxiv.org/abs/1703.06870

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import roi_align
        >>> ramp = np.tile(np.arange(8.0)[None, None, :, None] + 0.5, (1, 8, 1, 1))     # f = x
        >>> [float(value) for value in roi_align(ramp, [[[1.0, 1.0, 5.0, 5.0]]], 2)[0, 0, 0, :, 0]]  # centers of bins
        [2.0, 4.0]
    """
    _check(features, boxes)
    rows = _weights(boxes[..., 1], boxes[..., 3], features.shape[1], size, samples, features.dtype)
    columns = _weights(boxes[..., 0], boxes[..., 2], features.shape[2], size, samples, features.dtype)
    along = ops.einsum("bnpi,bijc->bnpjc", rows, features)
    return ops.einsum("bnqj,bnpjc->bnpqc", columns, along)


def _weights(low, high, length, size, samples, dtype):
    """Return the weights (B, N, P, length) of the pixels along one axis for each bin."""
    low, high = (ops.cast(side, "float32")[..., None] for side in (low, high))
    steps = (ops.arange(size * samples, dtype="float32") + 0.5) / (size * samples)
    points = ops.clip(low + (high - low) * steps - 0.5, 0.0, length - 1.0)  # (B, N, P samples)
    away = ops.abs(points[..., None] - ops.arange(length, dtype="float32"))
    hats = ops.relu(1.0 - away)
    hats = ops.reshape(hats, (*ops.shape(hats)[:2], size, samples, length))
    return ops.cast(ops.mean(hats, axis=3), dtype)


@on_tensors(features=4, boxes=3)
@validate(size=whole(1, 100))
def roi_pool(features, boxes, size=7) -> Tensor:
    """Return the maximum in each bin of each box, after box and bins are rounded to whole pixels: RoI pooling.

    It is what RoIAlign replaced: rounding moves features by up to a pixel, which is many pixels of the image.

    Args:
        features: (B, H, W, C).
        boxes: (B, N, 4), in pixels of the features.
        size: P.

    Returns:
        A tensor (B, N, P, P, C); a bin without a pixel is 0.

    Raises:
        ValueError: shapes do not fit, or `size` is out of range.

    References:
        Fast R-CNN, Girshick, 2015, https://arxiv.org/abs/1504.08083

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import roi_pool
        >>> ramp = np.tile(np.arange(8.0)[None, None, :, None] + 0.5, (1, 8, 1, 1))     # f = x
        >>> [float(value) for value in roi_pool(ramp, [[[1.0, 1.0, 5.0, 5.0]]], 2)[0, 0, 0, :, 0]]
        [2.5, 4.5]
    """
    _check(features, boxes)
    rows = _bins(boxes[..., 1], boxes[..., 3], features.shape[1], size)
    columns = _bins(boxes[..., 0], boxes[..., 2], features.shape[2], size)
    lowest = ops.cast(-1e30, features.dtype)
    along = ops.where(rows[..., None, None], features[:, None, None], lowest)  # (B, N, P, H, W, C)
    along = ops.max(along, axis=3)[:, :, :, None]  # (B, N, P, 1, W, C)
    out = ops.max(ops.where(columns[:, :, None, :, :, None], along, lowest), axis=4)
    return ops.where(out > lowest / 2, out, ops.zeros_like(out))


def _bins(low, high, length, size):
    """Return which pixels (B, N, P, length) of one axis belong to each bin, after rounding."""
    low, high = ops.floor(ops.cast(low, "float32") + 0.5), ops.floor(ops.cast(high, "float32") + 0.5)
    step = ops.maximum(high - low, 1.0)[..., None] / size
    edges = ops.arange(size, dtype="float32") * step + low[..., None]  # (B, N, P)
    first, last = ops.floor(edges + 1e-4), ops.ceil(edges + step - 1e-4)
    pixels = ops.arange(length, dtype="float32")
    return ops.logical_and(pixels >= first[..., None], pixels < last[..., None])
