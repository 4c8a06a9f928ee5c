"""Initialization: distributions, theory against measurement, probes, and the symmetry that zeros never break."""

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course.language import gpt
from keras_course.portable import portable_init
from keras_course.training import (
    deep_mlp,
    draw_weights,
    gradient_noise,
    learning_rate_range_test,
    orthogonal,
    probe_activations,
    probe_gradients,
    propagate_variance,
    variance_of,
)

RULES = {"lecun": "Lecun", "glorot": "Glorot", "he": "He"}
X = np.random.default_rng(1).normal(size=(512, 256)).astype("float32")


def explorer(**arguments):
    return portable_init(deep_mlp.from_preset("init_explorer", **arguments))


def hidden(probes, kind):
    return [probe for probe in probes if probe.name.startswith(kind)]


# Distributions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 40, 60)])
@pytest.mark.parametrize("rule", RULES)
def test_distributions_are_the_same_as_in_keras(rule, shape, distribution):
    mine = draw_weights(rule, shape, distribution=distribution, seed=3)
    keras_one = k.convert_to_numpy(getattr(keras.initializers, f"{RULES[rule]}{distribution.title()}")(seed=3)(shape))
    field = np.prod(shape[:-2], dtype=int)
    variance = variance_of(rule, int(field * shape[-2]), int(field * shape[-1]))
    for weights in (mine, keras_one):
        assert weights.var() == pytest.approx(variance, rel=0.05)
        assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)
    if distribution == "uniform":
        assert abs(mine).max() == pytest.approx(np.sqrt(3 * variance), rel=1e-3)
    else:  # Keras cuts it off
        assert abs(mine).max() > 3 * np.sqrt(variance) > abs(keras_one).max()
    assert (mine == draw_weights(rule, shape, distribution=distribution, seed=3)).all()
    assert (mine != draw_weights(rule, shape, distribution=distribution, seed=4)).any()


@pytest.mark.parametrize("shape", [(20, 20), (30, 10), (10, 30), (3, 3, 2, 8)])
def test_orthogonal(shape):
    matrix = orthogonal(shape, gain=2.0).reshape(-1, shape[-1])
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 2.0, rtol=1e-5)
    keras_one = k.convert_to_numpy(keras.initializers.Orthogonal(2.0)(shape)).reshape(-1, shape[-1])
    np.testing.assert_allclose(np.linalg.svd(keras_one, compute_uv=False), 2.0, rtol=1e-4)


