"""Scores and calibration beside integrals, scipy and scikit-learn; the figures."""

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats
from sklearn.calibration import calibration_curve as sklearn_curve

from keras_course.uncertainty import (
    calibration_curve,
    conformal_quantile,
    coverage,
    expected_calibration_error,
    fit_temperature,
    gaussian_crps,
    plot_density_network,
    plot_intervals,
    plot_reliability,
    plot_uncertainty,
    reliability,
    sample_crps,
    split_variance,
)


def test_crps_is_an_integral():
    """The closed form is the integral over the squared error of the distribution function; samples approach it."""
    y, mean, deviation = np.array([0.3, -2.0, 4.0]), np.array([0.0, 1.0, 4.0]), np.array([0.5, 2.0, 0.1])
    found = gaussian_crps(y, mean, deviation)
    for k, predicted in enumerate(map(stats.norm, mean, deviation)):
        low, _ = integrate.quad(lambda t, p=predicted: p.cdf(t) ** 2, y[k] - 30, y[k], points=[mean[k]], limit=200)
        high, _ = integrate.quad(lambda t, p=predicted: p.sf(t) ** 2, y[k], y[k] + 30, limit=200)
        assert found[k] == pytest.approx(low + high, abs=1e-5)
    samples = np.random.default_rng(0).normal(mean[:, None], deviation[:, None], size=(3, 20_000))
    np.testing.assert_allclose(sample_crps(y, samples), found, atol=0.03)
    few = samples[:, :7]
    pairs = np.abs(few[:, :, None] - few[:, None]).mean(axis=(1, 2))
    np.testing.assert_allclose(sample_crps(y, few), np.abs(few - y[:, None]).mean(axis=1) - pairs / 2)
    np.testing.assert_allclose(gaussian_crps(y, mean, np.zeros(3)), np.abs(y - mean))


def test_reliability_is_that_of_scikit_learn():
    """For two classes, of the examples that are predicted as class 1."""
    rng = np.random.default_rng(0)
    p = rng.random(2_000)
    y = (rng.random(2_000) < p**1.5).astype(int)
    sure = p > 0.5
    found = reliability(np.stack([1 - p, p], axis=1)[sure], y[sure])
    accuracy, confidence = sklearn_curve(y[sure], p[sure], n_bins=10)
    np.testing.assert_allclose(found.confidence[5:], confidence)
    np.testing.assert_allclose(found.accuracy[5:], accuracy)
    error = np.sum(np.abs(accuracy - confidence) * found.counts[5:]) / sure.sum()
    assert expected_calibration_error(np.stack([1 - p, p], axis=1)[sure], y[sure]) == pytest.approx(error)
    assert found.counts.sum() == sure.sum()


def test_temperature_is_the_minimum():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(500, 4))
    labels = np.array([rng.choice(4, p=special.softmax(row)) for row in logits])

    def nll(temperature):
        return -special.log_softmax(3 * logits / temperature, axis=1)[np.arange(500), labels].mean()

    found = fit_temperature(3 * logits, labels)
    assert found == pytest.approx(optimize.minimize_scalar(nll, bounds=(0.1, 20), method="bounded").x, rel=1e-3)
    assert found == pytest.approx(3, rel=0.2)


def test_conformal_intervals_cover():
    """Over many calibration sets, the coverage is within the bounds of the theorem."""
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=(4_000, 20))
    covered = np.mean([row[-1] <= conformal_quantile(row[:-1], 0.8) for row in scores])
    assert 0.8 - 0.02 <= covered <= 0.8 + 1 / 20 + 0.02


def test_coverage_and_curve():
    assert coverage([1.0, 2.0, 3.0], [-np.inf, 0.0, 0.0], [1.0, 1.9, np.inf]) == pytest.approx(2 / 3)
    uniform = np.random.default_rng(0).random(20_000)
    levels = np.linspace(0, 1, 11)
    np.testing.assert_allclose(calibration_curve(uniform, levels), levels, atol=0.02)
    np.testing.assert_allclose(calibration_curve(uniform**2, levels), np.sqrt(levels), atol=0.02)


def test_figures():
    row = [0.0, 1.0]
    assert len(plot_intervals(row, {"a": (row, row, row), "b": (row, row, row)}, (row, row)).axes) == 2
    parts = split_variance([row, row], [row, row])
    assert len(plot_uncertainty(row, {name: parts for name in "abcd"}, (row, row)).axes) == 4
    assert len(plot_reliability({"a": reliability([[0.4, 0.6]], [1])}).axes[0].patches) == 10
    assert any("softplus" in text.get_text() for text in plot_density_network().axes[0].texts)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: split_variance([[1.0]], [[-1.0]]), "variances has 1 negative"),
        (lambda: split_variance([[1.0]], [[1.0, 2.0]]), "variances has shape"),
        (lambda: gaussian_crps([1.0], [1.0], [-1.0]), "deviation has 1 negative"),
        (lambda: sample_crps([1.0], [[1.0], [2.0]]), "samples has shape"),
        (lambda: coverage([1.0], [0.0], [np.nan]), "high has 1 entries that are not finite"),
        (lambda: calibration_curve([1.5], [0.5]), "probabilities must hold"),
        (lambda: reliability([[0.5, 0.6]], [0]), "probabilities has rows that sum to 1.1"),
        (lambda: reliability([[1.5, -0.5]], [0]), "probabilities has rows"),
        (lambda: expected_calibration_error([[0.5, 0.4]], [0]), "probabilities has rows that sum to 0.9"),
        (lambda: reliability([[0.5, 0.5]], [2]), "labels reach from 2 to 2"),
        (lambda: fit_temperature([[0.5, 0.5]], [0.0]), "labels has shape"),
        (lambda: conformal_quantile([1.0], 1.0), "level=1.0"),
        (lambda: plot_intervals([0.0], {"a": ([0.0], [0.0])}), r"intervals\['a'\] must be 3 rows"),
        (lambda: plot_intervals([0.0], {"a": ([0.0], [0.0], [0.0, 1.0])}), r"intervals\['a'\] has rows"),
        (lambda: plot_uncertainty([0.0], {"a": ([0.0], [0.0], [0.0])}), "each an Uncertainty"),
        (lambda: plot_reliability({"a": 1}), "diagrams"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
