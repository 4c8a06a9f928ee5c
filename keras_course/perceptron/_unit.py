"""The threshold unit, and the rule by which Rosenblatt's perceptron learns.

Notation: x (N, D) points, y (N,) labels 0 or 1, w (D,) weights, b bias. The Heaviside step is 1[z >= 0].
"""

import dataclasses

import numpy as np

from keras_course.checks import as_floats, as_points, validate, whole
from keras_course.perceptron._data import as_labeled


def threshold_unit(x, weights, bias) -> np.ndarray:
    """The unit of McCulloch and Pitts, with real weights: it fires where its weighted input reaches a threshold.

    Takes points `(N, D)`; gives `(N,)` of 0 and 1:

        f(x) = 1[w . x + b >= 0]

    Args:
        x: points.
        weights: w, `(D,)`.
        bias: b, a number; the threshold is -b.

    Returns:
        An integer array.

    Raises:
        ValueError: `x` is not a finite table of points, `weights` has not one entry for each of its columns, or weights
            and bias are not finite.

    References:
        A logical calculus of the ideas immanent in nervous activity, McCulloch and Pitts, 1943,
        https://doi.org/10.1007/BF02478259

    Example:
        >>> from keras_course.perceptron import threshold_unit
        >>> threshold_unit([[0, 0], [0, 1], [1, 0], [1, 1]], [1, 1], -1.5).tolist()      # logical and
        [0, 0, 0, 1]
    """
    x = as_points(x)
    w = _weights(x, weights, bias)
    return (x @ w[:-1] + w[-1] >= 0).astype(int)


@dataclasses.dataclass(frozen=True)
class PerceptronFit:
    """What Rosenblatt's rule has learned, and how.

    Args:
        weights: w, `(D,)`.
        bias: b.
        mistakes: number of mistakes in each pass over the data; the last is 0 if the rule has converged.
        path: w and b before the first mistake and after each, `(1 + number of mistakes, D + 1)`, b last.
    """

    weights: np.ndarray
    bias: float
    mistakes: tuple
    path: np.ndarray = dataclasses.field(repr=False)

    @property
    def converged(self) -> bool:
        """Whether a whole pass went by without a mistake."""
        return self.mistakes[-1] == 0

    def predict(self, x) -> np.ndarray:
        """Return the class, 0 or 1, of each point `(N, D)`."""
        return threshold_unit(x, self.weights, self.bias)


@validate(max_epochs=whole(1))
def rosenblatt(x, y, *, max_epochs=100) -> PerceptronFit:
    """Train a threshold unit by Rosenblatt's rule: after each mistake, move towards the point or away from it.

    The points are visited in their order, again and again, until a pass makes no mistake:

        w <- w + (y - f(x)) x,  b <- b + y - f(x)

    A correct answer changes nothing; a missed 1 adds x to the weights, a false 1 takes it away. If some plane
    separates the classes this ends after at most `novikoff_bound` mistakes; if none does, it never ends by itself.

    Args:
        x: points, `(N, D)`.
        y: labels 0 or 1, `(N,)`.
        max_epochs: passes after which to give up.

    Returns:
        A `PerceptronFit`.

    Raises:
        ValueError: data that are not finite or no table, labels other than 0 and 1, or `max_epochs` below 1.

    References:
        The perceptron: a probabilistic model for information storage and organization in the brain, Rosenblatt, 1958,
        https://doi.org/10.1037/h0042519

    Example:
        >>> from keras_course.perceptron import rosenblatt
        >>> fit = rosenblatt([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1])
        >>> fit.converged, fit.predict([[1, 1], [0, 1]]).tolist()
        (True, [1, 0])
    """
    x, y, _ = as_labeled(x, y, num_classes=2)
    inputs = np.column_stack([x, np.ones(len(x))])  # (N, D + 1): the bias is the weight of a constant input
    w = np.zeros(inputs.shape[1])
    mistakes, path = [], [w]
    while len(mistakes) < max_epochs and (not mistakes or mistakes[-1]):
        mistakes.append(0)
        for point, label in zip(inputs, y, strict=True):
            error = label - int(point @ w >= 0)
            if error:
                w = w + error * point
                mistakes[-1] += 1
                path.append(w)
    return PerceptronFit(w[:-1], float(w[-1]), tuple(mistakes), np.stack(path))


def novikoff_bound(x, y, weights, bias) -> float:
    """The largest number of mistakes that Rosenblatt's rule can make, as any unit that separates the classes proves.

    With the constant 1 appended to each point, R its greatest length and gamma the margin of the unit:

        mistakes <= (R / gamma)^2,  gamma = min_i (2 y_i - 1) (w . x_i + b) / |(w, b)|

    Args:
        x: points, `(N, D)`.
        y: labels 0 or 1, `(N,)`.
        weights: w of a unit that separates the classes, `(D,)`. The wider its margin, the tighter the bound.
        bias: its b.

    Returns:
        The bound, a float.

    Raises:
        ValueError: bad data as in `rosenblatt`, or a unit that leaves a point on the wrong side or on the boundary.

    References:
        On convergence proofs for perceptrons, Novikoff, 1962, https://apps.dtic.mil/sti/citations/AD0298258

    Example:
        >>> from keras_course.perceptron import novikoff_bound
        >>> round(novikoff_bound([[-1.0], [1.0]], [0, 1], [1.0], 0.0), 6)
        2.0
    """
    x, y, _ = as_labeled(x, y, num_classes=2)
    inputs, w = np.column_stack([x, np.ones(len(x))]), _weights(x, weights, bias)
    margin = np.min((2 * y - 1) * (inputs @ w)) / np.linalg.norm(w)
    if not margin > 0:
        raise ValueError(f"weights and bias do not separate the classes: their margin is {margin:.3g}, not above 0")
    return float(np.max(np.sum(inputs**2, axis=1)) / margin**2)


def _weights(x, weights, bias):
    """Return weights and bias as one array `(D + 1,)` that fits x `(N, D)`, or raise a ValueError."""
    weights, bias = as_floats("weights", weights), as_floats("bias", bias)
    if weights.shape != x.shape[1:]:
        raise ValueError(f"weights has shape {weights.shape}; x of shape {x.shape} needs {x.shape[1:]}")
    if bias.shape or not (np.isfinite(weights).all() and np.isfinite(bias)):
        raise ValueError(f"weights={weights} and bias={bias} must be finite numbers, with one bias")
    return np.append(weights, bias)
