"""Line search: how far to go along a direction, and L-BFGS, which needs to know.

Notation: w weights, p a direction along which f falls, phi(a) = f(w + a p) for a step length a > 0, so that phi'(0) =
g' p < 0. Both searches ask for sufficient decrease (Armijo), the second also for a flatter slope (Wolfe):

    phi(a) <= phi(0) + c1 a phi'(0),      |phi'(a)| <= c2 |phi'(0)|

A function is given with its gradient, as `function(w) -> (f, g)`: that is what `keras_course.ops.value_and_grad` and
`keras_course.autodiff.value_and_grad` return. What is searched here is a NumPy array, in float64.
"""

import collections
import math
from typing import NamedTuple

import numpy as np

from keras_course.checks import as_floats, finite, is_number, not_negative, positive, validate, whole

MOST = 40  # trials: halving or doubling a step so often changes it by a factor of 1e12


class LineSearch(NamedTuple):
    """What a line search finds.

    Args:
        step: the step length a.
        loss: f at w + a p.
        gradient: the gradient there.
        evaluations: how often function and gradient were computed, the one at w included.
    """

    step: float
    loss: float
    gradient: np.ndarray
    evaluations: int


@validate(initial_step=positive)
def backtracking(function, w, direction, *, initial_step=1.0, c1=1e-4, shrink=0.5) -> LineSearch:
    """Shorten a step until it decreases f sufficiently (Armijo's condition).

    Args:
        function: function of w that returns `(f, g)`.
        w: array of weights.
        direction: array p like w, along which f falls.
        initial_step: the first a to be tried.
        c1: fraction of the decrease that the slope promises which is required, in (0, 1).
        shrink: what a is multiplied by after a failure, in (0, 1).

    Returns:
        A `LineSearch`.

    Raises:
        ValueError: a constant outside its range, shapes that differ, or a direction along which f does not fall.
        RuntimeError: no step length satisfies the condition.

    References:
        Minimization of Functions Having Lipschitz Continuous First Partial Derivatives, Armijo, 1966,
        https://doi.org/10.2140/pjm.1966.16.1

    Example:
        >>> import numpy as np
        >>> from keras_course.training import backtracking
        >>> found = backtracking(lambda w: (float(w @ w), 2 * w), np.array([1.0]), np.array([-4.0]))
        >>> found.step, found.loss
        (0.25, 0.0)
    """
    _inside(c1=c1, shrink=shrink)
    phi, slope = _along(function, w, direction)
    step = float(initial_step)
    for trial in range(MOST):
        loss, gradient, _ = phi(step)
        if loss <= phi.start + c1 * step * slope:
            return LineSearch(step, loss, gradient, trial + 2)
        step *= shrink
    raise RuntimeError(f"no step down to {step:.1e} decreases the function: is the gradient right?")


@validate(initial_step=positive)
def wolfe_line_search(function, w, direction, *, initial_step=1.0, c1=1e-4, c2=0.9) -> LineSearch:
    """Find a step that decreases f sufficiently and where the slope is flatter: the strong Wolfe conditions.

    An interval is kept in which there is one: too long steps bound it from above, too short ones from below; it is
    doubled until it has an upper bound, then halved.

    Args:
        function: function of w that returns `(f, g)`.
        w: array of weights.
        direction: array p like w, along which f falls.
        initial_step: the first a to be tried.
        c1: of the first condition, 0 < c1 < c2.
        c2: of the second, c1 < c2 < 1.

    Returns:
        A `LineSearch`.

    Raises:
        ValueError: a constant outside its range, shapes that differ, or a direction along which f does not fall.
        RuntimeError: no step length satisfies the conditions, as where f falls without end.

    References:
        Convergence Conditions for Ascent Methods, Wolfe, 1969, https://doi.org/10.1137/1011036;
        Numerical Optimization (section 3.1), Nocedal and Wright, 2006, https://doi.org/10.1007/978-0-387-40065-5

    Example:
        >>> import numpy as np
        >>> from keras_course.training import wolfe_line_search
        >>> def square(w):
        ...     return float(w @ w), 2 * w
        >>> found = wolfe_line_search(square, np.array([1.0]), np.array([-2.0]), initial_step=1e-3)
        >>> bool(abs(found.gradient[0]) <= 0.9 * 2), found.evaluations      # the first step was too short
        (True, 8)
    """
    _inside(c1=c1, c2=c2)
    if c1 >= c2:
        raise ValueError(f"c1={c1!r} must be less than c2={c2!r}")
    phi, slope = _along(function, w, direction)
    step, low, high = float(initial_step), 0.0, math.inf
    for trial in range(MOST):
        loss, gradient, here = phi(step)
        if not loss <= phi.start + c1 * step * slope or here > c2 * abs(slope):  # `not <=`: true of NaN as well
            high = step
        elif here < -c2 * abs(slope):
            low = step
        else:
            return LineSearch(step, loss, gradient, trial + 2)
        step = 2 * step if high == math.inf else (low + high) / 2
    raise RuntimeError(f"no step between {low:.1e} and {high:.1e} satisfies the Wolfe conditions")


