"""Noise schedules: how much of an example is left, and how much noise there is, at a time t in [0, 1].

Notation: x_t = alpha_t x_0 + sigma_t e with noise e ~ N(0, I); alpha_t is the signal scale and sigma_t the noise scale.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_row, between_0_and_1, is_whole, positive, whole_number
from keras_course.ops._types import Tensor


@dataclasses.dataclass(frozen=True)
class NoiseSchedule:
    """Base class: a schedule defines `alpha(t)` and `sigma(t)`, of tensors of any shape with values in [0, 1].

    Attributes:
        t_min: the smallest time at which a model is trained and a likelihood is computed.
    """

    t_min = 1e-3

    def alpha(self, t) -> Tensor:
        """Return the signal scale at times t."""
        return ops.ones_like(t)

    def sigma(self, t) -> Tensor:
        """Return the noise scale at times t."""
        raise NotImplementedError(f"{type(self).__name__} must define sigma(t)")

    def scales(self, t) -> tuple[Tensor, Tensor]:
        """Return alpha_t and sigma_t."""
        return self.alpha(t), self.sigma(t)

    def rates(self, t) -> tuple[Tensor, Tensor]:
        """Return the derivatives of alpha_t and sigma_t by t."""
        return course_ops.jvp(lambda t: self.scales(t), (t,), (ops.ones_like(t),))[1]

    def sde(self, t) -> tuple[Tensor, Tensor]:
        """Return f and g^2 of the SDE dx = f x dt + g dw that has the same marginals:

        f = alpha' / alpha,  g^2 = d(sigma^2)/dt - 2 f sigma^2
        """
        (alpha, sigma), (alpha_rate, sigma_rate) = self.scales(t), self.rates(t)
        f = alpha_rate / alpha
        return f, 2 * sigma * sigma_rate - 2 * f * sigma**2

    def log_snr(self, t) -> Tensor:
        """Return log(alpha_t^2 / sigma_t^2), the logarithm of the signal-to-noise ratio."""
        alpha, sigma = self.scales(t)
        return 2 * (ops.log(ops.maximum(alpha, 1e-8)) - ops.log(ops.maximum(sigma, 1e-8)))

    def training_time(self, u) -> Tensor:
        """Return training times for uniform numbers u in [0, 1): uniform in [t_min, 1]."""
        return self.t_min + (1.0 - self.t_min) * u

    def times(self, steps) -> np.ndarray:
        """Return `steps` + 1 times from 1 to 0: the ends of the steps of a sampler."""
        return np.linspace(1.0, 0.0, steps + 1)

    def grid(self, steps) -> np.ndarray:
        """Return the times of a sampler, for a number of steps or for times that fall, each in [0, 1].

        Raises:
            ValueError: `steps` is neither, or there are more steps than the schedule has.
        """
        if is_whole(steps):
            whole_number(1, steps=steps)
            return self.times(int(steps)).astype("float32")
        times = as_row("steps", steps)
        if len(times) < 2 or times[0] > 1 or times[-1] < 0 or not (np.diff(times) < 0).all():
            raise ValueError(
                f"steps={steps!r} must be a number of steps, or at least two times that fall, each in [0, 1]"
            )
        return times.astype("float32")

    def get_config(self) -> dict:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config) -> "NoiseSchedule":
        return cls(**config)


def _preserving_rates(alpha, sigma, slope):
    """Return the derivatives of alpha and sigma, where alpha^2 + sigma^2 = 1 and log alpha has a slope."""
    return alpha * slope, -(alpha**2) * slope / sigma


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class LinearNoise(NoiseSchedule):
    """The schedule of DDPM, of N steps: beta_i rises linearly from `first` to `last`, and

        alpha_t^2 = (1 - beta_1) ... (1 - beta_i) at t = i / N,  sigma_t^2 = 1 - alpha_t^2

    The paper writes alpha-bar_i for our alpha_t^2. Between two steps, log alpha is linear in t.

    Args:
        num_steps: N.
        first, last: beta_1 and beta_N.

    Raises:
        ValueError: a beta is not between 0 and 1, or the first is above the last.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import LinearNoise
        >>> alpha = LinearNoise().alpha(ops.ones(()))
        >>> round(1e5 * float(alpha) ** 2, 2)  # alpha-bar of the last step
        4.04
    """

    num_steps: int = 1000
    first: float = 1e-4
    last: float = 0.02

    def __post_init__(self):
        whole_number(1, num_steps=self.num_steps)
        between_0_and_1(first=self.first, last=self.last)
        if self.first > self.last:
            raise ValueError(f"first={self.first!r} must be at most last={self.last!r}: noise only grows")

    @property
    def t_min(self) -> float:
        return 1 / self.num_steps

    @property
    def betas(self) -> np.ndarray:
        """beta_1, ..., beta_N."""
        return np.linspace(self.first, self.last, self.num_steps)

    def _log_alpha(self, t):
        """Return log alpha and its derivative by t."""
        table = np.concatenate([[0.0], 0.5 * np.cumsum(np.log1p(-self.betas))])
        table = ops.convert_to_tensor(table, dtype="float32")
        position = ops.clip(t, 0.0, 1.0) * self.num_steps
        below = ops.clip(ops.floor(position), 0, self.num_steps - 1)
        first, last = (ops.take(table, ops.cast(below, "int32") + k) for k in (0, 1))
        return first + (position - below) * (last - first), self.num_steps * (last - first)

    def alpha(self, t) -> Tensor:
        return ops.exp(self._log_alpha(t)[0])

    def sigma(self, t) -> Tensor:
        return ops.sqrt(ops.maximum(-ops.expm1(2 * self._log_alpha(t)[0]), 1e-20))

    def rates(self, t) -> tuple[Tensor, Tensor]:
        return _preserving_rates(*self.scales(t), self._log_alpha(t)[1])

    def training_time(self, u) -> Tensor:
        """Return i / N for i = 1, ..., N with equal probabilities."""
        return (ops.floor(u * self.num_steps) + 1.0) / self.num_steps

    def grid(self, steps) -> np.ndarray:
        times = super().grid(steps)
        if len(times) > self.num_steps + 1:
            raise ValueError(f"steps={steps!r} must be at most {self.num_steps}: the schedule has no more")
        return times

    def times(self, steps) -> np.ndarray:
        """Return `steps` + 1 times from 1 to 0, each of the form i / N."""
        return np.round(super().times(steps) * self.num_steps) / self.num_steps


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class CosineNoise(NoiseSchedule):
    """alpha_t = cos(a t) and sigma_t = sin(a t), with the angle a such that alpha_1 is `alpha_min`.

    Args:
        alpha_min: alpha_1, what is left of an example at the time 1.

    Raises:
        ValueError: `alpha_min` is not between 0 and 1.

    Differences from the paper: no offset of the time near 0; the last time has `alpha_min` where the paper limits beta.

    References:
        Improved Denoising Diffusion Probabilistic Models, Nichol and Dhariwal, 2021, https://arxiv.org/abs/2102.09672

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import CosineNoise
        >>> [round(float(scale), 3) for scale in CosineNoise().scales(ops.ones(()))]
        [0.001, 1.0]
    """

    alpha_min: float = 1e-3

    def __post_init__(self):
        between_0_and_1(alpha_min=self.alpha_min)

    def alpha(self, t) -> Tensor:
        return ops.cos(math.acos(self.alpha_min) * t)

    def sigma(self, t) -> Tensor:
        return ops.sin(math.acos(self.alpha_min) * t)

    def rates(self, t) -> tuple[Tensor, Tensor]:
        alpha, sigma = self.scales(t)
        return -math.acos(self.alpha_min) * sigma, math.acos(self.alpha_min) * alpha


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class VPNoise(NoiseSchedule):
    """The variance-preserving schedule, the limit of `LinearNoise` for many small steps:

        beta(t) = beta_min + t (beta_max - beta_min),  dx = -beta/2 x dt + sqrt(beta) dw
        log alpha_t = -t beta_min / 2 - t^2 (beta_max - beta_min) / 4,  sigma_t^2 = 1 - alpha_t^2

    Args:
        beta_min, beta_max: beta(0) and beta(1).

    Raises:
        ValueError: a number is not positive, or `beta_min` is above `beta_max`.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import VPNoise
        >>> f, g_squared = VPNoise().sde(ops.convert_to_tensor(0.5))
        >>> round(float(f), 3), round(float(g_squared), 3)  # -beta / 2, beta
        (-5.025, 10.05)
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self):
        positive(beta_min=self.beta_min, beta_max=self.beta_max)
        if self.beta_min > self.beta_max:
            raise ValueError(f"beta_min={self.beta_min!r} must be at most beta_max={self.beta_max!r}")

    def _log_alpha(self, t):
        return -0.5 * t * self.beta_min - 0.25 * t**2 * (self.beta_max - self.beta_min)

    def alpha(self, t) -> Tensor:
        return ops.exp(self._log_alpha(t))

    def sigma(self, t) -> Tensor:
        return ops.sqrt(ops.maximum(-ops.expm1(2 * self._log_alpha(t)), 1e-20))

    def rates(self, t) -> tuple[Tensor, Tensor]:
        beta = self.beta_min + t * (self.beta_max - self.beta_min)
        return _preserving_rates(*self.scales(t), -0.5 * beta)


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class VENoise(NoiseSchedule):
    """The variance-exploding schedule of score matching: alpha_t = 1, and log sigma_t is linear in t.

    At the time 0 the noise has the scale `sigma_min`, and it stays in samples.

    Args:
        sigma_min, sigma_max: sigma_0 and sigma_1; the largest distance of two examples is a good sigma_1.

    Raises:
        ValueError: a number is not positive, or `sigma_min` is not below `sigma_max`.

    References:
        Generative Modeling by Estimating Gradients of the Data Distribution, Song and Ermon, 2019,
        https://arxiv.org/abs/1907.05600

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import VENoise
        >>> round(float(VENoise(0.01, 100.0).sigma(ops.convert_to_tensor(0.5))), 3)
        1.0
    """

    sigma_min: float = 0.01
    sigma_max: float = 50.0
    t_min = 0.0

    def __post_init__(self):
        positive(sigma_min=self.sigma_min, sigma_max=self.sigma_max)
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min={self.sigma_min!r} must be below sigma_max={self.sigma_max!r}")

    def sigma(self, t) -> Tensor:
        return self.sigma_min * ops.exp(math.log(self.sigma_max / self.sigma_min) * t)

    def rates(self, t) -> tuple[Tensor, Tensor]:
        return ops.zeros_like(t), math.log(self.sigma_max / self.sigma_min) * self.sigma(t)


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class EDMNoise(NoiseSchedule):
    """The schedule of EDM: alpha_t = 1 and sigma_t = sigma_max t, with small steps where there is little noise.

    A sampler of N steps ends its steps at sigma^(1/rho) in equal distances from sigma_max to sigma_min, and then at 0.
    Training noise is log-normal: log sigma ~ N(-1.2, 1.2^2), for data with a standard deviation of 0.5.

    Args:
        sigma_min, sigma_max: the smallest noise scale of a sampler above 0, and the largest.
        rho: the larger, the smaller are the steps near sigma_min.

    Raises:
        ValueError: a number is not positive, or `sigma_min` is not below `sigma_max`.

    References:
        Elucidating the Design Space of Diffusion-Based Generative Models, Karras et al., 2022,
        https://arxiv.org/abs/2206.00364

    Example:
        >>> from keras_course.diffusion import EDMNoise
        >>> (80 * EDMNoise().times(4)).round(3).tolist()
        [80.0, 9.723, 0.47, 0.002, 0.0]
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0

    def __post_init__(self):
        positive(sigma_min=self.sigma_min, sigma_max=self.sigma_max, rho=self.rho)
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min={self.sigma_min!r} must be below sigma_max={self.sigma_max!r}")

    @property
    def t_min(self) -> float:
        return self.sigma_min / self.sigma_max

    def sigma(self, t) -> Tensor:
        return self.sigma_max * t

    def rates(self, t) -> tuple[Tensor, Tensor]:
        return ops.zeros_like(t), self.sigma_max * ops.ones_like(t)

    def training_time(self, u) -> Tensor:
        """Return the quantiles of the log-normal distribution at uniform numbers u, within the noise of a sampler."""
        sigma = ops.exp(-1.2 + 1.2 * math.sqrt(2) * ops.erfinv(ops.clip(2 * u - 1, -0.9999, 0.9999)))
        return ops.clip(sigma, self.sigma_min, self.sigma_max) / self.sigma_max

    def times(self, steps) -> np.ndarray:
        ends = self.sigma_max ** (1 / self.rho), self.sigma_min ** (1 / self.rho)
        sigma = np.linspace(*ends, steps) ** self.rho
        return np.concatenate([sigma / self.sigma_max, [0.0]])


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class RectifiedNoise(NoiseSchedule):
    """The straight paths of flow matching: alpha_t = 1 - t and sigma_t = t, so dx/dt = e - x_0.

    Differences from the papers: the time runs from the data (0) to the noise (1), as in the other schedules.

    References:
        Flow Matching for Generative Modeling, Lipman et al., 2023, https://arxiv.org/abs/2210.02747
        Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow, Liu et al., 2023,
        https://arxiv.org/abs/2209.03003

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import RectifiedNoise
        >>> [float(rate) for rate in RectifiedNoise().rates(ops.convert_to_tensor(0.3))]
        [-1.0, 1.0]
    """

    def alpha(self, t) -> Tensor:
        return 1.0 - t

    def sigma(self, t) -> Tensor:
        return 1.0 * t

    def rates(self, t) -> tuple[Tensor, Tensor]:
        return -ops.ones_like(t), ops.ones_like(t)


SCHEDULES = {
    "linear": LinearNoise,
    "cosine": CosineNoise,
    "vp": VPNoise,
    "ve": VENoise,
    "edm": EDMNoise,
    "rectified": RectifiedNoise,
}
