"""Walks through the latent space of an auto-encoder, and the points where its examples are.

Notation: z (L,) a code, z_i its i-th feature.
"""

from statistics import NormalDist

import keras
import numpy as np
from keras import ops

from keras_course.autoencoders._latent_model import LatentModel
from keras_course.autoencoders._vae import VAE
from keras_course.checks import as_floats, as_row, finite, instance, validate, whole


@validate(num_steps=whole(2))
def interpolate(start, end, num_steps=8) -> np.ndarray:
    """Return points on the straight line from `start` to `end`, (num_steps, ...), both ends included.

    Between two images this mixes their pixels. Between their codes, decoded, it moves along the images that the model
    knows.

    Args:
        start, end: arrays of one shape, such as images or codes.
        num_steps: number of points.

    Raises:
        ValueError: the shapes differ, a number is not finite, or there are less than 2 steps.

    Example:
        >>> from keras_course.autoencoders import interpolate
        >>> interpolate([0.0, 4.0], [1.0, 0.0], 3).tolist()
        [[0.0, 4.0], [0.5, 2.0], [1.0, 0.0]]
    """
    start, end = as_floats("start", start), as_floats("end", end)
    if start.shape != end.shape:
        raise ValueError(f"end has shape {end.shape}; it must be {start.shape}, as start")
    finite(start=start, end=end)
    steps = np.linspace(0.0, 1.0, num_steps).reshape(-1, *[1] * start.ndim)
    return ((1 - steps) * start + steps * end).astype("float32")


@validate(model=instance(LatentModel))
def latent_traversal(model, z, values=(-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)) -> np.ndarray:
    """Decode a code with one feature at a time replaced by each of some values.

    Args:
        model: a model with `decode` and `latent_dim`, such as a `VAE`.
        z: the code, L numbers.
        values: V numbers; of a VAE, in standard deviations of the prior.

    Returns:
        Decoded examples (L, V, ...): row i changes z_i.

    Raises:
        ValueError: z has another length, or `values` are no numbers.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import latent_traversal, vae
        >>> latent_traversal(vae((8, 8, 1), 3), np.zeros(3), (-1.0, 1.0)).shape
        (3, 2, 8, 8, 1)
    """
    z, values = as_row("z", z), as_row("values", values)
    if len(z) != model.latent_dim:
        raise ValueError(f"z has {len(z)} numbers; it must have {model.latent_dim}")
    codes = np.tile(z, (len(z), len(values), 1))
    codes[range(len(z)), :, range(len(z))] = values
    decoded = ops.convert_to_numpy(model.decode(codes.reshape(-1, len(z)).astype("float32")))
    return decoded.reshape(len(z), len(values), *decoded.shape[1:])


@validate(model=instance(LatentModel), size=whole(2))
def latent_grid(model, size=12) -> np.ndarray:
    """Decode a grid of codes with two features, at the quantiles of a normal distribution.

    Equal steps of the grid have equal probability under the prior of a VAE.

    Args:
        model: a model with `decode` and two latent variables.
        size: number of codes along each axis.

    Returns:
        Decoded examples (size, size, ...); z_1 grows along a row, and z_2 from the last row to the first.

    Raises:
        ValueError: the model has another number of latent variables, or `size` is less than 2.

    Example:
        >>> from keras_course.autoencoders import latent_grid, vae
        >>> latent_grid(vae((8, 8, 1), 2), size=4).shape
        (4, 4, 8, 8, 1)
    """
    if model.latent_dim != 2:
        raise ValueError(f"model has {model.latent_dim} latent variables; a grid needs 2")
    quantiles = [NormalDist().inv_cdf((k + 0.5) / size) for k in range(size)]
    codes = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2).astype("float32")
    decoded = ops.convert_to_numpy(model.decode(codes))
    return decoded.reshape(size, size, *decoded.shape[1:])


@validate(model=instance(VAE), seed=whole(0))
def aggregated_posterior(model, x, seed=0) -> np.ndarray:
    """Return one sample of q(z | x) for each example: together they are samples of the aggregated posterior.

        q(z) = mean over the examples of q(z | x)

    Samples of the prior look good only where q(z) has mass, because the decoder was trained there.

    Args:
        model: a `VAE`.
        x: examples (B, ...).
        seed: whole number, seed of the samples.

    Returns:
        (B, L).

    Raises:
        ValueError: x does not fit the model.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import aggregated_posterior, vae
        >>> aggregated_posterior(vae((8, 8, 1), 2), np.zeros((5, 8, 8, 1))).shape
        (5, 2)
    """
    mean, deviation = model.encode(x)
    noise = keras.random.normal(mean.shape, dtype="float32", seed=int(seed))
    return ops.convert_to_numpy(mean + deviation * noise)
