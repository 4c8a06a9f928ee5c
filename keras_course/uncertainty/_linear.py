"""Bayesian linear regression: the exact posterior, which approximations are compared with.

Notation: X (N, D) features, y (N,) targets with noise of the standard deviation sigma, prior w ~ N(0, s^2 I).
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import as_floats, as_points, positive, validate


class LinearPosterior(NamedTuple):
    """A Gaussian distribution over weights: w ~ N(mean, covariance).

    Args:
        mean: (D,).
        covariance: (D, D).
        noise: sigma.
    """

    mean: np.ndarray
    covariance: np.ndarray
    noise: float

    def predict(self, features) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean of y and its aleatoric and epistemic variance, each (N,), for features (N, D).

        mean = x w,  aleatoric = sigma^2,  epistemic = x S x
        """
        x = as_points(features, columns=len(self.mean), name="features")
        epistemic = np.einsum("nd,de,ne->n", x, self.covariance, x)
        return x @ self.mean, np.full(len(x), self.noise**2), epistemic


@validate(prior_deviation=positive, noise=positive)
def linear_posterior(features, y, *, prior_deviation=1.0, noise=1.0) -> LinearPosterior:
    """Return the posterior of the weights of a linear model, given data.

        S = (I / s^2 + X' X / sigma^2)^-1,  mean = S X' y / sigma^2

    With the last hidden features of a network as X, it is the Laplace approximation of the last layer for Gaussian
    noise, where it is exact given the features.

    Args:
        features: X (N, D); a column of ones is a bias.
        y: (N,).
        prior_deviation: s.
        noise: sigma.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a deviation is not positive.

    References:
        Pattern Recognition and Machine Learning, section 3.3, Bishop, 2006,
        https://www.microsoft.com/en-us/research/publication/pattern-recognition-machine-learning/

    Example:
        >>> from keras_course.uncertainty import linear_posterior
        >>> posterior = linear_posterior([[1.0]], [2.0])
        >>> float(posterior.mean[0]), float(posterior.covariance[0, 0])  # halfway between the prior and the target
        (1.0, 0.5)
    """
    x, y = as_points(features, name="features"), as_floats("y", y)
    if y.shape != (len(x),) or not np.isfinite(y).all():
        raise ValueError(f"y has shape {y.shape}; it must be ({len(x)},), one finite number for each row of features")
    precision = np.eye(x.shape[1]) / prior_deviation**2 + x.T @ x / noise**2
    covariance = np.linalg.inv(precision)
    return LinearPosterior(covariance @ x.T @ y / noise**2, covariance, float(noise))
