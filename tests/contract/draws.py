"""Draws by NumPy.

First weights, because JAX compiles its own draw for each shape, half a second for each of hundreds; noise, because each
backend draws its own.
"""

from unittest import mock

import keras
import numpy as np
from keras.src.backend import random


def by_numpy(seed=0):
    """Return what can stand in for `VarianceScaling.__call__`: draws of the same scale, whose law is another.

    As in Keras, an initializer draws the same twice, and so do two with the same seed.
    """
    turns = {}

    def draw(law, shape, dtype=None):
        key = law.seed if isinstance(law.seed, int) else object()  # a SeedGenerator draws anew each time
        rng = np.random.default_rng((seed, turns.setdefault(key, len(turns))))
        fan_in = max(1, int(np.prod(shape[:-1])))
        return keras.ops.convert_to_tensor(rng.normal(0, (law.scale / fan_in) ** 0.5, shape), dtype or "float32")

    return draw


def noise_by_numpy():
    """Return a context in which `keras.random` and Keras's layers draw the same on every backend and at every call."""
    return mock.patch.multiple(random, normal=_normal, uniform=_uniform, dropout=_dropout)


def _normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _tensor(mean + stddev * np.random.default_rng(0).standard_normal(shape), dtype)


def _uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _tensor(np.random.default_rng(0).uniform(minval, maxval, shape), dtype)


def _dropout(inputs, rate, noise_shape=None, seed=None):
    kept = np.random.default_rng(0).random(noise_shape or inputs.shape) >= rate
    return inputs * _tensor(kept / (1 - rate), inputs.dtype)


def _tensor(array, dtype):
    return keras.ops.convert_to_tensor(array, dtype or keras.config.floatx())
