"""Lecture 11: auto-encoders and adversarial networks."""

from keras_course import backend

backend.require()

from keras_course.autoencoders._adversarial import AdversarialModel
from keras_course.autoencoders._gan import dcgan, gan
from keras_course.autoencoders._gan_losses import (
    discriminator_loss,
    generator_loss,
    jensen_shannon,
    optimal_discriminator,
    transport_plan,
    wasserstein_1,
)

__all__ = [
    "AdversarialModel",
    "dcgan",
    "discriminator_loss",
    "gan",
    "generator_loss",
    "jensen_shannon",
    "optimal_discriminator",
    "transport_plan",
    "wasserstein_1",
]
