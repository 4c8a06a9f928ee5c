"""The catalogue: values against torch.nn.functional and closed forms, derivatives against the backend's."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import layers
from keras_course import ops as course_ops
from keras_course.perceptron import ACTIVATIONS, leaky_relu, mlp, step

Z = np.array([-30.0, -3.0, -1.5, -0.4, -0.01, 0.02, 0.7, 1.0, 2.5, 30.0], "float32")  # none at a corner


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_the_catalogue_is_complete():
    names = "step sigmoid tanh relu leaky_relu elu selu silu gelu softplus"
    assert set(ACTIVATIONS) == set(names.split())
    assert all(row.name == name for name, row in ACTIVATIONS.items())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_equals_the_backends(name):
    row = ACTIVATIONS[name]
    expected = course_ops.grad(lambda z: ops.sum(row.function(z)))(Z)
    np.testing.assert_allclose(numbers(row.derivative(Z)), numbers(expected), atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_equals_differences(name):
    row, h = ACTIVATIONS[name], 1e-2
    z = Z[np.abs(Z) > 2 * h]
    difference = (numbers(row.function(z + h)) - numbers(row.function(z - h))) / (2 * h)
    np.testing.assert_allclose(numbers(row.derivative(z)), difference, atol=2e-3)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="compares with torch.nn.functional")
@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "step"])
def test_value_equals_torch(name):
    import torch

    peer = {"leaky_relu": lambda z: torch.nn.functional.leaky_relu(z, 0.1)}.get(name)
    peer = peer or getattr(torch.nn.functional, name, None) or getattr(torch, name)
    expected = peer(torch.tensor(Z)).numpy()
    np.testing.assert_allclose(numbers(ACTIVATIONS[name].function(Z)), expected, atol=1e-5)


def test_corners_and_the_steepest_slopes():
    zero = np.zeros(1, "float32")
    at_zero = {name: float(numbers(row.derivative(zero))[0]) for name, row in ACTIVATIONS.items()}
    assert at_zero["sigmoid"] == 0.25
    assert at_zero["relu"] == 0.0
    assert at_zero["leaky_relu"] == pytest.approx(0.1)
    assert at_zero["tanh"] == 1.0
    z = np.linspace(-8, 8, 1601).astype("float32")
    assert numbers(ACTIVATIONS["sigmoid"].derivative(z)).max() == 0.25
    assert numbers(step(np.array([-1.0, 0.0, 1.0]))).tolist() == [0.0, 1.0, 1.0]


def test_symbols_and_plain_numbers_are_taken():
    own = [layers.gelu, layers.gelu_tanh, layers.relu_squared, course_ops.gelu, step, leaky_relu]
    for function in own + [row.function for row in ACTIVATIONS.values()]:
        assert function(keras.Input((4,))).shape == (None, 4), function
    for function in own:
        assert keras.backend.standardize_dtype(function([1.0, -2.0]).dtype) == "float32", function
    assert layers.rotate(keras.Input((3, 2, 4)), ops.arange(3)).shape == (None, 3, 2, 4)
    assert numbers(course_ops.write_at(ops.zeros(4), 1, [1.0, 2.0], 0)).tolist() == [0.0, 1.0, 2.0, 0.0]


def test_nothing_overflows():
    far = np.array([-1e4, 1e4], "float32")
    for row in ACTIVATIONS.values():
        assert np.isfinite(numbers(row.function(far))).all(), row.name
        assert np.isfinite(numbers(row.derivative(far))).all(), row.name


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_networks_take_it_and_are_saved_with_it(name, tmp_path):
    model = mlp((2,), 1, hidden_dims=(5,), activation=ACTIVATIONS[name].function)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")
    np.testing.assert_allclose(numbers(loaded(x)), numbers(model(x)), atol=1e-6)


def test_leak_is_a_tenth():
    assert numbers(leaky_relu(np.array([-2.0, 2.0], "float32"))).tolist() == pytest.approx([-0.2, 2.0])
