"""Texts: characters in one long string, from a file, from TFDS or from Python itself.

A downloaded set is looked for in this order:

1. the file `<folder>/<set>/<file>`, where the folder is `data_dir`, or else what the environment variable
   KERAS_COURSE_DATA names;
2. TensorFlow Datasets (TFDS): prepared, put or cached below `TFDS_DATA_DIR`, or downloaded now.

Every file is checked against the SHA-256 of its row in `TEXTS`.
"""

import functools
import os
import pathlib
import re

from keras_course.checks import between_0_and_1, string
from keras_course.checks import path as check_path
from keras_course.datasets import _tfds
from keras_course.datasets._dataset import FOLDER, Dataset, check, read_checked


def text(name: str = "python_docs", *, data_dir: str | os.PathLike | None = None) -> str:
    """Return a text by name, or the text of your own file.

    `python_docs` is the language reference that every CPython carries (`pydoc_data.topics`), English prose
    and code; `python_words` the distinct lower-case words of it, one a line. Both need no download, and
    differ a little between versions of Python. `tiny_shakespeare` (1,115,394 characters) and `names` (32,033
    first names, one a line) are read from the data folder, else through TFDS.

    Args:
        name: "python_docs", "python_words", "tiny_shakespeare", "names", or the path of a UTF-8 text file (with or
            without a byte-order mark, which is left out).
        data_dir: folder that holds `tiny_shakespeare/input.txt` and `names/names.txt`. Default: the
            environment variable KERAS_COURSE_DATA, where it is set.

    Returns:
        The whole text.

    Raises:
        ValueError: `name` is neither a set nor a path; the file is empty or not UTF-8; a file has another
            size or SHA-256 than the set it stands for.
        FileNotFoundError: the file or folder does not exist, or the set can neither be found nor downloaded;
            the message lists where it was looked for and what to do.

    References:
        The Unreasonable Effectiveness of Recurrent Neural Networks, Andrej Karpathy, 2015,
        https://karpathy.github.io/2015/05/21/rnn-effectiveness/ (tiny_shakespeare).
        makemore, Andrej Karpathy, 2022, https://github.com/karpathy/makemore (names).

    Example:
        >>> from keras_course import datasets
        >>> "The \\"assert\\" statement" in datasets.text("python_docs")
        True
    """
    check_path(name=name)
    name = os.fspath(name)
    rows = {row.name: row for row in TEXTS}
    if name not in rows:
        return read_own(name=name)
    if rows[name].file is None:
        return rows[name].load()
    return _read_set(rows[name], data_dir)


def split_text(text: str, fraction: float = 0.9) -> tuple[str, str]:
    """Cut a text in two: the first part to train on, the rest to validate on.

    Args:
        text: at least two characters.
        fraction: share of the characters in the first part, between 0 and 1, both excluded.

    Returns:
        (train, validation), neither of them empty; `train + validation == text`.

    Raises:
        ValueError: `fraction` is outside (0, 1), or the text is too short to give both parts a character.

    Example:
        >>> from keras_course import datasets
        >>> datasets.split_text("abcdefghij", fraction=0.8)
        ('abcdefgh', 'ij')
    """
    string(text=text)
    between_0_and_1(fraction=fraction)
    cut = int(len(text) * fraction)
    if not 0 < cut < len(text):
        raise ValueError(f"text has {len(text)} characters: too few to split at fraction={fraction!r}.")
    return text[:cut], text[cut:]


def _python_docs():
    from pydoc_data.topics import topics

    return "\n".join(topics[title] for title in sorted(topics))


def _python_words():
    return "\n".join(sorted(set(re.findall(r"\b[a-z]{3,15}\b", _python_docs()))))


def read_own(**named: str) -> str:
    """Return the text of a file that the user names by its path; an error says for which argument."""
    ((argument, given),) = named.items()
    path = pathlib.Path(given).expanduser()
    if given and path.is_dir():
        raise ValueError(f"{argument}={given!r} is a folder; it must be a file of UTF-8 text.")
    if not path.is_file():
        if path.suffix or os.path.basename(given) != given:
            raise FileNotFoundError(f"{argument}={given!r}: there is no such file.")
        names = ", ".join(row.name for row in TEXTS)
        raise ValueError(f"{argument}={given!r} is not a text; choose one of {names}, or give the path of a file.")
    try:
        content = path.read_text(encoding="utf-8-sig")  # a byte-order mark is no part of the text
    except UnicodeDecodeError as error:
        raise ValueError(f"{argument}={given!r} is not UTF-8 text: {error}.") from error
    if not content:
        raise ValueError(f"{argument}={given!r} is an empty file.")
    return content


def _read_set(row, data_dir):
    """Read a set that is not shipped with Python."""
    folder = check_path(data_dir=data_dir) if data_dir is not None else os.environ.get(FOLDER)
    tried = [f"{row.file} in the folder that {FOLDER} names (it is not set)"]
    if folder:
        path = pathlib.Path(folder).expanduser() / row.file
        if not path.parent.parent.is_dir():
            argument = FOLDER if data_dir is None else "data_dir"
            raise FileNotFoundError(f"{argument}={str(folder)!r}: there is no such folder.")
        if path.is_file():
            return _read(path, row).decode("utf-8")
        tried = [str(path)]
    try:
        text = _tfds.read_text(row, functools.partial(_read, row=row))
        check(text.encode(), "what TFDS has", row.name, row.sha256)
        return text
    except _tfds.Unavailable as error:
        lines = "\n  ".join(tried + error.tried)
        raise FileNotFoundError(
            f"The data set {row.name!r} is in none of these places:\n  {lines}\nand cannot be downloaded: "
            f"{error}. Save {row.url} as {row.file} in a folder and set {FOLDER} to that folder, or use "
            f"{row.offline!r}, which needs no download."
        ) from error


def _read(path, row):
    return read_checked(path, row.name, row.num_bytes, row.sha256)


TEXTS = (
    Dataset(
        name="python_docs",
        kind="text",
        size="about 460,000 characters",
        licence="PSF-2.0",
        origin="pydoc_data.topics of the running CPython",
        load=_python_docs,
        offline="python_docs",
    ),
    Dataset(
        name="python_words",
        kind="text",
        size="about 2,700 words",
        licence="PSF-2.0",
        origin="words of python_docs",
        load=_python_words,
        offline="python_words",
    ),
    Dataset(
        name="tiny_shakespeare",
        kind="text",
        size="1,115,394 characters",
        licence="public domain",
        origin="karpathy/char-rnn",
        load=functools.partial(text, "tiny_shakespeare"),
        offline="python_docs",
        file="tiny_shakespeare/input.txt",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        num_bytes=1_115_394,
    ),
    Dataset(
        name="names",
        kind="text",
        size="32,033 names",
        licence="public domain",
        origin="karpathy/makemore, from ssa.gov",
        load=functools.partial(text, "names"),
        offline="python_words",
        file="names/names.txt",
        url="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        num_bytes=228_145,
    ),
)
