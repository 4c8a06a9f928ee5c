"""The weights of a network as one vector: their posterior, and predictions for samples of them.

Notation: w (D,) all trainable weights, in the order of `model.trainable_variables`; x (N, ...), y (N, K); S samples.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import (
    as_array,
    as_floats,
    as_points,
    finite,
    instance,
    is_number,
    numpy_seed,
    positive,
    validate,
    whole,
)
from keras_course.ops._types import Tensor


@validate(model=instance(keras.Model))
def flat_weights(model) -> np.ndarray:
    """Return the trainable weights of a model as one vector (D,).

    Raises:
        ValueError: `model` is something else, or lacks trainable weights.

    Example:
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import flat_weights
        >>> flat_weights(mlp((2,), 1, hidden_dims=(3,))).shape  # 2 3 + 3 + 3 + 1
        (13,)
    """
    if not model.trainable_variables:
        raise ValueError(f"model={model.name!r} must be built and have trainable weights")
    return np.concatenate([ops.convert_to_numpy(variable).ravel() for variable in model.trainable_variables])


def inputs_of(model, x) -> np.ndarray:
    """Return x (N, ...) in float32, or raise a ValueError where it is not what a model with one input takes."""
    x = as_array("x", x)
    expected = model.input_shape if isinstance(model.input_shape, tuple) else ()
    if not x.size or x.ndim != len(expected) or any(k not in (None, n) for k, n in zip(expected, x.shape, strict=True)):
        raise ValueError(f"x has shape {x.shape}; model={model.name!r} takes {model.input_shape}, at least one example")
    finite(x=x)
    return x.astype("float32")


def outputs_of(model) -> Callable:
    """Return f(w, x), the outputs of a model with the trainable weights w (D,), outside of training."""
    variables = model.trainable_variables
    call = course_ops.functional(lambda x: model(x, training=False), variables)
    ends = np.cumsum([math.prod(variable.shape) for variable in variables]).tolist()
    slots = [(end - math.prod(v.shape), end, v.shape) for end, v in zip(ends, variables, strict=True)]
    return lambda w, x: call([ops.reshape(w[start:end], shape) for start, end, shape in slots], x)


@validate(model=instance(keras.Model))
def sampled_predictions(model, weights, x) -> np.ndarray:
    """Return the outputs of a model for each of S weight vectors: (S, N, ...).

    Args:
        model: a model with one input and one output. It keeps its weights.
        weights: (S, D), such as samples of a posterior, each as `flat_weights` returns them.
        x: (N, ...).

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import flat_weights, sampled_predictions
        >>> model = mlp((2,), 1, hidden_dims=(3,))
        >>> sampled_predictions(model, [flat_weights(model)] * 4, np.ones((5, 2))).shape
        (4, 5, 1)
    """
    weights = as_points(weights, columns=len(flat_weights(model)), name="weights").astype("float32")
    x = inputs_of(model, x)
    call = course_ops.jit(outputs_of(model), variables=model.non_trainable_variables)
    return np.stack([ops.convert_to_numpy(call(w, x)) for w in weights])


class WeightPosterior:
    """The posterior of the weights of a network, up to the evidence, for Gaussian noise and a Gaussian prior.

        ln p(w | D) = -1 / (2 sigma^2) sum_n norm(y_n - f_w(x_n))^2 - sum_i w_i^2 / (2 s_i^2) + const

    Args:
        model: the network f, with one input and one output of the shape of y; its trainable weights are w. It keeps
            its own.
        x: (N, ...).
        y: (N, K).
        prior_deviation: s, a number, or one for each array in `model.trainable_variables`.
        noise: sigma.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a deviation is not positive.

    References:
        Bayesian Learning for Neural Networks, Neal, 1995, https://www.cs.toronto.edu/~radford/bnn.book.html

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import WeightPosterior, hamiltonian_monte_carlo
        >>> posterior = WeightPosterior(mlp((1,), 1, hidden_dims=(3,)), [[0.0], [1.0]], [[0.0], [1.0]], noise=0.5)
        >>> start = posterior.prior_samples(2)
        >>> chains = hamiltonian_monte_carlo(posterior.log_prob, start, num_samples=10, num_burn_in=0)
        >>> chains.samples.shape
        (2, 10, 10)
    """

    @validate(model=instance(keras.Model), noise=positive)
    def __init__(self, model, x, y, *, prior_deviation=1.0, noise=1.0):
        self.size, self.noise = len(flat_weights(model)), float(noise)
        self.prior_deviations = _deviations(model.trainable_variables, prior_deviation)
        x, y = inputs_of(model, x), as_floats("y", y)
        finite(y=y)
        self._outputs = outputs_of(model)
        self._x, self._y = (ops.convert_to_tensor(part, dtype="float32") for part in (x, y))
        expected = (len(x), *model.output_shape[1:])
        if y.shape != expected:
            raise ValueError(f"y has shape {y.shape}; it must be {expected}, as the outputs of the model")

    def log_prob(self, weights, rows=None) -> Tensor:
        """Return the log-posterior (C,) of weight vectors (C, D), up to a constant.

        With row numbers (B,) it is an unbiased estimate from a minibatch: the log-likelihood of the rows, times N / B.
        """
        x, y = (self._x, self._y) if rows is None else (ops.take(part, rows, axis=0) for part in (self._x, self._y))
        factor = self._x.shape[0] / x.shape[0] / (2 * self.noise**2)
        scale = ops.convert_to_tensor(self.prior_deviations)

        def of_one(w):
            return -factor * ops.sum(ops.square(y - self._outputs(w, x))) - ops.sum(ops.square(w / scale)) / 2

        return ops.vectorized_map(of_one, ops.convert_to_tensor(weights))

    @validate(num_samples=whole(1), seed=numpy_seed)
    def prior_samples(self, num_samples, seed=0) -> np.ndarray:
        """Return samples of the prior, (S, D), where chains may start."""
        noise = np.random.default_rng(seed).normal(size=(num_samples, self.size))
        return (self.prior_deviations * noise).astype("float32")


def _deviations(variables, prior_deviation):
    """Return the deviation of the prior of each weight, (D,), or raise a ValueError."""
    if is_number(prior_deviation):
        positive(prior_deviation=prior_deviation)
        prior_deviation = [prior_deviation] * len(variables)
    given = as_floats("prior_deviation", prior_deviation)
    if given.shape != (len(variables),) or not (np.isfinite(given).all() and (given > 0).all()):
        raise ValueError(
            f"prior_deviation={prior_deviation!r} must be a positive number, or one for each of the {len(variables)} "
            "arrays of trainable weights"
        )
    sizes = [math.prod(variable.shape) for variable in variables]
    return np.repeat(given, sizes).astype("float32")
