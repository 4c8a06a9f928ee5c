"""What the raw outputs of a decoder mean: the distribution p(x | z) of the pixels given the code.

Notation: x (B, ..., C) examples of D numbers each; raw (B, ..., C) or (B, ..., 2 C) outputs of a decoder.
"""

import math

import keras
from keras import ops

from keras_course.checks import positive, validate
from keras_course.layers._activations import softmax
from keras_course.ops._types import Tensor


class Likelihood(keras.layers.Layer):
    """Base class: a distribution of x given raw outputs, independent for each pixel given the code.

    A subclass defines `negative_log_density(x, raw)`, elementwise, and `mean(raw)`. Called with x and raw, a likelihood
    returns -log p(x | z) (B,), in nats.

    Attributes:
        num_parameters: raw outputs for each number of x.
        unit_interval: whether x must lie in [0, 1].
    """

    num_parameters = 1
    unit_interval = False

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, x, raw) -> Tensor:
        x, raw = ops.cast(x, "float32"), ops.cast(raw, "float32")
        return ops.sum(ops.reshape(self.negative_log_density(x, raw), (-1, math.prod(x.shape[1:]))), axis=-1)

    def negative_log_density(self, x, raw) -> Tensor:
        """Return -log p(x_i | z) of each number of x."""
        raise NotImplementedError(f"{type(self).__name__} must define negative_log_density(x, raw)")

    def mean(self, raw) -> Tensor:
        """Return E[x | z]."""
        return raw


@keras.saving.register_keras_serializable("keras_course")
class BernoulliLikelihood(Likelihood):
    """Pixels that are 0 or 1: a is the logit of the probability p = sigmoid(a) of a 1.

        -log p(x | z) = -x log p - (1 - x) log(1 - p) = softplus(a) - x a

    It is also used for gray pixels in [0, 1], as the cross-entropy of x and p. This is no density of gray pixels.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import BernoulliLikelihood
        >>> x, logits = keras.ops.ones((1, 2)), keras.ops.zeros((1, 2))
        >>> round(float(keras.ops.convert_to_numpy(BernoulliLikelihood()(x, logits))[0]), 4)  # 2 ln 2
        1.3863
    """

    unit_interval = True

    def negative_log_density(self, x, raw) -> Tensor:
        return ops.softplus(raw) - x * raw

    def mean(self, raw) -> Tensor:
        return ops.sigmoid(raw)


@keras.saving.register_keras_serializable("keras_course")
class GaussianLikelihood(Likelihood):
    """A Gaussian whose mean and standard deviation are outputs of the decoder, for each pixel.

        raw = (mu, r) along the last axis,  sigma = m + softplus(r)
        -log p(x | z) = ((x - mu) / sigma)^2 / 2 + log sigma + log(2 pi) / 2

    Args:
        min_deviation: m. Pixels that are always black would have an infinite density without it.

    Raises:
        ValueError: `min_deviation` is not above 0.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import GaussianLikelihood
        >>> GaussianLikelihood()(keras.ops.zeros((3, 5)), keras.ops.zeros((3, 10))).shape == (3,)
        True
    """

    num_parameters = 2

    @validate(min_deviation=positive)
    def __init__(self, min_deviation=0.01, **kwargs):
        super().__init__(**kwargs)
        self.min_deviation = float(min_deviation)

    def negative_log_density(self, x, raw) -> Tensor:
        mean, deviation = ops.split(raw, 2, axis=-1)
        return gaussian_nll(x, mean, self.min_deviation + ops.softplus(deviation))

    def mean(self, raw) -> Tensor:
        return ops.split(raw, 2, axis=-1)[0]

    def get_config(self) -> dict:
        return {**super().get_config(), "min_deviation": self.min_deviation}


@keras.saving.register_keras_serializable("keras_course")
class SquaredErrorLikelihood(Likelihood):
    """A Gaussian with one fixed standard deviation s for all pixels: the squared error, up to factors.

        -log p(x | z) = norm(x - mu)^2 / (2 s^2) + D log s + D log(2 pi) / 2

    Args:
        deviation: s. A smaller one gives the reconstruction more weight beside the divergence.

    Raises:
        ValueError: `deviation` is not above 0.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import SquaredErrorLikelihood
        >>> SquaredErrorLikelihood(0.1)(keras.ops.zeros((3, 5)), keras.ops.ones((3, 5))).shape == (3,)
        True
    """

    @validate(deviation=positive)
    def __init__(self, deviation=1.0, **kwargs):
        super().__init__(**kwargs)
        self.deviation = float(deviation)

    def negative_log_density(self, x, raw) -> Tensor:
        return gaussian_nll(x, raw, self.deviation)

    def get_config(self) -> dict:
        return {**super().get_config(), "deviation": self.deviation}


@keras.saving.register_keras_serializable("keras_course")
class CategoricalLikelihood(Likelihood):
    """One class out of K at each position, such as a character of a string; a are the logits of the classes.

        -log p(x | z) = -sum_t log softmax(a_t)[class of x_t]

    Takes x (B, ..., K) one-hot along the last axis, and raw (B, ..., K).

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import CategoricalLikelihood
        >>> x, logits = keras.ops.one_hot([[0, 3]], 4), keras.ops.zeros((1, 2, 4))
        >>> round(float(keras.ops.convert_to_numpy(CategoricalLikelihood()(x, logits))[0]), 4)  # 2 ln 4
        2.7726
    """

    unit_interval = True

    def negative_log_density(self, x, raw) -> Tensor:
        return -x * ops.log_softmax(raw, axis=-1)

    def mean(self, raw) -> Tensor:
        return softmax(raw)


def gaussian_nll(x, mean, deviation) -> Tensor:
    """Return -log N(x; mean, deviation^2), elementwise."""
    log = math.log(deviation) if isinstance(deviation, float) else ops.log(deviation)
    return 0.5 * ops.square((x - mean) / deviation) + log + 0.5 * math.log(2 * math.pi)


KINDS = {
    "bernoulli": BernoulliLikelihood,
    "categorical": CategoricalLikelihood,
    "gaussian": GaussianLikelihood,
    "mse": SquaredErrorLikelihood,
}
