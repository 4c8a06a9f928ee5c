"""Risks, splits and curves, against counting by hand and scikit-learn; what they refuse."""

import numpy as np
import pytest
from sklearn import linear_model, model_selection
from sklearn.dummy import DummyRegressor

from keras_course.fundamentals import (
    BiasVariance,
    PolynomialRegressor,
    RegressionProblem,
    RiskCurve,
    bias_variance_decomposition,
    capacity_curve,
    cross_validated_risk,
    empirical_risk,
    learning_curve,
    noisy_cubic,
    train_validation_test,
)

PROBLEM = noisy_cubic()
RNG = np.random.default_rng(0)


def mean_fit(x, y):
    return lambda points: np.full(len(points), y.mean())


# Risk ----------------------------------------------------------------------------------------------------------------


def test_risk_counts():
    predict = lambda x: np.array([1, 2, 2])  # noqa: E731
    assert empirical_risk(predict, [0, 0, 0], [1, 2, 4]) == pytest.approx(4 / 3)
    assert empirical_risk(predict, [0, 0, 0], [1, 2, 4], loss="absolute") == pytest.approx(2 / 3)
    assert empirical_risk(predict, [0, 0, 0], [1, 2, 4], loss="zero_one") == pytest.approx(1 / 3)
    assert empirical_risk(predict, [0, 0, 0], [1, 2, 4], loss=lambda y, f: y - f) == pytest.approx(2 / 3)


@pytest.mark.parametrize("kind", ["uint8", "int8", "float16", "bool"])
def test_risk_counts_in_float64(kind):
    """A difference below 0 wraps around in uint8, and a square above 127 in int8."""
    y, prediction = np.array([0, 100], kind), np.array([1, 0], kind)
    large = float(y[1])
    for loss, expected in (("squared", (1 + large**2) / 2), ("absolute", (1 + large) / 2)):
        assert empirical_risk(lambda x: prediction, [0, 0], y, loss=loss) == expected


def test_empirical_risk_is_unbiased():
    predict = lambda x: 4 * x  # noqa: E731
    estimates = [empirical_risk(predict, *PROBLEM.sample(50, seed)) for seed in range(400)]
    error = np.std(estimates) / 400**0.5
    assert abs(np.mean(estimates) - PROBLEM.expected_risk(predict)) < 4 * error


def test_expected_risk_of_the_bayes_model_is_the_noise():
    assert PROBLEM.expected_risk(PROBLEM.function) == PROBLEM.bayes_risk == 100
    x, y = PROBLEM.sample(200_000, seed=1)
    assert empirical_risk(PROBLEM.function, x, y) == pytest.approx(100, rel=0.01)
    assert (x >= -10).all()
    assert (x <= 10).all()
    assert np.abs(np.mean(x)) < 0.05


def test_expected_risk_is_an_integral():
    line = RegressionProblem(lambda x: x, low=0.0, high=3.0, noise=2.0)
    assert line.expected_risk(lambda x: 0 * x) == pytest.approx(4 + 3)  # E x^2 = 3 on [0, 3]


def test_function_of_the_lecture():
    x = np.linspace(-10, 10, 7)
    np.testing.assert_allclose(PROBLEM.function(x), 0.1 * (x - 2) ** 3 + x**2 - 6 * x + 1, atol=1e-12)


@pytest.mark.parametrize("degree", [3, 5, 10])
def test_training_risk_of_enough_capacity_is_known(degree):
    """OLS projects the noise out of d + 1 of N dimensions: the expected training risk is 100 (1 - (d + 1) / 15)."""
    risks = []
    for seed in range(1000):
        x, y = PROBLEM.sample(15, seed)
        risks.append(empirical_risk(PolynomialRegressor(degree).fit(x, y).predict, x, y))
    expected = 100 * (1 - (degree + 1) / 15)
    assert abs(np.mean(risks) - expected) < 4 * np.std(risks) / 1000**0.5


def test_problem_refuses():
    with pytest.raises(ValueError, match=r"low=1 must be below high=0"):
        RegressionProblem(np.sin, low=1, high=0, noise=1)
    with pytest.raises(ValueError, match=r"noise=-1 must be a finite number, at least 0"):
        RegressionProblem(np.sin, low=0, high=1, noise=-1)
    with pytest.raises(ValueError, match="num_points=0"):
        PROBLEM.sample(0, seed=0)
    with pytest.raises(ValueError, match="function=3 must be a function"):
        RegressionProblem(3, low=0, high=1, noise=1)
    with pytest.raises(ValueError, match=r"predict returned shape \(2000, 1\) for x of shape \(2000,\)"):
        PROBLEM.expected_risk(lambda x: x[:, None])
    with pytest.raises(ValueError, match="not finite"):
        PROBLEM.expected_risk(lambda x: x * np.nan)


