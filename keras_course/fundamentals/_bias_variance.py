"""The bias-variance decomposition: the expected squared error is noise, squared bias and variance.

Notation: f_D is the function that a fit gives on the training set D; g the Bayes model; at a point x

    E_D E_y [(y - f_D(x))^2] = noise^2 + (E_D f_D(x) - g(x))^2 + Var_D f_D(x)
"""

import dataclasses

import numpy as np

from keras_course.checks import choice, instance, numpy_seed, validate, whole, whole_number
from keras_course.fundamentals._data import as_numbers, predict_at
from keras_course.fundamentals._problem import RegressionProblem
from keras_course.fundamentals._risk import fitted

_MEDIAN_OF_SQUARES = 0.45493642311957274  # of a standard normal number's square


@dataclasses.dataclass(frozen=True)
class BiasVariance:
    """Bias and variance of a fit at M points.

    Args:
        x: the points, `(M,)`.
        target: g(x), `(M,)`.
        predictions: f_D(x) of each of S training sets, `(S, M)`.
        center: E_D f_D(x), `(M,)`: the mean over the sets, or with `estimate="median"` their median.
        squared_bias: (center - g)^2, `(M,)`.
        variance: Var_D f_D(x), `(M,)`.
        noise: variance of y around g, a float.
    """

    x: np.ndarray
    target: np.ndarray
    predictions: np.ndarray
    center: np.ndarray
    squared_bias: np.ndarray
    variance: np.ndarray
    noise: float

    @property
    def risk(self) -> np.ndarray:
        """The mean over the sets of noise + (f_D(x) - g(x))^2, `(M,)`; with "mean" the sum of the three parts."""
        return self.noise + np.mean((self.predictions - self.target) ** 2, axis=0)

    def average(self, low=-np.inf, high=np.inf) -> tuple[float, float, float]:
        """Return the means of (noise, squared bias, variance) over the points with low <= x <= high."""
        inside = (self.x >= low) & (self.x <= high)
        if not inside.any():
            raise ValueError(f"low={low} and high={high}: no point lies between them")
        return self.noise, float(self.squared_bias[inside].mean()), float(self.variance[inside].mean())


@validate(
    problem=instance(RegressionProblem),
    num_points=whole(1),
    num_sets=whole(2),
    estimate=choice("mean", "median"),
    seed=numpy_seed,
)
def bias_variance_decomposition(
    fit, problem, *, num_points=15, num_sets=200, at=101, estimate="mean", seed=0
) -> BiasVariance:
    """Fit to many training sets, and split the expected squared error into noise, squared bias and variance.

    The mean is the definition, but a mean over few sets is a poor estimate if predictions have heavy tails: a
    polynomial of degree 4 or more on 15 points is so large at the ends of the interval that one set in a hundred makes
    up most of the variance. An average over the inside of the interval only (`BiasVariance.average`) has smaller
    tails, but they are still heavy. `estimate="median"` is robust, as it describes the typical set:

        center = median_D f_D(x),  variance = median_D (f_D(x) - center)^2 / 0.455

    There 0.455, the median of the square of a standard normal number, makes it the variance if f_D(x) is Gaussian.

    Args:
        fit: a function (x, y) -> predict, or an object with `fit` and `predict`, of which a copy is fitted.
        problem: a `RegressionProblem`.
        num_points: N, points in each training set.
        num_sets: S, training sets, at least 2.
        at: points x to look at, `(M,)`, or their number M: the midpoints of equal parts of the interval.
        estimate: "mean" or "median".
        seed: whole number, of the training sets.

    Returns:
        A `BiasVariance`.

    Raises:
        ValueError: a size is not a whole number in range, `estimate` is unknown, or the predictions are not finite or
            not one for each point.

    References:
        Neural Networks and the Bias/Variance Dilemma, Geman, Bienenstock and Doursat, 1992,
        https://doi.org/10.1162/neco.1992.4.1.1

    Example:
        >>> from keras_course.fundamentals import PolynomialRegressor, bias_variance_decomposition, noisy_cubic
        >>> stiff, apt = (bias_variance_decomposition(PolynomialRegressor(d), noisy_cubic()) for d in (1, 3))
        >>> stiff.average(-8, 8)[1] > 100 > 10 > apt.average(-8, 8)[1]      # a line cannot bend
        True
    """
    x = _points(problem, at)
    rng = np.random.default_rng(seed)
    predictions = np.stack([predict_at(fitted(fit, *problem.sample(num_points, rng)), x) for _ in range(num_sets)])
    target = problem.function(x)
    if estimate == "mean":
        center, variance = predictions.mean(axis=0), predictions.var(axis=0)
    else:
        center = np.median(predictions, axis=0)
        variance = np.median((predictions - center) ** 2, axis=0) / _MEDIAN_OF_SQUARES
    return BiasVariance(x, target, predictions, center, (center - target) ** 2, variance, problem.bayes_risk)


def _points(problem, at):
    """Return the points x themselves, or `at` midpoints of equal parts of the interval."""
    if np.ndim(at):
        return as_numbers("at", at)
    whole_number(1, at=at)
    return problem.grid(at)
