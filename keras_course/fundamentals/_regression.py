"""Polynomial regression by least squares, in closed form or by gradient descent.

Notation: x (N,) inputs, y (N,) targets, X (N, d + 1) the features 1, z, ..., z^d of each input, where z = x / `scale`;
w (d + 1,) the weights of a polynomial of degree d, f(x) = X w.
"""

from typing import Self

import numpy as np

from keras_course.checks import as_floats, choice, not_negative, positive, seen_data, validate, whole
from keras_course.fundamentals._data import as_numbers, as_pairs


@validate(degree=whole(0), scale=positive)
def polynomial_features(x, degree, *, scale=1.0) -> np.ndarray:
    """Return the powers 0, 1, ..., d of numbers, divided by `scale` first: a Vandermonde matrix.

    Args:
        x: N numbers, `(N,)` or `(N, 1)`.
        degree: d, at least 0.
        scale: what x is divided by, above 0. With raw x up to 10 the tenth power reaches 10^10 beside the constant 1,
            and the columns become hard to tell apart: the condition number of X is then about 10^10, and 10^4 with
            `scale=10`.

    Returns:
        X, `(N, d + 1)` float64.

    Raises:
        ValueError: x is not finite or of another shape, `degree` is not a whole number of at least 0, or `scale` is not
            above 0.

    Example:
        >>> from keras_course.fundamentals import polynomial_features
        >>> polynomial_features([2.0, 3.0], degree=2).tolist()
        [[1.0, 2.0, 4.0], [1.0, 3.0, 9.0]]
    """
    return np.vander(as_numbers("x", x) / scale, degree + 1, increasing=True)


@validate(penalty=not_negative)
def least_squares(features, targets, *, penalty=0.0) -> np.ndarray:
    """Return the weights that minimize `|X w - y|^2 + penalty |w|^2`, by QR or by the singular values.

    With at least as many independent rows as columns, X = Q R with orthonormal columns Q and a triangular R, and

        R w = Q' y

    is solved from its last row upwards. This loses half as many digits as the normal equations X'X w = X'y,
    because the condition number of X'X is the square of the condition number of X. A penalty appends the rows
    sqrt(penalty) I to X and zeros to y (ridge regression). Without a penalty and with more columns than rows, many w
    fit exactly, and the shortest is returned:

        w = V diag(1 / s) U' y,  X = U diag(s) V'

    Args:
        features: X, `(N, P)`.
        targets: y, `(N,)` or, for K targets at once, `(N, K)`.
        penalty: how much the squared length of w costs, at least 0.

    Returns:
        w, `(P,)` or `(P, K)`, float64.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or a negative `penalty`.

    References:
        Ridge Regression: Biased Estimation for Nonorthogonal Problems, Hoerl and Kennard, 1970,
        https://doi.org/10.1080/00401706.1970.10488634

    Example:
        >>> from keras_course.fundamentals import least_squares
        >>> least_squares([[1.0, 0.0], [1.0, 1.0]], [1.0, 3.0]).round(6).tolist()      # the line 1 + 2 x
        [1.0, 2.0]
        >>> least_squares([[1.0, 1.0]], [4.0]).round(6).tolist()                     # the shortest of many
        [2.0, 2.0]
    """
    X, y = _as_system(features, targets)
    if penalty:
        X = np.concatenate([X, penalty**0.5 * np.eye(X.shape[1])])
        y = np.concatenate([y, np.zeros((X.shape[1], *y.shape[1:]))])
    if len(X) >= X.shape[1]:
        Q, R = np.linalg.qr(X)  # (N, P), (P, P)
        # a pivot is what the columns before do not say of its own one; beside that one, so that units do not matter
        smallest = np.linalg.norm(X, axis=0) * np.finfo("float64").eps * len(X)
        if (np.abs(np.diag(R)) > smallest).all():
            return np.linalg.solve(R, Q.T @ y)
    return np.linalg.lstsq(X, y, rcond=None)[0]  # fewer independent rows than columns


def _as_system(features, targets):
    """Return X and y as float64 arrays, or raise a ValueError."""
    X, y = as_floats("features", features), as_floats("targets", targets)
    if X.ndim != 2 or 0 in X.shape or y.ndim not in (1, 2) or len(y) != len(X):
        raise ValueError(f"features has shape {X.shape} and targets {y.shape}; they must be (N, P) and (N,) or (N, K)")
    if not np.isfinite(X).all() or not np.isfinite(y).all():
        raise ValueError("features and targets must be finite numbers: they hold NaN or infinity")
    return X, y


