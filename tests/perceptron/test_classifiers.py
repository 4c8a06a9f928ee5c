"""Discriminant analysis and logistic regression, against scikit-learn, scipy, and each other."""

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn import discriminant_analysis, linear_model

from keras_course import datasets
from keras_course.perceptron import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
    fit_logistic_regression,
    logistic_regression,
    output_head,
)

RNG = np.random.default_rng(0)
STRETCHED = [[0.01, 0.2], [0.2, 5.0]]


def two_classes(covariances=((1, 0), (0, 1)), points_per_class=300):
    return datasets.gaussian_classes(points_per_class, covariances=covariances, seed=3)


def three_classes():
    x, y = datasets.gaussian_classes(80, means=[[0, 0], [1, 0], [0.5, 1.5]], seed=4)
    keep = np.arange(len(y)) % 240 < 200  # unequal priors
    return x[keep], y[keep]


DATA = {"identity": two_classes(), "stretched": two_classes(STRETCHED), "three": three_classes()}


def difference(array):
    """Return what stands for one class beside another: for two classes the difference, as scikit-learn has it."""
    return array[1:] - array[:1] if len(array) == 2 else array - array.mean(axis=0)


# Discriminant analysis -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["svd", "lsqr"])
@pytest.mark.parametrize("name", DATA)
def test_lda_equals_scikit_learn(name, solver):
    x, y = DATA[name]
    ours = LinearDiscriminantAnalysis().fit(x, y)
    peer = discriminant_analysis.LinearDiscriminantAnalysis(solver=solver).fit(x.astype("float64"), y)
    np.testing.assert_allclose(difference(ours.weights.T), difference_of(peer.coef_), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(difference(ours.bias[:, None])[:, 0], centred(peer.intercept_), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x.astype("float64")), atol=1e-5)
    assert (ours.predict(x) == peer.predict(x)).all()


def difference_of(coefficients):
    return coefficients if len(coefficients) == 1 else coefficients - coefficients.mean(axis=0)


def centred(intercept):
    return intercept if len(intercept) == 1 else intercept - intercept.mean()


def test_lda_is_the_closed_form():
    x, y = DATA["stretched"]
    x = x.astype("float64")
    low, high = x[y == 0], x[y == 1]
    pooled = (len(low) * np.cov(low.T, bias=True) + len(high) * np.cov(high.T, bias=True)) / len(x)
    inverse = np.linalg.inv(pooled)
    w = inverse @ (high.mean(0) - low.mean(0))
    b = 0.5 * (low.mean(0) @ inverse @ low.mean(0) - high.mean(0) @ inverse @ high.mean(0)) + np.log(
        len(high) / len(low)
    )
    p = LinearDiscriminantAnalysis().fit(x, y).predict_proba(x)[:, 1]
    np.testing.assert_allclose(p, 1 / (1 + np.exp(-(x @ w + b))), atol=1e-9)


def test_probabilities_are_softmax_of_the_linear_functions():
    x, y = DATA["three"]
    lda = LinearDiscriminantAnalysis().fit(x, y)
    odds = np.exp(x @ lda.weights + lda.bias)
    np.testing.assert_allclose(lda.predict_proba(x), odds / odds.sum(axis=1, keepdims=True), atol=1e-10)


def test_qda_is_bayes_rule_of_scipy_densities():
    x, y = two_classes([[[1, 0], [0, 1]], STRETCHED])
    x = x[:-100].astype("float64")
    y = y[:-100]
    qda = QuadraticDiscriminantAnalysis().fit(x, y)
    joint = []
    for k in (0, 1):
        cloud = stats.multivariate_normal(x[y == k].mean(0), np.cov(x[y == k].T, bias=True))
        joint.append(np.log(np.mean(y == k)) + cloud.logpdf(x))
    np.testing.assert_allclose(qda.log_joint(x), np.stack(joint, axis=1), rtol=1e-9)
    np.testing.assert_allclose(qda.predict_proba(x)[:, 0], 1 / (1 + np.exp(joint[1] - joint[0])), atol=1e-9)
    lda = LinearDiscriminantAnalysis().fit(x, y)
    assert np.mean(qda.predict(x) == y) > np.mean(lda.predict(x) == y)  # where the assumption of one shape is broken


