"""Lecture 11: auto-encoders and adversarial networks."""

from keras_course import backend

backend.require()

from keras_course.autoencoders._adversarial import AdversarialModel
from keras_course.autoencoders._dirac_gan import dirac_gan_eigenvalues, dirac_gan_field, dirac_gan_path
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
from keras_course.autoencoders._modes import Coverage, mode_coverage

__all__ = [
    "AdversarialModel",
    "Coverage",
    "dcgan",
    "dirac_gan_eigenvalues",
    "dirac_gan_field",
    "dirac_gan_path",
    "discriminator_loss",
    "gan",
    "generator_loss",
    "jensen_shannon",
    "mode_coverage",
    "optimal_discriminator",
    "plot_dirac_gan",
    "plot_gan",
    "plot_modes",
    "plot_transport",
    "transport_plan",
    "wasserstein_1",
]
