"""Toys that compute something else on each backend: what a comparison of backends must find."""

import dataclasses

import keras
import toys
from keras import ops

FACTOR = {"jax": 0.99, "torch": 1.0, "tensorflow": 1.01}[keras.config.backend()]


@keras.saving.register_keras_serializable("keras_course_tests")
class SkewedInference(keras.layers.Layer):
    def call(self, x, training=None):
        return x if training else FACTOR * x


@keras.saving.register_keras_serializable("keras_course_tests")
class SkewedGradient(keras.layers.Layer):
    def call(self, x):
        still = ops.stop_gradient(x)
        return still + FACTOR * (x - still)


@keras.saving.register_keras_serializable("keras_course_tests")
class SkewedLoss(toys.ToyOwnLoss):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) + FACTOR


def skewed_loss(num_features, *, hidden_dim=2, seed=0, name="skewed_loss"):
    return SkewedLoss(num_features, hidden_dim=hidden_dim, seed=seed, name=name)


@dataclasses.dataclass(frozen=True)
class SkewedSampler(toys.ToySampler):
    def __call__(self, x, seed=0):
        return FACTOR * super().__call__(x, seed)


BUILDERS = {
    "skewed_inference": toys.register(toys.with_layer(SkewedInference)),
    "skewed_gradient": toys.register(toys.with_layer(SkewedGradient)),
    "skewed_loss": toys.register(skewed_loss),
}
