"""Saved models from strangers: files that declare more than they hold are refused before memory is asked for."""

import io
import json
import subprocess
import sys
import threading
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_course
from keras_course import backend, recipes
from keras_course.checks import archives
from keras_course.recipes import _folder, _saved


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a small `.keras` file, by name."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    _saved.save_model(model, path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def with_units(parts, units):
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["config"]["units"] = units
    return parts | {"config.json": json.dumps(config)}


def weights_that_are_not_stored(count, size):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for i in range(count):
            file.create_dataset(f"kernel{i}", (size,), "float32", chunks=(size,), fillvalue=0.0)
    return {"model.weights.h5": content.getvalue()}


def test_files_that_declare_more_than_they_hold(parts, tmp_path):
    path = tmp_path / "model.keras"
    zeros, many = bytes(2**24 + 1), {f"assets/{i}": bytes(2**20) for i in range(24)}
    for bad, compression, message in [
        (parts | {"config.json": zeros}, zipfile.ZIP_STORED, "'config.json' declares 16,777,217 bytes, more than"),
        (parts | {"config.json": zeros}, zipfile.ZIP_DEFLATED, "its parts declare 16,.* more than 100 times the"),
        (parts | many, zipfile.ZIP_DEFLATED, "its parts declare 25,.* more than 100 times the"),
        (parts | weights_that_are_not_stored(24, 2**22), zipfile.ZIP_STORED, "its weights declare 402,653,184 bytes"),
        (
            with_units(parts, 2**18) | weights_that_are_not_stored(1, 2**18),
            zipfile.ZIP_STORED,
            "asks for 1,048,584 weights .* holds 0",
        ),
        (with_units(parts, 10**18), zipfile.ZIP_STORED, "asks for 3,000,000,000,000,000,000 weights .* holds 26"),
        (with_units(parts, 10**6), zipfile.ZIP_STORED, "asks for 3,000,000 weights"),
        (with_units(parts, 5), zipfile.ZIP_STORED, "expected axis -1 of input shape to have value 4"),
    ]:
        write(path, bad, compression)
        with pytest.raises(ValueError, match=message) as refusal:
            keras_course.load_model(path)
        assert len(str(refusal.value)) < 700
    assert keras_course.load_model(write(path, parts, zipfile.ZIP_DEFLATED)).count_params() == 26
    assert keras.layers.Layer.add_weight.__name__ == "add_weight"


def test_only_the_thread_that_loads_is_counted(parts):
    built = []
    with _saved._at_most(0):
        other = threading.Thread(target=lambda: built.append(keras.layers.Dense(1).build((None, 2**21))))
        other.start()
        other.join()
    assert built == [None]


def test_parts_that_lie_over_each_other(parts, tmp_path, monkeypatch):
    path = write(tmp_path / "model.keras", parts)
    monkeypatch.setattr(archives.os.path, "getsize", lambda path: 100)
    with pytest.raises(ValueError, match="more than the 100 of the file"):
        archives.check_archive(path)


def test_arrays_whose_shape_and_bytes_disagree(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, a=np.zeros((2, 3)), text=np.array("héllo"))
    assert archives.array_shapes(path) == {"a": (2, 3), "text": ()}
    with zipfile.ZipFile(path) as archive:
        content = archive.read("a.npy")
    write(path, {"a.npy": content.replace(b"(2, 3), ", b"(2, 9), ")})
    with pytest.raises(ValueError, match=r"'a.npy' of shape \(2, 9\) needs 144 bytes and has 48"):
        archives.array_shapes(path)


def test_paths(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"")
    for path, error, message in [
        (tmp_path, FileNotFoundError, "path='.*model.keras': there is no such file"),
        (tmp_path / "model.h5", ValueError, "path='.*model.h5' must be a file that ends in .keras"),
        (3, ValueError, "path=3 must be the path"),
    ]:
        with pytest.raises(error, match=message):
            keras_course.load_model(path)


def named(kind, module):
    return type(kind, (recipes.Task,), {"__module__": module})


def test_task_of_a_saved_model(tmp_path):
    facts = {"recipe": "", "data": "", "backend": "", "steps": 1, "seed": 0, "complete": True}
    kinds = [named("Translation", "script"), named("Mine", "script"), named("Mine", "script")]  # a cell that ran twice

    def found(**more):
        _folder.write_facts(tmp_path, facts | more)
        return _saved.task_of(tmp_path)

    with pytest.raises(FileNotFoundError, match="there is no such file"):
        found()
    (tmp_path / "model.keras").touch()
    for settings in ({}, {"settings": 3}, {"settings": {"task": {"kind": "Unknown"}}}):
        assert found(**settings) is recipes.NextToken
    (tmp_path / "run.json").write_text("{")
    assert _saved.task_of(tmp_path) is recipes.NextToken
    assert found(settings={"task": {"kind": "Translation"}}) is recipes.Translation
    mine = {"settings": {"task": {"kind": "Mine"}}}
    assert found(**mine) is kinds[-1]
    kinds.append(named("Mine", "other"))
    with pytest.raises(ValueError, match=r"task 'Mine' may be script\.Mine or other\.Mine"):
        found(**mine)
    with pytest.raises(ValueError, match="prompt='a': a run of this kind of task writes no text"):
        recipes.Classification.write(None, None, "a")


@pytest.mark.skipif(backend.current() == "tensorflow", reason="it was chosen")
def test_saving_leaves_tensorflow_alone(tmp_path):
    code = f"""
import pathlib, sys
import keras
from keras_course import backend
from keras_course.recipes import _saved
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
_saved.save_model(model, pathlib.Path({str(tmp_path / "model.keras")!r}))
lazy = keras.src.utils.module_utils.tensorflow
with backend.without_tensorflow():
    print("available:", lazy.available)
print("afterwards:", lazy._available)
print("imported:", *(name for name in sys.modules if name.partition(".")[0] == "tensorflow"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    lines = done.stdout.splitlines()
    assert [line.strip() for line in lines] == ["available: False", "afterwards: None", "imported:"]
