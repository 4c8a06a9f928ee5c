"""Checks of points and labels. Notation: x (N, D) points, y (N,) class numbers in 0..K-1."""

import numpy as np

from keras_course.checks import as_floats, as_points


def as_labeled(x, y, num_classes=None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return x as by `as_points`, y as an integer array (N,), and the number K of classes, each of which occurs.

    Raises:
        ValueError: the lengths differ, a label is not a whole number from 0 on, or a class has no point.
    """
    x, y = as_points(x), as_floats("y", y)
    if y.shape != x.shape[:1]:
        raise ValueError(f"y has shape {y.shape}; x of shape {x.shape} needs one label a row, {x.shape[:1]}")
    if not np.isfinite(y).all() or (y != np.floor(y)).any() or y.min() < 0:
        raise ValueError(f"y has the values {np.unique(y)}; labels must be the whole numbers 0, 1, ..., K - 1")
    y = y.astype(int)
    classes = np.unique(y)
    if len(classes) < 2 or classes[-1] != len(classes) - 1:
        raise ValueError(f"y has the classes {classes}; labels must be 0, 1, ..., K - 1, each with a point, K >= 2")
    if num_classes not in (None, len(classes)):
        raise ValueError(f"y has the classes {classes}; labels must be 0 to {num_classes - 1}")
    return x, y, len(classes)
