"""Logistic regression: as a network, and fitted to the maximum of the likelihood by Newton's method.

Notation: x (N, D) points, y (N,) classes in 0..K-1, z (N, M) logits, where M = K, but M = 1 for two classes; w (D, M)
weights, b (M) biases; p (N, M) the probabilities that sigmoid (M = 1) or softmax give.
"""

import dataclasses

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import as_points, is_number, positive, validate, whole
from keras_course.perceptron._data import as_labeled


@builder(
    reference="Cox, 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x",
    presets={
        "tiny": {"num_features": 2, "num_classes": 2},
        "iris": {"num_features": 4, "num_classes": 3, "parameters": 15},
        "breast_cancer": {"num_features": 30, "num_classes": 2, "parameters": 31},
        "mnist": {"num_features": 784, "num_classes": 10, "parameters": 7_850},
    },
)
@validate(num_features=whole(1), num_classes=whole(2))
def logistic_regression(num_features, num_classes, *, name="logistic_regression") -> keras.Model:
    """Build logistic regression: a single linear layer, trained by maximum likelihood.

    Takes `(B, D)`; gives logits, `(B, K)`, or `(B, 1)` for two classes:

        z = x w + b,  p(1 | x) = sigmoid(z) for K = 2,  p(k | x) = softmax(z)_k for K > 2

    Its loss is the one of `output_head("binary")` or `output_head("multiclass")`. It is convex, so weights may start
    at zero, as they do here.

    Args:
        num_features: number D of features.
        num_classes: number K of classes, at least 2.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: `num_features` below 1 or `num_classes` below 2.

    References:
        The regression analysis of binary sequences, Cox, 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import logistic_regression
        >>> model = logistic_regression(num_features=4, num_classes=3)
        >>> model(np.zeros((5, 4), "float32")).shape == (5, 3)
        True
    """
    x = keras.Input((num_features,), name="x")
    units = 1 if num_classes == 2 else num_classes
    return keras.Model(x, keras.layers.Dense(units, kernel_initializer="zeros", name="head")(x), name=name)


@dataclasses.dataclass(frozen=True)
class LogisticRegressionFit:
    """Logistic regression at the maximum of its (penalised) likelihood.

    Args:
        weights: w, `(D, M)`; with `bias`, the weights of the model that `logistic_regression` builds.
        bias: b, `(M,)`.
        losses: mean loss (penalty included) before the first Newton step and after each.
    """

    weights: np.ndarray
    bias: np.ndarray
    losses: tuple

    def predict_proba(self, x) -> np.ndarray:
        """Return the probabilities of the classes for points `(N, D)`, `(N, K)`."""
        x = as_points(x, columns=len(self.weights))
        p = _probabilities(x @ self.weights + self.bias)
        return np.column_stack([1 - p, p]) if p.shape[1] == 1 else p

    def predict(self, x) -> np.ndarray:
        """Return the likeliest class of each point `(N, D)`, `(N,)`."""
        return np.argmax(self.predict_proba(x), axis=1)


def _check_strength(C):
    if not (is_number(C) and C > 0):
        raise ValueError(f"C={C!r} must be a number above 0, or infinite")


def _check_maximum(C, penalty, errors):
    """Raise a ValueError if longer weights are always likelier."""
    if not penalty.any() and np.abs(errors).max() < 0.5:
        raise ValueError(
            f"C={C}, no penalty, but a plane separates the classes: the likelihood has no maximum; give a finite C"
        )


