"""What the tasks whose examples are arrays share: batches of examples, and the loss of classes."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from keras_course import datasets
from keras_course.recipes._task import Data


class ArrayData(Data):
    """Examples in memory.

    Attributes:
        x, y: the training examples: arrays, or dicts of arrays.
        augment: function `(x, rng) -> x` that changes the inputs of a training batch, or None.
    """

    x: Any
    y: Any
    augment: Callable | None = None

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> "datasets.ExampleBatches":
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        return datasets.example_batches(self.x, self.y, batch_size, augment=self.augment, **options)


class ClassData(ArrayData):
    """Examples with integer classes, of a model that returns logits."""

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"]}


class UnlabeledData(Data):
    """Examples without targets, of a model that owns its loss.

    Attributes:
        x: the training examples: an array, or a dict of arrays.
    """

    x: Any

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        count = len(next(iter(self.x.values())) if isinstance(self.x, dict) else self.x)
        batches = datasets.example_batches(self.x, np.zeros(count), batch_size, **options)
        return (batches[k][:1] for k in itertools.count())
