"""Conditioning at sampling time by Bayes' rule: the scores of prior and likelihood are added.

Notation: y an observation or a label, D = E[x_0 given x_t], A an operator from x_0 (B, ...) to observations (B, ...).

    grad log p(x_t | y) = grad log p(x_t) + grad log p(y | x_t)
    E[x_0 | x_t, y] = D + sigma^2 / alpha grad log p(y | x_t)
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import (
    as_points,
    as_real,
    finite,
    function,
    instance,
    not_negative,
    number,
    positive,
    validate,
    wholes,
)
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._parameterizations import scales_at


@validate(denoiser=instance(Denoiser), log_prob=function, scale=number, variables=instance(tuple, list))
def guide(denoiser, log_prob: Callable, *, scale=1.0, variables=()) -> Denoiser:
    """Return the denoiser of x_0 given y, for a likelihood of noisy examples: classifier guidance.

        D + scale sigma^2 / alpha grad log p(y | x_t)

    Args:
        denoiser: a `Denoiser`.
        log_prob: function of x_t (B, ...) and t (B,) that returns log p(y | x_t) (B,), such as the log-probability of a
            class by a classifier that was trained on noisy examples.
        scale: guidance scale; 1 is Bayes' rule, and more makes y more likely than it is.
        variables: every Keras variable that `log_prob` reads.

    Returns:
        A `Denoiser`.

    Raises:
        ValueError: an argument is of the wrong kind.

    References:
        Diffusion Models Beat GANs on Image Synthesis, Dhariwal and Nichol, 2021, https://arxiv.org/abs/2105.05233

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, guide
        >>> prior = MixtureDenoiser(CosineNoise(), [[0.0]], [[[1.0]]])
        >>> near_1 = lambda x, t: -ops.sum((x - 1) ** 2, axis=-1)
        >>> float(prior(ops.zeros((1, 1)), 0.5)[0, 0]) < float(guide(prior, near_1)(ops.zeros((1, 1)), 0.5)[0, 0])
        True
    """

    def denoise(x, t, context):
        scales = scales_at(denoiser.schedule, t, x)
        slope = course_ops.grad(lambda x: ops.sum(log_prob(x, t)))(x)
        return denoiser.given(context)(x, t) + scale * scales.sigma**2 / scales.alpha * slope

    return Denoiser(denoiser.schedule, denoise, [*denoiser.variables, *variables], denoiser.context)


@validate(denoiser=instance(Denoiser), operator=function, noise=positive, gamma=not_negative)
def dps(denoiser, observation, operator: Callable, *, noise, gamma=0.0) -> Denoiser:
    """Return the denoiser of x_0 given y = A(x_0) + noise e, by diffusion posterior sampling (DPS).

    The likelihood of x_t is approximated by the likelihood of D, as if x_0 was certain given x_t:

        p(y | x_t) = N(y; A(D), (noise^2 + gamma sigma^2 / alpha^2) I)

    With gamma = 0 this is DPS, whose samples vary too little. A gamma above 0 accounts for the variance of x_0 given
    x_t, which also keeps the gradient small where there is much noise.

    Args:
        denoiser: a `Denoiser` of the prior.
        observation: y (B, ...), one for each sample.
        operator: A, a differentiable function of x_0 (B, ...) that returns (B, ...); it need not be linear.
        noise: standard deviation of the noise of y.
        gamma: see above.

    Returns:
        A `Denoiser`, for samples of the posterior.

    Raises:
        ValueError: an argument is out of its range, or the operator returns another shape than the observation has.

    Differences from the paper: the step of the likelihood follows from `noise` and `gamma`; the paper divides it by the
    norm of y - A(D). The variance with gamma is from Score-based Data Assimilation.

    References:
        Diffusion Posterior Sampling for General Noisy Inverse Problems, Chung et al., 2023,
        https://arxiv.org/abs/2209.14687
        Score-based Data Assimilation, Rozet and Louppe, 2023, https://arxiv.org/abs/2306.10574

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, ddim, dps
        >>> prior = MixtureDenoiser(CosineNoise(), np.zeros((1, 2)), np.eye(2)[None])
        >>> posterior = dps(prior, np.full((500, 1), 2.0), lambda x: x[:, :1], noise=0.5, gamma=0.2)
        >>> samples = np.asarray(ddim(posterior, np.random.default_rng(0).normal(size=(500, 2)), 100))
        >>> bool(abs(samples[:, 0].mean() - 1.6) < 0.1)  # the exact mean is 2 / (1 + 0.25)
        True
    """

    def slope(d, scales, y):
        variance = noise**2 + gamma * (scales.sigma / scales.alpha) ** 2
        shape = (-1, *(1,) * (len(y.shape) - 1))
        weight = 1 / ops.reshape(variance, shape)

        def log_likelihood(d):
            gap = y - _observed(operator, d, y)
            return -0.5 * ops.sum(weight * ops.square(gap))

        return course_ops.grad(log_likelihood)(d)

    return _posterior(denoiser, observation, slope)


@validate(denoiser=instance(Denoiser), operator=function, shape=wholes(1), noise=positive, variance=positive)
def pigdm(denoiser, observation, operator: Callable, shape, *, noise, variance=1.0) -> Denoiser:
    """Return the denoiser of x_0 given y = A x_0 + noise e, by pseudo-inverse guidance, for a linear operator A.

    Given x_t, x_0 is taken as a Gaussian around D with a variance r^2, which is right for data with the covariance
    `variance` I:

        p(y | x_t) = N(y; A D, noise^2 I + r^2 A A'),  r^2 = v sigma^2 / (alpha^2 v + sigma^2)

    Args:
        denoiser: a `Denoiser` of the prior.
        observation: y (B, ...), one for each sample.
        operator: A, a linear function of x_0 (B, ...) that returns (B, ...).
        shape: shape of one example x_0.
        noise: standard deviation of the noise of y.
        variance: v, the variance of the numbers of x_0.

    Returns:
        A `Denoiser`, for samples of the posterior.

    Raises:
        ValueError: an argument is out of its range, the operator is not linear, or it returns another shape than the
            observation has.

    References:
        Pseudoinverse-Guided Diffusion Models for Inverse Problems, Song et al., 2023,
        https://openreview.net/forum?id=9_gsMA8MRKQ

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, ddim, pigdm
        >>> prior = MixtureDenoiser(CosineNoise(), np.zeros((1, 2)), np.eye(2)[None])
        >>> posterior = pigdm(prior, np.full((500, 1), 2.0), lambda x: x[:, :1], (2,), noise=0.5)
        >>> samples = np.asarray(ddim(posterior, np.random.default_rng(0).normal(size=(500, 2)), 100))
        >>> round(float(samples[:, 0].mean()), 1), round(float(samples[:, 0].std()), 1)  # exact: 1.6 and 0.45
        (1.6, 0.4)
    """
    matrix = _matrix(operator, shape)
    spectrum, directions = np.linalg.eigh(matrix @ matrix.T)
    back = directions.T @ matrix  # from the eigenvectors of A A' to x_0
    tables = (ops.convert_to_tensor(table.astype("float32")) for table in (spectrum, directions, back))
    spectrum, directions, back = tables

    def slope(d, scales, y):
        r2 = variance * scales.sigma**2 / (scales.alpha**2 * variance + scales.sigma**2)
        gap = ops.reshape(y - _observed(operator, d, y), (d.shape[0], -1))
        weighted = ops.matmul(gap, directions) / (noise**2 + ops.reshape(r2, (-1, 1)) * spectrum)
        return ops.reshape(ops.matmul(weighted, back), d.shape)

    return _posterior(denoiser, observation, slope)


def _posterior(denoiser, observation, slope):
    """Return the denoiser of x_0 given y, for `slope(D, scales, y)`: the gradient of log p(y | x_t) by D."""
    observation = as_real("observation", observation).astype("float32")
    finite(observation=observation)
    if observation.ndim < 2 or 0 in observation.shape:
        raise ValueError(f"observation has shape {observation.shape}; it must be (B, ...), at least one observation")

    def denoise(x, t, context):
        prior, y = denoiser.given(context["prior"]), context["observation"]
        if y.shape[0] != x.shape[0]:
            raise ValueError(f"observation has {y.shape[0]} rows, and x has {x.shape[0]}; they must be as many")
        d, pullback = course_ops.vjp(lambda x: prior(x, t), x)
        scales = scales_at(denoiser.schedule, t, x)
        return d + scales.sigma**2 / scales.alpha * pullback(slope(d, scales, y))[0]

    context = {"prior": denoiser.context, "observation": ops.convert_to_tensor(observation)}
    return Denoiser(denoiser.schedule, denoise, denoiser.variables, context)


def _observed(operator, x, y):
    """Return A(x), or raise a ValueError where it has another shape than the observation."""
    found = operator(x)
    if tuple(found.shape) != tuple(y.shape):
        raise ValueError(f"operator returns {tuple(found.shape)}, and observation has shape {tuple(y.shape)}")
    return found


def _matrix(operator, shape):
    """Return the matrix (M, D) of a linear operator on flat examples."""
    size = int(np.prod(shape))
    units = np.eye(size, dtype="float32").reshape(size, *shape)
    apply = lambda x: ops.convert_to_numpy(operator(ops.convert_to_tensor(x))).reshape(len(x), -1)  # noqa: E731
    matrix = as_points(apply(units).T, name="operator")
    test = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    if not np.allclose(apply(test), test.reshape(2, -1) @ matrix.T, atol=1e-4):
        raise ValueError(f"operator={operator!r} must be linear")
    return matrix
