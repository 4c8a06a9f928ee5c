"""What chemprop reaches on the splits of `esol_dmpnn`, with its own defaults: a line beside ours in the results.

    python -m benchmarks.peers.graphs_molecules [--chemprop COMMAND] [--seeds 5] [--record]

chemprop is the package of the authors of the D-MPNN. It trains on the molecules of our training part, keeps the
weights of the best epoch on the validation part, and predicts the test part. It needs PyTorch and Lightning, so it may
live in an environment of its own; `--chemprop` names its command there.
"""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from keras_course import datasets, records
from keras_course.recipes import RECIPES

RECIPE = "esol_dmpnn"
COLUMNS = ("smiles", "solubility", "split")


def write_split(path, seed):
    """Write the molecules of a split, with the part of each in the column `split`; return the three parts."""
    parts = datasets.esol(seed=seed)
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for name, part in zip(("train", "val", "test"), parts, strict=True):
            writer.writerows((smiles, y, name) for smiles, y in zip(part.smiles, part.solubility, strict=True))
    return parts


def measure(command, seed):
    """Train chemprop on a split; return the RMSE of the test part and the minutes."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        test = write_split(folder / "esol.csv", seed)[2]
        arguments = ["train", "--data-path", folder / "esol.csv", "--output-dir", folder / "out"]
        arguments += ["--smiles-columns", "smiles", "--target-columns", "solubility", "--splits-column", "split"]
        arguments += ["--accelerator", "cpu", "--pytorch-seed", seed, "--data-seed", seed]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        start = time.perf_counter()
        done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(f"chemprop failed:\n{done.stderr[-2000:]}")
        minutes = (time.perf_counter() - start) / 60
        (found,) = folder.glob("out/**/test_predictions.csv")
        with open(found, newline="") as stream:
            predicted = {row["smiles"]: float(row["solubility"]) for row in csv.DictReader(stream)}
    errors = [predicted[smiles] - y for smiles, y in zip(test.smiles, test.solubility, strict=True)]
    return float(statistics.fmean(error**2 for error in errors) ** 0.5), minutes


def row(command, values, minutes):
    """Return the row for `docs/results`: the row of the recipe, with the peer in place of the backend."""
    recipe = RECIPES[RECIPE]
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    return {
        "kind": "recipe",
        "recipe": RECIPE,
        "backend": "chemprop",
        "seed": 0,
        "metric": str(recipe.task.metric),
        "value": statistics.fmean(values),
        **{key: getattr(recipe, key) for key in ("expected", "tolerance", "published", "source")},
        "data": recipe.task.data,
        "size": "902 + 113 + 113 molecules",
        "steps": 50 * 15,  # its epochs, and its batches of 64 in an epoch
        "parameters": 318_301,
        "device": "cpu",
        "minutes": round(sum(minutes), 2),
        "parts": len(values),
        **({"deviation": statistics.stdev(values)} if len(values) > 1 else {}),
        **records.origin(),
        "versions": {"chemprop": version},
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.graphs_molecules", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--chemprop", default="chemprop", help="its command, such as ~/env/bin/chemprop")
    parser.add_argument("--seeds", type=int, default=5, help="splits, as the parts of the recipe (default 5)")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds} must be at least 1")
    docs = records.docs_of_checkout() if options.record else None
    found = []
    for seed in range(options.seeds):
        found.append(measure(options.chemprop, seed))
        print(f"split {seed}: RMSE {found[-1][0]:.4f}, {found[-1][1]:.1f} minutes", flush=True)
    values, minutes = zip(*found, strict=True)
    print(f"{RECIPE}: chemprop {statistics.fmean(values):.4f}, {', '.join(f'{v:.4f}' for v in values)}")
    if docs is not None:
        records.record_results([row(options.chemprop, values, minutes)], "graphs", docs, RECIPES)


if __name__ == "__main__":
    main()
