"""Training by a recipe: what it writes, how it resumes, and what it refuses."""

import errno
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny_recipe
from tiny_recipe import TEXT, recipe

import keras_course
from keras_course import backend, cli, datasets, recipes
from keras_course.checks import files
from keras_course.language import CharTokenizer
from keras_course.metrics import text_loss
from keras_course.recipes import _checkpoint, _folder, _loop, _saved


@pytest.fixture(scope="module")
def run(text, tmp_path_factory):
    """A complete run, never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    return recipes.train(recipe(text), steps=np.int64(15), seed=np.int32(7), out=folder, verbose=0)


def weights(run):
    """Return all weights and the states of all random generators."""
    variables = [*run.model.trainable_variables, *run.model.non_trainable_variables]
    return [keras.ops.convert_to_numpy(v) for v in variables]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_folder_of_a_run(run):
    files = {path.name for path in run.folder.iterdir()}
    assert files == {"run.json", "model.keras", "history.csv", "loss.png", "sample.txt", "tokenizer.json"}
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts == run.facts
    assert facts["complete"]
    assert (facts["backend"], facts["seed"], facts["steps"]) == (keras.config.backend(), 7, 15)
    assert {"python", "keras", facts["backend"]} <= set(facts["versions"])
    lines = (run.folder / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,loss,val_loss,seconds"
    assert [int(line.split(",")[1]) for line in lines[1:]] == [3, 6, 9, 12, 15] == run.history["step"]
    assert (run.folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert run.sample.startswith("a")
    assert len(run.sample) == 301


def test_value_is_the_mean_over_every_token_of_the_validation_text_but_the_first(run):
    tokens = CharTokenizer.train(TEXT).encode(datasets.split_text(TEXT, 0.9)[1])
    assert (len(tokens) - 1) % 8 > 0, "this text tells nothing about a shorter window at the end"
    nats = []
    for start in range(0, len(tokens) - 1, 8):
        window = tokens[start : start + 9]
        logits = keras.ops.convert_to_numpy(run.model(window[None, :-1]))[0].astype("float64")
        nats += [np.log(np.exp(row).sum()) - row[token] for row, token in zip(logits, window[1:], strict=True)]
    assert len(nats) == len(tokens) - 1
    assert run.value == pytest.approx(np.mean(nats), abs=1e-6)
    assert run.value == pytest.approx(text_loss(run.model, tokens), abs=1e-6)
    assert run.value < run.history["val_loss"][0]


def test_saved_run_loads(run):
    model, tokenizer = recipes.load_run(run.folder)
    x = tokenizer.encode("a rose i")[None]
    models = (
        run.model,
        model,
        keras_course.load_model(run.folder),
        keras_course.load_model(run.folder / "model.keras"),
    )
    first, *others = (keras.ops.convert_to_numpy(m(x)) for m in models)
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_another_seed_is_another_run(run, text):
    other = recipes.train(recipe(text), seed=8, verbose=0)
    assert other.folder is None
    assert not equal(run, other)


def test_killed_run_resumes_bit_for_bit(run, text, tmp_path):
    folder = tmp_path / "killed"
    script = pathlib.Path(tiny_recipe.__file__)
    command = [sys.executable, str(script), str(text), str(folder), "8"]  # in the middle of the third epoch
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert not (folder / "model.keras").exists()
    assert len((folder / "history.csv").read_text().splitlines()) == 1 + 2
    (folder / ".writing-01234567-checkpoint.npz").write_bytes(b"as if it had been killed while it was writing")

    resumed = recipes.train(recipe(text), resume=folder, verbose=0)
    assert equal(resumed, run)
    for name in ("epoch", "step", "loss", "val_loss"):
        assert resumed.history[name] == run.history[name]
    assert resumed.sample == run.sample
    assert {path.name for path in folder.iterdir()} == {path.name for path in run.folder.iterdir()}


@pytest.fixture(scope="module")
def stopped(text, tmp_path_factory):
    """The folder of a run that Ctrl-C ended in its third epoch."""

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.raises(KeyboardInterrupt):
        recipes.train(recipe(text), seed=7, out=folder, callbacks=[Interrupt()], verbose=0)
    return folder


@pytest.fixture
def interrupted(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def test_full_disk_leaves_the_earlier_checkpoint(text, interrupted, monkeypatch):
    before = {path.name: path.read_bytes() for path in interrupted.iterdir()}
    assert "checkpoint.npz" in before

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    checkpoint = str(interrupted / "checkpoint.npz")
    monkeypatch.setattr(_folder, "write_facts", lambda folder, facts: None)  # so that the checkpoint is what fails
    monkeypatch.setattr(CharTokenizer, "save", lambda tokenizer, folder: None)
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failure:
        recipes.train(recipe(text), resume=interrupted, verbose=0)
    assert failure.value.filename == checkpoint
    assert {path.name: path.read_bytes() for path in interrupted.iterdir()} == before


def test_full_disk_leaves_the_earlier_model(run, monkeypatch, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"earlier")

    def half(model, where):
        pathlib.Path(where).write_bytes(b"half")
        raise OSError("Can't write data")  # as h5py says it

    monkeypatch.setattr(keras.Model, "save", half)
    with pytest.raises(OSError, match=r"Can't write data: '.*model\.keras'"):
        _saved.save_model(run.model, path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def change(folder, **facts):
    _folder.write_facts(folder, _folder.read_facts(folder) | facts)


def test_resume_refuses_what_would_give_another_result(text, interrupted, tmp_path):
    for bad, message in [
        ({"steps": 30}, "steps was 15 .* now 30"),
        ({"seed": 8}, "seed was 7 .* now 8"),
        ({"data": "python_words"}, "data was .*roses.txt.* now 'python_words'"),
        ({"recipe": recipe(text, batch_size=5)}, "settings was"),
        ({"recipe": None}, "recipe='tiny' is not a recipe"),
        ({"out": tmp_path / "elsewhere"}, "out="),
    ]:
        with pytest.raises(ValueError, match=message):
            recipes.train(**({"recipe": recipe(text), "resume": interrupted, "verbose": 0} | bad))
    changed = {"backend": ("other", "backend was 'other'"), "data_sha256": ("0", "data_sha256 was '0'")}
    changed["complete"] = (True, "is complete")
    right = _folder.read_facts(interrupted)
    for key, (value, message) in changed.items():
        change(interrupted, **{key: value})
        with pytest.raises(ValueError, match=message):
            recipes.train(recipe(text), resume=interrupted, verbose=0)
        change(interrupted, **right)


def test_resume_refuses_a_broken_folder(text, interrupted, tmp_path):
    facts = _folder.read_facts(interrupted)
    for key, value in {
        "recipe": ["tiny"],
        "data": 3,
        "backend": None,
        "steps": "15",
        "seed": True,
        "complete": 0,
    }.items():
        (interrupted / "run.json").write_text(json.dumps(facts | {key: value}))
        with pytest.raises(ValueError, match=f"run.json does not describe a run: its '{key}' is .* must be of type"):
            recipes.train(recipe(text), resume=interrupted)
    _folder.write_facts(interrupted, facts)
    checkpoint = interrupted / "checkpoint.npz"
    content = checkpoint.read_bytes()
    other, bomb = tmp_path / "other.npz", tmp_path / "bomb.npz"
    np.savez(other, history="[]", v0=np.zeros(3))
    np.savez_compressed(bomb, history="[]", v0=np.zeros(2**23))
    for bad in (content[:1000], b"", other.read_bytes(), bomb.read_bytes()):
        checkpoint.write_bytes(bad)
        with pytest.raises(ValueError, match=r"checkpoint.npz is not a checkpoint of this run"):
            recipes.train(recipe(text), resume=interrupted, verbose=0)
    for bad in ("{}", "[]", "[" * 100_000, json.dumps(facts | {"value": float("nan")})):
        (interrupted / "run.json").write_text(bad)
        with pytest.raises(ValueError, match="does not describe a run"):
            recipes.train(recipe(text), resume=interrupted)
    with pytest.raises(FileNotFoundError, match=r"absent.*holds no run"):
        recipes.train(recipe(text), resume=tmp_path / "absent")


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"recipe": "absent"}, ValueError, "recipe='absent'.*python_docs_cpu"),
        ({"recipe": "digits_mpl"}, ValueError, "recipe='digits_mpl' is not a recipe; did you mean 'digits_mlp'"),
        ({"recipe": 3}, ValueError, "recipe=3 is not a recipe"),
        ({"steps": 0}, ValueError, "steps=0"),
        ({"steps": 2.5}, ValueError, "steps=2.5"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"seed": True}, ValueError, "seed=True"),
        ({"data": 3}, ValueError, "data=3 must be"),
        ({"out": 3}, ValueError, "out=3 must be the path"),
        ({"resume": 3, "out": None}, ValueError, "resume=3 must be the path"),
        ({"data": "absent.txt"}, FileNotFoundError, "absent.txt"),
        ({"data": "absent"}, ValueError, "python_docs"),
    ],
)
def test_bad_arguments(bad, error, message, text, tmp_path):
    with pytest.raises(error, match=message):
        recipes.train(**({"recipe": recipe(text), "out": tmp_path / "run"} | bad))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("content", "message"), [("", "empty"), ("ab" * 40, "validation part has 8 tokens.* 9")])
def test_text_too_short(content, message, tmp_path):
    path = tmp_path / "short.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        recipes.train(recipe(path))


def test_a_run_is_never_written_over(run, text):
    before = (run.folder / "model.keras").read_bytes()
    with pytest.raises(FileExistsError, match=r"already holds run\.json"):
        recipes.train(recipe(text), out=run.folder)
    assert (run.folder / "model.keras").read_bytes() == before
    root = run.folder.parent
    assert [_folder.new_folder("x", root).name for _ in range(3)] == ["x", "x-2", "x-3"]


def test_a_folder_takes_one_run_at_a_time(text, interrupted, tmp_path):
    for argument, folder in (("resume", interrupted), ("out", tmp_path / "new")):
        folder.mkdir(exist_ok=True)
        with (
            _folder.hold(folder, argument),
            pytest.raises(BlockingIOError, match=f"{argument}=.* a run is going on in this folder; wait for its end"),
        ):
            recipes.train(recipe(text), **{argument: folder})


def test_nothing_of_others_is_written_over(text, tmp_path):
    (tmp_path / "tokenizer.json").write_text("somebody else's")
    with pytest.raises(FileExistsError, match=r"already holds tokenizer\.json"):
        recipes.train(recipe(text), out=tmp_path)


def test_steps_are_cut_into_equal_stretches_or_refused():
    assert [_loop.plan(steps) for steps in (2000, 77, 5005)] == [(10, 200), (7, 11), (7, 715)]
    with pytest.raises(ValueError, match="steps=4999 has no divisor from 5 to 20"):
        _loop.plan(4999)


def test_name_of_a_text_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("python_docs", "mine"):
        (tmp_path / name).write_text("text")
    assert recipe("text").task.on("python_docs").data == "python_docs"
    assert recipe("text").task.on("mine").data == str(tmp_path / "mine")


def test_divergence_is_said(text):
    wild = recipe(text, optimizer=recipes.AdamW(1e30, 1e30, 0, clip=None))
    with pytest.raises(FloatingPointError, match="diverged"):
        recipes.train(wild, verbose=0)


def test_only_the_last_validation_must_be_finite(text, interrupted, monkeypatch):
    record, epochs = _checkpoint.Recorder.on_epoch_end, [2]

    def overflow(recorder, epoch, logs):
        record(recorder, epoch, logs | {"val_loss": float("inf")} if epoch in epochs else logs)

    monkeypatch.setattr(_checkpoint.Recorder, "on_epoch_end", overflow)
    shutil.copytree(interrupted, interrupted.with_name("last"))
    assert recipes.train(recipe(text), resume=interrupted, verbose=0).history["val_loss"][2] == float("inf")
    epochs.append(4)
    for _ in range(2):  # the second time, its rows come from the checkpoint
        with pytest.raises(FloatingPointError, match="validation loss is inf at the end of the run, after step 15"):
            recipes.train(recipe(text), resume=interrupted.with_name("last"), verbose=0)


def test_byte_pairs_and_the_caps_of_keras(text):
    task = recipes.NextToken(str(text), context_length=8, tokenizer="bpe", vocab_size=270)
    own = recipe(text, task=task)
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(1)
    try:
        run = recipes.train(own, verbose=0)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    assert run.history["step"] == [1, 2]
    assert run.tokenizer.vocab_size == run.model.output.shape[-1] == 270


def test_lines_for_those_without_a_terminal(text, tmp_path, capsys):
    folder = tmp_path / "run"
    recipes.train(recipe(text), steps=2, out=folder)
    loading, compiling, *epochs, saving = capsys.readouterr().out.splitlines()
    assert (loading, compiling) == ("Loading Keras and the data ...", "Compiling the first step (up to a minute) ...")
    assert [line.split(":")[0] for line in epochs] == ["step 1/2", "step 2/2"]
    assert saving == f"Saving to {folder} ..."


def test_sgd_decays_matrices_only():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, bias_initializer="ones")])
    optimizer = recipes.SGD(0.5, 0.5, 0, weight_decay=0.1).build(model, 0.5)
    kernel, bias = before = model.get_weights()
    optimizer.apply([keras.ops.zeros_like(w) for w in before], model.trainable_variables)
    np.testing.assert_allclose(model.get_weights()[0], 0.95 * kernel, rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[1], bias)
    assert optimizer.momentum == 0.9


def test_train_by_default_then_generate(short, capsys):
    earlier = short / "runs" / f"{recipes.DEFAULT}-{backend.current()}-seed0"
    earlier.mkdir(parents=True)
    assert cli.main(["train", "--backend", backend.current()]) == 0
    name = f"{earlier.name}-2"
    assert sorted(path.name for path in (short / "runs").iterdir()) == [earlier.name, name]
    assert not list(earlier.iterdir())
    printed = capsys.readouterr().out
    assert "step 2/2: loss" in printed
    assert "validation loss: " in printed
    assert f"keras-course generate runs/{name} --prompt a" in printed
    asked = ["--prompt", "a rose", "--length", "9", "--temperature", "0.8", "--top-k", "5", "--top-p", "0.9"]
    assert cli.main(["generate", f"runs/{name}", *asked, "--seed", "3"]) == 0
    assert len(capsys.readouterr().out) == len("a rose") + 9 + 1
    assert cli.main(["generate", f"runs/{name}/model.keras", *asked, "--stop", "\n"]) == 0
    (short / "runs" / name / "run.json").unlink()  # then a model with a tokenizer is taken as a language model
    assert cli.main(["generate", f"runs/{name}/model.keras", *asked]) == 0
