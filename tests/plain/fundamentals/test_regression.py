"""Least squares and polynomials against numpy, scikit-learn and closed forms; what they refuse."""

import numpy as np
import pytest
from sklearn import linear_model, pipeline, preprocessing

from keras_course.fundamentals import PolynomialRegressor, least_squares, noisy_cubic, polynomial_features

RNG = np.random.default_rng(0)
X, Y = noisy_cubic().sample(30, seed=0)


def test_features_are_powers():
    features = polynomial_features([-2.0, 0.0, 4.0], 3, scale=2.0)
    np.testing.assert_array_equal(features, [[1, -1, 1, -1], [1, 0, 0, 0], [1, 2, 4, 8]])
    assert polynomial_features([[7.0]], 0).tolist() == [[1.0]]


def test_scaling_keeps_columns_apart():
    x = np.linspace(-10, 10, 15)
    raw, scaled = (np.linalg.cond(polynomial_features(x, 10, scale=scale)) for scale in (1.0, 10.0))
    assert raw > 1e9 > 1e5 > scaled


# Least squares -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20,), (20, 3)])
def test_least_squares_equals_numpy(shape):
    features, targets = RNG.normal(size=(20, 6)), RNG.normal(size=shape)
    expected = np.linalg.lstsq(features, targets, rcond=None)[0]
    np.testing.assert_allclose(least_squares(features, targets), expected, atol=1e-12)


def test_residuals_are_orthogonal_to_the_features():
    features, targets = RNG.normal(size=(20, 6)), RNG.normal(size=20)
    np.testing.assert_allclose(features.T @ (features @ least_squares(features, targets) - targets), 0, atol=1e-12)


@pytest.mark.parametrize("penalty", [0.1, 10.0])
@pytest.mark.parametrize("shape", [(20, 6), (6, 20)])
def test_ridge_equals_scikit_learn(shape, penalty):
    features, targets = RNG.normal(size=shape), RNG.normal(size=(shape[0], 2))
    peer = linear_model.Ridge(alpha=penalty, fit_intercept=False).fit(features, targets)
    np.testing.assert_allclose(least_squares(features, targets, penalty=penalty), peer.coef_.T, atol=1e-10)


def test_interpolation_is_the_shortest_and_the_limit_of_ridge():
    features, targets = RNG.normal(size=(5, 12)), RNG.normal(size=5)
    w = least_squares(features, targets)
    np.testing.assert_allclose(features @ w, targets, atol=1e-12)
    np.testing.assert_allclose(w, np.linalg.pinv(features) @ targets, atol=1e-12)
    another = w + (np.eye(12) - np.linalg.pinv(features) @ features) @ RNG.normal(size=12)
    np.testing.assert_allclose(features @ another, targets, atol=1e-12)
    assert np.linalg.norm(another) > np.linalg.norm(w)
    np.testing.assert_allclose(least_squares(features, targets, penalty=1e-9), w, atol=1e-8)


def test_dependent_columns_share_the_weight():
    column = RNG.normal(size=10)
    w = least_squares(np.column_stack([column, column]), 6 * column)
    np.testing.assert_allclose(w, [3, 3], atol=1e-12)


def test_units_of_the_columns_do_not_matter():
    """Columns of very different lengths are not dependent columns: raw powers of x up to 10 reach 10^20."""
    x = RNG.uniform(-10, 10, 200)
    raw, scaled = (PolynomialRegressor(20, scale=scale).fit(x, np.cos(x)) for scale in (1.0, 10.0))
    assert raw.losses[0] == pytest.approx(scaled.losses[0], rel=1e-2)
    assert raw.losses[0] < 1e-11
    features, targets = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    units = np.array([1e-12, 1.0, 1e12])
    np.testing.assert_allclose(least_squares(features * units, targets) * units, least_squares(features, targets))


def test_qr_keeps_digits_that_the_normal_equations_lose():
    x = np.linspace(0, 1, 30)
    features = polynomial_features(x, 11)
    truth = np.arange(1.0, 13.0)
    targets = features @ truth
    by_qr = np.abs(least_squares(features, targets) - truth).max()
    normal = np.abs(np.linalg.solve(features.T @ features, features.T @ targets) - truth).max()
    assert by_qr < 1e-5 < 1e-2 < normal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0, 2.0]), r"features has shape \(2,\) and targets \(2,\)"),
        (([[1.0], [2.0]], [1.0]), r"features has shape \(2, 1\) and targets \(1,\)"),
        (([[np.nan]], [1.0]), "must be finite"),
        (([[1.0]], [np.inf]), "must be finite"),
        (([["a"]], [1.0]), "features must be an array of numbers"),
    ],
)
def test_least_squares_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        least_squares(*arguments)
    with pytest.raises(ValueError, match=r"penalty=-1 must be a finite number, at least 0"):
        least_squares([[1.0]], [1.0], penalty=-1)


# Polynomials ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 1, 3, 6, 10])
def test_polynomial_equals_numpy(degree):
    expected = np.polynomial.Polynomial.fit(X, Y, degree)
    ours = PolynomialRegressor(degree).fit(X, Y)
    at = np.linspace(-10, 10, 50)
    np.testing.assert_allclose(ours.predict(at), expected(at), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.coefficients, expected.convert().coef, rtol=1e-6, atol=1e-6)


