"""Data whose denoiser is known: a mixture of Gaussians. What a trained denoiser and a sampler are compared with.

Notation: x_0 ~ sum_k w_k N(m_k, S_k); then x_t ~ sum_k w_k N(alpha m_k, C_k) with C_k = alpha^2 S_k + sigma^2 I.
"""

import math

import numpy as np
from keras import ops

from keras_course.checks import as_floats, as_points, as_row
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._parameterizations import scales_at
from keras_course.ops._types import Tensor


class MixtureDenoiser(Denoiser):
    """The exact denoiser of a mixture of K Gaussians in D dimensions.

        E[x_0 given x_t] = sum_k r_k (m_k + alpha S_k C_k^-1 (x_t - alpha m_k)),  C_k = alpha^2 S_k + sigma^2 I

    r_k is the probability of component k given x_t.

    Args:
        schedule: a `NoiseSchedule`.
        means: m (K, D).
        covariances: S (K, D, D).
        weights: w (K,), which add up to 1; None for equal weights.

    Raises:
        ValueError: shapes do not fit, a covariance is not symmetric and positive definite, or the weights do not add
            up to 1.

    Example:
        >>> from keras import ops
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[0.0], [4.0]], [[[1.0]], [[1.0]]])
        >>> round(float(denoiser.log_density(ops.zeros((1, 1)), 0.0)[0]), 3)  # log(N(0; 0, 1) / 2) and almost nothing
        -1.612
    """

    def __init__(self, schedule, means, covariances, weights=None):
        means, covariances = as_points(means, name="means"), as_floats("covariances", covariances)
        size, features = means.shape
        weights = np.full(size, 1 / size) if weights is None else as_row("weights", weights)
        if covariances.shape != (size, features, features):
            raise ValueError(f"covariances has shape {covariances.shape}; it must be {(size, features, features)}")
        values, vectors = np.linalg.eigh(covariances)
        if not np.allclose(covariances, np.swapaxes(covariances, 1, 2)) or not (values > 0).all():
            raise ValueError(f"covariances={covariances.tolist()} must be symmetric and positive definite")
        if weights.shape != (size,) or not (weights > 0).all() or abs(weights.sum() - 1) > 1e-6:
            raise ValueError(f"weights={weights.tolist()} must be {size} positive numbers that add up to 1")
        super().__init__(schedule, lambda x, t, context: self._denoised(x, t))
        self.means, self.covariances, self.weights = means, covariances, weights
        self._tables = [table.astype("float32") for table in (means, values, vectors, np.log(weights))]

    def _parts(self, x, t):
        """Return alpha, and for each component the mean, the eigenvalues of S and C, and x - alpha m rotated by them.

        Their shape is (B, K, D): in the directions of its eigenvectors, a Gaussian has independent components.
        """
        if len(x.shape) != 2 or x.shape[1] != self.means.shape[1]:
            raise ValueError(f"x has shape {tuple(x.shape)}; it must be (B, {self.means.shape[1]})")
        means, values, vectors, _ = map(ops.convert_to_tensor, self._tables)
        scales = scales_at(self.schedule, t, x[:, None])  # with axes for K and D
        gaps = x[:, None] - scales.alpha * means
        rotated = ops.einsum("bkd,kde->bke", gaps, vectors)
        return scales.alpha, values, scales.alpha**2 * values + scales.sigma**2, rotated

    def _log_weights(self, spread, rotated):
        logs = -0.5 * ops.sum(ops.square(rotated) / spread + ops.log(2 * math.pi * spread), axis=-1)
        return logs + ops.convert_to_tensor(self._tables[-1])

    def _denoised(self, x, t):
        means, _, vectors, _ = map(ops.convert_to_tensor, self._tables)
        alpha, values, spread, rotated = self._parts(x, t)
        logs = self._log_weights(spread, rotated)
        posterior = ops.exp(logs - ops.logsumexp(logs, axis=-1, keepdims=True))
        each = means + ops.einsum("bke,kde->bkd", alpha * values / spread * rotated, vectors)
        return ops.sum(posterior[..., None] * each, axis=1)

    def log_density(self, x, t=0.0) -> Tensor:
        """Return log p_t(x) (B,) of x (B, D), in nats."""
        _, _, spread, rotated = self._parts(ops.convert_to_tensor(x), t)
        return ops.logsumexp(self._log_weights(spread, rotated), axis=-1)

    def sample(self, num_samples, seed=0) -> np.ndarray:
        """Return samples of x_0 (num_samples, D) by NumPy."""
        rng = np.random.default_rng(seed)
        component = rng.choice(len(self.weights), size=num_samples, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)[component]
        noise = rng.normal(size=(num_samples, self.means.shape[1]))
        return self.means[component] + np.einsum("nij,nj->ni", roots, noise)
