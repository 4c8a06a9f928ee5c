"""Builders of generative adversarial networks.

Notation: x (B, D) or (B, H, W, C) data, z (B, Z) noise from N(0, I), G(z) samples, f(x) (B, 1) logits.
"""

import keras

from keras_course._registry import builder
from keras_course.autoencoders._adversarial import PENALTIES, AdversarialModel
from keras_course.checks import validate, whole, wholes
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation


@builder(
    reference="Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661",
    presets={
        "tiny": {"num_features": 2},
        "eight_gaussians": {"num_features": 2, "latent_dim": 4, "hidden_dims": (64, 64)},
    },
)
@validate(num_features=whole(1), latent_dim=whole(1), hidden_dims=wholes(1), **PENALTIES)
def gan(
    num_features,
    *,
    latent_dim=4,
    hidden_dims=(32, 32),
    activation="relu",
    loss="non_saturating",
    gradient_penalty=0.0,
    r1=0.0,
    seed=0,
    name="gan",
) -> AdversarialModel:
    """Build a generative adversarial network of two multi-layer perceptrons, for rows of features.

    Takes x (B, D); returns a dict, see `AdversarialModel`:

        min_G max_d E_p[log d(x)] + E_z[log(1 - d(G(z)))],  d(x) = sigmoid(f(x))

    Args:
        num_features: D.
        latent_dim: Z.
        hidden_dims: widths of the hidden layers of each network.
        activation: of the hidden layers.
        loss: "minimax", "non_saturating" or "wasserstein".
        gradient_penalty: factor of the gradient penalty, 10 in its paper; 0 for none. A Wasserstein loss needs one.
        r1: factor of the R1 penalty; 0 for none.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `AdversarialModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or the loss is unknown.

    Differences from the paper:
        Both networks step at once, where the paper alternates. The hidden layers are rectifiers in both networks.

    References:
        Generative Adversarial Networks, Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661
        Improved Training of Wasserstein GANs, Gulrajani et al., 2017, https://arxiv.org/abs/1704.00028
        Which Training Methods for GANs do actually Converge?, Mescheder, Geiger and Nowozin, 2018,
        https://arxiv.org/abs/1801.04406

    Example:
        >>> from keras_course.autoencoders import gan
        >>> gan(2, loss="wasserstein", gradient_penalty=10.0).sample(10).shape == (10, 2)
        True
    """
    options = {"activation": activation, "seed": seed}
    generator = _dense_network("generator", latent_dim, hidden_dims, num_features, **options)
    discriminator = _dense_network("discriminator", num_features, hidden_dims, 1, **options)
    penalties = {"gradient_penalty": gradient_penalty, "r1": r1}
    return AdversarialModel(generator, discriminator, loss=loss, **penalties, seed=seed, name=name)


def _dense_network(name, num_inputs, hidden_dims, num_outputs, *, activation, seed):
    """Return a multi-layer perceptron whose layers have names of their own: a path tells the network of a weight."""
    glorot = keras.initializers.GlorotUniform(seed=seed + (name == "generator"))
    inputs = keras.Input((num_inputs,), name=f"{name}_input")
    h = inputs
    for i, width in enumerate((*hidden_dims, num_outputs)):
        last = i == len(hidden_dims)
        h = keras.layers.Dense(
            width,
            activation=None if last else get_activation(activation),
            kernel_initializer=sibling(glorot, i),
            name=f"{name}_{'head' if last else f'hidden_{i}'}",
        )(h)
    return keras.Model(inputs, h, name=name)


def _check_filters(**argument):
    wholes(1)(**argument)
    ((name, filters),) = argument.items()
    if not filters:
        raise ValueError(f"{name}={filters!r} must have at least one entry")


