"""The wind tunnel: its physics, its gradient and its ascent, beside a reference in plain NumPy and float64."""

import dataclasses
import io

import numpy as np
import pytest
from keras import ops as k

from keras_course import ops
from keras_course.autodiff import (
    advect,
    differentiable_fluid,
    divergence,
    lift_and_drag,
    optimize_shape,
    plot_wind_tunnel,
    project,
    simulate,
)

SHAPE = (14, 18)
STEPS, SWEEPS, STRIP = 3, 6, 2
RNG = np.random.default_rng(0)
WIND = np.ones(SHAPE), np.zeros(SHAPE)
OBSTACLE = np.zeros(SHAPE)
OBSTACLE[5:9, 4:10] = RNG.uniform(0.1, 0.9, (4, 6))


def numpy_of(*tensors):
    return [k.convert_to_numpy(tensor) for tensor in tensors]


# The reference: cells one by one, neighbors by np.roll -----------------------------------------------------------


def reference_advect(field, vx, vy):
    height, width = field.shape
    moved = np.empty(field.shape)
    for i in range(height):
        for j in range(width):
            y, x = i - vy[i, j], j - vx[i, j]
            r, c = int(np.floor(y)), int(np.floor(x))
            moved[i, j] = sum(
                (1 - abs(y - row)) * (1 - abs(x - column)) * field[row % height, column % width]
                for row in (r, r + 1)
                for column in (c, c + 1)
            )
    return moved


def reference_extend(field, obstacle):
    def blur(f):
        weights = np.exp(-0.5 * np.arange(-4, 5) ** 2)
        for axis in (0, 1):
            f = sum(w * np.roll(f, s, axis) for s, w in zip(range(-4, 5), weights / weights.sum(), strict=True))
        return f

    return (1 - obstacle) * field + obstacle * blur((1 - obstacle) * field) / (blur(1 - obstacle) + 1e-8)


def reference_slope(f, axis):
    return (np.roll(f, -1, axis) - np.roll(f, 1, axis)) / 2


def reference_project(vx, vy, obstacle):
    source = reference_extend(-reference_slope(vx, 1) - reference_slope(vy, 0), obstacle)
    p = np.zeros(vx.shape)
    for _ in range(SWEEPS):
        neighbors = sum(np.roll(p, shift, axis) for shift in (-1, 1) for axis in (0, 1))
        p = reference_extend((source + neighbors) / 4, obstacle)
    return (1 - obstacle) * (vx - reference_slope(p, 1)), (1 - obstacle) * (vy - reference_slope(p, 0))


def reference_simulate(obstacle):
    height = SHAPE[0]
    start = [*WIND, np.zeros(SHAPE), np.zeros(SHAPE)]
    start[2][height // 4 : height // 2] = 1
    start[3][height // 2 : 3 * height // 4] = 1
    vx, vy = ((1 - obstacle) * wind for wind in WIND)
    upper, lower = start[2:]
    for _ in range(STEPS):
        vx, vy = reference_project(reference_advect(vx, vx, vy), reference_advect(vy, vx, vy), obstacle)
        upper, lower = ((1 - obstacle) * reference_advect(smoke, vx, vy) for smoke in (upper, lower))
        for field, first in zip((vx, vy, upper, lower), start, strict=True):
            field[:STRIP] = 0
            field[:, :STRIP] = first[:, :STRIP]
    return vx, vy, upper, lower


def reference_ratio(obstacle):
    vx, vy, _, _ = reference_simulate(obstacle)
    return vy.mean() / (1 - vx).mean()


# Advection ---------------------------------------------------------------------------------------------------------


def test_advection_leaves_a_uniform_field_as_it_is():
    vx, vy = RNG.normal(scale=3, size=(2, *SHAPE))
    np.testing.assert_allclose(advect(np.full(SHAPE, 2.5), vx, vy), 2.5, rtol=1e-6)


@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -2), (-5, 4), (1 - SHAPE[1], SHAPE[0] + 1)])
def test_advection_by_whole_cells_is_a_shift_round_the_edges(right, down):
    bump = RNG.random(SHAPE).astype("float32")
    moved = advect(bump, np.full(SHAPE, right), np.full(SHAPE, down))
    np.testing.assert_array_equal(moved, np.roll(bump, (down, right), (0, 1)))


def test_advection_by_parts_of_a_cell_is_bilinear():
    point = np.zeros(SHAPE)
    point[13, 17] = 1  # the corner: what leaves it enters on the other side
    (moved,) = numpy_of(advect(point, np.full(SHAPE, 0.25), np.full(SHAPE, 0.5)))
    expected = np.zeros(SHAPE)
    expected[[13, 13, 0, 0], [17, 0, 17, 0]] = 0.375, 0.125, 0.375, 0.125
    np.testing.assert_allclose(moved, expected, atol=1e-5)


