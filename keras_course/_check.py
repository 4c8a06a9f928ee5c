"""Checks of arguments that many functions share."""

import numpy as np


def whole_number(lowest, **arguments):
    """Raise a ValueError for the first argument that is no integer of at least `lowest`."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
            raise ValueError(f"{name}={value!r} must be a whole number, at least {lowest}")
