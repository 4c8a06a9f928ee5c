"""The threshold unit and Rosenblatt's rule, against scikit-learn's perceptron, and Novikoff's theorem."""

import numpy as np
import pytest

from keras_course.perceptron import novikoff_bound, rosenblatt, threshold_unit

RNG = np.random.default_rng(0)
SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def separable(margin, num_points=80):
    """Return points and labels that the plane x_0 = x_1 + 1/2 separates with room on both sides."""
    x = RNG.normal(size=(4 * num_points, 2))
    signed = (x[:, 0] - x[:, 1] - 0.5) / 2**0.5
    keep = np.abs(signed) > margin
    return x[keep][:num_points], (signed[keep] > 0).astype(int)[:num_points]


def test_logical_functions_of_a_threshold_unit():
    assert threshold_unit(SQUARE, [1, 1], -0.5).tolist() == [0, 1, 1, 1]
    assert threshold_unit(SQUARE, [-1, -1], 1.5).tolist() == [1, 1, 1, 0]
    assert threshold_unit([[3.0]], [1.0], -3.0).tolist() == [1]  # on the threshold it fires


def test_every_mistake_follows_the_rule():
    x, y = separable(0.05)
    path = [np.zeros(3)]
    for _ in range(50):
        for point, label in zip(x, y, strict=True):
            fires = path[-1][:2] @ point + path[-1][2] >= 0
            if fires and not label:
                path.append(path[-1] - [*point, 1.0])
            if label and not fires:
                path.append(path[-1] + [*point, 1.0])
    fit = rosenblatt(x, y, max_epochs=50)
    np.testing.assert_allclose(fit.path, path, atol=1e-12)
    np.testing.assert_array_equal(np.append(fit.weights, fit.bias), fit.path[-1])
    assert sum(fit.mistakes) == len(path) - 1 > 0


def test_equal_to_scikit_learn():
    """Its perceptron also counts a point on the boundary as a mistake, so it starts with one of its own."""
    from sklearn.linear_model import Perceptron

    x, y = separable(0.1)
    first = np.flatnonzero(y == 0)[0]  # a 0 comes first: both make a mistake there
    order = np.r_[first, np.delete(np.arange(len(y)), first)]
    peer = Perceptron(shuffle=False, tol=None, max_iter=30).fit(x[order], y[order])
    fit = rosenblatt(x[order], y[order], max_epochs=30)
    np.testing.assert_allclose(fit.weights, peer.coef_[0], atol=1e-10)
    assert fit.bias == pytest.approx(peer.intercept_[0])


@pytest.mark.parametrize("margin", [0.02, 0.1, 0.3])
def test_mistakes_stay_below_the_bound(margin):
    x, y = separable(margin)
    fit = rosenblatt(x, y, max_epochs=2000)
    assert fit.converged
    assert (fit.predict(x) == y).all()
    for weights, bias in (((1.0, -1.0), -0.5), (fit.weights, fit.bias)):
        assert 0 < sum(fit.mistakes) <= novikoff_bound(x, y, weights, bias)


def test_bound_is_radius_over_margin():
    x, y = np.array([[3.0, 0.0], [-1.0, 0.0]]), [1, 0]
    assert novikoff_bound(x, y, [2.0, 0.0], 0.0) == pytest.approx((9 + 1) / 1)
    for bias in (2.0, 4.0):  # a point on the boundary, and one beyond it
        with pytest.raises(ValueError, match="do not separate the classes: their margin"):
            novikoff_bound(x, y, [2.0, 0.0], bias)


def test_exclusive_or_never_converges():
    fit = rosenblatt(SQUARE, [0, 1, 1, 0], max_epochs=40)
    assert not fit.converged
    assert len(fit.mistakes) == 40
    assert min(fit.mistakes) > 0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([[0.0], [np.nan]], [0, 1], "x has 1 entries that are not finite"),
        ([0.0, 1.0], [0, 1], r"x has shape \(2,\); it must be \(N, D\)"),
        ([[0.0], [1.0]], [0], r"y has shape \(1,\)"),
        ([[0.0], [1.0]], [-1, 1], r"labels must be the whole numbers"),
        ([[0.0], [1.0]], [0.5, 1], r"labels must be the whole numbers"),
        ([[0.0], [1.0]], [0, np.nan], r"labels must be the whole numbers"),
        ([[0.0], [1.0]], [0, 0], "each with a point"),
        ([[0.0], [1.0]], [0, 2], "each with a point"),
        ([[0.0], [1.0], [2.0]], [0, 1, 2], "labels must be 0 to 1"),
        ([[0.0], [1.0]], [0, 10**12], "each with a point"),
        ([[0.0], [1.0]], ["no", "yes"], "y must be an array of numbers: could not convert string"),
        ([[0.0], [1.0, 2.0]], [0, 1], "x must be an array of numbers: .*inhomogeneous"),
    ],
)
def test_bad_data(x, y, message):
    with pytest.raises(ValueError, match=message):
        rosenblatt(x, y)
    with pytest.raises(ValueError, match=message):
        novikoff_bound(x, y, [1.0], 0.0)


@pytest.mark.parametrize(("weights", "bias"), [([np.nan], 0.0), ([1.0], np.inf), ([1.0], [0.0, 1.0]), ([1.0], np.nan)])
def test_units_without_numbers(weights, bias):
    """Every comparison with NaN is false: such a unit would say 0 to everything."""
    for call in (
        lambda: threshold_unit([[0.0]], weights, bias),
        lambda: novikoff_bound([[0.0], [1.0]], [0, 1], weights, bias),
    ):
        with pytest.raises(ValueError, match="must be finite numbers, with one bias"):
            call()


def test_bad_arguments():
    with pytest.raises(ValueError, match="max_epochs=0 must be a whole number"):
        rosenblatt([[0.0], [1.0]], [0, 1], max_epochs=0)
    with pytest.raises(ValueError, match=r"weights has shape \(2,\); x of shape \(2, 1\) needs \(1,\)"):
        threshold_unit([[0.0], [1.0]], [1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match=r"weights has shape \(2,\)"):
        novikoff_bound([[0.0], [1.0]], [0, 1], [1.0, 2.0], 0.0)