def test_every_orthogonal_matrix_is_equally_likely():
    corners = [orthogonal((5, 5), seed=seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(corners)) < 4 / np.sqrt(5 * 400)  # an entry has mean 0 and variance 1 / 5


# Theory ------------------------------------------------------------------------------------------------------------


def test_he_keeps_the_second_moment_and_square_glorot_halves_it():
    for rule, factor in (("he", 1.0), ("glorot", 0.5), ("lecun", 0.5)):
        path = propagate_variance(variance_of(rule, 256, 256), 256, 10)
        np.testing.assert_allclose(path.activations, factor ** np.arange(11), rtol=1e-5)
        np.testing.assert_allclose(path.gradients, factor ** np.arange(9, -1, -1), rtol=1e-5)
    linear = propagate_variance(variance_of("glorot", 50, 50), 50, 10, activation="linear")
    np.testing.assert_allclose(linear.activations, 1, rtol=1e-5)


def test_gradients_of_sigmoids_vanish():
    """Its slope is 1/4 at most: with V = 1 / q, each layer takes at least a factor of 16 off the squares."""
    path = propagate_variance(1 / 64, 64, 5, activation="sigmoid")
    assert (path.gradients[1:] / path.gradients[:-1] > 16).all()


def test_gradients_pass_the_slope_of_their_own_layer():
    """Where slopes differ from layer to layer it matters which of them is meant."""
    path = propagate_variance(1 / 64, 64, 3, activation="tanh", first=9.0)
    z = np.random.default_rng(0).normal(size=400_000)
    for layer in (0, 1):
        slope = 1 - np.tanh(np.sqrt(path.pre_activations[layer]) * z) ** 2
        assert path.gradients[layer] / path.gradients[layer + 1] == pytest.approx(np.mean(slope**2), rel=0.01)
    assert path.gradients[-1] == 1
    assert path.gradients[0] / path.gradients[1] < 0.6 * path.gradients[1]  # the first layer is nearly saturated


@pytest.mark.parametrize("initializer", ["small_normal", "lecun", "glorot", "he", "normal", "uniform"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_theory_agrees_with_what_is_measured(activation, initializer):
    variances = {"small_normal": 1e-4, "normal": 1.0, "uniform": 1 / 3}
    variance = variances.get(initializer) or variance_of(initializer, 256, 256)
    path = propagate_variance(variance, 256, 5, activation=activation, first=np.mean(X**2))
    model = explorer(num_layers=5, activation=activation, kernel_initializer=initializer)
    probes = probe_activations(model, X)
    found = [probe.second_moment for probe in hidden(probes, "activation")]
    np.testing.assert_allclose(found, path.activations[1:], rtol=0.3)
    found = [probe.second_moment for probe in hidden(probes, "dense")]
    np.testing.assert_allclose(found, path.pre_activations, rtol=0.3)
    back = np.array([probe.second_moment for probe in hidden(probe_gradients(model, X), "dense")])
    np.testing.assert_allclose(np.sqrt(back / back[-1]), np.sqrt(path.gradients), rtol=0.5)


def test_labels_of_the_explorer():
    def labels(probe, **arguments):
        return [p.label for p in hidden(probe(explorer(num_layers=30, **arguments), X), "dense")]

    for probe in (probe_activations, probe_gradients):
        assert set(labels(probe)) == {"healthy"}
        assert set(labels(probe, kernel_initializer="zeros")) == {"dead"}
        assert labels(probe, kernel_initializer="normal").count("exploded") >= 20
        assert labels(probe, kernel_initializer="small_normal", activation="tanh").count("dead") >= 20
    assert labels(probe_activations, kernel_initializer="normal", activation="tanh").count("healthy") == 30


# Probes ------------------------------------------------------------------------------------------------------------


class Subclassed(keras.Model):
    """No graph, a layer that is used twice, a nested model, and two outputs."""

    def __init__(self):
        super().__init__()
        self.shared = keras.layers.Dense(5, activation="tanh", name="shared")
        self.inner = keras.Sequential([keras.layers.Dense(5, name="inner_dense"), keras.layers.Dropout(0.5, seed=0)])

    def call(self, x, training=None):
        h = self.shared(self.shared(x))
        return {"a": self.inner(h, training=training), "b": h}


def test_any_model_is_probed():
    model = Subclassed()
    x = X[:7, :5]
    expected = {name: k.convert_to_numpy(part) for name, part in model(x).items()}
    before = [np.array(k.convert_to_numpy(v)) for v in model.variables]
    probes = probe_activations(model, x)
    assert [probe.name for probe in probes[:3]] == ["shared", "shared", "inner_dense"]
    np.testing.assert_allclose(probes[1].values, expected["b"], atol=1e-6)
    np.testing.assert_allclose(probes[-1].values, expected["a"], atol=1e-6)
    assert 0.2 < probe_activations(model, x, training=True)[-1].zeros < 0.8  # dropout
    gradients = probe_gradients(model, x)
    np.testing.assert_allclose(gradients[-1].values, 1)
    w = k.convert_to_numpy(model.inner.layers[0].kernel)
    np.testing.assert_allclose(gradients[1].values, np.tile(1 + w.sum(axis=1), (7, 1)), rtol=1e-5)
    kernel = k.convert_to_numpy(model.shared.kernel)
    slope = 1 - expected["b"] ** 2
    np.testing.assert_allclose(gradients[0].values, (slope * (1 + w.sum(axis=1))) @ kernel.T, rtol=1e-4, atol=1e-5)
    for old, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, k.convert_to_numpy(v))
    np.testing.assert_array_equal(k.convert_to_numpy(model(x)["a"]), expected["a"])  # nothing is watched any more
    assert "call" not in vars(model.shared)


@pytest.mark.parametrize("kind", [keras.layers.SimpleRNN, keras.layers.GRU, keras.layers.LSTM])
def test_a_recurrent_layer_is_seen_as_a_whole(kind):
    both_ways = keras.layers.Bidirectional(kind(4, return_sequences=True))
    model = keras.Sequential([keras.Input((5, 3)), both_ways, kind(6), keras.layers.Dense(2)])
    x = X[:7, :15].reshape(7, 5, 3)
    for probe in (probe_activations, probe_gradients):
        shapes = [one.values.shape for one in probe(model, x)]
        assert shapes == [(7, 5, 4), (7, 5, 4), (7, 6), (7, 2)]
    np.testing.assert_allclose(probe_activations(model, x)[-1].values, k.convert_to_numpy(model(x)), atol=1e-6)


def test_gradients_of_a_loss():
    model = portable_init(deep_mlp(4, 3, norm="batch"))
    x, y = X[:6, :4], np.array([0, 1, 2, 0, 1, 2])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = probe_gradients(model, x, y, loss=loss, training=True)
    logits = probe_activations(model, x, training=True)[-1].values
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[-1].values, (chances - np.eye(3)[y]) / 6, atol=1e-6)
    model.compile("sgd", loss)
    for a, b in zip(found, probe_gradients(model, x, y, training=True), strict=True):
        np.testing.assert_allclose(a.values, b.values, atol=1e-6)
    moving = [k.convert_to_numpy(v) for v in model.non_trainable_variables if "moving_mean" in v.path]
    assert all((v == 0).all() for v in moving)


def test_what_a_probe_says():
    model = keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])
    (probe,) = probe_activations(model, np.array([[-1.0, 2.0, 0.0], [-3.0, 4.0, 1.0]]))
    assert (probe.zeros, probe.dead_units, probe.label) == (0.5, pytest.approx(1 / 3), "healthy")
    assert (probe.mean, probe.magnitude, probe.second_moment) == (7 / 6, 7 / 6, 21 / 6)
    assert probe.sd == pytest.approx(np.std([0, 2, 0, 0, 4, 1]))
    big = keras.Sequential([keras.Input((2,)), keras.layers.Rescaling(1e38), keras.layers.Rescaling(1e5)])
    assert [p.label for p in probe_activations(big, np.array([[1.0, -1.0]]))] == ["exploded", "exploded"]


