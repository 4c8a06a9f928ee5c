"""Writing files so that a failure halfway leaves the earlier file as it was; JSON as the standard has it.

The data go to a temporary file in the same folder first and are forced to the disk; only then does
`os.replace`, which the operating system carries out as one step, put it in the place of the earlier file. A
full disk or a killed process therefore leaves either the old content or the new, never a part of one.
"""

import errno
import json
import math
import os
import pathlib
import secrets
from collections.abc import Callable, Mapping

_TEMPORARY = ".writing-"  # what the names of temporary files begin with

Content = str | bytes | Callable[[pathlib.Path], object]


def atomic_write(path: str | os.PathLike, data: Content) -> None:
    """Write `data` to the file `path`, or leave `path` as it was.

    Args:
        path: the file to write; its folder must exist.
        data: the whole content; a `str` is written as UTF-8, with its line ends as they are. Or a function that
            writes the content to the path that it is given, a temporary one with the same ending.

    Raises:
        OSError: the data could not be written (disk full, no such folder), and the message names the file; an earlier
            file at `path` is untouched.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
        >>> atomic_write(path, "first")
        >>> atomic_write(path, "second")
        >>> path.read_text(), len(list(path.parent.iterdir()))
        ('second', 1)
    """
    atomic_write_all({path: data})


def atomic_write_all(contents: Mapping[str | os.PathLike, Content]) -> None:
    """Write several files that belong together; none is replaced before all of them are safely on the disk.

    Args:
        contents: path to data, as in `atomic_write`.

    Raises:
        OSError: some file could not be written; all earlier files are untouched.
    """
    temporary: dict[pathlib.Path, pathlib.Path] = {}
    try:
        for path, data in contents.items():
            path = pathlib.Path(path)
            temporary[path] = path.with_name(f"{_TEMPORARY}{secrets.token_hex(4)}-{path.name}")
            try:
                _write(temporary[path], data)
            except OSError as error:  # a library says neither which file it was nor, at times, which error
                reason = error.strerror or str(error) or type(error).__name__
                raise OSError(error.errno or errno.EIO, reason, str(path)) from error
        for path, written in temporary.items():
            os.replace(written, path)
    finally:  # after success nothing is left to remove
        for written in temporary.values():
            written.unlink(missing_ok=True)


def _write(path, data):
    if callable(data):
        data(path)
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        return
    with open(path, "xb") as file:
        file.write(data.encode("utf-8") if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())


def remove_unfinished(folder: pathlib.Path) -> None:
    """Remove the temporary files that killed processes left below a folder; nobody else may be writing there."""
    for path in folder.rglob(f"{_TEMPORARY}*"):
        path.unlink(missing_ok=True)


def to_json(value: object, **layout) -> str:
    """Return a value as JSON, which has no NaN and no infinity: both become null.

    Example:
        >>> to_json({"loss": float("nan"), "rates": (0.5, float("inf"))})
        '{"loss": null, "rates": [0.5, null]}'
    """
    return json.dumps(_finite(value), allow_nan=False, **layout)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_json(text: str) -> object:
    """Return what a JSON text holds.

    Raises:
        ValueError: it is not JSON, holds NaN or an infinity (not in the standard), or is nested too deeply.

    Example:
        >>> from_json('{"loss": NaN}')
        Traceback (most recent call last):
        ...
        ValueError: NaN is not JSON
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:  # after thousands of brackets
        raise ValueError("it is nested too deeply") from error


def read_json(path: pathlib.Path) -> object:
    """Return what a JSON file in UTF-8 holds, with or without a byte-order mark.

    Raises:
        ValueError: it is none; the message names the file.
    """
    try:
        return from_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:  # a UnicodeDecodeError is one
        raise ValueError(f"{path} is not JSON in UTF-8: {error}") from error


def _refuse(constant):
    raise ValueError(f"{constant} is not JSON")
