"""Recorded results: what a row must hold, which runs may be recorded, files and pages, several processes at once."""

import csv
import dataclasses
import io
import json
import pathlib
import subprocess
import sys

import markdown_it
import numpy as np
import pytest

from keras_course import datasets, records
from keras_course.recipes import RECIPES
from keras_course.records import _machine

DOCS = pathlib.Path(__file__).parents[2] / "docs"
COMMON = {
    "backend": "jax",
    "machine": {"cpu": "Abacus 3", "cores": 2},
    "versions": {"python": "3.11.7", "jax": "0.10"},
    "commit": "0123456789abcdef",
    "date": "2026-11-23T10:00:00+00:00",
}


def recipe_row(**changes):
    row = {
        **{"kind": "recipe", "recipe": "some", "seed": 0, "metric": "validation loss in nats", "value": 1.5},
        **{"expected": 1.6, "tolerance": 0.1, "published": 1.4, "source": "a paper", "data": "python_docs"},
        **{"size": "1,000 characters", "steps": 20, "parameters": 12345, "device": "cpu:0", "minutes": 2.0},
    }
    return row | COMMON | changes


def speed_row(**changes):
    row = {
        "kind": "speed",
        "benchmark": "step",
        "value": 30.0,
        "unit": "images/s",
        "peer": "plain torch",
        "ratio": 1.25,
        "peer_value": 24.0,
        "rounds": 3,
    }
    return row | COMMON | changes


def tables(page):
    """Return the tables of a page, each as a list of rows of cells, without the line below its head."""
    blocks = [block for block in page.split("\n\n") if block.lstrip().startswith("|")]
    found = [
        [[cell.strip() for cell in line.split("|")[1:-1]] for line in block.strip().splitlines()] for block in blocks
    ]
    return [[rows[0], *rows[2:]] for rows in found]


def results_page(rows, recipes=()):
    return records.results_page({"language": rows}, dict(recipes))


def test_results_begin_with_one_table():
    peer = {"backend": "scikit-learn's MLPClassifier", "versions": COMMON["versions"] | {"scikit-learn": "1.9"}}
    rows = [recipe_row(value=9.0), recipe_row(value=1.5), recipe_row(seed=1, value=1.6, minutes=4.0)]
    rows += [recipe_row(backend="torch", value=0.12345, minutes=0.5), recipe_row(recipe="other", value=1234.5)]
    page = results_page([*rows, recipe_row(value=2.0, **peer)])
    overview, *_ = tables(page)
    assert overview == [
        ["recipe", "metric", "JAX", "PyTorch", "peer", "published", "minutes"],
        ["[`some`](#some)", "validation loss in nats", "1.55", "0.123", "2.00", "1.4", "0.5-3.0"],
        ["[`other`](#other)", "validation loss in nats", "1,234", "", "", "1.4", "2.0"],
    ]


def test_details_of_a_recipe_are_the_latest_runs_of_each_seed():
    rows = [recipe_row(value=9.0), recipe_row(value=1.5), recipe_row(seed=1, value=1.6, commit="fedcba9876543210")]
    rows += [recipe_row(backend="torch", value=1.7), recipe_row(recipe="other", expected=None, published=None)]
    page = results_page(rows)
    assert "Generated from results/" in page
    assert page.count("On Abacus 3, 2 cores, with python 3.11.7:") == 2  # once for each recipe, not for each row
    _, runs, _ = tables(page)
    assert runs == [
        ["backend", "mean", "seed 0", "seed 1", "minutes", "commit", "date"],
        ["JAX 0.10", "1.5500", "1.5000", "1.6000", "2.0", "`01234567`; `fedcba98`", "2026-11-23"],
        ["PyTorch (jax 0.10)", "1.7000", "1.7000", "", "2.0", "`01234567`", "2026-11-23"],
    ]
    assert page.count("Expected: at most 1.6 (up to 0.1 more") == page.count("Published: 1.4 (a paper)") == 1
    assert "12,345 parameters" in page


def test_metric_that_is_better_when_higher():
    better = {"metric": "accuracy in %", "higher_is_better": True}
    rows = [
        recipe_row(**better),
        recipe_row(backend="peer 1", **better),
        recipe_row(backend="peer 2", value=3.0, **better),
    ]
    page = results_page(rows)
    assert tables(page)[0][1][1:4] == ["accuracy in % (higher is better)", "1.50", "3.00"]
    assert "Expected: at least 1.6 (up to 0.1 less for one seed)" in page
    page = results_page([recipe_row(parts=20, deviation=0.25)])
    assert "1.5000 (deviation 0.2500 over 20 parts)" in page


