"""The measured figures: rows in `docs/results.json`, and the page that is made of them.

A row is a dict. `kind` says which: "recipe" is the result of a training run, of ours or of a peer on the same data,
whose name then stands in the place of the backend; "speed" is a time beside that of a named peer, with `ratio` = our
speed / the peer's, so that above 1 ours is the faster one.
"""

import math
import os
import pathlib
import re
import statistics
from collections.abc import Sequence

from keras_course import _machine
from keras_course._files import atomic_write_all, from_json, to_json
from keras_course._recipe_table import RECIPES
from keras_course.backend import BACKENDS

_NUMBER, _OPTIONAL = int | float, int | float | None
_COMMON = {"kind": str, "backend": str, "value": _NUMBER, "machine": dict, "versions": dict, "commit": str, "date": str}
_TYPES = {
    "recipe": {
        **{"recipe": str, "seed": int, "metric": str, "expected": _OPTIONAL, "tolerance": _OPTIONAL},
        **{"published": _OPTIONAL, "source": str | None, "data": str, "size": str},
        **{"steps": int, "parameters": int, "device": str, "minutes": _NUMBER, **_COMMON},
    },
    "speed": {
        **{"benchmark": str, "unit": str, "peer": str, "peer_value": _NUMBER, "ratio": _NUMBER, "rounds": int},
        **_COMMON,
    },
}
_MACHINE = {"cpu": str, "cores": int, "gpu": str | None}

_INTRODUCTION = """# Results

<!-- Generated from results.json: do not edit. -->

This page is generated from `results.json`, to which `keras-course train RECIPE --record` and the benchmarks append.
Every figure in it was measured by a run of the commit that stands beside it. Parameters count all weights of a model,
moving averages included.
"""


def check_row(row: dict) -> None:
    """Raise a ValueError where a row lacks something, has something else, or something of another type."""
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"kind={kind!r} is no kind of result; choose one of {', '.join(_TYPES)}.")
    types = _TYPES[kind]
    if missing := sorted(types.keys() - row.keys()):
        raise ValueError(f"row of kind {kind!r} lacks {', '.join(missing)}.")
    if unknown := sorted(row.keys() - types.keys()):
        raise ValueError(f"row of kind {kind!r} has {', '.join(unknown)}, which is none of {', '.join(sorted(types))}.")
    _check_types(row, types)
    _check_types(row["machine"], _MACHINE)
    _check_types(row["versions"], dict.fromkeys(row["versions"], str))


def _check_types(values, types):
    for key, kind in types.items():
        value = values.get(key)
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValueError(f"{key}={value!r} of a row must be of type {getattr(kind, '__name__', kind)}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}={value!r} of a row must be a finite number.")


def results_file(root: str | os.PathLike = ".") -> pathlib.Path:
    """Return `docs/results.json` of the checkout at `root`, fit for recording results of this package now.

    Raises:
        FileNotFoundError: `root` is no checkout.
        ValueError: the package was imported from somewhere else, or differs from its commit.
    """
    path = pathlib.Path(root).resolve() / "docs" / "results.json"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: results are recorded from the root of a checkout.")
    if _machine.PACKAGE.parent != path.parent.parent:
        raise ValueError(f"results of {_machine.PACKAGE} cannot be recorded in {path}, which is another checkout.")
    if _machine.commit() is None:
        raise ValueError(f"{_machine.PACKAGE} belongs to no git commit: what it measures cannot be recorded.")
    if changed := _machine.uncommitted():
        raise ValueError(
            "keras_course/ or benchmarks/ has uncommitted changes, so this run belongs to no commit: "
            + "; ".join(changed)
        )
    return path


def record_result(row: dict, path: str | os.PathLike) -> None:
    """Append a row to `results.json` and write the page `results.md` beside it anew, both or neither.

    Args:
        row: dict with `kind` "recipe" or "speed"; `check_row` has what belongs into it.
        path: the file `results.json`.

    Raises:
        ValueError: the row lacks something or has something else, or the file is malformed.
    """
    path = pathlib.Path(path)
    check_row(row)
    rows = [*read_results(path), row]
    atomic_write_all({path: to_json(rows, indent=1) + "\n", path.with_suffix(".md"): results_page(rows)})


def read_results(path: str | os.PathLike) -> list[dict]:
    """Return the rows of a `results.json`.

    Raises:
        ValueError: the file is malformed.
    """
    try:
        rows = from_json(pathlib.Path(path).read_text(encoding="utf-8"))
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("it is no list of objects")
        for row in rows:
            check_row(row)
    except ValueError as error:
        raise ValueError(f"{path} does not hold results: {error}") from error
    return rows


def recipe_row(facts: dict) -> dict:
    """Return the row for a complete run, out of what its `run.json` holds."""
    row = {"kind": "recipe", **{key: facts[key] for key in _TYPES["recipe"] if key not in ("kind", "date")}}
    return {**row, "date": facts["finished"]}


