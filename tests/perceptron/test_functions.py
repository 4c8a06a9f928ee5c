"""Universal approximation, vanishing gradients and space stretching: bounds, closed forms, the backend's numbers."""

import itertools

import keras
import numpy as np
import pytest

from keras_course import ops as course_ops
from keras_course.perceptron import (
    backpropagated_gradients,
    dead_units,
    double_well,
    greedy_approximations,
    mlp,
    output_head,
    sigmoid_chain,
    stretch_by_network,
    stretch_by_sigmoid,
    stretch_linearly,
    universal_approximator_1d,
    vanishing_bound,
)

RNG = np.random.default_rng(0)
LOW, HIGH = -5.0, 6.0
GRID = np.linspace(LOW, HIGH, 701)[1:-1]


# Universal approximation ---------------------------------------------------------------------------------------------


def error(num_units, kind):
    model = universal_approximator_1d(double_well, LOW, HIGH, num_units, kind)
    assert model.output_shape == (None, 1)
    assert model.count_params() == 3 * num_units + 1
    return np.abs(model.predict(GRID[:, None], verbose=0)[:, 0] - double_well(GRID)).max()


@pytest.mark.parametrize("num_units", [1, 4, 13, 50])
def test_errors_stay_below_the_bounds(num_units):
    slope = np.abs(0.02 * (4 * (GRID - 1 / 3) ** 3 - 60 * GRID)).max()
    curvature = np.abs(0.02 * (12 * (GRID - 1 / 3) ** 2 - 60)).max()
    assert error(num_units, "step") <= (HIGH - LOW) / (num_units + 1) / 2 * slope + 1e-4
    assert error(num_units, "relu") <= ((HIGH - LOW) / num_units) ** 2 / 8 * curvature + 1e-4


def test_error_falls_as_units_are_added():
    assert error(400, "step") < 0.15
    assert error(100, "relu") < 0.02
    assert error(64, "relu") < 0.3 * error(32, "relu")  # a quarter, where the bound is h^2
    assert error(129, "step") < 0.6 * error(64, "step")  # a half


def test_rectifiers_interpolate():
    knots = np.linspace(LOW, HIGH, 14)
    model = universal_approximator_1d(np.sin, LOW, HIGH, 13, "relu")
    expected = np.interp(GRID, knots, np.sin(knots))
    np.testing.assert_allclose(model.predict(GRID[:, None], verbose=0)[:, 0], expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["step", "relu"])
def test_greedy_frames(kind):
    frames = greedy_approximations(double_well, LOW, HIGH, 12, kind)
    x = np.linspace(LOW, HIGH, 200)
    errors = [np.mean((frame(x) - double_well(x)) ** 2) for frame in frames]
    assert [len(frame.knots) for frame in frames] == list(range(1, 13))
    assert (np.diff(errors) <= 1e-12).all()
    assert errors[-1] < 0.1 * errors[0]
    for before, after in itertools.pairwise(frames):
        np.testing.assert_array_equal(before.knots, after.knots[:-1])  # grown, not rebuilt
    middle = (x[1:] + x[:-1]) / 2  # away from the knots, where rounding decides on which side of a step one is
    model = frames[-1].model().predict(middle[:, None], verbose=0)[:, 0]
    np.testing.assert_allclose(model, frames[-1](middle), atol=2e-4)


@pytest.mark.parametrize("kind", ["step", "relu"])
def test_greedy_takes_the_best_knot(kind):
    """The first two choices by brute force: fit every candidate by least squares, keep the best."""
    x = np.linspace(LOW, HIGH, 60)
    frames = greedy_approximations(double_well, LOW, HIGH, 2, kind, num_points=60)
    unit = (lambda z: (z >= 0) * 1.0) if kind == "step" else (lambda z: np.maximum(z, 0))
    columns = [np.ones(60)]
    for number in range(2):
        risks = {}
        for knot in x[1:-1] if kind == "step" else x[:-1]:
            design = np.stack([*columns, unit(x - knot)], axis=1)
            fitted = design @ np.linalg.lstsq(design, double_well(x), rcond=None)[0]
            risks[knot] = np.sum((fitted - double_well(x)) ** 2)
        best = min(risks, key=risks.get)
        assert frames[1].knots[number] == best
        columns.append(unit(x - best))
    np.testing.assert_allclose(np.sum((frames[1](x) - double_well(x)) ** 2), risks[best], rtol=1e-8)


