"""What is known about a data set: one row of the table that `list_datasets` returns.

Each family file (`_text.py`, `_tables.py`, `_generators.py`) keeps the rows of its sets beside their loaders.
"""

import hashlib
import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

FOLDER = "KERAS_COURSE_DATA"  # environment variable: the folder in which downloaded sets lie as files


class Dataset(NamedTuple):
    """One data set.

    Args:
        name: what the loading function is called, or what `text` is asked for.
        kind: "text" (loads to a str), "images" (to two `Images`), "table" (to a `Table`) or "generator" (to arrays
            x, y).
        size: how much there is, in words.
        licence: under which terms it may be used.
        origin: who made it, or where it comes from.
        load: a function that needs no argument and returns the data.
        offline: a set of the same kind that needs no download; its own name where it needs none itself.
        file: where a downloaded set lies below the data folder.
        url: where it is downloaded from.
        sha256: checksum of that file.
        num_bytes: size of that file.
    """

    name: str
    kind: str
    size: str
    licence: str
    origin: str
    load: Callable[[], Any]
    offline: str
    file: str | None = None
    url: str | None = None
    sha256: str | None = None
    num_bytes: int | None = None


def read_checked(path: pathlib.Path, name: str, num_bytes: int, sha256: str) -> bytes:
    """Return the content of a file, or raise a ValueError where it is not the one that the table tells of.

    It reads at most one byte more than `num_bytes`, even of a larger file.
    """
    with open(path, "rb") as file:
        content = file.read(num_bytes + 1)
    if len(content) > num_bytes:
        raise ValueError(f"{path} is not the data set {name!r}: it has more than {num_bytes:,} bytes.")
    return check(content, path, name, sha256)


def check(content: bytes, where: str | os.PathLike, name: str, sha256: str) -> bytes:
    """Return what `where` names, or raise a ValueError where its checksum is not the one in the table."""
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"{where} is not the data set {name!r}: its SHA-256 is {found}, not {sha256}.")
    return content
