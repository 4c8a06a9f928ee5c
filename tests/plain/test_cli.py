"""The command `keras-course`: what it prints, its exit codes, and one sentence for what a user gets wrong."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import keras
import pytest
import tiny_recipe
from tiny_recipe import recipe

import keras_course
from keras_course import _registry, backend, cli, datasets, recipes, records
from keras_course.recipes import _folder
from keras_course.records import _machine


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
    """The folder of a complete run."""
    return recipes.train(recipe(text), out=tmp_path_factory.mktemp("runs") / "tiny", verbose=0).folder


def fails(capsys, *arguments):
    """Run the command, check that it ends as wrong input does, and return its one sentence."""
    try:
        code = cli.main([str(a) for a in arguments])
    except SystemExit as error:  # from argparse
        code = error.code
    message = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in message
    return message


def test_list(capsys):
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr().out
    names = [*recipes.RECIPES, *(row.name for row in datasets.list_datasets()), "gpt2_small", "GPT from scratch"]
    assert [name for name in names if name not in printed] == []


def test_list_needs_no_keras():
    """What it says of builders, read from the source, is what they say themselves."""
    live = [dataclasses.replace(row, build=None) for row in keras_course.list_builders()]
    assert list(_registry.rows_in_source()) == live
    code = "import sys; from keras_course import cli; cli.main(['list']); sys.exit('keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)


@pytest.mark.once
def test_backends(capsys, monkeypatch):
    here = backend.current()
    monkeypatch.setattr(_machine, "available", lambda: (here,))
    assert cli.main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("* ")]
    assert line.split()[1:3] == [here, _machine.versions(here)[here]]
    assert "cpu" in line.lower() or "cuda" in line.lower() or "gpu" in line.lower()
    assert sum("not installed" in line for line in lines) == 2


def test_devices_of_a_broken_backend(monkeypatch):
    monkeypatch.setitem(_machine._LIST_DEVICES, "jax", "import a_module_that_is_not_there")
    assert (
        _machine._devices("jax") == "does not import: ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
    )


def test_version_and_help(capsys):
    for arguments in (["--version"], ["--help"], ["train", "--help"], ["generate", "--help"]):
        with pytest.raises(SystemExit) as done:
            cli.main(arguments)
        assert done.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"keras-course {keras_course.__version__}\n")
    assert all(option in printed for option in ("--resume DIR", "--record", "--top-p P", "--stop TEXT"))


def test_a_prompt_that_the_text_cannot_write_is_not_suggested(short, monkeypatch, capsys):
    row = recipes.RECIPES[recipes.DEFAULT]
    row = dataclasses.replace(row, task=dataclasses.replace(row.task, prompt="The "))
    monkeypatch.setitem(recipes.RECIPES, recipes.DEFAULT, row)
    assert cli.main(["train", "--backend", backend.current()]) == 0
    assert capsys.readouterr().out.endswith(" --prompt a\n")


def test_expected_value_stands_beside_the_result(trained):
    row = recipe("text", expected=1.6, tolerance=0.1, published=1.4, source="a paper")
    facts = {"seed": 0, "minutes": 1.0, "expected": 1.6, "tolerance": 0.1, "published": 1.4, "source": "a paper"}
    facts["metrics"] = {}
    for value, verdict in ((1.69, ": reached"), (1.71, "NOT reached")):
        report = cli._report(recipes.Run(row, None, {}, {"step": [15]}, value, "roses", facts, trained))
        assert f"validation loss: {value:.4f} nats/character" in report
        assert "at most 1.6" in report
        assert verdict in report
        assert "published: 1.4 (a paper)" in report
        assert "roses" in report
        assert f"  keras_course.load_model({str(trained)!r})" in report


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "absent"], "'absent' is not a recipe; choose one of diabetes_wide_mlp"),
        (["train", "digits_mpl"], "'digits_mpl' is not a recipe; did you mean 'digits_mlp'?"),
        (["train", "--backend", "theano"], "name='theano' is not a backend; choose one of tensorflow, jax, torch"),
        (["train", "--data", "absent.txt"], "absent.txt"),
        (["train", "--data", "shakespear"], "tiny_shakespeare"),
        (["train", "--steps", "0"], "steps=0"),
        (["train", "--steps", "many"], "invalid int value: 'many'"),
        (["train", "--resume", "absent"], "holds no run"),
        (["train", "--record", "--steps", "3"], "leave out --steps"),
        (["train", "--record"], "record results from the root of a checkout"),
        (["generate", "absent", "--prompt", "a"], "no such file"),
        (["generate", "absent"], "--prompt"),
        (["sing"], "invalid choice: 'sing'"),
        ([], "COMMAND"),
    ],
)
def test_wrong_input(arguments, message, short, capsys):
    assert message in fails(capsys, *arguments)
    assert not list(short.glob("runs/*"))


def test_wrong_data(short, capsys):
    (short / "empty.txt").write_text("")
    (short / "short.txt").write_text("ab" * 10)
    assert "empty" in fails(capsys, "train", "--data", "empty.txt")
    assert "context_length=8" in fails(capsys, "train", "--data", "short.txt")
    (short / "x.png").write_bytes(b"\x89PNG")
    message = fails(capsys, "train", "--data", "x.png")
    assert "data='x.png' is not UTF-8 text" in message


def test_backend_that_is_not_installed(short, capsys, monkeypatch):
    other = next(name for name in backend.BACKENDS if name != backend.current())
    monkeypatch.setattr(backend, "available", lambda: (backend.current(),))
    assert f"pip install {other}" in fails(capsys, "train", "--backend", other)


def test_a_run_is_never_written_over(trained, capsys):
    assert "already holds run.json" in fails(capsys, "train", "--out", trained)
    assert "is complete" in fails(capsys, "train", "--resume", trained)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--prompt", "☃"], r"'\u2603' at 0"),
        (["--prompt", ""], "--prompt is empty"),
        (["--prompt", "a", "--temperature", "-1"], "temperature=-1.0"),
        (["--prompt", "a", "--top-p", "0"], "top_p=0.0"),
        (["--prompt", "a", "--top-k", "0"], "top_k=0"),
        (["--prompt", "a", "--length", "0"], "length=0"),
        (["--prompt", "a", "--stop", "as"], "stop='as' is 2 tokens"),
    ],
)
def test_wrong_wishes(asked, message, trained, capsys):
    assert message in fails(capsys, "generate", trained, *asked)


def test_truncated_and_foreign_models(trained, tmp_path, capsys):
    shutil.copy(trained / "tokenizer.json", tmp_path)
    path = tmp_path / "model.keras"
    content = (trained / "model.keras").read_bytes()
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("holiday.txt", "not a model")
    damaged = bytearray(content)
    damaged[len(damaged) // 2] ^= 255
    for bad in (b"", b"text", content[:-100], content[:5000], bytes(damaged), foreign.read_bytes()):
        path.write_bytes(bad)
        assert "is not a Keras model" in fails(capsys, "generate", path, "--prompt", "a")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    assert "not a language model" in fails(capsys, "generate", path, "--prompt", "a")
    shutil.copy(trained / "model.keras", path)
    (tmp_path / "tokenizer.json").unlink()
    assert "has no tokenizer" in fails(capsys, "generate", path, "--prompt", "a")


def test_model_that_would_run_code_is_refused(trained, tmp_path, capsys):
    shutil.copy(trained / "tokenizer.json", tmp_path)
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)]).save(path)
    assert "is not a Keras model that can be loaded" in fails(capsys, "generate", path, "--prompt", "a")


def test_record(trained, short, monkeypatch, capsys):
    (short / "results").mkdir()
    monkeypatch.setattr(records, "docs_of_checkout", lambda: short)
    facts = _folder.read_facts(trained) | {"commit": "0123456789abcdef"}
    run = recipes.Run(recipe("text"), None, {}, {"step": [15]}, facts["value"], "roses", facts, trained)
    monkeypatch.setattr(recipes, "train", lambda **arguments: run)
    assert cli.main(["train", "--record"]) == 0
    (row,) = records.read_rows(short)["language"]
    assert (row["kind"], row["recipe"], row["seed"], row["commit"]) == ("recipe", "tiny", 0, "0123456789abcdef")
    assert f"{row['value']:.4f}" in (short / "results.md").read_text()
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    assert "leave out KERAS_MAX_EPOCHS" in fails(capsys, "train", "--record")


def test_record_of_a_resumed_run(short, monkeypatch, capsys):
    monkeypatch.setattr(records, "docs_of_checkout", lambda: short)
    facts = {"recipe": recipes.DEFAULT, "backend": backend.current(), "seed": 0, "complete": False}
    row = recipes.RECIPES[recipes.DEFAULT]
    right = facts | {"data": row.task.data, "steps": row.steps, "commit": _machine.commit(), "uncommitted": []}
    for name, value in {"data": "names", "steps": 3, "commit": "0", "uncommitted": ["M x.py"]}.items():
        _folder.write_facts(short, right | {name: value})
        assert f"its {name} were not" in fails(capsys, "train", "--record", "--resume", short)
    _folder.write_facts(short, right | {"recipe": "mine"})
    assert "is of 'mine', not a recipe" in fails(capsys, "train", "--record", "--resume", short)
    _folder.write_facts(short, right)
    assert "data_sha256 was None" in fails(capsys, "train", "--record", "--resume", short)  # past this check


def test_name_of_a_folder():
    for asked, name in [
        ([], "python_docs_cpu-B-seed0"),
        (["digits_mlp", "--seed", "3"], "digits_mlp-B-seed3"),
        (["--data", "/tmp/My poems, vol. 2.txt"], "My_poems_vol_2-B-seed0"),
        (["shakespeare_cpu", "--data", "../süß.txt"], "shakespeare_cpu-süß-B-seed0"),
        (["--data", "...."], "data-B-seed0"),
    ]:
        options = cli._parser().parse_args(["train", *asked])
        assert cli._folder_name(options) == name.replace("B", backend.current())


def test_generate_runs_on_the_backend_of_the_run(trained, tmp_path, monkeypatch, capsys):
    """`--backend` and KERAS_BACKEND come first; a backend that is not installed does not count."""
    chosen = []
    monkeypatch.setattr(cli, "_select", chosen.append)
    shutil.copytree(trained, tmp_path / "run")
    other = next(name for name in backend.BACKENDS if name != backend.current())
    monkeypatch.setattr(backend, "available", lambda: (other,))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    for recorded in (other, "theano"):
        _folder.write_facts(tmp_path / "run", _folder.read_facts(trained) | {"backend": recorded})
        assert cli.main(["generate", str(tmp_path / "run"), "--prompt", "a", "--length", "1"]) == 0
    assert cli.main(["generate", str(tmp_path / "run"), "--prompt", "a", "--length", "1", "--backend", "b"]) == 0
    monkeypatch.setenv("KERAS_BACKEND", "c")
    assert cli.main(["generate", str(tmp_path / "run" / "model.keras"), "--prompt", "a", "--length", "1"]) == 0
    assert chosen == [other, None, "b", "c"]


def test_ctrl_c_says_how_to_go_on(text, tmp_path, capsys):
    script = pathlib.Path(tiny_recipe.__file__).parent
    code = (
        f"import signal, sys; sys.path.insert(0, {str(script)!r})\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background inherits deafness
        "from tiny_recipe import recipe; from keras_course import cli, recipes\n"
        f"recipes.RECIPES[recipes.DEFAULT] = recipe({str(text)!r}, steps=4_000)\n"
        "sys.exit(cli.main(['train', '--out', 'my run']))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        started = time.monotonic()
        while not (tmp_path / "my run" / "checkpoint.npz").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() - started < 200
            time.sleep(0.02)
        for option in ("--resume", "--out"):  # another process trains there
            message = fails(capsys, "train", option, tmp_path / "my run")
            assert "a run is going on" in message or "already holds run.json" in message
            assert "To go on" not in message
        for patience in (20, 100):  # Python loses an interrupt that falls into a garbage collection: press it again
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, message = process.communicate(timeout=patience)
                break
        else:
            process.kill()
            pytest.fail("two interrupts did not end the training")
    assert process.returncode == 130, message
    assert "keras-course train --resume 'my run'" in message
    assert "Traceback" not in message


def test_module_runs_as_the_command(tmp_path):
    command = [sys.executable, "-m", "keras_course", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path, env=os.environ)
    assert done.stdout == f"keras-course {keras_course.__version__}\n"
