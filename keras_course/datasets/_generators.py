"""Points in the plane, drawn at random: N points of D = 2 coordinates and the class of each.

Notation: x (N, D) float32, y (N,) int32 class numbers, in random order or class by class as each function
says. The same seed gives the same points on every backend.
"""

import math

import numpy as np

from keras_course.checks import as_floats, not_negative, numpy_seed, validate, whole, whole_number
from keras_course.datasets._dataset import Dataset
from keras_course.datasets._noisy import inverse_sine, varying_noise
from keras_course.datasets._palindromes import palindromes
from keras_course.datasets._planar import checkerboard, eight_gaussians, pinwheel, rings, two_spirals
from keras_course.datasets._pulse import pulse_waves
from keras_course.datasets._signals import shape_signals
from keras_course.datasets._simulators import inverse_moons, lotka_volterra
from keras_course.datasets._sounds import sounds


@validate(num_points=whole(2), seed=numpy_seed, noise=not_negative)
def two_moons(num_points: int = 1000, *, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two half circles of radius 1 that reach into each other, in random order.

    Args:
        num_points: N, both classes together.
        noise: standard deviation of the Gaussian noise on each coordinate.
        seed: of the random numbers.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, 1}.

    Raises:
        ValueError: `num_points` below 2 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.two_moons(200, noise=0.05, seed=1)
        >>> x.shape, int(y.sum())
        ((200, 2), 100)
    """
    from sklearn.datasets import make_moons

    return _as_arrays(*make_moons(num_points, noise=noise, random_state=seed))


@validate(num_classes=whole(1), num_points=whole(1), seed=numpy_seed, spread=not_negative)
def blobs(
    num_points: int = 1000, num_classes: int = 3, *, spread: float = 1.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return round Gaussian clouds with centers drawn uniformly from [-10, 10]^2, in random order.

    Args:
        num_points: N, all classes together.
        num_classes: number of clouds.
        spread: standard deviation of each cloud.
        seed: of the centers and the points.

    Returns:
        x (N, 2) float32, y (N,) int32 in {0, ..., num_classes - 1}.

    Raises:
        ValueError: `num_classes` below 1, fewer points than classes, or a `spread` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.blobs(90, num_classes=3)
        >>> x.shape, sorted(set(y.tolist()))
        ((90, 2), [0, 1, 2])
    """
    from sklearn.datasets import make_blobs

    whole_number(num_classes, num_points=num_points)
    return _as_arrays(*make_blobs(num_points, centers=num_classes, cluster_std=spread, random_state=seed))


