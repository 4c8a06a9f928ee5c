"""Checks of one-dimensional data. Notation: x (N,) inputs, y (N,) targets."""

import numpy as np

from keras_course._check import as_floats


def as_numbers(name, values):
    """Return N finite numbers, `(N,)` or `(N, 1)`, as a float64 array (N,), or raise a ValueError."""
    values = as_floats(name, values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; it must be (N,) or (N, 1), with at least one number")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has {np.sum(~np.isfinite(values))} entries that are not finite (NaN or infinity)")
    return values


def as_pairs(x, y):
    """Return x and y as float64 arrays (N,), or raise a ValueError."""
    x, y = as_numbers("x", x), as_numbers("y", y)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} numbers and y {len(y)}; each input needs one target")
    return x, y
