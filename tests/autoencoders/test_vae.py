"""Variational auto-encoders beside integrals, probabilistic PCA and the distributions of SciPy."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from keras_course import ops as course_ops
from keras_course.autoencoders import (
    VAE,
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLatent,
    GaussianLikelihood,
    SquaredErrorLikelihood,
    aggregated_posterior,
    elbo_terms,
    gradient_estimates,
    hierarchical_vae,
    importance_weighted_bound,
    latent_ascent,
    log_importance_weights,
    pca,
    posterior_collapse,
    string_vae,
    vae,
)
from keras_course.autoencoders._networks import decoder_network, encoder_network

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
ROTATION = np.linalg.qr(rng.normal(size=(5, 5)))[0]
X = (rng.normal(size=(400, 5)) * [2.0, 1.5, 0.8, 0.7, 0.6] @ ROTATION + 0.5).astype("float32")


def linear_vae(deviation):
    return VAE(encoder_network((5,), 4), decoder_network(2, (5,)), SquaredErrorLikelihood(deviation))


def at_the_optimum(shift=0.0):
    """Return probabilistic PCA as a VAE, whose approximate posterior is exact, or has its means shifted."""
    found = pca(X, 2)
    model = linear_vae(found.residual**0.5)
    w = found.components.T * np.sqrt(found.variances - found.residual)  # (D, L)
    kernel = w / found.variances  # W M^-1, with M = W' W + s^2 I = diag(variances)
    log_variance = np.log(found.residual / found.variances)
    model.encoder.set_weights(
        [np.hstack([kernel, np.zeros((5, 2))]), np.concatenate([shift - found.mean @ kernel, log_variance])]
    )
    model.decoder.set_weights([w.T, found.mean])
    return model, found


def test_linear_vae_is_probabilistic_pca():
    """With the exact posterior every importance weight is p(x): p(x | z) p(z) / p(z | x)."""
    model, found = at_the_optimum()
    log_w = log_importance_weights(model, X[:20], num_samples=7)
    np.testing.assert_allclose(log_w, np.tile(found.log_likelihood(X[:20]), (7, 1)), rtol=1e-3, atol=1e-3)


def test_gap_of_the_bound_is_the_divergence_from_the_posterior():
    """ELBO + KL(q || p(z | x)) = log p(x); here q has the right variance and a mean that is off by 0.3."""
    model, found = at_the_optimum(shift=0.3)
    gap = 0.5 * np.sum(0.3**2 * found.variances / found.residual)
    terms = elbo_terms(model, X[:3], num_samples=20_000)
    scale = np.std(log_importance_weights(model, X[:3], 2_000)) / 20_000**0.5
    np.testing.assert_allclose(terms.elbo + gap, found.log_likelihood(X[:3]), atol=6 * scale)
    np.testing.assert_allclose(terms.elbo, -terms.reconstruction - terms.kl, rtol=1e-6)


def test_training_a_linear_vae_reaches_probabilistic_pca():
    found = pca(X, 2)
    model = linear_vae(found.residual**0.5)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 150)))
    model.fit(np.tile(X, (150, 1)), batch_size=400, epochs=1, shuffle=False, verbose=0)
    elbo = elbo_terms(model, X, num_samples=200).elbo.mean()
    assert elbo == pytest.approx(found.log_likelihood(X).mean(), abs=0.05)


def test_divergence_is_the_expectation():
    raw = np.array([[0.7, -1.2, 0.4, -2.0]], "float32")  # two means and two log-variances
    z, kl = GaussianLatent(seed=1)(np.tile(raw, (100_000, 1)))
    z, (mean, deviation) = array(z), (raw[0, :2], np.exp(raw[0, 2:] / 2))
    ratio = stats.norm(mean, deviation).logpdf(z) - stats.norm.logpdf(z)
    assert ratio.sum(axis=1).mean() == pytest.approx(float(array(kl)[0]), abs=0.02)
    np.testing.assert_allclose(z.std(axis=0), deviation, rtol=0.02)


def test_likelihoods():
    x, raw = rng.random((4, 3, 2)).astype("float32"), rng.normal(size=(4, 3, 2)).astype("float32")
    binary = np.round(x)
    expected = -stats.bernoulli(special.expit(raw)).logpmf(binary).sum(axis=(1, 2))
    np.testing.assert_allclose(array(BernoulliLikelihood()(binary, raw)), expected, rtol=1e-5)
    expected = -stats.norm(raw, 0.7).logpdf(x).sum(axis=(1, 2))
    np.testing.assert_allclose(array(SquaredErrorLikelihood(0.7)(x, raw)), expected, rtol=1e-5)
    both = rng.normal(size=(4, 3, 4)).astype("float32")
    deviation = 0.1 + np.log1p(np.exp(both[..., 2:]))
    expected = -stats.norm(both[..., :2], deviation).logpdf(x).sum(axis=(1, 2))
    np.testing.assert_allclose(array(GaussianLikelihood(0.1)(x, both)), expected, rtol=1e-5)
    classes = np.eye(4)[rng.integers(4, size=(4, 3))]
    expected = -stats.multinomial(1, special.softmax(both.astype("float64"), axis=-1)).logpmf(classes).sum(axis=1)
    np.testing.assert_allclose(array(CategoricalLikelihood()(classes, both)), expected, rtol=1e-5)
    np.testing.assert_allclose(array(CategoricalLikelihood().mean(both)), special.softmax(both, axis=-1), rtol=1e-5)


def test_importance_weighted_bounds_are_ordered():
    """Means over groups of samples are ordered by the size of the group, exactly: Jensen's inequality."""
    model, x = vae((6,), 2, seed=3), rng.random((5, 6))
    log_w = log_importance_weights(model, x, num_samples=64, seed=4).astype("float64")
    bounds = [
        (special.logsumexp(log_w.reshape(-1, size, 5), axis=1) - np.log(size)).mean(axis=0) for size in (1, 4, 16, 64)
    ]
    assert (np.diff(bounds, axis=0) > 0).all()
    np.testing.assert_allclose(importance_weighted_bound(model, x, 64, seed=4), bounds[-1], rtol=1e-6)
    terms = elbo_terms(model, x, num_samples=64, seed=4)
    np.testing.assert_allclose(terms.elbo, bounds[0], atol=0.3)  # one has the exact divergence
    many = log_importance_weights(model, np.tile(x, (5_000, 1)), num_samples=3)  # in several pieces
    assert many.shape == (3, 25_000)


