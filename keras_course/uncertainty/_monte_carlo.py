"""Predictions of a random network: the mean over passes with dropout, or over samples of its weights.

Notation: T passes, N examples, f (T, N, P) raw outputs.
"""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_array, finite, instance, numpy_seed, validate, whole
from keras_course.uncertainty._mixture import GaussianMixture, mix
from keras_course.uncertainty._probabilistic import ProbabilisticModel


@validate(model=instance(keras.Model), num_passes=whole(1), batch_size=whole(1), seed=numpy_seed)
def stochastic_passes(model, x, num_passes=50, *, batch_size=1024, seed=0) -> np.ndarray:
    """Return the outputs of several passes of a model in its training mode, each with noise of its own.

    With dropout in the model, this is MC dropout: the passes are samples of the predictive distribution of a
    variational approximation. The layers of `bayes_by_backprop` sample their weights. The state of the noise is
    restored, so the same seed gives the same outputs on one backend.

    Args:
        model: a model with one input and one output, without batch normalization.
        x: (N, ...) examples.
        num_passes: T.
        batch_size: number of examples that are computed at once, with the same weights where a layer samples weights.
        seed: integer, at least 0, of the noise.

    Returns:
        (T, N, P), raw outputs.

    Raises:
        ValueError: an argument is out of its range, or `x` is not an array of finite numbers.

    References:
        Dropout as a Bayesian Approximation, Gal and Ghahramani, 2016, https://arxiv.org/abs/1506.02142

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import stochastic_passes
        >>> outputs = stochastic_passes(mlp((3,), 1, dropout=0.5), np.ones((5, 3)), num_passes=20)
        >>> outputs.shape, bool(outputs.std(axis=0).min() > 0)
        ((20, 5, 1), True)
    """
    x = as_array("x", x)
    finite(x=x)
    parts = range(0, len(x), batch_size)
    with _noise_of(model, seed):
        return np.stack(
            [
                np.concatenate([ops.convert_to_numpy(model(x[i : i + batch_size], training=True)) for i in parts])
                for _ in range(num_passes)
            ]
        )


@validate(model=instance(ProbabilisticModel))
def monte_carlo_prediction(model, x, num_passes=50, *, batch_size=1024, seed=0) -> GaussianMixture:
    """Return the mixture that several passes of a random network predict, such as a network with dropout.

        p(y | x) = 1/T sum_t p(y | x, noise_t)

    Its variance is the mean variance of the passes (aleatoric) plus the variance of their means (epistemic).

    Args:
        model: a `ProbabilisticModel` with a `GaussianHead`, and with dropout or weights that are distributions.
        x, num_passes, batch_size, seed: as in `stochastic_passes`.

    Returns:
        A `GaussianMixture` of y (N, K).

    Raises:
        ValueError: an argument is out of its range, or `x` is not an array of numbers.

    References:
        Dropout as a Bayesian Approximation, Gal and Ghahramani, 2016, https://arxiv.org/abs/1506.02142

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import gaussian_network, monte_carlo_prediction
        >>> model = gaussian_network((3,), 1, dropout=0.1)
        >>> monte_carlo_prediction(model, np.ones((5, 3)), num_passes=20).variance.shape == (5, 1)
        True
    """
    passes = stochastic_passes(model, x, num_passes, batch_size=batch_size, seed=seed)
    return mix([model.head.distribution(raw) for raw in passes])


@contextlib.contextmanager
def _noise_of(model, seed):
    """Set the states of all seed generators of a model, and restore them."""
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    before = [ops.convert_to_numpy(state) for state in states]
    draws = np.random.default_rng(seed).integers(2**31, size=len(states))
    for state, value, draw in zip(states, before, draws, strict=True):
        state.assign(np.array([draw, 0], value.dtype))
    try:
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)
