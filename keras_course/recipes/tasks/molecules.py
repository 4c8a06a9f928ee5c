"""The tasks of molecules: their solubility, and a library that is ranked by a predicted activity.

A molecule is a graph, read from its SMILES string. A batch is cut to the size of its largest molecule.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from keras_course import datasets
from keras_course._registry import parameters_of
from keras_course.checks import one_of, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches

SETS, FEATURES = ("esol", "toy_molecules"), ("chemprop", "course")
VALIDATED = 200  # molecules of a screening on which the loss is measured after each epoch


@dataclasses.dataclass(frozen=True)
class Solubility(Task):
    """Predict the solubility of molecules in water; the metric is the root mean squared error on the test molecules.

    Beside it stands the error of the best constant, the mean of the training molecules.

    Args:
        data: "esol" or "toy_molecules".
        features: "chemprop" or "course"; see `keras_course.graphs.molecule_graph`.
        parts: number of random splits; part k is split with seed k. The value is the mean over the splits.
    """

    data: str = "esol"
    features: str = "chemprop"
    parts: int = 1
    metric: ClassVar[Metric] = Metric("test RMSE", "log10(mol/l)")

    def __post_init__(self):
        one_of(SETS, data=self.data)
        one_of(FEATURES, features=self.features)
        whole_number(1, parts=self.parts)

    def on(self, data) -> Task:
        """Return the same task on the other data set."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("molecules",)))

    def load(self, part=0, start=None) -> "SolubilityData":
        return SolubilityData(self, part)


@dataclasses.dataclass(frozen=True)
class Screening(Task):
    """Find active molecules in a library; the metric is the percentage of active ones among the best of the ranking.

    Several networks are trained on the same molecules from different initial weights, and the library is ranked by the
    mean of their probabilities. Beside the metric stand the percentage of active molecules in the whole library and two
    areas under ROC curves: of the probability as a test for active molecules, and of the deviation of the networks as a
    test for wrong predictions.

    Args:
        num_train: number of training molecules.
        num_library: number of molecules that are ranked.
        top: how many of them count.
        parts: number of networks.
    """

    num_train: int = 1_000
    num_library: int = 2_000
    top: int = 100
    parts: int = 3
    metric: ClassVar[Metric] = Metric("hits in the top of the ranking", "%", higher_is_better=True)
    data: ClassVar[str] = "toy_molecules"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_library=self.num_library, parts=self.parts)
        whole_number(1, at_most=self.num_library, top=self.top)

    def load(self, part=0, start=None) -> "ScreeningData":
        return _screening_data(self)

    def combine(self, models: Sequence[Any], metrics: Sequence[dict[str, float]]) -> dict[str, float]:
        """Return the metrics of the mean of all networks, and the mean metrics of a single one."""
        data = self.load()
        probabilities = np.stack([data.predict(model) for model in models])
        found = data.score(probabilities.mean(axis=0))
        if len(models) > 1:
            wrong = (probabilities.mean(axis=0) > 0.5) != data.library.active
            found["ROC AUC of the deviation for errors"] = roc_auc(wrong, probabilities.std(axis=0))
        single = super().combine(models, metrics)
        return found | {f"{name}, one network": single[name] for name in data.score(probabilities[0])}


def cut_to_largest(inputs: dict) -> dict:
    """Return padded graphs without the columns that are padding in all rows.

    The number of nodes is rounded up to a multiple of 8, and the number of edges follows from it, so that there are few
    shapes to compile.
    """
    largest = ((inputs[ids] >= 0).sum(axis=1).max() for ids in ("graph_ids", "receivers"))
    num_nodes, num_edges = _sizes(*largest)
    sizes = {"nodes": num_nodes, "graph_ids": num_nodes, "globals": None}
    return {name: array[:, : sizes.get(name, num_edges)] for name, array in inputs.items()}


def _sizes(num_nodes, num_edges):
    """Return the padded numbers of nodes and edges of a batch whose largest graphs have these."""
    size = 8 * int(np.ceil(max(num_nodes, (num_edges - 16) / 2, 1) / 8))
    return size, 2 * size + 16


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that a positive has a higher score than a negative; 0.5 where one of them is missing."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores)) if 0 < np.mean(positive) < 1 else 0.5


