"""Output heads: what a network's raw outputs mean, and the loss that follows from a likelihood.

Notation: f(x) (B, K) the raw outputs, y the target. Every loss is the mean of -ln p(y | f(x)) over the batch, up to a
constant and a factor that no gradient direction depends on.
"""

import dataclasses
import math
from collections.abc import Callable

import keras
from keras import ops

from keras_course.checks import choice, string, validate
from keras_course.ops._types import Tensor


@dataclasses.dataclass(frozen=True)
class Head:
    """A likelihood p(y | f(x)), and what follows from it.

    Args:
        likelihood: the distribution of y, in words.
        activation: function from raw outputs to the parameters of the distribution (a mean, probabilities).
        loss: the Keras loss on raw outputs, for `compile`.
        metric: a Keras metric on raw outputs, for `compile`.
    """

    likelihood: str
    activation: Callable
    loss: keras.losses.Loss
    metric: keras.metrics.Metric


@validate(task=choice("regression", "gaussian", "binary", "multiclass"))
def output_head(task) -> Head:
    """Return the head for a task: the likelihood, and the activation, loss and metric that follow from it.

        task            distribution of y            activation     loss = -ln p(y | f(x))
        "regression"    N(f, 1/2)                    identity       (y - f)^2, plus ln(pi) / 2
        "gaussian"      N(m, exp(2 s)), f = (m, s)   (m, exp(s))    s + (y - m)^2 / (2 exp(2 s)) + ln(2 pi) / 2
        "binary"        Bernoulli(sigmoid(f))        sigmoid        ln(1 + exp(f)) - y f
        "multiclass"    Categorical(softmax(f))      softmax        ln(sum_k exp(f_k)) - f_y

    Targets are `(B, K)` for "regression", `(B, K)` for "gaussian" where the model has 2 K outputs, `(B, 1)` of 0 and 1
    for "binary", and class numbers `(B,)` for "multiclass".

    Args:
        task: "regression", "gaussian", "binary" or "multiclass".

    Returns:
        A `Head`, with a loss and a metric of its own.

    Raises:
        ValueError: an unknown `task`.

    References:
        Pattern Recognition and Machine Learning, section 5.2, Bishop, 2006,
        https://www.microsoft.com/en-us/research/publication/pattern-recognition-machine-learning/

    Example:
        >>> from keras_course.perceptron import mlp, output_head
        >>> head, model = output_head("multiclass"), mlp((2,), 3)
        >>> model.compile("adam", head.loss, metrics=[head.metric])
    """
    likelihood, activation, loss, metric = _HEADS[task]
    return Head(likelihood, activation, loss(), metric())


def classifier_head(model) -> Head:
    """Return the head of a classifier: a single output is the logit of class 1, of two; more are those of a softmax."""
    return output_head("binary" if model.output_shape[-1] == 1 else "multiclass")


@keras.saving.register_keras_serializable("keras_course")
class GaussianNegativeLogLikelihood(keras.losses.Loss):
    """-ln N(y; m, exp(2 s)) for outputs f = (m, s): a regression that also learns how far off it is.

    Takes targets `(B, K)` and outputs `(B, 2 K)`, means first and then logarithms of standard deviations:

        loss = sum_k s_k + (y_k - m_k)^2 exp(-2 s_k) / 2 + ln(2 pi) / 2

    Args:
        reduction: as in `keras.losses.Loss`; the mean over the batch by default.
        name: name of the loss.

    Raises:
        ValueError: the outputs have not two numbers for each of the targets.

    References:
        Estimating the mean and variance of the target probability distribution, Nix and Weigend, 1994,
        https://doi.org/10.1109/ICNN.1994.374138

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import GaussianNegativeLogLikelihood
        >>> loss = GaussianNegativeLogLikelihood()(np.zeros((1, 1)), np.zeros((1, 2)))
        >>> round(float(loss), 4)      # ln(2 pi) / 2
        0.9189
    """

    @validate(
        reduction=choice("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None), name=string
    )
    def __init__(self, reduction="sum_over_batch_size", name="gaussian_negative_log_likelihood"):
        super().__init__(reduction=reduction, name=name)

    def call(self, y_true, y_pred) -> Tensor:
        if len(y_true.shape) != len(y_pred.shape) or y_true.shape[-1] not in (None, y_pred.shape[-1] / 2):
            shapes = tuple(y_true.shape), tuple(y_pred.shape)
            raise ValueError("y_true and y_pred have the shapes {} and {}, not (B, K) and (B, 2 K)".format(*shapes))
        mean, log_scale = ops.split(y_pred, 2, axis=-1)
        error = (y_true - mean) * ops.exp(-log_scale)
        return ops.sum(log_scale + 0.5 * error**2 + 0.5 * math.log(2 * math.pi), axis=-1)

    def get_config(self) -> dict:
        return {"reduction": self.reduction, "name": self.name}


def _identity(f):
    return f


def _mean_and_scale(f):
    mean, log_scale = ops.split(f, 2, axis=-1)
    return mean, ops.exp(log_scale)


@keras.saving.register_keras_serializable("keras_course")
def _error_of_the_mean(y_true, y_pred):
    return ops.mean(ops.abs(ops.subtract(y_true, ops.split(y_pred, 2, axis=-1)[0])), axis=-1)


def _mean_error():
    return keras.metrics.MeanMetricWrapper(_error_of_the_mean, name="mean_absolute_error")


def _binary_accuracy():
    return keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")  # a logit above 0 is a probability above 1/2


def _accuracy():
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


_HEADS = {
    "regression": ("Gaussian of a fixed scale", _identity, keras.losses.MeanSquaredError,
                   keras.metrics.MeanAbsoluteError),
    "gaussian": ("Gaussian of a learned scale", _mean_and_scale, GaussianNegativeLogLikelihood, _mean_error),
    "binary": ("Bernoulli", ops.sigmoid, lambda: keras.losses.BinaryCrossentropy(from_logits=True), _binary_accuracy),
    "multiclass": ("categorical", ops.softmax, lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                   _accuracy),
}  # fmt: skip
