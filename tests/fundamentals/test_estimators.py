"""Networks as scikit-learn estimators: what scikit-learn demands, and that they learn what it learns."""

import copy
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from keras_course import datasets
from keras_course.fundamentals import KerasClassifier, KerasRegressor
from keras_course.fundamentals._estimators import _batches
from keras_course.language import gpt
from keras_course.perceptron import logistic_regression, mlp
from keras_course.training import deep_mlp

IRIS = datasets.iris()
DIABETES = datasets.diabetes()
SMALL = {"hidden_dims": (16,)}
QUICK = {"model": SMALL, "epochs": 20, "learning_rate": 0.03, "batch_size": 50}
MOONS, SIDES = datasets.two_moons(100, seed=0)
ROUNDING = "float32: a product of matrices rounds a row in another way where it stands elsewhere or among fewer rows"
EXPECTED_FAILURES = {"check_methods_sample_order_invariance": ROUNDING, "check_methods_subset_invariance": ROUNDING}


@pytest.fixture(scope="module")
def moons():
    return KerasClassifier(mlp, **QUICK).fit(MOONS, SIDES)


@pytest.fixture(scope="module")
def iris():
    return KerasClassifier(mlp, **QUICK).fit(IRIS.x, np.array(IRIS.target_names)[IRIS.y])


# What scikit-learn demands ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Skipping check")  # what needs pandas or another library of arrays
@pytest.mark.parametrize("kind", [KerasClassifier, KerasRegressor])
def test_checks_of_scikit_learn(kind, full):
    if not full and keras.config.backend() != "torch":
        pytest.skip("runs with --full, or on PyTorch, which compiles none of the 100 models")
    estimator = kind(mlp, model=SMALL, epochs=20, learning_rate=0.03, batch_size=100)
    results = check_estimator(estimator, expected_failed_checks=EXPECTED_FAILURES)
    assert sum(row["status"] == "passed" for row in results) >= 49


def test_pipeline_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(mlp, **QUICK))
    assert cross_val_score(pipeline, IRIS.x, IRIS.y, cv=3).min() > 0.85
    scaled = TransformedTargetRegressor(KerasRegressor(mlp, **QUICK), transformer=StandardScaler())
    assert cross_val_score(make_pipeline(StandardScaler(), scaled), DIABETES.x, DIABETES.y, cv=3).mean() > 0.3


