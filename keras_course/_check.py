"""Checks of arguments that many functions share."""

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


def as_floats(name, value):
    """Return an argument as a float64 array; raise a ValueError with its name where it holds something else."""
    try:
        if np.iscomplexobj(value):
            raise ValueError("it holds complex ones")
        return np.asarray(value, "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error


def as_points(x):
    """Return x as a float64 array (N, D); raise a ValueError if it has another rank, no row, or no finite numbers."""
    x = as_floats("x", x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be (N, D), one row a point, with at least one of each")
    if not np.isfinite(x).all():
        raise ValueError(f"x has {np.sum(~np.isfinite(x))} entries that are not finite (NaN or infinity)")
    return x


def positions(argnums, count):
    """Return the positions of arguments to differentiate as a tuple; a ValueError where a call of `count` has none."""
    picked = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(isinstance(i, int) and -count <= i < count for i in picked):
        raise ValueError(
            f"argnums={argnums!r} must be the position of an argument, or a tuple of them; there are {count}"
        )
    return picked


def tuples(**arguments):
    """Raise a TypeError for the first argument that is no tuple (or list) of a function's arguments."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list):
            raise TypeError(
                f"{name} must be a tuple with an entry for each argument, (x,) for one: not {type(value).__name__}"
            )


def jacobian_of(argnums, mode):
    """Raise a ValueError if a Jacobian is asked for by more than one argument, or in an unknown mode."""
    one_of(("reverse", "forward"), mode=mode)
    if not isinstance(argnums, int):
        raise ValueError(f"argnums={argnums!r} must be the position of a single argument")


def one_array(y):
    """Return what a function of a Jacobian returns; a TypeError where it is several arrays."""
    if isinstance(y, list | tuple | dict):
        raise TypeError(f"a Jacobian is that of one array: fn returns a {type(y).__name__}; join arrays with stack")
    return y