@pytest.mark.parametrize("approximate", [universal_approximator_1d, greedy_approximations])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"low": 3.0}, "low=3.0 must be below high=1.0"),
        ({"high": np.inf}, "low=0.0 must be below high=inf, both finite"),
        ({"low": "0"}, "low='0' must be below high=1.0, both finite"),
        ({"num_units": 0}, "num_units=0 must be a whole number, at least 1"),
        ({"kind": "bump"}, "kind='bump' is none of 'step', 'relu'"),
        ({"function": lambda x: x + np.nan}, "function must give one finite number for each"),
        ({"function": lambda x: 1.0}, "function must give one finite number for each"),
    ],
)
def test_bad_arguments(approximate, bad, message):
    with pytest.raises(ValueError, match=message):
        approximate(**{"function": np.sin, "low": 0.0, "high": 1.0, "num_units": 3, **bad})


# Vanishing gradients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_chain_equals_the_backend(depth):
    weights, x = RNG.normal(size=depth).astype("float32"), 1.7

    def chain(weights):
        h = keras.ops.convert_to_tensor(np.float32(x))
        for i in range(depth):
            h = keras.ops.sigmoid(weights[i] * h)
        return h

    value, gradients = course_ops.value_and_grad(chain)(weights)
    ours, by_hand = sigmoid_chain(x, weights)
    assert ours == pytest.approx(float(value), abs=1e-6)
    np.testing.assert_allclose(by_hand, keras.ops.convert_to_numpy(gradients), atol=1e-6)


def test_first_gradient_stays_below_the_bound():
    assert vanishing_bound(-3.0, 2) == 3 / 16
    assert vanishing_bound(1.0, 600) == 0  # below the smallest float64
    for depth in (1, 3, 10):
        for x in (-20.0, 0.5, 3.0):
            bound = vanishing_bound(x, depth)
            firsts = [abs(sigmoid_chain(x, RNG.uniform(-1, 1, depth))[1][0]) for _ in range(50)]
            assert max(firsts) <= bound
    almost = sigmoid_chain(1e-3, [1.0])[1][0]
    assert almost == pytest.approx(vanishing_bound(1e-3, 1), rel=1e-3)  # and it is tight for one unit


def deep(activation):
    return mlp((20,), 10, hidden_dims=(50,) * 5, activation=activation)


def test_gradients_of_the_histogram_are_those_of_the_biases():
    """dL/db_l is the sum over the batch of dL/dh_l phi'(z_l), and phi' is 1 here: so for the whole chain."""
    model, loss = mlp((20,), 10, hidden_dims=(12, 8, 5), activation="linear"), output_head("multiclass").loss
    x, y = RNG.normal(size=(16, 20)).astype("float32"), RNG.integers(10, size=16)
    found = backpropagated_gradients(model, loss, x, y)
    biases = [layer.bias for layer in model.layers[1:-1]]
    expected = course_ops.grad(lambda: loss(y, model(x)), variables=biases)()
    assert list(found) == ["hidden_0", "hidden_1", "hidden_2"]
    for array, gradient in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(array.sum(axis=0), keras.ops.convert_to_numpy(gradient), atol=1e-6)


def test_gradients_vanish_through_sigmoids_and_not_through_rectifiers():
    x, y = RNG.normal(size=(64, 20)).astype("float32"), RNG.integers(10, size=64)
    ratios = {}
    for activation in ("sigmoid", "relu"):
        gradients = backpropagated_gradients(deep(activation), output_head("multiclass").loss, x, y)
        scales = [array.std() for array in gradients.values()]
        assert all(array.shape == (64, 50) for array in gradients.values())
        ratios[activation] = scales[0] / scales[-1]
        if activation == "sigmoid":
            assert (np.diff(scales) > 0).all()  # smaller and smaller towards the input
    assert ratios["sigmoid"] < 0.02 < 0.05 < ratios["relu"]


def test_dead_units_are_counted():
    x = RNG.normal(size=(200, 20)).astype("float32")
    model = mlp((20,), 1, hidden_dims=(10, 4), activation="relu")
    assert dead_units(model, x)["hidden_0"] == 0.0
    kernel, bias = model.layers[1].get_weights()
    bias[:3] = -100.0
    model.layers[1].set_weights([kernel, bias])
    assert dead_units(model, x)["hidden_0"] == pytest.approx(0.3)
    features = np.maximum(x @ kernel + bias, 0)
    second = np.maximum(features @ model.layers[2].get_weights()[0], 0)
    assert dead_units(model, x)["hidden_1"] == np.mean((second == 0).all(axis=0))


@pytest.mark.parametrize("count", [backpropagated_gradients, dead_units])
def test_models_that_are_no_series_are_refused(count):
    x = keras.Input((3,))
    h = keras.layers.Dense(3)(x)
    branch = keras.Model(x, keras.layers.Dense(1)(keras.layers.Add()([x, h])), name="branch")
    rest = (
        (output_head("binary").loss, np.zeros((2, 3)), np.zeros((2, 1))) if count is not dead_units else ([[0.0] * 3],)
    )
    with pytest.raises(ValueError, match="model='branch' is not a series of layers"):
        count(branch, *rest)
    with pytest.raises(ValueError, match="model='mlp' has no hidden layer"):
        count(mlp((3,), 1, hidden_dims=()), *rest)


