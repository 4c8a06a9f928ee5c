"""Mixtures of Gaussian densities: what a network with a Gaussian head predicts, and what several of them predict.

Notation: M components with the weights pi = softmax(logits), means mu (..., M, K) and deviations sigma (..., M, K) of K
outputs; the leading axes belong to the examples, such as (B,); there may be none. A single Gaussian has M = 1.
"""

import dataclasses
import math
from collections.abc import Sequence

import keras
from keras import ops

from keras_course.checks import between_0_and_1, tensor, validate, whole
from keras_course.ops._types import Tensor


@dataclasses.dataclass(frozen=True)
class GaussianMixture:
    """A density of y (..., K): a weighted sum of Gaussians with independent outputs.

        p(y) = sum_m pi_m prod_k N(y_k; mu_mk, sigma_mk^2),  pi = softmax(logits)

    Args:
        logits: (..., M).
        means: mu (..., M, K).
        deviations: sigma (..., M, K), standard deviations above 0.

    Raises:
        ValueError: the shapes do not fit.

    References:
        Mixture Density Networks, Bishop, 1994, https://publications.aston.ac.uk/id/eprint/373/

    Example:
        >>> from keras_course.uncertainty import GaussianMixture
        >>> mixture = GaussianMixture([0.0, 0.0], [[-2.0], [2.0]], [[1.0], [1.0]])
        >>> float(mixture.mean[0]), float(mixture.variance[0])  # 1, and 4 for the distance of the means from 0
        (0.0, 5.0)
        >>> mixture.sample(3, seed=0).shape == (3, 1)
        True
    """

    logits: Tensor
    means: Tensor
    deviations: Tensor

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            tensor(**{field.name: value})
            object.__setattr__(self, field.name, ops.cast(ops.convert_to_tensor(value), "float32"))
        shapes = [tuple(part.shape) for part in (self.logits, self.means, self.deviations)]
        if len(shapes[1]) < 2 or 0 in shapes[1][-2:]:
            raise ValueError(f"means has shape {shapes[1]}; it must be (..., M, K) with M and K of at least 1")
        for name, shape, expected in (("logits", shapes[0], shapes[1][:-1]), ("deviations", shapes[2], shapes[1])):
            if shape != expected:
                raise ValueError(f"{name} has shape {shape}; with means {shapes[1]} it must be {expected}")

    @property
    def proportions(self) -> Tensor:
        """The mixing proportions pi (..., M), which sum to 1."""
        return ops.exp(_normalized(self.logits))

    @property
    def mean(self) -> Tensor:
        """The mean (..., K) of y."""
        return self._average(self.means)

    @property
    def variance(self) -> Tensor:
        """The variance (..., K) of y: the mean variance of the components plus the variance of their means."""
        gaps = self.means - ops.expand_dims(self.mean, -2)
        return self._average(ops.square(self.deviations) + ops.square(gaps))

    def log_prob(self, y) -> Tensor:
        """Return the log-density (...) of y (..., K), in nats."""
        return ops.logsumexp(self._log_joint(y), axis=-1)

    def responsibilities(self, y) -> Tensor:
        """Return the posterior probability of each component (..., M) given y (..., K)."""
        return ops.exp(_normalized(self._log_joint(y)))

    def cdf(self, y) -> Tensor:
        """Return the probability (..., K) that an output is at most y (..., K), for each output alone."""
        z = (ops.expand_dims(_floats(y), -2) - self.means) / self.deviations
        return self._average(0.5 * (1.0 + ops.erf(z / math.sqrt(2.0))))

    @validate(probability=between_0_and_1)
    def quantile(self, probability) -> Tensor:
        """Return the value (..., K) below which an output falls with a probability, by bisection of `cdf`."""
        reach = 10.0 * self.deviations
        low, high = ops.min(self.means - reach, axis=-2), ops.max(self.means + reach, axis=-2)
        for _ in range(40):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < probability
            low, high = ops.where(below, middle, low), ops.where(below, high, middle)
        return 0.5 * (low + high)

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, seed=0) -> Tensor:
        """Return samples (..., num_samples, K): first a component of each, then a Gaussian one."""
        *leading, count, width = self.means.shape
        generator = keras.random.SeedGenerator(seed)
        chosen = keras.random.categorical(ops.reshape(self.logits, (-1, count)), num_samples, seed=generator)
        chosen = ops.expand_dims(ops.reshape(chosen, (*leading, num_samples)), -1)
        means, deviations = (ops.take_along_axis(part, chosen, axis=-2) for part in (self.means, self.deviations))
        return means + deviations * keras.random.normal((*leading, num_samples, width), seed=generator)

    @validate(num_steps=whole(0))
    def mode(self, num_steps=50) -> Tensor:
        """Return the highest of the maxima (..., K) that a climb from each mean reaches.

        A step moves to the mean of the components, weighted by responsibility and precision: never down.

        References:
            Mode-finding for mixtures of Gaussian distributions, Carreira-Perpinan, 2000,
            https://doi.org/10.1109/34.888716
        """
        lifted = GaussianMixture(*(ops.expand_dims(part, axis) for part, axis in self._parts((-2, -3, -3))))
        precision = 1.0 / ops.square(lifted.deviations)
        y = self.means  # (..., M, K): a climb for each component
        for _ in range(num_steps):
            weights = ops.expand_dims(lifted.responsibilities(y), -1) * precision  # (..., M, M, K)
            y = ops.sum(weights * lifted.means, axis=-2) / ops.maximum(ops.sum(weights, axis=-2), 1e-30)
        best = ops.argmax(lifted.log_prob(y), axis=-1)[..., None, None]
        return ops.squeeze(ops.take_along_axis(y, best, axis=-2), axis=-2)

    def _parts(self, axes):
        return zip((self.logits, self.means, self.deviations), axes, strict=True)

    def _average(self, values):
        """Return the mean of values (..., M, K) over the components."""
        return ops.sum(ops.expand_dims(self.proportions, -1) * values, axis=-2)

    def _log_joint(self, y):
        """Return the log-density of y and of each component, (..., M)."""
        y = _floats(y)
        if y.shape[-1:] != self.means.shape[-1:]:
            raise ValueError(f"y has shape {tuple(y.shape)}; its last axis must have {self.means.shape[-1]} outputs")
        z = (ops.expand_dims(y, -2) - self.means) / self.deviations
        log_normal = -0.5 * ops.square(z) - ops.log(self.deviations) - 0.5 * math.log(2 * math.pi)
        return _normalized(self.logits) + ops.sum(log_normal, axis=-1)


