"""Reductions over segments beside NumPy: values, empty segments, padding, NaN and gradients."""

import keras
import numpy as np
import pytest

from keras_course import ops

array, RNG = keras.ops.convert_to_numpy, np.random.default_rng(0)
IDS = np.array([0, 2, 2, -1, 0, 4, 2, -1, 0])  # segments 1, 3 and 5 are empty


def by_numpy(name, data):
    if name == "softmax":
        y = np.zeros_like(data)
        for n in set(IDS) - {-1}:
            powers = np.exp(data[n == IDS] - data[n == IDS].max(axis=0))
            y[n == IDS] = powers / powers.sum(axis=0)
        return y
    rows = [data[n == IDS] for n in range(6)]
    return np.stack([getattr(x, name)(axis=0) if len(x) else np.zeros(data.shape[1]) for x in rows])


@pytest.mark.parametrize("name", ["sum", "mean", "max", "softmax"])
def test_segments_beside_numpy(name):
    def call(x):
        return getattr(ops, f"segment_{name}")(x, IDS, 6)

    data = (1000 + RNG.normal(size=(9, 3))).astype("float32")  # exp(1000) overflows
    expected = by_numpy(name, data.astype("float64"))
    np.testing.assert_allclose(array(call(data)), expected, rtol=1e-5)
    weights, slopes = RNG.normal(size=expected.shape).astype("float32"), np.empty((9, 3))
    for k in np.ndindex(9, 3):
        shift = np.zeros((9, 3))
        shift[k] = 1e-4
        slopes[k] = ((by_numpy(name, data + shift) - by_numpy(name, data - shift)) * weights).sum() / 2e-4
    gradient = ops.grad(lambda x: keras.ops.sum(keras.ops.multiply(call(x), weights)))(data)
    np.testing.assert_allclose(array(gradient), slopes, atol=1e-4)
    data[[0, 1, 5], [0, 1, 2]] = np.nan, np.nan, np.inf  # reach the outputs of their own segments
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(array(call(data)), by_numpy(name, data), rtol=1e-5)