def test_loss_is_the_weighted_sum_of_its_reported_terms():
    x = rng.random((8, 6)).astype("float32")
    model = vae((6,), 2, beta=3.0)
    model.compile("sgd")
    loss, reconstruction, kl = model.evaluate(x, verbose=0)
    assert loss == pytest.approx(reconstruction + 3 * kl, rel=1e-5)
    assert kl == pytest.approx(elbo_terms(model, x).kl.mean(), rel=1e-5)
    assert not np.allclose(array(model(x)["z"]), array(model(x)["z"]))  # fresh noise


def test_gradient_estimates():
    """For f(z) = sum z_i^2 the gradient is 2 mu, and the variances are known: 4 s^2 with the trick."""
    mean, s = np.array([1.0, -0.5]), 0.8
    found = gradient_estimates(lambda z: ops.sum(z**2, axis=-1), mean, s, num_samples=200_000, seed=1)
    for estimates in found:
        np.testing.assert_allclose(estimates.mean(axis=0), 2 * mean, atol=0.05)
    np.testing.assert_allclose(found.reparameterized.var(axis=0), 4 * s**2, rtol=0.02)
    noise = rng.normal(size=(400_000, 2))
    expected = (((mean + s * noise) ** 2).sum(axis=1)[:, None] * noise / s).var(axis=0)
    np.testing.assert_allclose(found.score_function.var(axis=0), expected, rtol=0.05)


def test_collapse_is_found():
    model = vae((2,), 2, hidden_dims=(), likelihood="mse")
    kernel = np.zeros((2, 4))
    kernel[0, 0] = 1.0  # the first mean is x_0; the second latent variable is the prior for every x
    model.encoder.set_weights([kernel, np.zeros(4)])
    x = rng.normal(size=(500, 2))
    usage = posterior_collapse(model, x)
    assert usage.active.tolist() == [True, False]
    np.testing.assert_allclose(usage.kl, [np.mean(x[:, 0] ** 2) / 2, 0], atol=1e-5)
    z = aggregated_posterior(model, x)
    np.testing.assert_allclose(z.var(axis=0), [x[:, 0].var() + 1, 1], rtol=0.2)


def test_hierarchical_vae():
    """The loss of one level is the log-ratio of densities, and samples of both levels follow the model."""
    model = hierarchical_vae((6,), (3, 2), hidden_dims=(8,))
    x = rng.random((5, 6)).astype("float32")
    out = {key: array(value) for key, value in model(x).items()}
    q_1, p_1 = (array(part).astype("float64") for part in (model.encoder(x), model.upper_decoder(out["z_2"])))
    log_q, log_p = (stats.norm(raw[:, :3], np.exp(raw[:, 3:] / 2)).logpdf(out["z_1"]).sum(axis=1) for raw in (q_1, p_1))
    np.testing.assert_allclose(out["kl_1"], log_q - log_p, atol=1e-4)
    q_2 = array(model.upper_encoder(out["z_1"]))
    kl_2 = 0.5 * (np.exp(q_2[:, 2:]) + q_2[:, :2] ** 2 - 1 - q_2[:, 2:]).sum(axis=1)
    np.testing.assert_allclose(out["kl_2"], kl_2, rtol=1e-4)
    lower = array(model.sample_lower(np.zeros((20_000, 2)), seed=1))
    raw = array(model.upper_decoder(np.zeros((1, 2))))[0]
    np.testing.assert_allclose(lower.mean(axis=0), raw[:3], atol=0.05)
    np.testing.assert_allclose(lower.std(axis=0), np.exp(raw[3:] / 2), rtol=0.05)
    assert model.sample(4).shape == model.reconstruct(x[:4]).shape == (4, 6)


