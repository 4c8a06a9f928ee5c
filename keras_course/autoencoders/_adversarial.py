"""The model of two networks that are trained against each other.

Notation: x (B, ...) data, z (B, Z) noise from N(0, I), G(z) samples, f(x) (B, 1) the logits of the discriminator.
"""

import keras
from keras import ops

from keras_course import ops as course_ops
from keras_course.autoencoders._gan_losses import LOSSES, discriminator_loss, generator_loss
from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._networks import SEED
from keras_course.checks import choice, instance, not_negative, validate, whole
from keras_course.ops._types import Tensor

PENALTIES = {"loss": choice(*LOSSES), "gradient_penalty": not_negative, "r1": not_negative, "seed": SEED}


class Game(keras.layers.Layer):
    """One round of the game: samples, and the loss of each network.

    One sum of losses trains both networks, yet each must learn from its own loss only. `stop_gradient` ensures that:
    the discriminator sees samples that are constants, and the generator sees a discriminator whose weights are.

    Args:
        generator, discriminator: the networks.
        loss, gradient_penalty, r1: as in `AdversarialModel`.
        seed: of the noise.
    """

    def __init__(self, generator, discriminator, *, loss, gradient_penalty, r1, seed, **kwargs):
        super().__init__(**kwargs)
        self.generator, self.discriminator, self.loss_name = generator, discriminator, loss
        self.gradient_penalty, self.r1 = gradient_penalty, r1
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x, training=None) -> dict[str, Tensor]:
        samples = self.generator(self.noise(x), training=training)
        constants = ops.stop_gradient(samples)
        real = self.discriminator(x, training=training)[:, 0]
        fake = self.discriminator(constants, training=training)[:, 0]
        outputs = {
            "samples": samples,
            "real_logits": real,
            "fake_logits": fake,
            "discriminator": discriminator_loss(real, fake, self.loss_name),
            "generator": generator_loss(self.judge(samples, training)[:, 0], self.loss_name),
        }
        if self.gradient_penalty:
            shape = ops.shape(x)[0], *[1] * (len(x.shape) - 1)
            u = keras.random.uniform(shape, dtype=self.compute_dtype, seed=self.seed_generator)  # one for each example
            outputs["slope_between"] = self.slope(u * x + (1 - u) * constants, training)
            outputs["penalty"] = self.gradient_penalty * ops.square(outputs["slope_between"] - 1.0)
        if self.r1:
            outputs["slope_at_data"] = self.slope(x, training)
            outputs["penalty"] = outputs.get("penalty", 0.0) + 0.5 * self.r1 * ops.square(outputs["slope_at_data"])
        return outputs

    def noise(self, x) -> Tensor:
        """Return z (B, Z), a row for each example of x."""
        shape = ops.shape(x)[0], self.generator.input_shape[-1]
        return keras.random.normal(shape, dtype=self.compute_dtype, seed=self.seed_generator)

    def judge(self, x, training) -> Tensor:
        """Return f(x), where the weights of f are constants: a gradient reaches x, and no weight of f."""
        weights = self.discriminator.trainable_variables
        f = course_ops.functional(lambda x: self.discriminator(x, training=training), weights)
        return f([ops.stop_gradient(weight.value) for weight in weights], x)

    def slope(self, x, training) -> Tensor:
        """Return the norm of df/dx (B,), which is a function of the weights of f that can be trained."""
        logits, pullback = course_ops.vjp(lambda x: self.discriminator(x, training=training), x)
        (gradient,) = pullback(ops.ones_like(logits))  # each logit depends on its own example
        squares = ops.square(ops.cast(gradient, "float32"))
        return ops.sqrt(ops.sum(squares, axis=tuple(range(1, len(x.shape)))) + 1e-12)  # a root has no derivative at 0


