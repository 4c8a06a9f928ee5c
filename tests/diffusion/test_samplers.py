"""Samplers and likelihoods on Gaussian data, where everything is known, and beside the schedulers of diffusers."""

import importlib.util

import numpy as np
import pytest
from keras import ops
from oracles import run_oracle

from keras_course import diffusion
from keras_course.diffusion import (
    CosineNoise,
    EDMNoise,
    LinearNoise,
    MixtureDenoiser,
    RectifiedNoise,
    VENoise,
    VPNoise,
    ancestral,
    annealed_langevin,
    ddim,
    dpm_solver,
    euler,
    euler_maruyama,
    heun,
    log_likelihood,
    predictor_corrector,
    probability_flow,
)

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
MEAN, VARIANCE = 1.5, 0.25
NOISE = rng.normal(size=(6, 1))
MIXTURE = {"means": [[-1.0, 0.0], [1.5, 0.5]], "covariances": [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.4]]]}
WEIGHTS = [0.3, 0.7]


def gaussian(schedule):
    return MixtureDenoiser(schedule, [[MEAN]], [[[VARIANCE]]])


def scales(schedule, t):
    return [float(scale) for scale in schedule.scales(ops.convert_to_tensor(t, dtype="float32"))]


def exact_path(schedule, x, t, s):
    """The solution of the probability-flow ODE: x keeps its distance from the mean, in standard deviations."""
    (a_t, o_t), (a_s, o_s) = scales(schedule, t), scales(schedule, s)
    ratio = np.sqrt((a_s**2 * VARIANCE + o_s**2) / (a_t**2 * VARIANCE + o_t**2))
    return a_s * MEAN + ratio * (x - a_t * MEAN)


