"""Regressions of one variable whose noise matters more than their function.

Notation: x (N, 1) inputs, y (N, 1) targets, both float32; e standard normal. The same seed gives the same points on
every backend.
"""

import numpy as np

from keras_course.checks import not_negative, numpy_seed, validate, whole

_checked = validate(num_points=whole(1), noise=not_negative, seed=numpy_seed)


@_checked
def varying_noise(num_points: int = 1000, *, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a sine whose noise grows with x.

        y = sin(2 pi x) + noise (1 + 9 x) e,  x uniform in [0, 1]

    Args:
        num_points: N.
        noise: standard deviation of the noise at x = 0; at x = 1 it is ten times as large.
        seed: of the random numbers.

    Returns:
        x (N, 1) float32, y (N, 1) float32.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.varying_noise(200)
        >>> x.shape, y.shape
        ((200, 1), (200, 1))
    """
    rng = np.random.default_rng(seed)
    x = rng.random((num_points, 1))
    y = np.sin(2 * np.pi * x) + noise * (1 + 9 * x) * rng.standard_normal(x.shape)
    return x.astype("float32"), y.astype("float32")


@_checked
def inverse_sine(num_points: int = 1000, *, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points of Bishop's inverse problem: y causes x, and some x have three values of y.

        x = y + 0.3 sin(2 pi y) + noise e,  y uniform in [0, 1]

    Args:
        num_points: N.
        noise: standard deviation of the noise on x; in Bishop (1994) it is uniform between -0.1 and 0.1.
        seed: of the random numbers.

    Returns:
        x (N, 1) float32, y (N, 1) float32.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.inverse_sine(200)
        >>> x.shape, bool(y.min() >= 0 and y.max() <= 1)
        ((200, 1), True)
    """
    rng = np.random.default_rng(seed)
    y = rng.random((num_points, 1))
    x = y + 0.3 * np.sin(2 * np.pi * y) + noise * rng.standard_normal(y.shape)
    return x.astype("float32"), y.astype("float32")
