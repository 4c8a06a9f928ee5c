"""Heads: what the raw outputs of a network mean, and the loss that follows.

Notation: y (B, K) targets, f (B, P) raw outputs; M components, Q quantile levels tau. Other axes may stand between, as
those of an image.
"""

import itertools

import keras
import numpy as np
from keras import ops
from scipy import special

from keras_course.checks import between_0_and_1, choice, positive, string, tensor, validate, whole
from keras_course.ops._types import Tensor
from keras_course.uncertainty._mixture import GaussianMixture

LARGEST = 1e6  # of a deviation, beside its floor


class Head(keras.losses.Loss):
    """Base class of heads. A head is a Keras loss of targets and raw outputs: pass it to `compile`.

    A new head defines `size`, `call(y, f)` that returns the loss of each example, and `get_config`.

    Args:
        num_outputs: K.
        name: name of the loss.
    """

    @validate(num_outputs=whole(1), name=string)
    def __init__(self, num_outputs, *, name="head", reduction="sum_over_batch_size"):
        super().__init__(name=name, reduction=reduction)
        self.num_outputs = int(num_outputs)

    @property
    def size(self) -> int:
        """The number P of raw outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define size")

    def get_config(self) -> dict:
        return {"num_outputs": self.num_outputs, **super().get_config()}

    def _check(self, y, f):
        """Raise a ValueError unless targets and raw outputs fit: a shape (B,) would broadcast to (B, B)."""
        self._check_raw(f)
        if len(y.shape) != len(f.shape) or y.shape[-1] not in (None, self.num_outputs):
            raise ValueError(
                f"y_true has shape {tuple(y.shape)}, and raw outputs {tuple(f.shape)}; it must have as many axes, the "
                f"last one of {self.num_outputs}"
            )

    def _check_raw(self, f):
        if not f.shape or f.shape[-1] != self.size:
            raise ValueError(f"raw has shape {tuple(f.shape)}; its last axis must have {self.size} raw outputs")


@keras.saving.register_keras_serializable("keras_course")
class GaussianHead(Head):
    """The head of a Gaussian, or of a mixture of M Gaussians; its loss is the negative log-likelihood in nats.

    Takes y (B, K) and raw outputs f (B, P): the means first, then the scales r, then for M > 1 the logits. So P is 2 K
    for M = 1, and M (2 K + 1) else:

        sigma = s + softplus(r)   or   sigma = s + exp(r)
        loss = -log sum_m pi_m prod_k N(y_k; mu_mk, sigma_mk^2)

    The loss is finite for each r: sigma is at least the floor s, and at most 10^6 above it.

    Args:
        num_outputs: K.
        num_components: M.
        scale: "softplus" or "exp".
        min_deviation: s, above 0, in the unit of y.
        name: name of the loss.

    Raises:
        ValueError: a number is out of its range, an unknown `scale`, or targets and raw outputs of other shapes.

    References:
        Estimating the mean and variance of the target probability distribution, Nix and Weigend, 1994,
        https://doi.org/10.1109/ICNN.1994.374138
        Mixture Density Networks, Bishop, 1994, https://publications.aston.ac.uk/id/eprint/373/

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import GaussianHead
        >>> head = GaussianHead(1, scale="exp", min_deviation=1e-6)
        >>> round(float(head(np.zeros((1, 1)), np.zeros((1, 2)))), 4)  # log(2 pi) / 2
        0.9189
        >>> head.distribution(np.zeros((5, 2))).mean.shape == (5, 1)
        True
    """

    @validate(num_components=whole(1), scale=choice("softplus", "exp"), min_deviation=positive)
    def __init__(
        self, num_outputs, num_components=1, *, scale="softplus", min_deviation=1e-3, name="gaussian_head", **kwargs
    ):
        super().__init__(num_outputs, name=name, **kwargs)
        self.num_components, self.scale, self.min_deviation = int(num_components), scale, float(min_deviation)

    @property
    def size(self) -> int:
        return self.num_components * (2 * self.num_outputs + (self.num_components > 1))

    def call(self, y_true, y_pred) -> Tensor:
        self._check(y_true, y_pred)
        return -self.distribution(y_pred).log_prob(y_true)

    def distribution(self, raw) -> GaussianMixture:
        """Return what raw outputs (..., P) mean: a `GaussianMixture` of y (..., K)."""
        raw = ops.cast(ops.convert_to_tensor(raw), "float32")
        self._check_raw(raw)
        leading, count = ops.shape(raw)[:-1], self.num_components * self.num_outputs
        shape = (*leading, self.num_components, self.num_outputs)
        means, scales, logits = raw[..., :count], raw[..., count : 2 * count], raw[..., 2 * count :]
        if self.num_components == 1:
            logits = ops.zeros_like(raw[..., :1])
        return GaussianMixture(logits, ops.reshape(means, shape), ops.reshape(self.deviations(scales), shape))

    def deviations(self, scales) -> Tensor:
        """Return sigma for scales r, of any shape."""
        if self.scale == "exp":
            return self.min_deviation + ops.exp(ops.clip(scales, -30.0, float(np.log(LARGEST))))
        return self.min_deviation + ops.softplus(ops.clip(scales, -LARGEST, LARGEST))

    def get_config(self) -> dict:
        own = {key: getattr(self, key) for key in ("num_components", "scale", "min_deviation")}
        return {**super().get_config(), **own}


def check_levels(**argument) -> None:
    """Raise a ValueError unless an argument is a tuple of increasing numbers between 0 and 1."""
    ((name, levels),) = argument.items()
    if not isinstance(levels, tuple | list) or not levels:
        raise ValueError(f"{name}={levels!r} must be a tuple of numbers between 0 and 1, at least one")
    between_0_and_1(**{f"{name}[{i}]": level for i, level in enumerate(levels)})
    if any(b <= a for a, b in itertools.pairwise(levels)):
        raise ValueError(f"{name}={levels!r} must increase")


@validate(levels=check_levels)
def pinball_loss(y, quantiles, levels) -> Tensor:
    """Return the pinball loss (...) of quantiles (..., Q) of y (...), the mean over the levels tau (Q).

        loss = max(tau (y - q), (tau - 1) (y - q))

    Its expectation is smallest where q is the quantile of y at the level tau.

    Args:
        y: targets.
        quantiles: one for each level.
        levels: tau, increasing numbers between 0 and 1.

    Raises:
        ValueError: levels are out of their range, or the shapes do not fit.

    References:
        Regression Quantiles, Koenker and Bassett, 1978, https://doi.org/10.2307/1913643

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import pinball_loss
        >>> round(float(pinball_loss(np.float32(3.0), np.float32([1.0]), (0.9,))), 4)  # 0.9 * (3 - 1)
        1.8
    """
    y, quantiles = (_numbers(name, value) for name, value in (("y", y), ("quantiles", quantiles)))
    if tuple(quantiles.shape[-1:]) != (len(levels),) or len(y.shape) != len(quantiles.shape) - 1:
        raise ValueError(
            f"quantiles has shape {tuple(quantiles.shape)}, and y {tuple(y.shape)}; it must have {len(levels)} levels "
            "along a last axis more than y"
        )
    error = ops.expand_dims(y, -1) - quantiles
    tau = ops.convert_to_tensor(np.asarray(levels, "float32"))
    return ops.mean(ops.maximum(tau * error, (tau - 1.0) * error), axis=-1)


def _numbers(name, value):
    tensor(**{name: value})
    return ops.cast(ops.convert_to_tensor(value), "float32")


@keras.saving.register_keras_serializable("keras_course")
class QuantileHead(Head):
    """The head of quantiles that do not cross; its loss is the pinball loss.

    Takes y (B, K) and raw outputs f (B, K Q). For each output the lowest quantile is free, and the others lie above it
    by positive steps. The offsets a are such that raw outputs of zero mean the quantiles z of a standard normal
    distribution, where the training of a network on standardized targets should start:

        q_1 = f_1 + z_1,  q_j = q_(j-1) + softplus(f_j + a_j),  softplus(a_j) = z_j - z_(j-1)
        loss = sum over outputs of the mean pinball loss over the levels

    Args:
        num_outputs: K.
        levels: the Q levels tau, increasing numbers between 0 and 1.
        name: name of the loss.

    Raises:
        ValueError: levels are out of their range, or targets and raw outputs have other shapes.

    References:
        Regression Quantiles, Koenker and Bassett, 1978, https://doi.org/10.2307/1913643

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import QuantileHead
        >>> head = QuantileHead(1, (0.25, 0.75))
        >>> q = head.quantiles(np.zeros((1, 2), "float32"))[0, 0]
        >>> [round(float(value), 4) for value in q]  # of N(0, 1)
        [-0.6745, 0.6745]
    """

    @validate(levels=check_levels)
    def __init__(self, num_outputs, levels=(0.05, 0.5, 0.95), *, name="quantile_head", **kwargs):
        super().__init__(num_outputs, name=name, **kwargs)
        self.levels = tuple(map(float, levels))
        normal = special.ndtri(self.levels)
        steps = np.log(np.expm1(np.maximum(np.diff(normal), 1e-6)))  # the inverse of softplus
        self.offsets = np.append(normal[:1], steps).astype("float32")

    @property
    def size(self) -> int:
        return self.num_outputs * len(self.levels)

    def call(self, y_true, y_pred) -> Tensor:
        self._check(y_true, y_pred)
        return ops.sum(pinball_loss(y_true, self.quantiles(y_pred), self.levels), axis=-1)

    def quantiles(self, raw) -> Tensor:
        """Return the quantiles (..., K, Q) that raw outputs (..., K Q) mean."""
        raw = ops.cast(ops.convert_to_tensor(raw), "float32")
        self._check_raw(raw)
        raw = ops.reshape(raw, (*ops.shape(raw)[:-1], self.num_outputs, len(self.levels)))
        raw = raw + ops.convert_to_tensor(self.offsets)
        return ops.cumsum(ops.concatenate([raw[..., :1], ops.softplus(raw[..., 1:])], axis=-1), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "levels": list(self.levels)}