def test_without_noise_the_cubic_is_found():
    x, y = noisy_cubic(noise=0.0).sample(15, seed=1)
    np.testing.assert_allclose(PolynomialRegressor(3).fit(x, y).coefficients, [0.2, -4.8, 0.4, 0.1], atol=1e-10)


def test_ridge_polynomial_equals_scikit_learn():
    peer = pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(4), linear_model.Ridge(alpha=0.3, fit_intercept=False)
    ).fit(X[:, None] / 10, Y)
    ours = PolynomialRegressor(4, penalty=0.3, scale=10.0).fit(X, Y)
    np.testing.assert_allclose(ours.weights, peer[-1].coef_, rtol=1e-8)


def test_a_penalty_shrinks_and_limits():
    weights = [np.linalg.norm(PolynomialRegressor(10, penalty=p).fit(X, Y).weights) for p in (0, 1e-3, 1, 1e3)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < 1e-2 * weights[0]


@pytest.mark.parametrize("x", [[-8.0, 1.0, 3.0], [0.0, 0.0, 0.0]])
def test_largest_scale_keeps_powers_within_one(x):
    model = PolynomialRegressor(2).fit(x, [1.0, 2.0, 3.0])
    assert model.fitted_scale == (max(map(abs, x)) or 1.0)
    assert np.isfinite(model.predict(x)).all()


def test_default_rate_is_that_of_the_largest_curvature():
    """With it a single step ends the error along the steepest direction; here, with one feature, all of it."""
    model = PolynomialRegressor(0, penalty=2.0, solver="gradient", num_steps=1).fit([5.0, 6.0], [1.0, 3.0])
    np.testing.assert_allclose(model.weights, PolynomialRegressor(0, penalty=2.0).fit([5.0, 6.0], [1.0, 3.0]).weights)


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_gradient_descent_reaches_the_exact_solution(penalty):
    exact = PolynomialRegressor(3, penalty=penalty).fit(X, Y)
    steps = PolynomialRegressor(3, penalty=penalty, solver="gradient", num_steps=20_000).fit(X, Y)
    np.testing.assert_allclose(steps.weights, exact.weights, rtol=1e-6)
    assert len(steps.losses) == 20_001
    assert (np.diff(steps.losses) <= 1e-9).all()  # 1 / curvature never overshoots
    np.testing.assert_allclose(steps.losses[-1], exact.losses[0])


def test_gradient_step_is_the_derivative():
    w = RNG.normal(size=3)
    features = polynomial_features(X, 2, scale=10.0)
    loss = lambda w: (np.sum((features @ w - Y) ** 2) + 0.7 * w @ w) / len(Y)  # noqa: E731
    model = PolynomialRegressor(2, penalty=0.7, scale=10.0, solver="gradient", learning_rate=1e-3, num_steps=1).fit(
        X, Y
    )
    numeric = [(loss(1e-5 * e) - loss(-1e-5 * e)) / 2e-5 for e in np.eye(3)]
    np.testing.assert_allclose(model.weights, -1e-3 * np.array(numeric), rtol=1e-6)
    np.testing.assert_allclose(model._loss(features, Y, w), loss(w))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"degree": -1}, "degree=-1 must be a whole number, at least 0"),
        ({"degree": 1.5}, "degree=1.5 must be a whole number"),
        ({"degree": 1, "penalty": -0.1}, "penalty=-0.1 must be a finite number, at least 0"),
        ({"degree": 1, "scale": 0}, "scale=0 must be a finite number above 0"),
        ({"degree": 1, "scale": "biggest"}, "scale='biggest' must be 'largest' or a finite number above 0"),
        ({"degree": 1, "solver": "newton"}, "solver='newton' is none of 'exact', 'gradient'"),
        ({"degree": 1, "learning_rate": 0.0}, "learning_rate=0.0 must be a finite number above 0"),
        ({"degree": 1, "num_steps": 0}, "num_steps=0 must be a whole number, at least 1"),
    ],
)
def test_polynomial_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        PolynomialRegressor(**arguments)


def test_polynomial_refuses_data():
    model = PolynomialRegressor(1)
    with pytest.raises(ValueError, match=r"call fit\(x, y\) first"):
        model.predict([1.0])
    with pytest.raises(ValueError, match=r"call fit\(x, y\) first"):
        _ = model.coefficients
    with pytest.raises(ValueError, match="x has 2 numbers and y 3"):
        model.fit([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="y has 1 entries that are not finite"):
        model.fit([1.0, 2.0], [1.0, np.nan])
    with pytest.raises(ValueError, match=r"x has shape \(1, 2\)"):
        model.fit([[1.0, 2.0]], [1.0])


def test_rates_up_to_two_over_the_curvature():
    curvature = 2.0  # of (w - y)^2, the risk of a constant
    fit = lambda rate: PolynomialRegressor(0, solver="gradient", learning_rate=rate, num_steps=500).fit(X, Y)  # noqa: E731
    np.testing.assert_allclose(fit(1.98 / curvature).weights, Y.mean(), rtol=1e-2)
    with pytest.raises(
        ValueError, match=r"learning_rate=1.01 makes gradient descent diverge here: it must be below 1,"
    ):
        fit(2.02 / curvature)
