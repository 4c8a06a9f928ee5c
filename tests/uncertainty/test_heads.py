"""Heads and mixtures: densities of scipy, quantiles of scikit-learn, and models that serve every later method."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import optimize, stats
from sklearn.metrics import mean_pinball_loss
from sklearn.mixture import GaussianMixture as ByExpectationMaximization

from keras_course import ops as course_ops
from keras_course.perceptron import GaussianNegativeLogLikelihood, mlp
from keras_course.portable import portable_init
from keras_course.uncertainty import (
    GaussianHead,
    GaussianMixture,
    ProbabilisticModel,
    QuantileHead,
    gaussian_network,
    gmm,
    mdn,
    mix,
    pinball_loss,
    quantile_network,
    split_variance,
)

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
PARTS = rng.normal(size=(6, 3)), 2 * rng.normal(size=(6, 3, 2)), 0.1 + rng.random((6, 3, 2))
Y = rng.normal(size=(6, 2))


def test_mixture_is_that_of_scipy():
    """Density, distribution function, moments, responsibilities and quantiles, in float64 by scipy."""
    mixture, (logits, means, deviations) = GaussianMixture(*PARTS), PARTS
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    joint = np.log(weights) + stats.norm(means, deviations).logpdf(Y[:, None]).sum(axis=2)
    log_prob = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(array(mixture.log_prob(Y)), log_prob, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(array(mixture.responsibilities(Y)), np.exp(joint - log_prob[:, None]), atol=1e-4)
    cdf = np.einsum("nm,nmk->nk", weights, stats.norm(means, deviations).cdf(Y[:, None]))
    np.testing.assert_allclose(array(mixture.cdf(Y)), cdf, atol=1e-5)
    np.testing.assert_allclose(array(mixture.cdf(mixture.quantile(0.05))), 0.05, atol=1e-4)
    mean = np.einsum("nm,nmk->nk", weights, means)
    second = np.einsum("nm,nmk->nk", weights, means**2 + deviations**2)
    np.testing.assert_allclose(array(mixture.mean), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(array(mixture.variance), second - mean**2, rtol=1e-4)


def test_samples_and_mode():
    mixture = GaussianMixture(*PARTS)
    samples, same = (array(mixture.sample(4_000, seed=1)) for _ in range(2))
    np.testing.assert_array_equal(samples, same)
    np.testing.assert_allclose(samples.mean(axis=1), array(mixture.mean), atol=0.15)
    np.testing.assert_allclose(samples.var(axis=1), array(mixture.variance), rtol=0.15)
    modes = array(mixture.mode())
    for i in range(6):
        one = GaussianMixture(*(part[i] for part in PARTS))
        nearby = modes[i] + 0.02 * rng.normal(size=(200, 2))
        highest = float(array(one.log_prob(modes[i])))
        assert highest >= array(one.log_prob(np.concatenate([nearby, PARTS[1][i], samples[i]]))).max() - 1e-3


def test_mix_has_the_two_parts_of_the_variance():
    """An ensemble of Gaussians is a mixture, and its variance the aleatoric plus the epistemic one."""
    means, deviations = rng.normal(size=(4, 5, 2)), 0.1 + rng.random((4, 5, 2))
    members = [
        GaussianMixture(np.zeros((5, 1)), m[:, None], s[:, None]) for m, s in zip(means, deviations, strict=True)
    ]
    parts = split_variance(means, deviations**2)
    np.testing.assert_allclose(array(mix(members).mean), parts.mean, atol=1e-5)
    np.testing.assert_allclose(array(mix(members).variance), parts.variance, rtol=1e-4)
    np.testing.assert_allclose(parts.epistemic, means.var(axis=0))


@pytest.mark.parametrize("scale", ["softplus", "exp"])
def test_loss_is_finite_for_all_scales(scale):
    """The deviation has a floor, and a ceiling; gradients of both are finite."""
    head, scales = GaussianHead(1, scale=scale, min_deviation=0.01), [-np.inf, -1e30, -50.0, 0.0, 50.0, 1e30, np.inf]
    raw = np.stack([np.zeros(7), scales], axis=1).astype("float32")
    losses = array(head.call(ops.ones((7, 1)), ops.convert_to_tensor(raw)))
    deviations = array(head.distribution(raw).deviations)[:, 0, 0]
    assert np.isfinite(losses).all()
    assert deviations[0] == pytest.approx(0.01)
    assert deviations[-1] == pytest.approx(1e6, rel=1e-3)
    np.testing.assert_allclose(losses, -stats.norm(0, deviations).logpdf(1), rtol=1e-4)
    gradient = course_ops.grad(lambda raw: ops.sum(head.call(ops.ones((7, 1)), raw)))(ops.convert_to_tensor(raw))
    assert np.isfinite(array(gradient)).all()
    model = gmm(1, num_components=2, scale=scale, min_deviation=0.01)
    logits, means, scales = model.get_weights()
    for extreme in (-np.inf, np.inf):
        model.set_weights([logits, means, np.full_like(scales, extreme)])
        assert np.isfinite(array(model.log_prob(raw[:, :1]))).all()


def test_heads_agree_with_others():
    """A fixed deviation makes the loss a squared error; exp is lecture 2's head; quantiles are scikit-learn's."""
    raw, y = rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")
    ours = GaussianHead(2, scale="exp", min_deviation=1e-9)(y, raw)
    np.testing.assert_allclose(float(ours), float(GaussianNegativeLogLikelihood()(y, raw)), rtol=1e-5)
    fixed = np.concatenate([raw[:, :2], np.zeros((8, 2))], axis=1).astype("float32")
    squares = ((y - raw[:, :2]) ** 2).sum(axis=1).mean() / 2 + np.log(2 * np.pi)
    assert float(GaussianHead(2, scale="exp", min_deviation=1e-9)(y, fixed)) == pytest.approx(squares, rel=1e-5)
    head = QuantileHead(1, (0.1, 0.5, 0.8))
    quantiles = array(head.quantiles(raw[:, :3]))
    assert (np.diff(quantiles[:, 0]) > 0).all()
    expected = [mean_pinball_loss(y[:, 0], quantiles[:, 0, k], alpha=a) for k, a in enumerate(head.levels)]
    assert float(head(y[:, :1], raw[:, :3])) == pytest.approx(np.mean(expected), rel=1e-5)


def test_gmm_beside_expectation_maximization():
    """With the parameters that EM found, the density is scikit-learn's."""
    x = np.concatenate([rng.normal(size=(100, 2)) * [0.2, 1.0], rng.normal(size=(50, 2)) + 3]).astype("float32")
    found = ByExpectationMaximization(2, covariance_type="diag", random_state=0).fit(x)
    model = gmm(2, num_components=2, scale="exp", min_deviation=1e-6)
    model.set_weights([np.log(found.weights_), found.means_, np.log(found.covariances_) / 2])
    np.testing.assert_allclose(array(model.log_prob(x)), found.score_samples(x), rtol=1e-4, atol=1e-4)
    loss = model.compute_loss(y_pred=model(x))
    assert float(array(loss)) == pytest.approx(-found.score(x), rel=1e-4)
    assert model.sample(5, seed=0).shape == (5, 2)