@pytest.mark.parametrize(
    ("sampler", "schedule", "order"),
    [
        (euler, VPNoise(), 1),
        (ddim, CosineNoise(), 1),
        (heun, RectifiedNoise(), 2),
        (dpm_solver, CosineNoise(), 2),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)[:6]),
)
def test_order_of_a_sampler(sampler, schedule, order):
    """On a Gaussian, the error falls as the steps to the power of the order."""
    start, stop, denoiser = 0.9, 0.1, gaussian(schedule)
    exact = exact_path(schedule, NOISE, start, stop)
    errors = [np.abs(array(sampler(denoiser, NOISE, np.linspace(start, stop, n + 1))) - exact).max() for n in (16, 32)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


def test_probability_flow():
    """It follows the exact path, and the way back leads to the noise."""
    denoiser = gaussian(CosineNoise())
    x = probability_flow(denoiser, NOISE, tolerance=1e-6)
    np.testing.assert_allclose(array(x), exact_path(denoiser.schedule, NOISE, 1.0, 1e-3), atol=1e-4)
    np.testing.assert_allclose(array(probability_flow(denoiser, x, tolerance=1e-6, encode=True)), NOISE, atol=2e-4)
    with pytest.raises(RuntimeError, match="max_steps=2"):
        probability_flow(denoiser, NOISE, 2)


def test_likelihood_of_a_mixture():
    """The likelihood by the ODE is the density; Hutchinson's estimate has it as its mean."""
    denoiser = MixtureDenoiser(CosineNoise(), **MIXTURE, weights=WEIGHTS)
    x = denoiser.sample(5, seed=1)
    exact = array(denoiser.log_density(x.astype("float32")))
    np.testing.assert_allclose(array(log_likelihood(denoiser, x)), exact, atol=2e-3)
    many = array(log_likelihood(denoiser, np.repeat(x[:1], 500, axis=0), trace="hutchinson", tolerance=1e-3))
    assert many.mean() == pytest.approx(exact[0], abs=4 * many.std() / np.sqrt(500) + 0.01)


STOCHASTIC = {
    ancestral: (VPNoise(), 150, {}),
    euler_maruyama: (VPNoise(), 150, {}),
    predictor_corrector: (VPNoise(), 60, {"snr": 0.1}),
    annealed_langevin: (VENoise(0.1, 5.0), 8, {"num_repeats": 40, "step_size": 0.3}),
}


@pytest.mark.parametrize("sampler", STOCHASTIC, ids=lambda sampler: sampler.__name__)
def test_moments_of_samples(sampler):
    """Samples of a mixture have its mean and its covariance, up to the error of the steps."""
    schedule, steps, options = STOCHASTIC[sampler]
    denoiser = MixtureDenoiser(schedule, **MIXTURE, weights=WEIGHTS)
    start = scales(schedule, 1.0)[1] * np.random.default_rng(1).normal(size=(2000, 2))
    found, again, other = (array(sampler(denoiser, start, steps, seed=seed, **options)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, other)
    means, covariances = np.array(MIXTURE["means"]), np.array(MIXTURE["covariances"])
    mean = WEIGHTS @ means
    covariance = np.einsum("k,kij->ij", WEIGHTS, covariances) + (means - mean).T @ np.diag(WEIGHTS) @ (means - mean)
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=0.12)
    np.testing.assert_allclose(np.cov(found.T), covariance, atol=0.15)


def test_ddim_with_all_its_noise_is_ancestral_sampling():
    denoiser, noise = gaussian(LinearNoise(50)), rng.normal(size=(10, 6, 1))
    expected = array(ancestral(denoiser, NOISE, 10, noise=noise))
    np.testing.assert_allclose(array(ddim(denoiser, NOISE, 10, eta=1.0, noise=noise)), expected, atol=1e-4)


ORACLE = """
import sys
import numpy as np, torch
from diffusers import (
    DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EDMEulerScheduler, HeunDiscreteScheduler)
given = np.load(sys.argv[1])
mean, variance, noise = float(given["mean"]), float(given["variance"]), given["noise"]
start = torch.tensor(given["start"])
linear = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
found = {}

def denoised(x, a, o):  # E[x_0 given x_t] of a Gaussian
    return mean + a * variance * (x - a * mean) / (a**2 * variance + o**2)

class Noises:  # the noise of a scheduler
    def __init__(self): self.k = -1
    def __call__(self, *args, **kwargs):
        self.k += 1
        return torch.tensor(noise[self.k])

import diffusers.schedulers.scheduling_ddpm as ddpm, diffusers.schedulers.scheduling_ddim as ddim
for name, kind, options, extra in (
    ("ancestral", DDPMScheduler, {"clip_sample": False}, {}),
    ("ddim", DDIMScheduler, {"clip_sample": False}, {"eta": 0.0}),
    ("ddim_with_noise", DDIMScheduler, {"clip_sample": False}, {"eta": 0.5}),
    ("dpm_solver", DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}, {}),
):
    scheduler = kind(**linear, **options)
    scheduler.set_timesteps(10)
    ddpm.randn_tensor = ddim.randn_tensor = Noises()
    x, path = start, []
    for t in scheduler.timesteps:
        a = scheduler.alphas_cumprod[t] ** 0.5
        o = (1 - a**2) ** 0.5
        x = scheduler.step((x - a * denoised(x, a, o)) / o, t, x, **extra).prev_sample
        path.append(x.numpy())
    found[name], found[name + "_times"] = path, (scheduler.timesteps.numpy() + 1) / 1000
for name, scheduler in (
    ("euler", EDMEulerScheduler()),
    ("heun", HeunDiscreteScheduler(**linear, use_karras_sigmas=True)),
):
    scheduler.set_timesteps(10)
    x, path = start * scheduler.init_noise_sigma, []
    for k, t in enumerate(scheduler.timesteps):
        o = scheduler.sigmas[k]
        d = denoised(x, 1.0, o)
        if name == "euler":
            total = o**2 + 0.25
            out = (d - 0.25 / total * x) / (o * 0.5 / total**0.5)
        else:
            out = (x - d) / o
        if k == 0:
            scheduler.scale_model_input(x, t)
        x = scheduler.step(out, t, x).prev_sample
        path.append(x.numpy())
    sigmas = scheduler.sigmas.numpy()
    found[name] = path if name == "euler" else [path[1::2][0], path[-1]]
    found[name + "_times"] = sigmas[:-1] if name == "euler" else np.concatenate([sigmas[:1], sigmas[1:-1:2]])
    found[name + "_start"] = (start * scheduler.init_noise_sigma).numpy()
np.savez(sys.argv[2], **{key: np.asarray(value) for key, value in found.items()})
"""


@pytest.fixture(scope="module")
def schedulers(tmp_path_factory):
    """What the schedulers of diffusers do in ten steps, on PyTorch."""
    if importlib.util.find_spec("diffusers") is None:
        pytest.skip("needs diffusers")
    folder = tmp_path_factory.mktemp("diffusers")
    given = {
        "mean": MEAN,
        "variance": VARIANCE,
        "start": NOISE,
        "noise": np.random.default_rng(2).normal(size=(10, 6, 1)),
    }
    np.savez(folder / "given.npz", **{key: np.asarray(value, "float32") for key, value in given.items()})
    run_oracle(ORACLE, folder / "given.npz", folder / "found.npz")
    return dict(np.load(folder / "found.npz")) | {"noise": given["noise"]}


@pytest.mark.parametrize("name", ["ancestral", "ddim", "ddim_with_noise", "dpm_solver", "euler", "heun"])
def test_steps_of_diffusers(name, schedulers):
    """The same denoiser, noise and times lead to the same samples, after the first step and after the last one."""
    path, times, start = schedulers[name], np.append(schedulers[f"{name}_times"], 0.0), NOISE
    schedule = LinearNoise()
    if name in ("euler", "heun"):
        schedule, start = EDMNoise(sigma_max=float(times[0])), schedulers[f"{name}_start"]
        times = times / times[0]
    options = {"eta": 0.5} if name == "ddim_with_noise" else {}
    for steps, expected in ((1, path[0]), (10, path[-1])):
        if name in ("ancestral", "ddim_with_noise"):
            options["noise"] = schedulers["noise"][:steps]
        sampler = getattr(diffusion, name.removesuffix("_with_noise"))
        found = array(sampler(gaussian(schedule), start, times[: steps + 1], **options))
        np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()), rtol=1e-5)
