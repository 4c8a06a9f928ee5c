"""What a network predicts: the example, the noise, the score or a velocity. One field, exact conversions.

Notation: x_t = alpha x_0 + sigma e; F the output of a network; D = E[x_0 given x_t] what all of them are turned into.
`alpha` and `sigma` are scalars, or one number for each example.

    noise     e = (x_t - alpha D) / sigma
    score     grad log p_t(x_t) = (alpha D - x_t) / sigma^2 = -e / sigma       (Tweedie's formula)
    angular   v = alpha e - sigma D
    flow      u = dx/dt = alpha' D + sigma' e, with the derivatives of alpha and sigma by t
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from keras_course.ops._types import Tensor

SIGMA_DATA = 0.5  # of EDM: the standard deviation of the data


class Scales(NamedTuple):
    """What a schedule has at a time: alpha, sigma and their derivatives by t."""

    alpha: Tensor
    sigma: Tensor
    alpha_rate: Tensor
    sigma_rate: Tensor


def scales_at(schedule, t, x) -> Scales:
    """Return the `Scales` at a time t, a scalar or (B,), with as many axes as x (B, ...) where t has one."""
    t = ops.convert_to_tensor(t, dtype="float32")
    found = Scales(*schedule.scales(t), *schedule.rates(t))
    if len(t.shape) == 0:
        return found
    return Scales(*(ops.reshape(part, (-1,) + (1,) * (len(x.shape) - 1)) for part in found))


class Parameterization(NamedTuple):
    """What the output F of a network stands for: D = c_skip x_t + c_out F.

    Attributes:
        coefficients: function of `Scales` that returns c_skip and c_out.
        target: function of x_0, e and `Scales` that returns what F should be: (x_0 - c_skip x_t) / c_out, simplified.
    """

    coefficients: Callable
    target: Callable


def _preconditioned(s):
    """Return c_skip and c_out of EDM, for x_t / alpha, whose noise has the scale r = sigma / alpha."""
    r = s.sigma / s.alpha
    total = r**2 + SIGMA_DATA**2
    return SIGMA_DATA**2 / total / s.alpha, r * SIGMA_DATA / ops.sqrt(total)


def _edm_target(x0, noise, s):
    c_skip, c_out = _preconditioned(s)
    return (x0 - c_skip * (s.alpha * x0 + s.sigma * noise)) / c_out


def _angular(s):
    total = s.alpha**2 + s.sigma**2
    return s.alpha / total, -s.sigma / total


def _flow(s):
    total = s.sigma_rate * s.alpha - s.alpha_rate * s.sigma
    return s.sigma_rate / total, -s.sigma / total


PARAMETERIZATIONS = {
    "x0": Parameterization(lambda s: (0.0, 1.0), lambda x0, noise, s: x0),
    "noise": Parameterization(lambda s: (1 / s.alpha, -s.sigma / s.alpha), lambda x0, noise, s: noise),
    # the score is F / sigma: so F has the same scale at all times
    "score": Parameterization(lambda s: (1 / s.alpha, s.sigma / s.alpha), lambda x0, noise, s: -noise),
    "angular": Parameterization(_angular, lambda x0, noise, s: s.alpha * noise - s.sigma * x0),
    "flow": Parameterization(_flow, lambda x0, noise, s: s.alpha_rate * x0 + s.sigma_rate * noise),
    "edm": Parameterization(_preconditioned, _edm_target),
}
