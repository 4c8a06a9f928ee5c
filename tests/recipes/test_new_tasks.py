"""A new kind of task needs no change of the package: five trained, interrupted, resumed, recorded and shown."""

import dataclasses
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import toy_recipes
from PIL import Image
from scipy.io import wavfile
from toy_recipes import TOYS

import keras_course
from keras_course import cli, recipes
from keras_course.recipes import Sound, _folder
from keras_course.recipes._sample import write_sample
from keras_course.records import check_row, recipe_row


class Interrupt(keras.callbacks.Callback):
    """End the run in the middle of an epoch, when `step` steps are complete."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.step -= 1
        if self.step == 0:
            raise KeyboardInterrupt


def interrupt(row, folder, step, start, full):
    """Begin a run and end it by an exception; with `--full` by `kill -9`."""
    if not full:
        with pytest.raises(KeyboardInterrupt):
            recipes.train(row, out=folder, start=start, callbacks=[Interrupt(step)], verbose=0)
        return
    command = [sys.executable, toy_recipes.__file__, row.name, str(folder), str(step), *([start] if start else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The run that the last toy starts from."""
    return recipes.train(TOYS["toy_higher"], out=tmp_path_factory.mktemp("runs") / "first", verbose=0)


@pytest.mark.parametrize("name", TOYS)
def test_resumed_run_ends_like_one_that_was_not_interrupted(name, full, first, tmp_path, capsys):
    row, start = TOYS[name], first.folder if TOYS[name].start else None
    if row.task.parts > 1 and not full:
        row = dataclasses.replace(row, task=dataclasses.replace(row.task, parts=3))
    whole = recipes.train(row, out=tmp_path / "whole", start=start, verbose=0)
    interrupt(row, tmp_path / "stopped", 5, start, full)
    assert not _folder.read_facts(tmp_path / "stopped")["complete"]
    resumed = recipes.train(row, resume=tmp_path / "stopped", verbose=0)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.value == whole.value
    assert [part.value for part in resumed.parts] == [part.value for part in whole.parts]
    report = cli._report(resumed)
    assert f"{whole.recipe.task.metric.name}: {whole.value:.4f}" in report
    folder = (resumed.parts or (resumed,))[-1].folder
    assert check_row(recipe_row(resumed.facts | {"commit": "0123456789"})) is None  # it can be recorded
    loaded = keras_course.load_model(folder)
    assert [w.shape for w in loaded.weights] == [w.shape for w in whole.model.weights]
    changed = dataclasses.replace(row, batch_size=row.batch_size - 1)
    _folder.write_facts(tmp_path / "stopped", resumed.facts | {"complete": False})
    with pytest.raises(ValueError, match=r"settings was \{'batch_size': 16}"):
        recipes.train(changed, resume=tmp_path / "stopped", verbose=0)


@dataclasses.dataclass(frozen=True)
class Unvalidated(toy_recipes.NodeClasses):
    def load(self, part=0, start=None):
        data = super().load()
        data.validation = None
        return data


def test_weights_of_the_best_epoch_are_kept():
    row = TOYS["toy_graph"]
    run = recipes.train(row, verbose=0)
    losses, (x, y, weights) = run.history["val_loss"], row.task.load().validation[0]
    loss = run.model.evaluate(x, y, sample_weight=weights, verbose=0)
    assert loss == pytest.approx(min(losses), abs=1e-5)
    assert run.facts["kept_epoch"] == 1 + np.argmin(losses) < 5, "a run interrupted after 5 steps keeps earlier weights"
    with pytest.raises(ValueError, match="keep='best': 'toy_graph' has no validation set"):
        recipes.train(dataclasses.replace(row, task=Unvalidated()), verbose=0)


def test_what_each_leaves(first, tmp_path):
    image = recipes.train(TOYS["toy_reconstruct"], out=tmp_path / "image", steps=2, verbose=0)
    assert (image.facts["sample"], image.sample.shape) == ("sample.png", (8, 8))
    with Image.open(image.folder / "sample.png") as opened:
        np.testing.assert_array_equal(np.asarray(opened), image.sample)
    assert first.facts["metrics"].keys() == {"balanced accuracy", "number of classes"}
    assert "expected: at least 0.1 (up to 0.0 less for one seed): reached" in cli._report(first)


def test_samples_become_files_that_everybody_can_open(tmp_path):
    wave = np.sin(np.arange(80) / 5)
    for sample, name in [("Ünder", "sample.txt"), (Sound(wave, 8000), "sample.wav"), ({"x": [1, 2]}, "sample.csv")]:
        assert write_sample(tmp_path, sample) == name
    assert write_sample(tmp_path, ["Ünder", {"x": [1, 2]}]) == "sample.txt, sample.csv"
    assert (tmp_path / "sample.txt").read_text(encoding="utf-8") == "Ünder"
    rate, samples = wavfile.read(tmp_path / "sample.wav")
    assert rate == 8000
    np.testing.assert_allclose(samples / 32767, wave, atol=1e-4)
    assert (tmp_path / "sample.csv").read_text() == "x\n1\n2\n"
    with pytest.raises(ValueError, match=r"columns of different lengths: \{'x': 1, 'y': 2\}"):
        write_sample(tmp_path, {"x": [1], "y": [1, 2]})
    for bad in (3, [], np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8)):
        with pytest.raises(ValueError, match=r"sample=.* must be a str, an image"):
            write_sample(tmp_path, bad)


