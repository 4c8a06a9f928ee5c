"""Every primitive against central differences, in both modes and to second order; what has no rule."""

import itertools

import numpy as np
import pytest

from keras_course.autodiff import Dual, Var, backward, grad, gradcheck, hessian, jvp, relu, sigmoid
from keras_course.autodiff._rules import _PIECEWISE_CONSTANT, Elementwise
from keras_course.autodiff._traced import FUNCTIONS, UFUNCS

RNG = np.random.default_rng(0)


def away(*shape):
    """Numbers of both signs that stay away from 0, where |x| and relu have no derivative."""
    return RNG.choice([-1.0, 1.0], shape) * RNG.uniform(0.3, 1.5, shape)


def above(*shape):
    return RNG.uniform(0.5, 2.0, shape)


INDEX = np.array([[0, 2], [2, 2]])  # picks an entry three times
CASES = {  # name: [(function, operands)]
    "add": [
        (np.add, away(2, 3), away(3)),
        (lambda x, y: x + y, away(2, 1), away(3)),
        (lambda x: 1 + x, away()),
    ],
    "subtract": [
        (np.subtract, away(3), away(2, 3)),
        (lambda x: [1.0, 2.0] - x, away(2)),
        (lambda x: x - 1, away(2)),
    ],
    "multiply": [(np.multiply, away(2, 3), away(2, 1)), (lambda x, y: x * y, away(), away(2, 3))],
    "divide": [
        (np.true_divide, away(2, 3), away(3)),
        (lambda x: 2 / x, away(3)),
        (lambda x: x * x / x, away(3)),
    ],
    "power": [
        (np.power, above(2, 3), away(3)), (lambda x: x**3, away(3)),
        (lambda x: x**0.5, above(2)), (lambda x: 2**x, away(3)),
        (lambda x: x**2, np.zeros(2)),
    ],
    "negative": [(lambda x: -x, away(2, 3))],
    "reciprocal": [(np.reciprocal, away(3))],
    "square": [(np.square, away(3))],
    "sqrt": [(np.sqrt, above(3))],
    "exp": [(np.exp, away(2, 3))],
    "expm1": [(np.expm1, away(3))],
    "log": [(np.log, above(2, 3))],
    "log1p": [(np.log1p, above(3))],
    "logaddexp": [(np.logaddexp, away(2, 3), away(3))],
    "sin": [(np.sin, away(2, 3))],
    "cos": [(np.cos, away(3))],
    "arctan": [(np.arctan, away(3))],
    "sinh": [(np.sinh, away(3))],
    "cosh": [(np.cosh, away(3))],
    "tanh": [(np.tanh, away(2, 3))],
    "absolute": [(np.absolute, away(3)), (abs, away(3))],
    "maximum": [(np.maximum, away(2, 3), away(3) / 9), (lambda x: np.maximum(x, 0.0), away(3))],
    "minimum": [(np.minimum, away(2, 3), away(3) / 9)],
    "sigmoid": [(sigmoid, 3 * away(2, 3))],
    "relu": [(relu, away(2, 3))],
    "where": [
        (lambda x, y: np.where(x > 0, x * y, y), away(2, 3), away(3)),
        (lambda x: np.where([True, False], x, 2.0), away(2)),
    ],
    "matmul": [
        (np.matmul, away(3), away(3)), (np.matmul, away(2, 3), away(3)), (np.matmul, away(3), away(3, 2)),
        (np.matmul, away(2, 3), away(3, 2)), (np.matmul, away(2, 2, 3), away(2, 3, 2)),
        (np.matmul, away(2, 2, 3), away(3, 2)), (np.matmul, away(2, 3), away(2, 3, 1)),
        (np.matmul, away(3), away(2, 3, 2)),
        (np.matmul, away(2, 2, 3), away(3)), (lambda x: np.eye(2) @ x, away(2, 3)),
        (np.matmul, away(2, 1, 2, 3), away(2, 3, 2)),
    ],
    "dot": [(np.dot, away(2, 3), away(3)), (np.dot, away(), away(3)), (np.dot, away(3), away(3))],
    "outer": [(np.outer, away(2), away(3))],
    "sum": [
        (np.sum, away(2, 3)),
        (lambda x: x.sum(axis=0), away(2, 3)), (lambda x: x.sum(-1, keepdims=True), away(2, 3)),
        (lambda x: np.sum(x, axis=(0, -1)), away(2, 3, 2)),
    ],
    "mean": [
        (np.mean, away(2, 3)),
        (lambda x: x.mean(axis=(0, 2), keepdims=True), away(2, 3, 2)),
        (lambda x: x.mean(-2), away(2, 3)),
    ],
    "max": [
        (np.max, away(2, 3)),
        (lambda x: x.max(axis=1), away(2, 3)), (lambda x: x.max(axis=(0, 2)), away(2, 3, 2)),
        (lambda x: x.max(0, keepdims=True), away(2, 3)),
    ],
    "min": [(np.min, away(2, 3)), (lambda x: x.min(axis=-1), away(2, 3))],
    "getitem": [
        (lambda x: x[1], away(2, 3)),
        (lambda x: x[..., 1:], away(2, 3)), (lambda x: x[None, 0, ::-1], away(2, 3)),
        (lambda x: x[INDEX], away(3)), (lambda x: x[[0, 0]], away(2, 3)), (lambda x: x[:, INDEX], away(2, 3)),
        (lambda x: x[x > 0], np.array([0.5, -1.0, 2.0])), (lambda x: x[INDEX, INDEX.T], away(3, 3)),
        (lambda x: sum(row * i for i, row in enumerate(x)), away(3, 2)),
        (lambda x: x[:, (0, 0)], away(2, 3)), (lambda x: x[(0, 1), (2, -1)], away(2, 3)),
        (lambda x: x[[0, -3]], away(3)), (lambda x: x[((0, 0), (1, 1)), ...], away(3)),
        (lambda x: x[range(2), None, np.int64(1)], away(2, 3)),
        (lambda x: x[[True, False], 1:], away(2, 3)), (lambda x: x[np.array([True, False]), (2, 2)], away(2, 3)),
    ],
    "reshape": [
        (lambda x: x.reshape(3, 2), away(2, 3)), (lambda x: np.reshape(x, (-1,)), away(2, 3)),
        (lambda x: x.reshape((1, 6)), away(2, 3)),
    ],
    "ravel": [(np.ravel, away(2, 3))],
    "transpose": [
        (lambda x: x.T, away(2, 3)),
        (lambda x: x.transpose(1, 2, 0), away(2, 3, 2)), (np.transpose, away(2, 3, 2)),
        (lambda x: x.transpose((2, 0, 1)), away(2, 3, 2)),
    ],
    "moveaxis": [(lambda x: np.moveaxis(x, (0, -1), [-1, 1]), away(2, 3, 2))],
    "swapaxes": [(lambda x: np.swapaxes(x, 0, -1), away(2, 3, 2)), (lambda x: np.swapaxes(x, 0, 1), away(2, 3, 2))],
    "expand_dims": [
        (lambda x: np.expand_dims(x, -1), away(2, 3)),
        (lambda x: np.expand_dims(x, 1), away(2, 3)), (lambda x: np.expand_dims(x, (0, -1)), away(2, 3)),
    ],
    "squeeze": [(np.squeeze, away(2, 1, 3)), (lambda x: np.squeeze(x, 1), away(2, 1, 1))],
    "broadcast_to": [(lambda x: np.broadcast_to(x, (2, 3)), away(2, 1))],
    "roll": [
        (lambda x: np.roll(x, 1, axis=0), away(3, 2)),
        (lambda x: np.roll(x, (1, 2), (0, 1)), away(3, 4)),
        (lambda x: np.roll(x, np.uint8(2)), away(2, 3)), (lambda x: np.roll(x, [1, 2], (0, 1)), away(3, 4)),
    ],
    "concatenate": [
        (lambda x, y: np.concatenate([x, y, np.ones((2, 1))], axis=-1), away(2, 3), away(2, 2)),
        (lambda x, y: np.concatenate([x, y]), away(2), away(1)),
        (lambda x, y: np.concatenate([x, y], axis=None), away(2, 2), away(1)),
    ],
    "stack": [
        (lambda x, y: np.stack([x, y, x]), away(), away()),
        (lambda x, y: np.stack([x, y], axis=-1), away(2), away(2)),
    ],
    "clip": [
        (lambda x: np.clip(x, -0.2, 0.2), away(4) / 3), (lambda x: np.clip(x, None, 0.2), away(4) / 3),
        (lambda x: np.clip(x, a_min=-0.2, a_max=None), away(4) / 3),
    ],
}  # fmt: skip
FLAT = [pytest.param(*case, id=f"{name}-{i}") for name, cases in CASES.items() for i, case in enumerate(cases)]
FLAT = [pytest.param(param.values[0], param.values[1:], id=param.id) for param in FLAT]
SHAPES_ONLY = {"shape", "ndim", "size", "zeros_like", "ones_like", "argmax", "argmin", "argsort"}


