"""Problems with a known distribution, so that learned functions can be compared with the best possible one.

Notation: x ~ U[low, high], y = g(x) + noise e with e ~ N(0, 1); R(f) = E[(y - f(x))^2] is the expected risk.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_course.checks import function, not_negative, number, validate, whole
from keras_course.fundamentals._data import predict_at


@dataclasses.dataclass(frozen=True)
class RegressionProblem:
    """A regression problem whose Bayes model is known: y = g(x) + noise e, x ~ U[low, high], e ~ N(0, 1).

    Args:
        function: g, from an array `(N,)` to one `(N,)`. It is the Bayes model: no function of x has a smaller risk.
        low, high: ends of the interval of x.
        noise: standard deviation of y around g(x), at least 0.

    Raises:
        ValueError: no function, an interval without length, or a negative `noise`.

    Example:
        >>> from keras_course.fundamentals import RegressionProblem
        >>> problem = RegressionProblem(lambda x: 2 * x, low=0.0, high=1.0, noise=0.5)
        >>> x, y = problem.sample(100, seed=1)
        >>> x.shape, y.shape, problem.bayes_risk
        ((100,), (100,), 0.25)
    """

    function: Callable
    low: float
    high: float
    noise: float

    def __post_init__(self):
        function(function=self.function)
        number(low=self.low, high=self.high)
        not_negative(noise=self.noise)
        if not self.low < self.high:
            raise ValueError(f"low={self.low!r} must be below high={self.high!r}")

    @property
    def bayes_risk(self) -> float:
        """The smallest expected risk of all functions, noise^2: the expected risk of g itself."""
        return self.noise**2

    @validate(num_points=whole(1))
    def sample(self, num_points, seed) -> tuple[np.ndarray, np.ndarray]:
        """Draw N independent pairs; return x `(N,)` and y `(N,)`, float64. `seed` is a number or a NumPy Generator."""
        rng = np.random.default_rng(seed)
        x = rng.uniform(self.low, self.high, num_points)
        return x, self.function(x) + self.noise * rng.standard_normal(num_points)

    @validate(num_points=whole(1))
    def expected_risk(self, predict, num_points=2000) -> float:
        """Return R(f) of a function f = `predict` from `(M,)` to `(M,)`, up to the error of the quadrature.

        As y = g(x) + noise, R(f) = noise^2 + E[(f(x) - g(x))^2]; the expectation is the mean over the midpoints of
        `num_points` equal parts of the interval.
        """
        x = self.grid(num_points)
        return float(self.bayes_risk + np.mean((predict_at(predict, x) - self.function(x)) ** 2))

    def grid(self, num_points) -> np.ndarray:
        """Return the midpoints of equal parts of the interval, `(num_points,)`."""
        return self.low + (np.arange(num_points) + 0.5) * (self.high - self.low) / num_points


def noisy_cubic(noise=10.0) -> RegressionProblem:
    """Return the problem of this lecture: g(x) = 0.1 x^3 + 0.4 x^2 - 4.8 x + 0.2 on [-10, 10].

    Args:
        noise: standard deviation of y around g(x).

    Returns:
        A `RegressionProblem`; with the default noise its Bayes risk is 100.

    Example:
        >>> from keras_course.fundamentals import noisy_cubic
        >>> noisy_cubic().bayes_risk
        100.0
    """
    return RegressionProblem(lambda x: 0.1 * x**3 + 0.4 * x**2 - 4.8 * x + 0.2, low=-10.0, high=10.0, noise=noise)
