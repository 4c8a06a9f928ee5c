"""Transforms: invertible functions whose Jacobian determinant is cheap.

Notation: x (B, D) data, z (B, D) latent variables, c (B, C) context; z = f(x; c) with the Jacobian J = dz/dx, and
log_det (B,) = log abs(det J). The forward direction is from the data to the base distribution.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_row, flag, is_whole, number, validate
from keras_course.ops._types import Tensor


def normal_log_density(z) -> Tensor:
    """Return log N(z; 0, I) of rows z (B, D)."""
    return -0.5 * ops.sum(ops.square(z), axis=-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)


@keras.saving.register_keras_serializable("keras_course")
class Transform(keras.layers.Layer):
    """Base class of invertible functions: `transform(x, context)` returns z = f(x; c) and log_det.

    A new transform defines `call` and `inverse`, and `build(x_shape, context_shape=None)` if it has weights. It
    computes in float32 under every policy, because log_det is a sum of small numbers; networks inside it follow the
    policy. (The forward direction has no method `forward`: on PyTorch a Keras layer is a module, which has one.)

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import Flow, Transform
        >>> class Double(Transform):
        ...     def call(self, x, context=None):
        ...         return 2 * x, x.shape[-1] * keras.ops.log(2.0) + 0 * x[:, 0]
        ...     def inverse(self, z, context=None):
        ...         return z / 2
        >>> flow = Flow(3, [Double()])
        >>> round(float(flow.log_abs_det_jacobian([[1.0, 2.0, 3.0]])[0]), 4)  # 3 log 2
        2.0794
    """

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def build(self, x_shape, context_shape=None) -> None:
        self.built = True

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        """Return z (B, D) and log_det (B,)."""
        raise NotImplementedError(f"{type(self).__name__} must define call(x, context)")

    def inverse(self, z, context=None) -> Tensor:
        """Return x (B, D)."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse(z, context)")

    def solve(self, x, context=None, *, tolerance=1e-5) -> tuple[Tensor, Tensor, int]:
        """Return z, log_det and 0 steps. A transform that takes a solver overrides this by an adaptive one."""
        return *(self(x) if context is None else self(x, context)), 0

    def compute_output_spec(self, x, context=None, **options) -> tuple:
        return keras.KerasTensor(x.shape, "float32"), keras.KerasTensor(x.shape[:1], "float32")


def compose(transforms, x, context=None, tolerance=None) -> tuple[Tensor, Tensor]:
    """Apply transforms one after the other: z = f_n(... f_1(x)), and log_det is the sum of theirs.

    With a tolerance each is solved to it.
    """
    z, log_det = x, 0.0
    for transform in transforms:
        if tolerance is None:
            z, change = transform(z) if context is None else transform(z, context)
        else:
            z, change, _ = transform.solve(z, context, tolerance=tolerance)
        log_det = change + log_det
    return z, log_det


def check_order(**argument) -> None:
    """Raise a ValueError unless an argument is a permutation of 0, ..., D - 1."""
    ((name, order),) = argument.items()
    whole = isinstance(order, tuple | list) and all(map(is_whole, order))
    if not whole or not order or sorted(order) != list(range(len(order))):
        raise ValueError(f"{name}={order!r} must hold each of 0, ..., D - 1 once")


def check_length(order, num_features) -> None:
    """Raise a ValueError unless an order is one of so many features."""
    if len(order) != num_features:
        raise ValueError(f"order={order!r} must hold each of the {num_features} features once")


@keras.saving.register_keras_serializable("keras_course")
class Permutation(Transform):
    """Reorder the features: z_i = x_{order_i}, with log abs(det J) = 0.

    Args:
        order: for each latent variable the index of its feature.

    Example:
        >>> from keras_course.uncertainty import Permutation
        >>> z, log_det = Permutation([2, 0, 1])(keras.ops.convert_to_tensor([[1.0, 2.0, 3.0]]))
        >>> [float(part) for part in z[0]], float(log_det[0])
        ([3.0, 1.0, 2.0], 0.0)
    """

    @validate(order=check_order)
    def __init__(self, order, **kwargs):
        super().__init__(**kwargs)
        self.order = tuple(map(int, order))

    def build(self, x_shape, context_shape=None) -> None:
        check_length(self.order, x_shape[-1])
        self.built = True

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        return take(x, self.order), ops.zeros_like(x[:, 0])

    def inverse(self, z, context=None) -> Tensor:
        return take(z, np.argsort(self.order))

    def get_config(self) -> dict:
        return {**super().get_config(), "order": self.order}


