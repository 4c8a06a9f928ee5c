"""Discriminant analysis: classes that are Gaussian clouds, and the boundaries that follow by Bayes's rule.

Notation: x (N, D) points, y (N,) classes in 0..K-1; class k has the prior pi_k, mean mu_k and covariance Sigma_k, all
estimated by maximum likelihood (so covariances divide by the number of points, not by one less).
"""

import numpy as np

from keras_course.checks import as_points, seen_data
from keras_course.perceptron._data import as_labeled


class _GaussianClasses:
    """Bayes's rule for Gaussian classes; a subclass says which covariance each has."""

    def fit(self, x, y):
        """Estimate priors, means and covariances from points `(N, D)` and labels `(N,)`; return self.

        Raises:
            ValueError: data that are not finite or no table, labels other than 0, ..., K - 1 with a point each, or a
                covariance that cannot be inverted (too few points, or coordinates that depend on each other).
        """
        x, y, num_classes = as_labeled(x, y)
        clouds = [x[y == k] for k in range(num_classes)]
        self.priors = np.array([len(cloud) / len(x) for cloud in clouds])
        self.means = np.stack([cloud.mean(axis=0) for cloud in clouds])  # (K, D)
        scatter = np.stack([np.cov(cloud.T, bias=True).reshape(x.shape[1:] * 2) for cloud in clouds])  # (K, D, D)
        self.covariances = self._covariances(scatter)
        _check_inverses(self.covariances, x, y)
        return self

    def log_joint(self, x):
        """Return ln pi_k + ln N(x; mu_k, Sigma_k) for each point and class, `(N, K)`."""
        offsets = self._points(x)[:, None, :] - self.means  # (N, K, D)
        distances = np.einsum("nkd,kde,nke->nk", offsets, np.linalg.inv(self.covariances), offsets)
        volumes = np.linalg.slogdet(2 * np.pi * self.covariances)[1]
        return np.log(self.priors) - 0.5 * (volumes + distances)

    def predict_proba(self, x):
        """Return the probabilities p(k | x) of the classes for points `(N, D)`, `(N, K)`."""
        joint = self.log_joint(x)
        odds = np.exp(joint - joint.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, x):
        """Return the likeliest class of each point `(N, D)`, `(N,)`."""
        return np.argmax(self.log_joint(x), axis=1)

    def _points(self, x):
        seen_data(self, "means")
        return as_points(x, columns=self.means.shape[1])


def _has_inverse(covariance, size):
    """Return whether coordinates of numbers up to `size` `(D,)` vary, and each by itself: in any units."""
    spread = np.sqrt(np.diag(covariance))
    if (spread <= 1e-14 * size).any():
        return False
    correlation = covariance / np.outer(spread, spread)
    return np.linalg.matrix_rank(correlation, hermitian=True) == len(spread)


class LinearDiscriminantAnalysis(_GaussianClasses):
    """Gaussian classes of one shared covariance: the log-odds are linear, so boundaries are planes.

    For two classes Bayes's rule gives a sigmoid of a linear function:

        p(1 | x) = sigmoid(w . x + b),  w = Sigma^-1 (mu_1 - mu_0),
        b = (mu_0' Sigma^-1 mu_0 - mu_1' Sigma^-1 mu_1) / 2 + ln(pi_1 / pi_0)

    and for K classes a softmax of K linear functions. After `fit` it has `priors` (K,), `means` (K, D), `covariances`
    (K, D, D) (all equal), and the `weights` (D, K) and `bias` (K,) of the log-odds up to what the classes share:
    in two classes w is `weights[:, 1] - weights[:, 0]`, and b likewise.

    References:
        The use of multiple measurements in taxonomic problems, Fisher, 1936,
        https://doi.org/10.1111/j.1469-1809.1936.tb02137.x

    Example:
        >>> from keras_course.perceptron import LinearDiscriminantAnalysis
        >>> lda = LinearDiscriminantAnalysis().fit([[-2.0], [0.0], [0.0], [2.0]], [0, 0, 1, 1])
        >>> (lda.weights[:, 1] - lda.weights[:, 0]).tolist(), lda.predict_proba([[0.0]]).tolist()
        ([2.0], [[0.5, 0.5]])
    """

    def _covariances(self, scatter):
        return np.broadcast_to(np.einsum("k,kde->de", self.priors, scatter), scatter.shape)

    @property
    def weights(self) -> np.ndarray:
        """Sigma^-1 mu_k of each class, `(D, K)`."""
        return np.linalg.solve(self.covariances[0], self.means.T)

    @property
    def bias(self) -> np.ndarray:
        """ln pi_k - mu_k' Sigma^-1 mu_k / 2 of each class, `(K,)`."""
        return np.log(self.priors) - 0.5 * np.einsum("kd,dk->k", self.means, self.weights)


class QuadraticDiscriminantAnalysis(_GaussianClasses):
    """Gaussian classes of a covariance each: the log-odds are quadratic, so boundaries are conic sections.

    p(k | x) is proportional to pi_k N(x; mu_k, Sigma_k). After `fit` it has `priors` (K,), `means` (K, D) and
    `covariances` (K, D, D).

    References:
        The Elements of Statistical Learning, section 4.3, Hastie, Tibshirani and Friedman, 2009,
        https://hastie.su.domains/ElemStatLearn/

    Example:
        >>> from keras_course.perceptron import QuadraticDiscriminantAnalysis
        >>> wide_and_narrow = [[-3.0], [3.0], [-1.0], [1.0]]
        >>> qda = QuadraticDiscriminantAnalysis().fit(wide_and_narrow, [0, 0, 1, 1])
        >>> qda.predict([[-5.0], [0.0], [5.0]]).tolist()      # no single threshold could do this
        [0, 1, 0]
    """

    def _covariances(self, scatter):
        return scatter


def _check_inverses(covariances, x, y):
    if not all(_has_inverse(covariance, np.abs(x).max(axis=0)) for covariance in covariances):
        raise ValueError(
            f"x gives a covariance that cannot be inverted: {np.bincount(y)} points a class in {x.shape[1]} "
            "dimensions are too few, or coordinates depend on each other"
        )