def test_string_vae():
    """A position sees those before it alone; decoding repeats them; the bound is that of the likelihood."""
    model = string_vae((6, 4), 3)
    x, z = np.eye(4, dtype="float32")[rng.integers(4, size=(2, 6))], rng.normal(size=(2, 3)).astype("float32")
    changed = x.copy()
    changed[:, 3] = np.roll(x[:, 3], 1, axis=-1)
    first, second = (array(model.decoder({"x": each, "z": z})) for each in (x, changed))
    same = np.abs(first - second).max(axis=(0, 2)) < 1e-6
    assert same.tolist() == [True] * 4 + [False] * 2
    strings = array(model.decode(z))
    logits = array(model.decoder({"x": strings, "z": z}))
    np.testing.assert_array_equal(strings.argmax(axis=-1), logits.argmax(axis=-1))  # what the choices led to
    terms = elbo_terms(model, x, num_samples=200)
    assert terms.reconstruction.mean() == pytest.approx(array(model(x)["reconstruction"]).mean(), rel=0.1)
    assert model.reconstruct(x).shape == (2, 6, 4)
    np.testing.assert_array_equal(array(model.sample(3, seed=1)), array(model.sample(3, seed=1)))


def test_ascent_is_a_geometric_series():
    """With a slope s the steps z <- z + a (s - c z) approach s / c by the factor 1 - a c."""
    slope, start = np.array([2.0, -1.0], "float32"), np.array([[0.5, 0.0], [0.0, 3.0]])
    path = latent_ascent(
        lambda z: ops.sum(z * ops.convert_to_tensor(slope), axis=-1), start, num_steps=7, rate=0.2, prior_weight=0.5
    )
    limit = slope / 0.5
    expected = limit + (start - limit) * 0.9 ** np.arange(8)[:, None, None]
    np.testing.assert_allclose(path, expected, rtol=1e-4, atol=1e-5)


def test_samples_and_gradients_pass_through_the_noise():
    """d z / d mu = 1: the mean of z moves as its parameter does."""
    layer = GaussianLatent()
    slopes = course_ops.grad(lambda raw: ops.sum(layer(raw)[0]))(np.zeros((3, 4), "float32"))
    np.testing.assert_allclose(array(slopes)[:, :2], 1.0)
    model = vae((8, 8, 1), 2)
    np.testing.assert_array_equal(array(model.sample(3, seed=1)), array(model.sample(3, seed=1)))
    assert not np.allclose(array(model.sample(3, seed=1)), array(model.sample(3, seed=2)))


MODEL = vae((4,), 2)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: vae((4,), 0), "latent_dim=0"),
        (lambda: vae((4,), beta=-1.0), "beta=-1.0"),
        (lambda: vae((4,), likelihood="poisson"), "likelihood='poisson'"),
        (lambda: vae((6, 6, 1), filters=(2, 2)), r"input_shape=\(6, 6, 1\)"),
        (lambda: hierarchical_vae((4,), (2,)), r"latent_dims=\(2,\)"),
        (lambda: MODEL.encode(np.full((1, 4), 2.0)), r"x holds numbers from 2 to 2.*in \[0, 1\]"),
        (lambda: MODEL.fit(np.full((1, 4), -0.1), verbose=0), r"x holds numbers from -0.1.*in \[0, 1\]"),
        (lambda: MODEL.evaluate(np.full((1, 4), np.nan), verbose=0), "x has 4 entries that are not finite"),
        (lambda: elbo_terms(MODEL, np.full((1, 4), np.nan)), "x has 4 entries that are not finite"),
        (lambda: MODEL.reconstruct(np.zeros((1, 5))), r"x has shape \(1, 5\)"),
        (lambda: MODEL.decode(np.zeros((1, 3))), r"z has shape \(1, 3\)"),
        (lambda: MODEL.sample(0), "num_samples=0"),
        (lambda: importance_weighted_bound(MODEL, np.zeros((1, 4)), 0), "num_samples=0"),
        (lambda: posterior_collapse(MODEL, np.zeros((1, 4))), "x has 1 example"),
        (lambda: gradient_estimates(lambda z: z, [1.0]), "function returns shape"),
        (lambda: GaussianLikelihood(0.0), "min_deviation=0.0"),
        (lambda: string_vae((4,)), r"input_shape=\(4,\)"),
        (lambda: string_vae((4, 3)).encode(np.full((1, 4, 3), 2.0)), r"x holds numbers from 2 to 2.*in \[0, 1\]"),
        (lambda: latent_ascent(lambda z: z, np.ones((2, 3))), r"function returns shape \(2, 3\)"),
        (lambda: latent_ascent(lambda z: z[:, 0], np.ones(3)), r"z has shape \(3,\)"),
        (lambda: VAE(MODEL.encoder, vae((4,), 3).decoder, MODEL.likelihood), "encoder returns"),
        (lambda: VAE(MODEL.encoder, MODEL.decoder, GaussianLikelihood()), "decoder returns"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
