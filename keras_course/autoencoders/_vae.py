"""The variational auto-encoder.

Notation: x (B, ...) examples, z (B, L) latent variables; prior p(z) = N(0, I), likelihood p(x | z) of the decoder,
approximate posterior q(z | x) = N(mu, sigma^2) of the encoder.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._likelihoods import KINDS, Likelihood
from keras_course.autoencoders._networks import NETWORK, SEED, decoder_network, encoder_network, in_unit_interval
from keras_course.checks import choice, instance, not_negative, validate, whole
from keras_course.checks.examples import to_real
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class GaussianLatent(keras.layers.Layer):
    """Sample latent variables by the reparameterization trick, and compute their divergence from the prior.

    Takes the raw outputs (mu, log sigma^2) of an encoder, (B, 2 L). Returns z (B, L) and KL(q || p) (B,), in nats:

        z = mu + sigma e,  e ~ N(0, I)
        KL(q(z | x) || N(0, I)) = sum_i (sigma_i^2 + mu_i^2 - 1 - log sigma_i^2) / 2

    z is a differentiable function of mu and sigma, because the noise e does not depend on them.

    Args:
        seed: whole number, at most 2 billion, seed of the noise.

    Raises:
        ValueError: `seed` is none.

    References:
        Auto-Encoding Variational Bayes, Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import GaussianLatent
        >>> z, kl = GaussianLatent()(keras.ops.zeros((5, 6)))
        >>> z.shape == (5, 3), keras.ops.convert_to_numpy(kl).tolist()  # mu = 0, sigma = 1: the prior
        (True, [0.0, 0.0, 0.0, 0.0, 0.0])
    """

    @validate(seed=SEED)
    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = int(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, raw) -> tuple[Tensor, Tensor]:
        mean, log_variance = ops.split(raw, 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), dtype=self.compute_dtype, seed=self.seed_generator)
        z = mean + ops.exp(0.5 * log_variance) * noise
        return z, ops.sum(gaussian_kl(ops.cast(mean, "float32"), ops.cast(log_variance, "float32")), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}


def gaussian_kl(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(prior_mean, exp(prior_log_variance))), elementwise, in nats."""
    log_ratio = log_variance - prior_log_variance
    distance = ops.square(mean - prior_mean) * ops.exp(ops.negative(prior_log_variance))
    return 0.5 * (ops.exp(log_ratio) + distance - 1.0 - log_ratio)


@keras.saving.register_keras_serializable("keras_course")
class VAE(LatentModel):
    """A variational auto-encoder: an encoder, a decoder, and the likelihood of the examples given the decoder's output.

    Takes x (B, ...). Returns {"z": a sample of q(z | x) (B, L), "reconstruction": -log p(x | z) (B,), "kl":
    KL(q(z | x) || p(z)) (B,)}. The model owns its loss, the mean of

        reconstruction + beta kl        for beta = 1 an estimate of -ELBO, in nats per example

    Args:
        encoder: a `keras.Model` from x to the raw outputs (mu, log sigma^2), (B, 2 L).
        decoder: a `keras.Model` from z (B, L) to the raw outputs of the likelihood.
        likelihood: a `Likelihood`.
        beta: weight of the divergence; above 1 this is a beta-VAE.
        seed: whole number, at most 2 billion, seed of the noise.
        name: name of the model.

    Raises:
        ValueError: the shapes of encoder and decoder do not fit, or a number is out of its range.

    References:
        Auto-Encoding Variational Bayes, Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import vae
        >>> model = vae((8, 8, 1), 2)
        >>> model.compile("adam")
        >>> sorted(model.fit(np.zeros((4, 8, 8, 1)), verbose=0).history)
        ['kl', 'loss', 'reconstruction']
    """

    @validate(
        encoder=instance(keras.Model),
        decoder=instance(keras.Model),
        likelihood=instance(Likelihood),
        beta=not_negative,
        seed=SEED,
    )
    def __init__(self, encoder, decoder, likelihood, *, beta=1.0, seed=0, name="vae"):
        latents = decoder.input["z"] if isinstance(decoder.input, dict) else decoder.input
        latent_dim, raw = latents.shape[-1], encoder.output_shape
        if raw != (None, 2 * latent_dim):
            raise ValueError(f"encoder returns {raw}; the decoder takes {latent_dim} numbers, so it must be twice that")
        wanted = (*encoder.input_shape[:-1], likelihood.num_parameters * encoder.input_shape[-1])
        if decoder.output_shape != wanted:
            raise ValueError(f"decoder returns {decoder.output_shape}; its likelihood takes {wanted}")
        x = keras.Input(encoder.input_shape[1:], name="x")
        z, kl = GaussianLatent(seed, name="latent")(encoder(x))
        outputs = {"z": z, "reconstruction": likelihood(x, self.raw_outputs(decoder, z, x)), "kl": kl}
        weights = {"reconstruction": 1.0, "kl": float(beta)}
        super().__init__(x, outputs, weights=weights, unit_interval=likelihood.unit_interval, name=name)
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.latent_dim, self.beta, self.seed = latent_dim, float(beta), int(seed)

    @staticmethod
    def raw_outputs(decoder, z, x) -> Tensor:
        """Return the raw outputs of the likelihood; a `StringVAE` reads x, too."""
        return decoder(z)

    def encode(self, x) -> tuple[Tensor, Tensor]:
        """Return the mean and the standard deviation of q(z | x), (B, L) each."""
        mean, log_variance = ops.split(self.encoder(self.as_examples(x), training=False), 2, axis=-1)
        return mean, ops.exp(0.5 * log_variance)

    def decode(self, z) -> Tensor:
        """Return E[x | z] (B, ...) of latent variables z (B, L)."""
        return self.likelihood.mean(self.decoder(self.as_latent(z), training=False))

    def reconstruct(self, x) -> Tensor:
        """Return E[x | z] (B, ...) at the mean of q(z | x)."""
        return self.decode(self.encode(x)[0])

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, seed=0) -> Tensor:
        """Return E[x | z] (num_samples, ...) of samples z of the prior."""
        return self.decode(keras.random.normal((num_samples, self.latent_dim), dtype="float32", seed=int(seed)))

    def as_latent(self, z) -> Tensor:
        """Return latent variables (B, L) as a float32 tensor, or raise a ValueError."""
        return as_codes("z", z, self.latent_dim)

    def get_config(self) -> dict:
        parts = {"encoder": self.encoder, "decoder": self.decoder, "likelihood": self.likelihood}
        parts = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {**parts, "beta": self.beta, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "VAE":
        names = ("encoder", "decoder", "likelihood")
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in names}
        return cls(**{**config, **parts})


