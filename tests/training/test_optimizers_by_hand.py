"""Optimizers written out: equal to Keras's after 100 steps, the differences where there are some, and exact results."""

import dataclasses
import re

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import ops
from keras_course.training import (
    GD,
    L2,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Decoupled,
    Lion,
    Momentum,
    Muon,
    Nesterov,
    RMSProp,
    anisotropic,
    beale,
    minimize,
    orthogonalize,
)

RNG = np.random.default_rng(0)
DTYPE = keras.backend.standardize_dtype(k.convert_to_tensor(np.zeros(1)).dtype)  # float64, but float32 on JAX
START = [RNG.normal(size=(3, 4)).astype(DTYPE), RNG.normal(size=4).astype(DTYPE)]
PULL = [RNG.uniform(0.5, 2, w.shape).astype(DTYPE) for w in START]
RATE = 2.0**-6  # the same number in float32, in which Keras keeps rates
ALL = [GD, SGD, Momentum, Nesterov, AdaGrad, RMSProp, Adam, AdamW, Lion, Muon]


def gradient(w):
    """That of sum c log cosh(w - 1): smooth, not linear, and soon small where w is near 1."""
    return [k.convert_to_tensor(c, dtype=part.dtype) * k.tanh(part - 1) for c, part in zip(PULL, w, strict=True)]


def ours(optimizer, num_steps=100, start=START, of=gradient):
    def step(w, state):
        return optimizer.step(w, of(w), state)

    step, w, state = ops.jit(step), start, optimizer.init(start)
    for _ in range(num_steps):
        w, state = step(w, state)
    return [k.convert_to_numpy(part) for part in w]


def keras_ones(optimizer, num_steps=100, start=START, of=gradient):
    variables = [keras.Variable(part, dtype=part.dtype.name) for part in start]
    for _ in range(num_steps):
        optimizer.apply([k.convert_to_tensor(g) for g in of([v.value for v in variables])], variables)
    return [k.convert_to_numpy(v) for v in variables]


def assert_close(a, b, tolerance=1e-6):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


theirs = keras.optimizers
MOMENTUM = {"momentum": 0.875}  # constants are powers of two, near the usual ones: Keras rounds them to float32
BETAS = {"beta_1": 0.875, "beta_2": 1 - 2.0**-10, "epsilon": 0.0}
ADAM_OF_MUON = {"adam_beta_1": 0.875, "adam_beta_2": 1 - 2.0**-10, "epsilon": 0.0}
AGREE = {
    "gd": (GD(RATE), lambda: theirs.SGD(RATE)),
    "sgd": (SGD(RATE), lambda: theirs.SGD(RATE)),
    "momentum": (Momentum(RATE, **MOMENTUM), lambda: theirs.SGD(RATE, **MOMENTUM)),
    "nesterov": (Nesterov(RATE, **MOMENTUM), lambda: theirs.SGD(RATE, **MOMENTUM, nesterov=True)),
    "adagrad": (AdaGrad(RATE, 0.125, epsilon=0.0), lambda: theirs.Adagrad(RATE, 0.125, epsilon=0.0)),
    "rmsprop": (RMSProp(RATE, rho=0.875, epsilon=0.0), lambda: theirs.RMSprop(RATE, rho=0.875, epsilon=0.0)),
    "adam": (Adam(RATE, **BETAS), lambda: theirs.Adam(RATE, **BETAS)),
    "adamw": (AdamW(RATE, **BETAS, weight_decay=2.0**-6), lambda: theirs.AdamW(RATE, **BETAS, weight_decay=2.0**-6)),
    "lion": (Lion(RATE, 0.875, 1 - 2.0**-6), lambda: theirs.Lion(RATE, 0.875, 1 - 2.0**-6)),
    "muon": (
        Muon(RATE, **BETAS, **MOMENTUM),
        lambda: theirs.Muon(RATE, **ADAM_OF_MUON, **MOMENTUM, weight_decay=0, adam_weight_decay=0),
    ),
}


@pytest.mark.parametrize("name", AGREE)
def test_equals_keras_after_100_steps(name):
    mine, make = AGREE[name]
    muon = name == "muon"  # Keras's knows float32 only, in which its five products of matrices a step are less exact
    start = [w.astype("float32") if muon else w for w in START]
    w = ours(mine, start=start)
    assert all(np.abs(after - before).max() > 0.1 for after, before in zip(w, start, strict=True))
    assert_close(w, keras_ones(make(), start=start), 2e-5 if muon else 1e-6)


