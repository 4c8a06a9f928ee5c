"""What all arguments of a function have in common."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_course.checks._numbers import flag


def checked(function) -> Callable:
    """Decorate a function: NumPy's numbers become Python's, and an argument that is true or false must be one of these.

    Keras takes no integers of NumPy, and Python takes anything for true or false. An argument must be True or False if
    its default is. `name` must be a string or None.

    Example:
        >>> import numpy as np
        >>> from keras_course.checks import checked
        >>> repeat = checked(lambda text, times=2, upper=False: text * times)
        >>> repeat("ab", np.int64(3))
        'ababab'
        >>> repeat("ab", upper="no")
        Traceback (most recent call last):
        ValueError: upper='no' must be True or False
    """
    parameters = inspect.signature(function).parameters
    positional = [name for name, parameter in parameters.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    flags = {name for name, parameter in parameters.items() if isinstance(parameter.default, bool)}

    @functools.wraps(function)
    def call(*args, **kwargs):
        args, kwargs = plain(args), plain(kwargs)
        given = dict(zip(positional, args, strict=False)) | kwargs
        flag(**{name: value for name, value in given.items() if name in flags})
        if not isinstance(given.get("name"), str | None):
            raise ValueError(f"name={given['name']!r} must be a string")
        return function(*args, **kwargs)

    return call


def seen_data(estimator, attribute) -> None:
    """Raise a ValueError for an estimator that lacks an attribute which `fit` sets."""
    if not hasattr(estimator, attribute):
        raise ValueError(f"this {type(estimator).__name__} has not seen data yet: call fit(x, y) first")


def plain(value) -> Any:
    """Return a value with Python's numbers in place of NumPy's, inside tuples, lists and dicts, too.

    A row of integers, such as a shape, becomes a tuple.
    """
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu":
        return tuple(value.tolist())
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype.kind in "biuf":
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(map(plain, value))
    if type(value) is dict:
        return {key: plain(part) for key, part in value.items()}
    return value