@validate(C=_check_strength, max_steps=whole(1), tolerance=positive)
def fit_logistic_regression(x, y, *, C=1.0, max_steps=100, tolerance=1e-10) -> LogisticRegressionFit:
    """Fit logistic regression by Newton's method (iteratively reweighted least squares), in float64.

    It minimizes what scikit-learn's `LogisticRegression(C=C)` does, divided by C N: the mean negative log-likelihood
    and a penalty on the weights, not on the biases,

        J(w, b) = -1/N sum_i ln p(y_i given x_i) + w . w / (2 C N)

    Each step solves a weighted least-squares problem, and is halved as long as it would not lower J:

        (w, b) <- (w, b) - H^-1 g,  g = X'(p - onehot(y)) / N,  H_kl = X' diag(p_k ([k = l] - p_l)) X / N

    (plus the penalty's part), where X is x with a column of ones.

    Args:
        x: points, `(N, D)`.
        y: classes 0, ..., K - 1, `(N,)`.
        C: strength of the data against the penalty, above 0; `float("inf")` for none.
        max_steps: Newton steps after which to give up; a handful are enough where a maximum exists.
        tolerance: the largest entry of the gradient at which to stop, each in the unit of its column of X (the
            root of the column's mean square): so a change of units changes no decision.

    Returns:
        A `LogisticRegressionFit`.

    Raises:
        ValueError: data that are not finite or no table, bad labels, a `C` or `tolerance` that is not above 0, or no
            convergence; without a penalty also classes that a plane separates: their likelihood has no maximum.

    References:
        The Elements of Statistical Learning, section 4.4, Hastie, Tibshirani and Friedman, 2009,
        https://hastie.su.domains/ElemStatLearn/

    Example:
        >>> from keras_course.perceptron import fit_logistic_regression
        >>> fit = fit_logistic_regression([[-1.0], [0.0], [0.0], [1.0]], [0, 0, 1, 1], C=1.0)
        >>> fit.predict([[-0.5], [0.5]]).tolist(), fit.weights.shape
        ([0, 1], (1, 1))
    """
    x, y, num_classes = as_labeled(x, y)
    inputs = np.column_stack([x, np.ones(len(x))])  # (N, D + 1)
    target = y[:, None] if num_classes == 2 else np.eye(num_classes)[y]  # (N, M)
    unit = np.sqrt(np.mean(inputs**2, axis=0))[:, None]  # (D + 1, 1), of a column
    unit[unit == 0] = 1.0
    penalty = np.append(np.full(x.shape[1], 1 / (C * len(x))), 0.0)[:, None]  # (D + 1, 1)

    def loss(theta):
        z = inputs @ theta
        log_normalizer = np.logaddexp(0, z) if num_classes == 2 else np.logaddexp.reduce(z, axis=1, keepdims=True)
        return np.mean(np.sum(target * -z, axis=1, keepdims=True) + log_normalizer) + 0.5 * np.sum(penalty * theta**2)

    theta = np.zeros((inputs.shape[1], target.shape[1]))
    losses = [loss(theta)]
    for _ in range(max_steps):
        p = _probabilities(inputs @ theta)
        gradient = inputs.T @ (p - target) / len(x) + penalty * theta
        _check_maximum(C, penalty, target - p)
        if np.abs(gradient / unit).max() <= tolerance:
            return LogisticRegressionFit(theta[:-1], theta[-1], tuple(map(float, losses)))
        step = _newton_step(inputs, p, penalty, gradient)
        while loss(theta - step) > losses[-1] + 1e-14 and np.abs(step * unit).max() > 1e-12:
            step = step / 2
        theta = theta - step
        losses.append(loss(theta))
    raise ValueError(
        f"max_steps={max_steps} Newton steps did not converge: the gradient is still "
        f"{np.abs(gradient / unit).max():.1e}, not tolerance={tolerance}"
    )


def _probabilities(z):
    if z.shape[1] == 1:
        return 0.5 + 0.5 * np.tanh(0.5 * z)  # the sigmoid, without overflow
    odds = np.exp(z - z.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _newton_step(inputs, p, penalty, gradient):
    """Return H^-1 g, shaped like g; the shortest one, as H is singular: softmax ignores a shift of all biases.

    Each row of weights is measured in a unit of its own, in which its curvature is 1: otherwise a small curvature, of
    a feature of small numbers, would pass for none.
    """
    num_weights, num_logits = gradient.shape
    curvature = p[:, :, None] * (np.eye(num_logits) - p[:, None, :])  # (N, M, M)
    hessian = np.einsum("nd,nkl,ne->dkel", inputs, curvature, inputs, optimize=True) / len(inputs)
    hessian = hessian.reshape(gradient.size, gradient.size) + np.diag(np.repeat(penalty[:, 0], num_logits))
    size = np.sqrt(np.diag(hessian).reshape(num_weights, num_logits).mean(axis=1))
    size = np.repeat(np.where(size > 0, size, 1.0), num_logits)
    step = np.linalg.lstsq(hessian / np.outer(size, size), gradient.ravel() / size, rcond=1e-12)[0] / size
    return step.reshape(num_weights, num_logits)
