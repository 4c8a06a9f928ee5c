"""Checks of numbers and choices."""

import math
import numbers
import os
import pathlib
from collections.abc import Mapping

import numpy as np

HIGHEST = 2**31 - 1  # what every backend holds: a size above it ends in an overflow, if not in an abort


def whole_number(lowest, *, at_most=HIGHEST, **arguments) -> None:
    """Raise a ValueError for the first argument that is not an integer from `lowest` to `at_most`."""
    for name, value in arguments.items():
        if not is_whole(value) or value < lowest:
            raise ValueError(f"{name}={value!r} must be a whole number, at least {lowest}")
        if value > at_most:
            raise ValueError(f"{name}={value!r} must be a whole number, at most {at_most}")


def numpy_seed(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a seed of NumPy's generators: these take any size."""
    whole_number(0, at_most=math.inf, **arguments)


def whole_numbers(lowest, *, length=None, **arguments) -> None:
    """Raise a ValueError for the first argument that is not a tuple or list of integers of at least `lowest`."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list):
            raise ValueError(f"{name}={value!r} must be a tuple of whole numbers, such as (1, 2)")
        if length is not None and len(value) != length:
            raise ValueError(f"{name}={value!r} must have {length} entries")
        whole_number(lowest, **{f"{name}[{i}]": part for i, part in enumerate(value)})


def number(*, above=-math.inf, at_least=-math.inf, at_most=math.inf, **arguments) -> None:
    """Raise a ValueError for the first argument that is not a finite number, or not in the range that is allowed."""
    for name, value in arguments.items():
        if not (is_number(value) and abs(value) < math.inf and above < value and at_least <= value <= at_most):
            bound = f" above {above}" if above > -math.inf else f", at least {at_least}" if at_least > -math.inf else ""
            bound += f", at most {at_most}" if at_most < math.inf else ""
            raise ValueError(f"{name}={value!r} must be a finite number{bound}")


def positive(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a finite number above 0."""
    number(above=0, **arguments)


def not_negative(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a finite number of at least 0."""
    number(at_least=0, **arguments)


def fraction(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a number in [0, 1), such as a momentum."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 <= value < 1):
            raise ValueError(f"{name}={value!r} must be in [0, 1)")


def between_0_and_1(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a number between 0 and 1, both excluded."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 < value < 1):
            raise ValueError(f"{name}={value!r} must lie between 0 and 1, both excluded")


def one_of(choices, **arguments) -> None:
    """Raise a ValueError for the first argument that is none of `choices`, and list these."""
    for name, value in arguments.items():
        # an array is compared entry by entry and a list cannot be looked up, so the type comes first
        if (
            not isinstance(value, str | int | np.integer | None)
            or isinstance(value, bool)
            or value not in tuple(choices)
        ):
            raise ValueError(f"{name}={value!r} is none of {', '.join(map(repr, choices))}")


def flag(**arguments) -> None:
    """Raise a ValueError for the first argument that is neither true nor false."""
    for name, value in arguments.items():
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name}={value!r} must be True or False")


def string(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a string."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise ValueError(f"{name}={value!r} must be a string")


def strings(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a list or array of strings, nor a string of letters."""
    for name, value in arguments.items():
        if not isinstance(value, list | tuple | str | np.ndarray) or not all(isinstance(part, str) for part in value):
            raise ValueError(f"{name}={value!r} must be a list of strings")


def mapping(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a dict with at least one entry."""
    for name, value in arguments.items():
        if not isinstance(value, Mapping):
            raise ValueError(f"{name}={value!r} must be a dict")
        if not value:
            raise ValueError(f"{name} is empty: there must be at least one entry")


def path(**arguments) -> pathlib.Path:
    """Return the path that an argument names; a ValueError where it is none."""
    ((name, value),) = arguments.items()
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        raise ValueError(f"{name}={value!r} must be a path")
    return pathlib.Path(value)


def function(**arguments) -> None:
    """Raise a ValueError for the first argument that cannot be called."""
    for name, value in arguments.items():
        if not callable(value):
            raise ValueError(f"{name}={value!r} must be a function")


def generator(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a random generator of NumPy."""
    for name, value in arguments.items():
        if not isinstance(value, np.random.Generator):
            raise ValueError(f"{name}={value!r} must be a numpy.random.Generator, such as numpy.random.default_rng(0)")


def is_number(value) -> bool:
    """Return whether a value is a real number of Python or NumPy: neither a string nor an array, nor true or false.

    An integer of more than 64 bits is none either: no backend holds it.
    """
    return (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and (not isinstance(value, int) or abs(value) < 2**63)
    )


def is_whole(value) -> bool:
    """Return whether a value is an integer of Python or NumPy, neither true nor false."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
