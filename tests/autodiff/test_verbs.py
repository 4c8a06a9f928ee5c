"""The verbs: closed forms, each other's transposes, every order of nesting, and the same verbs of the backend."""

import collections
import math
import re

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import autodiff, backend, ops
from keras_course.autodiff import (
    Var,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    nth_derivative,
    sigmoid,
    value_and_grad,
    vjp,
)

RNG = np.random.default_rng(0)
X, V, W = RNG.normal(size=3), RNG.normal(size=3), RNG.normal(size=(2, 3))


def curve(x):
    """From R^3 to R^2, with mixed second derivatives."""
    return np.sin(W @ x) * x[0] + np.sum(x**3)


def bowl(x):
    return np.sum(np.tanh(W @ x) ** 2) + x[0] * x[1] * np.exp(x[2])


# Closed forms ------------------------------------------------------------------------------------------------------


def test_oracles_of_the_lecture():
    assert grad(sigmoid)(0.0) == 0.25
    assert [float(nth_derivative(np.tanh, n)(0.0)) for n in range(5)] == [0.0, 1.0, 0.0, -2.0, 0.0]
    assert float(grad(grad(grad(np.tanh)))(0.0)) == -2.0
    assert float(grad(grad(grad(lambda x: 2 * sigmoid(2 * x) - 1)))(0.0)) == -2.0  # tanh, written otherwise


def test_nth_derivative_of_arrays():
    x = np.linspace(-1.0, 1.0, 5)
    np.testing.assert_allclose(nth_derivative(np.sin, 4)(x), np.sin(x), rtol=1e-14)
    np.testing.assert_allclose(nth_derivative(lambda x: x**5, 5)(x), np.full(5, 120.0), rtol=1e-14)
    for n in (-1, 1.5):
        with pytest.raises(ValueError, match=rf"n={n} must be a whole number, at least 0"):
            nth_derivative(np.sin, n)


def test_gradient_of_structures_and_positions():
    Layer = collections.namedtuple("Layer", "kernel bias")

    def f(parameters, x, label):
        assert label == "untouched"
        return np.sum(parameters["w"] * x) + parameters["b"][0].bias ** 2 + parameters["b"][1]

    point = {"w": X, "b": [Layer(1.0, 3.0), 4]}
    gradient = grad(f)(point, V, "untouched")
    np.testing.assert_array_equal(gradient["w"], V)
    assert gradient["b"] == [Layer(0.0, 6.0), 1.0]
    by_point, by_x = grad(f, argnums=(0, 1))(point, V, "untouched")
    np.testing.assert_array_equal(by_x, X)
    np.testing.assert_array_equal(by_point["w"], V)
    np.testing.assert_array_equal(grad(f, argnums=1)(point, V, "untouched"), X)
    np.testing.assert_array_equal(grad(f, argnums=-2)(point, V, "untouched"), X)


def test_value_and_grad_and_what_does_not_depend():
    value, gradient = value_and_grad(lambda x, y: np.sum(x), argnums=1)(X, V)
    assert value == X.sum()
    np.testing.assert_array_equal(gradient, np.zeros(3))
    assert grad(lambda x: 3.0)(1.0) == 0.0
    output, tangent = jvp(lambda x: (x, 5.0), (X,), (V,))
    assert (output[1], tangent[1]) == (5.0, 0.0)
    np.testing.assert_array_equal(tangent[0], V)


def test_outputs_may_be_structures():
    output, pullback = vjp(lambda x: {"square": x**2, "sum": [np.sum(x), 1.0]}, X)
    np.testing.assert_array_equal(output["square"], X**2)
    (gradient,) = pullback({"square": V, "sum": [10.0, 5.0]})
    np.testing.assert_allclose(gradient, 2 * X * V + 10.0)
    np.testing.assert_allclose(pullback({"square": V, "sum": [10.0, 5.0]})[0], gradient)  # as often as you like


POINT_OF_DICTS = {"a": 1.0, "b": [{"c": 2.0, "d": 3.0}]}


def of_dicts(p):
    return {"u": p["a"] * p["b"][0]["c"], "v": [p["b"][0]["d"] ** 2]}