def test_every_rule_has_a_case():
    constant = {ufunc.__name__ for ufunc in _PIECEWISE_CONSTANT}
    known = {f if isinstance(f, str) else f.__name__ for f in (*UFUNCS, *FUNCTIONS)} | {"relu", "sigmoid"}
    assert set(CASES) == known - constant - SHAPES_ONLY - {"amax", "amin"}


@pytest.mark.parametrize(("function", "operands"), FLAT)
def test_rule(function, operands):
    plainly = function(*operands)
    traced = function(*map(Var, operands))
    np.testing.assert_array_equal(traced.value, plainly)
    assert traced.shape == np.shape(plainly)
    for mode in ("reverse", "forward"):
        assert gradcheck(function, *operands, mode=mode) < 1e-7


@pytest.mark.parametrize(("function", "operands"), FLAT)
def test_second_derivatives_of_rule(function, operands):
    def scalar(*xs):
        y = function(*xs)
        return np.sum(np.sin(y) * np.arange(1.0, 1.0 + y.size).reshape(y.shape))

    for i in range(len(operands)):
        for mode in ("reverse", "forward"):  # reverse over reverse, forward over reverse
            assert gradcheck(grad(scalar, i), *operands, mode=mode) < 1e-6
        tangents = tuple(float(j == i) * np.ones(np.shape(x)) for j, x in enumerate(operands))
        assert gradcheck(lambda *xs, t=tangents: jvp(scalar, xs, t)[1], *operands) < 1e-6  # reverse over forward


