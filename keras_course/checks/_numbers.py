"""Checks of numbers and choices."""

import math
import numbers

import numpy as np


def whole_number(lowest, **arguments):
    """Raise a ValueError for the first argument that is no integer of at least `lowest`."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
            raise ValueError(f"{name}={value!r} must be a whole number, at least {lowest}")


def number(*, above=-math.inf, at_least=-math.inf, **arguments):
    """Raise a ValueError for the first argument that is no finite number, or not in the range that is allowed."""
    for name, value in arguments.items():
        if not is_number(value) or not math.isfinite(value) or not value > above or not value >= at_least:
            bound = f" above {above}" if above > -math.inf else f", at least {at_least}" if at_least > -math.inf else ""
            raise ValueError(f"{name}={value!r} must be a finite number{bound}")


def positive(**arguments):
    """Raise a ValueError for the first argument that is no finite number above 0."""
    number(above=0, **arguments)


def not_negative(**arguments):
    """Raise a ValueError for the first argument that is no finite number of at least 0."""
    number(at_least=0, **arguments)


def fraction(**arguments):
    """Raise a ValueError for the first argument that is no number in [0, 1), such as a momentum."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 <= value < 1):
            raise ValueError(f"{name}={value!r} must be in [0, 1)")


def one_of(choices, **arguments):
    """Raise a ValueError for the first argument that is none of `choices`, and list these."""
    for name, value in arguments.items():
        if isinstance(value, bool) or value not in tuple(choices):
            raise ValueError(f"{name}={value!r} is none of {', '.join(map(repr, choices))}")


def is_number(value):
    """Return whether a value is a real number of Python or NumPy: neither a string nor an array, nor true or false."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
