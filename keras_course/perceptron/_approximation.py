"""Universal approximation in one dimension: a network of one hidden layer, its weights set by hand.

Notation: M hidden units with knots t_1, ..., t_M; unit j is phi(x - t_j), where phi is the step 1[z >= 0] or the
rectifier max(z, 0); the network is c + sum_j a_j phi(x - t_j).
"""

import dataclasses

import keras
import numpy as np

from keras_course.checks import as_floats, as_row, is_number, number, one_of, whole_number
from keras_course.checks import function as check_function
from keras_course.perceptron._activations import step
from keras_course.perceptron._mlp import mlp

_UNITS = {"step": lambda z: (z >= 0).astype(z.dtype), "relu": lambda z: np.maximum(z, 0)}


@dataclasses.dataclass(frozen=True)
class SumOfUnits:
    """The function c + sum_j a_j phi(x - t_j) of one variable.

    Args:
        kind: phi: "step" or "relu".
        knots: t, `(M,)`, where a unit jumps or bends.
        heights: a, `(M,)`: by how much the function jumps there, or its slope changes.
        offset: c.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import SumOfUnits
        >>> roof = SumOfUnits("relu", knots=np.array([0.0, 1.0]), heights=np.array([1.0, -2.0]), offset=0.0)
        >>> roof([-1.0, 1.0, 2.0]).tolist()
        [0.0, 1.0, 0.0]
    """

    kind: str
    knots: np.ndarray
    heights: np.ndarray
    offset: float

    def __post_init__(self):
        one_of(_UNITS, kind=self.kind)
        number(offset=self.offset)
        for name in ("knots", "heights"):
            object.__setattr__(self, name, as_row(name, getattr(self, name)))
        if len(self.knots) != len(self.heights):
            raise ValueError(
                f"heights has {len(self.heights)} entries, and knots {len(self.knots)}: they must be as many"
            )

    def __call__(self, x):
        """Return the function's values at an array of any shape, in float64."""
        x = np.asarray(x, "float64")
        return self.offset + _UNITS[self.kind](x[..., None] - self.knots) @ self.heights

    def model(self) -> keras.Model:
        """Return the same function as a Keras model from `(B, 1)` to `(B, 1)`: an `mlp` with these weights."""
        network = mlp((1,), 1, hidden_dims=(len(self.knots),), activation=step if self.kind == "step" else "relu")
        network.set_weights(
            [np.ones((1, len(self.knots))), -self.knots, self.heights[:, None], np.array([self.offset])]
        )
        return network


def universal_approximator_1d(function, low, high, num_units, kind="relu") -> keras.Model:
    """Build the network of M hidden units that follows a function on an interval, without any training.

    The interval is cut into equal pieces of length h. Steps: M + 1 pieces, on each the value at its middle; the jumps
    from piece to piece are the output weights. Rectifiers: M pieces, on each the chord; the changes of slope are the
    output weights. So the error is at most

        `steps: h/2 max |f'|        rectifiers: h^2/8 max |f''|`

    and falls below any bound as M grows.

    Args:
        function: f, of an array of numbers.
        low: start of the interval.
        high: its end.
        num_units: number M of hidden units.
        kind: "step" or "relu".

    Returns:
        An uncompiled `keras.Model` from `(B, 1)` to `(B, 1)`.

    Raises:
        ValueError: `low` not below `high`, `num_units` below 1, an unknown `kind`, or values of f that are not finite.

    References:
        Approximation by superpositions of a sigmoidal function, Cybenko, 1989, https://doi.org/10.1007/BF02551274

        Multilayer feedforward networks with a nonpolynomial activation function can approximate any function, Leshno
        et al., 1993, https://doi.org/10.1016/S0893-6080(05)80131-5

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import universal_approximator_1d
        >>> model = universal_approximator_1d(np.sin, 0.0, 3.0, num_units=30)
        >>> x = np.linspace(0.0, 3.0, 100)[:, None]
        >>> bool(np.abs(model.predict(x, verbose=0) - np.sin(x)).max() <= 0.1**2 / 8)
        True
    """
    _check(low, high, num_units, kind)
    if kind == "step":
        edges = np.linspace(low, high, num_units + 2)
        values = _values(function, (edges[:-1] + edges[1:]) / 2)
        return SumOfUnits(kind, edges[1:-1], np.diff(values), values[0]).model()
    knots = np.linspace(low, high, num_units + 1)
    values = _values(function, knots)
    slopes = np.diff(values) / np.diff(knots)
    return SumOfUnits(kind, knots[:-1], np.diff(slopes, prepend=0.0), values[0]).model()


def greedy_approximations(function, low, high, num_units, kind="step", *, num_points=200) -> tuple[SumOfUnits, ...]:
    """Grow an approximation unit by unit: each new one is put where it helps most.

    At each turn every position on a grid is tried as the next knot, the output weights are fitted by least squares,
    and the best is kept; so the error never rises.

    Args:
        function: f, of an array of numbers.
        low: start of the interval.
        high: its end.
        num_units: number M of units in the end.
        kind: "step" or "relu".
        num_points: points of the grid on which the error is measured, evenly from `low` to `high`.

    Returns:
        A tuple of M `SumOfUnits`, of 1, ..., M units: the frames of a film.

    Raises:
        ValueError: as `universal_approximator_1d`, or `num_points` not above `num_units + 1`.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import greedy_approximations
        >>> first, second = greedy_approximations(np.sign, -1.0, 1.0, 2)
        >>> float(np.abs(first([-0.5, 0.5]) - [-1.0, 1.0]).max()) < 1e-9      # one step makes a sign
        True
    """
    _check(low, high, num_units, kind)
    whole_number(num_units + 2, num_points=num_points)
    x = np.linspace(low, high, num_points)
    values = _values(function, x)
    candidates = x[1:-1] if kind == "step" else x[:-1]
    columns = _UNITS[kind](x[:, None] - candidates)  # (num_points, candidates)
    chosen, frames = [], []
    for _ in range(num_units):
        basis = np.linalg.qr(np.column_stack([np.ones_like(x), columns[:, chosen]]))[0]
        residual = values - basis @ (basis.T @ values)
        fresh = columns - basis @ (basis.T @ columns)  # what each candidate would add to the span
        norms = np.linalg.norm(fresh, axis=0)
        gains = np.where(norms > 1e-8 * np.linalg.norm(columns, axis=0), (fresh.T @ residual) ** 2, -1.0)
        chosen.append(int(np.argmax(gains / np.maximum(norms, 1e-30) ** 2)))
        design = np.column_stack([np.ones_like(x), columns[:, chosen]])
        offset, *heights = np.linalg.lstsq(design, values, rcond=None)[0]
        frames.append(SumOfUnits(kind, candidates[chosen], np.array(heights), float(offset)))
    return tuple(frames)


def _check(low, high, num_units, kind):
    whole_number(1, num_units=num_units)
    if not (is_number(low) and is_number(high) and -np.inf < low < high < np.inf):
        raise ValueError(f"low={low!r} must be below high={high!r}, both finite")
    one_of(_UNITS, kind=kind)


def _values(function, x):
    check_function(function=function)
    values = as_floats("function", function(x))
    if values.shape != x.shape or not np.isfinite(values).all():
        raise ValueError(f"function must give one finite number for each of {len(x)} points; got shape {values.shape}")
    return values
