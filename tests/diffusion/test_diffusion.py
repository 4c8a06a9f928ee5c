"""The forward process, what a network predicts, and diffusion models."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import ops as course_ops
from keras_course.diffusion import (
    CosineNoise,
    Denoiser,
    EDMNoise,
    LinearNoise,
    MixtureDenoiser,
    RectifiedNoise,
    VENoise,
    VPNoise,
    ancestral,
    annealed_langevin,
    ddim,
    diffusion_mlp,
    dpm_solver,
    euler_maruyama,
    log_likelihood,
    posterior,
    predictor_corrector,
    probability_flow,
    q_sample,
)
from keras_course.diffusion._model import DenoisingLoss
from keras_course.diffusion._parameterizations import PARAMETERIZATIONS, scales_at

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
SCHEDULES = [LinearNoise(100), CosineNoise(), VPNoise(), VENoise(), EDMNoise(), RectifiedNoise()]
X, E = (rng.normal(size=(4, 3)).astype("float32") for _ in range(2))
T = np.array([0.105, 0.353, 0.504, 0.797], "float32")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_schedule(schedule):
    """The noise grows, the derivatives are right, and the SDE has the closed form as its marginals."""
    t = ops.convert_to_tensor(T)
    alpha, sigma = map(array, schedule.scales(t))
    assert (np.diff(sigma / alpha) > 0).all()
    derivatives = course_ops.jvp(schedule.scales, (t,), (ops.ones_like(t),))[1]
    for rate, expected in zip(schedule.rates(t), derivatives, strict=True):
        np.testing.assert_allclose(array(rate), array(expected), rtol=1e-3, atol=1e-4)
    f, g2 = map(array, schedule.sde(t))
    rates = [array(rate) for rate in schedule.rates(t)]
    np.testing.assert_allclose(f * alpha, rates[0], rtol=1e-4, atol=1e-5)  # of the mean
    np.testing.assert_allclose(2 * f * sigma**2 + g2, 2 * sigma * rates[1], rtol=1e-3, atol=1e-4)  # of the variance
    assert schedule == type(schedule).from_config(schedule.get_config())
    grid = schedule.grid(5)
    assert grid[0] == 1
    assert grid[-1] == 0
    assert (np.diff(grid) < 0).all()


def test_alpha_bar_of_the_lecture():
    assert float(LinearNoise().alpha(ops.ones(()))) ** 2 == pytest.approx(4.04e-5, rel=1e-2)


def test_many_steps_of_noise_are_one():
    """Mean and variance after steps of the chain are those of the closed form, and q_sample uses them."""
    schedule, mean, variance = LinearNoise(100), 1.0, 0.0
    for beta in schedule.betas[:40]:
        mean, variance = np.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
    np.testing.assert_allclose(array(q_sample(schedule, X, 0.4, 0 * E)), mean * X, rtol=1e-5)
    np.testing.assert_allclose(array(q_sample(schedule, 0 * X, 0.4, E)), np.sqrt(variance) * E, rtol=1e-5)


def test_posterior():
    """It is Bayes' rule for the Gaussians q(x_s | x_0) and q(x_t | x_s); for s = 0 it has no variance."""
    schedule = CosineNoise()
    (a_t, o_t), (a_s, o_s) = ([float(v) for v in schedule.scales(ops.convert_to_tensor(t))] for t in (0.6, 0.4))
    ratio = a_t / a_s
    noise = o_t**2 - ratio**2 * o_s**2
    precision = 1 / o_s**2 + ratio**2 / noise
    mean, variance = posterior(schedule, X, E, 0.6, 0.4)
    np.testing.assert_allclose(float(variance), 1 / precision, rtol=1e-4)
    np.testing.assert_allclose(array(mean), (a_s * X / o_s**2 + ratio * E / noise) / precision, rtol=1e-4)
    mean, variance = posterior(LinearNoise(100), X, E, 0.01, 0.0)
    assert float(variance) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(array(mean), X, atol=1e-5)


