"""Features on one scale. Notation: x (n, ...) examples, mu and sigma their means and standard deviations."""

import numpy as np


def standardize(train, *others) -> list[np.ndarray]:
    """Shift and scale each feature so that the training data has mean 0 and standard deviation 1.

        x <- (x - mu) / sigma,  with mu and sigma of the training data, for all of the data

    What the training data is scaled by, later data is scaled by as well: their own mu and sigma would make the same
    measurement two different inputs, and would let the training see the test set.

    Args:
        train: array `(n, ...)` of training data; the first axis counts the examples.
        others: arrays `(m, ...)` of data of the same features, such as a test set.

    Returns:
        The list of all arrays, scaled, as float arrays. A feature that is constant in the training data is shifted
        only.

    Raises:
        ValueError: an array is empty, holds other things than real numbers, or numbers that are not finite, or has
            other features than the first.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import standardize
        >>> train, test = standardize(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[4.0, 6.0]]))
        >>> train.tolist(), test.tolist()
        ([[-1.0, 0.0], [1.0, 0.0]], [[2.0, 1.0]])
    """
    arrays = [_as_examples("train", train), *(_as_examples(f"others[{i}]", a) for i, a in enumerate(others))]
    for i, a in enumerate(arrays[1:]):
        if a.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(f"others[{i}] has features of shape {a.shape[1:]}, but train has {arrays[0].shape[1:]}")
    mean, sd = arrays[0].mean(axis=0, dtype="float64"), arrays[0].std(axis=0, dtype="float64")
    sd = np.where(sd > 1e-10 * np.abs(mean), sd, 1.0)  # a constant feature has only the sd of its rounding errors
    return [((a - mean) / sd).astype(a.dtype) for a in arrays]


def _as_examples(name, a):
    """Return an array of floats with at least one example, or raise a ValueError."""
    a = np.asarray(a)
    if a.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {a.dtype}; it must hold real numbers")
    if a.ndim == 0 or a.size == 0:
        raise ValueError(f"{name} has shape {a.shape}: there are no examples")
    if not np.isfinite(a).all():
        raise ValueError(f"{name} holds {np.sum(~np.isfinite(a))} numbers that are not finite")
    return a if a.dtype.kind == "f" else a.astype("float64")
