"""Monotonic functions of one feature: what couplings and autoregressive transforms apply to each of their features.

Notation: x (B, K) features, p (B, K, P) the parameters of the function of each feature; z = g(x; p), increasing in x.
"""

import math

import keras
from keras import ops

from keras_course.ops._types import Tensor

LIMIT = math.log(1000.0)


@keras.saving.register_keras_serializable("keras_course")
class MonotonicFunction(keras.layers.Layer):
    """Base class of increasing functions z = g(x; p), applied to each entry of x (B, K) with parameters p (B, K, P).

    `function(x, parameters)` returns z and log dz/dx. A new function defines `num_parameters`, `call` and `inverse`.
    """

    num_parameters = 0

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def build(self, x_shape, parameters_shape=None) -> None:
        self.built = True

    def build_for(self, num_features) -> None:
        """Build it, unless it was built, for K features."""
        if not self.built:
            self.build((None, num_features), (None, num_features, self.num_parameters))

    def call(self, x, parameters) -> tuple[Tensor, Tensor]:
        """Return z (B, K) and log dz/dx (B, K)."""
        raise NotImplementedError(f"{type(self).__name__} must define call(x, parameters)")

    def inverse(self, z, parameters) -> Tensor:
        """Return x (B, K)."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse(z, parameters)")


@keras.saving.register_keras_serializable("keras_course")
class Shift(MonotonicFunction):
    """z = x + t, of slope 1.

    References:
        NICE: Non-linear Independent Components Estimation, Dinh, Krueger and Bengio, 2014,
        https://arxiv.org/abs/1410.8516
    """

    num_parameters = 1

    def call(self, x, parameters) -> tuple[Tensor, Tensor]:
        return x + parameters[..., 0], ops.zeros_like(x)

    def inverse(self, z, parameters) -> Tensor:
        return z - parameters[..., 0]


@keras.saving.register_keras_serializable("keras_course")
class Affine(MonotonicFunction):
    """z = exp(s) x + t, with log dz/dx = s. The parameters are t and a; s is a, softly limited to abs(s) < log 1000:

        s = a / (1 + abs(a) / log 1000)

    References:
        Density estimation using Real NVP, Dinh, Sohl-Dickstein and Bengio, 2017, https://arxiv.org/abs/1605.08803
    """

    num_parameters = 2

    def call(self, x, parameters) -> tuple[Tensor, Tensor]:
        log_scale = limited(parameters[..., 1], LIMIT)
        return x * ops.exp(log_scale) + parameters[..., 0], log_scale

    def inverse(self, z, parameters) -> Tensor:
        return (z - parameters[..., 0]) * ops.exp(-limited(parameters[..., 1], LIMIT))


def limited(x, limit) -> Tensor:
    """Return x / (1 + abs(x) / limit), which lies between -limit and limit."""
    return x / (1 + ops.abs(x) / limit)
