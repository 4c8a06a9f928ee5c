"""Recipes of examples: what a model is given, what is measured, and what a run leaves behind."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

from keras_course import cli, datasets, recipes
from keras_course._registry import data_arguments
from keras_course.convnets import permute_pixels
from keras_course.language import gpt
from keras_course.perceptron import logistic_regression, mlp, output_head
from keras_course.training import deep_mlp

NAMES = ("digits_mlp", "diabetes_mlp", "breast_cancer_logistic")  # many classes, a value, two classes with one logit
SHORT = {name: dataclasses.replace(recipes.RECIPES[name], steps=20) for name in NAMES}


@pytest.fixture(scope="module", params=SHORT)
def run(request, tmp_path_factory):
    return recipes.train(SHORT[request.param], seed=1, out=tmp_path_factory.mktemp("runs") / "short", verbose=0)


def test_value_is_that_of_scikit_learn_on_the_test_set(run):
    inputs = run.facts["inputs"]
    train, test = {
        "digits_mlp": datasets.digit_images,
        "diabetes_mlp": lambda: datasets.diabetes().split(0.8, seed=0),
        "breast_cancer_logistic": lambda: datasets.breast_cancer().split(0.8, seed=0),
    }[run.recipe.name]()
    x = (test.x - np.array(inputs["mean"])) / np.array(inputs["deviation"])  # what run.json says is enough to predict
    outputs = keras.ops.convert_to_numpy(run.model(x.astype("float32")))
    if isinstance(run.recipe.task, recipes.Classification):
        classes = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(-1)
        expected = 100 * (1 - accuracy_score(test.y, classes))
    else:
        expected = root_mean_squared_error(test.y, outputs[:, 0] * train.y.std() + train.y.mean())
    assert run.value == pytest.approx(expected, rel=1e-4)


def test_loss_of_a_classifier_follows_from_its_outputs():
    """With one logit or with two, a model that knows nothing has the loss ln 2."""
    task = recipes.Classification("breast_cancer").load()
    x, y = task.test_x, task.test_y
    for model in (logistic_regression(30, 2), mlp((30,), 2, hidden_dims=(), kernel_initializer="zeros")):
        model.compile(**task.objective(model))
        loss, accuracy = model.evaluate(x, y, verbose=0)
        assert loss == pytest.approx(np.log(2), rel=1e-5)
        assert accuracy == pytest.approx(np.mean(y == 0), rel=1e-5)
        model.layers[-1].bias.assign([0.5] if model.output_shape[1] == 1 else [0.0, 0.5])
        assert model.evaluate(x, y, verbose=0)[1] == pytest.approx(np.mean(y == 1), rel=1e-5)
    assert type(task.objective(model)["loss"]) is type(output_head("multiclass").loss)


def test_arguments_that_describe_examples_go_by_their_names():
    assert data_arguments(mlp, [8, 8], 10) == {"input_shape": (8, 8), "num_outputs": 10}
    assert data_arguments(deep_mlp, (64,), 10) == {"num_features": 64, "num_classes": 10}
    for build, shape, message in [
        (gpt, (8,), "build=gpt begins with the arguments 'vocab_size' and 'context_length'; for labeled examples"),
        (logistic_regression, (8, 8), r"build=logistic_regression takes rows of features, .* the shape \(8, 8\)"),
        (3, (8,), "build=3 must be a builder"),
    ]:
        with pytest.raises(ValueError, match=message):
            data_arguments(build, shape, 2)


def test_recipe_whose_builder_takes_no_such_examples():
    row = dataclasses.replace(SHORT["digits_mlp"], topic="training", builder="deep_mlp", preset="tiny", overrides={})
    with pytest.raises(ValueError, match="build=deep_mlp takes rows of features"):
        recipes.train(row, verbose=0)


def test_folder_has_all_but_a_tokenizer(run):
    assert {path.name for path in run.folder.iterdir()} == {"run.json", "model.keras", "history.csv", "loss.png"}
    assert json.loads((run.folder / "run.json").read_text()) == run.facts
    model, tokenizer = recipes.load_run(run.folder)
    assert tokenizer is None
    x = np.ones((2, *run.model.input_shape[1:]), "float32")
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(x)) for m in (model, run.model)))


def test_report_and_generate(run, capsys):
    report = cli._report(run)
    assert f"{run.recipe.task.metric.name}: {run.value:.4f} {run.recipe.task.metric.unit} (seed 1, 20 steps" in report
    assert "It writes" not in report
    assert cli.main(["generate", str(run.folder), "--prompt", "a"]) == 2
    assert "has no tokenizer" in capsys.readouterr().err


def test_epoch_lines_have_the_unit_of_the_loss(capsys):
    recipes.train(SHORT["digits_mlp"], steps=2, verbose=2)
    assert capsys.readouterr().out.splitlines()[-1].split(", ")[1].endswith("nats/example")


def test_resumed_run_ends_like_one_that_was_not_interrupted(run, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    row = SHORT[run.recipe.name]
    with pytest.raises(KeyboardInterrupt):
        recipes.train(row, seed=1, out=tmp_path, callbacks=[Stop()], verbose=0)
    resumed = recipes.train(row, resume=tmp_path, verbose=0)
    for one, other in zip(run.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.value == run.value


def test_inputs_are_standardized_by_the_training_part():
    images = recipes.Classification("digit_images").load()
    assert images.x.mean() == pytest.approx(0, abs=1e-4)
    assert images.x.std() == pytest.approx(1, abs=1e-4)
    table = recipes.Regression("diabetes").load()
    train, test = datasets.diabetes().split(0.8, seed=0)
    scaler = StandardScaler().fit(train.x)
    np.testing.assert_allclose(table.x, scaler.transform(train.x), atol=1e-5)
    np.testing.assert_allclose(table.test_x, scaler.transform(test.x), atol=1e-5)
    assert (table.y.mean(), table.y.std()) == pytest.approx((0, 1), abs=1e-5)


@pytest.mark.parametrize("data", ["tiny_shakespeare", "two_moons", "absent"])
def test_other_data_are_refused(data):
    with pytest.raises(
        ValueError,
        match=f"data='{data}' is not a table or a set of images; choose one of mnist_10k, cifar10_12k, digit_images",
    ):
        recipes.train(SHORT["digits_mlp"], data=data)


def test_a_file_of_ones_own_is_for_language_models(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"table\.csv' is a file, and only a language model is trained on one"):
        recipes.train(SHORT["digits_mlp"], data=path)
    with pytest.raises(
        ValueError, match="data='digit_image' is not a table or a set of images; did you mean 'digit_images'"
    ):
        recipes.train(SHORT["digits_mlp"], data="digit_image")


def test_permuted_pixels_are_the_same_ones_elsewhere():
    plain, permuted = (recipes.Classification("digit_images", permute=permute).load() for permute in (False, True))
    for one, other in ((plain.x, permuted.x), (plain.test_x, permuted.test_x)):
        assert (one != other).any()
        np.testing.assert_array_equal(*(np.sort(part.reshape(len(part), -1)) for part in (one, other)))
    np.testing.assert_array_equal(permute_pixels(plain.test_x), permuted.test_x)  # one for both parts