@pytest.mark.parametrize("kind", [LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis])
def test_units_do_not_matter_to_discriminants(kind):
    x, y = DATA["three"]
    expected = kind().fit(x, y).predict_proba(x)
    moved = x * [1.0, 1e-9] + [1e3, 0.0]
    np.testing.assert_allclose(kind().fit(moved, y).predict_proba(moved), expected, atol=1e-6)
    with pytest.raises(ValueError, match="cannot be inverted"):
        kind().fit(np.column_stack([x, np.full(len(x), 0.1)]), y)  # a constant is not a coordinate


def test_discriminants_refuse():
    lda = LinearDiscriminantAnalysis()
    with pytest.raises(ValueError, match=r"has not seen data yet: call fit"):
        lda.predict([[0.0]])
    with pytest.raises(ValueError, match="covariance that cannot be inverted"):
        lda.fit([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [5.0, 5.0]], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="not finite"):
        lda.fit([[0.0], [np.inf]], [0, 1])
    with pytest.raises(ValueError, match="labels must be"):
        lda.fit([[0.0], [1.0]], [1, 2])
    lda.fit([[0.0], [1.0], [3.0], [4.0]], [0, 0, 1, 1])
    with pytest.raises(ValueError, match=r"x has shape \(1, 2\); it must have 1 columns"):
        lda.predict([[0.0, 1.0]])


# Logistic regression -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("C", [0.1, 1.0, 100.0, np.inf])
@pytest.mark.parametrize("name", DATA)
def test_logistic_regression_equals_scikit_learn(name, C):
    x, y = DATA[name]
    if name == "stretched":
        x, y = x[::20], y[::20]  # the small sample feels the penalty
        y = np.r_[1 - y[:2], y[2:]]  # two labels are wrong: a maximum exists without a penalty, too
    ours = fit_logistic_regression(x, y, C=C)
    peer = linear_model.LogisticRegression(C=C, solver="newton-cg", tol=1e-10, max_iter=1000).fit(
        x.astype("float64"), y
    )
    np.testing.assert_allclose(ours.weights.T, difference_of(peer.coef_), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(ours.bias, centred(peer.intercept_), atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x.astype("float64")), atol=1e-5)
    assert (ours.predict(x) == peer.predict(x)).all()
    assert (np.diff(ours.losses) <= 1e-12).all()
    assert ours.losses[0] == pytest.approx(np.log(len(np.unique(y))))


