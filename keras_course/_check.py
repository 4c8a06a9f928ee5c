"""Checks of arguments that many functions share."""

import math
import numbers

import numpy as np


def whole_number(lowest, **arguments):
    """Raise a ValueError for the first argument that is no integer of at least `lowest`."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
            raise ValueError(f"{name}={value!r} must be a whole number, at least {lowest}")


def positions(argnums, count):
    """Return the positions of arguments to differentiate as a tuple; a ValueError where a call of `count` has none."""
    picked = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) and -count <= i < count for i in picked):
        raise ValueError(f"argnums={argnums!r} must be the position of an argument, or a tuple of them; there are {count}")
    return picked


def tuples(**arguments):
    """Raise a TypeError for the first argument that is no tuple (or list) of a function's arguments."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list):
            raise TypeError(f"{name} must be a tuple with an entry for each argument, (x,) for one: not {type(value).__name__}")


def positive(**arguments):
    """Raise a ValueError for the first argument that is no finite number above 0."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 < value < math.inf):
            raise ValueError(f"{name}={value!r} must be a finite number above 0")


def not_negative(**arguments):
    """Raise a ValueError for the first argument that is no finite number of at least 0."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 <= value < math.inf):
            raise ValueError(f"{name}={value!r} must be a finite number, at least 0")


def fraction(**arguments):
    """Raise a ValueError for the first argument that is no number in [0, 1), such as a momentum."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 <= value < 1):
            raise ValueError(f"{name}={value!r} must be in [0, 1)")


def is_number(value):
    """Return whether a value is a real number of Python or NumPy: neither a string nor an array, nor true or false."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
