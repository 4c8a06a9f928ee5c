"""Draws by NumPy.

First weights, because JAX compiles its own draw for each shape, half a second for each of hundreds; noise, because each
backend draws its own.
"""

import types
from unittest import mock

import keras
import numpy as np
from keras.src.backend import random
from keras.src.initializers import random_initializers
from scipy.special import ndtr, ndtri

DISTRIBUTIONS = {
    "normal": lambda rng, shape, mean=0.0, stddev=1.0: rng.normal(mean, stddev, shape),
    "truncated_normal": lambda rng, shape, mean=0.0, stddev=1.0: (
        mean + stddev * ndtri(rng.uniform(ndtr(-2), ndtr(2), shape))
    ),
    "uniform": lambda rng, shape, minval=0.0, maxval=1.0: rng.uniform(minval, maxval, shape),
}


def weights_by_numpy():
    """Return a context in which Keras's initializers draw from their distributions by NumPy.

    As in Keras, an initializer draws the same twice, and so do two with the same seed.
    """
    turns = {}

    def sampler(distribution):
        def draw(shape, *parameters, seed, dtype=None, **named):
            key = seed if isinstance(seed, int) else object()  # a SeedGenerator draws anew each time
            rng = np.random.default_rng((0, turns.setdefault(key, len(turns))))
            return _tensor(distribution(rng, shape, *parameters, **named), dtype)

        return draw

    samplers = {name: sampler(distribution) for name, distribution in DISTRIBUTIONS.items()}
    drawn = types.SimpleNamespace(**vars(random_initializers.random) | samplers)
    return mock.patch.object(random_initializers, "random", drawn)


def noise_by_numpy():
    """Return a context in which `keras.random` and Keras's layers draw the same on every backend and at every call."""
    names = {"normal": _normal, "uniform": _uniform, "dropout": _dropout, "categorical": _categorical}
    return mock.patch.multiple(random, **names)


def _normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _tensor(mean + stddev * np.random.default_rng(0).standard_normal(shape), dtype)


def _uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _tensor(np.random.default_rng(0).uniform(minval, maxval, shape), dtype)


def _dropout(inputs, rate, noise_shape=None, seed=None):
    kept = np.random.default_rng(0).random(noise_shape or inputs.shape) >= rate
    return inputs * _tensor(kept / (1 - rate), inputs.dtype)


def _categorical(logits, num_samples, dtype="int32", seed=None):
    noise = np.random.default_rng(0).gumbel(size=(logits.shape[0], num_samples, logits.shape[1]))
    return keras.ops.argmax(logits[:, None] + _tensor(noise, logits.dtype), axis=-1)


def _tensor(array, dtype):
    return keras.ops.convert_to_tensor(array, dtype or keras.config.floatx())