def test_risk_refuses():
    predict = lambda x: x  # noqa: E731
    with pytest.raises(ValueError, match="loss='hinge' must be one of 'squared', 'absolute', 'zero_one'"):
        empirical_risk(predict, [1.0], [1.0], loss="hinge")
    with pytest.raises(ValueError, match=r"x has shape \(2,\) and y \(1,\)"):
        empirical_risk(predict, [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="x has 1 entries that are not finite"):
        empirical_risk(predict, [np.nan], [1.0])
    with pytest.raises(ValueError, match=r"predict returned shape \(1, 1\) for targets y of shape \(1,\)"):
        empirical_risk(lambda x: x[:, None], [1.0], [1.0])
    with pytest.raises(ValueError, match=r"loss returned shape \(2, 2\) for 2 examples; it must be \(2,\)"):
        empirical_risk(lambda x: x[:, None], [1.0, 2.0], [1.0, 2.0], loss=lambda y, f: (y - f) ** 2)
    with pytest.raises(ValueError, match="y must be an array of numbers"):
        empirical_risk(predict, [1.0], ["a"])
    with pytest.raises(ValueError, match="losses are not finite"):
        empirical_risk(lambda x: np.full(1, np.inf), [1.0], [1.0])


# Validation ----------------------------------------------------------------------------------------------------------


def test_three_parts_share_nothing():
    x = np.arange(50.0)
    parts = train_validation_test(x, 2 * x, validation=0.1, test=0.3, seed=3)
    found = [part[0] for part in (parts.train, parts.validation, parts.test)]
    assert [len(part) for part in found] == [30, 5, 15]
    assert sorted(np.concatenate(found)) == x.tolist()
    assert all((y == 2 * x).all() for x, y in (parts.train, parts.validation, parts.test))
    again, other = (train_validation_test(x, 2 * x, validation=0.1, test=0.3, seed=seed) for seed in (3, 4))
    assert all((part[0] == x).all() for part, x in zip((again.train, again.validation, again.test), found, strict=True))
    assert not (other.test[0] == parts.test[0]).all()


def test_stratified_parts_keep_the_shares():
    y = np.repeat([0, 1], [80, 20])
    parts = train_validation_test(np.arange(100), y, stratify=True)
    assert [int(labels.sum()) for _, labels in (parts.train, parts.validation, parts.test)] == [12, 4, 4]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"validation": 0.0}, "validation=0.0 must be a finite number above 0"),
        ({"test": -0.2}, "test=-0.2"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"validation": 0.01}, "x has 10 examples, too few"),
        ({"seed": -1}, "seed=-1 must be a whole number, at least 0"),
    ],
)
def test_split_refuses(shares, message):
    with pytest.raises(ValueError, match=message):
        train_validation_test(np.arange(10), np.arange(10), **shares)


def test_cross_validation_equals_scikit_learn():
    x, y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
    folds = model_selection.KFold(5, shuffle=True, random_state=7)
    expected = -model_selection.cross_val_score(
        linear_model.LinearRegression(), x, y, cv=folds, scoring="neg_mean_squared_error"
    )
    np.testing.assert_allclose(cross_validated_risk(linear_model.LinearRegression(), x, y, seed=7), expected)


def test_leave_one_out_has_a_closed_form():
    """For least squares each left-out residual is the residual divided by 1 - leverage."""
    x, y = PROBLEM.sample(12, seed=4)
    features = np.vander(x / 10, 3)
    hat = features @ np.linalg.pinv(features)
    expected = ((y - hat @ y) / (1 - np.diag(hat))) ** 2
    found = cross_validated_risk(PolynomialRegressor(2), x, y, num_folds=12)
    np.testing.assert_allclose(np.sort(found), np.sort(expected), rtol=1e-8)


def test_cross_validation_refuses():
    with pytest.raises(ValueError, match="num_folds=5 must be a whole number, at most 4"):
        cross_validated_risk(mean_fit, np.arange(4.0), np.arange(4.0))
    with pytest.raises(ValueError, match="num_folds=1 must be a whole number, at least 2"):
        cross_validated_risk(mean_fit, np.arange(4.0), np.arange(4.0), num_folds=1)
    with pytest.raises(ValueError, match="seed=-1 must be a whole number"):
        cross_validated_risk(mean_fit, np.arange(9.0), np.arange(9.0), seed=-1)
    with pytest.raises(ValueError, match=r"fit=3 must be a function \(x, y\) -> predict"):
        cross_validated_risk(3, np.arange(4.0), np.arange(4.0), num_folds=2)


# Curves --------------------------------------------------------------------------------------------------------------


