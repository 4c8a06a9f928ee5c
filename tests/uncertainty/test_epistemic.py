"""Ensembles, dropout and distributions over weights, beside exact posteriors and networks of their own."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import integrate, stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct

from keras_course.uncertainty import (
    EnsembleDense,
    EnsembleHead,
    GaussianHead,
    ProbabilisticModel,
    VariationalConv2D,
    VariationalDense,
    bayes_by_backprop,
    deep_ensemble,
    gaussian_network,
    linear_posterior,
    monte_carlo_prediction,
    stochastic_passes,
)

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(64, 3)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")


def test_ensemble_is_trained_as_its_members_alone():
    """In one program each member takes the steps that it takes alone, and the prediction is their mixture."""
    ensemble = deep_ensemble((3,), 1, num_members=2, hidden_dims=(4,))
    networks = [gaussian_network((3,), 1, hidden_dims=(4,)) for _ in range(2)]
    for m, network in enumerate(networks):
        network.set_weights([weight[m] for weight in ensemble.get_weights()])
    for model in (ensemble, *networks):
        model.compile(keras.optimizers.Adam(0.01), model.head)
        model.fit(X, Y, batch_size=64, epochs=5, verbose=0)
    for m, network in enumerate(networks):
        for weight, alone in zip(ensemble.get_weights(), network.get_weights(), strict=True):
            np.testing.assert_allclose(weight[m], alone, atol=2e-5)
    members = [np.exp(array(network.distribution(X).log_prob(Y))) for network in networks]
    np.testing.assert_allclose(np.exp(array(ensemble.distribution(X).log_prob(Y))), np.mean(members, axis=0), rtol=1e-3)


def test_members_start_apart_and_as_wide_as_networks():
    kernels = EnsembleDense(40, 30)
    kernels.build((None, 20))
    limit = (6 / 50) ** 0.5
    assert array(kernels.kernel).std() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert abs(np.corrcoef(array(kernels.kernel).reshape(40, -1))[0, 1]) < 0.2


def test_divergence_is_the_integral():
    layer = VariationalDense(1, num_examples=7, prior_deviation=2.0, initial_deviation=0.3)
    layer.build((None, 1))
    layer.kernel.assign([[1.5]])
    q, p = [stats.norm(mean, 0.3) for mean in (1.5, 0.0)], stats.norm(0, 2)
    parts = [integrate.quad(lambda w, q=q: q.pdf(w) * (q.logpdf(w) - p.logpdf(w)), -8, 8)[0] for q in q]
    assert float(array(layer.divergence())) == pytest.approx(sum(parts), rel=1e-5)
    layer(np.ones((2, 1)))
    assert float(array(sum(layer.losses))) == pytest.approx(sum(parts) / 7, rel=1e-5)


@pytest.mark.parametrize("noise", ["activations", "weights"])
def test_noise_has_the_moments_of_the_weights(noise):
    """Over samples, pre-activations have the mean x M + m_b and the variance x^2 S^2 + s_b^2, also of a convolution."""
    x = rng.normal(size=(1, 2, 2, 2)).astype("float32")
    options = {"num_examples": 9, "noise": noise, "initial_deviation": 0.5}
    model = keras.Sequential([keras.Input((2, 2, 2)), VariationalConv2D(3, 2, padding="valid", **options)])
    dense = keras.Sequential([keras.Input((8,)), VariationalDense(3, **options)])
    for network, inputs in ((model, x), (dense, x.reshape(1, 8))):
        layer = network.layers[-1]
        layer.kernel_rho.assign(rng.normal(size=layer.kernel.shape))
        rows, passes = (4_000, 1) if noise == "activations" else (1, 250)
        found = stochastic_passes(network, np.repeat(inputs, rows, axis=0), passes, batch_size=rows).reshape(-1, 3)
        deviations = np.logaddexp(0, array(layer.kernel_rho)).reshape(8, 3)
        variance = x.reshape(8) ** 2 @ deviations**2 + 0.5**2
        np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.1 if noise == "activations" else 0.4)
        gaps = found.mean(axis=0) - array(network(inputs)).reshape(3)
        assert (np.abs(gaps) < 4 * (variance / len(found)) ** 0.5).all()


def test_mean_field_beside_the_exact_posterior():
    """With orthogonal features the posterior has no correlations, so the mean-field optimum is exact."""
    x = np.linalg.qr(rng.normal(size=(40, 2)))[0] * np.array([4.0, 2.0])
    y = x @ [1.0, -0.5] + 0.5 * rng.normal(size=40)
    exact = linear_posterior(x, y, noise=0.5)
    by_process = GaussianProcessRegressor(DotProduct(sigma_0=1e-6), alpha=0.25, optimizer=None).fit(x, y)
    mean, deviation = by_process.predict(x, return_std=True)
    ours = exact.predict(x)
    np.testing.assert_allclose(ours[0], mean, atol=1e-5)
    np.testing.assert_allclose(ours[2], deviation**2, rtol=1e-4)
    model = bayes_by_backprop((2,), 1, num_examples=40, hidden_dims=(), initial_deviation=0.2)
    layer = model.layers[-1]
    layer.bias.trainable = False
    rate = keras.optimizers.schedules.CosineDecay(0.05, 600)
    model.compile(keras.optimizers.Adam(rate), lambda true, mean: 0.5 * ops.square((true - mean) / 0.5))
    many = np.tile(x, (25, 1)).astype("float32"), np.tile(y, 25)[:, None].astype("float32")  # less noise per step
    model.fit(*many, batch_size=1_000, epochs=600, verbose=0)
    found = array(layer.kernel)[:, 0], np.logaddexp(0, array(layer.kernel_rho)[:, 0])
    np.testing.assert_allclose(found[0], exact.mean, atol=0.02)
    np.testing.assert_allclose(found[1], np.diag(exact.covariance) ** 0.5, rtol=0.05)


def test_dropout_prediction_adds_both_variances():
    """Of one hidden unit that is dropped with the rate 1/2, the variance of the prediction is known."""
    network = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dropout(0.5, seed=0),
            keras.layers.Dense(2, kernel_initializer=lambda shape, dtype=None: ops.convert_to_tensor([[3.0, 0.0]])),
        ]
    )
    model = ProbabilisticModel(network, GaussianHead(1, scale="exp", min_deviation=1e-6))
    prediction, again = (monte_carlo_prediction(model, np.ones((800, 1)), 4, seed=1) for _ in range(2))
    np.testing.assert_array_equal(array(prediction.means), array(again.means))
    means = array(prediction.means)[..., 0]  # 0 or 6, as Keras doubles what is kept
    assert set(np.unique(means)) == {0.0, 6.0}
    np.testing.assert_allclose(array(prediction.variance)[:, 0], 1 + means.var(axis=1), rtol=1e-4)
    assert means.mean() == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: EnsembleDense(3, 2)(np.ones((4, 2, 5))), r"x has shape \(4, 2, 5\)"),
        (lambda: EnsembleHead("gaussian"), "head='gaussian'"),
        (lambda: deep_ensemble((2,), 1, num_members=0), "num_members=0"),
        (lambda: VariationalDense(2, num_examples=0), "num_examples=0"),
        (lambda: VariationalDense(2, num_examples=1, noise="none"), "noise='none'"),
        (lambda: bayes_by_backprop((4,), 1, num_examples=9, filters=(2,)), "input_shape=.*filters"),
        (lambda: stochastic_passes(bayes_by_backprop((2,), 1, num_examples=9), X, 0), "num_passes=0"),
        (lambda: linear_posterior(X, Y[:, 0], noise=0.0), "noise=0.0"),
        (lambda: linear_posterior(X, Y), "y has shape"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
