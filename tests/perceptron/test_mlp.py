"""The multi-layer perceptron: its numbers against numpy, PyTorch and scikit-learn with equal weights; its errors."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest

from keras_course.perceptron import mlp

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="compares with torch.nn")
RNG = np.random.default_rng(0)


def with_random_biases(model):
    """Fill the biases, which start at zero, where a bias that is left out would not show."""
    model.set_weights([RNG.normal(size=w.shape) if w.ndim == 1 else w for w in model.get_weights()])
    return model


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x))


def test_forward_pass_written_out():
    model = with_random_biases(mlp((3, 4), 2, hidden_dims=(7, 5), activation="tanh"))
    x = RNG.normal(size=(6, 3, 4)).astype("float32")
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    h = np.tanh(np.tanh(x.reshape(6, 12) @ w1 + b1) @ w2 + b2)
    np.testing.assert_allclose(outputs(model, x), h @ w3 + b3, atol=1e-5)


@needs_torch
@pytest.mark.parametrize(("activation", "module"), [("relu", "ReLU"), ("gelu", "GELU"), ("sigmoid", "Sigmoid")])
def test_equal_to_torch(activation, module):
    import torch

    model = with_random_biases(mlp((8,), 3, hidden_dims=(16, 9), activation=activation))
    linears = [torch.nn.Linear(n, m) for n, m in itertools.pairwise((8, 16, 9, 3))]
    hidden = [layer for linear in linears[:-1] for layer in (linear, getattr(torch.nn, module)())]
    weights = model.get_weights()
    with torch.no_grad():
        for linear, kernel, bias in zip(linears, weights[::2], weights[1::2], strict=True):
            linear.weight.copy_(torch.tensor(kernel.T))
            linear.bias.copy_(torch.tensor(bias))
        x = RNG.normal(size=(5, 8)).astype("float32")
        expected = torch.nn.Sequential(*hidden, linears[-1])(torch.tensor(x)).cpu().numpy()
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-5)


def test_equal_to_scikit_learn():
    from sklearn.neural_network import MLPClassifier

    x, y = RNG.normal(size=(60, 4)).astype("float32"), RNG.integers(3, size=60)
    peer = MLPClassifier((10, 6), max_iter=3, random_state=0)
    for _ in range(3):
        peer.partial_fit(x, y, classes=[0, 1, 2])
    model = mlp((4,), 3, hidden_dims=(10, 6))
    model.set_weights([w for pair in zip(peer.coefs_, peer.intercepts_, strict=True) for w in pair])
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(model(x)))
    np.testing.assert_allclose(probabilities, peer.predict_proba(x), atol=1e-5)


def test_without_hidden_layers_it_is_linear():
    model = with_random_biases(mlp((3,), 2, hidden_dims=()))
    kernel, bias = model.get_weights()
    x = RNG.normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(outputs(model, x), x @ kernel + bias, atol=1e-6)
    assert outputs(mlp((), 2), np.ones(4, "float32")).shape == (4, 2)


def test_layers_of_one_shape_start_from_different_weights():
    first, second = (mlp((8,), 8, hidden_dims=(8, 8), seed=seed) for seed in (0, 1))
    kernels = [*first.get_weights()[::2], *second.get_weights()[:1]]
    assert all(np.abs(a - b).max() > 0.1 for a, b in itertools.combinations(kernels, 2))
    again = mlp(np.array([8]), 8, hidden_dims=np.array([8, 8]), seed=0)
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_initializer_is_the_one_that_was_asked_for():
    kernel = mlp((400,), 2, hidden_dims=(300,), kernel_initializer="he_normal").get_weights()[0]
    assert kernel.std() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    given = keras.initializers.RandomNormal(stddev=3.0, seed=5)
    kernel = mlp((400,), 2, hidden_dims=(300,), kernel_initializer=given).get_weights()[0]
    assert kernel.std() == pytest.approx(3.0, rel=0.02)


def test_dropout_acts_in_training_only():
    model, x = mlp((4,), 2, hidden_dims=(50,), dropout=0.5), np.ones((3, 4), "float32")
    np.testing.assert_array_equal(outputs(model, x), outputs(model, x))
    noisy = keras.ops.convert_to_numpy(model(x, training=True))
    assert np.abs(noisy - outputs(model, x)).max() > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": 2}, r"input_shape=2 must be a tuple"),
        ({"input_shape": (2, 0)}, r"input_shape\[1\]=0 must be a whole number, at least 1"),
        ({"input_shape": (None,)}, r"input_shape\[0\]=None must be a whole number"),
        ({"num_outputs": 0}, r"num_outputs=0 must be a whole number, at least 1"),
        ({"hidden_dims": 64}, r"hidden_dims=64 must be a tuple"),
        ({"hidden_dims": (64, 2.5)}, r"hidden_dims\[1\]=2.5 must be a whole number"),
        ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
        ({"dropout": "half"}, r"dropout='half' must be in \[0, 1\)"),
        ({"activation": "bend"}, r"activation='bend' is neither"),
        ({"seed": -1}, r"seed=-1 must be a whole number, at least 0"),
        ({"kernel_initializer": "big"}, r"kernel_initializer='big' is not an initializer"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp(**{"input_shape": (2,), "num_outputs": 2, **arguments})
