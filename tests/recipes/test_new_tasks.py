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
from toy_recipes import TOYS

import keras_course
from keras_course import cli, recipes


class Interrupt(keras.callbacks.Callback):
    """End the run in the middle of an epoch, when `step` steps are complete."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.step -= 1
        if self.step == 0:
            raise KeyboardInterrupt


def interrupt(name, folder, step, start, full):
    """Begin a run and end it by an exception; with `--full` by `kill -9`."""
    if not full:
        with pytest.raises(KeyboardInterrupt):
            recipes.train(TOYS[name], out=folder, start=start, callbacks=[Interrupt(step)], verbose=0)
        return
    command = [sys.executable, toy_recipes.__file__, name, str(folder), str(step), *([start] if start else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The run that the last toy starts from."""
    return recipes.train(TOYS["toy_higher"], out=tmp_path_factory.mktemp("runs") / "first", verbose=0)


@pytest.mark.parametrize("name", TOYS)
def test_resumed_run_ends_like_one_that_was_not_interrupted(name, full, first, tmp_path, capsys):
    start = first.folder if TOYS[name].start else None
    whole = recipes.train(TOYS[name], out=tmp_path / "whole", start=start, verbose=0)
    step = 21 if whole.parts else 5
    interrupt(name, tmp_path / "stopped", step, start, full)
    assert not keras_course.recipes._folder.read_facts(tmp_path / "stopped")["complete"]
    resumed = recipes.train(TOYS[name], resume=tmp_path / "stopped", verbose=0)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.value == whole.value
    assert [part.value for part in resumed.parts] == [part.value for part in whole.parts]
    report = cli._report(resumed)
    assert f"{whole.recipe.task.metric.name}: {whole.value:.4f}" in report
    folder = (resumed.parts or (resumed,))[-1].folder
    loaded = keras_course.load_model(folder)
    assert [w.shape for w in loaded.weights] == [w.shape for w in whole.model.weights]
    changed = dataclasses.replace(TOYS[name], batch_size=TOYS[name].batch_size - 1)
    keras_course.recipes._folder.write_facts(tmp_path / "stopped", resumed.facts | {"complete": False})
    with pytest.raises(ValueError, match=r"settings was \{'batch_size': 16}"):
        recipes.train(changed, resume=tmp_path / "stopped", verbose=0)


def test_what_each_leaves(first, tmp_path):
    image = recipes.train(TOYS["toy_reconstruct"], out=tmp_path / "image", steps=2, verbose=0)
    assert Image.open(image.folder / "sample.png").size == (8, 8)
    np.testing.assert_array_equal(np.asarray(Image.open(image.folder / image.facts["sample"])), image.sample)
    assert first.facts["metrics"].keys() == {"balanced accuracy", "test loss"}
    assert "expected: at least 0.1 (up to 0.0 less for one seed): reached" in cli._report(first)
