"""Learning rates that change during training.

Notation: t = 0, 1, 2, ... the number of steps made so far, gamma(t) the learning rate of the next step, gamma_0 =
`learning_rate` the highest one, S = `num_steps`, W = `warmup`.

Each schedule is a function of t, a number or an array of them, and a Keras schedule as well: it goes into every
optimizer of Keras and of this lecture in place of a learning rate.

What happens at a certain step is found by integer arithmetic: a compiler multiplies by 1 / 41 where it should divide by
41, and then finds floor(41 / 41) = 0.
"""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from keras_course.checks import HIGHEST, is_number, positive, whole_number
from keras_course.ops._types import Tensor

RESTARTS = 2**16  # the most of them in as many steps as 32 bits count


@dataclasses.dataclass(frozen=True)
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Base class of the schedules; each subclass defines `rate(t)`."""

    learning_rate: float

    def __post_init__(self):
        positive(learning_rate=self.learning_rate)

    def __call__(self, step):
        """Return gamma at the given step or steps; a ValueError where one is out of range, unless it is a tensor."""
        if isinstance(step, (int, float, list, tuple, np.ndarray, np.number)):
            steps = np.asarray(step)
            if not np.all((steps >= 0) & (steps < HIGHEST)):
                raise ValueError(f"step={step} must not be negative, and less than {HIGHEST}")
        step = ops.convert_to_tensor(step)
        whole = step if "int" in keras.backend.standardize_dtype(step.dtype) else ops.floor(step)
        return self.rate(ops.cast(step, "float32"), ops.cast(whole, "int32"))

    def rate(self, t, whole) -> Tensor:
        """Return gamma(t) for a tensor t of real numbers, with `whole` = floor(t) as integers."""
        raise TypeError(f"{type(self).__name__} is not a schedule by itself: choose one, such as CosineSchedule")

    def get_config(self) -> dict:
        return dataclasses.asdict(self)


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class StepSchedule(Schedule):
    """Step decay: gamma(t) = gamma_0 factor^floor(t / every).

    Args:
        learning_rate: gamma_0, positive.
        every: number of steps between two drops.
        factor: what the rate is multiplied by at each drop, in (0, 1].

    Differences from Keras: it is `ExponentialDecay(staircase=True)`. With `PiecewiseConstantDecay` a rate holds until
    its boundary *inclusive*, so each drop comes one step later.

    Example:
        >>> from keras_course.training import StepSchedule
        >>> [float(StepSchedule(1.0, every=30, factor=0.5)(t)) for t in (0, 29, 30, 60)]
        [1.0, 1.0, 0.5, 0.25]
    """

    every: int
    factor: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        whole_number(1, every=self.every)
        _share("factor", self.factor)

    def rate(self, t, whole) -> Tensor:
        return self.learning_rate * self.factor ** ops.cast(whole // self.every, "float32")


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class ExponentialSchedule(StepSchedule):
    """Exponential decay: gamma(t) = gamma_0 factor^(t / every).

    Args:
        learning_rate: gamma_0, positive.
        every: number of steps in which the rate is multiplied by `factor`.
        factor: in (0, 1].

    Example:
        >>> from keras_course.training import ExponentialSchedule
        >>> [round(float(ExponentialSchedule(1.0, every=2, factor=0.25)(t)), 4) for t in (0, 1, 2)]
        [1.0, 0.5, 0.25]
    """

    def rate(self, t, whole) -> Tensor:
        return self.learning_rate * self.factor ** (t / self.every)


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class InverseTimeSchedule(Schedule):
    """1/t decay: gamma(t) = gamma_0 / (1 + t / every).

    The sum of all rates is infinite, and the sum of their squares is finite. With noisy gradients, steps with these
    rates converge to the minimum itself, and steps with a constant rate do not (Robbins and Monro).

    Args:
        learning_rate: gamma_0, positive.
        every: number of steps after which the rate is half of gamma_0.

    References:
        A Stochastic Approximation Method, Robbins and Monro, 1951, https://doi.org/10.1214/aoms/1177729586

    Example:
        >>> from keras_course.training import InverseTimeSchedule
        >>> [float(InverseTimeSchedule(1.0, every=10)(t)) for t in (0, 10, 30)]
        [1.0, 0.5, 0.25]
    """

    every: int

    def __post_init__(self):
        super().__post_init__()
        whole_number(1, every=self.every)

    def rate(self, t, whole) -> Tensor:
        return self.learning_rate / (1 + t / self.every)


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class CosineSchedule(Schedule):
    """A linear rise, then half a cosine down: the usual choice for transformers.

        gamma(t) = gamma_0 (t + 1) / (W + 1)                                  while t < W
        gamma(t) = final + (gamma_0 - final) (1 + cos(pi (t - W) / (S - W))) / 2    up to S, and final from then on

    Args:
        learning_rate: gamma_0, the peak; positive.
        num_steps: S, the number of steps in all.
        warmup: W, the number of steps of the rise, less than S.
        final: the rate at the end, from 0 to gamma_0.

    References:
        SGDR: Stochastic Gradient Descent with Warm Restarts, Loshchilov and Hutter, 2016,
        https://arxiv.org/abs/1608.03983;
        Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, Goyal et al., 2017,
        https://arxiv.org/abs/1706.02677

    Example:
        >>> from keras_course.training import CosineSchedule
        >>> schedule = CosineSchedule(1.0, num_steps=1000, warmup=99)
        >>> [round(float(schedule(t)), 2) for t in (0, 49, 99, 1000)]
        [0.01, 0.5, 1.0, 0.0]
    """

    num_steps: int
    warmup: int = 0
    final: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        whole_number(1, num_steps=self.num_steps)
        whole_number(0, warmup=self.warmup)
        if self.warmup >= self.num_steps:
            raise ValueError(f"warmup={self.warmup} must be less than num_steps={self.num_steps}")
        _below("final", self.final, self.learning_rate)

    def rate(self, t, whole) -> Tensor:
        rise = self.learning_rate * (t + 1) / (self.warmup + 1)
        done = ops.clip((t - self.warmup) / (self.num_steps - self.warmup), 0.0, 1.0)
        return ops.where(t < self.warmup, rise, _half_cosine(self.learning_rate, self.final, done))


@keras.saving.register_keras_serializable("keras_course")
@dataclasses.dataclass(frozen=True)
class RestartSchedule(Schedule):
    """Warm restarts: half a cosine down, again and again, each time over a longer stretch.

        gamma(t) = final + (gamma_0 shrink^i - final) (1 + cos(pi (t - t_i) / T_i)) / 2

    for t in stretch i, which begins at t_i and takes T_i = T_0 stretch^i steps.

    Args:
        learning_rate: gamma_0, the peak of the first stretch; positive.
        first: T_0, the number of steps of the first stretch.
        stretch: how much longer each is than the one before: 1, or so much more that there are at most 2^16
            restarts in 2^31 steps (1.0002 is enough).
        shrink: how much lower each peak is than the one before, in (0, 1].
        final: the lowest rate, from 0 to gamma_0.

    Differences from Keras: `CosineDecayRestarts` multiplies its lowest rate by shrink^i, too.

    References:
        SGDR: Stochastic Gradient Descent with Warm Restarts, Loshchilov and Hutter, 2016,
        https://arxiv.org/abs/1608.03983

    Example:
        >>> from keras_course.training import RestartSchedule
        >>> schedule = RestartSchedule(1.0, first=10)      # stretches of 10, 20, 40, ... steps
        >>> [round(float(schedule(t)), 2) for t in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    first: int
    stretch: float = 2.0
    shrink: float = 1.0
    final: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        whole_number(1, first=self.first)
        if not (is_number(self.stretch) and 1 <= self.stretch < math.inf):
            raise ValueError(f"stretch={self.stretch!r} must be finite and at least 1")
        _share("shrink", self.shrink)
        _below("final", self.final, self.learning_rate)
        if self.stretch > 1:
            object.__setattr__(self, "_table", self._tabulate())

    def rate(self, t, whole) -> Tensor:
        part = t - ops.cast(whole, "float32")
        if self.stretch == 1:
            i, length = whole // self.first, self.first
            since = ops.cast(whole - i * length, "float32") + part
        else:
            floors, parts, lengths = map(ops.convert_to_tensor, self._table)
            i = ops.searchsorted(floors, ops.reshape(whole, (-1,)), side="right") - 1
            i = ops.reshape(ops.cast(i, "int32"), ops.shape(whole))
            early = ops.logical_and(whole == ops.take(floors, i), part < ops.take(parts, i))
            i = i - ops.cast(early, "int32")
            since = ops.cast(whole - ops.take(floors, i), "float32") + part - ops.take(parts, i)
            length = ops.take(lengths, i)
        peak = self.learning_rate * self.shrink ** ops.cast(i, "float32")
        return _half_cosine(peak, self.final, ops.clip(since / length, 0.0, 1.0))

    def _tabulate(self):
        """Return floor(t_i), t_i - floor(t_i) and T_i of all stretches that begin before the last step there is."""
        lengths, end = [], 0.0
        while end < HIGHEST:
            if len(lengths) == RESTARTS:
                raise ValueError(f"stretch={self.stretch!r} gives over {RESTARTS} restarts: it must be 1, or larger")
            lengths.append(self.first * self.stretch ** len(lengths))
            end += lengths[-1]
        starts = np.cumsum([0.0, *lengths[:-1]])
        near = np.rint(starts)
        starts = np.where(np.abs(starts - near) < 1e-3, near, starts)  # a sum may be 3310.0000000000005
        return starts.astype("int32"), (starts % 1).astype("float32"), np.array(lengths, "float32")


def _half_cosine(high, low, done):
    return low + (high - low) * (1 + ops.cos(math.pi * done)) / 2


def _share(name, value):
    if not (is_number(value) and 0 < value <= 1):
        raise ValueError(f"{name}={value!r} must be in (0, 1]")


def _below(name, value, peak):
    if not (is_number(value) and 0 <= value <= peak):
        raise ValueError(f"{name}={value!r} must be from 0 to learning_rate={peak!r}")
