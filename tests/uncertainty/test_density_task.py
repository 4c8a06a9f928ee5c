"""The tasks of estimating a density, and their figures."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression

from keras_course import recipes
from keras_course.recipes import (
    AdamW,
    ConditionalDensity,
    Density,
    PosteriorEstimation,
    PredictiveRegression,
    Recipe,
    SuperResolution,
)
from keras_course.recipes.tasks.conditional import conditional_entropy, true_log_density
from keras_course.recipes.tasks.resolution import bits, linear_gaussian
from keras_course.uncertainty import grid_density, plot_coupling, plot_densities, plot_flow_paths

RATES = AdamW(peak_rate=1e-2, final_rate=1e-3, warmup=1)


def test_a_run(tmp_path):
    """A run measures the likelihood of test points, and shows points, samples and the density side by side."""
    options = {"topic": "uncertainty", "builder": "realnvp", "preset": "tiny", "overrides": {"hidden_dims": (8,)}}
    task = Density(num_train=200, num_test=100)
    recipe = Recipe("moons", "two moons", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    assert run.facts["metrics"]["test NLL"] == run.value == pytest.approx(run.history["val_loss"][-1], abs=1e-4)
    assert run.facts["metrics"]["test NLL of one Gaussian"] == pytest.approx(1.88, abs=0.2)
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000


def test_a_run_with_a_target(tmp_path):
    """A run measures the likelihood of test targets beside that of the true density."""
    options = {"topic": "uncertainty", "builder": "mdn", "preset": "tiny", "overrides": {"hidden_dims": (8,)}}
    task = ConditionalDensity("inverse_sine", num_train=200, num_test=100)
    recipe = Recipe("inverse", "inverse", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    metrics = run.facts["metrics"]
    assert metrics["test NLL"] == run.value == pytest.approx(run.history["val_loss"][-1], abs=1e-4)
    assert metrics["test NLL"] > metrics["test NLL of the true density"]
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000


@pytest.mark.parametrize(("builder", "passes"), [("deep_ensemble", 1), ("bayesian_gaussian_network", 3)])
def test_a_run_on_a_table(builder, passes, tmp_path):
    """The metric is in units of the table, where one pass is the loss; it is the mean over the splits."""
    options = {"topic": "uncertainty", "builder": builder, "preset": "tiny", "overrides": {"hidden_dims": (8,)}}
    task = PredictiveRegression(data="diabetes", parts=2, num_passes=passes)
    recipe = Recipe("table", "a table", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    metrics = run.facts["metrics"]
    assert metrics["test log-likelihood"] == run.value
    assert 40 < metrics["RMSE"] < 120  # the progression has the standard deviation 77
    assert 0 < metrics["coverage of 90 % intervals"] <= 1
    assert list((tmp_path / "run").rglob("sample.csv"))
    if passes == 1:
        data = task.load(part=1)
        (score,) = (run.model.evaluate(data.test_x, data.test_y, verbose=0),)
        expected = -score / 3 - np.log(data.deviation)  # of three members, and their mixture is at least as likely
        assert data.measure(run.model, {}, seed=0)["test log-likelihood"] >= expected - 1e-4


def test_a_run_of_super_resolution(tmp_path):
    """A digit is estimated given the means of its pixels, with new noise in each pass over the digits."""
    options = {"topic": "uncertainty", "builder": "realnvp", "preset": "tiny", "overrides": {"hidden_dims": (8,)}}
    task = SuperResolution(num_noises=1)
    recipe = Recipe("digits", "digits", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    assert run.value == run.facts["metrics"]["test NLL"] > run.facts["metrics"]["test NLL of linear regression"] > 1
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000
    data = task.load()
    batches = data.batches(618, steps_per_epoch=2, seed=0, start_epoch=0)  # two are a pass over 1,237 digits
    for (batch,) in (next(batches), next(batches)):
        values = np.floor(4 * batch["x"] + 8.5).reshape(-1, 4, 2, 4, 2)
        assert set(np.unique(values)) == set(range(17))
        np.testing.assert_allclose(4 * batch["context"] + 8, values.mean(axis=(2, 4)).reshape(-1, 16), atol=1e-5)
    (again,) = next(data.batches(618, steps_per_epoch=2, seed=0, start_epoch=0))
    (first,) = next(data.batches(618, steps_per_epoch=2, seed=0, start_epoch=1))
    assert np.isin(first["x"], again["x"]).mean() < 0.1  # half of the digits are the same
    with pytest.raises(ValueError, match="num_validation=2000"):
        SuperResolution(num_validation=2000)


def test_bits_and_linear_regression():
    """A uniform density of 17 gray values has log2(17) bits; the baseline is scikit-learn's with SciPy's density."""
    assert bits(64 * np.log(17 / 4)) == pytest.approx(np.log2(17))
    rng = np.random.default_rng(0)
    context = rng.normal(size=(200, 2))
    x = context @ rng.normal(size=(2, 3)) + rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + 1.0
    gaps = x - LinearRegression().fit(context, x).predict(context)
    expected = -stats.multivariate_normal(np.zeros(3), np.cov(gaps.T)).logpdf(gaps).mean()
    part = {"x": x, "context": context}
    assert linear_gaussian([part])(part) == pytest.approx(expected)


@pytest.mark.parametrize("data", ["inverse_moons", "lotka_volterra"])
def test_a_run_of_inference(data, tmp_path):
    """A run measures the likelihood of parameters, coverage, and what the simulator knows of the exact posterior."""
    options = {"topic": "uncertainty", "builder": "npe", "preset": "tiny"}
    options["overrides"] = {"hidden_dims": (8,), "num_layers": 1, "embedding_dims": (8,)}
    task = PosteriorEstimation(data, num_train=100, num_test=20)
    recipe = Recipe("posterior", "a posterior", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    metrics = run.facts["metrics"]
    assert metrics["test NLL"] == run.value == pytest.approx(run.history["val_loss"][-1], abs=1e-3)
    assert 0 <= metrics["mean coverage error"] <= metrics["largest coverage error"] <= 1
    assert 0 < metrics["effective sample size"] <= 1
    if data == "inverse_moons":
        assert metrics["test NLL of the exact posterior"] < metrics["test NLL"]
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="data='two_moons'"):
        task.on("two_moons")


def test_true_densities():
    """They add up to 1 over y, and their mean on many points is the entropy."""
    for data in ("varying_noise", "inverse_sine"):
        task = ConditionalDensity(data, num_test=20_000)
        x, y = (getattr(task.load(), name) for name in ("test_x", "test_y"))
        found = -true_log_density(data, 0.05, x, y).mean()
        assert found == pytest.approx(conditional_entropy(data, 0.05), abs=0.02)
        grid = np.linspace(0, 1, 801)[:, None] if data == "inverse_sine" else np.linspace(-4, 4, 8_001)[:, None]
        density = np.exp(true_log_density(data, 0.05, np.full_like(grid, 0.4), grid))
        assert np.trapezoid(density, grid[:, 0]) == pytest.approx(1, abs=1e-3)
    assert ConditionalDensity().on("inverse_sine").data == "inverse_sine"
    with pytest.raises(ValueError, match="data='two_moons'"):
        ConditionalDensity("two_moons")


def test_batches_follow_from_their_number():
    data = Density(num_train=100, num_test=10).load()
    batches = data.batches(20, 5, seed=1, start_epoch=0)
    first = [next(batches)[0] for _ in range(10)]
    (later,) = next(data.batches(20, 5, seed=1, start_epoch=1))
    np.testing.assert_array_equal(later, first[5])
    assert len(np.unique(np.concatenate(first[:5]), axis=0)) == 100


def test_other_data():
    task = Density().on("rings")
    assert task == dataclasses.replace(Density(), data="rings")
    assert dataclasses.replace(task, num_train=30, num_test=3).load().x.shape == (30, 2)
    with pytest.raises(ValueError, match="data='squares'"):
        Density("squares")
    with pytest.raises(ValueError, match="data='squares'"):
        task.on("squares")
    with pytest.raises(ValueError, match="num_test=0"):
        Density(num_test=0)


def test_grid_has_the_second_coordinate_along_its_rows():
    density = grid_density(lambda points: -np.abs(points[:, 1] - 3), ((0, 1), (0, 4)), size=4)
    assert (density[3] == density.max()).all()
    assert density[0, 0] == pytest.approx(np.exp(-2.5))


def test_figures():
    figure = plot_densities({"points": np.zeros((3, 2)), "density": np.eye(5)}, ((-1, 1), (0, 2)))
    assert [ax.get_title() for ax in figure.axes] == ["points", "density"]
    assert figure.axes[1].images[0].get_extent() == [-1, 1, 0, 2]
    assert len(plot_flow_paths([0, 0.5, 1], np.zeros((3, 4, 2)), [0, 1, 2, 3]).axes[0].lines) == 4
    for flag, formula in ((False, "$e^s x_b + t$"), (True, "$(z_b - t) e^{-s}$")):
        assert formula in [text.get_text() for text in plot_coupling(flag).axes[0].texts]
    for call, message in (
        (lambda: plot_densities({}), "contents is empty"),
        (lambda: plot_densities({"a": np.zeros((3, 4))}), r"contents\['a'\] has shape"),
        (lambda: plot_densities({"a": np.eye(3)}, ((0, 0), (0, 1))), "limits"),
        (lambda: plot_flow_paths([0.0], np.zeros((2, 3, 2))), "paths has shape"),
        (lambda: plot_flow_paths([0.0], np.zeros((1, 3, 2)), [1.0]), "color has 1 entries"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
