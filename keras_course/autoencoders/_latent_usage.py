"""Which latent variables of a VAE carry information about the examples."""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_course.autoencoders._vae import VAE, gaussian_kl
from keras_course.checks import instance, positive, validate


class LatentUsage(NamedTuple):
    """What each of the L latent variables carries.

    Args:
        kl: mean over the examples of KL(q(z_i | x) || p(z_i)) in nats, (L,).
        variance: variance over the examples of the mean of q(z_i | x), (L,).
        active: whether that variance is above the threshold, (L,).
    """

    kl: np.ndarray
    variance: np.ndarray
    active: np.ndarray


@validate(model=instance(VAE), threshold=positive)
def posterior_collapse(model, x, threshold=0.01) -> LatentUsage:
    """Measure how many latent variables a VAE uses, over a set of examples.

    The posterior of a latent variable has collapsed if it equals the prior for every example: then its mean does not
    depend on x, its divergence is 0, and the decoder ignores it.

    Args:
        model: a `VAE`.
        x: examples (B, ...), at least two.
        threshold: smallest variance of the mean of an active unit.

    Returns:
        A `LatentUsage`.

    Raises:
        ValueError: x does not fit the model, or `threshold` is not above 0.

    References:
        Importance Weighted Autoencoders, Burda, Grosse and Salakhutdinov, 2015, https://arxiv.org/abs/1509.00519

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import posterior_collapse, vae
        >>> images = np.random.default_rng(0).random((50, 8, 8, 1))
        >>> posterior_collapse(vae((8, 8, 1), 3), images).active.shape
        (3,)
    """
    mean, deviation = model.encode(x)
    if mean.shape[0] < 2:
        raise ValueError(f"x has {mean.shape[0]} example; a variance over examples needs at least 2")
    kl = ops.convert_to_numpy(ops.mean(gaussian_kl(mean, 2 * ops.log(deviation)), axis=0))
    variance = ops.convert_to_numpy(mean).var(axis=0)
    return LatentUsage(kl, variance, variance > threshold)
