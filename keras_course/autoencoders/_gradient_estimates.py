"""Two estimates of the gradient of an expectation by the parameters of its distribution.

Notation: z ~ q = N(mu, sigma^2) with D features, samples s = 1..S; f(z) a scalar.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_row, function, positive, validate, whole


class GradientEstimates(NamedTuple):
    """Estimates of the gradient of E_q[f(z)] by mu, each from one sample.

    Args:
        score_function: (S, D).
        reparameterized: (S, D).
    """

    score_function: np.ndarray
    reparameterized: np.ndarray


@validate(function=function, deviation=positive, num_samples=whole(1), seed=whole(0))
def gradient_estimates(function, mean, deviation=1.0, num_samples=1_000, seed=0) -> GradientEstimates:
    """Estimate the gradient of E_q[f(z)] by the mean of q = N(mu, sigma^2 I) in two ways, S times from one sample:

        score function        f(z) d log q(z) / d mu = f(z) (z - mu) / sigma^2
        reparameterization    df/dz at z = mu + sigma e,  e ~ N(0, I)

    Both are unbiased. The first one needs no derivative of f, so it works for discrete z in general, but its variance
    grows with the magnitude of f. A constant that is added to f changes the variance of the first only.

    Args:
        function: f, which takes z (B, D), a tensor, and returns (B,).
        mean: mu, D numbers.
        deviation: sigma.
        num_samples: S.
        seed: whole number, seed of the samples.

    Returns:
        A `GradientEstimates`; compare the means and the variances of its columns.

    Raises:
        ValueError: an argument is something else, or `function` returns another shape.

    References:
        Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning, Williams, 1992,
        https://doi.org/10.1007/BF00992696
        Monte Carlo Gradient Estimation in Machine Learning, Mohamed et al., 2020, https://arxiv.org/abs/1906.10652

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import gradient_estimates
        >>> found = gradient_estimates(lambda z: keras.ops.sum(z**2, axis=-1), [2.0], num_samples=10_000)
        >>> bool(found.score_function.var() > 10 * found.reparameterized.var())
        True
    """
    mean = as_row("mean", mean).astype("float32")
    noise = keras.random.normal((num_samples, len(mean)), dtype="float32", seed=int(seed))
    z = ops.convert_to_tensor(mean) + float(deviation) * noise
    values = ops.convert_to_tensor(function(z))
    if tuple(values.shape) != (num_samples,):
        raise ValueError(f"function returns shape {tuple(values.shape)} for z (B, D); it must return (B,)")
    score = values[:, None] * noise / float(deviation)
    slopes = course_ops.grad(lambda z: ops.sum(function(z)))(z)
    return GradientEstimates(ops.convert_to_numpy(score), ops.convert_to_numpy(slopes))
