"""Points of the plane whose density is a benchmark of density estimation: a gallery of five.

Notation: x (N, 2) float32 points in random order, y (N,) int32 the arm, ring, square or cloud of each. The same seed
gives the same points on every backend.
"""

import numpy as np

from keras_course.checks import not_negative, numpy_seed, validate, whole

_checked = validate(num_points=whole(1), noise=not_negative, seed=numpy_seed)


@_checked
def two_spirals(num_points: int = 1000, *, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two arms of a spiral that wind around each other, at most 3.3 from the center without noise.

    Args:
        num_points: N.
        noise: standard deviation of the Gaussian noise on each coordinate.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, 1}, the arm of each point.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.two_spirals(200)
        >>> x.shape, sorted(set(y.tolist()))
        ((200, 2), [0, 1])
    """
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 2, num_points)
    angle = 3 * np.pi * np.sqrt(rng.random(num_points))
    x = (angle * (2 * arm - 1) / 2.85)[:, None] * np.stack([-np.cos(angle), np.sin(angle)], axis=1)
    return _shaken(x, arm, noise, rng)


@_checked
def pinwheel(num_points: int = 1000, *, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return five clouds that are long from the center outwards, and bent like the blades of a pinwheel.

    Args:
        num_points: N.
        noise: standard deviation across a blade before it is bent; along it there are 0.3.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, ..., 4}, the blade of each point.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.pinwheel(200)
        >>> x.shape, sorted(set(y.tolist()))
        ((200, 2), [0, 1, 2, 3, 4])
    """
    rng = np.random.default_rng(seed)
    blade = rng.integers(0, 5, num_points)
    along, across = 1 + 0.3 * rng.normal(size=num_points), noise * rng.normal(size=num_points)
    angle = 2 * np.pi * blade / 5 + 0.25 * np.exp(along)
    x = [along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)]
    return _shaken(2 * np.stack(x, axis=1), blade, 0.0, rng)


@_checked
def checkerboard(num_points: int = 1000, *, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points that are uniform on the eight black squares of a board of 4 x 4, between -4 and 4.

    Without noise their density is 1/32 on the black squares, and 0 elsewhere: its entropy is ln 32 = 3.466 nats.

    Args:
        num_points: N.
        noise: standard deviation of the Gaussian noise on each coordinate.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, ..., 7}, the square of each point.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.checkerboard(200)
        >>> x.shape, sorted(set(y.tolist()))
        ((200, 2), [0, 1, 2, 3, 4, 5, 6, 7])
    """
    rng = np.random.default_rng(seed)
    square = rng.integers(0, 8, num_points)
    column = square // 2
    corner = np.stack([column, 2 * (square % 2) + column % 2], axis=1)
    return _shaken(2 * (corner + rng.random((num_points, 2))) - 4, square, noise, rng)


@_checked
def rings(num_points: int = 1000, *, noise: float = 0.08, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return four circles around the origin, of the radii 0.75, 1.5, 2.25 and 3, with equally many points on average.

    Args:
        num_points: N.
        noise: standard deviation of the Gaussian noise on each coordinate.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, ..., 3}, the ring of each point.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.rings(200)
        >>> x.shape, sorted(set(y.tolist()))
        ((200, 2), [0, 1, 2, 3])
    """
    rng = np.random.default_rng(seed)
    ring, angle = rng.integers(0, 4, num_points), 2 * np.pi * rng.random(num_points)
    x = 0.75 * (1 + ring)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _shaken(x, ring, noise, rng)


@_checked
def eight_gaussians(num_points: int = 1000, *, noise: float = 0.35, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return eight round Gaussian clouds, with centers on a circle of radius 2.8.

    Args:
        num_points: N.
        noise: standard deviation of each cloud.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, ..., 7}, the cloud of each point.

    Raises:
        ValueError: `num_points` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.eight_gaussians(200)
        >>> x.shape, sorted(set(y.tolist()))
        ((200, 2), [0, 1, 2, 3, 4, 5, 6, 7])
    """
    rng = np.random.default_rng(seed)
    cloud = rng.integers(0, 8, num_points)
    x = 2.8 * np.stack([np.cos(np.pi * cloud / 4), np.sin(np.pi * cloud / 4)], axis=1)
    return _shaken(x, cloud, noise, rng)


def _shaken(x, y, noise, rng):
    return (x + noise * rng.normal(size=x.shape)).astype("float32"), y.astype("int32")
