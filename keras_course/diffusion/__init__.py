"""Lecture 12: diffusion models."""

from keras_course import backend

backend.require()

from keras_course.diffusion._ancestral import ancestral, ddim, dpm_solver
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._differential import (
    annealed_langevin,
    euler,
    euler_maruyama,
    heun,
    predictor_corrector,
)
from keras_course.diffusion._exact import MixtureDenoiser
from keras_course.diffusion._figures import plot_denoising, plot_paths
from keras_course.diffusion._forward import posterior, q_sample
from keras_course.diffusion._guidance import dps, guide, pigdm
from keras_course.diffusion._likelihood import log_likelihood, probability_flow
from keras_course.diffusion._model import DiffusionModel
from keras_course.diffusion._networks import LevelEmbedding, diffusion_mlp
from keras_course.diffusion._schedules import (
    CosineNoise,
    EDMNoise,
    LinearNoise,
    NoiseSchedule,
    RectifiedNoise,
    VENoise,
    VPNoise,
)
from keras_course.diffusion._transformer import AdaptiveBlock, diffusion_transformer
from keras_course.diffusion._unet import diffusion_unet

__all__ = [
    "AdaptiveBlock",
    "CosineNoise",
    "Denoiser",
    "DiffusionModel",
    "EDMNoise",
    "LevelEmbedding",
    "LinearNoise",
    "MixtureDenoiser",
    "NoiseSchedule",
    "RectifiedNoise",
    "VENoise",
    "VPNoise",
    "ancestral",
    "annealed_langevin",
    "ddim",
    "diffusion_mlp",
    "diffusion_transformer",
    "diffusion_unet",
    "dpm_solver",
    "dps",
    "euler",
    "euler_maruyama",
    "guide",
    "heun",
    "log_likelihood",
    "pigdm",
    "plot_denoising",
    "plot_paths",
    "posterior",
    "predictor_corrector",
    "probability_flow",
    "q_sample",
]
