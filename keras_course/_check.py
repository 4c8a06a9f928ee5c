"""Checks of arguments that many functions share."""

import math

import numpy as np


def whole_number(lowest, **arguments):
    """Raise a ValueError for the first argument that is no integer of at least `lowest`."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
            raise ValueError(f"{name}={value!r} must be a whole number, at least {lowest}")


def number(*, above=-math.inf, at_least=-math.inf, **arguments):
    """Raise a ValueError for the first argument that is no finite number, or not in the range that is allowed."""
    for name, value in arguments.items():
        real = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.complexfloating)
        if not real or not math.isfinite(value) or not value > above or not value >= at_least:
            bound = f" above {above}" if above > -math.inf else f", at least {at_least}" if at_least > -math.inf else ""
            raise ValueError(f"{name}={value!r} must be a finite number{bound}")


def as_points(x):
    """Return x as a float64 array (N, D); raise a ValueError if it has another rank, no row, or no finite numbers."""
    x = np.asarray(x, "float64")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be (N, D), one row a point, with at least one of each")
    if not np.isfinite(x).all():
        raise ValueError(f"x has {np.sum(~np.isfinite(x))} entries that are not finite (NaN or infinity)")
    return x