def results_page(rows: Sequence[dict]) -> str:
    """Return the page of results, in Markdown: a table for each recipe, with means over seeds, and one of speeds."""
    parts = [_INTRODUCTION]
    recipes = [row for row in rows if row["kind"] == "recipe"]
    for name in dict.fromkeys(row["recipe"] for row in recipes):
        parts.append(_recipe_section(name, [row for row in recipes if row["recipe"] == name]))
    if speeds := [row for row in rows if row["kind"] == "speed"]:
        parts.append(_speed_section(speeds))
    if not rows:
        parts.append("Nothing has been recorded yet.\n")
    return "\n".join(parts)


def _latest(rows, *keys):
    """Keep the last row for each GPU (or none) and combination of `keys`, in the order of the first ones."""
    return list({(_gpu(row), *(row[key] for key in keys)): row for row in rows}.values())


def _gpu(row):
    return row["machine"].get("gpu")


def _recipe_section(name, rows):
    rows = _latest(rows, "backend", "seed")
    last = next((row for row in reversed(rows) if row["backend"] in BACKENDS), rows[-1])
    recipe = RECIPES.get(name)
    lines = [
        f"## {_code(name)}\n",
        f"Measured: {_text(last['metric'])}; {last['parameters']:,} parameters, {last['steps']:,} steps on "
        f"{_code(last['data'])} ({_text(last['size'])}).",
    ]
    keys = ("expected", "tolerance", "published", "source")
    now = {key: getattr(recipe, key) if recipe else last[key] for key in keys}
    if now["expected"] is not None:
        lines.append(f"Expected: at most {now['expected']} (up to {now['tolerance']} more for one seed).")
    if now["published"] is not None:
        lines.append(f"Published: {now['published']} ({_text(now['source'])}).")
    if recipe and recipe.note is not None:
        lines.append(recipe.note)
    table = []
    for place in dict.fromkeys((row["backend"], _gpu(row)) for row in rows):
        here = sorted((row for row in rows if (row["backend"], _gpu(row)) == place), key=lambda row: row["seed"])
        values = [row["value"] for row in here]
        seeds = ", ".join(f"{row['value']:.4f} (seed {row['seed']})" for row in here)
        minutes = f"{statistics.mean(row['minutes'] for row in here):.1f}"
        table.append([_text(place[0]), f"{statistics.mean(values):.4f}", seeds, minutes, *_origin(here)])
    heads = ["backend", "mean", "single runs", "minutes", "machine", "versions", "commit", "date"]
    return "\n".join([*lines, "", *_markdown(heads, table), ""])


def _speed_section(rows):
    # Only the rows of the last commit: an earlier run may have had another peer as the fastest.
    last = {(_gpu(row), row["benchmark"], row["backend"]): row["commit"] for row in rows}
    rows = [row for row in rows if row["commit"] == last[_gpu(row), row["benchmark"], row["backend"]]]
    rows = sorted(_latest(rows, "benchmark", "backend", "peer"), key=lambda row: (row["benchmark"], row["peer"]))
    table = [
        [
            *(_text(row["benchmark"]), _text(row["backend"]), f"{row['value']:,} {_text(row['unit'])}"),
            *(_text(row["peer"]), f"{row['peer_value']:,}", f"{row['ratio']:.2f}", row["rounds"], *_origin([row])),
        ]
        for row in rows
    ]
    heads = [
        "benchmark",
        "backend",
        "measured",
        "peer",
        "the peer's",
        "ratio",
        "rounds",
        "machine",
        "versions",
        "commit",
        "date",
    ]
    text = (
        "The ratio is our speed over that of the peer, the fastest of all (in a second row: of those in the framework "
        "itself), the median of as many rounds of one run as stand beside it: above 1 ours is the faster "
        "one. [Benchmarks](benchmarks.md) says what is compared, and why a ratio is low."
    )
    return "\n".join(["## Speed\n", text, "", *_markdown(heads, table), ""])


def _origin(rows):
    """Return the cells that say where figures come from; several rows usually agree in them."""
    machines = []
    for row in rows:
        parts = (_gpu(row), f"{row['machine']['cpu']}, {row['machine']['cores']} cores", row.get("device"))
        machines.append(_text(", ".join(part for part in parts if part)))
    packages = [_text(", ".join(f"{name} {version}" for name, version in row["versions"].items())) for row in rows]
    commits = [_code(row["commit"][:8]) for row in rows]
    dates = [_text(row["date"][:10]) for row in rows]
    return ["; ".join(dict.fromkeys(cells)) for cells in (machines, packages, commits, dates)]


def _text(value):
    """Return text of a row as one line in which nothing is Markdown or HTML: other characters become references."""
    line = " ".join(str(value).split())
    return re.sub(r"[^\w\s,.;:/()%+@=' -]|\b_|_\b", lambda match: f"&#{ord(match[0])};", line)


def _code(value):
    """Return text of a row as code, in which only a backtick and the bar of a table mean something."""
    return f"`{' '.join(str(value).split()).replace('`', chr(39)).replace('|', '/') or '?'}`"


def _markdown(heads, table):
    cells = [heads, ["---"] * len(heads), *table]
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in cells]
