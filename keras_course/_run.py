"""The folder of a training run: its files, written so that a failure halfway leaves the earlier ones as they were.

run.json         what was run, on what and with which result
checkpoint.npz   all state at the end of the last epoch; removed once the run is complete
model.keras      the trained model; beside it the files of the tokenizer
history.csv      one row for each epoch
loss.png         the same, drawn
"""

import csv
import io
import itertools
import json
import os
import pathlib
import secrets
import zipfile

from keras_course._files import atomic_write

RUN, CHECKPOINT, MODEL, HISTORY, FIGURE = "run.json", "checkpoint.npz", "model.keras", "history.csv", "loss.png"
TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt")
_KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}


def new_folder(name: str, root: str | os.PathLike = "runs") -> pathlib.Path:
    """Make and return `root/name`, or `root/name-2`, `root/name-3`, ... where earlier runs have the name."""
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for k in itertools.count(1):
        folder = root / (name if k == 1 else f"{name}-{k}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def claim(folder: str | os.PathLike) -> pathlib.Path:
    """Make `folder` where it is missing and return its path.

    Raises:
        FileExistsError: it holds a run already.
    """
    folder = pathlib.Path(folder).expanduser()
    files = (RUN, CHECKPOINT, MODEL, HISTORY, FIGURE, *TOKENIZER)
    if there := [name for name in files if (folder / name).exists()]:
        raise FileExistsError(
            f"out={str(folder)!r} already holds {', '.join(there)} of an earlier run or of something else, and "
            "nothing is written over. Choose another folder, or go on with that run by --resume."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_facts(folder, facts):
    """Write `run.json`."""
    atomic_write(folder / RUN, json.dumps(facts, indent=2) + "\n")


def read_facts(folder) -> dict:
    """Return what `run.json` says.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its `run.json` is malformed.
    """
    path = pathlib.Path(folder).expanduser() / RUN
    if not path.is_file():
        raise FileNotFoundError(f"resume={str(folder)!r} holds no run: there is no {path}.")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict) or not {"recipe", "backend", "seed", "complete"} <= set(facts):
            raise ValueError("it lacks recipe, backend, seed or complete")
    except (ValueError, RecursionError) as error:  # the latter after thousands of brackets
        raise ValueError(f"{path} does not describe a run: {error}") from error
    return facts


def write_history(folder, rows):
    """Write `history.csv`: one line for each row, a dict of columns."""
    page = io.StringIO()
    writer = csv.DictWriter(page, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder / HISTORY, page.getvalue())


def save_model(model, path):
    """Write a model to `path`."""
    _replace(path, model.save)


def save_figure(figure, path):
    """Write a Matplotlib figure to `path`."""
    _replace(path, lambda temporary: figure.savefig(temporary, dpi=150))


def _replace(path, write):
    """Call `write` on a temporary path, and put that file in the place of `path` once it is on the disk."""
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: str | os.PathLike):
    """Return the Keras model of a `.keras` file, or of the folder of a run.

    Nothing that the file brings along is executed: Keras's safe mode stays on.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, no Keras model, or one that Keras cannot rebuild.
    """
    import keras

    path = model_path(path)
    try:
        _check_archive(path)
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras and zipfile raise whatever the part that they stumble over raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} is no Keras model that can be loaded, or a truncated one: {reason}") from error


def _check_archive(path):
    """Look for missing and damaged parts first, of which Keras says less clearly what they are."""
    with zipfile.ZipFile(path) as archive:
        if missing := _KERAS_MEMBERS - set(archive.namelist()):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        if broken := archive.testzip():
            raise ValueError(f"its part {broken} is damaged")


def model_path(path: str | os.PathLike) -> pathlib.Path:
    """Return the path of a model's file, which is `model.keras` where `path` is the folder of a run."""
    path = pathlib.Path(path).expanduser()
    path = path / MODEL if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"model={str(path)!r}: there is no such file.")
    return path
