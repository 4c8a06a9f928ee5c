"""Texts: characters in one long string, from a file, from a download or from Python itself."""

import functools
import os
import pathlib
import re

from keras_course.checks import between_0_and_1, string, validate
from keras_course.checks import path as check_path
from keras_course.datasets._dataset import Dataset, File, Prepared, Source
from keras_course.datasets._fetch import check_sha256, fetch


def text(name: str = "python_docs", *, data_dir: str | os.PathLike | None = None) -> str:
    """Return a text by name, or the text of your own file.

    `python_docs` is the language reference that every CPython carries (`pydoc_data.topics`), English prose
    and code; `python_words` holds its distinct lower-case words, one a line. Both need no download, and
    differ a little between versions of Python. `tiny_shakespeare` (1,115,394 characters) and `names` (32,033
    first names, one a line) are read from the data folder, or downloaded.

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
    row = next((row for row in TEXTS if row.name == name), None)
    if row is None:
        return read_own(name=name)
    return fetch(row, data_dir) if row.sources else row.load()


@validate(text=string, fraction=between_0_and_1)
def split_text(text: str, fraction: float = 0.9) -> tuple[str, str]:
    """Cut a text in two: the first part to train on, the rest to validate on.

    Args:
        text: at least two characters.
        fraction: fraction of the characters in the first part, between 0 and 1, both excluded.

    Returns:
        (train, validation), neither of them empty; `train + validation == text`.

    Raises:
        ValueError: `fraction` is outside (0, 1), or the text is too short to give both parts a character.

    Example:
        >>> from keras_course import datasets
        >>> datasets.split_text("abcdefghij", fraction=0.8)
        ('abcdefgh', 'ij')
    """
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
        content = path.read_text(encoding="utf-8-sig")  # a byte-order mark is not part of the text
    except UnicodeDecodeError as error:
        raise ValueError(f"{argument}={given!r} is not UTF-8 text: {error}.") from error
    if not content:
        raise ValueError(f"{argument}={given!r} is an empty file.")
    return content


def _decode(content):
    return content.decode("utf-8")


def _downloaded(name, size, origin, offline, splits, file):
    """Return the row of a text that is one file. TFDS has one example for each split, the parts of that text."""

    def parse(*parts):
        content = b"".join(part["text"][0] for part in parts)
        return _decode(check_sha256(content, "what TFDS has", name, file.sha256))

    return Dataset(
        name=name,
        kind="text",
        size=size,
        license="public domain",
        origin=origin,
        load=functools.partial(text, name),
        offline=offline,
        sources=(Source((file,), _decode),),
        tfds=Prepared(name, splits, parse),
    )


TEXTS = (
    Dataset(
        name="python_docs",
        kind="text",
        size="about 460,000 characters",
        license="PSF-2.0",
        origin="pydoc_data.topics of the running CPython",
        load=_python_docs,
        offline="python_docs",
    ),
    Dataset(
        name="python_words",
        kind="text",
        size="about 2,700 words",
        license="PSF-2.0",
        origin="words of python_docs",
        load=_python_words,
        offline="python_words",
    ),
    _downloaded(
        "tiny_shakespeare",
        size="1,115,394 characters",
        origin="karpathy/char-rnn",
        offline="python_docs",
        splits=("train", "validation", "test"),
        file=File(
            path="tiny_shakespeare/input.txt",
            num_bytes=1_115_394,
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        ),
    ),
    _downloaded(
        "names",
        size="32,033 names",
        origin="karpathy/makemore, from ssa.gov",
        offline="python_words",
        splits=("train",),
        file=File(
            path="names/names.txt",
            num_bytes=228_145,
            sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            url="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        ),
    ),
)
