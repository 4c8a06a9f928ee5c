"""Heads: each loss is a negative log-likelihood by scipy's densities, each metric what it says."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_course.perceptron import GaussianNegativeLogLikelihood, mlp, output_head

RNG = np.random.default_rng(0)
OUTPUTS = RNG.normal(size=(7, 4)).astype("float32") * 2


def number(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def test_regression():
    head, y = output_head("regression"), RNG.normal(size=(7, 4)).astype("float32")
    law = stats.norm(head.activation(OUTPUTS), 0.5**0.5)
    assert number(head.loss(y, OUTPUTS)) + np.log(np.pi) / 2 == pytest.approx(-np.mean(law.logpdf(y)), rel=1e-5)
    assert number(head.metric(y, OUTPUTS)) == pytest.approx(np.abs(y - OUTPUTS).mean(), rel=1e-5)


def test_gaussian():
    head, y = output_head("gaussian"), RNG.normal(size=(7, 2)).astype("float32")
    mean, scale = map(keras.ops.convert_to_numpy, head.activation(OUTPUTS))
    np.testing.assert_allclose(mean, OUTPUTS[:, :2])
    expected = -np.mean(np.sum(stats.norm(mean, scale).logpdf(y), axis=1))
    assert number(head.loss(y, OUTPUTS)) == pytest.approx(expected, rel=1e-5)
    assert number(head.metric(y, OUTPUTS)) == pytest.approx(np.abs(y - mean).mean(), rel=1e-5)
    twin = keras.losses.deserialize(keras.losses.serialize(head.loss))
    assert isinstance(twin, GaussianNegativeLogLikelihood)
    assert number(twin(y, OUTPUTS)) == pytest.approx(expected, rel=1e-5)


def test_binary():
    head, y = output_head("binary"), RNG.integers(2, size=(7, 1))
    logits = OUTPUTS[:, :1]
    p = keras.ops.convert_to_numpy(head.activation(logits))
    assert number(head.loss(y, logits)) == pytest.approx(-np.mean(stats.bernoulli(p).logpmf(y)), rel=1e-4)
    assert number(head.metric(y, logits)) == pytest.approx(np.mean((p > 0.5) == y))


def test_multiclass():
    head, y = output_head("multiclass"), RNG.integers(4, size=7)
    p = keras.ops.convert_to_numpy(head.activation(OUTPUTS)).astype("float64")
    laws = [stats.multinomial(1, row / row.sum()) for row in p]
    expected = -np.mean([law.logpmf(np.eye(4)[k]) for law, k in zip(laws, y, strict=True)])
    assert number(head.loss(y, OUTPUTS)) == pytest.approx(expected, rel=1e-5)
    assert number(head.metric(y, OUTPUTS)) == pytest.approx(np.mean(p.argmax(1) == y))


def test_softmax_ignores_a_shift():
    head, y = output_head("multiclass"), RNG.integers(4, size=7)
    shift = RNG.normal(size=(7, 1)).astype("float32") * 100
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(head.activation(OUTPUTS + shift)),
        keras.ops.convert_to_numpy(head.activation(OUTPUTS)),
        atol=1e-5,
    )
    assert number(head.loss(y, OUTPUTS + shift)) == pytest.approx(number(head.loss(y, OUTPUTS)), abs=1e-4)


def test_two_classes_of_softmax_are_a_sigmoid_of_the_difference():
    y = RNG.integers(2, size=7)
    two, one = output_head("multiclass").loss, output_head("binary").loss
    difference = OUTPUTS[:, 1:2] - OUTPUTS[:, :1]
    assert number(two(y, OUTPUTS[:, :2])) == pytest.approx(number(one(y[:, None], difference)), rel=1e-5)


@pytest.mark.parametrize(("task", "outputs", "columns"), [("regression", 2, 2), ("gaussian", 4, 2), ("binary", 1, 1)])
def test_heads_train(task, outputs, columns):
    """The learned scale, for one, approaches the noise that is there."""
    head, x = output_head(task), RNG.normal(size=(64, 3)).astype("float32")
    y = np.repeat(x[:, :1] > 0, columns, axis=1).astype("float32")
    model = mlp((3,), outputs, hidden_dims=(16,), activation="tanh")
    model.compile(keras.optimizers.Adam(0.02), head.loss, metrics=[head.metric])
    history = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0] or history["loss"][-1] < 0
    assert set(history) == {"loss", head.metric.name}


def test_heads_share_no_state():
    assert output_head("binary").metric is not output_head("binary").metric


@pytest.mark.parametrize(("targets", "outputs"), [((5,), (5, 2)), ((5, 3), (5, 2)), ((5, 1), (5, 3)), ((5,), (5, 10))])
def test_gaussian_refuses_shapes_that_would_be_stretched(targets, outputs):
    """Targets (B,) beside means (B, 1) would be all pairs of them, and no error."""
    with pytest.raises(ValueError, match=r"y_true and y_pred have the shapes .* not \(B, K\) and \(B, 2 K\)"):
        output_head("gaussian").loss(np.zeros(targets, "float32"), np.zeros(outputs, "float32"))


def test_unknown_task():
    with pytest.raises(ValueError, match="task='ranking' is none of 'regression', 'gaussian', 'binary'"):
        output_head("ranking")
