"""The task of recurrent networks: tell whether a sequence of symbols is a palindrome.

Symbols are one-hot vectors, and padding is a vector of zeros.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import whole_number
from keras_course.recipes._task import Metric, Task, in_batches
from keras_course.recipes.tasks._arrays import ClassData


@dataclasses.dataclass(frozen=True)
class Palindromes(Task):
    """Classify sequences as palindromes or not; the metric is the cross-entropy on test sequences of the same lengths.

    Args:
        num_symbols: number of symbols.
        max_length: longest length of a training sequence; the shortest one is 1.
        num_train: number of training sequences.
        num_test: number of test sequences.
    """

    num_symbols: int = 5
    max_length: int = 10
    num_train: int = 10_000
    num_test: int = 2_000
    metric: ClassVar[Metric] = Metric("test loss", "nats")
    data: ClassVar[str] = "palindromes"

    def __post_init__(self):
        whole_number(2, num_symbols=self.num_symbols)
        whole_number(1, max_length=self.max_length, num_train=self.num_train, num_test=self.num_test)

    def load(self, part=0, start=None) -> "Sequences":
        return Sequences(self)


class Sequences(ClassData):
    """Sequences as one-hot vectors, and whether each is a palindrome."""

    loss_unit = "nats/sequence"
    num_outputs = 2

    def __init__(self, task):
        self.task = task
        self.x, self.y = self._sequences(task.num_train, seed=0)
        self.test_x, self.test_y = self._sequences(task.num_test, seed=1)
        self.validation = in_batches((self.test_x, self.test_y), 500)
        self.size = f"{len(self.x):,} + {len(self.test_x):,} sequences"

    def _sequences(self, count, **options):
        """Return sequences (N, T, symbols) and labels."""
        options = {"num_symbols": self.task.num_symbols, "max_length": self.task.max_length} | options
        x, y = datasets.palindromes(count, **options)
        return np.eye(self.task.num_symbols + 1, dtype="float32")[x][..., 1:], y

    def arguments(self, build) -> dict:
        return {"input_shape": (None, self.task.num_symbols), "num_outputs": self.num_outputs}

    def measure(self, model, row, seed) -> dict[str, float]:
        errors = self.sample(model, seed)
        longer = [error for length, error in zip(*errors.values(), strict=True) if length > self.task.max_length]
        return {
            "test loss": row["val_loss"],
            "test error in %": 100 * (1 - row["val_accuracy"]),
            "test error on longer sequences in %": float(np.mean(longer)),
        }

    def sample(self, model, seed) -> dict:
        """Return the test error for each length, up to twice the longest of the training sequences."""
        lengths, errors = list(range(2, 2 * self.task.max_length + 1)), []
        for length in lengths:
            x, y = self._sequences(500, min_length=length, max_length=length, seed=length)
            padded = np.pad(x, [(0, 0), (0, 2 * self.task.max_length - length), (0, 0)])  # one shape for all
            found = model.predict(padded, batch_size=500, verbose=0).argmax(axis=1)
            errors.append(100 * float((found != y).mean()))
        return {"length": lengths, "error in %": errors}
