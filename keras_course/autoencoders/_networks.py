"""Encoders and decoders: a perceptron, or convolutions with a stride and the transposed convolutions that mirror them.

Notation: x (B, ...) examples, z (B, L) codes; H x W pixels; F channels of a stage.
"""

import math

import keras
import numpy as np

from keras_course.checks import validate, whole, whole_numbers, wholes
from keras_course.layers import Conv2D, sibling
from keras_course.layers._activations import get_activation

SEED = whole(0, 2_000_000_000)  # Keras derives other seeds from it
DECODER = 1_000  # its weights must differ from those of an encoder with the same seed


def example_shape(**argument) -> None:
    """Raise a ValueError unless an argument is the shape of an example, with at least one axis."""
    whole_numbers(1, **argument)
    for name, shape in argument.items():
        if not shape:
            raise ValueError(f"{name}={shape!r} must have at least one entry, such as (2,)")


NETWORK = {
    "input_shape": example_shape,
    "latent_dim": whole(1),
    "hidden_dims": wholes(1),
    "filters": wholes(1),
    "seed": SEED,
}


def check_sides(input_shape, filters) -> None:
    """Raise a ValueError for images whose sides cannot be halved once for each entry of `filters`."""
    factor = 2 ** len(filters)
    if filters and (len(input_shape) != 3 or input_shape[0] % factor or input_shape[1] % factor):
        raise ValueError(
            f"input_shape={tuple(input_shape)} must be (height, width, channels), with sides that {factor} divides: "
            f"filters={tuple(filters)} halve them {len(filters)} times"
        )


@validate(input_shape=example_shape, num_outputs=whole(1), hidden_dims=wholes(1), filters=wholes(1), seed=SEED)
def encoder_network(
    input_shape, num_outputs, *, hidden_dims=(), filters=(), activation="relu", seed=0, name="encoder"
) -> keras.Model:
    """Return a network from examples (B, *input_shape) to raw outputs (B, num_outputs).

    Each entry of `filters` is a convolution that halves the sides of an image, each of `hidden_dims` a dense layer.
    """
    check_sides(input_shape, filters)
    phi, glorot = get_activation(activation), keras.initializers.GlorotUniform(seed=seed)
    x = keras.Input(input_shape, name="x")
    h = halved(x, filters, phi, glorot)
    if len(h.shape) > 2:
        h = keras.layers.Reshape((math.prod(h.shape[1:]),), name="flatten")(h)
    for i, units in enumerate(hidden_dims):
        options = {"kernel_initializer": sibling(glorot, len(filters) + i), "activation": phi}
        h = keras.layers.Dense(units, name=f"hidden_{i}", **options)(h)
    last = sibling(glorot, len(filters) + len(hidden_dims))
    return keras.Model(x, keras.layers.Dense(num_outputs, kernel_initializer=last, name="head")(h), name=name)


@validate(latent_dim=whole(1), output_shape=example_shape, hidden_dims=wholes(1), filters=wholes(1), seed=SEED)
def decoder_network(
    latent_dim, output_shape, *, hidden_dims=(), filters=(), activation="relu", seed=0, name="decoder"
) -> keras.Model:
    """Return the mirror image of an encoder: a network from codes (B, L) to raw outputs (B, *output_shape).

    It takes `hidden_dims` and `filters` in the order of the encoder, and uses them in the opposite order.
    """
    check_sides(output_shape, filters)
    phi, glorot = get_activation(activation), keras.initializers.GlorotUniform(seed=seed)
    z = h = keras.Input((latent_dim,), name="z")
    for i, units in enumerate(reversed(hidden_dims)):
        options = {"kernel_initializer": sibling(glorot, DECODER + i), "activation": phi}
        h = keras.layers.Dense(units, name=f"hidden_{i}", **options)(h)
    first = sibling(glorot, DECODER + len(hidden_dims))
    if not filters:
        h = keras.layers.Dense(math.prod(output_shape), kernel_initializer=first, name="head")(h)
        return keras.Model(z, h if len(output_shape) == 1 else keras.layers.Reshape(output_shape)(h), name=name)
    factor = 2 ** len(filters)
    small = (output_shape[0] // factor, output_shape[1] // factor, filters[-1])
    h = keras.layers.Dense(math.prod(small), activation=phi, kernel_initializer=first, name="unflatten")(h)
    h = keras.layers.Reshape(small, name="reshape")(h)
    h = doubled(h, [*reversed(filters[:-1]), output_shape[-1]], phi, glorot, DECODER + 1 + len(hidden_dims))
    return keras.Model(z, h, name=name)


def halved(h, filters, phi, glorot) -> keras.KerasTensor:
    """Apply a convolution that halves the sides of an image for each entry of `filters`."""
    for i, channels in enumerate(filters):
        options = {"kernel_initializer": sibling(glorot, i), "activation": phi, "name": f"conv_{i}"}
        h = Conv2D(channels, 3, strides=2, padding="same", **options)(h)
    return h


def doubled(h, filters, phi, glorot, first) -> keras.KerasTensor:
    """Apply a transposed convolution that doubles the sides for each entry of `filters`; the last one is linear.

    `first` is the number of the first of their seeds, see `sibling`.
    """
    for i, channels in enumerate(filters):
        last = i == len(filters) - 1
        options = {"kernel_initializer": sibling(glorot, first + i), "data_format": "channels_last"}
        options |= {"activation": None if last else phi, "name": "head" if last else f"conv_{i}"}
        h = keras.layers.Conv2DTranspose(channels, 3, strides=2, padding="same", **options)(h)
    return h


def in_unit_interval(model, batch_size, rng) -> np.ndarray:
    """Return random examples in [0, 1] that a model takes: what conformance calls a builder's `example`."""
    return rng.random((batch_size, *model.input_shape[1:])).astype("float32")
