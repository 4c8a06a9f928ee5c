"""The folder of a training run: its files, and the lock of the process that writes them.

run.json         what was run, on what and with which result
checkpoint.npz   all state at the end of the last epoch; removed once the run is complete
model.keras      the trained model; beside it its assets, such as the files of the tokenizer
history.csv      one row for each epoch
loss.png         a figure of it
sample.*         what the model made: a text, an image, a sound or a table
part_00/ ...     the same files for each part, where the task has several
.lock            locked while a process trains; the operating system unlocks it when the process ends, even if killed
"""

import contextlib
import csv
import io
import itertools
import os
import pathlib
import re
from collections.abc import Iterator

from keras_course.checks.files import atomic_write, from_json, remove_unfinished, to_json

RUN, CHECKPOINT, HISTORY, FIGURE, LOCK = "run.json", "checkpoint.npz", "history.csv", "loss.png", ".lock"
_TYPES = {"recipe": str, "data": str, "backend": str, "steps": int, "seed": int, "complete": bool}


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


def safe_name(path: str | os.PathLike) -> str:
    """Return a file's name without its ending as a part of a folder's name: letters, digits, `_` and `-`.

    Example:
        >>> safe_name("/tmp/My poems, vol. 2.txt")
        'My_poems_vol_2'
    """
    return re.sub(r"[^\w-]+", "_", pathlib.Path(path).stem).strip("_-")[:40] or "data"


@contextlib.contextmanager
def claim(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Make `folder` where it is missing and hold it for a new run; remove it again if nothing was written.

    Raises:
        FileExistsError: it holds a run already.
        BlockingIOError: another run is being written into it.
    """
    folder = pathlib.Path(folder).expanduser()
    if (folder / LOCK).exists():
        with hold(folder, "out"):
            pass  # a run that is going on is named as that, not as an earlier one
    _check_unused(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder, "out"):
        try:
            _check_unused(folder)  # between the first look and the lock another run may have come and gone
            yield folder
        finally:
            if os.listdir(folder) == [LOCK]:
                _remove_lock(folder)
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _check_unused(folder):
    there = {path.name for path in folder.iterdir() if path.name != LOCK} if folder.is_dir() else ()
    if there:
        names = sorted(there, key=lambda name: (name != RUN, name))
        raise FileExistsError(
            f"out={str(folder)!r} already holds {', '.join(names[:4])}{' and more' if len(names) > 4 else ''}, and "
            "nothing is written over. Choose a new or empty folder, or go on with a run by --resume."
        )


@contextlib.contextmanager
def hold(folder: pathlib.Path, argument: str) -> Iterator[pathlib.Path]:
    """Lock the folder of a run for this process, and remove what a killed one left half written.

    Raises:
        BlockingIOError: another process, or another call in this one, holds it.
    """
    import filelock

    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise BlockingIOError(
            f"{argument}={str(folder)!r}: a run is going on in this folder; wait for its end."
        ) from error
    try:
        remove_unfinished(folder)
        yield folder
    finally:
        lock.release()


def finish(folder) -> None:
    """Remove what only a run that goes on needs; call it last, so that a failure before can be resumed."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
    _remove_lock(folder)


def _remove_lock(folder):
    with contextlib.suppress(OSError):  # Windows keeps a file that is open
        (folder / LOCK).unlink()


def write_facts(folder, facts) -> None:
    """Write `run.json`."""
    atomic_write(folder / RUN, to_json(facts, indent=2) + "\n")


def read_facts(folder, argument="resume") -> dict:
    """Return what `run.json` says; an error names the argument that gave the folder.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: its `run.json` is malformed.
    """
    path = pathlib.Path(folder).expanduser() / RUN
    if not path.is_file():
        raise FileNotFoundError(f"{argument}={str(folder)!r} holds no run: there is no {path}.")
    try:
        facts = from_json(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("it is not a JSON object")
        for key, kind in _TYPES.items():
            if type(facts.get(key)) is not kind:  # in Python, true is a whole number too
                raise ValueError(f"its {key!r} is {facts.get(key)!r} and must be of type {kind.__name__}")
    except ValueError as error:
        raise ValueError(f"{path} does not describe a run: {error}.") from error
    return facts


def check_same(earlier: dict, facts: dict, folder: pathlib.Path) -> None:
    """Raise a ValueError if a run that goes on differs in a fact before "complete", where those stand that decide."""
    for key in list(facts)[: list(facts).index("complete")]:
        was, now = earlier.get(key), facts[key]
        if was != now:
            if isinstance(was, dict):  # all settings would be a page
                changed = [name for name in now if was.get(name) != now[name]]
                was, now = ({name: value.get(name) for name in changed} for value in (was, now))
            raise ValueError(
                f"resume={str(folder)!r}: {key} was {was!r} when that run was started, and is now {now!r}. Go on with "
                "what it was started with, or start a new run."
            )


def write_history(folder, rows) -> None:
    """Write `history.csv`: one line for each row, a dict of columns."""
    page = io.StringIO()
    writer = csv.DictWriter(page, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder / HISTORY, page.getvalue())


def read_history(folder) -> list[dict]:
    """Return the rows of `history.csv`, which a run without an epoch does not have."""
    path = folder / HISTORY
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole = ("epoch", "step")
    return [{name: int(value) if name in whole else float(value) for name, value in row.items()} for row in rows]


def save_figure(figure, path) -> None:
    """Write a Matplotlib figure to `path`."""
    atomic_write(path, lambda temporary: figure.savefig(temporary, dpi=150))
