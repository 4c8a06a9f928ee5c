"""Neural posterior estimation, and the checks of posteriors: beside exact posteriors and integrals."""

import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from keras_course.portable import portable_init
from keras_course.uncertainty import (
    Flow,
    NeuralPosterior,
    Probit,
    effective_sample_size,
    expected_coverage,
    npe,
    plot_corner,
    plot_coverage,
    plot_npe,
    plot_ranks,
    plot_recordings,
    plot_time_constants,
    plot_windkessel,
    realnvp,
    simulation_based_calibration,
)
from keras_course.uncertainty._posterior import embedding_network

array = ops.convert_to_numpy
LEVELS = np.linspace(0.1, 0.9, 9)


def small(num_parameters=2, shape=(3,), low=(-1.0, 0.0), high=(1.0, 5.0), **options):
    options = {"embedding_dims": (4,), "num_layers": 2, "num_bins": 4, "hidden_dims": (8,)} | options
    return npe(num_parameters, shape, low, high, **options)


def grown(model, seed=0):
    """Return a model whose posterior depends on x, and is far from the prior."""
    rng = np.random.default_rng(seed)
    portable_init(model, seed)
    for weight in model.trainable_weights:
        weight.assign(weight + (0.4 * rng.normal(size=weight.shape)).astype("float32"))
    return model


