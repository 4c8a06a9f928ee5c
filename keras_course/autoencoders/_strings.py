"""A variational auto-encoder of strings, with an autoregressive decoder.

Notation: x (B, T, V) one-hot strings of T characters out of V, z (B, L) latent variables.
"""

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course._registry import builder
from keras_course.attention._recurrent_network import recurrent_layer
from keras_course.autoencoders._likelihoods import CategoricalLikelihood
from keras_course.autoencoders._networks import SEED, encoder_network
from keras_course.autoencoders._vae import VAE, as_codes
from keras_course.checks import instance, not_negative, validate, whole, wholes
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class StringVAE(VAE):
    """A VAE of strings whose decoder also reads the characters before the one that it predicts.

        p(x | z) = product over t of p(x_t | x_1, ..., x_{t-1}, z)

    In training the decoder reads the true characters (teacher forcing). `decode` and `sample` choose one character
    after the other, the most probable one each time.

    Args:
        encoder: a `keras.Model` from x (B, T, V) to the raw outputs (mu, log sigma^2), (B, 2 L).
        decoder: a `keras.Model` from {"x": (B, T, V), "z": (B, L)} to logits (B, T, V); those at a position may depend
            on x before that position only.
        likelihood: a `CategoricalLikelihood`.
        beta: weight of the divergence.
        seed: whole number, at most 2 billion, seed of the noise.
        name: name of the model.

    Raises:
        ValueError: the shapes of encoder and decoder do not fit, or a number is out of its range.

    Example:
        >>> from keras_course.autoencoders import string_vae
        >>> model = string_vae((8, 5))
        >>> model.sample(3).shape == (3, 8, 5)  # strings, one-hot
        True
    """

    @validate(likelihood=instance(CategoricalLikelihood))
    def __init__(self, encoder, decoder, likelihood, *, beta=1.0, seed=0, name="string_vae"):
        super().__init__(encoder, decoder, likelihood, beta=beta, seed=seed, name=name)
        self._logits = course_ops.jit(lambda x, z: decoder({"x": x, "z": z}), variables=decoder.variables)

    @staticmethod
    def raw_outputs(decoder, z, x) -> Tensor:
        """Return the logits of p(x_t | x before t, z), (B, T, V)."""
        return decoder({"x": x, "z": z})

    def decode(self, z) -> Tensor:
        """Return a string, one-hot (B, T, V), of latent variables z (B, L)."""
        z = ops.stop_gradient(as_codes("z", z, self.latent_dim))
        length, size = self.input_shape[1:]
        x = np.zeros((z.shape[0], length, size), "float32")
        for t in range(length):
            chosen = ops.convert_to_numpy(self._logits(ops.convert_to_tensor(x), z))[:, t].argmax(axis=-1)
            x[np.arange(len(x)), t, chosen] = 1.0
        return ops.convert_to_tensor(x)


def example_strings(model, batch_size, rng) -> np.ndarray:
    """Return random strings, one-hot."""
    length, size = model.input_shape[1:]
    return np.eye(size, dtype="float32")[rng.integers(size, size=(batch_size, length))]


@builder(
    reference="Bowman et al., 2015, https://arxiv.org/abs/1511.06349",
    presets={
        "tiny": {"input_shape": (8, 5)},
        "molecules": {"input_shape": (32, 23), "latent_dim": 32, "hidden_dims": (256,), "hidden_dim": 128},
    },
    example=example_strings,
)
@validate(
    input_shape=wholes(1, length=2),
    latent_dim=whole(1),
    hidden_dims=wholes(1),
    hidden_dim=whole(1),
    beta=not_negative,
    seed=SEED,
)
def string_vae(
    input_shape, latent_dim=8, *, hidden_dims=(64,), hidden_dim=32, beta=1.0, seed=0, name="string_vae"
) -> StringVAE:
    """Build a variational auto-encoder of strings: a perceptron encodes, and a recurrent network decodes.

    Takes strings x (B, T, V), one-hot; returns {"z": (B, L), "reconstruction": (B,), "kl": (B,)}:

        (mu, log sigma^2) = encoder(x),  z = mu + sigma e,  e ~ N(0, I)
        h_t = GRU((x_{t-1}, z), h_{t-1}),  p(x_t | x before t, z) = softmax(W h_t + b),  x_0 = 0
        loss = -sum_t log p(x_t | x before t, z) + beta KL(N(mu, sigma^2) || N(0, I))

    Shorter strings are padded at the end, by one character more; once it came, the decoder has to repeat it.

    Args:
        input_shape: (T, V), length of the strings and number of characters.
        latent_dim: L, the number of latent variables.
        hidden_dims: widths of the hidden layers of the encoder.
        hidden_dim: number of units of the recurrent layer of the decoder.
        beta: weight of the divergence. With beta = 1 a decoder that reads what it wrote may ignore z.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `StringVAE`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        The encoder is a perceptron, and z is an input at each position. Characters are not dropped from what the
        decoder reads.

    References:
        Generating Sentences from a Continuous Space, Bowman et al., 2015, https://arxiv.org/abs/1511.06349

        Automatic chemical design using a data-driven continuous representation of molecules, Gómez-Bombarelli et al.,
        2016, https://arxiv.org/abs/1610.02415

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import string_vae
        >>> model = string_vae((4, 3))
        >>> strings = model.reconstruct(np.eye(3)[[[0, 1, 2, 2]]])
        >>> [sum(map(float, row)) for row in strings[0]]  # one-hot
        [1.0, 1.0, 1.0, 1.0]
    """
    encoder = encoder_network(input_shape, 2 * latent_dim, hidden_dims=hidden_dims, seed=seed)
    length, size = input_shape
    x, z = keras.Input(input_shape, name="x"), keras.Input((latent_dim,), name="z")
    before = keras.layers.Cropping1D((0, 1), name="without_last")(keras.layers.ZeroPadding1D((1, 0), name="shift")(x))
    h = keras.layers.Concatenate(name="inputs")([before, keras.layers.RepeatVector(length, name="repeat")(z)])
    h = recurrent_layer("gru", hidden_dim, seed, 1_000, return_sequences=True, name="gru")(h)
    kernel = keras.initializers.GlorotUniform(seed=seed + 1)
    logits = keras.layers.Dense(size, kernel_initializer=kernel, name="head")(h)
    decoder = keras.Model({"x": x, "z": z}, logits, name="decoder")
    return StringVAE(encoder, decoder, CategoricalLikelihood(name="likelihood"), beta=beta, seed=seed, name=name)
