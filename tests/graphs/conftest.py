"""What the tests of lecture 9 share: models are initialized and called the quick way, and an MLP is written out."""

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def quick(drawn_by_numpy, called_at_once):
    """No test here is about how an initializer samples, or about an eager call; tests/contract checks both."""


@pytest.fixture(scope="session")
def perceptron():
    """A function that applies an `MLP` to a row; `extra` is added before the first activation."""

    def apply(mlp, x, extra=0.0):
        for k, layer in enumerate(mlp.layers):
            weights, bias = (keras.ops.convert_to_numpy(w) for w in layer.weights)
            x = np.maximum(x, 0) @ weights + bias if k else x @ weights + bias + extra
        if mlp.normalize is None:
            return x
        gain, shift = (keras.ops.convert_to_numpy(w) for w in mlp.normalize.weights)
        return gain * (x - x.mean()) / np.sqrt(x.var() + 1e-5) + shift

    return apply
