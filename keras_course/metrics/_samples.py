"""How close samples of a model are to data.

Notation: x (N, D) and y (M, D), rows of numbers or of features. All functions take and return NumPy arrays and numbers.
"""

import numpy as np
from scipy.spatial.distance import cdist

from keras_course.checks import as_points


def _pair(x, y):
    x = as_points(x, name="x")
    y = as_points(y, x.shape[1], name="y")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"x and y have {len(x)} and {len(y)} rows; each must have at least 2")
    return x, y


def frechet_distance(x, y) -> float:
    """Return the Frechet distance between two Gaussians with the means and the covariances of x and y:

        norm(m_x - m_y)^2 + trace(C_x + C_y - 2 (C_x C_y)^(1/2))

    It is the square of their Wasserstein distance of order 2. Of the features of a network for images it is the FID.

    Args:
        x, y: rows (N, D) and (M, D).

    Raises:
        ValueError: x or y is not a matrix of finite numbers with at least two rows, or they differ in D.

    References:
        GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, Heusel et al., 2017,
        https://arxiv.org/abs/1706.08500

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import frechet_distance
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> round(frechet_distance(x, x + 3), 3)  # the means differ by 3 in both dimensions
        18.0
    """
    x, y = _pair(x, y)
    c_x, c_y = (np.atleast_2d(np.cov(rows.T)) for rows in (x, y))
    values, vectors = np.linalg.eigh(c_x)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ c_y @ root), 0)).sum()  # trace of (C_x C_y)^(1/2)
    gap = x.mean(axis=0) - y.mean(axis=0)
    return float(max(gap @ gap + np.trace(c_x) + np.trace(c_y) - 2 * cross, 0.0))


def energy_distance(x, y) -> float:
    """Return the energy distance between the distributions of x and y, which is 0 only if they are equal:

        2 E norm(x - y) - E norm(x - x') - E norm(y - y')

    Args:
        x, y: rows (N, D) and (M, D); pairs of a row with itself do not count.

    Raises:
        ValueError: x or y is not a matrix of finite numbers with at least two rows, or they differ in D.

    Differences from the paper: the mean over pairs of different rows has no bias, so it may be negative.

    References:
        Energy statistics: A class of statistics based on distances, Szekely and Rizzo, 2013,
        https://doi.org/10.1016/j.jspi.2013.03.018

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import energy_distance
        >>> x, y = np.random.default_rng(0).normal(size=(2, 1000, 1))
        >>> round(energy_distance(x, y), 2), energy_distance(x, y + 1) > 0.5
        (0.0, True)
    """
    x, y = _pair(x, y)
    n, m = len(x), len(y)
    within = cdist(x, x).sum() / (n * (n - 1)) + cdist(y, y).sum() / (m * (m - 1))
    return float(2 * cdist(x, y).mean() - within)
