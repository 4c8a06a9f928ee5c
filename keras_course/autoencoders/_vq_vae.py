"""The vector-quantized auto-encoder, whose codes are entries of a codebook.

Notation: x (B, H, W, C) images, z (B, h, w, D) features of the encoder, e_k (D,) entry k = 1..K of the codebook,
k(b, i, j) the index of the entry closest to a feature.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.autoencoders._autoencoder import outputs_of
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._networks import SEED, check_sides, doubled, halved
from keras_course.checks import fraction, instance, not_negative, validate, whole, wholes
from keras_course.checks.examples import to_real
from keras_course.layers import Conv2D, sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class VectorQuantizer(keras.layers.Layer):
    """Replace each feature by the closest entry of a codebook, and pass gradients straight through.

    Takes z (B, ..., D). Returns the quantized features q (B, ..., D), the indices (B, ...), and the losses (B,) of the
    codebook and of the commitment:

        k = argmin_k norm(z - e_k)^2,  q = z + sg(e_k - z)
        codebook loss = norm(sg(z) - e_k)^2,  commitment loss = norm(z - sg(e_k))^2        averaged over positions and D

    sg is the stop-gradient: its argument counts as a constant. So q equals e_k, and the gradient by q arrives at z
    unchanged (the straight-through estimator), because argmin is not differentiable.

    With a `decay` the codebook is not trained by gradients. Each entry is a moving average of the features that chose
    it:

        N_k = decay N_k + (1 - decay) n_k,  m_k = decay m_k + (1 - decay) sum of these z,  e_k = m_k / N_k

    and the codebook loss is reported as 0.

    Args:
        num_codes: K.
        decay: in [0, 1), of the moving averages; 0 trains the codebook by its loss.
        seed: whole number, at most 2 billion, seed of the initial codebook.

    Raises:
        ValueError: a number is out of its range.

    References:
        Neural Discrete Representation Learning, van den Oord, Vinyals and Kavukcuoglu, 2017,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import VectorQuantizer
        >>> quantized, ids, codebook_loss, commitment_loss = VectorQuantizer(8)(keras.ops.ones((2, 4, 4, 3)))
        >>> quantized.shape == (2, 4, 4, 3), ids.shape == (2, 4, 4), codebook_loss.shape == (2,)
        (True, True, True)
    """

    @validate(num_codes=whole(1), decay=fraction, seed=SEED)
    def __init__(self, num_codes, decay=0.0, seed=0, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.num_codes, self.decay, self.seed = int(num_codes), float(decay), int(seed)
        limit = 1 / self.num_codes  # smaller than features are: from a wide codebook they would choose few entries
        self.codebook_initializer = keras.initializers.RandomUniform(-limit, limit, seed=self.seed)
        self.counts_initializer = keras.initializers.Ones()

    def build(self, input_shape) -> None:
        shape = (self.num_codes, input_shape[-1])
        options = {"trainable": not self.decay, "initializer": self.codebook_initializer, "name": "codebook"}
        self.codebook = self.add_weight(shape, **options)  # with a decay these are the sums m
        if self.decay:
            options = {"trainable": False, "initializer": self.counts_initializer, "name": "counts"}
            self.counts = self.add_weight((self.num_codes,), **options)
        self.built = True

    def entries(self) -> Tensor:
        """Return the codebook (K, D)."""
        codebook = ops.cast(self.codebook, "float32")
        return codebook / ops.cast(self.counts, "float32")[:, None] if self.decay else codebook

    def call(self, z, training=False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        features = ops.cast(z, "float32")
        rows, entries = ops.reshape(features, (-1, z.shape[-1])), self.entries()
        distances = ops.sum(ops.square(entries), axis=-1) - 2 * ops.matmul(rows, ops.transpose(entries))
        nearest = ops.argmin(ops.stop_gradient(distances), axis=-1)  # (B h w,), without the norm(z)^2 that all share
        chosen = ops.reshape(ops.take(entries, nearest, axis=0), ops.shape(features))
        if training and self.decay:
            self._move(ops.stop_gradient(rows), nearest)
        axes = tuple(range(1, len(z.shape)))
        codebook = ops.mean(ops.square(ops.stop_gradient(features) - chosen), axis=axes)
        commitment = ops.mean(ops.square(features - ops.stop_gradient(chosen)), axis=axes)
        quantized = features + ops.stop_gradient(chosen - features)
        ids = ops.reshape(ops.cast(nearest, "int32"), ops.shape(features)[:-1])
        quantized = ops.cast(quantized, self.compute_dtype)
        return quantized, ids, 0.0 * codebook if self.decay else codebook, commitment

    def _move(self, rows, nearest):
        """Move the sums and counts of the entries towards the sums and counts of a batch."""
        chosen = ops.one_hot(nearest, self.num_codes, dtype="float32")
        sums, counts = ops.matmul(ops.transpose(chosen), rows), ops.sum(chosen, axis=0)
        counts = counts + 1e-5  # an entry that is never chosen keeps its value
        sums = sums + 1e-5 * self.entries()
        self.codebook.assign(self.decay * self.codebook + (1 - self.decay) * ops.cast(sums, self.codebook.dtype))
        self.counts.assign(self.decay * self.counts + (1 - self.decay) * ops.cast(counts, self.counts.dtype))

    def get_config(self) -> dict:
        own = {"num_codes": self.num_codes, "decay": self.decay, "seed": self.seed}
        return {**super().get_config(), **own}


class CodeUsage(NamedTuple):
    """How often a set of examples uses each entry of a codebook.

    Args:
        counts: (K,).
        perplexity: exp of the entropy of the frequencies: the number of entries in use, if all were used alike.
    """

    counts: np.ndarray
    perplexity: float


@keras.saving.register_keras_serializable("keras_course")
class VQVAE(LatentModel):
    """A vector-quantized auto-encoder, which owns its loss; `vq_vae` says what it computes.

    Args:
        encoder: a `keras.Model` from x to features (B, h, w, D).
        decoder: a `keras.Model` from quantized features to examples.
        num_codes, decay, seed: of the `VectorQuantizer`.
        commitment: weight of the commitment loss.
        name: name of the model.

    Raises:
        ValueError: the shapes of encoder and decoder do not fit, or a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import vq_vae
        >>> model = vq_vae((8, 8, 1), num_codes=16)
        >>> ids = model.encode(np.zeros((2, 8, 8, 1)))
        >>> ids.shape == (2, 4, 4), model.decode(ids).shape == (2, 8, 8, 1)
        (True, True)
    """

    @validate(
        encoder=instance(keras.Model),
        decoder=instance(keras.Model),
        num_codes=whole(1),
        commitment=not_negative,
        decay=fraction,
        seed=SEED,
    )
    def __init__(self, encoder, decoder, num_codes, *, commitment=0.25, decay=0.0, seed=0, name="vq_vae"):
        if encoder.output_shape != decoder.input_shape or encoder.input_shape != decoder.output_shape:
            raise ValueError(
                f"decoder takes {decoder.input_shape} and returns {decoder.output_shape}, which do not fit"
            )
        x = keras.Input(encoder.input_shape[1:], name="x")
        quantizer = VectorQuantizer(num_codes, decay=decay, seed=seed, name="quantizer")
        quantized, ids, codebook_loss, commitment_loss = quantizer(encoder(x))
        outputs = outputs_of(x, ids, decoder(quantized))
        outputs |= {"codebook": codebook_loss, "commitment": commitment_loss}
        weights = {"reconstruction": 1.0, "codebook": 1.0, "commitment": float(commitment)}
        super().__init__(x, outputs, weights=weights, name=name)
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
        self.num_codes, self.commitment, self.grid = int(num_codes), float(commitment), encoder.output_shape[1:-1]

    def encode(self, x) -> Tensor:
        """Return the indices of the entries (B, h, w)."""
        return self.quantizer(self.encoder(self.as_examples(x), training=False))[1]

    def decode(self, ids) -> Tensor:
        """Return the examples (B, ...) of indices (B, h, w).

        Raises:
            ValueError: the indices have another shape, or an index is not in the codebook.
        """
        ids = to_real("ids", ids)
        if ids.shape[1:] != self.grid or not ids.size or ids.dtype.kind not in "iu":
            raise ValueError(f"ids has shape {ids.shape} of {ids.dtype}; it must be (B, *{self.grid}) of integers")
        if ids.min() < 0 or ids.max() >= self.num_codes:
            raise ValueError(
                f"ids holds {ids.min()} to {ids.max()}; the codebook has the entries 0 to {self.num_codes - 1}"
            )
        entries = ops.take(self.quantizer.entries(), ops.convert_to_tensor(ids.astype("int32")), axis=0)
        return self.decoder(entries, training=False)

    def reconstruct(self, x) -> Tensor:
        """Return the decoded examples of the quantized features of x."""
        return self.decode(self.encode(x))

    def code_usage(self, x) -> CodeUsage:
        """Return how often the positions of examples x choose each entry."""
        counts = np.bincount(ops.convert_to_numpy(self.encode(x)).ravel(), minlength=self.num_codes)
        frequencies = counts[counts > 0] / counts.sum()
        return CodeUsage(counts, float(np.exp(-np.sum(frequencies * np.log(frequencies)))))

    def get_config(self) -> dict:
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        own = {"num_codes": self.num_codes, "commitment": self.commitment, "name": self.name}
        own |= {"decay": self.quantizer.decay, "seed": self.quantizer.seed}
        return {key: keras.saving.serialize_keras_object(part) for key, part in parts.items()} | own

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "VQVAE":
        parts = {
            key: keras.saving.deserialize_keras_object(config[key], custom_objects) for key in ("encoder", "decoder")
        }
        return cls(**{**config, **parts})


@builder(
    reference="van den Oord, Vinyals and Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937",
    presets={
        "tiny": {"input_shape": (8, 8, 1)},
        "images_28": {"input_shape": (28, 28, 1), "num_codes": 64, "code_dim": 16, "filters": (32, 64), "decay": 0.99},
    },
)
@validate(
    input_shape=wholes(1, length=3),
    num_codes=whole(1),
    code_dim=whole(1),
    filters=wholes(1),
    commitment=not_negative,
    decay=fraction,
    seed=SEED,
)
def vq_vae(
    input_shape,
    num_codes=32,
    *,
    code_dim=8,
    filters=(32,),
    commitment=0.25,
    decay=0.0,
    activation="relu",
    seed=0,
    name="vq_vae",
) -> VQVAE:
    """Build a vector-quantized auto-encoder of images.

    Takes x (B, H, W, C); returns {"code": indices (B, h, w), "decoded": (B, H, W, C), "reconstruction": (B,),
    "codebook": (B,), "commitment": (B,)}. With S entries of `filters`, h = H / 2^S and w = W / 2^S:

        z = f(x),  e = the closest entries of the codebook,  x^ = g(e)
        loss = norm(x^ - x)^2 / (H W C) + codebook loss + commitment * commitment loss        see `VectorQuantizer`

    Each position of a code takes log2 K bits.

    Args:
        input_shape: (H, W, C).
        num_codes: K, the size of the codebook.
        code_dim: D, the number of features of an entry.
        filters: channels of the convolutions of the encoder, each of which halves the sides; the decoder mirrors them.
        commitment: weight of the commitment loss.
        decay: in [0, 1), of the moving averages of the codebook; 0 trains it by its loss.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `VQVAE`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, `filters` is empty, or the sides cannot be halved once for each of its
            entries.

    Differences from the paper:
        Smaller, and without residual blocks. The squared error is not divided by the variance of the data.

    References:
        Neural Discrete Representation Learning, van den Oord, Vinyals and Kavukcuoglu, 2017,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> from keras_course.autoencoders import vq_vae
        >>> vq_vae((28, 28, 1), 64, filters=(16, 32)).grid
        (7, 7)
    """
    if not filters:
        raise ValueError(f"filters={filters!r} must have at least one entry")
    check_sides(input_shape, filters)
    phi, glorot = get_activation(activation), keras.initializers.GlorotUniform(seed=seed)
    x = keras.Input(input_shape, name="x")
    h = halved(x, filters, phi, glorot)
    features = Conv2D(code_dim, 1, kernel_initializer=sibling(glorot, len(filters)), name="head")(h)
    encoder = keras.Model(x, features, name="encoder")
    z = h = keras.Input(features.shape[1:], name="z")
    options = {"kernel_initializer": sibling(glorot, len(filters) + 1), "activation": phi, "name": "unquantize"}
    h = Conv2D(filters[-1], 3, padding="same", **options)(h)
    h = doubled(h, [*reversed(filters[:-1]), input_shape[-1]], phi, glorot, len(filters) + 2)
    decoder = keras.Model(z, h, name="decoder")
    return VQVAE(encoder, decoder, num_codes, commitment=commitment, decay=decay, seed=seed, name=name)
