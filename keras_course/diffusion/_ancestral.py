"""Ancestral sampling, and its faster relatives DDIM and DPM-Solver++.

Notation: a step leads from a time t to an earlier time s; a_t and o_t are the scales alpha and sigma at t; D is the
denoised example and e the noise that belongs to it.
"""

from keras import ops

from keras_course.checks import not_negative, validate
from keras_course.diffusion._loop import run
from keras_course.ops._types import Tensor


def posterior_scales(at_t, at_s) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights of x_t and x_0 in the mean of q(x_s given x_t, x_0), and its variance, for s < t:

    a_ts = a_t / a_s,  o_ts^2 = o_t^2 - a_ts^2 o_s^2
    mean = (a_ts o_s^2 x_t + a_s o_ts^2 x_0) / o_t^2,  variance = o_ts^2 o_s^2 / o_t^2
    """
    ratio = at_t.alpha / at_s.alpha
    step_variance = ops.maximum(at_t.sigma**2 - ratio**2 * at_s.sigma**2, 0.0)
    of_x, of_x0 = ratio * at_s.sigma**2, at_s.alpha * step_variance
    return of_x / at_t.sigma**2, of_x0 / at_t.sigma**2, step_variance * at_s.sigma**2 / at_t.sigma**2


def ancestral(denoiser, x, steps=1000, *, seed=0, noise=None) -> Tensor:
    """Sample by the reverse chain of DDPM: x_s ~ q(x_s given x_t, x_0 = D).

    The variance is 0 in the last step, to s = 0, which returns D itself.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...), noise of the scale of the first time.
        steps: number of steps, or times that fall.
        seed: of the noise.
        noise: noise (steps, B, ...) in place of new noise.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, or there are more steps than the schedule has.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, ancestral
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[3.0]], [[[0.25]]])  # N(3, 0.25)
        >>> samples = ancestral(denoiser, np.random.default_rng(0).normal(size=(4000, 1)), 100)
        >>> round(float(np.mean(np.asarray(samples))), 1)
        3.0
    """
    return run(denoiser, _ancestral_step, x, steps, seed=seed, noise=noise)


def _ancestral_step(denoiser, x, step):
    of_x, of_x0, variance = posterior_scales(step.at_t, step.at_s)
    return of_x * x + of_x0 * denoiser(x, step.t) + ops.sqrt(variance) * step.noise()


@validate(eta=not_negative)
def ddim(denoiser, x, steps=50, *, eta=0.0, seed=0, noise=None) -> Tensor:
    """Sample by DDIM, where `eta` goes from a deterministic method (0) to ancestral sampling (1):

        x_s = a_s D + sqrt(o_s^2 - c^2) e + c z,  c^2 = eta^2 times the variance of q(x_s given x_t, x_0)

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.
        eta: see above; at most 1 for the variance of x_s to be right.
        seed: of the noise z.
        noise: noise (steps, B, ...) in place of new noise.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, or there are more steps than the schedule has.

    References:
        Denoising Diffusion Implicit Models, Song et al., 2021, https://arxiv.org/abs/2010.02502

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, ddim
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[3.0]], [[[0.25]]])
        >>> x = ddim(denoiser, np.array([[-1.0], [0.0], [1.0]]), 100)  # at quantiles of N(0, 1), near those of the data
        >>> [round(float(value), 1) for value in x[:, 0]]
        [2.5, 3.0, 3.5]
    """
    return run(denoiser, _ddim_step, x, steps, seed=seed, noise=noise, eta=eta)


def _ddim_step(denoiser, x, step):
    x0, e = denoiser.split(x, step.t)
    *_, variance = posterior_scales(step.at_t, step.at_s)
    c2 = ops.minimum(step.options["eta"] ** 2 * variance, step.at_s.sigma**2)
    return step.at_s.alpha * x0 + ops.sqrt(step.at_s.sigma**2 - c2) * e + ops.sqrt(c2) * step.noise()


def dpm_solver(denoiser, x, steps=20) -> Tensor:
    """Sample by DPM-Solver++ (2M), a method of order 2 with one call of the denoiser for each step:

        l = log(a / o),  h = l_s - l_t,  r = (h of the last step) / h
        x_s = o_s / o_t x + a_s (1 - exp(-h)) ((1 + 1 / 2r) D_t - 1 / 2r D of the last step)

    The first step, and a last one to s = 0, have order 1.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.

    Returns:
        Samples (B, ...).

    Raises:
        ValueError: an argument is out of its range, or there are more steps than the schedule has.

    References:
        DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models, Lu et al., 2022,
        https://arxiv.org/abs/2211.01095

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, dpm_solver
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[3.0]], [[[0.25]]])
        >>> x = dpm_solver(denoiser, np.array([[-1.0], [0.0], [1.0]]), 20)
        >>> [round(float(value), 1) for value in x[:, 0]]
        [2.5, 3.0, 3.5]
    """
    return run(denoiser, _dpm_solver_step, x, steps, memory=("denoised", "h"))


def _dpm_solver_step(denoiser, x, step):
    (a_t, o_t), (a_s, o_s) = step.at_t[:2], step.at_s[:2]
    x0, last = denoiser(x, step.t), step.memory["denoised"]
    h = _half_log_snr(a_s, o_s) - _half_log_snr(a_t, o_t)
    single = ops.logical_or(step.first, o_s < 1e-6)
    extrapolated = x0 + h / (2 * ops.where(step.first, 1.0, step.memory["h"])) * (x0 - last)
    d = ops.where(single, x0, extrapolated)
    decay = (o_s / o_t) * (a_t / a_s)  # exp(-h)
    return o_s / o_t * x + a_s * (1 - decay) * d, {"denoised": x0, "h": h + ops.zeros_like(x)}


def _half_log_snr(alpha, sigma):
    return ops.log(ops.maximum(alpha, 1e-8)) - ops.log(ops.maximum(sigma, 1e-8))