def as_codes(name, z, columns) -> Tensor:
    """Return codes (B, columns) as a float32 tensor, or raise a ValueError."""
    z = ops.convert_to_tensor(z if ops.is_tensor(z) else to_real(name, z))
    if len(z.shape) != 2 or z.shape[1] != columns:
        raise ValueError(f"{name} has shape {tuple(z.shape)}; it must be (B, {columns})")
    return ops.cast(z, "float32")


@builder(
    reference="Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114",
    presets={
        "tiny": {"input_shape": (8, 8, 1), "latent_dim": 2},
        "course": {"input_shape": (28, 28, 1), "latent_dim": 32, "hidden_dims": (100, 100), "parameters": 187_648},
        "convolutional": {"input_shape": (28, 28, 1), "latent_dim": 32, "hidden_dims": (128,), "filters": (32, 64)},
        "beta_vae": {"input_shape": (28, 28, 1), "latent_dim": 10, "hidden_dims": (100, 100), "beta": 4.0},
    },
    example=in_unit_interval,
)
@validate(**NETWORK, likelihood=choice(*KINDS), beta=not_negative)
def vae(
    input_shape,
    latent_dim=2,
    *,
    hidden_dims=(64,),
    filters=(),
    likelihood="bernoulli",
    beta=1.0,
    activation="relu",
    seed=0,
    name="vae",
) -> VAE:
    """Build a variational auto-encoder of perceptrons, or of convolutions and transposed convolutions.

    Takes x `(B, *input_shape)`; returns {"z": (B, L), "reconstruction": (B,), "kl": (B,)}:

        (mu, log sigma^2) = encoder(x),  z = mu + sigma e,  e ~ N(0, I)
        loss = -log p(x | z) + beta KL(N(mu, sigma^2) || N(0, I))

    Args:
        input_shape: shape of one example.
        latent_dim: L, the number of latent variables.
        hidden_dims: widths of the hidden layers of the encoder; the decoder has them in the opposite order.
        filters: channels of the convolutions of the encoder, each of which halves the sides of an image; the decoder
            mirrors them. Without any, both are perceptrons.
        likelihood: "bernoulli" for pixels in [0, 1]; "gaussian" with a mean and a standard deviation for each pixel;
            "mse" for a Gaussian of standard deviation 1; "categorical" for classes, one-hot along the last axis.
        beta: weight of the divergence.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `VAE`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or the sides of an image cannot be halved once for each entry of
            `filters`.

    Differences from the paper:
        Rectifiers in place of tanh, and one sample of z for each example (as the paper recommends). The preset "course"
        is the network of the lecture's notebook, "beta_vae" one with a larger weight of the divergence.

    References:
        Auto-Encoding Variational Bayes, Kingma and Welling, 2013, https://arxiv.org/abs/1312.6114
        beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework, Higgins et al., 2017,
        https://openreview.net/forum?id=Sy2fzU9gl

    Example:
        >>> from keras_course.autoencoders import vae
        >>> model = vae.from_preset("course")
        >>> model.count_params()
        187648
        >>> model.sample(3, seed=1).shape == (3, 28, 28, 1)
        True
    """
    kind = KINDS[likelihood](name="likelihood")
    options = {"hidden_dims": hidden_dims, "filters": filters, "activation": activation, "seed": seed}
    output_shape = (*input_shape[:-1], kind.num_parameters * input_shape[-1])
    encoder = encoder_network(input_shape, 2 * latent_dim, **options)
    decoder = decoder_network(latent_dim, output_shape, **options)
    return VAE(encoder, decoder, kind, beta=beta, seed=seed, name=name)
