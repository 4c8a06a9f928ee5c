"""Saved models: writing a `.keras` file, and reading one that may come from a stranger.

Keras's safe mode keeps a file from running code. What it leaves open is memory: an archive that unpacks to a thousand
times its size, and a configuration of a few bytes that asks for 10^18 units. So sizes are compared before anything is
unpacked: all parts of the archive, and all arrays in it, may together declare 100 times the size of the file, and 1 MiB
more. A model may have twice as many weights as the archive stores, and a million more.
"""

import contextlib
import io
import math
import os
import pathlib
import textwrap
import threading
import zipfile
from typing import Any

from keras_course import backend
from keras_course._lectures import import_topics
from keras_course.checks.archives import check_archive, check_declared
from keras_course.checks.files import atomic_write
from keras_course.recipes._folder import CHECKPOINT, read_facts
from keras_course.recipes._task import Task
from keras_course.recipes.tasks.text import NextToken

MODEL = "model.keras"
_WEIGHTS = "model.weights.h5"
_LIMITS = {"config.json": 2**24, "metadata.json": 2**20, _WEIGHTS: math.inf}  # bytes; no real configuration has 16 MiB
_SPARE = 2**20  # weights that a model may have beyond twice those in its file: adapters are not stored, for example
_LOADING = threading.Lock()


def save_model(model, path: pathlib.Path) -> None:
    """Write a model to `path`, or leave `path` as it was."""
    with backend.without_tensorflow():
        atomic_write(path, model.save)


def model_path(path: str | os.PathLike) -> pathlib.Path:
    """Return the path of a model's file, which is `model.keras` where `path` is the folder of a run."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path={path!r} must be the path of a .keras file or of a run's folder.")
    path = pathlib.Path(path).expanduser()
    file = path / MODEL if path.is_dir() else path
    if not file.is_file() and (path / "part_00").is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r} holds a run of several parts, each with its model: take one, such as "
            f"{str(path / 'part_00')!r}."
        )
    if not file.is_file() and (path / CHECKPOINT).exists():
        raise FileNotFoundError(
            f"path={str(path)!r} holds a run that is not complete, so it has no model yet: go on with it by "
            f"`keras-course train --resume {path}`."
        )
    if not file.is_file():
        raise FileNotFoundError(f"path={str(file)!r}: there is no such file.")
    if file.suffix != ".keras":
        raise ValueError(f"path={str(file)!r} must be a file that ends in .keras, or the folder of a run.")
    return file


def load_model(path: str | os.PathLike) -> Any:
    """Return the Keras model of a `.keras` file, or of the folder of a run, on the backend that is selected.

    The layers of all lectures are known, and nothing that the file brings along is executed.

    Args:
        path: a `.keras` file, or the folder of a run.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, is not a Keras model, declares more than it holds, or cannot be rebuilt
            safely by Keras.
    """
    path = model_path(path)
    with _naming(path):
        stored = _stored_weights(path)  # before Keras is imported, which takes longer
    import_topics()
    import keras

    with _naming(path), _at_most(stored):
        return keras.saving.load_model(path, compile=False)


def load_run(path: str | os.PathLike) -> tuple:
    """Return (model, tokenizer) of a run; the tokenizer is None where none lies beside the model.

    Args:
        path: folder of a run, or a `.keras` file.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: the file is truncated, is not a Keras model, or cannot be loaded safely.
    """
    backend.require()
    model, folder = load_model(path), model_path(path).parent
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "merges.txt")):
        return model, None
    from keras_course.language import load_tokenizer

    return model, load_tokenizer(folder)


def task_of(path: str | os.PathLike) -> type[Task]:
    """Return the kind of task that a saved model was trained on.

    It is `NextToken` where `run.json` is absent or broken or names no known kind: a model with a tokenizer is then
    taken as a language model. Of two kinds with one name, that of this package counts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: several kinds outside this package have the name.
    """
    folder = model_path(path).parent
    try:
        name = read_facts(folder)["settings"]["task"]["kind"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # run.json is absent, malformed or lacks the task
        return NextToken
    found = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in _kinds(Task) if kind.__name__ == name}
    ours = {full: kind for full, kind in found.items() if full.startswith("keras_course.")}
    if len(ours or found) > 1:
        raise ValueError(
            f"path={str(path)!r}: its task {name!r} may be {' or '.join(ours or found)}; rename one of them."
        )
    return next(iter((ours or found).values()), NextToken)


def _kinds(kind):
    """Yield a kind of task and all its subclasses, in the order of their definition."""
    yield kind
    for subclass in kind.__subclasses__():
        yield from _kinds(subclass)


@contextlib.contextmanager
def _naming(path):
    """Turn whatever Keras, h5py and zipfile raise over a file into a ValueError that names the file."""
    try:
        yield
    except Exception as error:
        reason = textwrap.shorten(str(error).strip() or type(error).__name__, 400, placeholder=" ...")
        raise ValueError(f"{path} is not a Keras model that can be loaded, or is truncated: {reason}") from error


def _stored_weights(path):
    """Return the number of weights in a `.keras` file, after looking for missing, oversized and damaged parts.

    An HDF5 file can declare arrays without storing them, too. A weight counts only where a byte is stored for it.
    """
    import h5py

    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        if missing := _LIMITS.keys() - set(archive.namelist()):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        for name, limit in _LIMITS.items():
            if (size := archive.getinfo(name).file_size) > limit:
                raise ValueError(f"its part {name!r} declares {size:,} bytes, more than {limit:,}")
        if broken := archive.testzip():
            raise ValueError(f"its part {broken!r} is damaged")
        weights = io.BytesIO(archive.read(_WEIGHTS))  # in an archive, each step backwards would read all from its start
    entries = []
    with h5py.File(weights, "r") as file:
        file.visititems(lambda name, entry: entries.append(entry))
        arrays = [entry for entry in entries if isinstance(entry, h5py.Dataset)]
        check_declared(path, "weights", sum(array.nbytes for array in arrays))
        return sum(min(array.size, array.id.get_storage_size()) for array in arrays)


@contextlib.contextmanager
def _at_most(stored):
    """Refuse the weight with which a model gets many more than `stored`, before its memory is asked for.

    Every layer makes its weights by `Layer.add_weight`, which counts them meanwhile for this thread.
    """
    import keras

    layer_class, thread, declared = keras.layers.Layer, threading.get_ident(), 0
    add_weight = layer_class.add_weight

    def counted(layer, shape=None, *arguments, **named):
        nonlocal declared
        if threading.get_ident() == thread:
            declared += math.prod([shape] if isinstance(shape, int) else shape or ())
            if declared > 2 * stored + _SPARE:
                raise ValueError(
                    f"its configuration asks for {declared:,} weights or more (layer {layer.name!r}, shape "
                    f"{tuple(shape)}), and it holds {stored:,}"
                )
        return add_weight(layer, shape, *arguments, **named)

    with _LOADING:
        layer_class.add_weight = counted
        try:
            yield
        finally:
            layer_class.add_weight = add_weight