def test_a_gpu_has_rows_of_its_own():
    gpu = {**COMMON["machine"], "gpu": "Loom 9"}
    page = results_page([recipe_row(), recipe_row(value=1.25, machine=gpu, device="cuda:0", minutes=0.5)])
    assert tables(page)[0][1][-1] == "2.0, 0.5 (GPU)"
    assert page.count("On Abacus 3, 2 cores, with") == page.count("On Loom 9, Abacus 3, 2 cores, with") == 1
    page = results_page([recipe_row(machine=gpu)])  # which has one, but the run used the CPU
    assert "Loom" not in page
    page = records.performance_page({"language": [speed_row(), speed_row(value=1.25, machine=gpu)]})
    assert [row[0] for row in tables(page)[0][1:]] == ["`step`", "`step` on Loom 9"]


def test_machine_names_the_first_gpu(monkeypatch, tmp_path):
    assert set(_machine.machine()) - {"gpu"} == {"cpu", "cores", "system"}
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Loom 9\necho Loom 8\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert _machine.machine()["gpu"] == "Loom 9"


def test_page_has_summary_and_note_of_the_recipe():
    noted = dataclasses.replace(RECIPES["digits_mlp"], name="some", note="Digits are small.", expected=1.0)
    page = results_page([recipe_row(recipe="other"), recipe_row()], {"some": noted})
    assert page.count("\nDigits are small.\n\nOn Abacus") == page.count("Digits") == 1
    names = [row[0] for row in tables(page)[0][1:]]
    assert names == [f"[`some`](#some) {noted.summary}", "[`other`](#other)"]  # in the order of the recipes
    assert "Expected: at most 1.0" in page  # what it expects now


def test_note_on_the_python_docs_is_true():
    train, held_out = datasets.split_text(datasets.text("python_docs"), 0.9)
    known = {train[i : i + 40] for i in range(len(train) - 39)}
    share = np.mean([held_out[i : i + 40] in known for i in range(len(held_out) - 39)])
    assert "about 15 % of the 40-character pieces" in RECIPES["python_docs_cpu"].note
    assert share == pytest.approx(0.15, abs=0.03)  # the text differs a little between versions of Python


def test_performance_begins_with_the_ratios_to_the_fastest_peer():
    rows = [
        speed_row(peer="a peer of an earlier run", peer_value=99.0, commit="fedcba9876543210"),
        speed_row(ratio=9.0),
    ]
    rows += [speed_row(), speed_row(peer="jax, jitted step", peer_value=20.0, ratio=1.5), speed_row(backend="torch")]
    rows += [speed_row(benchmark="step_16", ratio=0.5), speed_row(benchmark="step_2")]
    overview, details = tables(records.performance_page({"language": rows}))
    assert overview == [
        ["benchmark", "fastest peer", "JAX", "PyTorch"],
        ["`step`", "plain torch", "**1.25**", "**1.25**"],
        ["`step_2`", "plain torch", "**1.25**", ""],
        ["`step_16`", "plain torch", "0.50", ""],
    ]
    assert details[1] == [
        *("`step` (images/s)", "JAX", "30.0", "plain torch", "24.0", "1.25", "jax, jitted step", "20.0", "1.50", "3"),
    ]
    assert details[2][6:9] == ["", "", ""]  # the peer's name does not begin with that of the framework


def test_performance_keeps_speeds_that_only_an_earlier_commit_has():
    gpu = {**COMMON["machine"], "gpu": "Loom 9"}
    others = ({"backend": "torch"}, {"machine": gpu}, {"benchmark": "another"})
    rows = [*(speed_row(commit="fedcba9876543210", **other) for other in others), speed_row()]
    page = records.performance_page({"language": rows})
    assert len(tables(page)[0]) == 1 + 3  # on the CPU `step` has two backends
    assert page.count("commit `fedcba98`") == 2
    assert page.count("commit `01234567`; `fedcba98`") == 1


def test_chart_shows_the_ratios_of_the_table():
    figure = records.performance_chart(
        [recipe_row(), speed_row(ratio=2.0), speed_row(peer="jax", peer_value=9.0, ratio=0.5)]
    )
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["step", "JAX"]
    assert [bar.get_width() + 1 for bar in ax.patches] == [2.0, 0.5]
    assert ax.get_xscale() == "log"


