"""The benchmark that trains chemprop on our splits: it writes all molecules, and reads what chemprop predicts."""

import csv
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.peers import graphs_molecules  # noqa: E402
from keras_course import datasets  # noqa: E402
from keras_course.records import check_row  # noqa: E402

PEER = """#!{python}
import csv, pathlib, sys
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
if sys.argv[1] == "--version":
    print("chemprop 2.0.0")
    sys.exit()
rows = list(csv.DictReader(open(arguments["--data-path"])))
folder = pathlib.Path(arguments["--output-dir"], "model_0")
folder.mkdir(parents=True)
with open(folder / "test_predictions.csv", "w") as stream:
    print("smiles,solubility", file=stream)
    for row in rows:
        if row["split"] == "test":
            print(row["smiles"], float(row["solubility"]) + 0.5, sep=",", file=stream)
"""


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setattr(datasets, "esol", lambda seed: datasets.toy_molecules(20, num_test=5, seed=seed))


def test_a_split_is_written(toys, tmp_path):
    parts = graphs_molecules.write_split(tmp_path / "split.csv", seed=1)
    with open(tmp_path / "split.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["smiles"] for row in rows] == [smiles for part in parts for smiles in part.smiles]
    assert [row["split"] for row in rows] == ["train"] * 20 + ["val"] * 5 + ["test"] * 5


def test_the_error_of_what_a_peer_predicts(toys, tmp_path):
    command = tmp_path / "chemprop"
    command.write_text(PEER.format(python=sys.executable))
    command.chmod(0o755)
    values, minutes = zip(*(graphs_molecules.measure(str(command), seed) for seed in range(2)), strict=True)
    assert values == pytest.approx([0.5, 0.5], abs=1e-5)
    row = graphs_molecules.row(str(command), values, minutes)
    check_row(row)
    assert row["versions"] == {"chemprop": "2.0.0"}
    command.write_text(f"#!{sys.executable}\nraise SystemExit('no data')")
    with pytest.raises(RuntimeError, match="no data"):
        graphs_molecules.measure(str(command), 0)