@pytest.mark.parametrize("prediction", PARAMETERIZATIONS)
def test_predictions_are_one_field(prediction):
    """The target of each parameterization stands for x_0, and all losses are the same after weighting."""
    schedule = CosineNoise()
    scales = scales_at(schedule, T, X)
    x0, noise = ops.convert_to_tensor(X), ops.convert_to_tensor(E)
    x_t = scales.alpha * x0 + scales.sigma * noise
    target = PARAMETERIZATIONS[prediction].target(x0, noise, scales)
    c_skip, c_out = PARAMETERIZATIONS[prediction].coefficients(scales)
    np.testing.assert_allclose(array(c_skip * x_t + c_out * target), X, atol=1e-5)
    off = 0.1 * rng.normal(size=X.shape)  # the same error of x_0, whatever the network predicts
    raw = target + ops.convert_to_tensor(off.astype("float32")) / c_out
    found, denoised = DenoisingLoss(schedule, prediction, "likelihood")(raw, target, ops.convert_to_tensor(T), x_t)
    np.testing.assert_allclose(array(denoised), X + off, atol=1e-5)
    snr = lambda t: np.tan(np.arccos(1e-3) * t) ** -2.0  # noqa: E731
    fall = (snr(T - 1e-3) - snr(T + 1e-3)) / 4e-3
    np.testing.assert_allclose(array(found), fall * (off**2).sum(axis=-1), rtol=2e-3)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_exact_denoiser_and_score(schedule):
    """The score is the gradient of the log-density, at one time for all rows and at a time for each."""
    denoiser = MixtureDenoiser(schedule, [[-1.0, 0.0], [1.5, 0.5]], [np.eye(2) * 0.3, [[0.2, 0.1], [0.1, 0.4]]])
    x = ops.convert_to_tensor(2 * X[:, :2])
    gradient = course_ops.grad(lambda x: ops.sum(denoiser.log_density(x, T)))(x)
    np.testing.assert_allclose(array(denoiser.score(x, T)), array(gradient), rtol=1e-2, atol=2e-3)
    np.testing.assert_allclose(array(denoiser(x, T))[1], array(denoiser(x, float(T[1])))[1], rtol=1e-5)