def test_pages_in_the_docs_are_generated():
    rows = records.read_rows(DOCS)
    assert (DOCS / "results.md").read_text(encoding="utf-8") == records.results_page(rows, RECIPES)
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == records.performance_page(rows)
    charts = {topic for topic, some in rows.items() if any(row["kind"] == "speed" for row in some)}
    assert {path.stem for path in (DOCS / "results").glob("*.png")} == charts


def test_text_of_a_row_is_text_on_the_page():
    """Whatever a row says, the page has the same headings, tables and cells, and no tag, link or code of the row's."""
    bad = "x |\n\n# Head\n\n<script>alert(1)</script> [a](b) ![a](b) `code` *b* _i_ ~~s~~ $m$ {ref}`x` \\| &amp; https"
    texts = {key: bad for key, value in recipe_row().items() if isinstance(value, str) and key != "kind"}
    texts |= {"machine": {"cpu": bad, "cores": 2, "gpu": bad}, "versions": {bad: bad}}
    plain = {key: "x" for key in texts} | {"machine": {"cpu": "x", "cores": 2, "gpu": "x"}, "versions": {"x": "x"}}
    speeds = {key: texts.get(key, bad) for key, value in speed_row().items() if isinstance(value, str | dict)}
    parser = markdown_it.MarkdownIt("gfm-like", {"linkify": False})

    def structure(recipe, speed):
        speed = {key: speed[key] for key in speed if key != "kind"}
        pages = results_page([recipe_row(**recipe)]), records.performance_page({"language": [speed_row(**speed)]})
        blocks = [block for page in pages for block in parser.parse(page)]
        return [(block.type, [child.type for child in block.children or ()]) for block in blocks]

    assert structure(texts, speeds) == structure(plain, {key: plain.get(key, "x") for key in speeds})
    figure = records.performance_chart([speed_row(benchmark="$x_{1$", backend="a$_$")])
    figure.savefig(io.BytesIO())  # it would fail on a formula that does not end
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["$x_{1$", "a$_$"]


@pytest.fixture
def docs(tmp_path):
    """An empty folder for results."""
    (tmp_path / "docs" / "results").mkdir(parents=True)
    return tmp_path / "docs"


def test_record_appends_and_writes_the_pages(docs):
    path = docs / "results" / "language.jsonl"
    records.record_results([recipe_row(size="x\n\n# Injected\n\n<script>alert(1)</script>")], "language", docs, RECIPES)
    records.record_results([recipe_row(value=1), recipe_row(value=2)], "language", docs, RECIPES)
    records.record_speeds([speed_row()], "language", docs)
    assert [json.loads(line)["value"] for line in path.read_text().splitlines()] == [1.5, 1, 2, 30.0]
    rows = records.read_rows(docs)
    assert rows["language"][1:] == [recipe_row(value=1), recipe_row(value=2), speed_row()]
    assert (docs / "results.md").read_text() == records.results_page(rows, RECIPES)
    assert (docs / "performance.md").read_text() == records.performance_page(rows)
    assert (docs / "results" / "language.png").read_bytes().startswith(b"\x89PNG")
    for page in docs.glob("*.md"):
        assert "<script>" not in page.read_text()
        assert "\n# Injected" not in page.read_text()
    before = {path: path.read_bytes() for path in docs.rglob("*.*")}
    records.write_pages(docs, RECIPES)
    assert {path: path.read_bytes() for path in docs.rglob("*.*")} == before


