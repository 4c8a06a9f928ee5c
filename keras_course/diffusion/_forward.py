"""The forward process: noise is added to an example, all at once or step by step.

Notation: x_0 (B, ...) examples, x_t = alpha_t x_0 + sigma_t e with noise e ~ N(0, I).
"""

import numpy as np
from keras import ops

from keras_course.checks import as_row, instance, validate
from keras_course.diffusion._ancestral import posterior_scales
from keras_course.diffusion._loop import as_noise
from keras_course.diffusion._parameterizations import scales_at
from keras_course.diffusion._schedules import NoiseSchedule
from keras_course.ops._types import Tensor


def _times(name, t, x):
    times = np.asarray(as_row(name, np.ravel(t)) if np.ndim(t) else as_row(name, [t]))
    if np.ndim(t) > 1 or len(times) not in (1, x.shape[0]) or not ((times >= 0) & (times <= 1)).all() or t is True:
        raise ValueError(f"{name}={t!r} must be a time in [0, 1], or one for each of the {x.shape[0]} examples")
    return ops.convert_to_tensor(times[0] if np.ndim(t) == 0 else times, dtype="float32")


@validate(schedule=instance(NoiseSchedule))
def q_sample(schedule, x, t, noise) -> Tensor:
    """Return x_t = alpha_t x_0 + sigma_t e: the forward process in closed form.

    Args:
        schedule: a `NoiseSchedule`.
        x: examples x_0 (B, ...).
        t: a time in [0, 1], or times (B,).
        noise: e (B, ...).

    Returns:
        x_t (B, ...).

    Raises:
        ValueError: shapes do not fit, or a time is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import RectifiedNoise, q_sample
        >>> float(q_sample(RectifiedNoise(), np.array([[1.0]]), 0.25, np.array([[3.0]]))[0, 0])
        1.5
    """
    x, noise = as_noise("x", x), as_noise("noise", noise)
    if x.shape != noise.shape:
        raise ValueError(f"noise has shape {tuple(noise.shape)}; it must be {tuple(x.shape)}, as x")
    scales = scales_at(schedule, _times("t", t, x), x)
    return scales.alpha * x + scales.sigma * noise


@validate(schedule=instance(NoiseSchedule))
def posterior(schedule, x0, x, t, s) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance of q(x_s given x_t, x_0) for s < t: a step backwards where the example is known.

        a = alpha_t / alpha_s,  v = sigma_t^2 - a^2 sigma_s^2
        mean = (a sigma_s^2 x_t + alpha_s v x_0) / sigma_t^2,  variance = v sigma_s^2 / sigma_t^2

    For s = 0 the mean is x_0 and the variance is 0. So the divergence of two such distributions with different means
    is infinite, and the last step of a chain has to be treated apart (`elbo` uses a likelihood there).

    Args:
        schedule: a `NoiseSchedule`.
        x0: examples x_0 (B, ...).
        x: x_t (B, ...).
        t, s: times in [0, 1], t above s.

    Returns:
        The mean (B, ...) and the variance, a scalar.

    Raises:
        ValueError: shapes do not fit, or s is not before t.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import LinearNoise, posterior
        >>> mean, variance = posterior(LinearNoise(), np.array([[1.0]]), np.array([[3.0]]), 0.001, 0.0)
        >>> round(float(mean[0, 0]), 3), round(float(variance), 6)
        (1.0, 0.0)
    """
    x0, x = as_noise("x0", x0), as_noise("x", x)
    if x.shape != x0.shape:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be {tuple(x0.shape)}, as x0")
    times = _times("t", t, x), _times("s", s, x)
    if np.ndim(t) or np.ndim(s) or not times[1] < times[0]:
        raise ValueError(f"s={s!r} must be a time before t={t!r}")
    of_x, of_x0, variance = posterior_scales(*(scales_at(schedule, time, x) for time in times))
    return of_x * x + of_x0 * x0, variance