@pytest.mark.parametrize("units", [[1e6, 1.0], [1.0, 1e-6], [1e-10, 1e-10]])
@pytest.mark.parametrize("name", ["identity", "three"])
def test_units_do_not_matter_to_logistic_regression(name, units):
    x, y = DATA[name]
    plain, scaled = (fit_logistic_regression(points, y, C=np.inf) for points in (x, x * units))
    np.testing.assert_allclose(scaled.weights * np.reshape(units, (2, 1)), plain.weights, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(scaled.bias, plain.bias, rtol=1e-6, atol=1e-8)


def test_logistic_regression_takes_a_column_of_dates():
    x, y = DATA["identity"]
    seconds = x * [1.0, 1e5] + [0.0, 1.6e9]
    fit, peer = (
        fit_logistic_regression(seconds, y),
        fit_logistic_regression(x * [1.0, 1e5], y),
    )
    np.testing.assert_allclose(fit.predict_proba(seconds), peer.predict_proba(x * [1.0, 1e5]), atol=1e-5)


def test_losses_are_the_penalised_likelihood():
    x, y = DATA["three"]
    fit = fit_logistic_regression(x, y, C=0.5)
    likelihood = fit.predict_proba(x)[np.arange(len(y)), y]
    expected = -np.mean(np.log(likelihood)) + np.sum(fit.weights**2) / (2 * 0.5 * len(x))
    assert fit.losses[-1] == pytest.approx(expected, rel=1e-9)


def test_logistic_regression_approaches_lda_where_its_assumptions_hold():
    x, y = two_classes(points_per_class=40_000)
    lda, fit = LinearDiscriminantAnalysis().fit(x, y), fit_logistic_regression(x, y, C=np.inf)
    np.testing.assert_allclose(fit.weights[:, 0], lda.weights[:, 1] - lda.weights[:, 0], atol=0.02)
    np.testing.assert_allclose(fit.weights[:, 0], [1.0, 0.0], atol=0.05)  # Sigma^-1 (mu_1 - mu_0)


@pytest.mark.parametrize("name", ["identity", "three"])
def test_fitted_weights_are_the_minimum_of_the_model(name):
    """The builder's network with Newton's weights: the gradient of its loss, by the backend, is zero."""
    from keras_course import ops

    x, y = DATA[name]
    num_classes = int(y.max()) + 1
    fit = fit_logistic_regression(x, y, C=np.inf)
    model = logistic_regression(2, num_classes)
    head = output_head("binary" if num_classes == 2 else "multiclass")
    target = y.reshape(-1, 1).astype("float32") if num_classes == 2 else y
    model.set_weights([fit.weights, fit.bias])
    value, gradients = ops.value_and_grad(lambda: head.loss(target, model(x)), variables=model.trainable_variables)()
    assert float(value) == pytest.approx(fit.losses[-1], abs=1e-5)
    assert max(float(keras.ops.max(keras.ops.abs(g))) for g in gradients) < 1e-5
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(head.activation(model(x)))[:, -1], fit.predict_proba(x)[:, -1], atol=1e-5
    )


def test_separable_classes_have_no_maximum_without_a_penalty():
    for x, y in (([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]), ([[0, 0], [3, 0], [0, 3], [4, 1]], [0, 1, 2, 1])):
        with pytest.raises(ValueError, match=r"C=inf, no penalty, but a plane separates the classes"):
            fit_logistic_regression(x, y, C=np.inf)
        assert fit_logistic_regression(x, y, C=1e3).predict(x).tolist() == y


def test_newton_gives_up_in_the_end():
    with pytest.raises(ValueError, match=r"max_steps=2 Newton steps did not converge: .* not tolerance=1e-10"):
        fit_logistic_regression(*DATA["three"], max_steps=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"C": 0.0}, r"C=0.0 must be a number above 0, or infinite"),
        ({"C": np.nan}, r"C=nan must be a number above 0"),
        ({"C": "strong"}, r"C='strong' must be a number above 0"),
        ({"tolerance": -1.0}, r"tolerance=-1.0 must be a finite number above 0"),
        ({"max_steps": 0}, r"max_steps=0 must be a whole number"),
        ({"x": [[0.0], [np.nan]]}, r"x has 1 entries that are not finite"),
        ({"y": [0, 2]}, r"each with a point"),
    ],
)
def test_bad_arguments_of_the_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_logistic_regression(**{"x": [[0.0], [1.0]], "y": [0, 1], **arguments})
    fit = fit_logistic_regression([[0.0], [1.0]], [0, 1])
    with pytest.raises(ValueError, match=r"x has shape \(1, 2\)"):
        fit.predict([[0.0, 1.0]])


def test_bad_arguments_of_the_builder():
    with pytest.raises(ValueError, match="num_classes=1 must be a whole number, at least 2"):
        logistic_regression(3, 1)
    with pytest.raises(ValueError, match="num_features=0 must be a whole number, at least 1"):
        logistic_regression(0, 2)
