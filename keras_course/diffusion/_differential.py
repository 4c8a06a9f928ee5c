"""Samplers that solve a differential equation: the probability-flow ODE, or the reverse SDE.

Notation: a step leads from a time t to an earlier time s; u(x, t) = dx/dt is the velocity of the probability-flow ODE;
f and g are of the forward SDE dx = f x dt + g dw.

    ODE             dx = u dt,  u = f x - g^2 / 2 score
    reverse SDE     dx = (f x - g^2 score) dt + g dw = (u - g^2 / 2 score) dt + g dw

Both have the same density at each time.
"""

from keras import ops

from keras_course.checks import instance, positive, validate, whole
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._loop import run
from keras_course.ops._types import Tensor


def euler(denoiser, x, steps=50) -> Tensor:
    """Sample by Euler's method for the probability-flow ODE, of order 1:

        x_s = x_t + (s - t) u(x_t, t)

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, or there are more steps than the schedule has.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import MixtureDenoiser, RectifiedNoise, euler
        >>> denoiser = MixtureDenoiser(RectifiedNoise(), [[3.0]], [[[0.25]]])
        >>> x = euler(denoiser, np.array([[-1.0], [0.0], [1.0]]), 200)
        >>> [round(float(value), 1) for value in x[:, 0]]
        [2.5, 3.0, 3.5]
    """
    return run(denoiser, _euler_step, x, steps)


def _euler_step(denoiser, x, step):
    return x + (step.s - step.t) * denoiser.velocity(x, step.t)


def heun(denoiser, x, steps=25) -> Tensor:
    """Sample by Heun's method for the probability-flow ODE, of order 2, with two calls of the denoiser for each step:

        x' = x_t + (s - t) u(x_t, t),  x_s = x_t + (s - t) / 2 (u(x_t, t) + u(x', s))

    A step to a time without noise is one of Euler's method.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, or there are more steps than the schedule has.

    References:
        Elucidating the Design Space of Diffusion-Based Generative Models, Karras et al., 2022,
        https://arxiv.org/abs/2206.00364

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import EDMNoise, MixtureDenoiser, heun
        >>> denoiser = MixtureDenoiser(EDMNoise(), [[3.0]], [[[0.25]]])
        >>> x = heun(denoiser, 80 * np.array([[-1.0], [0.0], [1.0]]), 18)
        >>> [round(float(value), 1) for value in x[:, 0]]
        [2.5, 3.0, 3.5]
    """
    return run(denoiser, _heun_step, x, steps)


def _heun_step(denoiser, x, step):
    u, h = denoiser.velocity(x, step.t), step.s - step.t
    noisy = step.at_s.sigma > 1e-6
    there = denoiser.velocity(x + h * u, ops.where(noisy, step.s, step.t))  # no velocity where there is no noise
    return x + h * ops.where(noisy, (u + there) / 2, u)


@validate(denoiser=instance(Denoiser))
def euler_maruyama(denoiser, x, steps=1000, *, seed=0, noise=None) -> Tensor:
    """Sample by the Euler-Maruyama method for the reverse SDE:

        x_s = x_t + (s - t) (u - g^2 / 2 score) + g sqrt(t - s) z,  z ~ N(0, I)

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.
        seed: of the noise z.
        noise: noise (steps, B, ...) in place of new noise.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, there are more steps than the schedule has, or nothing is left of
            the example at the first time, where g is infinite.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import MixtureDenoiser, VPNoise, euler_maruyama
        >>> denoiser = MixtureDenoiser(VPNoise(), [[3.0]], [[[0.25]]])
        >>> samples = euler_maruyama(denoiser, np.random.default_rng(0).normal(size=(4000, 1)), 200)
        >>> round(float(np.mean(np.asarray(samples))), 1)
        3.0
    """
    _check_signal(denoiser, steps)
    return run(denoiser, _euler_maruyama_step, x, steps, seed=seed, noise=noise)


def _check_signal(denoiser, steps):
    first = denoiser.schedule.grid(steps)[0]
    if float(denoiser.schedule.alpha(ops.convert_to_tensor(first))) < 1e-6:
        raise ValueError(
            f"steps={steps!r} must begin at a time before t={first:.4g}, where alpha is 0 and the SDE infinite"
        )