# Symmetry ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initializer", ["zeros", keras.initializers.Constant(0.1)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_units_that_start_alike_stay_alike_for_ever(activation, initializer):
    model = deep_mlp(8, 1, hidden_dim=6, num_layers=2, activation=activation, kernel_initializer=initializer)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    x = X[:64, :8]
    losses = model.fit(x, np.sin(x[:, :1]) + 3, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]  # it does learn something
    for probe in hidden(probe_activations(model, x), "activation"):
        np.testing.assert_allclose(probe.values, np.tile(probe.values[:, :1], 6), rtol=1e-4, atol=1e-5)
    broken = portable_init(deep_mlp(8, 1, hidden_dim=6, num_layers=2, activation=activation))
    assert np.ptp(hidden(probe_activations(broken, x), "activation")[0].values, axis=1).max() > 0.1


# The builder -------------------------------------------------------------------------------------------------------


def test_one_initializer_makes_no_twins():
    model = deep_mlp(4, 4, hidden_dim=4, kernel_initializer=keras.initializers.RandomNormal(seed=1))
    kernels = [k.convert_to_numpy(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    assert len(kernels) == len({kernel.tobytes() for kernel in kernels}) == 4


def test_batch_norm_mixes_the_batch_in_training_only():
    model = portable_init(deep_mlp(4, 3, norm="batch"))
    x = X[:6, :4]
    for training, alone in ((False, True), (True, False)):
        many, few = (k.convert_to_numpy(model(part, training=training)) for part in (x, x[:2]))
        assert np.allclose(many[:2], few, atol=1e-5) == alone


SPARSE = keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize(
    "loss",
    ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", SPARSE(name="ce"), SPARSE, [SPARSE()]],
    ids=["function", "class", "named", "type", "list"],
)
def test_labels_out_of_range(loss):
    model, x = deep_mlp(4, 3), X[:4, :4]
    model.compile("sgd", loss)
    for labels in ([0, 1, 2, 3], [0, 1, 2, -1], [0.0, 1.0, 2.0, 0.5]):
        y = np.array(labels)
        for call in (probe_gradients, learning_rate_range_test, gradient_noise):
            with pytest.raises(ValueError, match=r"y has labels from .* they must be 0 to 2"):
                call(model, x, y)
        with pytest.raises(ValueError, match=r"y has labels from"):
            probe_gradients(deep_mlp(4, 3), x, y, loss=loss[0] if isinstance(loss, list) else loss)
    model.compile("sgd", SPARSE(from_logits=True, ignore_class=-1))
    assert probe_gradients(model, x, np.array([0, 1, 2, -1]))[-1].values[-1].tolist() == [0, 0, 0]


def test_bad_arguments():
    cases = [
        (lambda: variance_of("xavier", 1, 1), r"rule='xavier' is none of 'lecun', 'glorot', 'he"),
        (lambda: variance_of("he", 0, 1), "fan_in=0"),
        (lambda: draw_weights("he", (3,)), r"shape=\(3,\) must have at least two axes"),
        (lambda: draw_weights("he", (3, 3), distribution="cauchy"), "distribution='cauchy'"),
        (lambda: orthogonal((0, 3)), r"shape\[0\]=0"),
        (lambda: propagate_variance(-1.0, 3, 3), "variance=-1"),
        (lambda: propagate_variance(1.0, 3, 0), "num_layers=0"),
        (lambda: propagate_variance(1.0, 3, 1, first=np.nan), "first=nan"),
        (lambda: deep_mlp(4, 3, kernel_initializer="xavier"), "kernel_initializer='xavier' must be one of zeros"),
        (lambda: draw_weights("he", 3), "shape=3 must be a tuple of whole numbers"),
        (lambda: orthogonal((3, 3), gain=np.nan), "gain=nan"),
        (lambda: propagate_variance(1.0, 3, 1, activation="bend"), "activation='bend' is neither"),
        (lambda: propagate_variance("1", 3, 1), "variance='1'"),
        (lambda: deep_mlp(4, 3, activation="bend"), "activation='bend' is neither"),
        (lambda: deep_mlp(4, 3, seed=-1), "seed=-1"),
        (lambda: draw_weights("he", (3, 3), seed=None), "seed=None"),
        (lambda: orthogonal((3, 3), seed=None), "seed=None"),
        (lambda: probe_activations(deep_mlp(4, 3), np.ones((0, 4))), r"x and y hold \[0\] examples"),
        (lambda: deep_mlp(4, 3, norm="power"), "norm='power' is none of"),
        (lambda: probe_activations(deep_mlp(4, 3), np.full((2, 4), np.inf)), "not finite"),
        (lambda: probe_gradients(deep_mlp(4, 3), np.ones((2, 4)), loss="mse"), "needs the targets y"),
        (lambda: probe_gradients(deep_mlp(4, 3), np.ones((2, 4)), np.ones((2, 3))), "not compiled"),
        (lambda: probe_activations(gpt(5, 4, hidden_dim=4), [[1, 2, 77, 3]]), "x has tokens from 1 to 77"),
        (lambda: probe_activations(gpt(5, 4, hidden_dim=4), [[1, 2, -3, 3]]), "they must be 0 to 4"),
        (lambda: probe_activations(keras.Model(i := keras.Input((2,)), i), np.ones((1, 2))), "no layers"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