@pytest.mark.parametrize("pair", [(Momentum, {}), (Nesterov, {"nesterov": True})])
def test_schedules_of_keras_are_taken(pair):
    make, arguments = pair
    decay = theirs.schedules.ExponentialDecay(RATE, 10, 0.5)
    assert_close(ours(make(decay, **MOMENTUM)), keras_ones(theirs.SGD(decay, **MOMENTUM, **arguments)))


# Where definitions differ ------------------------------------------------------------------------------------------


def first_step(optimizer, g):
    w = np.zeros_like(g)
    return k.convert_to_numpy(optimizer.step(w, g, optimizer.init(w))[0])


def keras_first_step(optimizer, g):
    w = keras.Variable(np.zeros_like(g), dtype=g.dtype.name)
    optimizer.apply([k.convert_to_tensor(g)], [w])
    return k.convert_to_numpy(w)


G = np.array([1e-3, -0.5, 30.0], "float32")


def test_epsilon_of_adam_is_added_after_the_correction_of_the_bias():
    np.testing.assert_allclose(first_step(Adam(0.1, epsilon=1e-3), G), -0.1 * G / (abs(G) + 1e-3), rtol=1e-4)
    uncorrected = 1e-3 / np.sqrt(1 - 0.999)  # 32 times as much in the first step
    found = keras_first_step(theirs.Adam(0.1, epsilon=1e-3), G)
    np.testing.assert_allclose(found, -0.1 * G / (abs(G) + uncorrected), rtol=1e-4)


def test_adagrad_starts_from_zero():
    np.testing.assert_allclose(first_step(AdaGrad(0.1), G), -0.1 * np.sign(G), rtol=1e-3)
    found = keras_first_step(theirs.Adagrad(0.1), G)
    np.testing.assert_allclose(found, -0.1 * G / np.sqrt(0.1 + G**2), rtol=1e-4)


def test_epsilon_of_rmsprop_is_outside_of_the_root():
    square = np.sqrt(0.1) * abs(G)
    np.testing.assert_allclose(first_step(RMSProp(0.1, epsilon=1e-3), G), -0.1 * G / (square + 1e-3), rtol=1e-4)
    found = keras_first_step(theirs.RMSprop(0.1, epsilon=1e-3), G)
    np.testing.assert_allclose(found, -0.1 * G / np.sqrt(square**2 + 1e-3), rtol=1e-4)


def test_weight_decay_of_keras_adam_is_decoupled():
    assert_close(ours(AdamW(RATE, **BETAS, weight_decay=0.5)), keras_ones(theirs.Adam(RATE, **BETAS, weight_decay=0.5)))


def test_nesterov_is_the_gradient_looked_ahead():
    """The points that are kept are w + alpha u of the form that takes the gradient there."""
    w, u = START, [np.zeros_like(part) for part in START]
    for _ in range(20):
        ahead = [a + 0.9 * b for a, b in zip(w, u, strict=True)]
        g = [k.convert_to_numpy(part) for part in gradient(ahead)]
        u = [0.9 * b - 0.05 * c for b, c in zip(u, g, strict=True)]
        w = [a + b for a, b in zip(w, u, strict=True)]
    assert_close(ours(Nesterov(0.05), 20), [a + 0.9 * b for a, b in zip(w, u, strict=True)], 1e-5)
    assert np.abs(ours(Nesterov(0.05), 20)[0] - ours(Momentum(0.05), 20)[0]).max() > 1e-2


# Exact results -----------------------------------------------------------------------------------------------------


def test_first_step_of_adam_is_the_sign():
    np.testing.assert_allclose(first_step(Adam(0.1), G), -0.1 * np.sign(G), rtol=1e-4)


def test_momentum_is_ten_times_as_fast_in_the_end():
    points = minimize(lambda w: 3.0 * w, np.zeros(()), Momentum(0.01), 200).trajectory
    np.testing.assert_allclose(np.diff(points)[-1], 10 * -0.01 * 3, rtol=1e-4)
    np.testing.assert_allclose(points[1], -0.01 * 3, rtol=1e-6)