def _normalized(logits):
    """Return log softmax(logits); of one component too, for which Keras's functions warn."""
    return logits - ops.logsumexp(logits, axis=-1, keepdims=True)


def _floats(y):
    tensor(y=y)
    return ops.cast(ops.convert_to_tensor(y), "float32")


def mix(members: Sequence[GaussianMixture]) -> GaussianMixture:
    """Return the mixture of several predictions with equal weights, such as the members of an ensemble.

        p(y) = 1/T sum_t p_t(y)

    Args:
        members: T predictions of the same examples.

    Raises:
        ValueError: `members` is empty or holds something else, or the shapes do not fit.

    Example:
        >>> from keras_course.uncertainty import GaussianMixture, mix
        >>> members = [GaussianMixture([0.0], [[mean]], [[1.0]]) for mean in (-1.0, 1.0)]
        >>> float(mix(members).variance[0])  # 1 of each member, and 1 between them
        2.0
    """
    if not isinstance(members, Sequence) or not members or not all(isinstance(m, GaussianMixture) for m in members):
        raise ValueError(f"members={members!r} must be a list of GaussianMixtures, at least one")
    shapes = {(*m.means.shape[:-2], m.means.shape[-1]) for m in members}
    if len(shapes) > 1:
        raise ValueError(f"members predict the shapes {sorted(shapes)}; they must be the same examples and outputs")
    logits = ops.concatenate([_normalized(m.logits) for m in members], axis=-1)
    means = ops.concatenate([m.means for m in members], axis=-2)
    return GaussianMixture(logits, means, ops.concatenate([m.deviations for m in members], axis=-2))
