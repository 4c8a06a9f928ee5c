"""Descent written out, against numpy, closed forms and keras.optimizers; the averages that make SGD right."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import ops as course_ops
from keras_course.perceptron import (
    double_well,
    gradient_descent,
    mini_batches,
    mlp,
    output_head,
    quadratic_surrogate,
    stochastic_gradient_descent,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=24)).astype("float32")


def mean_square(w, x, y):
    return ops.mean(ops.square(ops.subtract(ops.matmul(x, w), y)))


def gradient_by_hand(w, x, y):
    return 2 * x.T @ (x @ w - y) / len(y)


# Gradient descent ----------------------------------------------------------------------------------------------------


def test_a_parabola_has_a_closed_form():
    for learning_rate, factor in ((0.1, 0.6), (0.25, 0.0), (0.4, -0.6), (0.5, -1.0), (0.6, -1.4)):
        path = gradient_descent(lambda t: 2 * t**2, 1.0, learning_rate=learning_rate, num_steps=6)  # curvature 4
        np.testing.assert_allclose(path.points, factor ** np.arange(7), atol=1e-5, rtol=1e-5)
        np.testing.assert_allclose(path.losses, 2 * path.points[:-1] ** 2, rtol=1e-4)
        assert (abs(path.last) < 1) == (learning_rate < 2 / 4)  # stable below 2 / c


def test_equal_to_numpy_and_to_keras_sgd():
    path = gradient_descent(lambda w: mean_square(w, X, Y), np.zeros(3, "float32"), learning_rate=0.1, num_steps=10)
    w, variable, optimizer = np.zeros(3), keras.Variable(np.zeros(3, "float32")), keras.optimizers.SGD(0.1)
    gradient = course_ops.grad(lambda: mean_square(variable.value, X, Y), variables=[variable])
    for point in path.points[1:]:
        w = w - 0.1 * gradient_by_hand(w, X, Y)
        optimizer.apply(gradient(), [variable])
        np.testing.assert_allclose(point, w, atol=1e-5)
        np.testing.assert_allclose(point, ops.convert_to_numpy(variable.value), atol=1e-5)


def test_parameters_may_be_nested():
    start = {"w": np.zeros((3, 1), "float32"), "b": [0.0]}
    loss = lambda p: mean_square(p["w"][:, 0], X, ops.subtract(Y, p["b"][0]))  # noqa: E731
    path = gradient_descent(loss, start, learning_rate=0.2, num_steps=200)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(24)]), Y, rcond=None)[0]
    assert path.points["w"].shape == (201, 3, 1)
    np.testing.assert_allclose(np.append(path.last["w"], path.last["b"]), expected, atol=1e-3)


def test_regimes_of_the_double_well():
    """The lecture's: both valleys, and a step so long that it never settles and never leaves."""
    left, right = (gradient_descent(double_well, t, learning_rate=0.1, num_steps=200).last for t in (-2.0, 2.0))
    slope = lambda t: 0.02 * (4 * (t - 1 / 3) ** 3 - 60 * t)  # noqa: E731
    assert left < 0 < right
    assert abs(slope(left)) < 1e-4
    assert abs(slope(right)) < 1e-4
    assert double_well(right) < double_well(left)
    bouncing = gradient_descent(double_well, -2.0, learning_rate=1.3, num_steps=300)
    assert np.abs(bouncing.points).max() < 10
    assert np.abs(np.diff(bouncing.points[-20:])).min() > 0.1


