"""Monotonic rational-quadratic splines.

Notation: x (B, K) features, J bins between -b and b; w_j, h_j width and height of bin j, d_j slope at its left end.
"""

from collections.abc import Iterator

import keras
from keras import ops

from keras_course.checks import positive, validate, whole
from keras_course.ops._types import Tensor
from keras_course.uncertainty._functions import LIMIT, MonotonicFunction, limited


@keras.saving.register_keras_serializable("keras_course")
class RationalQuadraticSpline(MonotonicFunction):
    """An increasing function of J bins, in each a quotient of quadratic polynomials; outside [-b, b] it is z = x.

    In bin j, which begins at (x_j, z_j), with u = (x - x_j) / w_j and the mean slope s = h_j / w_j:

        z = z_j + h_j (s u^2 + d_j u (1 - u)) / (s + (d_j + d_{j+1} - 2 s) u (1 - u))

    The parameters of a feature are J numbers whose softmax gives the widths, J for the heights, and J - 1 logarithms of
    the slopes at the inner knots; the slopes at -b and b are 1. All zeros is the identity.

    Args:
        num_bins: J.
        bound: b.

    Differences from the paper:
        Slopes are exponentials, softly limited to [1/1000, 1000] as in zuko, so that zeros give the identity; the paper
        takes a softplus, and adds smallest widths and heights.

    References:
        Neural Spline Flows, Durkan, Bekasov, Murray and Papamakarios, 2019, https://arxiv.org/abs/1906.04032

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import RationalQuadraticSpline
        >>> spline = RationalQuadraticSpline(num_bins=4)
        >>> z, log_slope = spline(keras.ops.ones((1, 1)), keras.ops.zeros((1, 1, spline.num_parameters)))
        >>> round(float(z[0, 0]), 4), round(float(log_slope[0, 0]), 4)
        (1.0, 0.0)
    """

    @validate(num_bins=whole(2), bound=positive)
    def __init__(self, num_bins=8, bound=5.0, **kwargs):
        super().__init__(**kwargs)
        self.num_bins, self.bound = int(num_bins), float(bound)
        self.num_parameters = 3 * self.num_bins - 1

    def _bins(self, parameters):
        """Return (B, K, J) for each bin: x_j, w_j, z_j, h_j, d_j, d_{j+1}."""
        count, found = self.num_bins, []
        for sizes in (parameters[..., :count], parameters[..., count : 2 * count]):
            sizes = 2 * self.bound * ops.softmax(limited(sizes, LIMIT / 2), axis=-1)
            found += [ops.cumsum(sizes, axis=-1) - sizes - self.bound, sizes]
        slopes = ops.exp(limited(parameters[..., 2 * count :], LIMIT))
        ends = ops.ones_like(slopes[..., :1])
        return *found, ops.concatenate([ends, slopes], axis=-1), ops.concatenate([slopes, ends], axis=-1)

    @staticmethod
    def _chosen(x, starts, bins) -> Iterator[Tensor]:
        """Return the values (B, K) of the bin of each x."""
        index = ops.sum(ops.cast(x[..., None] >= starts[..., 1:], "int32"), axis=-1)
        mask = ops.cast(index[..., None] == ops.arange(starts.shape[-1], dtype="int32"), x.dtype)
        return (ops.sum(mask * values, axis=-1) for values in bins)

    def call(self, x, parameters) -> tuple[Tensor, Tensor]:
        inside = ops.clip(x, -self.bound, self.bound)
        bins = self._bins(parameters)
        left, width, bottom, height, d, d_next = self._chosen(inside, bins[0], bins)
        u, s = (inside - left) / width, height / width
        rest = u * (1 - u)
        denominator = s + (d + d_next - 2 * s) * rest
        z = bottom + height * (s * u * u + d * rest) / denominator
        slope = s * s * (2 * s * rest + d * (1 - u) ** 2 + d_next * u * u) / denominator**2
        outside = ops.abs(x) > self.bound
        return ops.where(outside, x, z), ops.where(outside, 0.0, ops.log(slope))

    def inverse(self, z, parameters) -> Tensor:
        inside = ops.clip(z, -self.bound, self.bound)
        bins = self._bins(parameters)
        left, width, bottom, height, d, d_next = self._chosen(inside, bins[2], bins)
        s, y = height / width, inside - bottom
        curve = y * (d + d_next - 2 * s)
        a, b, c = height * (s - d) + curve, height * d - curve, -s * y  # a u^2 + b u + c = 0
        u = 2 * c / (-b - ops.sqrt(ops.maximum(b * b - 4 * a * c, 0.0)))
        return ops.where(ops.abs(z) > self.bound, z, left + u * width)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_bins": self.num_bins, "bound": self.bound}