ON_AXES = {  # name: (function of x and axes, the axes that it takes, the rank that they are counted in)
    "transpose": (lambda x, *axes: np.transpose(x, axes), itertools.permutations(range(3)), 3),
    "moveaxis": (np.moveaxis, itertools.product(range(3), repeat=2), 3),
    "swapaxes": (np.swapaxes, itertools.product(range(3), repeat=2), 3),
    **{f.__name__: (f, [(0,), (1,), (2,)], 3) for f in (np.sum, np.mean, np.max, np.min)},
    "sums": (lambda x, *axes: np.sum(x, axes), itertools.permutations(range(3), 2), 3),
    "means": (lambda x, *axes: x.mean(axes, keepdims=True), itertools.permutations(range(3), 2), 3),
    "maxima": (lambda x, *axes: np.max(x, axes), itertools.permutations(range(3), 2), 3),
    "roll": (lambda x, axis: np.roll(x, 1, axis), [(0,), (1,), (2,)], 3),
    "squeeze": (np.squeeze, [(1,)], 3),
    "concatenate": (lambda x, axis: np.concatenate([x, 2 * x], axis), [(0,), (1,), (2,)], 3),
    "stack": (lambda x, axis: np.stack([x, 2 * x], axis), [(0,), (1,), (2,), (3,)], 4),
    "expand_dims": (np.expand_dims, [(0,), (1,), (2,), (3,)], 4),
}


@pytest.mark.parametrize("name", ON_AXES)
def test_axes_may_be_counted_from_the_end(name):
    function, choices, rank = ON_AXES[name]
    x, weights = away(2, 1, 3), np.arange(1.0, 13.0)
    for axes in choices:
        for spelled in itertools.product(*((axis, axis - rank) for axis in axes)):

            def weighted(x, axes=spelled):  # no entry is like another
                y = function(x, *axes)
                return y * weights[: np.size(y)].reshape(np.shape(y))

            for mode in ("reverse", "forward"):
                assert gradcheck(weighted, x, mode=mode) < 1e-7, spelled


