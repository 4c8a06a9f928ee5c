"""A wind tunnel in which every operation has a derivative.

Notation: a grid of H rows and W columns whose edges meet (a torus), so every stencil is a matrix with constant
diagonals. Length is counted in cells, time in time steps, and the density of the air is 1.

    v = (vx, vy)  velocity in cells per time step; vx to the right, vy *down*, as row numbers grow downwards
    m             obstacle, between 0 (air) and 1 (solid) in each cell
    p             pressure

    transport     f(x, t + 1) = f(x - v(x), t)                   follow the wind backwards (semi-Lagrangian)
    projection    v <- v - grad p  with  laplacian p = div v     afterwards as much air leaves a cell as enters it
    lift, drag    mean of vy(T) - vy(0), mean of vx(0) - vx(T)   momentum that the air got, down and against the wind

An obstacle that pushes air down is itself pushed up.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from keras import ops as k

from keras_course.checks import tensor, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor

_STRIP = 3  # width of inlet and wall, in cells


class Flow(NamedTuple):
    """The air at one moment: four tensors `(H, W)`: velocities `vx` and `vy`, and two kinds of smoke."""

    vx: Any
    vy: Any
    upper: Any
    lower: Any


@on_tensors(field=2, vx=2, vy=2)
def advect(field, vx, vy) -> Tensor:
    """Carry a field along with the wind for one time step.

    Takes `field`, vx and vy, all `(H, W)`; returns `(H, W)`. The value that arrives in cell (i, j) stood at
    (i - vy, j - vx) a step before. That point lies between four cells; it gets their bilinear interpolation:

        (1 - a)(1 - b) f[r, c] + (1 - a) b f[r, c + 1] + a (1 - b) f[r + 1, c] + a b f[r + 1, c + 1]

    with r, c the whole parts and a, b the fractions of its row and column.

    Args:
        field: what is carried: smoke, or a velocity itself.
        vx: velocity to the right, cells per time step.
        vy: velocity down, cells per time step.

    Returns:
        The field a time step later.

    Raises:
        ValueError: the shapes differ.

    References:
        Stable Fluids, Stam, 1999, https://doi.org/10.1145/311535.311548

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import advect
        >>> smoke = np.array([[0.0, 4.0, 0.0, 0.0]])
        >>> np.asarray(advect(smoke, np.full((1, 4), 1.25), np.zeros((1, 4)))).tolist()
        [[0.0, 0.0, 3.0, 1.0]]
    """
    field, vx, vy = (k.cast(f, "float32") for f in (field, vx, vy))
    _check_shapes(field=field, vx=vx, vy=vy)
    height, width = vx.shape
    rows, columns = (k.convert_to_tensor(index) for index in np.mgrid[:height, :width].astype("float32"))
    y, x = rows - vy, columns - vx
    top, left = k.floor(y), k.floor(x)
    a, b = y - top, x - left
    top, left = (k.mod(k.cast(whole, "int32"), n) for whole, n in ((top, height), (left, width)))
    below, right = k.mod(top + 1, height), k.mod(left + 1, width)
    flat = k.reshape(field, (-1,))

    def at(row, column):
        return k.take(flat, row * width + column)

    above = (1 - b) * at(top, left) + b * at(top, right)
    return (1 - a) * above + a * ((1 - b) * at(below, left) + b * at(below, right))


@on_tensors(vx=2, vy=2)
def divergence(vx, vy) -> Tensor:
    """Return how much more air leaves each cell than enters it, `(H, W)`, by central differences.

        div v = (vx[i, j + 1] - vx[i, j - 1]) / 2 + (vy[i + 1, j] - vy[i - 1, j]) / 2

    Args:
        vx: velocity to the right, cells per time step.
        vy: velocity down, cells per time step.

    Returns:
        The divergence, per time step.

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import divergence
        >>> np.asarray(divergence(np.array([[0.0, 1.0, 0.0, 0.0]]), np.zeros((1, 4)))).tolist()
        [[0.5, 0.0, -0.5, 0.0]]
    """
    vx, vy = k.cast(vx, "float32"), k.cast(vy, "float32")
    _check_shapes(vx=vx, vy=vy)
    down, across = _stencil("difference", vx.shape)
    return vx @ across + down @ vy


@on_tensors(vx=2, vy=2)
@validate(num_sweeps=whole(0))
def project(vx, vy, obstacle, *, num_sweeps=50) -> tuple[Tensor, Tensor]:
    """Remove the divergence of a wind, and the wind inside the obstacle.

    Takes vx, vy and the obstacle m, all `(H, W)`; returns `(vx, vy)`. The pressure solves laplacian p = div v by
    Jacobi's iteration: each sweep computes every p from its four *old* neighbors,

        p <- E[(p_left + p_right + p_up + p_down - div v) / 4],   then   v <- (1 - m)(v - grad p).

    E extends a field from the air into the obstacle, where there is no pressure. With G the Gaussian
    blur of one cell, E[f] = (1 - m) f + m G[(1 - m) f] / G[1 - m]: a mean of the air around.

    Args:
        vx: velocity to the right, cells per time step.
        vy: velocity down, cells per time step.
        obstacle: fraction of each cell that is solid, 0 to 1.
        num_sweeps: number of sweeps; a sweep moves pressure by one cell.

    Returns:
        The projected `(vx, vy)`.

    Raises:
        ValueError: the shapes differ, `num_sweeps` is not an integer of at least 0, or the obstacle is an array with a
            value outside 0 to 1.

    References:
        Stable Fluids, Stam, 1999, https://doi.org/10.1145/311535.311548
    """
    vx, vy, obstacle = _checked(vx, vy, obstacle)
    air = 1 - obstacle
    blur_rows, blur_columns = _stencil("blur", vx.shape)
    into_obstacle = obstacle / (blur_rows @ air @ blur_columns + 1e-8)

    def extend(field):
        in_air = air * field
        return in_air + into_obstacle * (blur_rows @ in_air @ blur_columns)

    down, across = _stencil("quarter of the neighbors", vx.shape)
    source = extend(-0.25 * divergence(vx, vy))
    p = k.zeros_like(vx)
    for _ in range(num_sweeps):
        p = extend(source + down @ p + p @ across)
    down, across = _stencil("difference", vx.shape)
    return air * (vx - p @ across), air * (vy - down @ p)


@on_tensors(vx=2, vy=2)
@validate(num_steps=whole(0), num_sweeps=whole(0), strip=whole(0))
def simulate(vx, vy, num_steps, obstacle, *, num_sweeps=50, strip=_STRIP) -> Flow:
    """Simulate the wind around an obstacle.

    Takes vx, vy and the obstacle m, all `(H, W)`. Smoke marks two bands of rows, H/4 to H/2 and H/2 to 3H/4. At the
    start the obstacle removes the fraction m of the wind in each cell. Then each time step carries the wind along with
    itself, projects it and carries the smoke. Last, the first columns (the inlet) get what stood there at the start,
    and the first rows (a wall) no wind and no smoke.

    Args:
        vx: velocity to the right at the start, cells per time step.
        vy: velocity down at the start, cells per time step.
        num_steps: number of time steps.
        obstacle: fraction of each cell that is solid, 0 to 1.
        num_sweeps: Jacobi sweeps of each projection.
        strip: width of inlet and wall in cells; 0 leaves both out, and the grid is a torus with nothing but air and
            the obstacle.

    Returns:
        The `Flow` at the end.

    Raises:
        ValueError: the shapes differ, a count is not an integer of at least 0, or the obstacle is an array with a value
            outside 0 to 1 (of a tensor, which may have no value yet, only the shape is checked).

    References:
        Stable Fluids, Stam, 1999, https://doi.org/10.1145/311535.311548

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import simulate
        >>> ones, zeros = np.ones((8, 12)), np.zeros((8, 12))
        >>> flow = simulate(ones, zeros, 3, zeros, strip=0)     # no obstacle, no wall: the wind stays as it is
        >>> bool(np.allclose(flow.vx, 1)), np.asarray(flow.upper)[:, 0].tolist()
        (True, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """
    vx, vy, obstacle = _checked(vx, vy, obstacle)
    start = first_flow(vx, vy)
    flow = begin(start, obstacle)
    for _ in range(num_steps):
        flow = step(flow, start, obstacle, num_sweeps, strip)
    return flow


def first_flow(vx, vy) -> Flow:
    """Return the `Flow` of a wind with smoke in its two bands of rows."""
    height, width = vx.shape
    smoke = np.zeros((2, height, width), "float32")
    smoke[0, height // 4 : height // 2] = 1
    smoke[1, height // 2 : 3 * height // 4] = 1
    return Flow(vx, vy, k.convert_to_tensor(smoke[0]), k.convert_to_tensor(smoke[1]))


def begin(start, obstacle) -> Flow:
    """Return the flow as it is when the obstacle is put into it: no wind where it is solid."""
    air = 1 - obstacle
    return Flow(air * start.vx, air * start.vy, start.upper, start.lower)


def step(flow, start, obstacle, num_sweeps, strip) -> Flow:
    """Return the flow a time step later; the inlet brings what `start` has there."""
    vx, vy = (advect(field, flow.vx, flow.vy) for field in (flow.vx, flow.vy))
    vx, vy = project(vx, vy, obstacle, num_sweeps=num_sweeps)
    upper, lower = ((1 - obstacle) * advect(smoke, vx, vy) for smoke in (flow.upper, flow.lower))
    inside, inlet = (k.convert_to_tensor(edge) for edge in _edges(tuple(vx.shape), strip))
    return Flow(*(inside * f + inlet * at_start for f, at_start in zip((vx, vy, upper, lower), start, strict=True)))


def _check_flow(**arguments):
    ((name, pair),) = arguments.items()
    if not isinstance(pair, tuple | list) or len(pair) < 2:
        raise ValueError(f"{name}={pair!r} must be a Flow, or a pair (vx, vy)")
    tensor(**{f"{name}[{i}]": pair[i] for i in (0, 1)})


@validate(before=_check_flow, after=_check_flow)
def lift_and_drag(before, after) -> tuple[Tensor, Tensor]:
    """Return the momentum that an obstacle gave to the air: `(lift, drag)`, mean per cell (two scalars).

        lift = mean(vy_after - vy_before),    drag = mean(vx_before - vx_after)

    By Newton's third law the air gave the obstacle as much: lift up, and drag along with the wind.

    Args:
        before: the `Flow` at the start, or its `(vx, vy)`.
        after: the `Flow` at the end, or its `(vx, vy)`.

    Returns:
        Lift and drag in cells per time step (the density is 1).

    Raises:
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import lift_and_drag
        >>> one = np.ones((4, 4))
        >>> [float(force) for force in lift_and_drag((one, 0 * one), (0.5 * one, 0.25 * one))]
        [0.25, 0.5]
    """
    vx_before, vy_before, vx, vy = (k.cast(field, "float32") for field in (*before[:2], *after[:2]))
    _check_shapes(vx_before=vx_before, vy_before=vy_before, vx=vx, vy=vy)
    return k.mean(vy - vy_before), k.mean(vx_before - vx)


_TAPS = {
    "difference": {1: 0.5, -1: -0.5},
    "quarter of the neighbors": {1: 0.25, -1: 0.25},
    "blur": {reach: np.exp(-0.5 * reach**2) / np.exp(-0.5 * np.arange(-4, 5) ** 2).sum() for reach in range(-4, 5)},
}


def _stencil(name, shape):
    """Return the matrices that apply a stencil from cell to cell down (from the left) and across (from the right)."""
    height, width = shape
    return k.convert_to_tensor(_ring(height, name)), k.convert_to_tensor(_ring(width, name).T)


@functools.cache
def _ring(n, name):
    """Return the matrix of f -> sum of taps[shift] f[i + shift], for a field on a ring of n cells."""
    matrix = np.zeros((n, n), "float32")
    for shift, weight in _TAPS[name].items():
        matrix += np.float32(weight) * np.roll(np.eye(n, dtype="float32"), shift, axis=1)
    return matrix


@functools.cache
def _edges(shape, strip):
    """Return two arrays `(H, W)`: 1 inside and 0 on inlet and wall; 1 on the inlet alone."""
    inside, inlet = np.ones(shape, "float32"), np.zeros(shape, "float32")
    inside[:strip], inside[:, :strip], inlet[:, :strip] = 0, 0, 1
    return inside, inlet


def _checked(vx, vy, obstacle):
    """Return the three as float32 tensors. Where a backend traces a function, a tensor has no values to check."""
    tensor(obstacle=obstacle)
    if isinstance(obstacle, np.ndarray | list | tuple):
        obstacle = np.asarray(obstacle, "float32")
        if not ((obstacle >= 0) & (obstacle <= 1)).all():
            raise ValueError(
                f"obstacle must lie between 0 and 1 in every cell; it reaches from {obstacle.min()} to {obstacle.max()}"
            )
    vx, vy, obstacle = (k.cast(field, "float32") for field in (vx, vy, obstacle))
    _check_shapes(vx=vx, vy=vy, obstacle=obstacle)
    return vx, vy, obstacle


def _check_shapes(**arrays):
    shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 2:
        raise ValueError(f"all fields must have one shape (H, W); their shapes are {shapes}")