def test_grid_search():
    pipeline = make_pipeline(
        StandardScaler(), KerasClassifier(mlp, **QUICK | {"model": {"activation": "tanh"}, "batch_size": 25})
    )
    name = "kerasclassifier__"
    grid = {f"{name}model__hidden_dims": [(2,), (32,)], f"{name}learning_rate": [1e-5, 0.03]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(IRIS.x, IRIS.y)
    assert search.best_params_[f"{name}learning_rate"] == 0.03
    assert search.best_score_ > 0.85
    best = search.best_estimator_[-1]
    assert best.model == {"activation": "tanh", "hidden_dims": search.best_params_[f"{name}model__hidden_dims"]}
    assert best.model_.layers[1].units == best.model["hidden_dims"][0]
    assert pipeline[-1].model == {"activation": "tanh"}


def test_calibration(moons):
    calibrated = CalibratedClassifierCV(clone(moons), cv=2).fit(MOONS, SIDES)
    assert calibrated.score(MOONS, SIDES) > 0.8
    assert moons.decision_function(MOONS).shape == (len(MOONS),)


def test_parameters():
    estimator = KerasClassifier(mlp, model=SMALL)
    twin = clone(estimator)
    assert twin.set_params(model__dropout=0.1, epochs=3) is twin
    assert twin.get_params()["model__dropout"] == 0.1
    assert twin.get_params(deep=False)["model"] == {**SMALL, "dropout": 0.1}
    assert (twin.epochs, estimator.epochs, estimator.model) == (3, 20, SMALL)
    assert estimator.get_params()["model__hidden_dims"] == (16,)
    shared = {"hidden_dims": (16,)}
    KerasClassifier(mlp, model=shared).set_params(model__dropout=0.1)
    assert shared == {"hidden_dims": (16,)}
    with pytest.raises(ValueError, match=r"hidden is not an argument of mlp; choose one of .*hidden_dims"):
        estimator.set_params(model__hidden=3)
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        estimator.set_params(epoch=3)
    assert "build=<function mlp" in repr(estimator)
    assert estimator._repr_html_()


# The same again -----------------------------------------------------------------------------------------------------


def test_same_seed_same_model(moons):
    again = clone(moons).fit(MOONS, SIDES)
    assert all(map(np.array_equal, moons.model_.get_weights(), again.model_.get_weights()))
    assert again.history_ == moons.history_
    once_more = again.fit(MOONS, SIDES)
    np.testing.assert_array_equal(once_more.decision_function(MOONS), moons.decision_function(MOONS))
    other = clone(moons).set_params(seed=1).fit(MOONS, SIDES)
    assert not np.array_equal(other.decision_function(MOONS), moons.decision_function(MOONS))


def test_global_generator_neither_matters_nor_moves(moons):
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    again = clone(moons).fit(MOONS, SIDES)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.testing.assert_array_equal(again.predict_proba(MOONS), moons.predict_proba(MOONS))


def test_seed_reaches_the_dropout_of_the_builder():
    arguments = QUICK | {"model": {"hidden_dims": (16,), "dropout": 0.5}, "epochs": 3}
    first, second, other = (
        KerasClassifier(mlp, **arguments, seed=seed).fit(MOONS, SIDES) for seed in (3, 3, 2**32 - 1)
    )
    np.testing.assert_array_equal(first.predict_proba(MOONS), second.predict_proba(MOONS))
    masks = [[x.seed for x in e.model_.layers if isinstance(x, keras.layers.Dropout)] for e in (first, second, other)]
    assert masks[0] == masks[1] != masks[2]


def test_dropout_sleeps_in_predictions():
    arguments = QUICK | {"model": {"hidden_dims": (16,), "dropout": 0.5}, "epochs": 1}
    estimator = KerasClassifier(mlp, **arguments).fit(MOONS, SIDES)
    np.testing.assert_array_equal(estimator.predict_proba(MOONS), estimator.predict_proba(MOONS))


def test_each_pass_has_all_examples_in_an_order_of_its_own():
    x = np.arange(10)
    batches = list(_batches(x, -x, batch_size=4, epochs=3, seed=1))
    assert [len(rows) for rows, _ in batches] == 3 * [4, 4, 2]
    assert all((labels == -rows).all() for rows, labels in batches)
    passes = {tuple(np.concatenate([rows for rows, _ in batches[i : i + 3]]).tolist()) for i in (0, 3, 6)}
    assert len(passes) == 3
    assert all(sorted(order) == x.tolist() for order in passes)


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))], ids=["deepcopy", "pickle"])
def test_copies(twin, iris):
    np.testing.assert_array_equal(twin(iris).predict(IRIS.x), iris.predict(IRIS.x))
    np.testing.assert_array_equal(twin(iris).predict_proba(IRIS.x), iris.predict_proba(IRIS.x))


# What comes out -----------------------------------------------------------------------------------------------------


def test_labels_and_probabilities(iris):
    labels = np.array(IRIS.target_names)[IRIS.y]
    assert iris.classes_.tolist() == sorted(IRIS.target_names)
    p = iris.predict_proba(IRIS.x)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(iris.classes_[p.argmax(axis=1)], iris.predict(IRIS.x))
    np.testing.assert_array_equal(iris.decision_function(IRIS.x).argmax(axis=1), p.argmax(axis=1))
    assert iris.score(IRIS.x, labels) == accuracy_score(labels, iris.predict(IRIS.x)) > 0.9
    logits = keras.ops.convert_to_numpy(iris.model_(IRIS.x))
    np.testing.assert_allclose(p, keras.ops.convert_to_numpy(keras.ops.softmax(logits)), atol=1e-6)