def _euler_maruyama_step(denoiser, x, step):
    (x0, e), h = denoiser.split(x, step.t), step.t - step.s
    _, g2 = denoiser.schedule.sde(step.t)
    velocity = step.at_t.alpha_rate * x0 + step.at_t.sigma_rate * e
    score = -e / step.at_t.sigma
    return x - h * (velocity - g2 / 2 * score) + ops.sqrt(g2 * h) * step.noise()


@validate(denoiser=instance(Denoiser), snr=positive)
def predictor_corrector(denoiser, x, steps=500, *, snr=0.16, seed=0) -> Tensor:
    """Sample by a step of the reverse SDE, followed by a step of Langevin dynamics at the new time:

        predictor   x' = x_t + (s - t) (u - g^2 / 2 score) + g sqrt(t - s) z
        corrector   x_s = x' + d score(x', s) + sqrt(2 d) z',  d = 2 (snr norm(z') / norm(score))^2

    The corrector moves x towards the density at s without changing the time. There is none where s has no noise.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.
        snr: the size of a Langevin step. The norms are means over the examples.
        seed: of the noise.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: as in `euler_maruyama`, or `snr` is not positive.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import MixtureDenoiser, VPNoise, predictor_corrector
        >>> denoiser = MixtureDenoiser(VPNoise(), [[3.0]], [[[0.25]]])
        >>> samples = predictor_corrector(denoiser, np.random.default_rng(0).normal(size=(4000, 1)), 200)
        >>> round(float(np.mean(np.asarray(samples))), 1)
        3.0
    """
    _check_signal(denoiser, steps)
    return run(denoiser, _predictor_corrector_step, x, steps, seed=seed, draws=2, snr=snr)


def _predictor_corrector_step(denoiser, x, step):
    x = _euler_maruyama_step(denoiser, x, step)
    noisy, z = step.at_s.sigma > 1e-6, step.noise(1)
    score = denoiser.score(x, ops.where(noisy, step.s, step.t))
    d = 2 * (step.options["snr"] * _mean_norm(z) / _mean_norm(score)) ** 2
    return ops.where(noisy, x + d * score + ops.sqrt(2 * d) * z, x)


def _mean_norm(x):
    return ops.mean(ops.sqrt(ops.sum(ops.reshape(ops.square(x), (x.shape[0], -1)), axis=-1)))


@validate(denoiser=instance(Denoiser), step_size=positive, num_repeats=whole(1))
def annealed_langevin(denoiser, x, steps=10, *, step_size=0.1, num_repeats=100, seed=0) -> Tensor:
    """Sample by Langevin dynamics at one noise level after the other:

        x <- x + d score(x, t) + sqrt(2 d) z,  d = step_size sigma_t^2

    After `num_repeats` such moves at a time t, x is scaled by alpha_s / alpha_t for the next time s.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of noise levels, or times that fall; there are no moves at the last one.
        step_size: of a move, in units of the variance of the noise.
        num_repeats: moves at each time.
        seed: of the noise z.

    Returns:
        Samples (B, ...), which still have the noise of the last level but one.

    Raises:
        ValueError: an argument is out of its range.

    Differences from the paper: `step_size` is eps / (2 sigma_L^2) with the paper's eps and sigma_L.

    References:
        Generative Modeling by Estimating Gradients of the Data Distribution, Song and Ermon, 2019,
        https://arxiv.org/abs/1907.05600

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import MixtureDenoiser, VENoise, annealed_langevin
        >>> denoiser = MixtureDenoiser(VENoise(0.01, 10.0), [[3.0]], [[[0.25]]])
        >>> samples = annealed_langevin(denoiser, 10 * np.random.default_rng(0).normal(size=(4000, 1)), num_repeats=20)
        >>> round(float(np.mean(np.asarray(samples))), 1)
        3.0
    """
    _check_signal(denoiser, steps)
    return run(denoiser, _langevin_step, x, steps, seed=seed, repeats=int(num_repeats), step_size=step_size)


def _langevin_step(denoiser, x, step):
    d = step.options["step_size"] * step.at_t.sigma**2
    x = x + d * denoiser.score(x, step.t) + ops.sqrt(2 * d) * step.noise()
    return step.at_s.alpha / step.at_t.alpha * x