def test_a_step_lands_on_the_lowest_point_of_the_surrogate():
    start = RNG.normal(size=3).astype("float32")
    loss = lambda w: mean_square(w, X, Y)  # noqa: E731
    surrogate = quadratic_surrogate(loss, start, learning_rate=0.05)
    landed = gradient_descent(loss, start, learning_rate=0.05, num_steps=1).last
    around = landed + 0.1 * RNG.normal(size=(500, 3))
    assert surrogate(around).shape == (500,)
    assert (surrogate(around) > surrogate(landed)).all()
    distances = np.sum((around - landed) ** 2, axis=1)
    np.testing.assert_allclose(surrogate(around) - surrogate(landed), distances / (2 * 0.05), rtol=1e-3, atol=1e-4)
    assert surrogate(start) == pytest.approx(float(loss(start)), rel=1e-5)
    h = 1e-3
    slopes = [(surrogate(start + h * e) - surrogate(start - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(slopes, gradient_by_hand(start, X, Y), rtol=1e-2, atol=1e-2)


# Stochastic ----------------------------------------------------------------------------------------------------------


def test_batches_are_a_partition():
    batches = mini_batches(10, 4, np.random.default_rng(1))
    assert [len(rows) for rows in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    assert (np.concatenate(batches) != np.arange(10)).any()


@pytest.mark.parametrize("batch_size", [1, 4, 24])
def test_gradients_over_a_partition_average_to_the_whole(batch_size):
    model, head = mlp((3,), 1, hidden_dims=(8,), activation="tanh"), output_head("regression")
    weights = model.trainable_variables

    def gradient(rows):
        loss = lambda: head.loss(Y[rows, None], model(X[rows]))  # noqa: E731
        return [ops.convert_to_numpy(g) for g in course_ops.grad(loss, variables=weights)()]

    whole = gradient(np.arange(24))
    parts = [gradient(rows) for rows in mini_batches(24, batch_size, np.random.default_rng(0))]
    for i, expected in enumerate(whole):
        np.testing.assert_allclose(np.mean([part[i] for part in parts], axis=0), expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, 24])
def test_every_step_is_that_of_its_batch(batch_size):
    path = stochastic_gradient_descent(
        mean_square, np.zeros(3, "float32"), (X, Y), learning_rate=0.05, batch_size=batch_size, num_epochs=2, seed=3
    )
    rng, w, points = np.random.default_rng(3), np.zeros(3), [np.zeros(3)]
    for rows in itertools.chain(mini_batches(24, batch_size, rng), mini_batches(24, batch_size, rng)):
        w = w - 0.05 * gradient_by_hand(w, X[rows], Y[rows])
        points.append(w)
    np.testing.assert_allclose(path.points, points, atol=1e-5)
    assert len(path.losses) == len(points) - 1 == 2 * -(-24 // batch_size)


def test_a_batch_of_all_is_gradient_descent():
    arguments = {"learning_rate": 0.1}
    whole = gradient_descent(lambda w: mean_square(w, X, Y), np.zeros(3, "float32"), num_steps=5, **arguments)
    batch = stochastic_gradient_descent(
        mean_square, np.zeros(3, "float32"), (X, Y), batch_size=24, num_epochs=5, **arguments
    )
    np.testing.assert_allclose(batch.points, whole.points, atol=1e-5)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be a finite number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan must be"),
        ({"start": np.array([0.0, np.nan, 1.0])}, "start has entries that are not finite"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number, at least 1"),
        ({"batch_size": 25}, "batch_size=25 must be a whole number, at most 24"),
        ({"num_epochs": 0}, "num_epochs=0 must be"),
        ({"data": (X, Y[:-1])}, r"data has arrays of \[24, 23\] examples"),
        ({"data": X}, r"data is of type ndarray; it must be a tuple of arrays"),
        ({"data": ()}, r"it must be a tuple of arrays"),
        ({"data": (X, 1.0)}, r"it must be a tuple of arrays"),
        ({"data": (X, np.where(Y > 0, Y, np.nan))}, "data has entries that are not finite"),
        ({"learning_rate": "0.1"}, "learning_rate='0.1' must be a finite number above 0"),
        ({"start": ["zero"]}, "start must be an array of numbers"),
    ],
)
def test_bad_arguments(bad, message):
    arguments = {"loss": mean_square, "start": np.zeros(3), "data": (X, Y), "learning_rate": 0.1, **bad}
    with pytest.raises(ValueError, match=message):
        stochastic_gradient_descent(**arguments)


def test_bad_arguments_of_the_others():
    with pytest.raises(ValueError, match="num_steps=0 must be"):
        gradient_descent(double_well, 1.0, learning_rate=0.1, num_steps=0)
    with pytest.raises(ValueError, match="learning_rate=-1 must be"):
        quadratic_surrogate(double_well, 1.0, learning_rate=-1)
    with pytest.raises(ValueError, match="point has entries that are not finite"):
        quadratic_surrogate(double_well, np.nan, learning_rate=0.1)
    with pytest.raises(ValueError, match="num_examples=0 must be"):
        mini_batches(0, 1, RNG)