def test_gradcheck_refuses_what_always_passes():
    for bad in (float("nan"), float("inf"), -1.0, None):
        with pytest.raises(ValueError, match=f"tolerance={bad} must be a finite number, at least 0"):
            gradcheck(np.sin, 1.0, tolerance=bad)
    with pytest.raises(ValueError, match="primals="):
        gradcheck(np.sin)


def test_gradcheck_sees_a_wrong_rule():
    wrong = Elementwise("wrong", np.sin, lambda t, out, x: t * np.where(x > 1.0, -np.cos(x), np.cos(x)))
    assert gradcheck(wrong, np.array([0.5, 0.9])) < 1e-8
    for mode in ("reverse", "forward"):
        with pytest.raises(AssertionError, match=rf"{mode} mode.*entry \(1,\) by entry \(1,\) of argument 0: 0\.416"):
            gradcheck(wrong, np.array([0.5, 2.0]), mode=mode)
    infinite = Elementwise("infinite", np.sin, lambda t, out, x: t * np.inf)
    with pytest.raises(AssertionError, match="inf, and"):
        gradcheck(infinite, 1.0)
    with pytest.raises(AssertionError, match="argument 1"):
        gradcheck(lambda x, y: x + wrong(y), 1.0, 2.0)


def test_equal_entries_share():
    tied = np.array([2.0, 1.0, 2.0])
    np.testing.assert_array_equal(grad(np.max)(tied), [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(grad(lambda x: -np.min(-x))(tied), [0.5, 0.0, 0.5])
    assert jvp(np.max, (tied,), (np.array([1.0, 5.0, 0.0]),))[1] == 0.5
    assert grad(np.maximum, (0, 1))(1.0, 1.0) == (0.5, 0.5)
    assert grad(np.minimum, (0, 1))(1.0, 1.0) == (0.5, 0.5)
    assert grad(relu)(0.0) == 0.0
    np.testing.assert_array_equal(grad(lambda x: x.max(axis=1).sum())(np.ones((2, 4))), np.full((2, 4), 0.25))


def test_powers_of_zero():
    zero = np.zeros(1)
    assert grad(lambda x: np.sum(x**0))(zero) == 0.0
    assert grad(lambda x: np.sum(x**1))(zero) == 1.0
    assert grad(lambda y: np.sum(zero**y))(np.array([2.0])) == 0.0


def test_activations_do_not_overflow():
    far = np.array([-1000.0, 1000.0])
    np.testing.assert_array_equal(sigmoid(far), [0.0, 1.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(sigmoid(x)))(far), [0.0, 0.0])
    np.testing.assert_allclose(sigmoid([0.3, -2.0]), 1 / (1 + np.exp([-0.3, 2.0])), rtol=1e-15)
    np.testing.assert_array_equal(relu([-1.0, 2.0]), [0.0, 2.0])


def test_what_is_piecewise_constant_is_plain():
    for make in (Var, lambda x: Dual(x, x)):
        x = make([0.5, -1.5])
        assert [type(f(x)) for f in (np.sign, np.floor, np.argmax)] == [np.ndarray, np.ndarray, np.int64]
        np.testing.assert_array_equal(x > 0, [True, False])
        np.testing.assert_array_equal(x == x, [True, True])
        assert (np.shape(x), np.ndim(x), np.size(x), len(x), x.dtype) == ((2,), 1, 2, 2, np.float64)
        assert bool(x[0] > 0)
    assert grad(lambda x: x * np.floor(x))(2.5) == 2.0


def test_broadcast_gradients_have_the_operands_shapes():
    a, b = Var(np.ones((4, 1, 3))), Var(np.ones((2, 1)))
    for gradient, node in zip(backward(np.sum(a * b), [a, b]), (a, b), strict=True):
        assert gradient.shape == node.shape
    np.testing.assert_array_equal(backward(np.sum(a * b), [b])[0], np.full((2, 1), 12.0))


def test_hessian_through_broadcasting_and_matmul():
    w, b = RNG.normal(size=(3, 2)), RNG.normal(size=2)
    h = hessian(lambda b: np.sum((w @ np.outer(b, b) + b) ** 2))(b)
    np.testing.assert_allclose(h, h.T, rtol=1e-12)
    eps = 1e-5
    gradient = grad(lambda b: np.sum((w @ np.outer(b, b) + b) ** 2))
    numeric = np.stack([(gradient(b + eps * e) - gradient(b - eps * e)) / (2 * eps) for e in np.eye(2)])
    np.testing.assert_allclose(h, numeric, rtol=1e-7)


@pytest.mark.parametrize("make", [Var, lambda x: Dual(x, x)], ids=["Var", "Dual"])
class TestErrors:
    def test_functions_without_a_rule_are_named(self, make):
        x = make(np.ones(3))
        for call, name in [
            (lambda: np.cumsum(x), r"np\.cumsum"),
            (lambda: np.fft.fft(x), r"np\.fft\.fft"),
            (lambda: np.arctan2(x, x), r"np\.arctan2"),
            (lambda: np.add.reduce(x), r"np\.add\.reduce"),
        ]:
            with pytest.raises(TypeError, match=name + " has no rule.*There are rules for absolute, add,.*tanh"):
                call()
        with pytest.raises(TypeError, match=r"np\.sum\(\).*'dtype'"):
            np.sum(x, dtype="float32")
        with pytest.raises(TypeError, match=r"np\.add has no rule.*where="):
            np.add(x, x, where=np.array([True, False, True]))
        with pytest.raises(TypeError, match=r"np\.dot.*\(3,\) and \(2, 3, 2\)"):
            np.dot(x, np.ones((2, 3, 2)))

    def test_change_in_place(self, make):
        x, a = make(np.ones(3)), np.zeros(3)
        with pytest.raises(TypeError, match="in place"):
            x[0] = 1.0
        with pytest.raises(TypeError, match="in place"):
            x[:] += 1.0
        with pytest.raises(TypeError, match=r"np\.add would change an array in place"):
            a += x
        with pytest.raises(TypeError, match=r"np\.exp would change an array in place"):
            np.exp(x, out=a)
        y = x
        y += 1.0  # gives y a new array
        np.testing.assert_array_equal(x.value, np.ones(3))
        np.testing.assert_array_equal(y.value, np.full(3, 2.0))

    def test_shapes_that_do_not_fit_are_both_named(self, make):
        x = make(np.ones((2, 3)))
        with pytest.raises(ValueError, match=r"add does not take operands of shapes \(2, 3\) and \(4,\)"):
            x + np.ones(4)
        with pytest.raises(ValueError, match=r"multiply.*shapes \(4,\) and \(2, 3\)"):
            np.ones(4) * x
        with pytest.raises(ValueError, match=r"matmul.*shapes \(2, 3\) and \(2, 3\)"):
            x @ x
        with pytest.raises(ValueError, match=r"reshape.*\(2, 3\).*\(4,\)"):
            x.reshape(4)
        with pytest.raises(ValueError, match=r"concatenate.*\(2, 3\) and \(1, 2\)"):
            np.concatenate([x, np.ones((1, 2))])
        with pytest.raises(IndexError):
            x[5]
        for call in (np.sum, np.mean, np.max, lambda x, axis: np.swapaxes(x, 0, axis), np.expand_dims):
            with pytest.raises(ValueError, match="7 is out of bounds"):
                call(x, axis=7)

    def test_leaving_the_graph_by_accident(self, make):
        import math

        x = make(np.ones(2))
        with pytest.raises(TypeError, match=r"np\.stack"):
            np.array([x[0], x[1]])
        with pytest.raises(TypeError, match=r"np\.sin"):
            math.sin(make(1.0))
        with pytest.raises(ValueError, match="array element") as refused:
            np.zeros(3)[0] = x[0]
        assert "np.stack to fill an array" in str(refused.value.__cause__)
        with pytest.raises(TypeError):
            iter(make(1.0))

    def test_values_must_be_real(self, make):
        for value in ("text", 1j, [None]):
            with pytest.raises(TypeError, match="real numbers"):
                make(value)
        assert make(3).dtype == np.float64
        assert make(np.float32(3)).dtype == np.float32
