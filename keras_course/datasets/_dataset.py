"""What is known about a data set: one row of the table that `list_datasets` returns.

Each family file (`_text.py`, `_images.py`, `_tables.py`, `_generators.py`) keeps the rows of its sets beside their
loaders and parsers. A set that is downloaded is a row with `sources`, and `fetch` is its loader.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class File(NamedTuple):
    """One file of a data set.

    Args:
        path: where it lies below the data folder, and below the cache.
        num_bytes: its size.
        sha256: its checksum.
        url: where it is downloaded from; None where no address has it.
    """

    path: str
    num_bytes: int
    sha256: str
    url: str | None = None


class Folder(NamedTuple):
    """A folder with many small files of a data set, which are checked together.

    Args:
        path: where it lies below the data folder, and below the cache.
        parts: names of the subfolders that are read, with all that is below them.
        num_bytes: size of all files.
        sha256: checksum of all files with their names; see `_fetch`.
        page: where a user gets it; it is not downloaded.
    """

    path: str
    parts: tuple[str, ...]
    num_bytes: int
    sha256: str
    page: str
    url: None = None


class Source(NamedTuple):
    """Files that hold a whole data set.

    Args:
        files: the files, all of which are needed.
        parse: function of their contents that returns the data. It takes one argument for each file: bytes, or, for a
            `Folder`, a dict from the names of its files to bytes.
    """

    files: tuple[File | Folder, ...]
    parse: Callable[..., Any]


class Prepared(NamedTuple):
    """A data set as TensorFlow Datasets (TFDS) prepares it.

    Args:
        name: what TFDS calls it.
        splits: the splits that are read.
        parse: function of one dict of arrays for each split that returns the data.
    """

    name: str
    splits: tuple[str, ...]
    parse: Callable[..., Any]


class Dataset(NamedTuple):
    """One data set.

    Args:
        name: what the loading function is called, or what `text` is asked for.
        kind: "text" (loads to a str), "images" (to two `Images`), "table" (to a `Table`), "generator" (to arrays
            x, y), "sentences" (to three `Sentences`), "stories" (to two `Stories`), "chains" (to three `Chains`),
            "citations" (to one `Citations`), "molecules" (to three `Molecules`), "scenes" (to two `Scenes`),
            "traffic" (to two `Traffic`) or "annotated" (to two `AnnotatedImages`).
        size: how much there is, in words.
        license: the terms of use.
        origin: who made it, or where it comes from.
        load: a function that needs no argument and returns the data.
        offline: a set of the same kind that needs no download; its own name where it needs none itself.
        sources: files that hold it, the preferred ones first; empty where it needs no download.
        tfds: the same set in TensorFlow Datasets, or None.
    """

    name: str
    kind: str
    size: str
    license: str
    origin: str
    load: Callable[[], Any]
    offline: str
    sources: tuple[Source, ...] = ()
    tfds: Prepared | None = None
