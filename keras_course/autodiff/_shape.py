"""The gradient of a whole simulation, and shape optimization by gradient ascent.

Notation: state s_t of the air after t time steps, obstacle m, one time step F, lift over drag R:

    forward     s_0 = B(m),    s_(t+1) = F(s_t, m),    R = R(s_T)
    backward    u_T = dR/ds_T,    (u_t, g_t) = u_(t+1)' dF/d(s_t, m),    dR/dm = sum of all g_t

This is reverse mode with a time step as the primitive operation: only the states are kept, and each step is computed
a second time in the backward pass (a *checkpoint* at every step). A time step is compiled once, and then run for all.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from keras import ops as k

from keras_course import ops
from keras_course.autodiff._fluid import _STRIP, _checked, begin, first_flow, lift_and_drag, step
from keras_course.checks import as_real, numpy_seed, positive, validate, whole, whole_number


@validate(num_steps=whole(1), num_sweeps=whole(1), strip=whole(0))
def differentiable_fluid(shape=(50, 75), *, num_steps=20, num_sweeps=50, strip=_STRIP) -> Callable:
    """Build a wind tunnel that returns lift over drag together with its gradient.

    The wind blows to the right at one cell per time step. The function returned takes an obstacle `(H, W)`, 0 to 1, to

        R = lift / drag  (a scalar),    dR/dm `(H, W)`,    and the `Flow` at the end.

    Args:
        shape: rows H and columns W of the grid, at least 8 each.
        num_steps: number of time steps, at least 1.
        num_sweeps: Jacobi sweeps of each projection, at least 1.
        strip: width of inlet and wall in cells; see `simulate`.

    Returns:
        `tunnel(obstacle)`, which returns `(ratio, gradient, flow)`. Its first call compiles one time step.

    Raises:
        ValueError: a number out of range; at the call: an obstacle of another shape, not between 0 and 1, or none.

    References:
        Stable Fluids, Stam, 1999, https://doi.org/10.1145/311535.311548
        Optimizing a Wing, Greydanus, 2020, https://greydanus.github.io/2020/10/14/optimizing-a-wing/

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import differentiable_fluid
        >>> tunnel = differentiable_fluid((8, 12), num_steps=2, num_sweeps=3, strip=0)
        >>> obstacle = np.zeros((8, 12)); obstacle[3:5, 3:6] = 0.5
        >>> ratio, gradient, flow = tunnel(obstacle)
        >>> abs(float(ratio)) < 1e-5, tuple(gradient.shape)     # a symmetric obstacle has no lift
        (True, (8, 12))
    """
    _check_grid(shape)
    start = first_flow(k.ones(shape), k.zeros(shape))

    def first(m):
        return begin(start, m)

    def later(flow, m):
        return step(flow, start, m, num_sweeps, strip)

    def ratio(flow):
        lift, drag = lift_and_drag(start, flow)
        return lift / drag

    first, back_to_obstacle = ops.jit(first), _pullback(first)
    later, back_one_step = ops.jit(later), _pullback(later)
    ratio = ops.jit(ops.value_and_grad(ratio))

    def tunnel(obstacle):
        if strip == 0 and not np.any(obstacle):
            raise ValueError("obstacle is zero everywhere, and strip=0: nothing slows the wind, lift / drag is 0 / 0")
        _, _, obstacle = _checked(start.vx, start.vy, np.asarray(obstacle))
        states = [first(obstacle)]
        for _ in range(num_steps):
            states.append(later(states[-1], obstacle))
        value, cotangent = ratio(states[-1])
        gradient = 0
        for state in reversed(states[:-1]):
            cotangent, part = back_one_step(cotangent, state, obstacle)
            gradient = gradient + part
        (part,) = back_to_obstacle(cotangent, obstacle)
        return value, gradient + part, states[-1]

    return tunnel


def _pullback(fn):
    """Compile (cotangent, arguments) -> cotangent' dfn/d(arguments)."""
    return ops.jit(lambda cotangent, *args: ops.vjp(fn, *args)[1](cotangent))