class MoleculeData(Data):
    """Molecules as graphs, in three parts, with a target each."""

    def __init__(self, parts, features, targets):
        from keras_course.graphs import batch_graphs, molecule_graph

        graphs = [[molecule_graph(smiles, features=features) for smiles in part.smiles] for part in parts]
        most = (max(getattr(graph, size) for part in graphs for graph in part) for size in ("num_nodes", "num_edges"))
        num_nodes, num_edges = (1 + size for size in _sizes(*most))  # more than any batch has once it is cut
        self.x, self.valid_x, self.test_x = (batch_graphs(g, num_nodes=num_nodes, num_edges=num_edges) for g in graphs)
        self.y, self.valid_y, self.test_y = (target.astype("float32")[:, None] for target in targets)
        first, *others = in_batches((self.valid_x, self.valid_y))
        self.validation = [first, *((cut_to_largest(x), y) for x, y in others)]
        self.size = f"{' + '.join(f'{len(part.smiles):,}' for part in parts)} molecules"

    def arguments(self, build) -> dict:
        widths = {"num_features": self.x["nodes"].shape[-1], "num_edge_features": self.x["edges"].shape[-1]}
        return {name: width for name, width in widths.items() if name in parameters_of(build)} | {"num_outputs": 1}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> "datasets.ExampleBatches":
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        return datasets.example_batches(self.x, self.y, batch_size, trim=cut_to_largest, **options)

    @staticmethod
    def outputs(model, x) -> np.ndarray:
        """Return the outputs `(N,)` for padded graphs."""
        batches = [cut_to_largest(batch) for (batch,) in in_batches((x,), 128)]
        return np.concatenate([model.predict_on_batch(batch)[:, 0] for batch in batches])


class SolubilityData(MoleculeData):
    """Molecules with log S. The target of the model is standardized over the training molecules."""

    loss_unit = "variances of log S"

    def __init__(self, task, part):
        parts = datasets.get_dataset(task.data).load(seed=part)
        self.mean, self.deviation = (float(f(parts[0].solubility)) for f in (np.mean, np.std))
        targets = [(molecules.solubility - self.mean) / self.deviation for molecules in parts]
        super().__init__(parts, task.features, targets)
        self.test = parts[2]
        self.facts = {"outputs": {"mean": self.mean, "deviation": self.deviation}}

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.MeanSquaredError()}

    def predict(self, model, x) -> np.ndarray:
        """Return log S of padded graphs."""
        return self.mean + self.deviation * self.outputs(model, x)

    def measure(self, model, row, seed) -> dict[str, float]:
        wrong = self.predict(model, self.test_x) - self.test.solubility
        constant = self.mean - self.test.solubility
        found = {"test RMSE": wrong, "test RMSE of the mean": constant}
        found = {name: float(np.sqrt(np.mean(errors**2))) for name, errors in found.items()}
        return found | {"validation RMSE": self.deviation * row.get("val_loss", float("nan")) ** 0.5}

    def sample(self, model, seed) -> dict:
        """Return the test molecules with their measured and their predicted solubility, as columns."""
        predicted = self.predict(model, self.test_x)
        return {"smiles": self.test.smiles, "measured": self.test.solubility, "predicted": predicted}


class ScreeningData(MoleculeData):
    """Molecules, active or not."""

    loss_unit = "nats/molecule"

    def __init__(self, task):
        self.task = task
        train, validation, self.library = datasets.toy_molecules(task.num_train, num_test=task.num_library)
        parts = train, datasets.Molecules(*(column[:VALIDATED] for column in validation)), self.library
        super().__init__(parts, "chemprop", [molecules.active for molecules in parts])

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.BinaryCrossentropy(from_logits=True)}

    def predict(self, model) -> np.ndarray:
        """Return the probability that a molecule of the library is active, `(N,)`."""
        return 1 / (1 + np.exp(-self.outputs(model, self.test_x).astype("float64")))

    def score(self, probabilities) -> dict[str, float]:
        """Return the metrics of a ranking."""
        best = np.argsort(-probabilities, kind="stable")[: self.task.top]
        return {
            "hits in the top of the ranking": 100 * float(self.library.active[best].mean()),
            "active molecules": 100 * float(self.library.active.mean()),
            "ROC AUC": roc_auc(self.library.active, probabilities),
        }

    def measure(self, model, row, seed) -> dict[str, float]:
        return self.score(self.predict(model))

    def sample(self, model, seed) -> dict:
        """Return the best molecules of the ranking, as columns."""
        probabilities = self.predict(model)
        best = np.argsort(-probabilities, kind="stable")[: self.task.top]
        smiles = [self.library.smiles[k] for k in best]
        return {"smiles": smiles, "probability": probabilities[best], "active": self.library.active[best].astype(int)}


@functools.lru_cache(maxsize=1)  # the networks of an ensemble see the same graphs
def _screening_data(task):
    return ScreeningData(task)