# Projection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.7])
def test_divergence_drops_with_the_number_of_sweeps(share):
    y, x = np.mgrid[:32, :32] * 2 * np.pi / 32
    vx, vy = np.cos(x) + np.sin(y), np.cos(2 * y) * np.sin(x)
    obstacle = np.zeros((32, 32))
    obstacle[20:28, 20:28] = share
    far = np.s_[2:17, 2:17]
    left = [
        np.abs(k.convert_to_numpy(divergence(*project(vx, vy, obstacle, num_sweeps=sweeps)))[far]).max()
        for sweeps in (0, 20, 100, 500)
    ]
    assert left[0] == pytest.approx(np.abs(k.convert_to_numpy(divergence(vx, vy))[far]).max())
    assert left[1] < 0.8 * left[0]
    assert left[2] < 0.5 * left[0]
    assert left[3] < 0.05 * left[0]


def test_what_is_solid_has_no_wind():
    vx, vy = numpy_of(*project(*WIND, (OBSTACLE > 0).astype("float32"), num_sweeps=5))
    assert (vx[OBSTACLE > 0] == 0).all()
    assert (vy[OBSTACLE > 0] == 0).all()
    assert (vx[OBSTACLE == 0] != 0).all()


# The simulation ----------------------------------------------------------------------------------------------------


def test_simulation_equals_the_reference():
    flow = simulate(*WIND, STEPS, OBSTACLE, num_sweeps=SWEEPS, strip=STRIP)
    for name, ours, theirs in zip(flow._fields, flow, reference_simulate(OBSTACLE), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6, err_msg=name)


def test_without_wall_and_inlet_the_tunnel_has_no_edge():
    shift = (5, -7)
    flow = simulate(*WIND, STEPS, OBSTACLE, num_sweeps=SWEEPS, strip=0)
    moved = simulate(*WIND, STEPS, np.roll(OBSTACLE, shift, (0, 1)), num_sweeps=SWEEPS, strip=0)
    for ours, theirs in zip(moved[:2], flow[:2], strict=True):
        np.testing.assert_allclose(ours, np.roll(theirs, shift, (0, 1)), atol=2e-6)


def test_lift_changes_sign_with_the_obstacle_turned_over():
    ups, downs = (
        lift_and_drag(WIND, simulate(*WIND, 3, obstacle, num_sweeps=SWEEPS, strip=0))
        for obstacle in (OBSTACLE, OBSTACLE[::-1])
    )
    assert abs(float(ups[0])) > 1e-4
    np.testing.assert_allclose(downs[0], -ups[0], atol=1e-6)
    np.testing.assert_allclose(downs[1], ups[1], atol=1e-6)


# The gradient and the ascent ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tunnel():
    return differentiable_fluid(SHAPE, num_steps=STEPS, num_sweeps=SWEEPS, strip=STRIP)


def test_gradient_equals_finite_differences_of_the_reference(tunnel):
    ratio, gradient, flow = tunnel(OBSTACLE)
    assert float(ratio) == pytest.approx(reference_ratio(OBSTACLE), abs=1e-5)
    np.testing.assert_allclose(flow.upper, reference_simulate(OBSTACLE)[2], atol=2e-6)
    (gradient,) = numpy_of(gradient)
    for cell in [(5, 4), (5, 9), (6, 7), (8, 4), (8, 9)]:
        nudge = np.zeros(SHAPE)
        nudge[cell] = 1e-5
        slope = (reference_ratio(OBSTACLE + nudge) - reference_ratio(OBSTACLE - nudge)) / 2e-5
        assert gradient[cell] == pytest.approx(slope, rel=2e-3, abs=1e-3 * float(np.abs(gradient).max())), cell


def test_gradient_step_by_step_equals_that_of_the_whole(tunnel):
    def ratio(obstacle):
        lift, drag = lift_and_drag(wind, simulate(*wind, STEPS, obstacle, num_sweeps=SWEEPS, strip=STRIP))
        return lift / drag

    wind = [k.cast(component, "float32") for component in WIND]
    value, gradient = ops.value_and_grad(ratio)(k.cast(OBSTACLE, "float32"))
    by_step = tunnel(OBSTACLE)
    np.testing.assert_allclose(by_step[0], value, atol=1e-6)
    np.testing.assert_allclose(by_step[1], gradient, atol=1e-4 * float(k.max(k.abs(gradient))))


def test_lift_over_drag_rises():
    run = optimize_shape((20, 30), steps=6, learning_rate=1000, num_steps=5, num_sweeps=5)
    assert run.lift_over_drag.shape == (7,)
    assert (np.diff(run.lift_over_drag) > 0).all()
    assert abs(run.lift_over_drag[0]) < 0.02
    assert run.lift_over_drag[-1] > run.lift_over_drag[0] + 0.01
    assert run.moments == (0, 3, 6)
    assert run.obstacle.shape == run.upper.shape == run.lower.shape == (3, 20, 30)
    box = np.zeros((20, 30), bool)
    box[6:13, 3:18] = True
    assert (run.obstacle[:, ~box] == 0).all()
    assert (run.obstacle[:, box] > 0).all()
    assert 0.26 < run.obstacle[0, box].min() < run.obstacle[0, box].max() < 0.29  # sigmoid of -1 and of -0.9


