"""Checks of arrays."""

import numpy as np


def as_floats(name, value):
    """Return an argument as a float64 array; raise a ValueError with its name where it holds something else."""
    try:
        if np.iscomplexobj(value):
            raise ValueError("it holds complex ones")
        return np.asarray(value, "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error


def as_array(name, value):
    """Return examples as an array `(N, ...)`; raise a ValueError where they are no array of numbers.

    Lists and pandas objects become arrays here, once: a pandas object would be indexed by label instead of position.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    if array.ndim < 1 or array.dtype.kind not in "biufcV":
        raise ValueError(f"{name} must be an array (N, ...) of numbers; it has shape {array.shape}, type {array.dtype}")
    return array


def as_points(x):
    """Return x as a float64 array (N, D); raise a ValueError if it has another rank, no row, or no finite numbers."""
    x = as_floats("x", x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be (N, D), one row a point, with at least one of each")
    if not np.isfinite(x).all():
        raise ValueError(f"x has {np.sum(~np.isfinite(x))} entries that are not finite (NaN or infinity)")
    return x