def test_gradient_descent_is_stable_below_two_over_the_curvature():
    start = np.array([1.0, 1.0])
    for rate, stable in [(0.01, True), (0.1, True), (0.4, True), (0.49, True), (0.51, False)]:
        run = minimize(anisotropic, start, GD(rate), 100)
        factors = (1 - rate * np.array([0.25, 4.0])) ** np.arange(101)[:, None]
        np.testing.assert_allclose(run.trajectory, factors, rtol=1e-3, atol=1e-6)
        assert (run.losses[-1] < run.losses[0]) == stable


def numpy_beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


RUNS = [
    (GD(0.005), 0.5), (Momentum(0.005), 0.01), (Nesterov(0.005), 0.01),
    (AdaGrad(0.1), 0.5), (RMSProp(0.1), 0.1), (Adam(0.1), 0.01), (AdamW(0.1, weight_decay=0.0), 0.01),
]  # fmt: skip


@pytest.mark.parametrize(("optimizer", "goal"), RUNS, ids=lambda value: type(value).__name__)
def test_every_optimizer_descends_beale(optimizer, goal):
    run = minimize(beale, np.array([0.7, 1.4]), optimizer, 300)
    assert run.trajectory.shape == (301, 2)
    np.testing.assert_allclose(run.losses, numpy_beale(*run.trajectory.T), rtol=1e-4, atol=1e-6)
    assert run.losses[-1] < goal < run.losses[0]


def test_the_minimum_of_beale():
    assert float(beale(np.array([3.0, 0.5]))) == 0
    np.testing.assert_allclose(k.convert_to_numpy(ops.grad(beale)(np.array([3.0, 0.5]))), 0, atol=1e-6)


def test_noise_of_gradients_has_mean_zero():
    """The gradient of a sum is 1 in each of 400 entries, and noise of sd 3 must not shift it."""
    start, seeds = np.zeros(400), [minimize(k.sum, np.zeros(400), SGD(1.0), 5, noise=3.0, seed=s) for s in (0, 0, 1)]
    steps = -np.diff(seeds[0].trajectory, axis=0)
    assert abs(steps.mean() - 1) < 4 * 3 / np.sqrt(steps.size)
    assert abs(steps.std() / 3 - 1) < 0.1
    np.testing.assert_array_equal(seeds[0].trajectory, seeds[1].trajectory)
    assert (seeds[0].trajectory[1:] != seeds[2].trajectory[1:]).all()
    assert (minimize(k.sum, start, SGD(1.0), 1).trajectory[1] == -1).all()


def test_structures_and_plain_numbers():
    run = minimize(lambda w: w["a"][0] ** 2 + w["b"] ** 2, {"a": [1.0], "b": 2}, GD(0.25), 2)
    np.testing.assert_allclose(run.trajectory["a"][0], [1, 0.5, 0.25])
    np.testing.assert_allclose(run.trajectory["b"], [2, 1, 0.5])


def test_orthogonalize_brings_singular_values_near_one():
    assert not k.convert_to_numpy(orthogonalize(np.zeros((2, 3)))).any()
    for shape, scale in [((6, 6), 1.0), ((4, 9), 1e-25), ((9, 4), 1e25)]:  # whose squares float32 cannot hold
        matrix = scale * RNG.normal(size=shape).astype("float32")
        u, _, v = np.linalg.svd(matrix, full_matrices=False)
        found = k.convert_to_numpy(orthogonalize(k.convert_to_tensor(matrix)))
        sizes = np.diag(u.T @ found @ v.T)  # the same singular vectors, other values
        np.testing.assert_allclose(u * sizes @ v, found, atol=1e-4)
        assert np.all(abs(sizes - 0.95) < 0.3)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_zero_and_large_gradients_in_every_precision(make, dtype):
    """A weight without a gradient stays (or decays, by AdamW); 300^2 is not a number of float16, and 1e-8 neither."""
    w = k.ones((3,), dtype=dtype)
    large = ours(make(0.01), 2, [w], lambda w: [k.convert_to_tensor([0.0, 300.0, 1e-3], dtype=dtype)])[0]
    kept = 1 - 0.01 * 0.01 if make is AdamW else 1.0
    np.testing.assert_allclose(large[0].astype(float), kept**2, rtol=1e-3 if dtype == "float32" else 1e-2)
    assert np.isfinite(large.astype(float)).all()
    exact = ours(make(0.01), 2, [np.ones(3)], lambda w: [k.convert_to_tensor([0.0, 300.0, 1e-3], dtype=w[0].dtype)])[0]
    np.testing.assert_allclose(large.astype(float), exact, rtol=1e-2, atol=1e-2)
    matrix = ours(make(0.1), 1, [k.ones((2, 2), dtype=dtype)], lambda w: [k.zeros((2, 2), dtype=dtype)])[0]
    np.testing.assert_allclose(matrix.astype(float), 0.999 if make is AdamW else 1.0, rtol=1e-2)