@builder(
    reference="Radford, Metz and Chintala, 2016, https://arxiv.org/abs/1511.06434",
    presets={
        "tiny": {"input_shape": (16, 16, 1)},
        "digits": {"input_shape": (28, 28, 1), "latent_dim": 32, "filters": (64, 32)},
        "lsun": {"input_shape": (64, 64, 3), "latent_dim": 100, "filters": (1024, 512, 256, 128), "kernel_size": 5},
    },
)
@validate(input_shape=wholes(1, 3), latent_dim=whole(1), filters=_check_filters, kernel_size=whole(2), **PENALTIES)
def dcgan(
    input_shape,
    *,
    latent_dim=16,
    filters=(16, 8),
    kernel_size=4,
    loss="non_saturating",
    gradient_penalty=0.0,
    r1=0.0,
    seed=0,
    name="dcgan",
) -> AdversarialModel:
    """Build a deep convolutional GAN (DCGAN), for images with values in [-1, 1].

    Takes x (B, H, W, C); returns a dict, see `AdversarialModel`. With L filter counts:

        generator       dense to (H / 2^L, W / 2^L, filters[0]), then L transposed convolutions of stride 2; tanh
        discriminator   L convolutions of stride 2 with the same filter counts in reverse order; dense to one logit

    Hidden layers of the generator end in batch normalization and a ReLU, hidden layers of the discriminator in batch
    normalization (except the first) and a leaky ReLU of slope 0.2.

    Args:
        input_shape: (H, W, C); H and W are multiples of 2^L.
        latent_dim: Z.
        filters: filter counts of the generator, from the coarsest feature maps on.
        kernel_size: of all convolutions; an even number covers all pixels equally often.
        loss: "minimax", "non_saturating" or "wasserstein".
        gradient_penalty: factor of the gradient penalty, 10 in its paper; 0 for none.
        r1: factor of the R1 penalty; 0 for none. With a penalty the discriminator works without batch normalization,
            which would make a logit depend on all examples of a batch.
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `AdversarialModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, the loss is unknown, or 2^L does not divide H and W.

    Differences from the paper:
        The noise is normal, not uniform. The paper does not give the filter counts of its discriminator.

    References:
        Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks, Radford, Metz and
        Chintala, 2016, https://arxiv.org/abs/1511.06434

    Example:
        >>> from keras_course.autoencoders import dcgan
        >>> dcgan((16, 16, 1)).sample(3).shape == (3, 16, 16, 1)
        True
    """
    factor = 2 ** len(filters)
    if input_shape[0] % factor or input_shape[1] % factor:
        raise ValueError(f"input_shape={tuple(input_shape)} must have sides that are multiples of {factor}")
    generator = _image_generator(input_shape, latent_dim, filters, kernel_size, seed)
    normalized = gradient_penalty == 0 and r1 == 0
    discriminator = _image_discriminator(input_shape, filters[::-1], kernel_size, seed + 1, normalized)
    penalties = {"gradient_penalty": gradient_penalty, "r1": r1}
    return AdversarialModel(generator, discriminator, loss=loss, **penalties, seed=seed, name=name)


def _image_generator(input_shape, latent_dim, filters, kernel_size, seed):
    *size, channels = input_shape
    coarse = [side // 2 ** len(filters) for side in size]
    normal = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    z = keras.Input((latent_dim,), name="generator_input")
    h = keras.layers.Dense(
        coarse[0] * coarse[1] * filters[0],
        use_bias=False,
        kernel_initializer=sibling(normal, 0),
        name="generator_dense",
    )(z)
    h = keras.layers.Reshape((*coarse, filters[0]), name="generator_reshape")(h)
    for i, count in enumerate((*filters[1:], channels)):
        h = keras.layers.BatchNormalization(name=f"generator_norm_{i}")(h)
        h = keras.layers.ReLU(name=f"generator_relu_{i}")(h)
        last = i == len(filters) - 1
        h = keras.layers.Conv2DTranspose(
            count,
            kernel_size,
            strides=2,
            padding="same",
            use_bias=last,  # otherwise the normalization that follows has one
            kernel_initializer=sibling(normal, i + 1),
            activation="tanh" if last else None,
            name=f"generator_conv_{i}",
        )(h)
    return keras.Model(z, h, name="generator")


def _image_discriminator(input_shape, filters, kernel_size, seed, normalized):
    normal = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    x = keras.Input(input_shape, name="discriminator_input")
    h = x
    for i, count in enumerate(filters):
        followed = normalized and i > 0
        h = keras.layers.Conv2D(
            count,
            kernel_size,
            strides=2,
            padding="same",
            use_bias=not followed,
            kernel_initializer=sibling(normal, i),
            name=f"discriminator_conv_{i}",
        )(h)
        if followed:
            h = keras.layers.BatchNormalization(name=f"discriminator_norm_{i}")(h)
        h = keras.layers.LeakyReLU(negative_slope=0.2, name=f"discriminator_relu_{i}")(h)
    h = keras.layers.Flatten(name="discriminator_flatten")(h)
    f = keras.layers.Dense(1, kernel_initializer=sibling(normal, len(filters)), name="discriminator_head")(h)
    return keras.Model(x, f, name="discriminator")
