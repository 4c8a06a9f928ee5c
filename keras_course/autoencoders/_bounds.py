"""The evidence lower bound of a VAE, its terms, and tighter bounds by importance weights.

Notation: x (B, ...) examples, z_s (B, L) samples of q(z | x) with s = 1..S; w = p(x | z) p(z) / q(z | x).
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.autoencoders._vae import VAE, gaussian_kl
from keras_course.checks import instance, validate, whole
from keras_course.ops._types import Tensor

ROWS = 20_000  # decoded at once
CHECKS = {"model": instance(VAE), "num_samples": whole(1), "seed": whole(0)}


class ElboTerms(NamedTuple):
    """The terms of the evidence lower bound of each example, in nats.

    Args:
        reconstruction: E_q[-log p(x | z)] (B,), estimated.
        kl: KL(q(z | x) || p(z)) (B,), exact.
        elbo: -reconstruction - kl (B,), a lower bound on log p(x).
    """

    reconstruction: np.ndarray
    kl: np.ndarray
    elbo: np.ndarray


@validate(**CHECKS)
def elbo_terms(model, x, num_samples=1, seed=0) -> ElboTerms:
    """Return the terms of the ELBO, with the reconstruction averaged over samples of q(z | x):

        ELBO = E_q[log p(x | z)] - KL(q(z | x) || p(z)) = log p(x) - KL(q(z | x) || p(z | x))

    The weight beta of the model plays no role: this is the bound itself.

    Args:
        model: a `VAE`.
        x: examples (B, ...).
        num_samples: S.
        seed: whole number, seed of the samples.

    Raises:
        ValueError: x does not fit the model, or a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import elbo_terms, vae
        >>> terms = elbo_terms(vae((8, 8, 1), 2), np.zeros((3, 8, 8, 1)), num_samples=10)
        >>> terms.elbo.shape, bool(np.allclose(terms.elbo, -terms.reconstruction - terms.kl))
        ((3,), True)
    """
    mean, log_variance = _posterior(model, model.as_examples(x))
    kl = ops.convert_to_numpy(ops.sum(gaussian_kl(mean, log_variance), axis=-1))
    _, losses = _sampled(model, x, num_samples, seed)
    reconstruction = losses.mean(axis=0)
    return ElboTerms(reconstruction, kl, -reconstruction - kl)


@validate(**CHECKS)
def log_importance_weights(model, x, num_samples=1, seed=0) -> np.ndarray:
    """Return log w of samples of q(z | x), (S, B):

        log w = log p(x | z) + log p(z) - log q(z | x)

    The mean of w over samples is an unbiased estimate of p(x), and the mean of log w is one of the ELBO.

    Args:
        model: a `VAE`.
        x: examples (B, ...).
        num_samples: S.
        seed: whole number, seed of the samples.

    Raises:
        ValueError: x does not fit the model, or a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import log_importance_weights, vae
        >>> log_importance_weights(vae((8, 8, 1), 2), np.zeros((3, 8, 8, 1)), num_samples=10).shape
        (10, 3)
    """
    return _sampled(model, x, num_samples, seed)[0]


@validate(**CHECKS)
def importance_weighted_bound(model, x, num_samples=64, seed=0) -> np.ndarray:
    """Return the importance-weighted bound of each example, (B,), in nats:

        L_S = E[log (1 / S) sum_s w_s],  ELBO = L_1 <= L_2 <= ... <= log p(x)

    It is estimated with one set of S samples. For large S it approaches log p(x), while the ELBO keeps the gap
    KL(q(z | x) || p(z | x)).

    Args:
        model: a `VAE`.
        x: examples (B, ...).
        num_samples: S.
        seed: whole number, seed of the samples.

    Raises:
        ValueError: x does not fit the model, or a number is out of its range.

    References:
        Importance Weighted Autoencoders, Burda, Grosse and Salakhutdinov, 2015, https://arxiv.org/abs/1509.00519

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import importance_weighted_bound, vae
        >>> importance_weighted_bound(vae((8, 8, 1), 2), np.zeros((3, 8, 8, 1)), num_samples=5).shape
        (3,)
    """
    log_w = log_importance_weights(model, x, num_samples, seed).astype("float64")
    highest = log_w.max(axis=0)
    return highest + np.log(np.exp(log_w - highest).mean(axis=0))


def _posterior(model, x):
    raw = ops.stop_gradient(ops.cast(model.encoder(x, training=False), "float32"))
    return ops.split(raw, 2, axis=-1)


def _sampled(model, x, num_samples, seed) -> tuple[np.ndarray, np.ndarray]:
    """Return log w and -log p(x | z) of samples, (S, B) each."""
    x = ops.cast(ops.convert_to_tensor(model.as_examples(x)), "float32")
    mean, log_variance = _posterior(model, x)
    generator = keras.random.SeedGenerator(int(seed))
    weigh = course_ops.jit(lambda *args: _log_weights(model, *args), variables=model.variables)
    pieces, left = [], num_samples
    while left:
        count = min(left, max(1, ROWS // x.shape[0]))
        noise = keras.random.normal((count, *mean.shape), dtype="float32", seed=generator)
        pieces.append([ops.convert_to_numpy(part) for part in weigh(x, mean, log_variance, noise)])
        left -= count
    log_w, losses = zip(*pieces, strict=True)
    return np.concatenate(log_w), np.concatenate(losses)


def _log_weights(model, x, mean, log_variance, noise) -> tuple[Tensor, Tensor]:
    """Return log w and -log p(x | z), (S, B) each, at z = mean + sigma noise; noise is (S, B, L)."""
    shape = noise.shape[:2]
    z = mean + ops.exp(0.5 * log_variance) * noise
    copies = ops.tile(x, (shape[0], *[1] * (len(x.shape) - 1)))
    raw = model.raw_outputs(model.decoder, ops.reshape(z, (-1, z.shape[-1])), copies)
    losses = ops.reshape(model.likelihood(copies, raw), shape)
    log_prior = -0.5 * ops.sum(ops.square(z), axis=-1)  # without the constants, which cancel
    log_q = -0.5 * ops.sum(ops.square(noise) + log_variance, axis=-1)
    return -losses + log_prior - log_q, losses
