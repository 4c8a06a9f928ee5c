"""Checks of tensors."""

import functools
import inspect
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_course.checks._arrays import as_real
from keras_course.checks._numbers import whole_number


def on_tensors(**ranks) -> Callable:
    """Return a decorator that turns arrays, numbers and lists into tensors, and counts the axes of every tensor.

    Args:
        ranks: for each argument that is a tensor the number of its axes; None for any number.

    Example:
        >>> from keras_course.checks.tensors import on_tensors
        >>> trace = on_tensors(matrix=2)(lambda matrix: float(matrix[0, 0] + matrix[1, 1]))
        >>> trace([[1.0, 2.0], [3.0, 4.0]])
        5.0
        >>> trace([1.0, 2.0])
        Traceback (most recent call last):
        ValueError: matrix has shape (2,); it must have 2 axes
    """

    def decorate(function):
        parameters = inspect.signature(function).parameters
        names = list(parameters)
        optional = {name for name, parameter in parameters.items() if parameter.default is None}

        @functools.wraps(function)
        def call(*args, **kwargs):
            args = list(args)
            for name, rank in ranks.items():
                place, index = (args, names.index(name)) if names.index(name) < len(args) else (kwargs, name)
                if place is kwargs and name not in kwargs:
                    continue
                if place[index] is not None or name not in optional:
                    place[index] = _tensor(name, place[index], rank)
            return function(*args, **kwargs)

        return call

    return decorate


def _tensor(name, value, rank):
    if not ops.is_tensor(value) and not isinstance(value, keras.Variable | keras.KerasTensor):
        array = as_real(name, value)
        numbers_of_python = not hasattr(value, "dtype") and array.dtype.kind == "f"  # NumPy makes them float64
        value = ops.convert_to_tensor(array, dtype=keras.config.floatx() if numbers_of_python else None)
    if rank is not None and len(value.shape) != rank:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; it must have {rank} axes")
    return value


def ids_below(count: str, *names: str) -> Callable[[Callable], Callable]:
    """Return a decorator that checks a number of things, and the ids of such things.

    The number must be whole, and an id below it. A tensor is not looked into: that would wait for the device, and a
    program that is being compiled has no numbers yet. The decorator stands above `on_tensors`, which makes tensors.

    Args:
        count: name of the argument that is a number, or an integer scalar.
        names: names of the arguments that are ids.

    Example:
        >>> from keras_course.checks.tensors import ids_below
        >>> pick = ids_below("size", "ids")(lambda ids, size: ids)
        >>> pick([0, 3], 3)
        Traceback (most recent call last):
        ValueError: ids holds 3; it must be an integer below size=3
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            given = signature.bind(*args, **kwargs).arguments
            if not ops.is_tensor(given[count]):
                whole_number(0, **{count: given[count]})
                for name in names:
                    _check_ids(name, given[name], **{count: given[count]})
            return function(*args, **kwargs)

        return call

    return decorate


def _check_ids(name, value, **bound):
    """Raise a ValueError for an array or a list that holds something else than integers below a bound."""
    ((count, limit),) = bound.items()
    ids = as_real(name, value) if isinstance(value, np.ndarray | list | tuple) else np.zeros(0)
    if ids.size and (ids.dtype.kind not in "iu" or ids.max() >= limit):
        raise ValueError(f"{name} holds {ids.max()}; it must be an integer below {count}={limit}")


def variable(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a `keras.Variable`."""
    for name, value in arguments.items():
        if not isinstance(value, keras.Variable):
            raise ValueError(f"{name}={value!r} must be a keras.Variable")
