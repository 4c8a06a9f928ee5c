"""Checks of data. Notation: x (N,) inputs, y (N,) targets."""

import numpy as np

from keras_course.checks import HIGHEST, as_floats, whole_number


def as_numbers(name, values) -> np.ndarray:
    """Return N finite numbers, `(N,)` or `(N, 1)`, as a float64 array (N,), or raise a ValueError."""
    values = as_floats(name, values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} has shape {values.shape}; it must be (N,) or (N, 1), with at least one number")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has {np.sum(~np.isfinite(values))} entries that are not finite (NaN or infinity)")
    return values


def predict_at(predict, x) -> np.ndarray:
    """Return the predictions at x, `(M,)` in float64, or raise a ValueError: (M, 1) would meet (M,) as (M, M)."""
    prediction = as_floats("predict's answer", predict(x))
    if prediction.shape != x.shape or not np.isfinite(prediction).all():
        raise ValueError(f"predict returned shape {prediction.shape} for x of shape {x.shape}, or what is not finite")
    return prediction


def as_pairs(x, y) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y as float64 arrays (N,), or raise a ValueError."""
    x, y = as_numbers("x", x), as_numbers("y", y)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} numbers and y {len(y)}; each input needs one target")
    return x, y


def as_pair(name, pair) -> tuple:
    """Return a pair (x, y) of data as it is, or raise a ValueError."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair (x, y); it is a {type(pair).__name__}")
    return pair


def as_sizes(name, values, at_most=HIGHEST) -> list[int]:
    """Return one or more whole numbers from 1 to `at_most` as a list, or raise a ValueError."""
    if np.ndim(values) != 1 or not len(values):
        raise ValueError(f"{name}={values!r} must be a list of whole numbers, at least one")
    whole_number(1, at_most=at_most, **{f"{name}[{i}]": value for i, value in enumerate(values)})
    return list(values)