def take(x, indices) -> Tensor:
    """Return the columns of x (B, D) with some indices."""
    return ops.take(x, np.asarray(indices, "int32"), axis=-1)


@keras.saving.register_keras_serializable("keras_course")
class DiagonalAffine(Transform):
    """Scale and shift each feature: z_i = exp(s_i) x_i + t_i, with log abs(det J) = sum_i s_i.

    Without the shift it is the last layer of NICE; with it, the layer that Glow calls actnorm.

    Args:
        shift: whether there is a t.

    Example:
        >>> from keras_course.uncertainty import DiagonalAffine
        >>> z, log_det = DiagonalAffine()(keras.ops.ones((1, 2)))
        >>> z.shape == (1, 2), log_det.shape == (1,)
        (True, True)
    """

    @validate(shift=flag)
    def __init__(self, shift=True, **kwargs):
        super().__init__(**kwargs)
        self.shift = bool(shift)

    def build(self, x_shape, context_shape=None) -> None:
        self.log_scale = self.add_weight(shape=(x_shape[-1],), initializer="zeros", name="log_scale")
        self.offset = self.add_weight(shape=(x_shape[-1],), initializer="zeros", name="offset") if self.shift else None
        self.built = True

    def _values(self):
        log_scale = ops.cast(self.log_scale, "float32")
        return log_scale, ops.cast(self.offset, "float32") if self.shift else 0.0

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        log_scale, offset = self._values()
        return x * ops.exp(log_scale) + offset, ops.sum(log_scale) + ops.zeros_like(x[:, 0])

    def inverse(self, z, context=None) -> Tensor:
        log_scale, offset = self._values()
        return (z - offset) * ops.exp(-log_scale)

    def get_config(self) -> dict:
        return {**super().get_config(), "shift": self.shift}


EDGE = 1e-6  # a fraction closer to 0 or 1 has a normal quantile that float32 cannot tell apart


def check_box(low, high, length=None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the ends of a box as two rows of numbers, or raise a ValueError; one number stands for all features."""
    ends = {}
    for name, value in {"low": low, "high": high}.items():
        if length is not None and not isinstance(value, tuple | list | np.ndarray):
            number(**{name: value})
            value = [value] * length
        row = as_row(name, value)
        if length not in (None, len(row)):
            raise ValueError(f"{name}={value!r} must be a number, or a row of {length} numbers")
        ends[name] = tuple(row.tolist())
    if len(ends["low"]) != len(ends["high"]) or not np.less(*ends.values()).all():
        raise ValueError(f"low={low!r} must be below high={high!r}, for each feature")
    return ends["low"], ends["high"]


@keras.saving.register_keras_serializable("keras_course")
class Probit(Transform):
    """Map the inside of a box to the whole space, feature by feature, by the quantile function of N(0, 1):

        u_i = (x_i - low_i) / (high_i - low_i),  z_i = Phi^-1(u_i)

    If x is uniform in the box, z is standard normal: a flow of this transform alone has the uniform density. The
    fraction u is kept 1e-6 away from 0 and 1. The inverse returns points of the box only.

    Args:
        low, high: ends of the box, one number for each feature.

    Raises:
        ValueError: `low` is not below `high`, or the layer is built for another number of features.

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import Probit
        >>> z, log_det = Probit([0.0], [2.0])(keras.ops.ones((1, 1)))
        >>> float(z[0, 0]), round(float(log_det[0]), 3)  # the slope is sqrt(2 pi) / 2
        (0.0, 0.226)
    """

    def __init__(self, low, high, **kwargs):
        super().__init__(**kwargs)
        self.low, self.high = check_box(low, high)

    def build(self, x_shape, context_shape=None) -> None:
        if x_shape[-1] != len(self.low):
            raise ValueError(f"low={self.low!r} must have {x_shape[-1]} entries, one for each feature")
        self.built = True

    def _ends(self):
        low = ops.convert_to_tensor(np.float32(self.low))
        return low, ops.convert_to_tensor(np.float32(self.high))

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        low, high = self._ends()
        u = ops.clip((x - low) / (high - low), EDGE, 1 - EDGE)
        z = math.sqrt(2) * ops.erfinv(2 * u - 1)
        log_volume = float(np.log(np.subtract(self.high, self.low)).sum())
        return z, -normal_log_density(z) - log_volume  # dz/du = 1 / N(z; 0, 1)

    def inverse(self, z, context=None) -> Tensor:
        low, high = self._ends()
        return ops.clip(low + (high - low) * (1 + ops.erf(z / math.sqrt(2))) / 2, low, high)

    def get_config(self) -> dict:
        return {**super().get_config(), "low": self.low, "high": self.high}
