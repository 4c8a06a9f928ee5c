"""A Gaussian distribution of the codes of an auto-encoder, which makes it a (poor) generative model."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_course.autoencoders._autoencoder import Autoencoder
from keras_course.autoencoders._linear_autoencoder import LinearAutoencoder
from keras_course.checks import instance, validate, whole
from keras_course.ops._types import Tensor


@dataclasses.dataclass(frozen=True)
class GaussianLatentSampler:
    """A Gaussian of codes; `gaussian_latent_sampler` fits it.

    Args:
        model: the auto-encoder.
        mean: (L,).
        covariance: (L, L).
    """

    model: Any
    mean: np.ndarray
    covariance: np.ndarray

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, seed=0) -> Tensor:
        """Return decoded samples of the Gaussian, (num_samples, ...)."""
        noise = ops.convert_to_numpy(
            keras.random.normal((num_samples, len(self.mean)), dtype="float32", seed=int(seed))
        )
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))  # of a covariance that may have rank below L
        return self.model.decode((self.mean + noise @ root.T).astype("float32"))


@validate(model=instance(Autoencoder, LinearAutoencoder))
def gaussian_latent_sampler(model, x) -> GaussianLatentSampler:
    """Fit a Gaussian to the codes of examples.

    Its samples mostly look bad: nothing in the loss of an auto-encoder makes its codes Gaussian, so the Gaussian has
    mass where no code is, and the decoder was not trained there.

    Args:
        model: an `Autoencoder` or `LinearAutoencoder`.
        x: examples (B, ...), at least two.

    Returns:
        A `GaussianLatentSampler`.

    Raises:
        ValueError: x does not fit the model, or there is one example.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import autoencoder, gaussian_latent_sampler
        >>> images = np.random.default_rng(0).random((20, 8, 8, 1))
        >>> gaussian_latent_sampler(autoencoder((8, 8, 1), 3), images).sample(4).shape == (4, 8, 8, 1)
        True
    """
    codes = ops.convert_to_numpy(model.encode(x)).astype("float64")
    if len(codes) < 2:
        raise ValueError(f"x has {len(codes)} example; a covariance needs at least 2")
    return GaussianLatentSampler(model, codes.mean(axis=0), np.cov(codes.T, bias=True).reshape(2 * codes.shape[1:]))
