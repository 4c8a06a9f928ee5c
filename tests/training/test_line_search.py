"""Line searches satisfy the conditions that scipy's does; L-BFGS beside scipy's; the learning-rate range test."""

import keras
import numpy as np
import pytest
import scipy.optimize
from keras import ops as k

from keras_course import autodiff, ops
from keras_course.portable import portable_init
from keras_course.training import anisotropic, backtracking, beale, lbfgs, learning_rate_range_test, wolfe_line_search
from keras_course.training._line_search import _inverse_hessian_times


def tape(function):
    return autodiff.value_and_grad(function)


FUNCTIONS = {
    "quadratic": (anisotropic, np.array([3.0, 2.0])),
    "beale": (beale, np.array([0.7, 1.4])),
    "rosenbrock": (lambda w: 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2, np.array([-1.2, 1.0])),
}


def slopes(both, w, p, step):
    value, gradient = both(w + step * p)
    return float(value), float(np.sum(np.asarray(gradient) * p))


@pytest.mark.parametrize("first", [1e-4, 1.0, 50.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_conditions_hold(name, first):
    both, w = tape(FUNCTIONS[name][0]), FUNCTIONS[name][1]
    p = -np.asarray(both(w)[1])
    start, slope = slopes(both, w, p, 0.0)
    short = backtracking(both, w, p, initial_step=first)
    assert short.loss <= start + 1e-4 * short.step * slope
    strong = wolfe_line_search(both, w, p, initial_step=first)
    value, here = slopes(both, w, p, strong.step)
    assert value == strong.loss <= start + 1e-4 * strong.step * slope
    assert abs(here) <= 0.9 * abs(slope)
    if first == 1e-4 and name != "rosenbrock":
        assert abs(slopes(both, w, p, short.step)[1]) > 0.9 * abs(slope)  # the first condition alone lets it creep
    assert scipy.optimize.line_search(lambda w: float(both(w)[0]), lambda w: np.asarray(both(w)[1]), w, p)[0] > 0


def test_evaluations_are_counted():
    calls = []

    def both(w):
        calls.append(w)
        return tape(beale)(w)

    p = -np.asarray(tape(beale)(np.array([0.7, 1.4]))[1])
    for search in (backtracking, wolfe_line_search):
        calls.clear()
        assert search(both, np.array([0.7, 1.4]), p).evaluations == len(calls) > 2


def test_a_step_that_leads_to_no_number_is_too_long():
    def both(w):
        value = np.log(w[0]) ** 2 if w[0] > 0 else np.nan
        return value, np.array([2 * np.log(abs(w[0])) / w[0]])

    for search in (backtracking, wolfe_line_search):
        assert 0 < search(both, np.array([2.0]), np.array([-10.0])).step < 0.2


def test_gradients_of_the_backend_serve_as_well():
    found = wolfe_line_search(ops.value_and_grad(beale), np.array([0.7, 1.4]), np.array([1.0, -1.0]))
    assert found.loss < float(beale(np.array([0.7, 1.4])))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lbfgs_finds_the_minimum_about_as_fast_as_scipy(name):
    both, start = tape(FUNCTIONS[name][0]), FUNCTIONS[name][1]
    trajectory, losses = lbfgs(both, start, 100)
    theirs = scipy.optimize.minimize(
        lambda w: tuple(map(np.asarray, both(w))), start, jac=True, method="L-BFGS-B", options={"gtol": 1e-6}
    )
    np.testing.assert_allclose(trajectory[-1], theirs.x, atol=1e-4)
    assert losses[-1] < 1e-8
    assert len(losses) <= 2 * theirs.nit + 5
    assert (np.diff(losses) < 0).all()
    np.testing.assert_array_equal(trajectory[0], start)
    assert trajectory.shape == (len(losses), 2)


def test_lbfgs_with_a_long_memory_is_newtons_method_on_a_quadratic():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    hessian, minimum = root @ root.T + np.eye(6), rng.normal(size=6)
    trajectory, _ = lbfgs(
        lambda w: ((w - minimum) @ hessian @ (w - minimum) / 2, hessian @ (w - minimum)), 0 * minimum, 60
    )
    np.testing.assert_allclose(trajectory[-1], minimum, atol=1e-5)
    assert len(lbfgs(lambda w: (w @ w, 2 * w), np.ones(3), 50)[0]) <= 4


def test_two_loops_are_the_product_with_the_matrix_of_bfgs():
    rng = np.random.default_rng(0)
    root, g = rng.normal(size=(5, 5)), rng.normal(size=5)
    steps = [rng.normal(size=5) for _ in range(3)]
    pairs = [(s, (root @ root.T + np.eye(5)) @ s) for s in steps]
    s, y = pairs[-1]
    inverse = np.eye(5) * (s @ y) / (y @ y)
    for s, y in pairs:
        left = np.eye(5) - np.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
    np.testing.assert_allclose(inverse @ y, s, rtol=1e-10)
    found = _inverse_hessian_times(g, [(s, y, 1 / (s @ y)) for s, y in pairs])
    np.testing.assert_allclose(found, inverse @ g, rtol=1e-10)


def test_bad_line_searches():
    both, w = tape(beale), np.array([0.7, 1.4])
    up = np.asarray(both(w)[1])
    for search in (backtracking, wolfe_line_search):
        with pytest.raises(ValueError, match="must fall along it"):
            search(both, w, up)
        with pytest.raises(ValueError, match=r"w has shape \(2,\), but direction has shape \(3,\)"):
            search(both, w, np.ones(3))
        with pytest.raises(ValueError, match=r"c1=1\.5 must be in"):
            search(both, w, -up, c1=1.5)
        with pytest.raises(ValueError, match="initial_step=0 must be"):
            search(both, w, -up, initial_step=0)
        with pytest.raises(RuntimeError, match="no step"):  # the gradient is wrong: the function rises along -g
            search(lambda w: (float(np.sum(w)), -np.ones(2)), w, np.ones(2))
    with pytest.raises(ValueError, match=r"c1=0\.9 must be less than c2=0\.5"):
        wolfe_line_search(both, w, -up, c1=0.9, c2=0.5)
    with pytest.raises(RuntimeError, match="Wolfe"):
        wolfe_line_search(lambda w: (float(w[0]), np.ones(1)), np.zeros(1), -np.ones(1))
    for search in (backtracking, wolfe_line_search):
        with pytest.raises(ValueError, match="c1='small' must be in"):
            search(both, w, -up, c1="small")
        with pytest.raises(ValueError, match=r"gradient of shape \(1,\), but w has shape \(2,\)"):
            search(lambda w: (float(w @ w), 2 * w[:1]), w, -w)
    for bad in (np.array([np.nan, 1.0]), np.ones(0)):
        with pytest.raises(ValueError, match=r"must be finite numbers|not finite|holds no number"):
            lbfgs(lambda w: (float(w @ w), 2 * w), bad, 5)
    with pytest.raises(ValueError, match="tolerance=nan must be"):
        lbfgs(both, w, 5, tolerance=float("nan"))
    for arguments in ({"num_steps": 0}, {"num_steps": 1, "memory": 0}):
        with pytest.raises(ValueError, match="=0 must be a whole number"):
            lbfgs(both, w, **arguments)


# Range test --------------------------------------------------------------------------------------------------------


def linear_model(optimizer, dropout=0.0):
    x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    layers = [keras.Input((4,)), keras.layers.Dropout(dropout, seed=0), keras.layers.Dense(1)]
    model = portable_init(keras.Sequential(layers))
    model.compile(optimizer, "mse")
    return model, x, x @ np.ones((4, 1), "float32")


def state(model):
    return [np.array(k.convert_to_numpy(v)) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("trained", [True, False])
def test_range_test_leaves_the_model_as_it_was(trained):
    model, x, y = linear_model(keras.optimizers.Adam(0.01), dropout=0.5)
    if trained:
        model.fit(x, y, verbose=0)
    else:
        model.optimizer.build(model.trainable_variables)
    before = state(model)
    learning_rate_range_test(model, x, y, num_steps=5)
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


def test_range_test_stops_where_gradient_descent_does():
    """On a least-squares problem of curvature about 2 it is stable below a rate of about 1."""
    model, x, y = linear_model("sgd")
    found = learning_rate_range_test(model, x, y, lowest=1e-4, highest=1e3, num_steps=120, batch_size=256)
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 1e3, 120)[: len(found.rates)])
    assert len(found.rates) == len(found.losses) < 120
    assert 0.5 < found.rates[-1] < 20
    assert 0.01 < found.suggestion < 1
    np.testing.assert_allclose(found.losses[0], np.mean((model.predict(x, verbose=0) - y) ** 2), rtol=0.3)


def test_losses_of_a_range_test_are_those_of_the_batches():
    model, x, y = linear_model("sgd")
    found = learning_rate_range_test(model, x, y, lowest=1e-9, highest=1e-8, num_steps=6, batch_size=8, explosion=1e9)
    squares, rng = (model.predict(x, verbose=0) - y) ** 2, np.random.default_rng(0)
    expected = [squares[rng.integers(256, size=8)].mean() for _ in range(6)]
    np.testing.assert_allclose(found.losses, expected, rtol=1e-4)
    for n in range(1, 7):  # each batch has 0.9 of the weight of the next one
        mean = np.average(found.losses[:n], weights=0.9 ** np.arange(n)[::-1])
        np.testing.assert_allclose(found.smoothed[n - 1], mean)


def test_bad_range_tests():
    model, x, y = linear_model(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)))
    with pytest.raises(ValueError, match="has a schedule"):
        learning_rate_range_test(model, x, y)
    with pytest.raises(ValueError, match="is not compiled"):
        learning_rate_range_test(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), x, y)
    for arguments in ({"lowest": 0}, {"lowest": 2}, {"highest": float("inf")}, {"num_steps": 1}, {"explosion": 1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            learning_rate_range_test(linear_model("sgd")[0], x, y, **arguments)
    for data, message in (
        ((x, y[:3]), r"x and y hold \[3, 256\] examples"),
        ((x[:0], y[:0]), r"x and y hold \[0\] examples"),
        ((np.full_like(x, np.nan), y), "x holds numbers that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            learning_rate_range_test(linear_model("sgd")[0], *data)
