"""Auto-encoders: a code that is smaller than the example, and a reconstruction from it.

Notation: x (B, ...) examples, x~ a corruption of x, z (B, L) codes; f the encoder, g the decoder.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.autoencoders._corruptions import CORRUPTIONS, Corruption, make_corruption
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._networks import NETWORK, decoder_network, encoder_network
from keras_course.autoencoders._vae import as_codes
from keras_course.checks import choice, instance, positive, validate
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class Autoencoder(LatentModel):
    """An auto-encoder; with a corruption, a denoising auto-encoder.

    Takes x (B, ...). Returns {"code": z (B, L), "decoded": g(f(x~)) (B, ...), "reconstruction": the loss (B,)}. The
    model owns its loss, the mean of

        norm(g(f(x~)) - x)^2 / D        with x~ = x where there is no corruption

    Args:
        encoder: a `keras.Model` from x to codes (B, L).
        decoder: a `keras.Model` from codes to examples (B, ...).
        corruption: a `Corruption`, or None. It acts on what `fit` and `evaluate` get, and not in the methods below.
        name: name of the model.

    Raises:
        ValueError: the shapes of encoder and decoder do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import autoencoder
        >>> model = autoencoder((8, 8, 1), 2)
        >>> model.compile("adam")
        >>> sorted(model.fit(np.zeros((4, 8, 8, 1)), verbose=0).history)
        ['loss']
    """

    @validate(encoder=instance(keras.Model), decoder=instance(keras.Model), corruption=instance(Corruption))
    def __init__(self, encoder, decoder, corruption=None, *, name="autoencoder"):
        codes = encoder.output_shape, decoder.input_shape
        if codes[0] != codes[1] or decoder.output_shape != encoder.input_shape:
            raise ValueError(
                f"decoder takes {codes[1]} and returns {decoder.output_shape}; it must take {codes[0]} and return "
                f"{encoder.input_shape}"
            )
        x = keras.Input(encoder.input_shape[1:], name="x")
        code = encoder(x if corruption is None else corruption(x))
        super().__init__(x, outputs_of(x, code, decoder(code)), weights={"reconstruction": 1.0}, name=name)
        self.encoder, self.decoder, self.corruption = encoder, decoder, corruption
        self.latent_dim = codes[1][-1]

    def encode(self, x) -> Tensor:
        """Return the codes f(x) (B, L)."""
        return self.encoder(self.as_examples(x), training=False)

    def decode(self, z) -> Tensor:
        """Return g(z) (B, ...)."""
        return self.decoder(as_codes("z", z, self.latent_dim), training=False)

    def reconstruct(self, x) -> Tensor:
        """Return g(f(x)) (B, ...), without a corruption of x."""
        return self.decode(self.encode(x))

    def get_config(self) -> dict:
        parts = {"encoder": self.encoder, "decoder": self.decoder, "corruption": self.corruption}
        return {key: keras.saving.serialize_keras_object(part) for key, part in parts.items()} | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "Autoencoder":
        names = ("encoder", "decoder", "corruption")
        parts = [keras.saving.deserialize_keras_object(config[key], custom_objects) for key in names]
        return cls(*parts, name=config["name"])


def outputs_of(x, code, decoded) -> dict:
    """Return the outputs of an auto-encoder: code, decoded example, and its mean squared error."""
    errors = ops.square(ops.cast(decoded, "float32") - ops.cast(x, "float32"))
    return {"code": code, "decoded": decoded, "reconstruction": ops.mean(errors, axis=tuple(range(1, len(x.shape))))}


@builder(
    reference="Hinton and Salakhutdinov, 2006, https://doi.org/10.1126/science.1127647",
    presets={
        "tiny": {"input_shape": (8, 8, 1)},
        "convolutional": {"input_shape": (28, 28, 1), "latent_dim": 32, "hidden_dims": (), "filters": (32, 64)},
        "hinton_2006": {"input_shape": (28, 28, 1), "latent_dim": 30, "hidden_dims": (1000, 500, 250)},
    },
)
@validate(**NETWORK)
def autoencoder(
    input_shape, latent_dim=2, *, hidden_dims=(64,), filters=(), activation="relu", seed=0, name="autoencoder"
) -> Autoencoder:
    """Build an auto-encoder of perceptrons, or of convolutions and transposed convolutions.

    Takes x `(B, *input_shape)`; returns {"code": (B, L), "decoded": (B, ...), "reconstruction": (B,)}:

        z = f(x),  loss = norm(g(z) - x)^2 / D

    Args:
        input_shape: shape of one example.
        latent_dim: L, the number of features of a code.
        hidden_dims: widths of the hidden layers of the encoder; the decoder has them in the opposite order.
        filters: channels of the convolutions of the encoder, each of which halves the sides of an image; the decoder
            mirrors them. Without any, both are perceptrons.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Autoencoder`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or the sides of an image cannot be halved once for each entry of
            `filters`.

    Differences from the paper:
        Trained as a whole, by rectifiers and a modern optimizer; the paper trained one layer after the other first.

    References:
        Reducing the Dimensionality of Data with Neural Networks, Hinton and Salakhutdinov, 2006,
        https://doi.org/10.1126/science.1127647

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import autoencoder
        >>> autoencoder((28, 28, 1), 8, filters=(16, 32)).encode(np.zeros((4, 28, 28, 1))).shape == (4, 8)
        True
    """
    options = {"hidden_dims": hidden_dims, "filters": filters, "activation": activation, "seed": seed}
    encoder = encoder_network(input_shape, latent_dim, **options)
    return Autoencoder(encoder, decoder_network(latent_dim, tuple(input_shape), **options), name=name)


@builder(
    reference="Vincent et al., 2008, https://doi.org/10.1145/1390156.1390294",
    presets={
        "tiny": {"input_shape": (8, 8, 1)},
        "convolutional": {"input_shape": (28, 28, 1), "hidden_dims": (), "filters": (32, 64), "latent_dim": 128},
    },
)
@validate(**NETWORK, corruption=choice(*CORRUPTIONS), strength=positive)
def denoising_autoencoder(
    input_shape,
    latent_dim=32,
    *,
    corruption="noise",
    strength=0.5,
    hidden_dims=(64,),
    filters=(),
    activation="relu",
    seed=0,
    name="denoising_autoencoder",
) -> Autoencoder:
    """Build an auto-encoder that sees a corrupted example x~ and reconstructs the clean one.

    Takes clean x `(B, *input_shape)`, and corrupts it itself; returns {"code": (B, L), "decoded": (B, ...),
    "reconstruction": (B,)}:

        loss = norm(h(x~) - x)^2 / D,  h = g(f(.));  the best h is E[x | x~]

    With Gaussian noise of standard deviation s, the best h points to where the data are dense (Tweedie's formula):

        (h(x~) - x~) / s^2 = d log p_s(x~) / d x~        with p_s the density of x~

    Args:
        input_shape: shape of one example.
        latent_dim: L. A code need not be small here, because the corruption keeps h from being the identity.
        corruption: "noise" (Gaussian), "erase" (pixels become 0) or "blur" (Gaussian, of images).
        strength: of the corruption: the standard deviation of the noise, the probability that a pixel is erased, or the
            standard deviation of the blur in pixels.
        hidden_dims: widths of the hidden layers of the encoder; the decoder has them in the opposite order.
        filters: channels of the convolutions of the encoder, each of which halves the sides of an image.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights and of the corruption.
        name: name of the model.

    Returns:
        An uncompiled `Autoencoder`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    References:
        Extracting and Composing Robust Features with Denoising Autoencoders, Vincent et al., 2008,
        https://doi.org/10.1145/1390156.1390294
        A Connection Between Score Matching and Denoising Autoencoders, Vincent, 2011,
        https://doi.org/10.1162/NECO_a_00142

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import denoising_autoencoder
        >>> model = denoising_autoencoder((28, 28, 1), corruption="erase", strength=0.9)
        >>> model.reconstruct(model.corruption(np.ones((2, 28, 28, 1)))).shape == (2, 28, 28, 1)
        True
    """
    options = {"hidden_dims": hidden_dims, "filters": filters, "activation": activation, "seed": seed}
    encoder = encoder_network(input_shape, latent_dim, **options)
    decoder = decoder_network(latent_dim, tuple(input_shape), **options)
    return Autoencoder(encoder, decoder, make_corruption(corruption, strength, seed), name=name)


@validate(model=instance(Autoencoder), deviation=positive)
def denoising_field(model, x, deviation) -> Tensor:
    """Return (h(x) - x) / s^2 (B, ...), which estimates the score of the noisy data (Tweedie's formula).

    Args:
        model: a denoising auto-encoder, trained with Gaussian noise.
        x: noisy examples (B, ...).
        deviation: s, the standard deviation of that noise.

    Raises:
        ValueError: x does not fit the model, or `deviation` is not above 0.

    References:
        A Connection Between Score Matching and Denoising Autoencoders, Vincent, 2011,
        https://doi.org/10.1162/NECO_a_00142

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import denoising_autoencoder, denoising_field
        >>> denoising_field(denoising_autoencoder((2,)), np.zeros((5, 2)), 0.5).shape == (5, 2)
        True
    """
    x = ops.convert_to_tensor(model.as_examples(x))
    return (model.reconstruct(x) - x) / float(deviation) ** 2