def test_a_step_of_the_ascent_follows_the_slope_of_the_parameters():
    theta = RNG.normal(size=(8, 12))
    run = optimize_shape((8, 12), steps=1, learning_rate=50, num_steps=2, num_sweeps=3, parameters=theta)
    m = run.obstacle[0]
    np.testing.assert_allclose(m[m > 0], 1 / (1 + np.exp(-theta[m > 0])), rtol=1e-5)
    (gradient,) = numpy_of(differentiable_fluid((8, 12), num_steps=2, num_sweeps=3)(m)[1])
    moved = theta + 50 * m * (1 - m) * gradient
    assert np.abs(moved - theta).max() > 0.02
    np.testing.assert_allclose(run.obstacle[2], (m > 0) / (1 + np.exp(-moved)), rtol=1e-4)


def test_figure():
    run = optimize_shape((8, 12), steps=1, num_steps=1, num_sweeps=1)
    assert run.moments == (0, 0, 1)
    figure = plot_wind_tunnel(run)
    titles = [ax.get_title().split(":")[0] for ax in figure.axes[:3]]
    assert titles == ["start, step 0", "middle, step 0", "end, step 1"]
    np.testing.assert_array_equal(figure.axes[3].lines[0].get_ydata(), run.lift_over_drag)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert len(buffer.getvalue()) > 5000
    with pytest.raises(ValueError, match=r"\(1, 8, 12\)"):
        plot_wind_tunnel(dataclasses.replace(run, upper=run.upper[:1]))


# Bad input ---------------------------------------------------------------------------------------------------------

BROKEN = np.full(SHAPE, np.nan)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: advect(np.ones((2, 3)), *WIND), r"'field': \(2, 3\), 'vx': \(14, 18\)"),
        (lambda: advect(np.ones(3), np.ones(3), np.ones(3)), r"field has shape \(3,\); it must have 2 axes"),
        (lambda: divergence(np.ones((2, 3)), np.ones((3, 2))), r"'vx': \(2, 3\), 'vy': \(3, 2\)"),
        (lambda: project(*WIND, np.zeros((2, 3))), r"'obstacle': \(2, 3\)"),
        (lambda: project(*WIND, OBSTACLE, num_sweeps=-1), "num_sweeps=-1"),
        (lambda: project(*WIND, BROKEN), "from nan to nan"),
        (lambda: simulate(*WIND, -1, OBSTACLE), "num_steps=-1"),
        (lambda: simulate(*WIND, 1.5, OBSTACLE), "num_steps=1.5"),
        (lambda: simulate(*WIND, 1, OBSTACLE, strip=-1), "strip=-1"),
        (lambda: simulate(*WIND, 1, 2 * np.ones(SHAPE)), "from 2.0 to 2.0"),
        (lambda: simulate(np.ones((2, 3)), WIND[1], 1, OBSTACLE), r"'vx': \(2, 3\)"),
        (lambda: lift_and_drag(WIND, (np.ones((2, 3)), WIND[1])), r"'vx': \(2, 3\)"),
        (lambda: differentiable_fluid((50,)), r"shape=\(50,\)"),
        (lambda: differentiable_fluid(50), "shape=50 must name"),
        (lambda: differentiable_fluid((8, 12), strip=0)(np.zeros((8, 12))), "obstacle is zero everywhere"),
        (lambda: optimize_shape((8, 12), learning_rate="a"), "learning_rate='a'"),
        (lambda: optimize_shape((8, 12), seed=None), "seed=None"),
        (lambda: differentiable_fluid((50, 7)), "columns=7"),
        (lambda: differentiable_fluid(SHAPE, num_steps=0), "num_steps=0"),
        (lambda: differentiable_fluid(SHAPE)(BROKEN), "from nan to nan"),
        (lambda: differentiable_fluid(SHAPE)(np.zeros((2, 3))), r"'obstacle': \(2, 3\)"),
        (lambda: optimize_shape(SHAPE, steps=-3), "steps=-3"),
        (lambda: optimize_shape(SHAPE, learning_rate=0), "learning_rate=0"),
        (lambda: optimize_shape(SHAPE, learning_rate=float("nan")), "learning_rate=nan"),
        (lambda: optimize_shape(SHAPE, parameters=BROKEN), "finite"),
        (lambda: optimize_shape(SHAPE, parameters=np.zeros((2, 3))), r"shape \(2, 3\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
