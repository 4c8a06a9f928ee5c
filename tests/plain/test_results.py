"""Recorded results: what a row must have, which runs may be recorded, and the page that is generated."""

import csv
import dataclasses
import json
import pathlib
import subprocess

import markdown_it
import numpy as np
import pytest

from keras_course import _machine, _results, datasets
from keras_course.recipes import RECIPES, record_result, results_page

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
        "unit": "ms",
        "peer": "plain torch",
        "ratio": 1.25,
        "peer_value": 24.0,
        "rounds": 3,
    }
    return row | COMMON | changes


def table(page):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]


def test_page_has_the_mean_over_seeds_of_the_latest_runs():
    rows = [recipe_row(value=9.0), recipe_row(value=1.5), recipe_row(seed=1, value=1.6, commit="fedcba9876543210")]
    rows += [recipe_row(backend="torch", value=1.7), recipe_row(recipe="other", expected=None, published=None)]
    page = results_page(rows)
    assert "Generated from results.json" in page
    heads, _, jax, torch, *_ = table(page)
    assert heads[:4] == ["backend", "mean", "single runs", "minutes"]
    assert jax[:4] == ["jax", "1.5500", "1.5000 (seed 0), 1.6000 (seed 1)", "2.0"]
    assert jax[6] == "`01234567`; `fedcba98`"
    assert torch[:2] == ["torch", "1.7000"]
    assert page.count("Expected: at most 1.6") == page.count("Published: 1.4 (a paper)") == 1
    assert "12,345 parameters" in page


def test_a_gpu_has_rows_of_its_own():
    gpu = {**COMMON["machine"], "gpu": "Loom 9"}
    for row in (recipe_row, speed_row):
        page = results_page([row(), row(value=1.25, machine=gpu)])
        _, _, here, there = table(page)
        assert "Abacus 3, 2 cores" in " ".join(here)
        assert "Loom 9, Abacus 3, 2 cores" in " ".join(there)
        assert "Loom" not in " ".join(here)


def test_machine_names_the_first_gpu(monkeypatch, tmp_path):
    assert set(_machine.machine()) - {"gpu"} == {"cpu", "cores", "system"}
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho Loom 9\necho Loom 8\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert _machine.machine()["gpu"] == "Loom 9"


def test_page_has_the_note_of_the_recipe(monkeypatch):
    noted = dataclasses.replace(RECIPES["digits_mlp"], name="some", note="Digits are small.")
    monkeypatch.setitem(RECIPES, "some", noted)
    page = results_page([recipe_row(), recipe_row(recipe="other")])
    assert page.count("\nDigits are small.\n\n| backend") == page.count("Digits") == 1


def test_note_on_the_python_docs_is_true():
    train, held_out = datasets.split_text(datasets.text("python_docs"), 0.9)
    known = {train[i : i + 40] for i in range(len(train) - 39)}
    share = np.mean([held_out[i : i + 40] in known for i in range(len(held_out) - 39)])
    assert "about 15 % of the 40-character pieces" in RECIPES["python_docs_cpu"].note
    assert share == pytest.approx(0.15, abs=0.03)  # the text differs a little between versions of Python


def test_page_has_speeds_beside_their_peers():
    rows = [speed_row(peer="a peer of an earlier run", commit="fedcba9876543210"), speed_row(ratio=9.0)]
    rows += [speed_row(), speed_row(peer="transformers", ratio=0.5)]
    _, _, *cells = table(results_page(rows))
    assert [row[:7] for row in cells] == [
        ["step", "jax", "30.0 ms", "plain torch", "24.0", "1.25", "3"],
        ["step", "jax", "30.0 ms", "transformers", "24.0", "0.50", "3"],
    ]


def test_page_keeps_speeds_that_only_an_earlier_commit_has():
    gpu = {**COMMON["machine"], "gpu": "Loom 9"}
    others = ({"backend": "torch"}, {"machine": gpu}, {"benchmark": "another"})
    rows = [*(speed_row(commit="fedcba9876543210", **other) for other in others), speed_row()]
    _, _, *cells = table(results_page(rows))
    assert sorted(row[-2] for row in cells) == ["`01234567`", *["`fedcba98`"] * 3]


def test_page_in_the_docs_is_generated():
    rows = _results.read_results(DOCS / "results.json")
    assert (DOCS / "results.md").read_text(encoding="utf-8") == results_page(rows)


