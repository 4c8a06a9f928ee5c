"""The denoiser: the function x_t, t -> E[x_0 given x_t] from which every sampler works.

Notation: x_t = alpha_t x_0 + sigma_t e (B, ...); D (B, ...) the denoised example; t a scalar or (B,).
"""

import copy
from collections.abc import Callable

from keras import ops

from keras_course.checks import function as is_function
from keras_course.checks import instance, validate
from keras_course.diffusion._parameterizations import scales_at
from keras_course.diffusion._schedules import NoiseSchedule
from keras_course.ops import jit_while
from keras_course.ops._types import Tensor


class Denoiser:
    """A function that denoises, with the schedule of the noise: D = E[x_0 given x_t].

    The noise, the score and the velocity follow from D:

        e = (x_t - alpha D) / sigma,  score = -e / sigma,  dx/dt = alpha' D + sigma' e

    Args:
        schedule: a `NoiseSchedule`.
        function: function of x (B, ...), t (B,) and the context that returns D (B, ...).
        variables: every Keras variable that it reads.
        context: a structure of tensors that the function takes, such as labels.

    Raises:
        ValueError: `schedule` is not a `NoiseSchedule`, `function` not a function, or `variables` not a list.

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import CosineNoise, Denoiser
        >>> denoiser = Denoiser(CosineNoise(), lambda x, t, context: ops.zeros_like(x))  # all data are 0
        >>> round(float(denoiser.score(ops.ones((1, 1)), 0.5)[0, 0]), 2)  # -x / sigma^2
        -2.0
    """

    @validate(schedule=instance(NoiseSchedule), function=is_function, variables=instance(tuple, list))
    def __init__(self, schedule, function: Callable, variables=(), context=()):
        self.schedule, self.function, self.variables, self.context = schedule, function, list(variables), context
        self.programs = {}

    def given(self, context) -> "Denoiser":
        """Return this denoiser with another context. It shares the compiled programs."""
        other = copy.copy(self)
        other.context = context
        return other

    def __call__(self, x, t) -> Tensor:
        """Return D (B, ...) of x (B, ...) at a time t, a scalar or (B,)."""
        x, t = (ops.convert_to_tensor(value, dtype="float32") for value in (x, t))
        rows = ops.broadcast_to(t, ops.shape(x)[:1]) if len(t.shape) == 0 else t
        return ops.cast(self.function(x, rows, self.context), "float32")

    def noise(self, x, t) -> Tensor:
        """Return the estimate of the noise e (B, ...)."""
        return self.split(x, t)[1]

    def score(self, x, t) -> Tensor:
        """Return the score, the gradient of log p_t by x (B, ...)."""
        return -self.noise(x, t) / scales_at(self.schedule, t, x).sigma

    def velocity(self, x, t) -> Tensor:
        """Return dx/dt of the probability-flow ODE (B, ...)."""
        x0, noise = self.split(x, t)
        scales = scales_at(self.schedule, t, x)
        return scales.alpha_rate * x0 + scales.sigma_rate * noise

    def split(self, x, t) -> tuple[Tensor, Tensor]:
        """Return the estimates of the two parts of x_t: x_0 and e, (B, ...) each."""
        x = ops.convert_to_tensor(x, dtype="float32")
        scales, x0 = scales_at(self.schedule, t, x), self(x, t)
        return x0, (x - scales.alpha * x0) / scales.sigma

    def loop(self, cond, step) -> Callable:
        """Return `jit_while(cond, body)`, where `body(carry)` is `step(denoiser, carry)`; it is compiled once."""
        if step not in self.programs:
            body = lambda carry: step(self.given(carry["context"]), carry)  # noqa: E731
            self.programs[step] = jit_while(cond, body, variables=self.variables)
        return self.programs[step]
