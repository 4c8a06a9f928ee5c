"""Numerical solution of ordinary differential equations.

Notation: y a tuple of tensors, dy/dt = f(t, y), h the size of a step.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_course.checks import function, number, positive, validate, whole
from keras_course.ops._compilation import jit_while


def _moved(y, h, slopes, weights):
    """Return y + h (w_1 k_1 + w_2 k_2 + ...) for slopes k and weights w."""
    steps = (sum(w * k for w, k in zip(weights, parts, strict=True) if w) for parts in zip(*slopes, strict=True))
    return tuple(part + h * step for part, step in zip(y, steps, strict=True))


@validate(f=function, start=number, stop=number, num_steps=whole(1))
def runge_kutta(f, y, start, stop, num_steps) -> tuple:
    """Solve dy/dt = f(t, y) from `start` to `stop` in steps of equal size, by the Runge-Kutta method of order 4:

        k_1 = f(t, y),  k_2 = f(t + h/2, y + h/2 k_1),  k_3 = f(t + h/2, y + h/2 k_2),  k_4 = f(t + h, y + h k_3)
        y <- y + h/6 (k_1 + 2 k_2 + 2 k_3 + k_4)

    Args:
        f: function of a scalar and a tuple of tensors that returns a tuple like it.
        y: a tuple of tensors, the state at `start`.
        start, stop: times; the solution may run backwards.
        num_steps: number of steps.

    Returns:
        The state at `stop`.

    Example:
        >>> from keras import ops
        >>> from keras_course.ops import runge_kutta
        >>> (y,) = runge_kutta(lambda t, y: (y[0],), (ops.ones(()),), 0.0, 1.0, 10)
        >>> round(float(y), 4)  # e
        2.7183
    """
    h = (stop - start) / num_steps

    def step(y, t):
        k1 = f(t, y)
        k2 = f(t + h / 2, _moved(y, h, [k1], [1 / 2]))
        k3 = f(t + h / 2, _moved(y, h, [k2], [1 / 2]))
        k4 = f(t + h, _moved(y, h, [k3], [1]))
        return _moved(y, h, [k1, k2, k3, k4], [1 / 6, 1 / 3, 1 / 3, 1 / 6]), None

    times = ops.convert_to_tensor(start + h * np.arange(num_steps), dtype="float32")
    return ops.scan(step, _state(y), times)[0]


# The tableau of Dormand and Prince: times and weights of seven slopes. The last row is the step of order 5.
_TIMES = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
_WEIGHTS = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERRORS = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)  # order 5 minus order 4


@validate(f=function, start=number, stop=number, tolerance=positive, max_steps=whole(1))
def dormand_prince(f, y, start, stop, *, tolerance=1e-5, max_steps=1000, variables=()) -> tuple[tuple, int]:
    """Solve dy/dt = f(t, y) from `start` to `stop` in steps whose size follows from an estimate of the error.

    Two methods, of order 5 and 4, share seven slopes. The difference of their results estimates the error of a step. A
    step is accepted if the error is at most tolerance (1 + abs(y)), in the root mean square over all entries; the next
    step has the size h 0.9 error^(-1/5), with the error in units of that bound. The loop is one compiled program, and
    has no gradient.

    Args:
        f: function of a scalar and a tuple of tensors that returns a tuple like it.
        y: a tuple of tensors, the state at `start`.
        start, stop: times; the solution may run backwards.
        tolerance: see above.
        max_steps: the largest number of steps, accepted or not.
        variables: every Keras variable that f reads.

    Returns:
        The state at `stop`, and the number of steps.

    Raises:
        RuntimeError: `stop` was not reached; the message names the steps, the time and the tolerance.

    References:
        A family of embedded Runge-Kutta formulae, Dormand and Prince, 1980,
        https://doi.org/10.1016/0771-050X(80)90013-3

    Example:
        >>> from keras import ops
        >>> from keras_course.ops import dormand_prince
        >>> (y,), steps = dormand_prince(lambda t, y: (y[0],), (ops.ones(()),), 0.0, 1.0)
        >>> round(float(y), 3)  # e
        2.718
    """
    solve = adaptive_solver(lambda t, y, given: f(t, y), variables=variables)
    return solve(y, start, stop, tolerance=tolerance, max_steps=max_steps)


def adaptive_solver(f, *, variables=()) -> Callable:
    """Return a function that solves dy/dt = f(t, y, given) as `dormand_prince` does, compiled once.

    It takes `(y, start, stop, *, tolerance, max_steps, given=())`, with `given` any structure of tensors.
    """

    def unfinished(c):
        return ops.logical_and(c["passed"] < c["length"], c["steps"] < c["max_steps"])

    def attempt(c):
        y, h = c["y"], ops.minimum(c["h"], c["length"] - c["passed"])
        signed, slopes = c["direction"] * h, []
        for time, weights in zip(_TIMES, _WEIGHTS, strict=True):
            moved = _moved(y, signed, slopes, weights) if slopes else y
            slopes.append(f(c["start"] + c["direction"] * c["passed"] + time * signed, moved, c["given"]))
        differences = _moved(tuple(map(ops.zeros_like, y)), signed, slopes, _ERRORS)
        bounds = [c["tolerance"] * (1 + ops.maximum(ops.abs(a), ops.abs(b))) for a, b in zip(y, moved, strict=True)]
        error = _norm(differences, bounds)
        accepted = error <= 1  # not where it is NaN
        factor = ops.where(error >= 0, 0.9 * ops.maximum(error, 1e-10) ** -0.2, 0.2)
        end = ops.where(h >= c["length"] - c["passed"], c["length"], c["passed"] + h)
        return {
            **c,
            "y": tuple(ops.where(accepted, new, old) for new, old in zip(moved, y, strict=True)),
            "passed": ops.where(accepted, end, c["passed"]),
            "h": h * ops.clip(factor, 0.2, 5.0),
            "steps": c["steps"] + 1,
        }

    loop = jit_while(unfinished, attempt, variables=variables)

    def solve(y, start, stop, *, tolerance=1e-5, max_steps=1000, given=()):
        length = abs(stop - start)
        direction = 1.0 if stop >= start else -1.0
        numbers = {"passed": 0.0, "h": 0.05 * length, "start": start, "length": length, "direction": direction}
        carry = {key: ops.convert_to_tensor(value, "float32") for key, value in numbers.items()}
        counts = {"steps": ops.zeros((), "int32"), "max_steps": ops.convert_to_tensor(max_steps, "int32")}
        carry |= {"tolerance": ops.convert_to_tensor(tolerance, "float32"), "y": _state(y), "given": given}
        carry = loop(carry | counts)
        if float(carry["passed"]) < float(np.float32(length)):
            time = start + direction * float(carry["passed"])
            raise RuntimeError(
                f"the solver did not converge: after max_steps={max_steps} steps it is at t={time:.4g} of {stop:.4g} "
                f"with tolerance={tolerance:.3g}; allow more steps or a larger tolerance"
            )
        return carry["y"], int(carry["steps"])

    return solve


def _norm(errors, bounds):
    """Return the root mean square of errors in units of their bounds, over all entries of all parts."""
    squares = sum(ops.sum(ops.square(error / bound)) for error, bound in zip(errors, bounds, strict=True))
    return ops.sqrt(squares / float(sum(np.prod(part.shape) for part in errors)))


def _state(y):
    if not isinstance(y, tuple | list) or not y:
        raise ValueError(f"y={y!r} must be a tuple of tensors, at least one")
    return tuple(ops.convert_to_tensor(part) for part in y)
