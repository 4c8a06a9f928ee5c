"""Lecture 11: auto-encoders and variational auto-encoders."""

from keras_course import backend

backend.require()

from keras_course.autoencoders._adversarial import AdversarialModel
from keras_course.autoencoders._autoencoder import Autoencoder, autoencoder, denoising_autoencoder, denoising_field
from keras_course.autoencoders._bounds import (
    ElboTerms,
    elbo_terms,
    importance_weighted_bound,
    log_importance_weights,
)
from keras_course.autoencoders._corruptions import AddNoise, Corruption, ErasePixels, GaussianBlur
from keras_course.autoencoders._dirac_gan import dirac_gan_eigenvalues, dirac_gan_field, dirac_gan_path
from keras_course.autoencoders._figures import (
    plot_autoencoder,
    plot_bound,
    plot_codes,
    plot_field,
    plot_latent_grid,
)
from keras_course.autoencoders._gan import dcgan, gan
from keras_course.autoencoders._gan_figures import plot_dirac_gan, plot_gan, plot_modes, plot_transport
from keras_course.autoencoders._gan_losses import (
    discriminator_loss,
    generator_loss,
    jensen_shannon,
    optimal_discriminator,
    transport_plan,
    wasserstein_1,
)
from keras_course.autoencoders._gradient_estimates import GradientEstimates, gradient_estimates
from keras_course.autoencoders._hierarchical import HierarchicalVAE, hierarchical_vae
from keras_course.autoencoders._latent_ascent import latent_ascent
from keras_course.autoencoders._latent_sampler import GaussianLatentSampler, gaussian_latent_sampler
from keras_course.autoencoders._latent_usage import LatentUsage, posterior_collapse
from keras_course.autoencoders._likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    GaussianLikelihood,
    Likelihood,
    SquaredErrorLikelihood,
)
from keras_course.autoencoders._linear_autoencoder import LinearAutoencoder, LinearCode, linear_autoencoder
from keras_course.autoencoders._modes import Coverage, mode_coverage
from keras_course.autoencoders._pca import PCA, pca
from keras_course.autoencoders._strings import StringVAE, string_vae
from keras_course.autoencoders._vae import VAE, GaussianLatent, vae
from keras_course.autoencoders._vq_vae import VQVAE, CodeUsage, VectorQuantizer, vq_vae
from keras_course.autoencoders._walks import aggregated_posterior, interpolate, latent_grid, latent_traversal

__all__ = [
    "PCA",
    "VAE",
    "VQVAE",
    "AddNoise",
    "AdversarialModel",
    "Autoencoder",
    "BernoulliLikelihood",
    "CategoricalLikelihood",
    "CodeUsage",
    "Corruption",
    "Coverage",
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
    "StringVAE",
    "VectorQuantizer",
    "aggregated_posterior",
    "autoencoder",
    "dcgan",
    "denoising_autoencoder",
    "denoising_field",
    "dirac_gan_eigenvalues",
    "dirac_gan_field",
    "dirac_gan_path",
    "discriminator_loss",
    "elbo_terms",
    "gan",
    "gaussian_latent_sampler",
    "generator_loss",
    "gradient_estimates",
    "hierarchical_vae",
    "importance_weighted_bound",
    "interpolate",
    "jensen_shannon",
    "latent_ascent",
    "latent_grid",
    "latent_traversal",
    "linear_autoencoder",
    "log_importance_weights",
    "mode_coverage",
    "optimal_discriminator",
    "pca",
    "plot_autoencoder",
    "plot_bound",
    "plot_codes",
    "plot_dirac_gan",
    "plot_field",
    "plot_gan",
    "plot_latent_grid",
    "plot_modes",
    "plot_transport",
    "posterior_collapse",
    "string_vae",
    "transport_plan",
    "vae",
    "vq_vae",
    "wasserstein_1",
]