def test_bad_chains():
    for bad in ((np.nan, [1.0]), (1.0, []), (1.0, [np.inf]), (1.0, [[1.0, 2.0]]), ([1.0], [1.0])):
        with pytest.raises(ValueError, match="must be finite, with at least one weight"):
            sigmoid_chain(*bad)
    with pytest.raises(ValueError, match="num_layers=0 must be"):
        vanishing_bound(1.0, 0)
    with pytest.raises(ValueError, match="x=nan must be a finite number"):
        vanishing_bound(np.nan, 3)


def test_inputs_that_are_no_numbers_do_not_pass_for_dead_units():
    model, loss = mlp((2,), 1, hidden_dims=(4,)), output_head("regression").loss
    for bad in (np.full((3, 2), np.nan), np.ones((0, 2))):
        with pytest.raises(ValueError, match=r"x holds numbers that are not finite|x and y hold .0. examples"):
            dead_units(model, bad)
        with pytest.raises(ValueError, match=r"x holds numbers that are not finite|x and y hold .0. examples"):
            backpropagated_gradients(model, loss, bad, np.ones((len(bad), 1)))


def test_targets_of_the_histogram_are_checked():
    x = np.ones((3, 2), "float32")
    for kind, y, message in (
        ("multiclass", [0, 1, 7], "y has labels from 0 to 7; they must be 0 to 2"),
        ("multiclass", [0, 1], "equally many"),
        ("binary", [[0.0], [1.0], [5.0]], r"y has targets from 0.0 to 5.0; for a binary cross-entropy"),
        ("regression", [[0.0], [1.0], [np.nan]], "y holds numbers that are not finite"),
    ):
        model = mlp((2,), 3 if kind == "multiclass" else 1, hidden_dims=(4,))
        with pytest.raises(ValueError, match=message):
            backpropagated_gradients(model, output_head(kind).loss, x, np.array(y))


# Space stretching ----------------------------------------------------------------------------------------------------


def test_linear_maps_stretch_by_their_singular_values():
    circle = np.stack([np.cos(np.linspace(0, 2 * np.pi, 5000)), np.sin(np.linspace(0, 2 * np.pi, 5000))], axis=1)
    points, A = stretch_linearly(circle, seed=2)
    lengths = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose([lengths.max(), lengths.min()], np.linalg.svd(A)[1], rtol=1e-4)


def test_sigmoid_gathers_points_in_the_corners():
    x = RNG.normal(size=(3000, 2))
    shares = [np.mean(np.abs(stretch_by_sigmoid(x, scale) - 0.5).min(axis=1) > 0.45) for scale in range(1, 6)]
    assert shares == sorted(shares)
    assert shares[0] < 0.9 < shares[-1]
    np.testing.assert_allclose(stretch_by_sigmoid(x, 0.2), 1 / (1 + np.exp(-2 * x)), rtol=1e-9)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_random_network_is_an_mlp(activation):
    x, dims = RNG.normal(size=(30, 2)), (10, 10, 10)
    found = stretch_by_network(x, hidden_dims=dims, activation=activation, seed=4)
    rng, weights = np.random.default_rng(4), []
    for n, m in ((2, 10), (10, 10), (10, 10), (10, 2)):
        weights += [rng.normal(0.0, (2 / n) ** 0.5, (n, m)), rng.standard_normal(m)]
    model = mlp((2,), 2, hidden_dims=dims, activation=activation)
    model.set_weights(weights)
    np.testing.assert_allclose(model.predict(x, verbose=0), found, atol=1e-4)


def test_bad_points():
    for stretch in (stretch_linearly, stretch_by_sigmoid, stretch_by_network):
        with pytest.raises(ValueError, match="must have 2 columns"):
            stretch(np.zeros((4, 3)))
        with pytest.raises(ValueError, match="not finite"):
            stretch([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="activation='step' is none of"):
        stretch_by_network(np.zeros((4, 2)), activation="step")
    with pytest.raises(ValueError, match="scale=nan must be a finite number above 0"):
        stretch_by_sigmoid(np.zeros((4, 2)), np.nan)
    with pytest.raises(ValueError, match="hidden_dims=10 must be a tuple"):
        stretch_by_network(np.zeros((4, 2)), hidden_dims=10)
    with pytest.raises(ValueError, match=r"hidden_dims\[1\]=0 must be"):
        stretch_by_network(np.zeros((4, 2)), hidden_dims=(3, 0))