@dataclasses.dataclass(frozen=True)
class ShapeRun:
    """A run of shape optimization: arrays of the whole run and of three moments (start, middle, end).

    `lift_over_drag` `(steps + 1,)` has the ratio before each step and after the last; `moments` the three numbers of
    steps; `obstacle`, `upper` and `lower` `(3, H, W)` the shape then, and where the two kinds of smoke ended.
    """

    lift_over_drag: np.ndarray
    moments: tuple
    obstacle: np.ndarray
    upper: np.ndarray
    lower: np.ndarray


@validate(steps=whole(1), seed=numpy_seed, learning_rate=positive)
def optimize_shape(
    shape=(50, 75), steps=100, learning_rate=1e3, *, num_steps=20, num_sweeps=50, strip=_STRIP, parameters=None, seed=0
) -> ShapeRun:
    """Find an obstacle with much lift and little drag by gradient ascent.

    Every cell has a parameter `theta`, and inside a fixed box the obstacle is its sigmoid:

        m = box / (1 + exp(-theta)),    theta <- theta + learning_rate dR/dtheta,    dR/dtheta = m (1 - m) dR/dm

    The box reaches from 30 to 68 % of the rows and from 12 to 62 % of the columns.

    Args:
        shape: rows H and columns W of the grid, at least 8 each.
        steps: number of steps of gradient ascent.
        learning_rate: positive number; it is large because a single cell changes the ratio little.
        num_steps: time steps of each simulation.
        num_sweeps: Jacobi sweeps of each projection.
        strip: width of inlet and wall in cells; see `simulate`.
        parameters: `(H, W)`, theta at the start; None draws it between -1 and -0.9, a block of about a quarter.
        seed: of that draw, the same on every backend.

    Returns:
        A `ShapeRun`.

    Raises:
        ValueError: a number out of range, or parameters of another shape or not finite. Nothing is simulated then.

    References:
        Optimizing a Wing, Greydanus, 2020, https://greydanus.github.io/2020/10/14/optimizing-a-wing/

    Example:
        >>> from keras_course.autodiff import optimize_shape
        >>> run = optimize_shape((8, 12), steps=2, num_steps=2, num_sweeps=3)
        >>> run.lift_over_drag.shape, run.moments, run.obstacle.shape
        ((3,), (0, 1, 2), (3, 8, 12))
    """
    tunnel = differentiable_fluid(shape, num_steps=num_steps, num_sweeps=num_sweeps, strip=strip)
    if parameters is None:
        parameters = 0.1 * np.random.default_rng(seed).random(shape) - 1
    theta = np.array(as_real("parameters", parameters), "float32")
    if theta.shape != tuple(shape) or not np.isfinite(theta).all():
        raise ValueError(f"parameters of shape {theta.shape} must have shape {tuple(shape)} and be finite")
    box = _box(shape)
    moments = (0, steps // 2, steps)
    ratios, obstacles, uppers, lowers = [], [], [], []
    for i in range(steps + 1):
        m = box / (1 + np.exp(-theta))
        ratio, gradient, flow = tunnel(m)
        ratios.append(float(ratio))
        for _ in range(moments.count(i)):  # in a run of one step the middle is the start
            obstacles.append(m)
            uppers.append(k.convert_to_numpy(flow.upper))
            lowers.append(k.convert_to_numpy(flow.lower))
        theta = theta + np.float32(learning_rate) * m * (1 - m) * k.convert_to_numpy(gradient)
    return ShapeRun(np.array(ratios), moments, *(np.stack(frames) for frames in (obstacles, uppers, lowers)))


def _box(shape):
    height, width = shape
    box = np.zeros(shape, "float32")
    box[int(0.3 * height) : int(0.68 * height), int(0.12 * width) : int(0.62 * width)] = 1
    return box


def _check_grid(shape):
    if not (isinstance(shape, tuple | list) and len(shape) == 2):
        raise ValueError(f"shape={shape} must name rows and columns")
    whole_number(8, **{"shape[0], rows": shape[0], "shape[1], columns": shape[1]})
