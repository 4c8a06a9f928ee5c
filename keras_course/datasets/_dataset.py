"""What is known about a data set: one row of the table that `list_datasets` returns.

Each family file (`_text.py`, `_tables.py`, `_generators.py`) keeps the rows of its sets beside their loaders.
"""

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