@pytest.mark.parametrize("make", [AdaGrad, RMSProp, Adam, AdamW, Muon])
def test_an_epsilon_of_zero_moves_no_weight_without_a_gradient(make):
    for epsilon in (0.0, 1e-60):
        w = first_step(make(0.1, epsilon=epsilon), np.array([0.0, 1.0], "float32"))
        assert w[0] == 0.0 > w[1]


def test_gradients_of_another_type_than_the_weights():
    w, g = np.ones(2, "float32"), np.array([1.0, -1.0], "float16")
    for optimizer in (GD(0.5), L2(GD(0.5), 0.0), Decoupled(GD(0.5), 0.0)):
        (found,), _ = optimizer.step([w], [g], optimizer.init([w]))
        assert found.dtype == k.convert_to_tensor(w).dtype
        assert k.convert_to_numpy(found).tolist() == [0.5, 1.5]


# Bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("bad", [0, -0.1, float("nan"), float("inf"), np.float32("nan"), True, None, "0.1"])
def test_bad_learning_rates(make, bad):
    with pytest.raises(ValueError, match=re.escape(f"learning_rate={bad!r} must be a finite number above 0")):
        make(bad)


@pytest.mark.parametrize("make", ALL)
def test_bad_constants(make):
    for field in dataclasses.fields(make)[1:]:
        shares = [1.0] if field.name in ("momentum", "rho", "beta_1", "beta_2") else []
        for bad in (-0.1, float("nan"), "many", *shares):
            with pytest.raises(ValueError, match=rf"{field.name}={bad!r} must be"):
                make(0.1, **{field.name: bad})


def test_weights_and_gradients_of_different_shapes():
    optimizer = Adam(0.1)
    state = optimizer.init(START)
    with pytest.raises(ValueError, match=r"array 1 of w has shape \(4,\), but that of g has shape \(3, 4\)"):
        optimizer.step(START, [START[0], START[0]], state)
    with pytest.raises(ValueError, match="w holds 2 arrays, but g holds 1"):
        optimizer.step(START, START[:1], state)
    for other in (START[:1], [np.ones((1, 4)), START[1]]):  # the second would be stretched in silence
        with pytest.raises(ValueError, match=r"state holds what belongs to \d other arrays"):
            optimizer.step(START, START, optimizer.init(other))


def test_bad_runs():
    for bad in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"num_steps={bad}"):
            minimize(beale, np.ones(2), GD(0.1), bad)
    for argument, bad in (("noise", -1), ("noise", np.inf), ("seed", None), ("seed", -1), ("seed", True)):
        with pytest.raises(ValueError, match=f"{argument}={bad}"):
            minimize(beale, np.ones(2), GD(0.1), 1, **{argument: bad})
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=r"sd=.* must be positive numbers"):
            anisotropic(np.ones(2), (1.0, bad))
    for bad in (0.1, keras.optimizers.SGD(0.1)):
        with pytest.raises(ValueError, match="must be an optimizer of this lecture"):
            minimize(beale, np.ones(2), bad, 1)
    with pytest.raises(ValueError, match="start has entries that are not finite"):
        minimize(beale, np.array([1.0, np.nan]), GD(0.1), 1)
    for surface, point in ((beale, np.ones(1)), (beale, np.ones(3)), (anisotropic, np.ones(3))):
        with pytest.raises(ValueError, match=r"w has \d coordinates, not 2"):
            minimize(surface, point, GD(0.1), 1)
    with pytest.raises(ValueError, match=r"matrix has shape \(3,\)"):
        orthogonalize(np.ones(3))
    with pytest.raises(ValueError, match="num_rounds=0 must be"):
        orthogonalize(np.ones((2, 2)), 0)
    with pytest.raises(ValueError, match="must return a scalar"):
        minimize(lambda w: w, np.ones(2), GD(0.1), 1)