def test_two_processes_lose_no_row(docs):
    """Each appends ten rows, one call each, as soon as the other is ready as well."""
    code = """
import json, pathlib, sys, time
from keras_course import records
name, docs, row = sys.argv[1], pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])
(docs / name).touch()
while len(list(docs.glob("ready-*"))) < 2:
    time.sleep(0.001)
for seed in range(10):
    records.record_results([{**row, "recipe": name, "seed": seed}], "language", docs, {})
"""
    command = [sys.executable, "-c", code]
    workers = [subprocess.Popen([*command, f"ready-{i}", str(docs), json.dumps(recipe_row())]) for i in range(2)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    rows = records.read_rows(docs)["language"]
    assert sorted((row["recipe"], row["seed"]) for row in rows) == [
        (f"ready-{i}", s) for i in range(2) for s in range(10)
    ]
    assert (docs / "results.md").read_text() == records.results_page({"language": rows}, {})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "other"}, "kind='other' is none of 'recipe', 'speed'"),
        ({key: value for key, value in speed_row().items() if key != "peer"}, "lacks peer"),
        (speed_row(speed=3), "has speed"),
        ({"kind": ["speed"]}, "kind="),
        (speed_row(value=float("nan")), "value=nan of a row must be a finite number"),
        (speed_row(rounds=True), "rounds=True of a row must be of type int"),
        (recipe_row(size=3), "size=3 of a row must be of type str"),
        (recipe_row(higher_is_better=1), "higher_is_better=1 of a row must be of type bool"),
        (recipe_row(machine={"cpu": "Abacus 3"}), "cores=None"),
        (recipe_row(versions={"jax": 1}), "jax=1"),
    ],
)
def test_bad_rows(row, message, docs):
    record = records.record_speeds if row["kind"] == "speed" else lambda *rest: records.record_results(*rest, RECIPES)
    with pytest.raises(ValueError, match=message):
        record([row], "language", docs)
    assert not [path for path in docs.rglob("*.*") if path.name != ".lock"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[]", "it is not a JSON object"),
        (b"{", "Expecting property name"),
        (b"", "Expecting value"),
        (json.dumps(recipe_row(value=float("nan"))).encode(), "NaN is not JSON"),
        (json.dumps(recipe_row(value="1")).encode(), "value='1' of a row must be of type"),
        (b'"\xff"', "can't decode byte 0xff"),
    ],
)
def test_broken_lines_are_named(line, reason, docs):
    path = docs / "results" / "language.jsonl"
    content = b"\n".join([json.dumps(recipe_row()).encode(), line, b""])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"language\.jsonl, line 2 does not hold a result: .*{reason}"):
        records.record_results([recipe_row()], "language", docs, RECIPES)
    assert path.read_bytes() == content


def test_refusals(docs):
    with pytest.raises(ValueError, match="topic='cooking' is none of 'fundamentals'"):
        records.record_speeds([speed_row()], "cooking", docs)
    with pytest.raises(ValueError, match="kind='recipe' is none of 'speed'"):
        records.record_speeds([recipe_row()], "language", docs)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with a clean package in it, from which the package seems to be imported."""
    (tmp_path / "keras_course").mkdir()
    (tmp_path / "keras_course" / "__init__.py").write_text("")
    (tmp_path / "docs" / "results").mkdir(parents=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True, timeout=60)
    monkeypatch.setattr(_machine, "PACKAGE", tmp_path / "keras_course")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_clean_checkout_may_record(checkout):
    assert records.docs_of_checkout() == checkout / "docs"
    assert len(_machine.commit()) == 40
    (checkout / "notes.txt").write_text("outside the package")
    assert records.docs_of_checkout().exists()


def test_others_may_not_record(checkout, tmp_path, monkeypatch):
    file = checkout / "keras_course" / "__init__.py"
    file.write_text("changed")
    with pytest.raises(ValueError, match=r"uncommitted changes.*__init__\.py"):
        records.docs_of_checkout()
    file.write_text("")
    (checkout / "keras_course" / "new.py").write_text("")
    with pytest.raises(ValueError, match=r"uncommitted changes.*new\.py"):
        records.docs_of_checkout()
    with pytest.raises(FileNotFoundError, match="there is no"):
        records.docs_of_checkout(checkout / "docs")
    monkeypatch.setattr(_machine, "PACKAGE", pathlib.Path("/somewhere/else/keras_course"))
    with pytest.raises(ValueError, match="another checkout"):
        records.docs_of_checkout()


def test_package_outside_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(_machine, "PACKAGE", tmp_path)
    assert _machine.commit() is None


def test_curves_are_those_of_recorded_runs():
    rows = [row for some in records.read_rows(DOCS).values() for row in some]
    found = sorted((DOCS / "curves").glob("*.csv"))
    assert len(found) == 8
    for path in found:
        with path.open(encoding="utf-8") as file:
            last = list(csv.DictReader(file))[-1]
        values = [row["value"] for row in rows if row["kind"] == "recipe" and row["recipe"] == path.stem]
        assert 100 - 100 * float(last["val_accuracy"]) == pytest.approx(values[-1], abs=1e-4), path.stem
