"""Checks of points and labels. Notation: x (N, D) points, y (N,) class numbers in 0..K-1."""

import numpy as np


def as_points(x):
    """Return x as a float64 array (N, D); raise a ValueError if it has another rank, no row, or no finite numbers."""
    x = as_floats("x", x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be (N, D), one row a point, with at least one of each")
    if not np.isfinite(x).all():
        raise ValueError(f"x has {np.sum(~np.isfinite(x))} entries that are not finite (NaN or infinity)")
    return x


def as_labelled(x, y, num_classes=None):
    """Return x as by `as_points`, y as an integer array (N,), and the number K of classes, each of which occurs.

    Raises:
        ValueError: the lengths differ, a label is no whole number from 0 on, or a class has no point.
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


def as_floats(name, value):
    """Return an argument as a float64 array; raise a ValueError with its name where it holds something else."""
    try:
        return np.asarray(value, "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