def test_models_train_and_are_saved(tmp_path):
    """Each model comes back from its file with head and predictions; a homoscedastic one has one variance."""
    x, y = rng.random((32, 1)).astype("float32"), rng.random((32, 1)).astype("float32")
    for model in (
        gaussian_network((1,), 1, noise="homoscedastic", hidden_dims=(4,)),
        mdn((1,), 1, num_components=2, hidden_dims=(4,)),
    ):
        portable_init(model, seed=0).compile(keras.optimizers.Adam(0.01), model.head)
        before = float(model.evaluate(x, y, verbose=0))
        model.fit(x, y, batch_size=32, epochs=3, verbose=0)
        assert float(model.evaluate(x, y, verbose=0)) < before
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        expected = array(model.distribution(x).log_prob(y))
        np.testing.assert_allclose(array(loaded.distribution(x).log_prob(y)), expected, atol=1e-6)
        deviations = array(model.distribution(x).deviations)
        assert (np.ptp(deviations) < 1e-6) == (model.name == "gaussian_network")


def test_quantiles_start_near_those_of_a_normal_distribution():
    """Raw outputs of zero are the quantiles of N(0, 1); a new network is not far from them on standardized inputs."""
    levels = (1e-4, 0.05, 0.5, 0.5 + 1e-9, 0.95)
    quantiles = array(QuantileHead(2, levels).quantiles(np.zeros((3, 10))))
    np.testing.assert_allclose(quantiles, np.broadcast_to(stats.norm.ppf(levels), (3, 2, 5)), atol=1e-5)
    assert (np.diff(array(QuantileHead(1, levels).quantiles(rng.normal(size=(50, 5))))) > 0).all()
    model = portable_init(quantile_network((4,), 1), seed=0)
    x, normal = np.random.default_rng(0).normal(size=(500, 4)), stats.norm.ppf(model.head.levels)
    np.testing.assert_allclose(array(model.quantiles(0 * x))[0, 0], normal, atol=1e-5)
    np.testing.assert_allclose(array(model.quantiles(x))[:, 0].mean(axis=0), normal, atol=0.6)


def test_pinball_loss_is_smallest_at_the_quantile():
    y = rng.normal(size=2_001).astype("float32")
    best = optimize.minimize_scalar(lambda q: float(ops.mean(pinball_loss(y, np.full((2_001, 1), q), (0.8,)))))
    assert best.x == pytest.approx(np.quantile(y, 0.8), abs=0.02)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: GaussianMixture([0.0], [0.0], [1.0]), "means has shape"),
        (lambda: GaussianMixture([0.0, 1.0], [[0.0]], [[1.0]]), "logits has shape"),
        (lambda: GaussianMixture([0.0], [[0.0]], [[1.0, 2.0]]), "deviations has shape"),
        (lambda: GaussianMixture(*PARTS).log_prob(Y[:, :1]), "y has shape"),
        (lambda: GaussianMixture(*PARTS).quantile(1.0), "probability=1.0"),
        (lambda: mix([]), "members"),
        (lambda: mix([GaussianMixture(*PARTS), GaussianMixture([0.0], [[0.0]], [[1.0]])]), "members predict"),
        (lambda: GaussianHead(1, min_deviation=0.0), "min_deviation=0.0"),
        (lambda: GaussianHead(1)(np.zeros(4), np.zeros((4, 2))), r"y_true has shape \(4,\)"),
        (lambda: GaussianHead(1)(np.zeros((4, 1)), np.zeros((4, 3))), "raw has shape"),
        (lambda: GaussianHead(1).distribution(np.zeros((4, 1))), "raw has shape"),
        (lambda: QuantileHead(1, (0.5, 0.5)), "levels=.* must increase"),
        (lambda: QuantileHead(1, (0.5, 1.0)), r"levels\[1\]=1.0"),
        (lambda: pinball_loss(np.zeros(3), np.zeros((3, 2)), (0.5,)), "quantiles has shape"),
        (lambda: ProbabilisticModel(mlp((2,), 3), GaussianHead(1)), "network has outputs of the shape"),
        (lambda: gaussian_network((1,), 1, noise="none"), "noise='none'"),
        (lambda: mdn((1,), 1, num_components=0), "num_components=0"),
        (lambda: gmm(2).log_prob([[0.0, np.nan]]), "x has 1 entries that are not finite"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
