"""Posterior samples beside the exact posterior of a Gaussian; recipes of diffusion models; figures."""

import numpy as np
import pytest
from keras import ops

from keras_course import recipes
from keras_course.diffusion import (
    CosineNoise,
    MixtureDenoiser,
    diffusion_unet,
    dps,
    euler_maruyama,
    guide,
    pigdm,
    plot_denoising,
    plot_paths,
)
from keras_course.metrics import energy_distance, frechet_distance
from keras_course.recipes import AdamW, Recipe, SampledDensity, Sampling

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
PRIOR = MixtureDenoiser(CosineNoise(), np.zeros((1, 2)), np.eye(2)[None])
A, NOISE = np.array([[1.0, 0.5]], "float32"), 0.5  # one measurement of two numbers
COVARIANCE = np.linalg.inv(np.eye(2) + A.T @ A / NOISE**2)
RATES = AdamW(peak_rate=1e-2, final_rate=1e-3, warmup=1)


def project(x):
    return ops.matmul(x, ops.convert_to_tensor(A.T))


def exact_denoiser(y):
    """E[x_0 | x_t, y] where the posterior is a Gaussian."""
    mean = COVARIANCE @ A.T[:, 0] * y / NOISE**2
    return MixtureDenoiser(CosineNoise(), mean[None], COVARIANCE[None])


def test_pseudo_inverse_guidance_is_exact_for_a_normal_distribution():
    """So is classifier guidance with the exact likelihood; DPS is too certain with little noise in x_t."""
    x, y = ops.convert_to_tensor(rng.normal(size=(5, 2)).astype("float32")), np.full((5, 1), 1.2, "float32")
    for t in (0.2, 0.9):
        expected = array(exact_denoiser(1.2)(x, t))
        np.testing.assert_allclose(array(pigdm(PRIOR, y, project, (2,), noise=NOISE)(x, t)), expected, atol=1e-4)
        alpha, sigma = (float(scale) for scale in PRIOR.schedule.scales(ops.convert_to_tensor(t)))
        variance = NOISE**2 + sigma**2 * (A @ A.T)[0, 0]  # of y given x_t, as x_0 given x_t ~ N(alpha x_t, sigma^2)

        def log_prob(x, t, alpha=alpha, variance=variance):
            return -0.5 * ops.square(1.2 - alpha * project(x)[:, 0]) / variance

        np.testing.assert_allclose(array(guide(PRIOR, log_prob)(x, t)), expected, atol=1e-4)
        assert np.abs(array(dps(PRIOR, y, project, noise=NOISE)(x, t)) - expected).max() > 0.02


def test_posterior_samples_and_the_bias_of_dps():
    y, start = np.full((1500, 1), 1.2), rng.normal(size=(1500, 2))
    times = np.linspace(0.999, 0, 151)
    exact = array(euler_maruyama(pigdm(PRIOR, y, project, (2,), noise=NOISE), start, times))
    np.testing.assert_allclose(np.cov(exact.T), COVARIANCE, atol=0.08)
    np.testing.assert_allclose(exact.mean(axis=0), exact_denoiser(1.2).means[0], atol=0.08)
    biased = array(euler_maruyama(dps(PRIOR, y, project, noise=NOISE), start, times))
    assert np.var(biased @ A[0]) < 0.9 * A[0] @ COVARIANCE @ A[0]


def test_conditioning_refuses():
    y = np.zeros((2, 1))
    x = ops.zeros((3, 2))
    for call, message in (
        (lambda: dps(PRIOR, y, project, noise=NOISE)(x, 0.5), "observation has 2 rows"),
        (lambda: dps(PRIOR, np.zeros((3, 2)), project, noise=NOISE)(x, 0.5), "operator returns"),
        (lambda: dps(PRIOR, y, project, noise=0.0), "noise=0.0"),
        (lambda: dps(PRIOR, y + np.nan, project, noise=1.0), "observation has 2 entries"),
        (lambda: pigdm(PRIOR, y, ops.square, (2,), noise=1.0), "operator=.* must be linear"),
        (lambda: guide(PRIOR, 1.0), "log_prob=1.0"),
        (lambda: diffusion_unet((6, 6, 1), widths=(2, 2, 2)), "input_shape="),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_distances_of_samples():
    """Of Gaussians the Frechet distance is known; samples of one distribution have an energy distance near 0."""
    x, y = rng.normal(size=(2, 4000, 2))
    assert frechet_distance(x, 2 * y + [1.0, 0.0]) == pytest.approx(1 + 2, rel=0.1)
    assert energy_distance(x[:1000], y[:1000]) == pytest.approx(0, abs=0.01)
    assert energy_distance(x[:1000], y[:1000] + 5) > 5
    with pytest.raises(ValueError, match="y has shape"):
        frechet_distance(x, y[:, :1])


@pytest.mark.parametrize("labels", [False, True])
def test_a_run_on_images(labels, tmp_path):
    overrides = {"widths": (4, 8), "embedding_dim": 8}
    options = {"topic": "diffusion", "builder": "diffusion_unet", "preset": "tiny", "overrides": overrides}
    task = Sampling("digit_images", labels=labels, num_samples=30, steps=2)
    recipe = Recipe("digits", "digits", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    metrics = run.facts["metrics"]
    assert run.value == metrics["Frechet distance"] > metrics["Frechet distance of test images"] > 0
    assert ("samples with the label" in metrics) == labels
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000


def test_a_run_on_points(tmp_path):
    overrides = {"hidden_dim": 8, "num_layers": 1}
    options = {"topic": "diffusion", "builder": "diffusion_mlp", "preset": "tiny", "overrides": overrides}
    task = SampledDensity(num_train=200, num_test=50, num_samples=50)
    recipe = Recipe("moons", "moons", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    assert run.value == run.facts["metrics"]["test NLL"]
    assert run.facts["metrics"]["energy distance of samples"] > -0.1
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000


def test_figures():
    figure = plot_paths([1.0, 0.0], [[0.0, 1.0], [2.0, 3.0]], np.ones((4, 2)), limits=(0, 4))
    assert len(figure.axes[0].lines) == 2
    assert figure.axes[0].images[0].get_extent() == [0.0, 1.0, 0.0, 4.0]
    assert "example" in "".join(text.get_text() for text in plot_denoising().axes[0].texts)
    for call, message in (
        (lambda: plot_paths([0.0], np.zeros((2, 3))), "paths has shape"),
        (lambda: plot_paths([0.0], np.zeros((1, 3)), np.zeros((2, 2))), "density has shape"),
        (lambda: plot_paths([0.0], np.zeros((1, 3)), limits=(1, 0)), "limits="),
    ):
        with pytest.raises(ValueError, match=message):
            call()
