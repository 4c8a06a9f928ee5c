"""The page of results: one table for a reader in a hurry, then the details of each recipe."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Self

from keras_course._lectures import LECTURES
from keras_course.backend import BACKENDS
from keras_course.records import _conditions
from keras_course.records._markdown import anchor, code, table, text

_INTRODUCTION = """# Results

<!-- Generated from results/*.jsonl: do not edit. -->

Each recipe trains a model and measures it on held-out data. A value is the mean over the seeds, to three digits; lower
is better unless the metric says otherwise. The peer is another library on the same data. The published value was often
measured with more data. The minutes are the duration of one run, on the fastest backend and on the slowest. The details
below the table name seeds, machines, versions and commits. `keras-course train RECIPE --record` adds a row.
"""
_LEFT = ("recipe", "metric", "backend", "commit", "date")  # columns of text


@dataclasses.dataclass(frozen=True)
class _Result:
    """What was measured with one recipe.

    Args:
        name: name of the recipe.
        recipe: the recipe as it is now; None if it no longer exists.
        groups: rows by backend (or peer) and GPU, each sorted by seed: the last one of each seed.
    """

    name: str
    recipe: object
    groups: list[list[dict]]

    @classmethod
    def of(cls, name, recipe, rows) -> Self:
        rows = _conditions.latest(rows, "backend", "seed")
        groups = [
            sorted((row for row in rows if row["backend"] == backend and _conditions.gpu_of(row) == gpu), key=_seed)
            for backend in _conditions.backends_of(rows)
            for gpu in dict.fromkeys(_conditions.gpu_of(row) for row in rows)
        ]
        return cls(name, recipe, [group for group in groups if group])

    @property
    def last(self):
        """The row that was recorded last: one of ours if there is one."""
        rows = [row for group in self.groups for row in group]
        return max([row for row in rows if row["backend"] in BACKENDS] or rows, key=lambda row: row["date"])

    def now(self, key):
        """Return what the recipe expects or quotes today; what it did when it was recorded if it no longer exists."""
        return getattr(self.recipe, key) if self.recipe else self.last[key]

    @property
    def summary(self):
        return text(self.recipe.summary) if self.recipe else ""

    @property
    def higher_is_better(self):
        return self.last.get("higher_is_better", False)


def _seed(row):
    return row["seed"]


def results_page(rows: Mapping[str, list[dict]], recipes: Mapping) -> str:
    """Return the page of results, in Markdown.

    Args:
        rows: topic to rows, as `read_rows` returns them.
        recipes: name to recipe, with `summary`, `expected`, `tolerance`, `published`, `source` and `note`; the page
            keeps their order.
    """
    results = {lecture: _results_of(rows.get(lecture.topic, ()), recipes) for lecture in LECTURES}
    everything = [result for some in results.values() for result in some]
    if not everything:
        return f"{_INTRODUCTION}\nNothing has been recorded yet.\n"
    backends = [name for name in BACKENDS if any(group[0]["backend"] == name for r in everything for group in r.groups)]
    heads = ["recipe", "metric", *map(_conditions.title, backends), "peer", "published", "minutes"]
    parts = [_INTRODUCTION, table(heads, [_overview(result, backends) for result in everything], _LEFT)]
    for lecture, some in results.items():
        parts += [f"## {lecture.title}\n"] * bool(some) + [_details(result) for result in some]
    return "\n".join(parts)


def _results_of(rows, recipes):
    """Return a `_Result` for each recipe of a topic, in the order of the recipes."""
    rows = [row for row in rows if row["kind"] == "recipe"]
    names = dict.fromkeys([*recipes, *(row["recipe"] for row in rows)])
    by_name = {name: [row for row in rows if row["recipe"] == name] for name in names}
    return [_Result.of(name, recipes.get(name), found) for name, found in by_name.items() if found]


def _overview(result, backends):
    """Return the cells of a result in the first table."""
    means = {}
    for group in sorted(result.groups, key=lambda group: group[0]["date"]):  # the last measurement counts
        means[group[0]["backend"]] = statistics.mean(row["value"] for row in group)
    peers = [mean for name, mean in means.items() if name not in BACKENDS]
    best = max if result.higher_is_better else min
    return [
        f"[{code(result.name)}](#{anchor(result.name)}) {result.summary}".strip(),
        text(result.last["metric"]) + " (higher is better)" * result.higher_is_better,
        *(_rounded(means.get(name)) for name in backends),
        _rounded(best(peers, default=None)),
        "" if result.now("published") is None else f"{result.now('published'):g}",
        _minutes(result.groups),
    ]


def _rounded(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _minutes(groups):
    """Return the minutes of a run on a CPU and on a GPU, each from the fastest backend to the slowest."""
    found = {}
    for group in groups:
        if group[0]["backend"] in BACKENDS:
            place = "" if _conditions.gpu_of(group[0]) is None else " (GPU)"
            found.setdefault(place, []).append(statistics.mean(row["minutes"] for row in group))
    return ", ".join(_span(min(times), max(times)) + place for place, times in found.items())


def _span(low, high):
    if high < 0.05:
        return "< 0.1"
    return f"{low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f}-{high:.1f}"


def _details(result):
    """Return the section of a recipe: what was run, then a table for each machine and set of versions."""
    last = result.last
    lines = [
        f"### {code(result.name)}\n",
        f"Recipe: {result.summary}." if result.summary else "",
        f"Metric: {text(last['metric'])}. Model: {last['parameters']:,} parameters. "
        f"Training: {last['steps']:,} steps on {code(last['data'])} ({text(last['size'])}).",
    ]
    if result.now("expected") is not None:
        bound, more = ("at least", "less") if result.higher_is_better else ("at most", "more")
        expected, tolerance = result.now("expected"), result.now("tolerance")
        lines.append(f"Expected: {bound} {expected} (up to {tolerance} {more} for one seed).")
    if result.now("published") is not None:
        lines.append(f"Published: {result.now('published')} ({text(result.now('source'))}).")
    if result.recipe and result.recipe.note:
        lines.append(text(result.recipe.note))
    by_conditions = {}
    for group in result.groups:
        by_conditions.setdefault(_conditions_of(group), []).append(group)
    tables = [f"{conditions}:\n\n{_runs(groups)}" for conditions, groups in by_conditions.items()]
    return "\n".join([*filter(None, lines), "", *tables])


def _conditions_of(group):
    """Return machine and packages of a group, without the versions that are named beside its backend."""
    return _conditions.each(
        f"On {_conditions.machine(row)}, with {_conditions.packages(_shared(row['versions'], True))}" for row in group
    )


def _backend_of(row):
    """Return the backend of a row, or the peer, with the versions of its own packages."""
    own = _shared(row["versions"], False)
    version = own.pop(row["backend"], None)
    name = text(_conditions.title(row["backend"]))
    return name + (f" {text(version)}" if version else "") + (f" ({_conditions.packages(own)})" if own else "")


def _shared(versions, shared):
    """Return the versions of the packages that every row names, or of the others."""
    return {name: version for name, version in versions.items() if (name in _conditions.SHARED) == shared}


def _value(row):
    """Return the value of a run; a mean over parts, such as fixed splits, stands beside its standard deviation."""
    spread = f" (deviation {row['deviation']:.4f} over {row['parts']} parts)" if "parts" in row else ""
    return f"{row['value']:.4f}{spread}"


def _runs(groups):
    """Return the table of groups that were measured under the same conditions."""
    seeds = sorted({row["seed"] for group in groups for row in group})
    heads = ["backend", "mean", *(f"seed {seed}" for seed in seeds), "minutes", "commit", "date"]
    lines = []
    for group in groups:
        values = {row["seed"]: _value(row) for row in group}
        lines.append(
            [
                _conditions.each(map(_backend_of, group)),
                f"{statistics.mean(row['value'] for row in group):.4f}",
                *(values.get(seed, "") for seed in seeds),
                f"{statistics.mean(row['minutes'] for row in group):.1f}",
                _conditions.commits(group),
                _conditions.dates(group),
            ]
        )
    return table(heads, lines, _LEFT)
