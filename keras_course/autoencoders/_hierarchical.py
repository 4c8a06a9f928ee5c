"""A variational auto-encoder with two levels of latent variables, each given the one before.

Notation: x (B, ...) examples; z_1 (B, L_1), z_2 (B, L_2) latent variables. The approximate posterior goes up,
q(z_1 | x) q(z_2 | z_1), and the model comes down, p(z_2) p(z_1 | z_2) p(x | z_1).
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._likelihoods import KINDS, Likelihood, gaussian_nll
from keras_course.autoencoders._networks import NETWORK, SEED, decoder_network, encoder_network, in_unit_interval
from keras_course.autoencoders._vae import GaussianLatent, as_codes
from keras_course.checks import choice, instance, not_negative, validate, whole, wholes
from keras_course.ops._types import Tensor

LEVELS = {key: rule for key, rule in NETWORK.items() if key != "latent_dim"} | {"latent_dims": wholes(1, length=2)}
PARTS = ("encoder", "upper_encoder", "upper_decoder", "decoder", "likelihood")


@keras.saving.register_keras_serializable("keras_course")
class LogRatio(keras.layers.Layer):
    """Return log q(z) - log p(z) (B,) of z (B, L), given the raw outputs (mu, log sigma^2) of both Gaussians."""

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, z, q, p) -> Tensor:
        z, q, p = (ops.cast(part, "float32") for part in (z, q, p))
        log_q, log_p = (-gaussian_nll(z, mean, ops.exp(0.5 * v)) for mean, v in (_halves(q), _halves(p)))
        return ops.sum(log_q - log_p, axis=-1)


def _halves(raw):
    return ops.split(raw, 2, axis=-1)


@keras.saving.register_keras_serializable("keras_course")
class HierarchicalVAE(LatentModel):
    """A variational auto-encoder of two levels, which owns its loss; `hierarchical_vae` says what it computes.

    Args:
        encoder: a `keras.Model` from x to the raw outputs of q(z_1 | x), (B, 2 L_1).
        upper_encoder: from z_1 to the raw outputs of q(z_2 | z_1), (B, 2 L_2).
        upper_decoder: from z_2 to the raw outputs of p(z_1 | z_2), (B, 2 L_1).
        decoder: from z_1 to the raw outputs of p(x | z_1).
        likelihood: a `Likelihood`.
        beta: weight of both divergences.
        seed: whole number, at most 2 billion, seed of the noise.
        name: name of the model.

    Raises:
        ValueError: the shapes do not fit, or a number is out of its range.

    Example:
        >>> from keras_course.autoencoders import hierarchical_vae
        >>> sorted(hierarchical_vae((8, 8, 1)).output)
        ['kl_1', 'kl_2', 'reconstruction', 'z_1', 'z_2']
    """

    @validate(
        encoder=instance(keras.Model),
        upper_encoder=instance(keras.Model),
        upper_decoder=instance(keras.Model),
        decoder=instance(keras.Model),
        likelihood=instance(Likelihood),
        beta=not_negative,
        seed=SEED,
    )
    def __init__(
        self,
        encoder,
        upper_encoder,
        upper_decoder,
        decoder,
        likelihood,
        *,
        beta=1.0,
        seed=0,
        name="hierarchical_vae",
    ):
        lower, upper = decoder.input_shape[-1], upper_decoder.input_shape[-1]
        for part, inputs, outputs in (
            (encoder, None, lower),
            (upper_encoder, lower, upper),
            (upper_decoder, upper, lower),
        ):
            if part.output_shape != (None, 2 * outputs) or inputs not in (None, part.input_shape[-1]):
                raise ValueError(
                    f"{part.name} has the shapes {part.input_shape}, {part.output_shape}, which do not fit"
                )
        x = keras.Input(encoder.input_shape[1:], name="x")
        q_1 = encoder(x)
        z_1, _ = GaussianLatent(seed, name="latent_1")(q_1)
        z_2, kl_2 = GaussianLatent((seed + 1) % 2_000_000_000, name="latent_2")(upper_encoder(z_1))
        kl_1 = LogRatio(name="log_ratio")(z_1, q_1, upper_decoder(z_2))
        outputs = {"z_1": z_1, "z_2": z_2, "kl_1": kl_1, "kl_2": kl_2, "reconstruction": likelihood(x, decoder(z_1))}
        weights = {"reconstruction": 1.0, "kl_1": float(beta), "kl_2": float(beta)}
        super().__init__(x, outputs, weights=weights, unit_interval=likelihood.unit_interval, name=name)
        self.encoder, self.upper_encoder, self.upper_decoder = encoder, upper_encoder, upper_decoder
        self.decoder, self.likelihood, self.beta, self.seed = decoder, likelihood, float(beta), int(seed)
        self.latent_dim = upper

    def reconstruct(self, x) -> Tensor:
        """Return E[x | z_1] at the mean of q(z_1 | x)."""
        return self.decode(_halves(self.encoder(self.as_examples(x), training=False))[0])

    def decode(self, z_1) -> Tensor:
        """Return E[x | z_1] (B, ...)."""
        raw = self.decoder(as_codes("z_1", z_1, self.decoder.input_shape[-1]), training=False)
        return self.likelihood.mean(raw)

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, seed=0) -> Tensor:
        """Return E[x | z_1] of samples of the prior: first z_2, then z_1 given z_2."""
        generator = keras.random.SeedGenerator(int(seed))
        z_2 = keras.random.normal((num_samples, self.latent_dim), dtype="float32", seed=generator)
        return self.decode(self.sample_lower(z_2, generator))

    def sample_lower(self, z_2, seed=0) -> Tensor:
        """Return a sample of p(z_1 | z_2) (B, L_1) for each z_2 (B, L_2)."""
        raw = self.upper_decoder(as_codes("z_2", z_2, self.latent_dim), training=False)
        mean, log_variance = _halves(ops.cast(raw, "float32"))
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(mean.shape, dtype="float32", seed=seed)

    def get_config(self) -> dict:
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in PARTS}
        return {**parts, "beta": self.beta, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "HierarchicalVAE":
        parts = {name: keras.saving.deserialize_keras_object(config[name], custom_objects) for name in PARTS}
        return cls(**{**config, **parts})


@builder(
    reference="Rezende, Mohamed and Wierstra, 2014, https://arxiv.org/abs/1401.4082",
    presets={"tiny": {"input_shape": (8, 8, 1)}},
    example=in_unit_interval,
)
@validate(**LEVELS, likelihood=choice(*KINDS), beta=not_negative)
def hierarchical_vae(
    input_shape,
    latent_dims=(8, 2),
    *,
    hidden_dims=(64,),
    filters=(),
    likelihood="bernoulli",
    beta=1.0,
    activation="relu",
    seed=0,
    name="hierarchical_vae",
) -> HierarchicalVAE:
    """Build a variational auto-encoder with two levels of latent variables.

    Takes x `(B, *input_shape)`; returns {"z_1": (B, L_1), "z_2": (B, L_2), "reconstruction": (B,), "kl_1": (B,),
    "kl_2": (B,)}:

        z_1 ~ q(z_1 | x),  z_2 ~ q(z_2 | z_1)
        loss = -log p(x | z_1) + beta (log q(z_1 | x) - log p(z_1 | z_2)) + beta KL(q(z_2 | z_1) || N(0, I))

    The middle term is an estimate by one sample, because z_2 depends on z_1; it may be negative for one example. Its
    prior p(z_1 | z_2) is learned. A diffusion model is a chain of many levels, with an approximate posterior that is
    fixed.

    Args:
        input_shape: shape of one example.
        latent_dims: (L_1, L_2).
        hidden_dims: widths of the hidden layers of the encoder; the decoder has them in the opposite order. The
            networks between z_1 and z_2 have one hidden layer, of the last of these widths.
        filters: channels of the convolutions of the encoder, each of which halves the sides of an image.
        likelihood: "bernoulli", "gaussian" or "mse", as in `vae`.
        beta: weight of both divergences.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `HierarchicalVAE`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    References:
        Stochastic Backpropagation and Approximate Inference in Deep Generative Models, Rezende, Mohamed and Wierstra,
        2014, https://arxiv.org/abs/1401.4082
        Ladder Variational Autoencoders, Sønderby et al., 2016, https://arxiv.org/abs/1602.02282

    Example:
        >>> from keras_course.autoencoders import hierarchical_vae
        >>> hierarchical_vae((28, 28, 1), (16, 4)).sample(3, seed=1).shape == (3, 28, 28, 1)
        True
    """
    lower, upper = latent_dims
    kind = KINDS[likelihood](name="likelihood")
    options = {"hidden_dims": hidden_dims, "filters": filters, "activation": activation, "seed": seed}
    between = {"hidden_dims": hidden_dims[-1:], "activation": activation, "seed": seed}
    output_shape = (*input_shape[:-1], kind.num_parameters * input_shape[-1])
    return HierarchicalVAE(
        encoder_network(input_shape, 2 * lower, **options),
        encoder_network((lower,), 2 * upper, **between, name="upper_encoder"),
        decoder_network(upper, (2 * lower,), **between, name="upper_decoder"),
        decoder_network(lower, output_shape, **options),
        kind,
        beta=beta,
        seed=seed,
        name=name,
    )
