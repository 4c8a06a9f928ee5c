"""Checks of arrays."""

from collections.abc import ValuesView

import numpy as np

from keras_course.checks._numbers import mapping


def as_real(name, value) -> np.ndarray:
    """Return an argument as an array of real numbers, of its own type; raise a ValueError where it is none."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            raise ValueError("it holds complex ones")
        if array.dtype.kind in "US":
            raise ValueError(f"could not convert strings such as {array.ravel()[:1]}")
        if array.dtype.kind not in "biufV":  # V: bfloat16
            raise ValueError(f"it is {_kind_of(value)}")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    return array


def as_floats(name, value) -> np.ndarray:
    """Return an argument as a float64 array; raise a ValueError with its name where it holds something else."""
    return np.asarray(as_real(name, value), "float64")


def as_array(name, value) -> np.ndarray:
    """Return examples as an array `(N, ...)`; raise a ValueError where they are not an array of numbers.

    Lists and pandas objects become arrays here, once: a pandas object would be indexed by label instead of position.
    """
    array = as_real(name, value)
    if array.ndim < 1:
        raise ValueError(f"{name} must be an array (N, ...) of numbers; it has shape {array.shape}")
    return array


def as_row(name, values, gaps=False) -> np.ndarray:
    """Return a non-empty row of numbers, such as the values of a dict, as a float64 array; `gaps` allows NaN."""
    values = as_floats(name, list(values) if isinstance(values, ValuesView) else values)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; it must be a row of numbers, at least one")
    if not gaps:
        finite(**{name: values})
    return values


def as_points(x, columns=None, name="x") -> np.ndarray:
    """Return points as a float64 array (N, D), with D given by `columns`, or raise a ValueError.

    It must have two axes, at least one row, and finite numbers.
    """
    x = as_floats(name, x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {x.shape}; it must be (N, D), one row a point, with at least one of each")
    if columns not in (None, x.shape[1]):
        raise ValueError(f"{name} has shape {x.shape}; it must have {columns} columns")
    finite(**{name: x})
    return x


def as_chain(name, value) -> np.ndarray:
    """Return the positions of the residues of a chain as a float64 array (L, 3) with L of at least 3, all finite."""
    x = as_floats(name, value)
    if x.ndim != 2 or x.shape[1] != 3 or len(x) < 3:
        raise ValueError(f"{name} has shape {x.shape}; it must be (L, 3) with L of at least 3")
    finite(**{name: x})
    return x


def as_matrices(name, matrices) -> dict[str, np.ndarray]:
    """Return a dict of matrices, at least one, as float64 arrays (N, M) of finite numbers, none of them empty."""
    mapping(**{name: matrices})
    found = {}
    for title, matrix in matrices.items():
        entry = f"{name}[{title!r}]"
        found[title] = x = as_floats(entry, matrix)
        if x.ndim != 2 or not x.size:
            raise ValueError(f"{entry} has shape {x.shape}; it must be a matrix")
        finite(**{entry: x})
    return found


def tensor(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a tensor, array, list of numbers or number."""
    for name, value in arguments.items():
        if not hasattr(value, "dtype") or isinstance(value, np.ndarray | np.generic):
            as_real(name, value)


def finite(**arrays) -> None:
    """Raise a ValueError for the first array that holds NaN or infinity."""
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has {np.sum(~np.isfinite(array))} entries that are not finite (NaN or infinity)")


def _kind_of(value):
    return "None" if value is None else f"of type {type(value).__name__}"
