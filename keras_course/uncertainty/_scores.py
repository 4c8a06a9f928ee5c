"""Scores of predictive distributions: total variance, CRPS and coverage. All take and return NumPy arrays.

Notation: y (N, ...) targets, T members or S samples, mu and sigma a mean and a standard deviation.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from keras_course.checks import as_array, finite


class Uncertainty(NamedTuple):
    """A prediction, and the two parts of its variance: `variance` is their sum.

    Args:
        mean: (N, ...).
        aleatoric: variance of the noise, (N, ...).
        epistemic: variance between the members, (N, ...).
    """

    mean: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """The variance of y."""
        return self.aleatoric + self.epistemic


def split_variance(means, variances) -> Uncertainty:
    """Return mean and variance of the members of an ensemble together, the variance in two parts.

    By the law of total variance, with members t that are equally likely:

        Var(y) = mean_t sigma_t^2 + mean_t (mu_t - mu)^2 = aleatoric + epistemic,  mu = mean_t mu_t

    Args:
        means: mu_t (T, N, ...), of the networks of an ensemble, or of passes with dropout.
        variances: sigma_t^2 (T, N, ...).

    Raises:
        ValueError: the shapes differ, a variance is negative, or a number is not finite.

    References:
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, Kendall and Gal, 2017,
        https://arxiv.org/abs/1703.04977

    Example:
        >>> from keras_course.uncertainty import split_variance
        >>> parts = split_variance([[1.0], [3.0]], [[0.5], [1.5]])
        >>> float(parts.mean[0]), float(parts.aleatoric[0]), float(parts.epistemic[0])
        (2.0, 1.0, 1.0)
    """
    means, variances = _same(means=means, variances=variances)
    _not_negative(variances=variances)
    return Uncertainty(means.mean(axis=0), variances.mean(axis=0), means.var(axis=0))


def gaussian_crps(y, mean, deviation) -> np.ndarray:
    """Return the continuous ranked probability score (CRPS) of Gaussian predictions, in the unit of y: (N, ...).

        CRPS = integral of (F(t) - [y <= t])^2 dt = sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi))
        z = (y - mu) / sigma

    Smaller is better. For sigma = 0 it is the absolute error.

    Args:
        y: targets (N, ...).
        mean: mu (N, ...).
        deviation: sigma (N, ...), at least 0.

    Raises:
        ValueError: the shapes differ, a deviation is negative, or a number is not finite.

    References:
        Strictly Proper Scoring Rules, Prediction, and Estimation, Gneiting and Raftery, 2007,
        https://doi.org/10.1198/016214506000001437

    Example:
        >>> from keras_course.uncertainty import gaussian_crps
        >>> gaussian_crps([0.0, 2.0], [0.0, 0.0], [1.0, 0.0]).round(4).tolist()
        [0.2337, 2.0]
    """
    y, mean, deviation = _same(y=y, mean=mean, deviation=deviation)
    _not_negative(deviation=deviation)
    error = y - mean
    z = np.divide(error, deviation, out=np.zeros_like(error), where=deviation > 0)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    spread = z * (2 * special.ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)
    return np.where(deviation > 0, deviation * spread, np.abs(error))


def sample_crps(y, samples) -> np.ndarray:
    """Return the CRPS of predictions that are known by S samples each, in the unit of y: (N,).

        CRPS = mean_s abs(x_s - y) - 1/2 mean_st abs(x_s - x_t)

    This is the score of the distribution that has the weight 1/S at each sample.

    Args:
        y: targets (N,).
        samples: x (N, S).

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    Example:
        >>> from keras_course.uncertainty import sample_crps
        >>> sample_crps([0.0], [[-1.0, 1.0]]).tolist()  # 1, less half of the mean distance 1
        [0.5]
    """
    y, samples = as_array("y", y).astype("float64"), as_array("samples", samples).astype("float64")
    if y.ndim != 1 or samples.ndim != 2 or len(y) != len(samples) or not samples.size:
        raise ValueError(f"samples has shape {samples.shape}, and y {y.shape}; they must be (N, S) and (N,)")
    finite(y=y, samples=samples)
    samples = np.sort(samples, axis=1)
    count = samples.shape[1]
    ranks = 2 * np.arange(1, count + 1) - count - 1  # of a sorted row: sum_st |x_s - x_t| = 2 sum_s rank_s x_s
    return np.abs(samples - y[:, None]).mean(axis=1) - samples @ ranks / count**2


def coverage(y, low, high) -> float:
    """Return the fraction of the targets within their intervals, ends included.

    Args:
        y: targets (N, ...).
        low, high: ends of the intervals, of the same shape.

    Raises:
        ValueError: the shapes differ, or a number is NaN.

    Example:
        >>> from keras_course.uncertainty import coverage
        >>> coverage([1.0, 2.0], [0.0, 0.0], [1.0, 1.0])
        0.5
    """
    y, low, high = _same(y=y, low=low, high=high, infinite=True)
    return float(np.mean((low <= y) & (y <= high)))


def calibration_curve(probabilities, levels) -> np.ndarray:
    """Return which fraction of the targets is below the predicted quantile of each level: (L,).

    A prediction is **calibrated** if each fraction is its level.

    Args:
        probabilities: F(y) (N, ...), the predicted probability of at most the target, such as
            `model.distribution(x).cdf(y)`.
        levels: numbers from 0 to 1, (L,).

    Raises:
        ValueError: a number is not between 0 and 1, or there is none.

    References:
        Accurate Uncertainties for Deep Learning Using Calibrated Regression, Kuleshov, Fenner and Ermon, 2018,
        https://arxiv.org/abs/1807.00263

    Example:
        >>> from keras_course.uncertainty import calibration_curve
        >>> calibration_curve([0.2, 0.4, 0.6, 0.8], [0.25, 0.5]).tolist()
        [0.25, 0.5]
    """
    found = []
    for name, value in {"probabilities": probabilities, "levels": levels}.items():
        value = as_array(name, value).astype("float64").ravel()
        if not value.size or not ((value >= -1e-6) & (value <= 1 + 1e-6)).all():
            raise ValueError(f"{name} must hold numbers from 0 to 1, at least one")
        found.append(value)
    probabilities, levels = found
    return np.searchsorted(np.sort(probabilities), levels, side="right") / len(probabilities)


def _same(infinite=False, **arrays):
    """Return arrays of one shape in float64; raise a ValueError where they are not, or hold NaN."""
    found = {name: as_array(name, array).astype("float64") for name, array in arrays.items()}
    (first, expected), *others = ((name, array.shape) for name, array in found.items())
    if not np.prod(expected):
        raise ValueError(f"{first} is empty; it must hold at least one number")
    for name, shape in others:
        if shape != expected:
            raise ValueError(f"{name} has shape {shape}, and {first} {expected}; they must be the same")
    finite(**{name: np.nan_to_num(x, nan=np.nan, posinf=0, neginf=0) if infinite else x for name, x in found.items()})
    return found.values()


def _not_negative(**argument):
    ((name, values),) = argument.items()
    if (values < 0).any():
        raise ValueError(f"{name} has {np.sum(values < 0)} negative entries; they must be at least 0")
