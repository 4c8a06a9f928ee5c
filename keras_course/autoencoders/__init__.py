"""Lecture 11: auto-encoders and variational auto-encoders."""

from keras_course import backend

backend.require()

from keras_course.autoencoders._autoencoder import Autoencoder, autoencoder, denoising_autoencoder, denoising_field
from keras_course.autoencoders._bounds import (
    ElboTerms,
    elbo_terms,
    importance_weighted_bound,
    log_importance_weights,
)
from keras_course.autoencoders._corruptions import AddNoise, Corruption, ErasePixels, GaussianBlur
from keras_course.autoencoders._figures import (
    plot_autoencoder,
    plot_bound,
    plot_codes,
    plot_field,
    plot_latent_grid,
)
from keras_course.autoencoders._gradient_estimates import GradientEstimates, gradient_estimates
from keras_course.autoencoders._hierarchical import HierarchicalVAE, hierarchical_vae
from keras_course.autoencoders._latent_sampler import GaussianLatentSampler, gaussian_latent_sampler
from keras_course.autoencoders._latent_usage import LatentUsage, posterior_collapse
from keras_course.autoencoders._likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    Likelihood,
    SquaredErrorLikelihood,
)
from keras_course.autoencoders._linear_autoencoder import LinearAutoencoder, LinearCode, linear_autoencoder
from keras_course.autoencoders._pca import PCA, pca
from keras_course.autoencoders._vae import VAE, GaussianLatent, vae
from keras_course.autoencoders._vq_vae import VQVAE, CodeUsage, VectorQuantizer, vq_vae
from keras_course.autoencoders._walks import aggregated_posterior, interpolate, latent_grid, latent_traversal

__all__ = [
    "PCA",
    "VAE",
    "VQVAE",
    "AddNoise",
    "Autoencoder",
    "BernoulliLikelihood",
    "CodeUsage",
    "Corruption",
    "ElboTerms",
    "ErasePixels",
    "GaussianBlur",
    "GaussianLatent",
    "GaussianLatentSampler",
    "GaussianLikelihood",
    "GradientEstimates",
    "HierarchicalVAE",
    "LatentUsage",
    "Likelihood",
    "LinearAutoencoder",
    "LinearCode",
    "SquaredErrorLikelihood",
    "VectorQuantizer",
    "aggregated_posterior",
    "autoencoder",
    "denoising_autoencoder",
    "denoising_field",
    "elbo_terms",
    "gaussian_latent_sampler",
    "gradient_estimates",
    "hierarchical_vae",
    "importance_weighted_bound",
    "interpolate",
    "latent_grid",
    "latent_traversal",
    "linear_autoencoder",
    "log_importance_weights",
    "pca",
    "plot_autoencoder",
    "plot_bound",
    "plot_codes",
    "plot_field",
    "plot_latent_grid",
    "posterior_collapse",
    "vae",
    "vq_vae",
]