def test_probit_is_a_change_of_variables():
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 5.0])
    layer, x = Probit(low, high), np.random.default_rng(0).uniform(low + 0.1, high - 0.1, (20, 2))
    z, log_det = map(array, layer(x.astype("float32")))
    np.testing.assert_allclose(z, special.ndtri((x - low) / (high - low)), atol=1e-5)
    step = 1e-6
    slopes = [special.ndtri((x + sign * step - low) / (high - low)) for sign in (-1, 1)]
    np.testing.assert_allclose(log_det, np.log((slopes[1] - slopes[0]) / (2 * step)).sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(array(layer.inverse(z)), x, atol=1e-5)
    ends = array(layer.inverse(np.array([[-40.0, 40.0]], "float32")))
    assert (ends >= np.float32(low)).all()
    assert (ends <= np.float32(high)).all()
    assert all(np.isfinite(array(part)).all() for part in layer(np.stack([low, high]).astype("float32")))


def test_density_is_one_in_the_box_of_the_prior():
    """For each x the density adds up to 1 over the box; samples stay inside and have its mean."""
    model, x = grown(small()), np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.5]], "float32")
    u = special.expit(np.linspace(-12, 12, 200))  # fractions of a side that are dense near its ends
    cells = u * (1 - u) * 24 / 199
    grid = (
        (np.stack(np.meshgrid(u, u), axis=-1).reshape(1, -1, 2) * [2, 5] + [-1, 0]).astype("float32").repeat(2, axis=0)
    )
    density = np.exp(array(model.log_prob(grid, x)).astype("float64")) * 10 * np.outer(cells, cells).ravel()
    np.testing.assert_allclose(density.sum(axis=1), 1, atol=0.02)
    assert np.abs(density[0] - density[1]).sum() > 0.2  # the posterior depends on x
    samples, again = (array(model.sample(x, 4_000, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(samples, again)
    assert samples.shape == (2, 4_000, 2)
    assert ((samples >= np.float32([-1, 0])) & (samples <= np.float32([1, 5]))).all()
    np.testing.assert_allclose(samples.mean(axis=1), np.einsum("ng,ngi->ni", density, grid), atol=0.1)


def test_losses_are_those_of_single_pairs():
    model, rng = grown(small(1, (8, 2), 0.0, 3.0, filters=(4,), conditioner="autoregressive")), np.random.default_rng(0)
    x, theta = rng.normal(size=(3, 8, 2)).astype("float32"), rng.uniform(0, 3, (3, 5, 1)).astype("float32")
    together = array(model.log_prob(theta, x))
    alone = [[array(model.log_prob(theta[n : n + 1, s], x[n : n + 1]))[0] for s in range(2)] for n in range(3)]
    np.testing.assert_allclose(together[:, :2], alone, atol=1e-5)
    outputs = model({"theta": theta[:, 0], "x": x})
    np.testing.assert_allclose(array(outputs["log_prob"]), together[:, 0], atol=1e-5)
    np.testing.assert_allclose(array(model.compute_loss(y_pred=outputs)), -together[:, 0].mean(), rtol=1e-5)


def test_weights_of_zero_give_the_prior():
    model = small()
    for weight in model.trainable_weights:
        weight.assign(ops.zeros(weight.shape))
    theta = np.random.default_rng(0).uniform([-1, 0], [1, 5], (2_000, 2))
    log_prob = array(model.log_prob(theta, np.zeros((2_000, 3))))
    np.testing.assert_allclose(log_prob, -np.log(10), atol=1e-3)


# Checks of posteriors: theta ~ N(0, 1) and x ~ N(theta, 1) have the posterior N(x / 2, 1 / 2) -------------------------


def conjugate(width=1.0, shift=0.0, count=4_000, num_samples=99):
    """Return theta, samples, and the log-densities of both, of a posterior with a wrong width or mean."""
    rng = np.random.default_rng(0)
    theta = rng.normal(size=count)
    mean, deviation = (theta + rng.normal(size=count)) / 2 + shift, width * np.sqrt(0.5)
    samples = mean[:, None] + deviation * rng.normal(size=(count, num_samples))
    posterior = stats.norm(mean[:, None], deviation)
    return theta, samples, posterior.logpdf(theta[:, None])[:, 0], posterior.logpdf(samples)


def ranks_of(theta, samples, *_):
    return simulation_based_calibration(theta[:, None], samples[..., None])[:, 0]


def test_exact_posterior_is_calibrated():
    theta, samples, *log_prob = conjugate()
    ranks = ranks_of(theta, samples)
    assert set(ranks.tolist()) == set(range(100))
    assert stats.chisquare(np.bincount(ranks, minlength=100)).pvalue > 0.01
    np.testing.assert_allclose(expected_coverage(*log_prob, LEVELS), LEVELS, atol=0.02)
    np.testing.assert_array_equal(expected_coverage(*log_prob, [0.0, 1.0]), [0.0, 1.0])


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_wrong_width_is_seen(width):
    """The coverage has a closed form; ranks gather at the ends if it is narrow, and in the middle if it is wide."""
    theta, samples, *log_prob = conjugate(width)
    expected = 2 * special.ndtr(width * special.ndtri((1 + LEVELS) / 2)) - 1
    np.testing.assert_allclose(expected_coverage(*log_prob, LEVELS), expected, atol=0.03)
    ends = np.mean(np.abs(ranks_of(theta, samples) - 49.5) > 44.5)  # 10 of 100 ranks
    assert (ends > 0.2) if width < 1 else (ends < 0.02)


def test_shift_is_seen_in_the_ranks():
    theta, samples, *log_prob = conjugate(shift=0.5)
    assert ranks_of(theta, samples).mean() < 40
    assert (expected_coverage(*log_prob, LEVELS) < LEVELS).all()


def test_effective_sample_size_of_a_shifted_gaussian():
    """For q = N(0, 1) and p = N(m, 1), it is S exp(-m^2)."""
    q = np.random.default_rng(0).normal(size=(3, 200_000))
    log_weights = stats.norm.logpdf(q, 0.7) - stats.norm.logpdf(q)
    np.testing.assert_allclose(effective_sample_size(log_weights) / 200_000, np.exp(-0.49), rtol=0.03)
    np.testing.assert_allclose(effective_sample_size(np.full((1, 7), 1e4)), 7)


def test_figures():
    samples = np.random.default_rng(0).uniform(size=(50, 3))
    figure = plot_corner({"a": samples, "b": samples}, ["x", "y", "z (s)"], 0.0, [1.0, 1.0, 2.0], [0.5, 0.5, 0.5])
    assert len(figure.axes) == 6
    assert figure.axes[-1].get_xlim() == (0.0, 2.0)
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b"]
    assert len(plot_ranks({name: np.arange(20) for name in "abcde"}, 19, num_bins=5).axes) == 5
    assert len(plot_ranks({"a": np.arange(4)}, 3).axes[0].patches) == 2 * 4  # a bar and a band for each rank
    assert len(plot_coverage(LEVELS, {"a": LEVELS, "b": LEVELS**2}, 100).axes[0].lines) == 3
    assert "$R$" in [text.get_text() for text in plot_windkessel().axes[0].texts]
    figure = plot_recordings([0.0, 1.0], {"P (mmHg)": [80.0, 120.0], "V": np.ones((3, 2))})
    assert [len(ax.lines) for ax in figure.axes] == [1, 3]
    figure = plot_time_constants([0.0, 1.0], [0.0, 1.0], samples[:, :2], samples[:2, :2])
    assert [len(ax.lines) for ax in figure.axes] == [1, 3]
    assert "$h(x)$" in [text.get_text() for text in plot_npe().axes[0].texts]


ROWS = np.zeros((4, 3))
REFUSED = {
    "box": (lambda: npe(2, (3,), [0.0, 1.0], [1.0, 1.0]), "low="),
    "another number of ends": (lambda: npe(2, (3,), [0.0], 1.0), r"low=\[0.0\] must be a number, or a row of 2"),
    "one parameter": (lambda: npe(1, (3,)), "num_parameters=1 must be at least 2"),
    "filters for a row": (lambda: npe(2, (3,), filters=(4,)), r"observation_shape=\(3,\)"),
    "no axis": (lambda: npe(2, ()), r"observation_shape=\(\)"),
    "features of a probit": (lambda: Flow(3, [Probit([0.0], [1.0])]), "must have 3 entries"),
    "no probit": (
        lambda: NeuralPosterior(embedding_network((3,), (), 1, (), "relu", 0), realnvp(2, 3)), "begin with a Probit",
    ),
    "another context": (
        lambda: NeuralPosterior(embedding_network((5,), (), 1, (), "relu", 0), small().flow), "embedding has outputs",
    ),
    "another batch": (lambda: small().log_prob(np.ones((3, 2)), ROWS), "theta has 3 rows, and x has 4"),
    "another batch of tensors": (lambda: small().log_prob(ops.ones((3, 2)), ops.ones((4, 3))), "theta has 3 rows"),
    "outside the prior": (lambda: small().log_prob(np.full((4, 2), 1.5), ROWS), "theta has 4 entries outside the sup"),
    "below the prior": (lambda: small().log_prob(np.full((4, 6, 2), -0.5), ROWS), "theta has 24 entries outside"),
    "another theta": (lambda: small().log_prob(np.ones((4, 3)), ROWS), r"theta has shape \(4, 3\)"),
    "NaN in theta": (lambda: small().log_prob(np.full((4, 2), np.nan), ROWS), "theta has 8 entries that are not fin"),
    "another x": (lambda: small().sample(np.ones((4, 2))), r"x has shape \(4, 2\); it must be \(B, 3\)"),
    "NaN in x": (lambda: small().sample(np.full((4, 3), np.nan)), "x has 12 entries"),
    "no samples": (lambda: small().sample(ROWS, 0), "num_samples=0"),
    "rows of samples": (lambda: simulation_based_calibration(np.ones((4, 2)), np.ones((3, 9, 2))), "samples has shape"),
    "probabilities": (lambda: expected_coverage([0.0], [[0.0]], [1.5]), r"levels=\[1.5\] must be a row of prob"),
    "rows of log_prob": (lambda: expected_coverage([0.0, 1.0], [[0.0]], [0.5]), "sample_log_prob has shape"),
    "weights": (lambda: effective_sample_size([[-np.inf]]), "log_weights has 1 entries"),
    "columns of a corner": (lambda: plot_corner({"a": np.ones((5, 2))}, ["x"], 0.0, 2.0), "samples has the shapes"),
    "truth of a corner": (lambda: plot_corner({"a": np.ones((5, 1))}, ["x"], 0.0, 2.0, [1.0, 1.0]), "truth has 2"),
    "rank": (lambda: plot_ranks({"a": np.array([7])}, 6), r"ranks\['a'\]"),
    "samples in time": (lambda: plot_recordings([0.0, 1.0], {"a": [1.0]}), r"signals\['a'\] has shape"),
    "samples of a wave": (lambda: plot_time_constants([0.0], [0.0, 1.0], ROWS[:, :2], ROWS[:, :2]), "wave has 2 entr"),
    "coverage": (lambda: plot_coverage([0.5], {"a": [1.5]}, 10), r"coverages\['a'\] must be 1 numbers from 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input(case):
    act, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        act()
