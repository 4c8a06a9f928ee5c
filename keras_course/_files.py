"""Writing files so that a failure halfway leaves the earlier file as it was.

The data go to a temporary file in the same folder first and are forced to the disk; only then does
`os.replace`, which the operating system carries out as one step, put it in the place of the earlier file. A
full disk or a killed process therefore leaves either the old content or the new, never a part of one.
"""

import os
import pathlib
import secrets
from collections.abc import Mapping


def atomic_write(path: str | os.PathLike, data: str | bytes) -> None:
    """Write `data` to the file `path`, or leave `path` as it was.

    Args:
        path: the file to write; its folder must exist.
        data: the whole content; a `str` is written as UTF-8, with its line ends as they are.

    Raises:
        OSError: the data could not be written (disk full, no such folder); an earlier file at `path` is
            untouched.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
        >>> atomic_write(path, "first")
        >>> atomic_write(path, "second")
        >>> path.read_text(), len(list(path.parent.iterdir()))
        ('second', 1)
    """
    atomic_write_all({path: data})


def atomic_write_all(contents: Mapping[str | os.PathLike, str | bytes]) -> None:
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
            temporary[path] = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
            with open(temporary[path], "xb") as file:
                file.write(data.encode("utf-8") if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
        for path, written in temporary.items():
            os.replace(written, path)
    finally:  # after success nothing is left to remove
        for written in temporary.values():
            written.unlink(missing_ok=True)
