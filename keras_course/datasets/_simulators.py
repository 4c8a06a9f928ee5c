"""Simulators for simulation-based inference: parameters from a prior, and observations that follow from them.

Notation: theta (N, P) parameters, x (N, ...) observations, both float32. The same seed gives the same numbers on every
backend.
"""

import dataclasses
from typing import ClassVar

import numpy as np
from scipy import special

from keras_course.checks import as_floats, as_points, finite, numpy_seed, validate, whole, within

PIECE = 2_000  # simulations at once: their arrays stay in the cache of the processor


@dataclasses.dataclass(frozen=True)
class Simulator:
    """Base class of simulators: a prior within a box, and random observations given parameters.

    A new simulator defines the attributes and `_observe(theta, rng)`. It overrides `_sample_prior(num, rng)` and
    `log_prior` if its prior is not uniform.

    Attributes:
        names: of the parameters, P strings.
        units: of the parameters; "" for a number without a unit.
        low, high: smallest and largest value of each parameter.
    """

    names: ClassVar[tuple[str, ...]]
    units: ClassVar[tuple[str, ...]]
    low: ClassVar[tuple[float, ...]]
    high: ClassVar[tuple[float, ...]]

    def __new__(cls, *args, **kwargs):
        if missing := [name for name in ("names", "units", "low", "high") if not hasattr(cls, name)]:
            raise NotImplementedError(f"{cls.__name__} must define {', '.join(missing)}")
        return super().__new__(cls)

    @validate(num_simulations=whole(1), seed=numpy_seed)
    def pairs(self, num_simulations: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return x (N, ...) and theta (N, P): parameters from the prior, and an observation for each."""
        rng = np.random.default_rng(seed)
        theta = self._prior(num_simulations, rng)
        return self._observe(theta.astype("float64"), rng).astype("float32"), theta

    @validate(num_simulations=whole(1), seed=numpy_seed)
    def prior(self, num_simulations: int, seed: int = 0) -> np.ndarray:
        """Return parameters (N, P) from the prior."""
        return self._prior(num_simulations, np.random.default_rng(seed))

    @validate(seed=numpy_seed)
    def simulate(self, theta, seed: int = 0) -> np.ndarray:
        """Return an observation for each row of theta (N, P): x (N, ...).

        Raises:
            ValueError: theta has another shape, or an entry outside the box of the prior.
        """
        return self._observe(self._parameters(theta), np.random.default_rng(seed)).astype("float32")

    def log_prior(self, theta) -> np.ndarray:
        """Return the log-density of the prior (N,)."""
        volume = np.prod(np.subtract(self.high, self.low))
        return np.full(len(self._parameters(theta)), -np.log(volume))

    def _prior(self, count, rng):
        theta = self._sample_prior(count, rng).astype("float32")
        return np.clip(theta, np.float32(self.low), np.float32(self.high))

    def _sample_prior(self, count, rng):
        return rng.uniform(self.low, self.high, (count, len(self.names)))

    def _observe(self, theta, rng):
        raise NotImplementedError(f"{type(self).__name__} must define _observe(theta, rng)")

    def _parameters(self, theta):
        """Return parameters as a float64 array (N, P), or raise a ValueError."""
        theta = as_points(theta, len(self.names), name="theta")
        outside = (theta.astype("float32") < np.float32(self.low)) | (theta.astype("float32") > np.float32(self.high))
        if outside.any():
            column = int(outside.any(axis=0).argmax())
            raise ValueError(
                f"theta has {outside.sum()} entries outside the prior; the {self.names[column]} must lie between "
                f"{self.low[column]:.4g} and {self.high[column]:.4g}"
            )
        return theta


def in_pieces(function, *arrays) -> np.ndarray:
    """Return function(*arrays) of arrays of N rows, computed for some rows at a time."""
    count = -(-len(arrays[0]) // PIECE)
    pieces = zip(*(np.array_split(array, count) for array in arrays), strict=True)
    return np.concatenate([function(*rows) for rows in pieces])


@dataclasses.dataclass(frozen=True)
class InverseMoons(Simulator):
    """The benchmark "two moons" of simulation-based inference: given x, theta lies on two crescents.

        x_1 = r cos a + 0.25 - abs(theta_1 + theta_2) / sqrt 2,  r ~ N(0.1, 0.01^2)
        x_2 = r sin a + (theta_2 - theta_1) / sqrt 2,  a uniform in [-pi / 2, pi / 2]

    theta is uniform in [-1, 1]^2. The absolute value hides a sign, so the posterior has two modes. Likelihood and
    posterior have closed forms, because x is a sample of a known density that theta only shifts.

    References:
        Automatic Posterior Transformation for Likelihood-Free Inference, Greenberg, Nonnenmacher and Macke, 2019,
        https://arxiv.org/abs/1905.07488
        Benchmarking Simulation-Based Inference, Lueckmann et al., 2021, https://arxiv.org/abs/2101.04653

    Example:
        >>> from keras_course.datasets import InverseMoons
        >>> x = InverseMoons().simulate([[0.3, 0.4]])
        >>> InverseMoons().posterior(x, 100).shape
        (1, 100, 2)
    """

    names: ClassVar = ("theta 1", "theta 2")
    units: ClassVar = ("", "")
    low: ClassVar = (-1.0, -1.0)
    high: ClassVar = (1.0, 1.0)

    def _observe(self, theta, rng):
        radius, angle = _crescent(len(theta), rng)
        along, across = _rotated(theta)
        return np.stack([radius * np.cos(angle) + 0.25 - np.abs(along), radius * np.sin(angle) + across], axis=1)

    def log_likelihood(self, x, theta) -> np.ndarray:
        """Return log p(x | theta) (N,) of x (N, 2) and theta (N, 2): -infinity where theta cannot cause x."""
        x, theta = as_points(x, 2), self._parameters(theta)
        _same_rows(x, theta)
        along, across = _rotated(theta)
        right, up = x[:, 0] - 0.25 + np.abs(along), x[:, 1] - across
        radius = np.maximum(np.hypot(right, up), 1e-12)
        density = -0.5 * ((radius - 0.1) / 0.01) ** 2 - np.log(0.01 * np.sqrt(2 * np.pi) * np.pi * radius)
        return np.where(right >= 0, density, -np.inf)

    def log_posterior(self, x, theta) -> np.ndarray:
        """Return log p(theta | x) (N,): the likelihood, divided by its integral over the square.

        The integral is the expected number of solutions theta in the square, over r and a. A grid computes it.
        """
        radius, angle = 0.1 + 0.01 * special.ndtri((np.arange(8) + 0.5) / 8), np.pi * (np.arange(256) - 127.5) / 256
        grid = [part.ravel() for part in np.meshgrid(radius, angle)]
        different, which = np.unique(as_points(x, 2), axis=0, return_inverse=True)
        integral = np.array([self._solutions(row, *grid)[1].sum(axis=0).mean() for row in different])
        return self.log_likelihood(x, theta) - np.log(np.maximum(integral, 1e-12))[which]

    @validate(num_samples=whole(1), seed=numpy_seed)
    def posterior(self, x, num_samples: int, seed: int = 0) -> np.ndarray:
        """Return exact samples of p(theta | x) by rejection, for each row of x (N, 2): (N, S, 2).

        Raises:
            ValueError: the prior cannot cause a row of x, or hardly.
        """
        rng = np.random.default_rng(seed)
        return np.stack([self._accepted(row, num_samples, rng) for row in as_points(x, 2)]).astype("float32")

    def _accepted(self, row, count, rng):
        found = []
        for _ in range(100):
            theta, inside = self._solutions(row, *_crescent(2 * count + 100, rng))
            sign = rng.integers(2, size=len(inside[0]))
            rows = np.arange(len(sign))
            found.append(theta[sign, rows][inside[sign, rows]])
            if sum(map(len, found)) >= count:
                return np.concatenate(found)[:count]
        raise ValueError(f"x has the row {row.tolist()}, which no theta in [-1, 1]^2 can cause, or hardly any")

    def _solutions(self, row, radius, angle):
        """Return both theta (2, N, 2) that cause an observation by some r and a, and whether they may (2, N)."""
        along, across = radius * np.cos(angle) + 0.25 - row[0], row[1] - radius * np.sin(angle)
        signs = (-along, along)
        theta = np.stack([np.stack([side - across, side + across], axis=-1) for side in signs]) / np.sqrt(2)
        return theta, (along >= 0) & (np.abs(theta) <= 1).all(axis=-1)


def _crescent(count, rng):
    """Return r and a."""
    return 0.1 + 0.01 * rng.standard_normal(count), rng.uniform(-np.pi / 2, np.pi / 2, count)


def _rotated(theta):
    """Return (theta_1 + theta_2) / sqrt 2 and (theta_2 - theta_1) / sqrt 2."""
    return (theta[:, 0] + theta[:, 1]) / np.sqrt(2), (theta[:, 1] - theta[:, 0]) / np.sqrt(2)


def _same_rows(x, theta):
    if len(x) != len(theta):
        raise ValueError(f"theta has {len(theta)} rows, and x has {len(x)}; they must be as many")


MEANS = np.array([-0.125, -3.0, -0.125, -3.0])  # of the logarithms of the rates
REACH = 4  # standard deviations from a mean to the bounds of the prior
START = np.log([30.0, 1.0])  # populations at time 0
INTERVAL, STEPS = 2.1, 100  # time from an observation to the next one, and steps of the solver within it
_spread = within(above=0, at_most=10)  # of logarithms: more would overflow


@dataclasses.dataclass(frozen=True)
class LotkaVolterra(Simulator):
    """The benchmark "Lotka-Volterra": populations of prey X and predators Y, ten times observed.

        dX/dt = alpha X - beta X Y,  dY/dt = -gamma Y + delta X Y,  X(0) = 30, Y(0) = 1
        log x ~ N(log (X, Y), noise^2)  at the times 0, 2.1, ..., 18.9

    The logarithms of the four rates are normal, with the means -0.125 and -3 in turn and the standard deviation 0.5.
    The Runge-Kutta method of order 4 solves the equations of the logarithms.

    Args:
        noise: standard deviation of the logarithms.

    Differences from the paper:
        The prior ends at 4 standard deviations, which leaves out 0.025 % of it. An observation is (10, 2), not a row.

    References:
        Benchmarking Simulation-Based Inference, Lueckmann et al., 2021, https://arxiv.org/abs/2101.04653

    Example:
        >>> from keras_course.datasets import LotkaVolterra
        >>> LotkaVolterra().simulate([[0.7, 0.05, 0.8, 0.05]]).shape
        (1, 10, 2)
    """

    noise: float = 0.1

    names: ClassVar = ("alpha", "beta", "gamma", "delta")
    units: ClassVar = ("1/day", "1/day", "1/day", "1/day")
    low: ClassVar = tuple(np.exp(MEANS - 0.5 * REACH).tolist())
    high: ClassVar = tuple(np.exp(MEANS + 0.5 * REACH).tolist())

    def __post_init__(self):
        _spread(noise=self.noise)

    def _sample_prior(self, count, rng):
        tail = special.ndtr(-REACH)
        return np.exp(MEANS + 0.5 * special.ndtri(rng.uniform(tail, 1 - tail, (count, 4))))

    def log_prior(self, theta) -> np.ndarray:
        logs = np.log(self._parameters(theta))
        densities = _log_normal(logs, MEANS, 0.5) - logs - np.log1p(-2 * special.ndtr(-REACH))
        return densities.sum(axis=1)

    def _observe(self, theta, rng):
        means = in_pieces(_log_populations, theta)
        return np.exp(means + self.noise * rng.standard_normal(means.shape))

    def log_likelihood(self, x, theta) -> np.ndarray:
        """Return log p(x | theta) (N,) of x (N, 10, 2) and theta (N, 4)."""
        x, theta = as_floats("x", x), self._parameters(theta)
        if x.shape != (len(x), 10, 2) or (x <= 0).any():
            raise ValueError(f"x has shape {x.shape}; it must be (N, 10, 2), of positive numbers")
        finite(x=x)
        _same_rows(x, theta)
        densities = _log_normal(np.log(x), in_pieces(_log_populations, theta), self.noise) - np.log(x)
        return densities.sum(axis=(1, 2))


def _log_normal(x, mean, deviation):
    return -0.5 * ((x - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))


def _log_populations(theta):
    """Return the logarithms of the populations without noise, (N, 10, 2)."""
    alpha, beta, gamma, delta = theta.T

    def slopes(x, y):
        return alpha - beta * np.exp(y), delta * np.exp(x) - gamma

    h, (x, y) = INTERVAL / STEPS, (np.full(len(theta), value) for value in START)
    found = [(x, y)]
    for _ in range(9):
        for _ in range(STEPS):
            k1, l1 = slopes(x, y)
            k2, l2 = slopes(x + h / 2 * k1, y + h / 2 * l1)
            k3, l3 = slopes(x + h / 2 * k2, y + h / 2 * l2)
            k4, l4 = slopes(x + h * k3, y + h * l3)
            x, y = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), y + h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
        found.append((x, y))
    populations = np.stack([np.stack(pair, axis=-1) for pair in found], axis=1)
    return np.clip(populations, np.log(1e-10), np.log(1e4))


@validate(num_simulations=whole(1), seed=numpy_seed)
def inverse_moons(num_simulations: int = 1000, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return observations and parameters of the simulator `InverseMoons`.

    Args:
        num_simulations: N.
        seed: of the random numbers.

    Returns:
        x (N, 2), theta (N, 2), both float32.

    Raises:
        ValueError: `num_simulations` is below 1.

    Example:
        >>> from keras_course import datasets
        >>> x, theta = datasets.inverse_moons(200)
        >>> x.shape, theta.shape
        ((200, 2), (200, 2))
    """
    return InverseMoons().pairs(num_simulations, seed)


@validate(num_simulations=whole(1), noise=_spread, seed=numpy_seed)
def lotka_volterra(num_simulations: int = 1000, *, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return observations and parameters of the simulator `LotkaVolterra`.

    Args:
        num_simulations: N.
        noise: standard deviation of the logarithms of the observations.
        seed: of the random numbers.

    Returns:
        x (N, 10, 2), theta (N, 4), both float32.

    Raises:
        ValueError: `num_simulations` below 1 or a `noise` that is not positive.

    Example:
        >>> from keras_course import datasets
        >>> x, theta = datasets.lotka_volterra(5)
        >>> x.shape, theta.shape
        ((5, 10, 2), (5, 4))
    """
    return LotkaVolterra(noise).pairs(num_simulations, seed)