def test_text_of_a_row_is_text_on_the_page():
    """Whatever a row says, the page has the same headings, tables and cells, and no tag, link or code of the row's."""
    bad = "x |\n\n# Head\n\n<script>alert(1)</script> [a](b) ![a](b) `code` *b* _i_ ~~s~~ $m$ {ref}`x` \\| &amp; https"
    texts = {key: bad for key, value in recipe_row().items() if isinstance(value, str) and key != "kind"}
    texts |= {"machine": {"cpu": bad, "cores": 2, "gpu": bad}, "versions": {bad: bad}}
    plain = {key: "x" for key in texts} | {"machine": {"cpu": "x", "cores": 2, "gpu": "x"}, "versions": {"x": "x"}}
    speeds = {key: texts.get(key, bad) for key, value in speed_row().items() if isinstance(value, str | dict)}
    parser = markdown_it.MarkdownIt("gfm-like", {"linkify": False})

    def structure(recipe, speed):
        page = results_page([recipe_row(**recipe), speed_row(**{key: speed[key] for key in speed if key != "kind"})])
        blocks = parser.parse(page)
        return [(block.type, [child.type for child in block.children or ()]) for block in blocks]

    assert structure(texts, speeds) == structure(plain, {key: plain.get(key, "x") for key in speeds})


def test_record_appends_and_writes_the_page(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("[]\n")
    record_result(recipe_row(), path)
    record_result(speed_row(), path)
    assert json.loads(path.read_text()) == [recipe_row(), speed_row()]
    assert (tmp_path / "results.md").read_text() == results_page([recipe_row(), speed_row()])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "other"}, "kind='other'"),
        ({key: value for key, value in speed_row().items() if key != "peer"}, "lacks peer"),
        (speed_row(speed=3), "has speed"),
        ({"kind": ["speed"]}, "kind="),
        (speed_row(value=float("nan")), "value=nan of a row must be a finite number"),
        (speed_row(rounds=True), "rounds=True of a row must be of type int"),
        (recipe_row(size=3), "size=3 of a row must be of type str"),
        (recipe_row(machine={"cpu": "Abacus 3"}), "cores=None"),
        (recipe_row(versions={"jax": 1}), "jax=1"),
    ],
)
def test_bad_rows(row, message, tmp_path):
    path = tmp_path / "results.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match=message):
        record_result(row, path)
    assert path.read_text() == "[]"
    for content in ("{}", "[", json.dumps([row])):
        path.write_text(content)
        with pytest.raises(ValueError, match="does not hold results"):
            record_result(recipe_row(), path)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with a clean package in it, from which the package seems to be imported."""
    (tmp_path / "keras_course").mkdir()
    (tmp_path / "keras_course" / "__init__.py").write_text("")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.json").write_text("[]")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True, timeout=60)
    monkeypatch.setattr(_machine, "PACKAGE", tmp_path / "keras_course")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_clean_checkout_may_record(checkout):
    assert _results.results_file() == checkout / "docs" / "results.json"
    assert len(_machine.commit()) == 40
    (checkout / "notes.txt").write_text("outside the package")
    assert _results.results_file().exists()


def test_others_may_not_record(checkout, tmp_path, monkeypatch):
    file = checkout / "keras_course" / "__init__.py"
    file.write_text("changed")
    with pytest.raises(ValueError, match=r"uncommitted changes.*__init__\.py"):
        _results.results_file()
    file.write_text("")
    (checkout / "keras_course" / "new.py").write_text("")
    with pytest.raises(ValueError, match=r"uncommitted changes.*new\.py"):
        _results.results_file()
    with pytest.raises(FileNotFoundError, match=r"results\.json"):
        _results.results_file(checkout / "docs")
    monkeypatch.setattr(_machine, "PACKAGE", pathlib.Path("/somewhere/else/keras_course"))
    with pytest.raises(ValueError, match="another checkout"):
        _results.results_file()


def test_package_outside_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(_machine, "PACKAGE", tmp_path)
    assert _machine.commit() is None


def test_curves_are_those_of_recorded_runs():
    rows = _results.read_results(DOCS / "results.json")
    found = sorted((DOCS / "curves").glob("*.csv"))
    assert len(found) == 8
    for path in found:
        with path.open(encoding="utf-8") as file:
            last = list(csv.DictReader(file))[-1]
        values = [row["value"] for row in rows if row["kind"] == "recipe" and row["recipe"] == path.stem]
        assert 100 - 100 * float(last["val_accuracy"]) == pytest.approx(values[-1], abs=1e-4), path.stem
