"""The linear auto-encoder, whose best code spans the subspace of principal component analysis.

Notation: x (B, D) examples, flattened; b (D,) an offset; W (D, L), V (L, D) kernels.
"""

import math

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.autoencoders._autoencoder import outputs_of
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._networks import SEED, example_shape
from keras_course.autoencoders._vae import as_codes
from keras_course.checks import flag, validate, whole
from keras_course.layers import sibling
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class LinearCode(keras.layers.Layer):
    """The maps of a linear auto-encoder: z = (x - b) W, and back z V + b, with V = W' if the weights are tied.

    Takes x (B, ...); returns z (B, L) and the decoded example (B, ...).

    Args:
        latent_dim: L.
        tied: whether the decoder is the transpose of the encoder.
        seed: whole number, at most 2 billion, seed of the initial weights.

    Raises:
        ValueError: an argument is something else.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import LinearCode
        >>> code, decoded = LinearCode(2)(np.ones((3, 4, 5)))
        >>> code.shape == (3, 2), decoded.shape == (3, 4, 5)
        (True, True)
    """

    @validate(latent_dim=whole(1), tied=flag, seed=SEED)
    def __init__(self, latent_dim, tied=True, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim, self.tied, self.seed = int(latent_dim), bool(tied), int(seed)
        glorot = keras.initializers.GlorotUniform(seed=self.seed)
        self.kernel_initializer, self.decoder_initializer = glorot, sibling(glorot, 1)

    def build(self, input_shape) -> None:
        self.shape, size = tuple(input_shape[1:]), math.prod(input_shape[1:])
        self.offset = self.add_weight((size,), initializer="zeros", name="offset")
        self.kernel = self.add_weight((size, self.latent_dim), initializer=self.kernel_initializer, name="kernel")
        if not self.tied:
            shape = (self.latent_dim, size)
            self.decoder = self.add_weight(shape, initializer=self.decoder_initializer, name="decoder")
        self.built = True

    def call(self, x) -> tuple[Tensor, Tensor]:
        z = self.encode(x)
        return z, self.decode(z)

    def encode(self, x) -> Tensor:
        """Return (x - b) W."""
        rows = ops.reshape(ops.cast(x, self.compute_dtype), (-1, math.prod(self.shape)))
        return ops.matmul(rows - self._cast(self.offset), self._cast(self.kernel))

    def decode(self, z) -> Tensor:
        """Return z V + b, shaped like examples."""
        back = ops.transpose(self.kernel) if self.tied else self.decoder
        return ops.reshape(ops.matmul(z, self._cast(back)) + self._cast(self.offset), (-1, *self.shape))

    def _cast(self, weight):
        return ops.cast(weight, self.compute_dtype)

    def get_config(self) -> dict:
        own = {"latent_dim": self.latent_dim, "tied": self.tied, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_course")
class LinearAutoencoder(LatentModel):
    """A linear auto-encoder, which owns its loss; `linear_autoencoder` says what it computes.

    Args:
        input_shape: shape of one example.
        latent_dim: L.
        tied: whether the decoder is the transpose of the encoder.
        seed: seed of the initial weights.
        name: name of the model.

    Raises:
        ValueError: an argument is something else.

    Example:
        >>> from keras_course.autoencoders import LinearAutoencoder
        >>> LinearAutoencoder((5,), 2).count_params()
        15
    """

    @validate(input_shape=example_shape, latent_dim=whole(1))
    def __init__(self, input_shape, latent_dim, *, tied=True, seed=0, name="linear_autoencoder"):
        x = keras.Input(input_shape, name="x")
        code = LinearCode(latent_dim, tied=tied, seed=seed, name="linear_code")
        super().__init__(x, outputs_of(x, *code(x)), weights={"reconstruction": 1.0}, name=name)
        self.code, self.latent_dim = code, int(latent_dim)

    def encode(self, x) -> Tensor:
        """Return the codes (B, L)."""
        return self.code.encode(ops.convert_to_tensor(self.as_examples(x)))

    def decode(self, z) -> Tensor:
        """Return the examples (B, ...) of codes."""
        return self.code.decode(as_codes("z", z, self.latent_dim))

    def reconstruct(self, x) -> Tensor:
        """Return the decoded codes of x."""
        return self.decode(self.encode(x))

    def subspace(self) -> Tensor:
        """Return the projection (D, D) onto the space of all reconstructions, offset aside."""
        back = ops.transpose(self.code.kernel) if self.code.tied else ops.convert_to_tensor(self.code.decoder)
        basis = ops.qr(ops.transpose(ops.cast(back, "float32")))[0]
        return ops.matmul(basis, ops.transpose(basis))

    def get_config(self) -> dict:
        own = {"latent_dim": self.latent_dim, "tied": self.code.tied, "seed": self.code.seed}
        return {"input_shape": self.input_shape[1:], **own, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "LinearAutoencoder":
        return cls(**config)


@builder(
    reference="Baldi and Hornik, 1989, https://doi.org/10.1016/0893-6080(89)90014-2",
    presets={"tiny": {"input_shape": (8, 8, 1)}},
)
@validate(input_shape=example_shape, latent_dim=whole(1), tied=flag, seed=SEED)
def linear_autoencoder(input_shape, latent_dim=2, *, tied=True, seed=0, name="linear_autoencoder") -> LinearAutoencoder:
    """Build an auto-encoder without non-linearity.

    Takes x `(B, *input_shape)`; returns {"code": (B, L), "decoded": (B, ...), "reconstruction": (B,)}:

        z = (x - b) W,  x^ = z V + b,  loss = norm(x^ - x)^2 / D        with V = W' if the weights are tied

    At its minimum the loss equals the error of `pca`: b is the mean, and the columns of W span the L directions of
    largest variance. With tied weights they are orthonormal, but they need not be the principal components themselves:
    any rotation of them in their subspace has the same loss. All other stationary points are saddles.

    Args:
        input_shape: shape of one example.
        latent_dim: L, the number of features of a code.
        tied: whether the decoder is the transpose of the encoder.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `LinearAutoencoder`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    References:
        Neural networks and principal component analysis: Learning from examples without local minima, Baldi and Hornik,
        1989, https://doi.org/10.1016/0893-6080(89)90014-2

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import linear_autoencoder
        >>> linear_autoencoder((28, 28, 1), 8).encode(np.zeros((4, 28, 28, 1))).shape == (4, 8)
        True
    """
    return LinearAutoencoder(tuple(input_shape), latent_dim, tied=tied, seed=seed, name=name)
