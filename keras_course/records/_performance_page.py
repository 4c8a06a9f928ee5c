"""The page of speeds beside other libraries, and its charts."""

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from keras_course import plots
from keras_course._lectures import LECTURES
from keras_course.records import _conditions
from keras_course.records._markdown import code, table, text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INTRODUCTION = """# Performance

<!-- Generated from results/*.jsonl: do not edit. -->

Each benchmark does the same work in keras_course and in the libraries that you could use instead, in turn, in one run.
The ratio is our speed divided by the peer's, the median over the rounds of the run: **above 1 ours is faster**. The
table shows the ratio to the fastest of all peers. A chart for each topic adds the ratio to the fastest peer that is
written in the backend's own framework. [Benchmarks](benchmarks.md) says what is compared and why a ratio is low.
"""
_LEFT = ("benchmark", "backend", "fastest peer", "own framework")  # columns of text


@dataclasses.dataclass(frozen=True)
class _Speed:
    """Our speed on one backend in one run.

    Args:
        row: the row beside the fastest of all peers.
        own: the row beside the fastest peer in the framework itself; None if no such peer took part.
    """

    row: dict
    own: dict | None

    @property
    def work(self):
        """Benchmark and GPU, if there is one: what is measured with several backends."""
        return self.row["benchmark"], _conditions.gpu_of(self.row)

    @property
    def backend(self):
        return self.row["backend"]


def _speeds_of(rows):
    """Return a `_Speed` for each benchmark, GPU and backend of a topic, from the last commit that measured it."""
    rows = [row for row in rows if row["kind"] == "speed"]
    runs = {}  # in an earlier run another peer may have been the fastest, so only rows of one commit belong together
    for row in rows:
        key = row["benchmark"], _conditions.gpu_of(row) or "", row["backend"]
        same = [other for other in runs.get(key, ()) if other["commit"] == row["commit"]]
        runs[key] = [*(other for other in same if other["peer"] != row["peer"]), row]
    speeds = []
    for key in sorted(runs):
        own = [row for row in runs[key] if row["peer"].startswith(row["backend"])]
        fastest = max(runs[key], key=lambda row: row["peer_value"])
        speeds.append(_Speed(fastest, max(own, key=lambda row: row["peer_value"], default=None)))
    order = _conditions.backends_of(rows)
    return sorted(speeds, key=lambda speed: order.index(speed.backend))


def _by_work(speeds):
    """Return work to its speeds, one for each backend."""
    found = {}
    for speed in sorted(speeds, key=lambda speed: (speed.work[1] or "", _by_number(speed.work[0]))):
        found.setdefault(speed.work, []).append(speed)
    return found


def _by_number(name):
    """Return a key that sorts names with numbers by the numbers: batch_2 before batch_16."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def performance_page(rows: Mapping[str, list[dict]]) -> str:
    """Return the page of speeds, in Markdown.

    Args:
        rows: topic to rows, as `read_rows` returns them.
    """
    speeds = {lecture: _speeds_of(rows.get(lecture.topic, ())) for lecture in LECTURES}
    speeds = {lecture: some for lecture, some in speeds.items() if some}
    if not speeds:
        return f"{_INTRODUCTION}\nNothing has been recorded yet.\n"
    backends = _conditions.backends_of([speed.row for some in speeds.values() for speed in some])
    heads = ["benchmark", "fastest peer", *(text(_conditions.title(name)) for name in backends)]
    overview = [_overview(work, found, backends) for some in speeds.values() for work, found in _by_work(some).items()]
    parts = [_INTRODUCTION, table(heads, overview, _LEFT)]
    for lecture, some in speeds.items():
        caption = f"Ratios of speeds, {lecture.title.lower()}: the table below has the numbers"
        parts += [f"## {lecture.title}\n", f"![{caption}](results/{lecture.topic}.png)\n", *_details(some)]
    return "\n".join(parts)


def _overview(work, speeds, backends):
    """Return the cells of a benchmark in the first table."""
    ratios = {speed.backend: f"{speed.row['ratio']:.2f}" for speed in speeds}
    bold = {name: f"**{ratio}**" if float(ratio) >= 1 else ratio for name, ratio in ratios.items()}
    peers = _conditions.each(text(speed.row["peer"]) for speed in speeds)
    return [_name(work), peers, *(bold.get(name, "") for name in backends)]


def _name(work):
    benchmark, gpu = work
    return code(benchmark) + (f" on {text(gpu)}" if gpu else "")


def _details(speeds):
    """Return a table for each machine, set of versions and commit."""
    by_conditions = {}
    for found in _by_work(speeds).values():
        rows = [speed.row for speed in found]
        versions = {name: version for row in rows for name, version in row["versions"].items()}
        machines = _conditions.each(map(_conditions.machine, rows))
        conditions = (
            f"On {machines}, with {_conditions.packages(versions)}; commit {_conditions.commits(rows)}, "
            f"{_conditions.dates(rows)}"
        )
        by_conditions.setdefault(conditions, []).extend(found)
    heads = ["benchmark", "backend", "ours", "fastest peer", "its speed", "ratio"]
    heads += ["own framework", "its speed", "ratio", "rounds"]
    return [
        f"{conditions}:\n\n{table(heads, [_cells(speed) for speed in found], _LEFT)}"
        for conditions, found in by_conditions.items()
    ]


def _cells(speed):
    row, own = speed.row, speed.own
    return [
        f"{code(row['benchmark'])} ({text(row['unit'])})",
        text(_conditions.title(row["backend"])),
        f"{row['value']:,}",
        *(text(row["peer"]), f"{row['peer_value']:,}", f"{row['ratio']:.2f}"),
        *((text(own["peer"]), f"{own['peer_value']:,}", f"{own['ratio']:.2f}") if own else ("", "", "")),
        row["rounds"],
    ]


def performance_chart(rows: list[dict]) -> "Figure":
    """Return the chart of a topic, a Matplotlib `Figure`: the ratios of each benchmark and backend.

    Args:
        rows: rows of the topic, of which the ones of kind "speed" are drawn.
    """
    ratios = {}
    for (benchmark, gpu), speeds in _by_work(_speeds_of(rows)).items():
        for speed in speeds:
            bars = {"fastest peer": speed.row["ratio"]}
            if speed.own:
                bars["fastest peer in the backend's own framework"] = speed.own["ratio"]
            group = benchmark + (f" on {gpu}" if gpu else "")
            ratios.setdefault(group, {})[_conditions.title(speed.backend)] = bars
    return plots.ratio_bars(ratios, xlabel="our speed / the peer's speed, logarithmic")