@pytest.mark.parametrize("library", [autodiff, ops], ids=["autodiff", "ops"])
def test_dicts_are_matched_by_their_keys(library):
    """d(ac, d^2) along d is (0, 2d), in whatever order a dict was written; ops gives the same on every backend."""
    along = {"b": [{"d": 1.0, "c": 0.0}], "a": 0.0}
    tangent = library.jvp(of_dicts, (POINT_OF_DICTS,), (along,))[1]
    assert (float(tangent["u"]), float(tangent["v"][0])) == (0.0, 6.0)
    _, pullback = library.vjp(of_dicts, POINT_OF_DICTS)
    (gradient,) = pullback({"v": [0.0], "u": 1.0})
    assert [float(x) for x in (gradient["a"], gradient["b"][0]["c"], gradient["b"][0]["d"])] == [2.0, 1.0, 0.0]
    scalar = lambda p: p["a"] ** 2 + p["b"][0]["c"] * p["b"][0]["d"]  # noqa: E731
    (product,) = library.hvp(scalar, (POINT_OF_DICTS,), (along,))
    assert [float(x) for x in (product["a"], product["b"][0]["c"], product["b"][0]["d"])] == [0.0, 1.0, 0.0]

    other = {"a": 0.0, "b": [{"c": 0.0, "e": 1.0}]}
    for verb, fn in ((library.jvp, of_dicts), (library.hvp, scalar)):
        with pytest.raises(ValueError, match=r"tangents\[0\]\['b'\]\[0\] has the keys \['c', 'e'\].* \['c', 'd'\]"):
            verb(fn, (POINT_OF_DICTS,), (other,))
    for bad, message in [
        ({"u": 1.0}, r"cotangent has the keys \['u'\].*the output, \['u', 'v'\]"),
        ([1.0, 1.0], "cotangent has no keys"),
        ({"u": {"u": 1.0}, "v": [0.0]}, r"cotangent\['u'\] has the keys \['u'\], and must be an array"),
        ({"u": 1.0, "v": 0.0}, r"cotangent\['v'\] has no entries, and must have 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            pullback(bad)


def test_vjp_keeps_a_copy_of_its_arguments():
    x = X.copy()
    _, pullback = vjp(lambda x: np.sum(x**2), x)
    x[:] = 100.0
    np.testing.assert_array_equal(pullback(1.0)[0], 2 * X)


# Against each other ------------------------------------------------------------------------------------------------


def test_jvp_and_vjp_are_transposes():
    u = RNG.normal(size=2)
    output, tangent = jvp(curve, (X,), (V,))
    same, pullback = vjp(curve, X)
    np.testing.assert_array_equal(output, same)
    assert u @ tangent == pytest.approx(pullback(u)[0] @ V, rel=1e-14)
    J = jacobian(curve)(X)
    np.testing.assert_allclose(tangent, J @ V, rtol=1e-13)
    np.testing.assert_allclose(pullback(u)[0], u @ J, rtol=1e-13)
    assert gradcheck(curve, X) < 1e-8


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_jacobian_in_both_modes(shape):
    x, y = RNG.normal(size=(2, *shape))
    f = lambda x, y: np.stack([np.sin(x) * y, x * np.sum(y**2)], axis=-1)  # noqa: E731
    for argnums in (0, 1):
        reverse, forward = (jacobian(f, argnums, mode)(x, y) for mode in ("reverse", "forward"))
        assert reverse.shape == forward.shape == (*shape, 2, *shape)
        np.testing.assert_allclose(reverse, forward, rtol=1e-13, atol=1e-15)
    assert jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert jacobian(lambda x: np.sum(x), mode="forward")(np.ones(0)).shape == (0,)


def test_hessian_is_symmetric_and_hvp_its_product():
    H = hessian(bowl)(X)
    np.testing.assert_allclose(H, H.T, rtol=1e-12)
    np.testing.assert_allclose(hvp(bowl, (X,), (V,))[0], H @ V, rtol=1e-12)
    gradient = grad(bowl)
    np.testing.assert_allclose(
        hvp(bowl, (X,), (V,))[0], (gradient(X + 1e-5 * V) - gradient(X - 1e-5 * V)) / 2e-5, rtol=1e-8
    )
    both = hvp(lambda x, y: np.sum(x * y**2), (X, V), (np.ones(3), np.zeros(3)))
    np.testing.assert_allclose(both, [np.zeros(3), 2 * V])


def test_every_order_of_nesting_gives_the_hessian():
    H = hessian(bowl)(X)
    nestings = {
        "forward over reverse": jacobian(grad(bowl), mode="forward"),
        "reverse over reverse": jacobian(grad(bowl), mode="reverse"),
        "reverse over forward": jacobian(jacobian(bowl, mode="forward"), mode="reverse"),
        "forward over forward": jacobian(jacobian(bowl, mode="forward"), mode="forward"),
    }
    for name, nested in nestings.items():
        np.testing.assert_allclose(nested(X), H, rtol=1e-12, err_msg=name)
    by_direction = grad(lambda x: jvp(bowl, (x,), (V,))[1])(X)
    np.testing.assert_allclose(by_direction, H @ V, rtol=1e-12)


def test_nested_derivatives_do_not_mix_up_their_arrays():
    """d/dx [x d/dy (x y)] at y = 1 is d/dx x^2, and d/dx [x d/dy (x + y)] is 1: an inner derivative leaves x alone."""
    inner = {"grad": grad, "jvp": lambda f: lambda y: jvp(f, (y,), (1.0,))[1]}
    for outer in inner.values():
        for verb in inner.values():
            assert outer(lambda x, d=verb: x * d(lambda y: x * y)(1.0))(3.0) == 6.0
            assert outer(lambda x, d=verb: x * d(lambda y: x + y)(1.0))(3.0) == 1.0
            three = outer(lambda x, d=verb: x * d(lambda y: x * d(lambda z: y * z**2)(x))(5.0))  # of x d/dy 2 x^2 y
            assert three(3.0) == 6 * 3.0**2


def test_gradients_of_recorded_arrays_are_recorded():
    x = Var(X)
    gradient = grad(lambda x: np.sum(x**3))(x)
    assert isinstance(gradient, Var)
    np.testing.assert_allclose(autodiff.backward(gradient, [x], cotangent=V)[0], 6 * X * V)


# Errors ------------------------------------------------------------------------------------------------------------


def test_errors():
    with pytest.raises(ValueError, match=r"must return a scalar.*\(3,\)"):
        grad(lambda x: x**2)(X)
    for argnums in (2, -2, (0, 2), "x", 1.0, [0], True):
        with pytest.raises(ValueError, match=re.escape(f"argnums={argnums!r} must be the position")):
            grad(bowl, argnums=argnums)(X)
    for argnums in ((0, 0), (0, -2), (1, 0, 1)):
        with pytest.raises(ValueError, match=re.escape(f"argnums={argnums!r} must name each argument once")):
            grad(lambda x, y: np.sum(x * y), argnums)(X, V)
    with pytest.raises(ValueError, match=r"argnums=\(0, 1\) must be the position of a single argument"):
        jacobian(bowl, argnums=(0, 1))
    for mode in ("reverse", "forward"):
        with pytest.raises(TypeError, match=r"fn returns a list; join arrays with stack"):
            jacobian(lambda x: [x, x], mode=mode)(X)
    for verb, name, point, direction in [
        (jvp, "primals", X, V),
        (jvp, "tangents", (X,), V),
        (hvp, "primals", 1.0, 1.0),
    ]:
        with pytest.raises(TypeError, match=rf"{name} must be a tuple with an entry for each argument, \(x,\) for one"):
            verb(bowl, point, direction)
    with pytest.raises(TypeError, match="real numbers"):
        grad(lambda x: x)("text")
    with pytest.raises(TypeError, match="output has dtype"):
        vjp(lambda x: "text", X)
    with pytest.raises(ValueError, match="mode='sideways' is none of 'reverse', 'forward'"):
        jacobian(bowl, mode="sideways")
    with pytest.raises(
        ValueError, match=r"tangents\[0\] has shape \(2,\), and must be shaped like primals\[0\], \(3,\)"
    ):
        jvp(bowl, (X,), (np.ones(2),))
    with pytest.raises(ValueError, match="tangents has 2 entries, and must have 1 as primals has"):
        jvp(bowl, (X,), (V, V))
    with pytest.raises(ValueError, match=r"cotangent has shape \(3,\), and must be shaped like the output, \(2,\)"):
        vjp(curve, X)[1](V)


# Beside the backend ------------------------------------------------------------------------------------------------

POINT = {"w": RNG.normal(size=(3, 4)), "b": RNG.normal(size=4), "v": RNG.normal(size=4)}
BATCH = RNG.normal(size=(5, 3))


def network(library):
    """Return the loss of a small network, written for numpy or Keras in what Keras computes in float64 everywhere."""

    def loss(point, x):
        h = library.tanh(x @ point["w"] + point["b"])
        h = library.abs(h) * library.exp(-h) + library.sin(h) / (1.5 + h**2)
        y = library.sum(h * point["v"], axis=-1)
        return library.sum(library.log(1.0 + y**2)) / 5 + library.max(y) * library.sum(point["b"][1:] ** 3)

    return loss


def to_numpy(structure):
    return keras.tree.map_structure(k.convert_to_numpy, structure)


def test_verbs_equal_those_of_the_backend():
    ours, theirs = network(np), network(k)
    point, batch = keras.tree.map_structure(k.convert_to_tensor, (POINT, BATCH))  # in float64, or float32 on JAX
    tolerance = 1e-11 if "float64" in str(batch.dtype) else 2e-5
    assert backend.current() == "jax" or tolerance == 1e-11
    direction = {name: RNG.normal(size=x.shape) for name, x in POINT.items()}
    tangents = keras.tree.map_structure(k.convert_to_tensor, (direction, np.zeros_like(BATCH)))
    u = 0.7

    def same(mine, other):
        for a, b in zip(keras.tree.flatten(mine), keras.tree.flatten(to_numpy(other)), strict=True):
            np.testing.assert_allclose(a, b, atol=tolerance * max(1.0, np.abs(a).max()), rtol=tolerance)

    same(value_and_grad(ours)(POINT, BATCH), ops.value_and_grad(theirs)(point, batch))
    same(grad(ours, argnums=(0, 1))(POINT, BATCH), ops.grad(theirs, argnums=(0, 1))(point, batch))
    mine = jvp(ours, (POINT, BATCH), (direction, np.zeros_like(BATCH)))
    same(mine, ops.jvp(theirs, (point, batch), tangents))
    (value, pullback), (other, other_pullback) = vjp(ours, POINT, BATCH), ops.vjp(theirs, point, batch)
    same(value, other)
    same(pullback(u), other_pullback(k.convert_to_tensor(u, dtype=batch.dtype)))
    mine = hvp(ours, (POINT, BATCH), (direction, np.zeros_like(BATCH)))
    same(mine, ops.hvp(theirs, (point, batch), tangents))

    rows = lambda v, x, library: library.tanh(library.sum(x * v, axis=-1)) * v[0]  # noqa: E731
    v, w = batch[0], k.transpose(point["w"])
    for mode in ("reverse", "forward"):
        mine = jacobian(lambda v, x: rows(v, x, np), mode=mode)(BATCH[0], POINT["w"].T)
        other = ops.jacobian(lambda v, x: rows(v, x, k), mode=mode)(v, w)
        assert mine.shape == tuple(other.shape) == (4, 3)
        same(mine, other)
        mine = jacobian(lambda v, x: rows(v, x, np), 1, mode)(BATCH[0], POINT["w"].T)
        same(mine, ops.jacobian(lambda v, x: rows(v, x, k), 1, mode)(v, w))
    mine = hessian(lambda v, x: np.sum(rows(v, x, np)))(BATCH[0], POINT["w"].T)
    same(mine, ops.hessian(lambda v, x: k.sum(rows(v, x, k)))(v, w))


def test_a_small_network_learns():
    """Gradient descent with our gradients alone: the loss of a network on the exclusive or goes to zero."""
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=(2, 8)), np.zeros(8), rng.normal(size=8)]

    def loss(weights):
        return np.mean((sigmoid(np.tanh(x @ weights[0] + weights[1]) @ weights[2]) - y) ** 2)

    step = value_and_grad(loss)
    first = step(weights)[0]
    for _ in range(500):
        weights = [w - 2.0 * g for w, g in zip(weights, step(weights)[1], strict=True)]
    assert step(weights)[0] < 0.02 < first
    assert math.isfinite(first)
