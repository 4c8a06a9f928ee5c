"""Arguments that work, for what lecture 11 offers; `examples_of_fuzz` says how an argument is looked up."""

import functools

import keras
import numpy as np
from models_of_fuzz import Make

from keras_course.autoencoders import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    autoencoder,
    hierarchical_vae,
    string_vae,
    vae,
    vq_vae,
)

IMAGES = np.random.default_rng(0).random((3, 4))
SMALL = {"input_shape": (4,), "hidden_dims": (4,)}


@functools.cache
def small_vae():
    return vae(**SMALL)


@functools.cache
def small_autoencoder():
    return autoencoder(**SMALL)


@functools.cache
def small_levels():
    return hierarchical_vae(**SMALL)


@functools.cache
def small_vq_vae():
    return vq_vae((4, 4, 1), 4, filters=(4,))


@functools.cache
def small_string_vae():
    return string_vae((4, 3), 2, hidden_dims=(4,), hidden_dim=4)


def sum_of_squares(z):
    return keras.ops.sum(keras.ops.square(keras.ops.convert_to_tensor(z)), axis=-1)


PARTS = {name: Make(lambda name=name: getattr(small_vae(), name)) for name in ("encoder", "decoder")}
LEVELS = {name: Make(lambda name=name: getattr(small_levels(), name)) for name in (
    "encoder", "upper_encoder", "upper_decoder", "decoder")}  # fmt: skip

AUTOENCODERS = {
    # of the module
    "autoencoders": {"model": Make(small_vae), "x": IMAGES, "latent_dim": 2, "deviation": 0.5, "num_codes": 4},
    # of one callable
    **{f"autoencoders.{name}": SMALL for name in ("autoencoder", "denoising_autoencoder", "hierarchical_vae", "vae")},
    **{f"autoencoders.{name}": {"input_shape": (4,), "latent_dim": 2} for name in (
        "LinearAutoencoder", "linear_autoencoder")},
    "autoencoders.vq_vae": {"input_shape": (4, 4, 1), "filters": (4,)},
    "autoencoders.VAE": {**PARTS, "likelihood": Make(BernoulliLikelihood)},
    "autoencoders.StringVAE": {"likelihood": Make(CategoricalLikelihood),
                               **{name: Make(lambda name=name: getattr(small_string_vae(), name))
                                  for name in ("encoder", "decoder")}},
    "autoencoders.string_vae": {"input_shape": (4, 3), "hidden_dims": (4,)},
    "autoencoders.HierarchicalVAE": {**LEVELS, "likelihood": Make(BernoulliLikelihood)},
    "autoencoders.Autoencoder": {name: Make(lambda name=name: getattr(small_autoencoder(), name))
                                 for name in ("encoder", "decoder")},
    "autoencoders.VQVAE": {"num_codes": 4, **{name: Make(lambda name=name: getattr(small_vq_vae(), name))
                                              for name in ("encoder", "decoder")}},
    **{f"autoencoders.{name}": {"model": Make(small_autoencoder)} for name in (
        "denoising_field", "gaussian_latent_sampler")},
    "autoencoders.latent_traversal": {"z": np.zeros(2)},
    "autoencoders.latent_grid": {"size": 2},
    "autoencoders.latent_ascent": {"function": sum_of_squares, "z": np.ones((2, 2)), "num_steps": 1},
    "autoencoders.importance_weighted_bound": {"num_samples": 2},
    "autoencoders.interpolate": {"start": np.zeros(2), "end": np.ones(2), "num_steps": 2},
    "autoencoders.pca": {"num_components": 2},
    "autoencoders.gradient_estimates": {"function": sum_of_squares, "mean": np.ones(2), "num_samples": 2},
    "autoencoders.plot_codes": {"codes": {"a": np.eye(2)}, "labels": np.array([0.0, 1.0])},
    "autoencoders.plot_latent_grid": {"images": np.zeros((2, 2, 3, 3, 1))},
    "autoencoders.plot_bound": {"bounds": {"a": (-2.0, -1.0)}},
    "autoencoders.plot_field": {"fields": {"a": (np.eye(2), np.eye(2))}, "points": np.eye(2)},
}  # fmt: skip