def test_capacity_curve_is_each_fit():
    train, test = PROBLEM.sample(15, seed=0), PROBLEM.sample(500, seed=1)
    curve = capacity_curve({d: PolynomialRegressor(d) for d in range(1, 9)}, train, test)
    cubic = PolynomialRegressor(3).fit(*train)
    assert curve.train[2] == pytest.approx(empirical_risk(cubic.predict, *train))
    assert curve.test[2] == pytest.approx(empirical_risk(cubic.predict, *test))
    assert (np.diff(curve.train) <= 1e-9).all()
    assert curve.best == curve.values[np.argmin(curve.test)]
    with pytest.raises(ValueError, match="fits is empty"):
        capacity_curve({}, train, test)


def test_a_fitted_object_is_left_alone():
    for model, fitted in ((PolynomialRegressor(1), "weights"), (DummyRegressor(), "constant_")):
        capacity_curve({1: model}, PROBLEM.sample(15, seed=0), PROBLEM.sample(15, seed=1))
        assert not hasattr(model, fitted)


def test_every_curve_has_the_loss_that_was_asked_for():
    x, y = np.arange(6.0), np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    say_two = lambda x, y: lambda points: np.full(len(points), 2.0)  # noqa: E731
    absolute = (2.0 * 4 + 1.0 * 2) / 6
    assert cross_validated_risk(say_two, x, y, num_folds=6, loss="absolute").mean() == pytest.approx(absolute)
    whole = [
        capacity_curve({0: say_two}, (x, y), (x, y), loss="absolute"),
        learning_curve(say_two, (x, y), (x, y), [6], num_repeats=1, loss="absolute"),
    ]
    for curve in whole:
        np.testing.assert_allclose([curve.train.item(), curve.test.item()], absolute)


def test_best_is_that_of_the_mean_over_repetitions():
    test = np.array([[1.0, 9.0], [4.0, 4.0]])
    assert RiskCurve(np.array([10, 20]), train=test[::-1], test=test).best == 20


def test_subsets_follow_the_seed():
    data = PROBLEM.sample(50, seed=0), PROBLEM.sample(50, seed=1)
    same, again, other = (learning_curve(mean_fit, *data, [5], seed=seed).test for seed in (1, 1, 2))
    np.testing.assert_array_equal(same, again)
    assert (same != other).all()


def test_nothing_is_fitted_before_all_arguments_are_checked():
    data = PROBLEM.sample(10, seed=0)

    def fit(x, y):
        raise AssertionError("fitted")

    capacities = lambda *data, **more: capacity_curve({1: fit}, *data, **more)  # noqa: E731
    sizes = lambda *data, **more: learning_curve(fit, *data, [5], **more)  # noqa: E731
    for curve in (capacities, sizes):
        with pytest.raises(ValueError, match="loss='hinge' must be one of"):
            curve(data, data, loss="hinge")
        with pytest.raises(ValueError, match=r"test must be a pair \(x, y\); it is a ndarray"):
            curve(data, data[0])
        with pytest.raises(ValueError, match=r"x has shape \(10,\) and y \(9,\)"):
            curve(data, (data[0], data[1][1:]))


def test_more_points_help():
    train, test = PROBLEM.sample(1000, seed=0), PROBLEM.sample(4000, seed=1)
    curve = learning_curve(PolynomialRegressor(3), train, test, [8, 30, 100, 1000], num_repeats=20)
    assert curve.train.shape == curve.test.shape == (4, 20)
    test_risk, train_risk = np.median(curve.test, axis=1), curve.train.mean(axis=1)
    assert (np.diff(test_risk) < 0).all()
    assert (np.diff(train_risk) > 0).all()
    assert train_risk[-1] < 110
    assert test_risk[-1] < 110
    np.testing.assert_allclose(curve.train[-1], curve.train[-1, 0])  # all points: every repetition is the same


def test_learning_curve_refuses():
    data = PROBLEM.sample(10, seed=0)
    with pytest.raises(ValueError, match=r"sizes\[1\]=11 must be a whole number, at most 10"):
        learning_curve(mean_fit, data, data, [5, 11])
    with pytest.raises(ValueError, match=r"sizes\[0\]=0"):
        learning_curve(mean_fit, data, data, [0])
    with pytest.raises(ValueError, match="sizes=5 must be a list of whole numbers"):
        learning_curve(mean_fit, data, data, 5)
    with pytest.raises(ValueError, match="seed='a' must be a whole number"):
        learning_curve(mean_fit, data, data, [5], seed="a")
    with pytest.raises(ValueError, match="num_repeats=0"):
        learning_curve(mean_fit, data, data, [5], num_repeats=0)


# Bias and variance ---------------------------------------------------------------------------------------------------


