"""The task of folding: distances between residues, and a structure, from an alignment of sequences."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import fraction, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches


@dataclasses.dataclass(frozen=True)
class FoldChains(Task):
    """Predict the fold of chains that no training chain has; the metric is the error of the predicted distances.

    A distance is the mean of its distribution in the distogram. The error is the mean absolute error over all pairs of
    different residues of the test chains, in Angstrom. Beside it stands the error of the median of each distance over
    the training chains, the best that one map for all chains can do. A model with a structure module also
    gets the lDDT and the TM-score of its last structure. They stand beside the scores of one training structure for all
    test chains, the one whose distances are nearest to the mean.

    Args:
        num_train: number of training chains.
        num_test: number of validation chains and of test chains.
        num_sequences: sequences of an alignment.
        coupling: probability that a pair determines a letter; see `keras_course.datasets.toy_chains`.
    """

    num_train: int = 4_096
    num_test: int = 128
    num_sequences: int = 16
    coupling: float = 0.9
    metric: ClassVar[Metric] = Metric("distance error", "Angstrom")
    data: ClassVar[str] = "toy_chains"

    def __post_init__(self):
        sizes = {"num_train": self.num_train, "num_test": self.num_test, "num_sequences": self.num_sequences}
        whole_number(1, **sizes)
        fraction(coupling=self.coupling)

    def load(self, part=0, start=None) -> "ChainData":
        return ChainData(self)


class ChainData(Data):
    """Alignments and positions."""

    num_outputs = 40  # bins of a distogram
    loss_unit = "nats/pair, and the structure loss if there is one"

    def __init__(self, task):
        options = {"num_test": task.num_test, "num_sequences": task.num_sequences, "coupling": task.coupling}
        self.train, self.valid, self.test = datasets.toy_chains(task.num_train, **options)
        self.size = f"{task.num_train:,} + {task.num_test:,} + {task.num_test:,} chains"
        self.heads = False  # whether the model has a structure beside the distogram
        self.validation = self._validation_batches()

    def _validation_batches(self):
        return in_batches((self.valid.alignment, self.valid.positions), 32)

    def arguments(self, build) -> dict:
        _, sequences, positions = self.train.alignment.shape
        return {"num_positions": positions, "num_letters": 4, "num_sequences": sequences}

    def objective(self, model) -> dict:
        from keras_course.attention import DistogramLoss, StructureLoss

        self.heads = isinstance(model.output, dict)
        self.validation = [(x, self._targets(y)) for x, y in self._validation_batches()]
        if not self.heads:
            return {"loss": DistogramLoss()}
        return {"loss": {"distogram": DistogramLoss(), "frames": StructureLoss()}}

    def _targets(self, positions):
        return {"distogram": positions, "frames": positions} if self.heads else positions

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        batches = datasets.example_batches(self.train.alignment, self.train.positions, batch_size, **options)
        if not self.heads:
            return batches
        return ((x, self._targets(y)) for x, y in (batches[k] for k in itertools.count()))

    def _predict(self, model, alignment):
        """Return distances (N, L, L) and positions (N, L, 3), or None without a structure module."""
        from keras_course.attention import expected_distances

        outputs = model.predict(alignment, batch_size=32, verbose=0)
        if not isinstance(outputs, dict):
            return expected_distances(outputs), None
        return expected_distances(outputs["distogram"]), outputs["frames"][:, -1, :, :, 3]

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.metrics import distance_error, pairwise_distances

        distances, positions = self._predict(model, self.test.alignment)
        true = pairwise_distances(self.test.positions)
        median = np.median(pairwise_distances(self.train.positions), axis=0)
        found = {
            "distance error": distance_error(true, distances),
            "distance error of the median map": distance_error(true, np.broadcast_to(median, true.shape)),
        }
        if positions is not None:
            one = self._best_single()
            scores = _scores(self.test.positions, positions), _scores(self.test.positions, [one] * len(positions))
            for name, values in zip(("", " of one structure"), scores, strict=True):
                found |= {f"lDDT{name}": values[0], f"TM-score{name}": values[1]}
        return found

    def _best_single(self):
        """Return the training structure whose distances are nearest to their mean over the training chains."""
        from keras_course.metrics import pairwise_distances

        distances = pairwise_distances(self.train.positions)
        return self.train.positions[np.abs(distances - distances.mean(axis=0)).mean(axis=(1, 2)).argmin()]

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the distances of the first test chains: true above, predicted below."""
        from matplotlib import colormaps

        from keras_course.metrics import pairwise_distances

        chains = self.test.alignment[:4], pairwise_distances(self.test.positions[:4])
        rows = np.stack([chains[1], self._predict(model, chains[0])[0]])  # (2, N, L, L)
        image = np.concatenate([np.concatenate(list(row), axis=1) for row in rows / rows.max()])
        colors = colormaps["viridis_r"](np.kron(image, np.ones((6, 6))))[..., :3]
        return np.round(255 * colors).astype("uint8")


def _scores(true, predicted):
    """Return the mean lDDT and the mean TM-score of structures."""
    from keras_course.metrics import lddt, tm_score

    pairs = list(zip(true, predicted, strict=True))
    return tuple(float(np.mean([score(*pair) for pair in pairs])) for score in (lddt, tm_score))
