"""The Laplace approximation of the last layer: a trained network as a Bayesian linear model of its features."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course.checks import instance, validate
from keras_course.uncertainty._linear import LinearPosterior, linear_posterior
from keras_course.uncertainty._scores import Uncertainty
from keras_course.uncertainty._weights import inputs_of


class LastLayerLaplace(NamedTuple):
    """A network whose last layer has a Gaussian distribution over its weights.

    Args:
        features: the network without its last layer.
        posterior: distribution of the weights of the last layer; the bias is the last one.
    """

    features: keras.Model
    posterior: LinearPosterior

    def predict(self, x) -> Uncertainty:
        """Return the mean of y and both parts of its variance, each (N,), for x (N, ...)."""
        return Uncertainty(*self.posterior.predict(_with_ones(self.features, x)))


@validate(model=instance(keras.Model))
def laplace_last_layer(model, x, y, *, prior_deviation=1.0, noise=1.0) -> LastLayerLaplace:
    """Return the Laplace approximation of the last layer of a trained network, for Gaussian noise.

    With respect to its last layer the network is a linear model of its last hidden features h(x), so the log-posterior
    is a parabola, and its expansion to second order is exact given the features:

        f(x) = w' h(x) + b,  H = I / s^2 + sum_n h(x_n) h(x_n)' / sigma^2,  w ~ N(w*, H^-1)

    The hidden layers stay as they are: their uncertainty is what the approximation leaves out.

    Args:
        model: a trained model whose last layer is `Dense(1)` with a bias and without an activation.
        x: (N, ...), the training set.
        y: (N,).
        prior_deviation: s.
        noise: sigma.

    Returns:
        A `LastLayerLaplace`; its `predict(x)` returns an `Uncertainty`.

    Raises:
        ValueError: the last layer is another one, the shapes do not fit, or a deviation is not positive.

    Differences from the paper:
        Regression with one output only, and s and sigma are given, where the paper fits them.

    References:
        Laplace Redux: Effortless Bayesian Deep Learning, Daxberger et al., 2021, https://arxiv.org/abs/2106.14806

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import laplace_last_layer
        >>> laplace = laplace_last_layer(mlp((1,), 1, hidden_dims=(8,)), [[0.0], [1.0]], [0.0, 1.0], noise=0.1)
        >>> laplace.predict([[0.5], [2.0], [3.0]]).epistemic.shape
        (3,)
    """
    last = model.layers[-1] if model.layers else None
    linear = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.linear
    if not linear or last.units != 1 or not last.use_bias:
        raise ValueError(f"model={model.name!r} must end with Dense(1), with a bias and without an activation")
    features = keras.Model(model.input, last.input, name="features")
    posterior = linear_posterior(_with_ones(features, x), y, prior_deviation=prior_deviation, noise=noise)
    return LastLayerLaplace(features, posterior)


def _with_ones(features, x):
    """Return features (N, C + 1), with a column of ones for the bias."""
    hidden = ops.convert_to_numpy(features(inputs_of(features, x), training=False))
    return np.concatenate([hidden, np.ones((len(hidden), 1))], axis=1)
