"""Principal component analysis, in closed form.

Notation: x (N, D) examples with mean m and covariance S; U (K, D) the K directions of largest variance, as rows.
"""

import dataclasses
import math

import numpy as np

from keras_course.checks import finite, positive, validate, whole
from keras_course.checks.examples import to_real


@dataclasses.dataclass(frozen=True)
class PCA:
    """The subspace of largest variance of a set of examples; `pca` computes it.

    Args:
        mean: m (D,).
        components: U (K, D), orthonormal rows, by decreasing variance.
        variances: of the data along each component, (K,).
        residual: mean variance along the other D - K directions; 0 where there are none.
        shape: shape of one example, whose product is D.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    residual: float
    shape: tuple[int, ...]

    def encode(self, x) -> np.ndarray:
        """Return the codes U (x - m), (N, K)."""
        return (self._rows(x) - self.mean) @ self.components.T

    def decode(self, z) -> np.ndarray:
        """Return the point m + U' z of each code (N, K), shaped like examples."""
        z = to_real("z", z).astype("float64")
        if z.ndim != 2 or z.shape[1] != len(self.components):
            raise ValueError(f"z has shape {z.shape}; it must be (N, {len(self.components)})")
        return (self.mean + z @ self.components).reshape(-1, *self.shape)

    def reconstruct(self, x) -> np.ndarray:
        """Return the closest points of the subspace."""
        return self.decode(self.encode(x))

    def log_likelihood(self, x, noise_variance=None) -> np.ndarray:
        """Return log p(x) (N,) of probabilistic PCA, in nats.

        The model is x = m + W z + s e with normal z and e. Given s^2, its maximum likelihood has W W' = U' (V - s^2) U
        with the variances V, so p(x) = N(m, W W' + s^2 I).

        Args:
            x: examples (N, ...).
            noise_variance: s^2, at most the smallest of the variances; None takes its maximum-likelihood value, the
                residual.

        References:
            Probabilistic Principal Component Analysis, Tipping and Bishop, 1999,
            https://doi.org/10.1111/1467-9868.00196
        """
        noise = self.residual if noise_variance is None else noise_variance
        positive(noise_variance=noise)
        if noise > self.variances.min():
            raise ValueError(f"noise_variance={noise:.4g} must be at most the smallest variance, {self.variances[-1]}")
        gaps = self._rows(x) - self.mean
        codes = gaps @ self.components.T
        inside = (codes**2 / self.variances).sum(axis=1)
        outside = ((gaps**2).sum(axis=1) - (codes**2).sum(axis=1)) / noise
        size, rank = len(self.mean), len(self.variances)
        log_det = np.log(self.variances).sum() + (size - rank) * math.log(noise)
        return -0.5 * (inside + outside + log_det + size * math.log(2 * math.pi))

    def _rows(self, x):
        return as_flat_rows("x", x, self.shape)


def as_flat_rows(name, x, shape=None) -> np.ndarray:
    """Return examples (N, ...) as float64 rows (N, D), or raise a ValueError."""
    x = to_real(name, x).astype("float64")
    if x.ndim < 2 or 0 in x.shape or shape not in (None, x.shape[1:]):
        wanted = "..." if shape is None else ", ".join(map(str, shape))
        raise ValueError(f"{name} has shape {x.shape}; it must be (N, {wanted}), with at least one example")
    finite(**{name: x})
    return x.reshape(len(x), -1)


@validate(num_components=whole(1))
def pca(x, num_components) -> PCA:
    """Return the subspace of `num_components` dimensions with the smallest squared error of reconstruction.

    The singular value decomposition of the centered examples gives the directions of largest variance:

        x - m = A diag(s) U,  variances s^2 / N

    Args:
        x: examples (N, ...), which are flattened.
        num_components: K, at most N and at most D.

    Returns:
        A `PCA`.

    Raises:
        ValueError: x is something else, or K is out of its range.

    References:
        On lines and planes of closest fit to systems of points in space, Pearson, 1901,
        https://doi.org/10.1080/14786440109462720

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import pca
        >>> line = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
        >>> bool(np.allclose(pca(line, 1).reconstruct(line), line))
        True
    """
    rows = as_flat_rows("x", x)
    most = min(rows.shape)
    if num_components > most:
        raise ValueError(f"num_components={num_components} must be at most {most}, for x of {rows.shape} numbers")
    mean = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    variances = np.zeros(rows.shape[1])
    variances[: len(singular)] = singular**2 / len(rows)
    rest = variances[num_components:]
    residual = float(rest.mean()) if len(rest) else 0.0
    shape = tuple(np.shape(x)[1:])
    return PCA(mean, directions[:num_components], variances[:num_components], residual, shape)