@keras.saving.register_keras_serializable("keras_course")
class AdversarialModel(LatentModel):
    """A generative adversarial network (GAN): a generator and a discriminator that are trained against each other.

    Takes x (B, ...), and returns a dict: "samples" G(z) (B, ...), "real_logits" f(x) and "fake_logits" f(G(z)) (B,),
    the losses "discriminator" and "generator" (B,), and with a penalty "penalty" (B,) and the slopes that it needs.

    The model owns its loss: compile it with an optimizer only, and `fit(x)`. The loss is the sum of

        discriminator   discriminator_loss + gradient_penalty E[(norm(df/dx) - 1)^2] + r1/2 E_p[norm(df/dx)^2]
        generator       generator_loss

    Each network gets the gradient of its own loss, and both step at once (simultaneous updates). The gradient penalty
    is taken at random points between data and samples, the R1 penalty at data. The sum does not measure progress, since
    one network's gain can be the other one's loss. Look at samples instead.

    Args:
        generator: a `keras.Model` from noise (B, Z) to samples (B, ...).
        discriminator: a `keras.Model` from samples to logits (B, 1).
        loss: "minimax", "non_saturating" or "wasserstein"; see `generator_loss`.
        gradient_penalty: factor of the gradient penalty; 0 for none.
        r1: factor of the R1 penalty; 0 for none.
        seed: whole number, at most 2 billion, seed of the noise.
        name: name of the model.

    Raises:
        ValueError: the networks do not fit together, a factor is negative, or the loss is unknown.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661
        Improved Training of Wasserstein GANs, Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028
        Which Training Methods for GANs do actually Converge?, Mescheder, Geiger and Nowozin, 2018,
        https://arxiv.org/abs/1801.04406

    Example:
        >>> from keras_course.autoencoders import AdversarialModel
        >>> from keras_course.perceptron import mlp
        >>> model = AdversarialModel(mlp((3,), 2), mlp((2,), 1), r1=1.0)
        >>> model.sample(5).shape == (5, 2)
        True
    """

    @validate(generator=instance(keras.Model), discriminator=instance(keras.Model), **PENALTIES)
    def __init__(
        self,
        generator,
        discriminator,
        *,
        loss="non_saturating",
        gradient_penalty=0.0,
        r1=0.0,
        seed=0,
        name="adversarial_model",
    ):
        _check_networks(generator, discriminator)
        game = {"loss": loss, "gradient_penalty": float(gradient_penalty), "r1": float(r1), "seed": int(seed)}
        x = keras.Input(discriminator.input_shape[1:], name="x")
        outputs = Game(generator, discriminator, **game, name="game")(x)
        weights = {term: 1.0 for term in ("discriminator", "generator", "penalty") if term in outputs}
        super().__init__(x, outputs, weights=weights, name=name)
        self.generator, self.discriminator, self.game = generator, discriminator, game
        self._compiled_generator = course_ops.jit(lambda z: generator(z, training=False), variables=generator.variables)

    @validate(num_samples=whole(1), seed=whole(0))
    def sample(self, num_samples, seed=0) -> Tensor:
        """Return samples (num_samples, ...) of the generator."""
        z = keras.random.normal((num_samples, self.generator.input_shape[-1]), dtype="float32", seed=seed)
        return self._compiled_generator(z)

    def get_config(self) -> dict:
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            **self.game,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "AdversarialModel":
        networks = {
            key: keras.saving.deserialize_keras_object(config[key], custom_objects)
            for key in ("generator", "discriminator")
        }
        return cls(**{**config, **networks})


def _check_networks(generator, discriminator):
    """Raise a ValueError unless samples are what the discriminator takes, and it returns one logit for each."""
    noise, samples = generator.input_shape, generator.output_shape
    if not isinstance(noise, tuple) or len(noise) != 2:
        raise ValueError(f"generator takes inputs of the shape {noise}; it must take noise (B, Z)")
    if discriminator.input_shape != samples:
        raise ValueError(
            f"discriminator takes inputs of the shape {discriminator.input_shape}; the samples of the generator have "
            f"the shape {samples}"
        )
    if discriminator.output_shape != (None, 1):
        raise ValueError(f"discriminator has outputs of the shape {discriminator.output_shape}; it must be (B, 1)")