@pytest.mark.parametrize("build", [mlp, logistic_regression, deep_mlp])
def test_two_classes_with_two_logits_or_one(build):
    estimator = KerasClassifier(build, epochs=30, learning_rate=0.03).fit(MOONS, np.where(SIDES == 1, "a", "b"))
    p, z = estimator.predict_proba(MOONS), estimator.decision_function(MOONS)
    assert estimator.model_.output_shape == (None, 1 if build is logistic_regression else 2)
    assert estimator.classes_.tolist() == ["a", "b"]
    assert (p.shape, z.shape) == ((len(MOONS), 2), (len(MOONS),))
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-z)), atol=1e-12)
    logits = keras.ops.convert_to_numpy(estimator.model_(MOONS)).astype("float64")
    both = logits if logits.shape[1] == 2 else np.concatenate([np.zeros_like(logits), logits], axis=1)
    np.testing.assert_allclose(p, np.exp(both) / np.exp(both).sum(axis=1, keepdims=True), atol=1e-6)
    np.testing.assert_array_equal(estimator.predict(MOONS) == "b", z > 0)
    assert estimator.score(MOONS, np.where(SIDES == 1, "a", "b")) > 0.8
    assert estimator.history_["accuracy"][-1] > 0.75


def test_three_classes_with_every_builder():
    x = StandardScaler().fit_transform(IRIS.x)
    for build in (logistic_regression, deep_mlp):
        estimator = KerasClassifier(build, epochs=30, learning_rate=0.03).fit(x, IRIS.y)
        assert estimator.decision_function(x).shape == (150, 3)
        assert estimator.score(x, IRIS.y) > 0.85


def test_pictures_and_a_function_of_ones_own():
    x, y = np.random.default_rng(0).random((60, 4, 4)), np.arange(60) % 2
    x[y == 1, :2] += 1

    def convolution(input_shape, num_outputs, *, filters=4):
        return keras.Sequential(
            [
                keras.Input(input_shape),
                keras.layers.Reshape((*input_shape, 1)),
                keras.layers.Conv2D(filters, 2, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(num_outputs),
            ]
        )

    for build in (mlp, convolution):
        estimator = KerasClassifier(build, epochs=20, learning_rate=0.01).fit(x, y)
        assert estimator.score(x, y) == 1
    with pytest.raises(ValueError, match=r"X has shape \(3, 4, 5\); after fit it must be \(N, \*\(4, 4\)\)"):
        estimator.predict(np.zeros((3, 4, 5)))


@pytest.mark.parametrize("shape", [(90,), (90, 1), (90, 3)])
def test_values_have_the_shape_of_the_targets(shape):
    x = np.random.default_rng(0).standard_normal((90, 2))
    y = (x @ np.random.default_rng(1).standard_normal((2, *shape[1:])))[:, ...]
    estimator = KerasRegressor(mlp, **QUICK | {"epochs": 60}).fit(x, y)
    assert estimator.predict(x).shape == shape
    assert estimator.score(x, y) == r2_score(y, estimator.predict(x)) > 0.95


def test_prediction_in_parts_is_that_of_the_whole(moons):
    x = np.tile(MOONS, (4, 1))[:601]
    np.testing.assert_allclose(moons.decision_function(x)[-1], moons.decision_function(x[-1:])[0], atol=1e-5)


# What it learns -----------------------------------------------------------------------------------------------------


def test_long_training_reaches_the_maximum_of_the_likelihood():
    x, y = datasets.gaussian_classes(60, means=[[0, 0], [1, 0], [0.5, 1.5]], seed=4)
    peer = LogisticRegression(C=np.inf, tol=1e-8).fit(x, y)
    ours = KerasClassifier(logistic_regression, epochs=200, batch_size=len(x), learning_rate=0.05).fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x), atol=2e-3)
    assert log_loss(y, ours.predict_proba(x)) == pytest.approx(log_loss(y, peer.predict_proba(x)), abs=1e-5)
    two = y < 2
    peer, ours = clone(peer).fit(x[two], y[two]), clone(ours).fit(x[two], y[two])
    np.testing.assert_allclose(ours.predict_proba(x), peer.predict_proba(x), atol=2e-3)


