"""The files of results: `docs/results/<topic>.jsonl`, a row per line, and the pages and charts generated from them.

Two processes may record at once: each holds a lock while it reads, appends and writes. Rows, pages and charts are
replaced together, and only after all of them are on the disk.
"""

import functools
import os
import pathlib
from collections.abc import Mapping, Sequence

from keras_course._lectures import LECTURES
from keras_course.checks import one_of
from keras_course.checks.files import atomic_write_all, from_json, to_json
from keras_course.records import _machine
from keras_course.records._performance_page import performance_chart, performance_page
from keras_course.records._results_page import results_page
from keras_course.records._rows import check_row

FOLDER, LOCK = "results", ".lock"
TOPICS = tuple(lecture.topic for lecture in LECTURES)


def docs_of_checkout(root: str | os.PathLike = ".") -> pathlib.Path:
    """Return the folder `docs` of the checkout at `root`, after checking that results may be recorded in it now.

    Raises:
        FileNotFoundError: `root` is not a checkout.
        ValueError: the package was imported from somewhere else, or differs from its commit.
    """
    docs = pathlib.Path(root).resolve() / "docs"
    package = _machine.PACKAGE
    if not (docs / FOLDER).is_dir():
        raise FileNotFoundError(f"there is no {docs / FOLDER}: record results from the root of a checkout.")
    if package.parent != docs.parent:
        raise ValueError(f"results of {package} cannot be recorded in {docs}, which belongs to another checkout.")
    if _machine.commit() is None:
        raise ValueError(f"{package} belongs to no git commit: its results cannot be recorded.")
    if changed := _machine.uncommitted():
        raise ValueError(
            "keras_course/ or benchmarks/ has uncommitted changes, so this run belongs to no commit: "
            + "; ".join(changed)
        )
    return docs


def record_results(rows: Sequence[dict], topic: str, docs: str | os.PathLike, recipes: Mapping) -> None:
    """Append results of training runs to `results/<topic>.jsonl` and write the page `results.md` anew, both or neither.

    Args:
        rows: dicts of kind "recipe"; `check_row` says what else they hold.
        topic: topic of a lecture.
        docs: folder with the pages and with the folder `results`.
        recipes: name to recipe, as in `results_page`.

    Raises:
        ValueError: a row lacks something or has something else, the topic is unknown, or a file is malformed.
    """
    docs = pathlib.Path(docs)
    _append(rows, "recipe", topic, docs, lambda known: {docs / "results.md": results_page(known, recipes)})


def record_speeds(rows: Sequence[dict], topic: str, docs: str | os.PathLike) -> None:
    """Append speeds to `results/<topic>.jsonl` and write `performance.md` and the topic's chart anew, all or none.

    Args:
        rows: dicts of kind "speed"; `check_row` says what else they hold.
        topic, docs: as in `record_results`.

    Raises:
        ValueError: a row lacks something or has something else, the topic is unknown, or a file is malformed.
    """
    docs = pathlib.Path(docs)
    _append(rows, "speed", topic, docs, lambda known: _performance(known, docs, [topic]))


def _append(rows, kind, topic, docs, pages):
    """Append rows of one kind to the file of a topic, and write what `pages` makes of all rows: {path: content}."""
    import filelock

    one_of(TOPICS, topic=topic)
    for row in rows:
        check_row(row)
        one_of((kind,), kind=row["kind"])
    with filelock.FileLock(docs / FOLDER / LOCK):
        known, path = read_rows(docs), _file(docs, topic)
        known[topic] = [*known.get(topic, ()), *rows]
        earlier = path.read_bytes().splitlines() if path.exists() else []
        lines = [*earlier, *(to_json(row).encode() for row in rows)]
        atomic_write_all({path: b"\n".join([*lines, b""]), **pages(known)})


def write_pages(docs: str | os.PathLike, recipes: Mapping) -> None:
    """Write the pages and all charts anew from the rows in `docs/results`; do this after a change of this package."""
    docs = pathlib.Path(docs)
    rows = read_rows(docs)
    topics = [topic for topic in rows if any(row["kind"] == "speed" for row in rows[topic])]
    atomic_write_all({docs / "results.md": results_page(rows, recipes), **_performance(rows, docs, topics)})


def _performance(rows, docs, topics):
    """Return {path: content} of the page of speeds and of the charts of some topics."""
    figures = {docs / FOLDER / f"{topic}.png": performance_chart(rows[topic]) for topic in topics}
    images = {path: functools.partial(figure.savefig, dpi=120) for path, figure in figures.items()}
    return {docs / "performance.md": performance_page(rows), **images}


def read_rows(docs: str | os.PathLike) -> dict[str, list[dict]]:
    """Return topic to rows, in the order of the lectures.

    Raises:
        ValueError: a line does not hold a row; the message names the file and the line.
    """
    paths = {topic: _file(pathlib.Path(docs), topic) for topic in TOPICS}
    return {topic: _rows_of(path) for topic, path in paths.items() if path.exists()}


def _file(docs, topic):
    return docs / FOLDER / f"{topic}.jsonl"


def _rows_of(path):
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = from_json(line.decode("utf-8"))
            if not isinstance(row, dict):
                raise ValueError("it is not a JSON object")
            check_row(row)
        except ValueError as error:
            reason = getattr(error, "msg", error)  # JSON's own message counts lines within this line
            raise ValueError(f"{path}, line {number} does not hold a result: {reason}") from error
        rows.append(row)
    return rows