def test_parts_add_up_to_the_risk():
    found = bias_variance_decomposition(PolynomialRegressor(2), PROBLEM, num_sets=50)
    np.testing.assert_allclose(found.risk, found.noise + found.squared_bias + found.variance, rtol=1e-10)


def test_parts_add_up_to_the_mean_test_risk_of_the_same_fits():
    """With fresh noisy answers for each of the fits, not by the formula."""
    found = bias_variance_decomposition(PolynomialRegressor(2), PROBLEM, num_sets=2000)
    rng = np.random.default_rng(7)
    errors = found.target + PROBLEM.noise * rng.standard_normal(found.predictions.shape) - found.predictions
    by_set = np.mean(errors**2, axis=1)  # of each training set, over the points
    standard_error = by_set.std() / len(by_set) ** 0.5
    assert abs(by_set.mean() - found.risk.mean()) < 4 * standard_error < 0.2 * found.risk.mean()


def test_parts_are_those_of_a_known_estimator():
    """The mean of N targets: f = mean(y), so bias^2 = (E g - g)^2 and variance = Var(y) / N."""
    line = RegressionProblem(lambda x: x, low=0.0, high=3.0, noise=2.0)
    found = bias_variance_decomposition(mean_fit, line, num_points=5, num_sets=20_000, at=[0.0, 1.5, 3.0])
    np.testing.assert_allclose(found.squared_bias, [2.25, 0.0, 2.25], atol=0.05)
    np.testing.assert_allclose(found.variance, (4 + 9 / 12) / 5, rtol=0.05)
    assert found.noise == 4


def test_figures_of_the_lecture():
    """Monte Carlo over 4,000 sets, by another program: bias^2 / variance = 375 / 89, 242 / 189, 0 / 77."""
    for degree, bias, variance in ((1, 375, 89), (2, 242, 189), (3, 0, 77)):
        found = bias_variance_decomposition(PolynomialRegressor(degree), PROBLEM, num_sets=2000).average()
        assert found == (100, pytest.approx(bias, rel=0.05, abs=1), pytest.approx(variance, rel=0.25))


def test_medians_are_robust_and_agree_where_there_are_no_tails():
    tame = [
        bias_variance_decomposition(mean_fit, PROBLEM, num_sets=4000, estimate=estimate).average()
        for estimate in ("mean", "median")
    ]
    np.testing.assert_allclose(tame[1], tame[0], rtol=0.1)
    wild = [
        bias_variance_decomposition(PolynomialRegressor(8), PROBLEM, num_sets=300, estimate="median", seed=seed)
        for seed in range(3)
    ]
    medians, means = [b.average()[2] for b in wild], [b.predictions.var(axis=0).mean() for b in wild]
    assert max(medians) < 2 * min(medians) < 10 * max(medians) < min(means)


def test_median_has_the_variance_of_a_normal_law():
    """f_D(x) = mean(y) of a world without a slope is N(0, 4 / 5): half of all sets lie within 0.674 sd."""
    flat = RegressionProblem(lambda x: 0 * x, low=0.0, high=1.0, noise=2.0)
    found = bias_variance_decomposition(mean_fit, flat, num_points=5, num_sets=40_000, at=1, estimate="median")
    np.testing.assert_allclose(found.variance, 4 / 5, rtol=0.04)


def test_average_is_over_the_points_within():
    zero, x = np.zeros(4), np.array([-9.0, -8.0, 8.0, 9.0])
    parts = BiasVariance(x, zero, zero[None], zero, np.array([1.0, 2.0, 4.0, 8.0]), x**2, noise=3.0)
    assert parts.average() == (3, 15 / 4, (81 + 64) / 2)
    assert parts.average(-8, 8) == (3, 3, 64)  # the ends count
    assert parts.average(low=9)[1] == 8
    assert parts.average(high=-9)[1] == 1


def test_decomposition_refuses():
    with pytest.raises(ValueError, match="at has 1 entries that are not finite"):
        bias_variance_decomposition(mean_fit, PROBLEM, at=[0.0, np.nan])
    with pytest.raises(ValueError, match="seed=-1 must be a whole number"):
        bias_variance_decomposition(mean_fit, PROBLEM, seed=-1)
    with pytest.raises(ValueError, match="num_sets=1 must be a whole number, at least 2"):
        bias_variance_decomposition(mean_fit, PROBLEM, num_sets=1)
    with pytest.raises(ValueError, match="estimate='mode' is none of 'mean', 'median'"):
        bias_variance_decomposition(mean_fit, PROBLEM, estimate="mode")
    with pytest.raises(ValueError, match="predict returned shape"):
        bias_variance_decomposition(lambda x, y: lambda points: np.full(3, np.nan), PROBLEM, at=3)
    with pytest.raises(ValueError, match="no point lies between"):
        bias_variance_decomposition(mean_fit, PROBLEM).average(20, 30)
