"""Nearest neighbors: predict at a point from the training points around it.

Notation: x (N, D) training points, y (N,) targets or classes (whole numbers from 0 on), k neighbors.
"""

from typing import Self

import numpy as np

from keras_course.checks import as_floats, as_points, choice, seen_data, validate, whole

_BLOCK = 2**22  # differences of coordinates that are computed at once: 32 MiB


class NearestNeighbors:
    """Predict the mean target, or the commonest class, of the k nearest training points (Euclidean distance):

        regression:      f(x) = 1/k sum_{i in N_k(x)} y_i
        classification:  f(x) = argmax_c |{i in N_k(x): y_i = c}|, the smallest c of several

    Its capacity falls as k grows: with k = 1 it repeats every training target, with k = N it is constant.
    Of points at the same distance the earlier one counts as nearer.

    Args:
        num_neighbors: k, at least 1.
        task: "regression" or "classification".

    Raises:
        ValueError: an argument out of range, fewer points than neighbors, or data that do not fit each other.

    References:
        Nearest Neighbor Pattern Classification, Cover and Hart, 1967, https://doi.org/10.1109/TIT.1967.1053964

    Example:
        >>> from keras_course.fundamentals import NearestNeighbors
        >>> model = NearestNeighbors(2).fit([[0.0], [1.0], [5.0]], [1.0, 3.0, 7.0])
        >>> model.predict([[0.2], [4.0]]).tolist()
        [2.0, 5.0]
    """

    @validate(num_neighbors=whole(1), task=choice("regression", "classification"))
    def __init__(self, num_neighbors, *, task="regression"):
        self.num_neighbors, self.task = num_neighbors, task

    def fit(self, x, y) -> Self:
        """Remember N points `(N, D)` or `(N,)` and their targets or classes `(N,)`; return self."""
        self.x, self.y = self._as_data(x, y)
        return self

    def neighbors(self, x) -> np.ndarray:
        """Return the row numbers of the k nearest training points, the nearest first, `(M, k)`."""
        seen_data(self, "x")
        x = _columns(x, self.x.shape[1])
        rows = max(1, _BLOCK // self.x.size)
        return np.concatenate([self._nearest(x[i : i + rows]) for i in range(0, len(x), rows)])

    def predict(self, x) -> np.ndarray:
        """Return the mean target or the commonest class for M points `(M, D)` or `(M,)`, `(M,)`."""
        nearest = self.neighbors(x)
        found = self.y[nearest]  # (M, k)
        if self.task == "regression":
            return found.mean(axis=1)
        classes = np.unique(self.y)
        return classes[np.argmax([(found == c).sum(axis=1) for c in classes], axis=0)]

    def _as_data(self, x, y):
        x, y = _columns(x), as_floats("y", y)
        if y.shape != x.shape[:1] or not np.isfinite(y).all():
            raise ValueError(f"y has shape {y.shape}; it must hold {len(x)} finite numbers, one for each point of x")
        if self.task == "classification" and ((y != np.floor(y)).any() or y.min() < 0):
            raise ValueError(f"y has the values {np.unique(y)}; classes must be whole numbers from 0 on")
        if len(x) < self.num_neighbors:
            raise ValueError(f"x has {len(x)} points, fewer than num_neighbors={self.num_neighbors}")
        return x, y.astype(int) if self.task == "classification" else y

    def _nearest(self, x):
        distances = ((x[:, None] - self.x) ** 2).sum(axis=2)  # (M, N)
        return np.argsort(distances, axis=1, kind="stable")[:, : self.num_neighbors]


def _columns(x, count=None):
    x = as_floats("x", x)
    return as_points(x[:, None] if x.ndim == 1 else x, columns=count)