def _check_scale(scale):
    if isinstance(scale, str) and scale != "largest":
        raise ValueError(f"scale={scale!r} must be 'largest' or a finite number above 0")
    if not isinstance(scale, str):
        positive(scale=scale)


class PolynomialRegressor:
    """A polynomial f(x) = sum_j w_j (x / scale)^j, fitted to points at the minimum of the squared error:

        J(w) = 1/N sum_i (f(x_i) - y_i)^2 + penalty / N |w|^2

    The minimum has a closed form (`least_squares`). By gradient descent it is reached step by step,

        w <- w - learning_rate * 2/N (X'(X w - y) + penalty w)

    which also works for models without a closed form.

    Args:
        degree: d, at least 0.
        penalty: ridge penalty on all weights, at least 0: another way to limit the capacity.
        scale: what x is divided by, above 0; "largest" takes the largest size of an x of the points, so that all
            powers lie in [-1, 1].
        solver: "exact" or "gradient".
        learning_rate: of gradient descent; None takes 1 / (largest curvature), the longest that never overshoots.
        num_steps: of gradient descent, at least 1.

    Raises:
        ValueError: an argument out of range, or data that are not finite, of wrong shape or none at all.

    Example:
        >>> from keras_course.fundamentals import PolynomialRegressor
        >>> line = PolynomialRegressor(degree=1).fit([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
        >>> line.coefficients.round(6).tolist(), line.predict([10.0]).round(6).tolist()
        ([1.0, 2.0], [21.0])
    """

    @validate(
        degree=whole(0),
        penalty=not_negative,
        scale=_check_scale,
        solver=choice("exact", "gradient"),
        learning_rate=positive,
        num_steps=whole(1),
    )
    def __init__(self, degree, *, penalty=0.0, scale="largest", solver="exact", learning_rate=None, num_steps=1000):
        self.degree, self.penalty, self.scale, self.solver = degree, penalty, scale, solver
        self.learning_rate, self.num_steps = learning_rate, num_steps

    def fit(self, x, y) -> Self:
        """Fit the weights to N points `(N,)` and targets `(N,)`; return self.

        After it there are `weights` (d + 1,), of the powers of x / scale, and `losses`: J at the end, or with
        gradient descent before the first step and after each.
        """
        x, y = as_pairs(x, y)
        self.fitted_scale = self.scale if self.scale != "largest" else float(np.abs(x).max()) or 1.0
        X = polynomial_features(x, self.degree, scale=self.fitted_scale)
        if self.solver == "exact":
            self.weights = least_squares(X, y, penalty=self.penalty)
            self.losses = np.array([self._loss(X, y, self.weights)])
        else:
            self.weights, self.losses = self._descend(X, y)
        return self

    def predict(self, x) -> np.ndarray:
        """Return f(x) for M numbers `(M,)` or `(M, 1)`, `(M,)`."""
        seen_data(self, "weights")
        return polynomial_features(x, self.degree, scale=self.fitted_scale) @ self.weights

    @property
    def coefficients(self) -> np.ndarray:
        """The weights of the powers of x itself, `(d + 1,)`, the constant first."""
        seen_data(self, "weights")
        return self.weights / self.fitted_scale ** np.arange(self.degree + 1)

    def _loss(self, X, y, w):
        return (np.sum((X @ w - y) ** 2) + self.penalty * np.sum(w**2)) / len(y)

    def _descend(self, X, y):
        curvature = 2 * (np.linalg.norm(X, 2) ** 2 + self.penalty) / len(y)
        rate = 1 / curvature if self.learning_rate is None else self.learning_rate
        _check_rate(rate, curvature)
        w = np.zeros(X.shape[1])
        losses = [self._loss(X, y, w)]
        for _ in range(self.num_steps):
            w = w - rate * 2 / len(y) * (X.T @ (X @ w - y) + self.penalty * w)
            losses.append(self._loss(X, y, w))
        return w, np.array(losses)


def _check_rate(rate, curvature):
    if rate * curvature >= 2:
        raise ValueError(
            f"learning_rate={rate} makes gradient descent diverge here: it must be below {2 / curvature:.4g}, "
            "2 / (largest curvature)"
        )