@pytest.mark.parametrize("preset", ["tiny", "flow_matching"])
def test_model_learns_a_gaussian(preset):
    """After a short training, samples and log-densities are near those of the data."""
    model = diffusion_mlp.from_preset(preset, hidden_dim=32, num_layers=2, seed=1)
    data = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 0.5] + [0.5, 0.0]
    keras.utils.set_random_seed(0)  # the order of the examples
    model.compile("adam")
    model.optimizer.learning_rate = 5e-3
    history = model.fit(data, batch_size=200, epochs=30, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    samples = array(model.sample(1000, seed=1))
    np.testing.assert_allclose(samples.std(axis=0), [1.0, 0.5], atol=0.15)
    np.testing.assert_allclose(samples.mean(axis=0), [0.5, 0.0], atol=0.15)
    exact = -np.log(2 * np.pi * 0.5) - 1.0
    assert array(model.log_prob(data[:200], tolerance=1e-3)).mean() == pytest.approx(exact, abs=0.2)


def test_scale_and_guidance():
    """A model of scaled data has the density of the data; guidance with 1 is the conditional model."""
    model, scaled = (diffusion_mlp(2, 3, hidden_dim=8, center=c, scale=s) for c, s in ((0.0, 1.0), (1.0, 2.0)))
    scaled.set_weights(model.get_weights())
    labels = [0, 1, 2]
    np.testing.assert_allclose(
        array(scaled.log_prob(2 * X[:3, :2] + 1, labels)),
        array(model.log_prob(X[:3, :2], labels)) - 2 * np.log(2),
        atol=2e-2,
    )
    x = ops.convert_to_tensor(X[:3, :2])
    with_label, without = model.denoiser(labels)(x, 0.5), model.denoiser()(x, 0.5)
    np.testing.assert_allclose(
        array(model.denoiser(labels, 3.0)(x, 0.5)), array(3 * with_label - 2 * without), atol=1e-4
    )
    np.testing.assert_allclose(array(scaled.sample(3, labels)), 2 * array(model.sample(3, labels)) + 1, atol=1e-4)
    history = model
    history.compile("adam")
    found = history.fit({"x": X[:3, :2], "label": np.array(labels)}, verbose=0).history
    assert sorted(found) == ["high_noise", "loss", "low_noise", "medium_noise"]


TEN_STEPS = MixtureDenoiser(LinearNoise(10), [[0.0]], [[[1.0]]])
DENOISER = MixtureDenoiser(CosineNoise(), [[0.0]], [[[1.0]]])
REFUSED = {
    "more steps than the schedule has": (lambda: ddim(TEN_STEPS, [[0.0]], 11), "steps=11"),
    "no steps": (lambda: ddim(DENOISER, [[0.0]], 0), "steps=0"),
    "times that rise": (lambda: ddim(DENOISER, [[0.0]], [0.0, 1.0]), "steps="),
    "a time above 1": (lambda: ddim(DENOISER, [[0.0]], [1.1, 1.0]), "steps="),
    "betas that fall": (lambda: LinearNoise(10, 0.2, 0.1), "first=0.2"),
    "a beta of 1": (lambda: LinearNoise(10, 0.1, 1.0), "last=1.0"),
    "scales that fall": (lambda: VENoise(2.0, 1.0), "sigma_min=2.0"),
    "scales of EDM that fall": (lambda: EDMNoise(2.0, 1.0), "sigma_min=2.0"),
    "a falling beta": (lambda: VPNoise(2.0, 1.0), "beta_min=2.0"),
    "alpha of 0": (lambda: CosineNoise(0.0), "alpha_min=0.0"),
    "x that is NaN": (lambda: ddim(DENOISER, [[np.nan]]), "x has 1 entries"),
    "x without features": (lambda: ddim(DENOISER, [0.0]), "x has shape"),
    "no denoiser": (lambda: ddim(lambda x, t: x, [[0.0]]), "denoiser="),
    "negative eta": (lambda: ddim(DENOISER, [[0.0]], eta=-1.0), "eta=-1.0"),
    "noise of another shape": (lambda: ancestral(DENOISER, [[0.0]], 3, noise=[[[0.0]]]), "noise has shape"),
    "SDE without signal": (
        lambda: euler_maruyama(MixtureDenoiser(RectifiedNoise(), [[0.0]], [[[1.0]]]), [[0.0]], 10), "steps=10"),
    "snr of 0": (lambda: predictor_corrector(DENOISER, [[0.0]], snr=0.0), "snr=0.0"),
    "step size of 0": (lambda: annealed_langevin(DENOISER, [[0.0]], step_size=0.0), "step_size=0.0"),
    "tolerance of 0": (lambda: probability_flow(DENOISER, [[0.0]], tolerance=0.0), "tolerance=0.0"),
    "unknown trace": (lambda: log_likelihood(DENOISER, [[0.0]], trace="guess"), "trace='guess'"),
    "a covariance that is none": (lambda: MixtureDenoiser(CosineNoise(), [[0.0]], [[[-1.0]]]), "covariances="),
    "weights that do not add up": (
        lambda: MixtureDenoiser(CosineNoise(), [[0.0]], [[[1.0]]], [0.5]), "weights="),
    "no schedule": (lambda: Denoiser("cosine", lambda x, t, c: x), "schedule='cosine'"),
    "s after t": (lambda: posterior(CosineNoise(), X, X, 0.2, 0.4), "s=0.4"),
    "noise unlike x": (lambda: q_sample(CosineNoise(), X, 0.5, X[:2]), "noise has shape"),
    "a negative time": (lambda: q_sample(CosineNoise(), X, -0.5, X), "t=-0.5"),
    "unknown prediction": (lambda: diffusion_mlp(2, prediction="image"), "prediction='image'"),
    "likelihood of EDM": (lambda: diffusion_mlp(2, schedule="edm", weighting="likelihood"), "weighting='likelihood'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        call()


def test_models_refuse():
    plain, labeled = diffusion_mlp(2, hidden_dim=4), diffusion_mlp(2, 3, hidden_dim=4)
    for call, message in (
        (lambda: plain.sample(2, [0, 1]), "label must be None"),
        (lambda: labeled.sample(2, [0, 3]), r"label=\[0, 3\]"),
        (lambda: labeled.sample(2, [0, 1, 1]), "label has 3 entries"),
        (lambda: labeled.sample(2, [0, 1], guidance=float("nan")), "guidance=nan"),
        (lambda: plain.sample(2, sampler="ddim"), "sampler='ddim'"),
        (lambda: plain.log_prob(np.zeros((2, 3))), r"x has shape \(2, 3\)"),
        (lambda: plain.fit(np.full((2, 2), np.nan)), "x has 4 entries"),
        (lambda: dpm_solver(plain, [[0.0, 0.0]]), "denoiser="),
    ):
        with pytest.raises(ValueError, match=message):
            call()
