"""Solvers of differential equations, the trace of a Jacobian, and the quadrature of UMNN, against closed forms."""

import numpy as np
import pytest
from keras import ops

from keras_course.ops import dormand_prince, runge_kutta
from keras_course.ops._trace import exact_trace
from keras_course.uncertainty import clenshaw_curtis, continuous_flow

array = ops.convert_to_numpy


def rotation(t, y):
    (x,) = y
    return (ops.stack([-x[1], x[0]]),)


def test_order_of_runge_kutta():
    """On a rotation, the error shrinks by 16 where the steps are half as long, and the way back leads to the start."""
    start, exact = (ops.convert_to_tensor([1.0, 0.0]),), np.array([np.cos(3.0), np.sin(3.0)])
    errors = [np.abs(array(runge_kutta(rotation, start, 0.0, 3.0, n)[0]) - exact).max() for n in (6, 12)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.3)
    (back,) = runge_kutta(rotation, (ops.convert_to_tensor(exact.astype("float32")),), 3.0, 0.0, 24)
    np.testing.assert_allclose(array(back), [1.0, 0.0], atol=1e-5)


def test_dormand_prince():
    """It solves a rotation, backwards too, and an equation whose speed jumps at t = 1/2."""
    (y,), steps = dormand_prince(rotation, (ops.convert_to_tensor([1.0, 0.0]),), 3.0, 0.0, tolerance=1e-6)
    np.testing.assert_allclose(array(y), [np.cos(3.0), -np.sin(3.0)], atol=1e-4)
    assert 5 < steps < 60

    def jump(t, y):
        return (ops.where(t < 0.5, 1.0, 10.0) * y[0],)

    (y,), _ = dormand_prince(jump, (ops.ones((2,)),), 0.0, 1.0, tolerance=1e-6)
    np.testing.assert_allclose(array(y), np.exp(5.5), rtol=1e-3)
    with pytest.raises(RuntimeError, match=r"max_steps=50 .* tolerance=1e-05"):  # the solution is infinite at t = 1
        dormand_prince(lambda t, y: (y[0] ** 2,), (ops.ones((1,)),), 0.0, 2.0, max_steps=50)


def test_trace():
    """The exact trace is that of the matrix; the mean of many of Hutchinson's estimates comes close to it."""
    matrix = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, -2.0]], "float32")
    v, trace = exact_trace(lambda x, c: ops.matmul(x, matrix) * c, ops.ones((4, 3)), ops.ones((4, 1)) * 2)
    np.testing.assert_allclose(array(v), 2 * matrix.sum(axis=0)[None].repeat(4, 0), rtol=1e-6)
    np.testing.assert_allclose(array(trace), 2 * np.trace(matrix), rtol=1e-6)
    exact, estimated = (continuous_flow(3, num_steps=1, hidden_dims=(8,), trace=t) for t in ("exact", "hutchinson"))
    for weight in exact.trainable_weights:
        weight.assign(weight + 0.3 * np.random.default_rng(weight.shape[-1]).normal(size=weight.shape))
    estimated.set_weights(exact.get_weights())
    x = ops.ones((4000, 3)) * 0.5
    expected = array(exact(x)["log_prob"])[0]
    noisy = array(estimated(x, training=True)["log_prob"])
    assert noisy.std() > 0.01
    assert noisy.mean() == pytest.approx(expected, abs=4 * noisy.std() / np.sqrt(4000))
    np.testing.assert_allclose(array(estimated(x)["log_prob"]), expected, rtol=1e-5)


@pytest.mark.parametrize("degree", [1, 2, 5, 20])
def test_quadrature_is_exact_for_polynomials(degree):
    nodes, weights = clenshaw_curtis(degree)
    assert len(nodes) == degree + 1
    assert weights.sum() == pytest.approx(2)
    for power in range(degree + 1):
        assert weights @ nodes**power == pytest.approx((1 - (-1) ** (power + 1)) / (power + 1), abs=1e-9)
