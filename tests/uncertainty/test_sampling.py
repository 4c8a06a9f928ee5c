"""Samplers, Gaussian processes, SWAG and Laplace, beside closed forms, NumPy and scikit-learn."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from keras_course.perceptron import mlp
from keras_course.uncertainty import (
    Chains,
    Swag,
    WeightPosterior,
    arcsine_kernel,
    flat_weights,
    gaussian_process_posterior,
    hamiltonian_monte_carlo,
    laplace_last_layer,
    leapfrog,
    linear_posterior,
    nn_gp_prior_samples,
    plot_functions,
    plot_samples,
    sampled_predictions,
    stochastic_gradient_langevin,
)

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
VARIANCES = {"weight_variance": 3.0, "bias_variance": 0.5, "output_variance": 2.0, "output_bias_variance": 0.3}
X = np.repeat(rng.normal(size=(40, 1)), 2, axis=1) + 0.4 * rng.normal(size=(40, 2))  # correlated features
ONES = np.concatenate([X, np.ones((40, 1))], axis=1)
Y = ONES @ [1.0, -0.5, 0.3] + 0.5 * rng.normal(size=40)
EXACT = linear_posterior(ONES, Y, prior_deviation=2.0, noise=0.5)


def linear_model():
    """Return the posterior of a linear network: its weights are w_1, w_2 and the bias."""
    return WeightPosterior(mlp((2,), 1, hidden_dims=()), X, Y[:, None], prior_deviation=2.0, noise=0.5)


def check_moments(chains, tolerance=0.0):
    """Compare mean and covariance with the exact posterior, within 4 Monte Carlo errors and a tolerance."""
    squares = Chains((chains.samples - EXACT.mean) ** 2, chains.acceptance)  # their autocorrelation is another
    size = min(part.effective_size().min() for part in (chains, squares))
    deviations = np.diag(EXACT.covariance) ** 0.5
    gaps = (chains.merged.mean(axis=0) - EXACT.mean) / deviations
    assert (np.abs(gaps) < 4 * size**-0.5 + tolerance).all(), gaps
    gaps = (np.cov(chains.merged.T) - EXACT.covariance) / np.outer(deviations, deviations)
    assert (np.abs(gaps) < 4 * (2 / size) ** 0.5 + tolerance).all(), gaps


def test_leapfrog_keeps_a_modified_energy():
    """Of an oscillator, w^2 (1 - h^2 / 4) + p^2 stays. The energy itself has an error of order h^2; time reverses."""
    start, momentum = np.array([[1.0, -0.3]]), np.array([[0.2, 0.7]])
    errors = []
    for step_size, num_steps in ((0.4, 7), (0.2, 14)):
        w, p = leapfrog(normal, start, momentum, step_size=step_size, num_steps=num_steps)
        before, after = (x**2 * (1 - step_size**2 / 4) + q**2 for x, q in ((start, momentum), (w, p)))
        np.testing.assert_allclose(after, before, rtol=1e-5)
        errors.append(np.sum(w**2 + p**2 - start**2 - momentum**2))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)
    back, _ = leapfrog(normal, w, -p, step_size=0.2, num_steps=14)
    np.testing.assert_allclose(back, start, atol=1e-5)


def normal(w, rows=None):
    return -ops.sum(ops.square(w), axis=-1) / 2


def test_hamiltonian_monte_carlo_samples_the_exact_posterior():
    posterior = linear_model()
    options = {"num_samples": 400, "num_burn_in": 50, "step_size": [0.06, 0.06, 0.05], "num_steps": 6}
    chains = hamiltonian_monte_carlo(posterior.log_prob, posterior.prior_samples(4), **options)
    assert chains.samples.shape == (4, 400, 3)
    assert chains.effective_size().min() > 500
    assert chains.scale_reduction().max() < 1.02
    assert 0.6 < chains.acceptance.min() < chains.acceptance.max() < 1
    check_moments(chains)


def test_hamiltonian_monte_carlo_rejects_what_diverges():
    """Without the Metropolis correction, steps of 1.55 would lead to the variance 1 / (1 - 1.55^2 / 4) = 2.5."""
    chains = hamiltonian_monte_carlo(normal, np.zeros((50, 1)), num_samples=150, step_size=1.55, num_steps=3)
    assert chains.acceptance.mean() < 0.9
    assert chains.merged.var() == pytest.approx(1, abs=0.12)
    wild = hamiltonian_monte_carlo(normal, np.ones((1, 1)), num_samples=3, num_burn_in=0, step_size=1e6)
    assert (wild.samples == 1).all()
    assert wild.acceptance == 0


def test_langevin_has_the_variance_of_its_step_size():
    """Of a Gaussian of precision a, chains with the step size e have the variance 1 / (a (1 - e a / 4))."""
    precisions = np.array([1.0, 4.0], "float32")
    options = {"num_samples": 20, "num_burn_in": 3, "step_size": 0.3, "decay": 0.0, "num_examples": 1, "batch_size": 1}
    start, factors = np.zeros((400, 2)), precisions**0.5
    chains = stochastic_gradient_langevin(lambda w, rows: normal(ops.multiply(w, factors)), start, **options)
    expected = 1 / (precisions * (1 - 0.3 * precisions / 4))
    np.testing.assert_allclose(chains.merged.var(axis=0), expected, rtol=0.08)


def test_langevin_without_noise_is_gradient_ascent():
    """On a parabola it shrinks w by 1 - e_t / 2 in each step, with step sizes that decay."""
    options = {"num_examples": 1, "batch_size": 1, "num_samples": 2, "every": 3, "num_burn_in": 1, "temperature": 0.0}
    chains = stochastic_gradient_langevin(normal, [[2.0]], step_size=0.5, delay=4.0, decay=0.75, **options)
    factors = 1 - 0.25 * (1 + np.arange(9) / 4) ** -0.75
    np.testing.assert_allclose(chains.samples[0, :, 0], 2 * np.cumprod(factors)[[5, 8]], rtol=1e-5)


def test_langevin_with_minibatches():
    """The mean of the estimates is the log-posterior; small steps sample the posterior."""
    posterior = linear_model()
    w = posterior.prior_samples(2, seed=1)
    parts = np.mean([array(posterior.log_prob(w, rows)) for rows in np.arange(40).reshape(4, 10)], axis=0)
    np.testing.assert_allclose(parts, array(posterior.log_prob(w)), rtol=1e-4)
    options = {"num_examples": 40, "batch_size": 20, "num_samples": 60, "num_burn_in": 30, "step_size": 1e-3}
    chains = stochastic_gradient_langevin(posterior.log_prob, np.tile(EXACT.mean, (200, 1)), **options)
    check_moments(chains, tolerance=0.15)  # of the minibatches and of the step size


def test_weight_posterior_is_that_of_scipy():
    model = mlp((2,), 1, hidden_dims=(3,), activation="tanh")
    deviations = [2.0, 0.5, 1.0, 3.0]
    posterior = WeightPosterior(model, X, Y[:, None], prior_deviation=deviations, noise=0.7)
    weights, expected, outputs = posterior.prior_samples(3), [], []
    before = flat_weights(model)
    found, predicted = array(posterior.log_prob(weights)), sampled_predictions(model, weights, X)
    np.testing.assert_array_equal(flat_weights(model), before)
    for w in weights:
        parts = np.split(w, np.cumsum([6, 3, 3]))
        model.set_weights([part.reshape(v.shape) for part, v in zip(parts, model.trainable_variables, strict=True)])
        outputs.append(array(model(X)))
        prior = sum(stats.norm(0, s).logpdf(part).sum() for part, s in zip(parts, deviations, strict=True))
        expected.append(prior + stats.norm(outputs[-1][:, 0], 0.7).logpdf(Y).sum())
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-4)
    np.testing.assert_allclose(predicted, outputs, atol=1e-5)


def test_a_chain_alone_moves_as_among_others():
    posterior = linear_model()
    start, options = posterior.prior_samples(3), {"num_examples": 40, "num_samples": 3, "num_burn_in": 0, "every": 2}
    paths = [leapfrog(posterior.log_prob, w, w, step_size=0.05, num_steps=5)[0] for w in (start, start[:1])]
    np.testing.assert_allclose(paths[1], paths[0][:1], rtol=1e-4)
    assert stochastic_gradient_langevin(posterior.log_prob, start[:1], **options).samples.shape == (1, 3, 3)


def test_diagnostics_of_chains():
    """Of an autoregression of order 1 the effective size is known; chains with other means have a larger R."""
    samples, noise = np.zeros((4, 4000, 2)), rng.normal(size=(4, 4000, 2))
    for t in range(4000):
        samples[:, t] = noise[:, t] + (np.array([0.0, 0.8]) * samples[:, t - 1] if t else 0)
    chains = Chains(samples, np.ones(4))
    np.testing.assert_allclose(chains.effective_size(), [16_000, 16_000 * 0.2 / 1.8], rtol=0.15)
    np.testing.assert_allclose(chains.scale_reduction(), 1, atol=0.02)
    apart = Chains(noise + np.array([0, 0, 3, 3])[:, None, None], np.ones(4))
    np.testing.assert_allclose(
        apart.scale_reduction(), (1 + np.var([0, 0, 0, 0, 3, 3, 3, 3], ddof=1)) ** 0.5, rtol=0.03
    )
    assert np.isinf(Chains(np.ones((2, 10, 1)), np.ones(2)).scale_reduction()).all()


@functools.cache
def prior_functions(width):
    return nn_gp_prior_samples([[-1.0], [0.2], [1.5]], width, num_samples=8000, **VARIANCES)


def test_random_networks_have_the_covariance_of_the_kernel():
    """At every width the covariance is the kernel; the fourth cumulant shrinks with the width, as of a sum."""
    x = [[-1.0], [0.2], [1.5]]
    kernel = array(arcsine_kernel(x, x, **VARIANCES))
    scale = np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
    for width in (1, 30):
        assert (np.abs(np.cov(prior_functions(width).T) - kernel) < 0.1 * scale).all()
    u = rng.normal(size=100_000)
    units, tanh_units = (phi(u * np.sqrt(0.5 + 3.0 * 0.2**2)) for phi in (special.erf, np.tanh))
    expected = 12 * (np.mean(units**4) - np.mean(units**2) ** 2) / kernel[1, 1] ** 2  # of one unit times N(0, 2)
    assert expected > 0.8
    for width in (1, 30):
        assert stats.kurtosis(prior_functions(width)[:, 1]) == pytest.approx(expected / width, abs=0.25)
    tanh = nn_gp_prior_samples(x, 50, 8000, activation="tanh", **VARIANCES)
    assert tanh.var(axis=0)[1] == pytest.approx(0.3 + 2 * np.mean(tanh_units**2), rel=0.06)


class Arcsine(Kernel):
    """The kernel in the form of scikit-learn, from the moments of Gaussian inputs of error functions."""

    def __init__(self):
        super().__init__()

    def __call__(self, X, Y=None, eval_gradient=False):
        a, b = (np.concatenate([np.ones((len(x), 1)), x], axis=1) for x in (X, X if Y is None else Y))
        scale = np.diag([0.5, *[3.0] * X.shape[1]])
        s = a @ scale @ b.T
        norms = [1 + 2 * np.einsum("nd,de,ne->n", x, scale, x) for x in (a, b)]
        return 0.3 + 2.0 * 2 / np.pi * np.arcsin(2 * s / np.sqrt(np.outer(*norms)))

    def diag(self, X):
        return np.diag(self(X))

    def is_stationary(self):
        return False


def test_regression_is_that_of_scikit_learn():
    x_new = rng.normal(size=(30, 2)) * 3
    theirs = GaussianProcessRegressor(Arcsine(), alpha=0.5**2, optimizer=None).fit(X, Y)
    mean, deviation = theirs.predict(x_new, return_std=True)
    ours = gaussian_process_posterior(functools.partial(arcsine_kernel, **VARIANCES), X, Y, x_new, 0.5)
    np.testing.assert_allclose(ours.mean, mean, atol=1e-4)
    np.testing.assert_allclose(ours.epistemic, deviation**2, atol=1e-4)
    np.testing.assert_allclose(ours.aleatoric, 0.25)


def test_laplace_of_a_linear_model_is_exact():
    x_new = rng.normal(size=(9, 2))
    found = laplace_last_layer(mlp((2,), 1, hidden_dims=()), X, Y, prior_deviation=2.0, noise=0.5)
    for part, exact in zip(found.predict(x_new), EXACT.predict(np.c_[x_new, np.ones(9)]), strict=True):
        np.testing.assert_allclose(part, exact, rtol=1e-5)
    model = mlp((2,), 1, hidden_dims=(4,), activation="tanh")
    kernel, bias = model.get_weights()[:2]
    hidden = [np.c_[np.tanh(x @ kernel + bias), np.ones(len(x))] for x in (X, x_new)]
    exact = linear_posterior(hidden[0], Y, noise=0.5).predict(hidden[1])
    np.testing.assert_allclose(laplace_last_layer(model, X, Y, noise=0.5).predict(x_new), exact, rtol=1e-3)


def test_swag_has_the_moments_of_the_weights():
    """They are NumPy's moments of the weights after each epoch; samples have half of both covariances."""
    model, seen = mlp((2,), 1, hidden_dims=()), []
    swag = Swag(start_epoch=2, rank=5)
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(flat_weights(model)))
    model.compile(keras.optimizers.SGD(0.3), "mean_squared_error")
    model.fit(X, Y[:, None], batch_size=20, epochs=9, verbose=0, callbacks=[swag, record])
    seen = np.stack(seen[2:]).astype("float64")
    np.testing.assert_allclose(swag.mean, seen.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(swag.variance, seen.var(axis=0), rtol=1e-6)
    gaps = seen[-5:] - swag.mean
    covariance = (np.diag(seen.var(axis=0)) + gaps.T @ gaps / 4) / 2
    samples = swag.sample(40_000)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(samples.mean(axis=0), swag.mean, atol=0.03 * scale.max() ** 0.5)
    assert (np.abs(np.cov(samples.T) - covariance) < 0.03 * scale).all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: arcsine_kernel(X, ONES), "x2 has shape"),
        (lambda: arcsine_kernel(X, X, bias_variance=-1.0), "bias_variance=-1.0"),
        (lambda: nn_gp_prior_samples(X, 3, activation="relu"), "activation='relu'"),
        (lambda: gaussian_process_posterior(arcsine_kernel, X, Y[:, None], X, 0.1), "y has shape"),
        (lambda: gaussian_process_posterior(arcsine_kernel, X, Y, X, 1e-5), "noise=1e-05 must be at least"),
        (lambda: gaussian_process_posterior(lambda a, b: a, X, Y, X, 0.1), r"kernel returns the shape \(40, 2\)"),
        (lambda: leapfrog(normal, X, X[:1], step_size=0.1, num_steps=1), "momentum has shape"),
        (lambda: hamiltonian_monte_carlo(ops.sum, X), r"log_prob returns the shape \(\)"),
        (lambda: hamiltonian_monte_carlo(lambda w: ops.log(w[:, 0]), -(X**2)), "log_prob is not finite at start"),
        (lambda: hamiltonian_monte_carlo(normal, X, step_size=0.0), "step_size=0.0"),
        (lambda: hamiltonian_monte_carlo(normal, X, step_size=[0.1, 0.1, 0.1]), "step_size has 3 entries"),
        (lambda: stochastic_gradient_langevin(normal, X, num_examples=1, step_size=1e9), "step_size=.* is too large"),
        (lambda: stochastic_gradient_langevin(normal, X, num_examples=1, decay=1.0), "decay=1.0"),
        (lambda: WeightPosterior(mlp((2,), 1), X, Y), "y has shape"),
        (lambda: WeightPosterior(mlp((2,), 1), X, Y[:, None], prior_deviation=[1.0, 2.0]), "prior_deviation=.* 6 arr"),
        (lambda: flat_weights(keras.Sequential()), "model='sequential.*' must be built"),
        (lambda: sampled_predictions(mlp((2,), 1), np.ones((3, 4)), X), "weights has shape"),
        (lambda: laplace_last_layer(mlp((2,), 2), X, Y), "model='mlp' must end with Dense"),
        (lambda: Swag(0, rank=1), "rank=1"),
        (lambda: Swag(3).sample(1), "has seen 0 epochs from start_epoch=3"),
        (lambda: plot_samples([0.0, 0.0], -np.eye(2), {"a": X}), "covariance=.* positive definite"),
        (lambda: plot_functions([0.0], {"a": X}), "must have 1 columns"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