def test_what_a_run_cannot_begin_with(first, tmp_path):
    row = TOYS["toy_continued"]
    for start, error, message in [
        (None, ValueError, "start=None: 'toy_continued' begins with the weights of 'toy_higher'; train that first"),
        (tmp_path, FileNotFoundError, "start=.* holds no run"),
        (3, ValueError, "start=3 must be the folder of a run"),
    ]:
        with pytest.raises(error, match=message):
            recipes.train(row, start=start, verbose=0)
    with pytest.raises(ValueError, match="'toy_higher' does not begin with the weights"):
        recipes.train(TOYS["toy_higher"], start=first.folder, verbose=0)
    with pytest.raises(ValueError, match="it must be a complete run of 'toy_graph'"):
        recipes.train(dataclasses.replace(row, start=TOYS["toy_graph"]), start=first.folder, verbose=0)
    measured = recipes.train(dataclasses.replace(row, steps=0), start=first.folder, verbose=0)
    assert measured.history == {}
    assert measured.value == first.value
    assert measured.facts["weights_from_start"] == len(first.model.weights)


def test_a_run_of_parts(tmp_path):
    """Each part is a run of its own; the whole has their combined metrics, and says which commit they are of."""
    row = TOYS["toy_splits"]
    row = dataclasses.replace(row, task=dataclasses.replace(row.task, parts=2))
    run = recipes.train(row, out=tmp_path / "run", verbose=0)
    values = [part.facts["metrics"]["test error"] for part in run.parts]
    assert run.value == run.facts["metrics"]["test error"] == pytest.approx(np.mean(values))
    assert run.facts["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert run.parts[0].facts["seed"] != run.parts[1].facts["seed"]
    assert {"commit", "uncommitted", "settings"} <= run.facts.keys()
    assert {"part", "sample"}.isdisjoint(run.facts)
    assert keras_course.load_model(tmp_path / "run" / "part_01").count_params() == run.model.count_params()
    with pytest.raises(FileNotFoundError, match=r"holds a run of several parts.* take one, such as .*part_00"):
        keras_course.load_model(tmp_path / "run")
    half = tmp_path / "run" / "part_01" / ".writing-01234567-checkpoint.npz"
    half.write_bytes(b"left by a killed process")
    _folder.write_facts(tmp_path / "run", run.facts | {"complete": False})
    assert recipes.train(row, resume=tmp_path / "run", verbose=0).facts["values"] == values
    assert not half.exists()
    with pytest.raises(ValueError, match=r"task\.parts=0"):
        dataclasses.replace(row, task=dataclasses.replace(row.task, parts=0))


@dataclasses.dataclass(frozen=True)
class Blur:
    width: int


@dataclasses.dataclass(frozen=True)
class Shift:
    width: int


@dataclasses.dataclass(frozen=True)
class Changed(toy_recipes.Splits):
    change: object = None


def test_settings_are_plain_data_with_the_kind_of_every_part():
    row = TOYS["toy_splits"]
    blurred, shifted = (dataclasses.replace(row, task=Changed(change=kind(3))).settings() for kind in (Blur, Shift))
    assert blurred["task"]["change"] == {"kind": "Blur", "width": 3} != shifted["task"]["change"]
    assert dataclasses.replace(row, overrides={"width": np.int64(3)}).settings()["overrides"] == {"width": 3}
    with pytest.raises(ValueError, match=r"task\.change=\{1\} must be plain data"):
        dataclasses.replace(row, task=Changed(change={1}))


def plain_network(input_shape, num_outputs, width=3):
    layers = [keras.layers.Flatten(), keras.layers.Dense(width), keras.layers.Dense(num_outputs)]
    return keras.Sequential([keras.Input(input_shape), *layers])


def test_a_function_of_ones_own_is_a_builder():
    changes = {"topic": None, "builder": plain_network, "preset": None, "overrides": {"width": 5}}
    run = recipes.train(dataclasses.replace(TOYS["toy_higher"], **changes), steps=1, verbose=0)
    assert run.model.layers[1].units == 5
    assert repr(run).startswith("Run('toy_higher', balanced accuracy=")


def test_defaults_of_data():
    with pytest.raises(NotImplementedError, match="Data must define measure, as it has no validation loss"):
        recipes.Data().measure(None, {}, 0)
    batches = recipes.in_batches(({"a": np.arange(3), "b": np.ones(3)}, np.arange(3)), batch_size=2)
    assert [(x["a"].tolist(), y.tolist()) for x, y in batches] == [([0, 1], [0, 1]), ([2], [2])]
    with pytest.raises(ValueError, match=r"arrays has \[3, 2\] rows"):
        recipes.in_batches((np.ones(3), np.ones(2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "regression"}, "task='regression' must be a Task"),
        ({"topic": None}, "builder='mlp' must be a name, beside a topic, or a function without one"),
        ({"builder": toy_recipes.toy_autoencoder}, "builder=.* must be a name, beside a topic"),
        ({"steps": -1}, "steps=-1"),
        ({"topic": None, "builder": len}, "preset='tiny': len has no presets, so preset must be None"),
        ({"start": 3}, "start=3"),
        ({"keep": "first"}, "keep='first' must be 'last' or 'best'"),
    ],
)
def test_wrong_recipes(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TOYS["toy_higher"], **change)
