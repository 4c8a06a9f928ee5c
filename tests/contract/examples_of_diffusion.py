"""Arguments that work, for what lecture 12 offers; `examples_of_fuzz` says how an argument is looked up."""

import functools

import keras
import numpy as np
from models_of_fuzz import Make

from keras_course.diffusion import CosineNoise, LinearNoise, MixtureDenoiser, VPNoise, diffusion_mlp

X = np.random.default_rng(0).normal(size=(3, 2))


@functools.cache
def exact():
    return MixtureDenoiser(VPNoise(), np.zeros((1, 2)), np.eye(2)[None])


@functools.cache
def small():
    return diffusion_mlp(2, hidden_dim=4, num_layers=1)


def nothing(x, t, context):
    return 0 * x


def log_density(x, t):
    return -keras.ops.sum(x**2, axis=-1)


def first(x):
    return x[:, :1]


SAMPLERS = ("ancestral", "annealed_langevin", "ddim", "dpm_solver", "euler", "euler_maruyama", "heun",
            "predictor_corrector")  # fmt: skip

DIFFUSION = {
    # of the module
    "diffusion": {"schedule": CosineNoise(), "denoiser": Make(exact), "x": X, "noise": X, "t": 0.5, "s": 0.25,
                  "x0": X},
    # of one callable
    **{f"diffusion.{name}": {"steps": 2} for name in SAMPLERS},
    "diffusion.annealed_langevin": {"steps": 2, "num_repeats": 2},
    "diffusion.probability_flow": {"tolerance": 0.1},
    "diffusion.log_likelihood": {"tolerance": 0.1},
    "diffusion.posterior": {"schedule": LinearNoise(), "t": 0.5, "s": 0.25},
    "diffusion.Denoiser": {"function": nothing},
    "diffusion.MixtureDenoiser": {"means": np.zeros((1, 2)), "covariances": np.eye(2)[None],
                                  "weights": np.array([1.0])},
    "diffusion.DiffusionModel": {"network": Make(lambda: keras.models.clone_model(small().network))},
    "diffusion.diffusion_mlp": {"num_features": 2, "hidden_dim": 4, "num_layers": 1},
    "diffusion.diffusion_unet": {"input_shape": (4, 4, 1), "widths": (4, 8), "embedding_dim": 4},
    "diffusion.guide": {"log_prob": log_density},
    "diffusion.dps": {"observation": X[:, :1], "operator": first, "noise": 0.5},
    "diffusion.pigdm": {"observation": X[:, :1], "operator": first, "noise": 0.5, "shape": (2,)},
    "diffusion.plot_paths": {"times": np.array([0.0, 1.0]), "paths": np.eye(2), "density": np.ones((3, 2))},
    "diffusion.diffusion_transformer": {"input_shape": (4, 4, 1), "hidden_dim": 4, "num_layers": 1},
    "diffusion.AdaptiveBlock": {"num_heads": 2, "mlp_dim": 4},
    "diffusion.LevelEmbedding": {"dim": 4},
}  # fmt: skip