@validate(points_per_class=whole(2), num_classes=whole(1), seed=numpy_seed, noise=not_negative)
def spiral(
    points_per_class: int = 100, num_classes: int = 2, *, noise: float = 0.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the arms of a spiral, one for each class, class by class.

    Point r of the arm c of C, with r from 0 to 1 in equal steps:

        angle = 2 pi (c + 2 r) / C + noise * e,  e ~ N(0, 1)
        x = r (sin(angle), cos(angle))

    Args:
        points_per_class: number of points on each arm.
        num_classes: C, the number of arms.
        noise: standard deviation of the noise on the angle, in radians.
        seed: of the noise.

    Returns:
        x (C * points_per_class, 2) float32 in the unit disc, y (C * points_per_class,) int32
        in {0, ..., C - 1}.

    Raises:
        ValueError: `points_per_class` below 2, `num_classes` below 1 or a `noise` that is negative or not finite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.spiral(100, num_classes=2)
        >>> x.shape, set(y[:100].tolist()), set(y[100:].tolist())
        ((200, 2), {0}, {1})
    """
    radius = np.tile(np.linspace(0.0, 1.0, points_per_class), num_classes)
    label = np.repeat(np.arange(num_classes), points_per_class)
    angle = 2 * math.pi * (label + 2 * radius) / num_classes
    angle += noise * np.random.default_rng(seed).standard_normal(len(angle))
    return _as_arrays(radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1), label)


@validate(points_per_class=whole(1), seed=numpy_seed)
def gaussian_classes(
    points_per_class: int = 300, *, means=((0.0, 0.0), (1.0, 0.0)), covariances=((1.0, 0.0), (0.0, 1.0)), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a Gaussian cloud for each class, of means and covariances that are given, class by class.

    Args:
        points_per_class: number of points in each cloud.
        means: the K centers, (K, 2).
        covariances: one (2, 2) matrix that all clouds share, or one for each, (K, 2, 2).
        seed: of the points.

    Returns:
        x (K * points_per_class, 2) float32, y (K * points_per_class,) int32 in {0, ..., K - 1}.

    Raises:
        ValueError: `points_per_class` below 1, means that are not finite or not (K, 2), or covariances of another
            shape, or that are not symmetric and positive definite.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.gaussian_classes(300, covariances=[[0.01, 0.2], [0.2, 5.0]])
        >>> x.shape, set(y[:300].tolist()), set(y[300:].tolist())
        ((600, 2), {0}, {1})
    """
    means = _as_means(means)
    covariances = _as_covariances(covariances, len(means))
    noise = np.random.default_rng(seed).standard_normal((len(means), points_per_class, 2))
    x = means[:, None] + noise @ np.linalg.cholesky(covariances).swapaxes(1, 2)
    return _as_arrays(x.reshape(-1, 2), np.repeat(np.arange(len(means)), points_per_class))


def _as_means(means):
    means = as_floats("means", means)
    if means.ndim != 2 or means.shape[1] != 2 or not len(means) or not np.isfinite(means).all():
        raise ValueError(f"means={means.tolist()} must be finite points of the plane, (K, 2).")
    return means


def _as_covariances(covariances, count):
    covariances = as_floats("covariances", covariances)
    if covariances.shape not in ((2, 2), (count, 2, 2)):
        raise ValueError(f"covariances has shape {covariances.shape}; it must be (2, 2) or ({count}, 2, 2).")
    covariances = np.broadcast_to(covariances, (count, 2, 2))
    positive = np.isfinite(covariances).all() and np.linalg.eigvalsh(covariances).min() > 0
    if not positive or (covariances != covariances.swapaxes(1, 2)).any():
        raise ValueError(f"covariances={covariances.tolist()} must be symmetric and positive definite.")
    return covariances


def _as_arrays(x, y):
    return x.astype(np.float32), y.astype(np.int32)


def _row(load, size, origin):
    return Dataset(
        name=load.__name__,
        kind="generator",
        size=size,
        license="MIT",
        origin=origin,
        load=load,
        offline=load.__name__,
    )


GENERATORS = (
    _row(two_moons, "any number of points, 2 classes", "drawn by scikit-learn's make_moons"),
    _row(blobs, "any number of points and classes", "drawn by scikit-learn's make_blobs"),
    _row(spiral, "any number of points and classes", "drawn here"),
    _row(gaussian_classes, "any number of points and classes", "drawn here"),
    *(
        _row(load, "any number of points", "sampled here, as in the experiments of FFJORD")
        for load in (two_spirals, pinwheel, checkerboard, rings, eight_gaussians)
    ),
    _row(varying_noise, "any number of points, 1 feature and 1 target", "sampled here"),
    _row(inverse_sine, "any number of points, 1 feature and 1 target", "sampled here, as in Bishop 1994"),
    _row(pulse_waves, "any number of waves and beats, 6 parameters", "simulated here, after Wehenkel et al. 2023"),
    _row(lotka_volterra, "any number of simulations, 4 parameters", "simulated here, as in Lueckmann et al. 2021"),
    _row(inverse_moons, "any number of simulations, 2 parameters", "sampled here, as in Greenberg et al. 2019"),
    _row(palindromes, "any number of sequences of any length, 2 classes", "sampled here, after the course's task"),
    _row(shape_signals, "any number of signals of any length", "sampled here, after Fleuret's lecture 13.2"),
    _row(sounds, "any number of sounds, 7 classes", "synthesized here, with the formants of Peterson and Barney 1952"),
)