@validate(num_steps=whole(1), memory=whole(1), tolerance=not_negative)
def lbfgs(function, start, num_steps, *, memory=10, tolerance=1e-6) -> tuple[np.ndarray, np.ndarray]:
    """Minimize by L-BFGS: Newton's method with a curvature that is guessed from the last steps.

    With s = w_new - w_old and y = g_new - g_old of each of the last steps, the direction is p = -H g, where H is built
    from them so that H y = s, as for the inverse of the Hessian of a quadratic. H is never formed. All data enter each
    gradient: this is what stochastic gradients are compared with on small problems.

    Args:
        function: function of w that returns `(f, g)`.
        start: array of weights.
        num_steps: the most steps to be made.
        memory: number of steps that are remembered.
        tolerance: it stops where no entry of the gradient is larger.

    Returns:
        `(trajectory, losses)`: arrays `(S + 1, ...)` and `(S + 1,)` of the S steps that were made.

    Raises:
        ValueError: `num_steps` or `memory` < 1, a negative `tolerance`, or f or its gradient is not finite at
            the start.
        RuntimeError: the line search failed.

    References:
        On the Limited Memory BFGS Method for Large Scale Optimization, Liu and Nocedal, 1989,
        https://doi.org/10.1007/BF01589116

    Example:
        >>> import numpy as np
        >>> from keras_course.training import lbfgs
        >>> curvature = np.array([1.0, 100.0])
        >>> points, losses = lbfgs(lambda w: (w @ (curvature * w) / 2, curvature * w), np.array([3.0, 2.0]), 50)
        >>> bool(losses[-1] < 1e-10), len(losses) < 15
        (True, True)
    """
    w, loss, g = _begin(function, start)
    trajectory, losses, pairs = [w], [loss], collections.deque(maxlen=int(memory))
    while len(losses) <= num_steps and np.abs(g).max() > tolerance:
        direction = -_inverse_hessian_times(g, pairs)
        first = 1.0 if pairs else min(1.0, 1 / np.abs(g).sum())  # nothing is known of the curvature yet
        found = wolfe_line_search(function, w, direction, initial_step=first)
        s, y = found.step * direction, found.gradient - g
        pairs.append((s, y, 1 / np.sum(s * y)))  # positive by the second Wolfe condition
        w, g = w + s, found.gradient
        trajectory.append(w)
        losses.append(found.loss)
    return np.stack(trajectory), np.array(losses)


def _inverse_hessian_times(g, pairs):
    """Return H g by the two-loop recursion: back through the remembered steps, and forth again."""
    q, shares = g.copy(), []
    for s, y, rho in reversed(pairs):
        shares.append(rho * np.sum(s * q))
        q = q - shares[-1] * y
    if pairs:
        s, y, rho = pairs[-1]
        q = q / (rho * np.sum(y * y))  # the scale of the latest curvature
    for (s, y, rho), share in zip(pairs, reversed(shares), strict=True):
        q = q + (share - rho * np.sum(y * q)) * s
    return q


def _begin(function, start):
    """Return the start as an array, and the loss and the gradient there, all finite, or raise a ValueError."""
    w = as_floats("start", start)
    finite(start=w)
    if not w.size:
        raise ValueError(f"start={start!r} holds no number")
    loss, g = _numbers(function, w)
    if not np.isfinite([loss, *np.ravel(g)]).all():
        raise ValueError(f"function at start={start!r} gives f={loss} and g={g}, which must be finite numbers")
    return w, loss, g


def _along(function, w, direction):
    """Return phi, which gives (f, gradient, phi') at a step length, with phi(0) as `phi.start`; and phi'(0)."""
    w, direction = as_floats("w", w), as_floats("direction", direction)
    finite(w=w, direction=direction)
    if w.shape != direction.shape:
        raise ValueError(f"w has shape {w.shape}, but direction has shape {direction.shape}")

    def phi(step):
        loss, gradient = _numbers(function, w + step * direction)
        return loss, gradient, float(np.sum(gradient * direction))

    phi.start, _, slope = phi(0.0)
    if not slope < 0:
        raise ValueError(f"direction has the slope {slope}, but the function must fall along it")
    return phi, slope


def _numbers(function, w):
    if not callable(function):
        raise ValueError(f"function={function!r} must be a function")
    loss, gradient = function(w)
    gradient = as_floats("function's gradient", gradient)
    if gradient.shape != w.shape:
        raise ValueError(f"function gives a gradient of shape {gradient.shape}, but w has shape {w.shape}")
    return float(loss), gradient


def _inside(**constants):
    for name, value in constants.items():
        if not (is_number(value) and 0 < value < 1):
            raise ValueError(f"{name}={value!r} must be in (0, 1)")