def test_long_training_reaches_least_squares():
    x = PCA(whiten=True).fit_transform(DIABETES.x)  # a valley as steep on all sides, or it would take far longer
    y = StandardScaler().fit_transform(np.stack([DIABETES.y, DIABETES.y**2], axis=1))
    ours = KerasRegressor(mlp, model={"hidden_dims": ()}, epochs=150, batch_size=len(x), learning_rate=0.03).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), LinearRegression().fit(x, y).predict(x), atol=0.02)


def test_history_is_the_loss_of_each_pass():
    rate = 1e-12  # the model stays what it was, so each mean over a pass is the loss of the data
    x, y = MOONS[:90], SIDES[:90]
    estimator = KerasClassifier(mlp, model=SMALL, epochs=3, batch_size=30, learning_rate=rate).fit(x, y)
    np.testing.assert_allclose(estimator.history_["loss"], log_loss(y, estimator.predict_proba(x)), rtol=1e-5)
    assert estimator.history_["accuracy"] == pytest.approx([estimator.score(x, y)] * 3)


# What it refuses ----------------------------------------------------------------------------------------------------


def two_outputs(input_shape, num_outputs):
    return mlp(input_shape, 2)


@pytest.mark.parametrize(
    ("kind", "build", "arguments", "message"),
    [
        (KerasClassifier, gpt, {}, r"build=gpt begins with the arguments 'vocab_size' and 'context_length'; .* must"),
        (KerasClassifier, "mlp", {}, "build='mlp' must be a builder"),
        (KerasClassifier, lambda: None, {}, "begins with the arguments '' and ''"),
        (KerasClassifier, mlp, {"model": {"width": 3}}, "width is not an argument of mlp; choose one of input_shape"),
        (KerasClassifier, mlp, {"model": {"num_outputs": 3}}, "must not have num_outputs, which follows from the data"),
        (KerasClassifier, mlp, {"model": [3]}, r"model=\[3\] must be a dict"),
        (KerasClassifier, mlp, {"model": {"dropout": 2}}, "dropout=2 must be in"),
        (KerasClassifier, mlp, {"epochs": 0}, "epochs=0 must be a whole number, at least 1"),
        (KerasClassifier, mlp, {"batch_size": 2.5}, "batch_size=2.5 must be"),
        (KerasClassifier, mlp, {"learning_rate": 0}, "learning_rate=0 must be a finite number above 0"),
        (KerasClassifier, mlp, {"seed": -1}, "seed=-1 must be"),
        (KerasRegressor, logistic_regression, {}, "num_classes=1 must be a whole number, at least 2"),
        (KerasRegressor, two_outputs, {}, r"outputs \(None, 2\); 1 values an example need \(None, 1\)"),
    ],
)
def test_bad_arguments(kind, build, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(build, **arguments).fit(MOONS, SIDES)


def test_bad_data(iris):
    with pytest.raises(ValueError, match=r"y has one class, .*7.*; a classifier needs two or more"):
        KerasClassifier(mlp).fit(MOONS, np.full(len(MOONS), 7))
    with pytest.raises(ValueError, match=r"outputs \(None, 2\); 3 classes need \(None, 3\)"):
        KerasClassifier(two_outputs).fit(IRIS.x, IRIS.y)
    with pytest.raises(ValueError, match=r"build=deep_mlp takes rows of features, .* shape \(2, 2\)"):
        KerasClassifier(deep_mlp).fit(IRIS.x.reshape(-1, 2, 2), IRIS.y)
    with pytest.raises(NotFittedError):
        KerasRegressor(mlp).predict(MOONS)
    with pytest.raises(FloatingPointError, match="training has diverged"):
        KerasRegressor(mlp, epochs=1).fit(MOONS, SIDES * 1e30)


def test_model_outlives_what_it_refused(iris):
    before = iris.predict_proba(IRIS.x)
    for bad in (IRIS.x[:, :3], np.full((2, 4), np.nan), [["a"] * 4], np.zeros((2, 4, 1)), np.zeros((0, 4))):
        with pytest.raises(ValueError, match=r"."):
            iris.predict(bad)
    with pytest.raises(ValueError, match=r"."):
        iris.fit(IRIS.x[:3], IRIS.y)
    np.testing.assert_array_equal(iris.predict_proba(IRIS.x), before)
