"""What the tasks of annotated images share: pixels as inputs, and batches that are changed with their annotations."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_course import datasets
from keras_course.checks import string
from keras_course.recipes._task import Data, Task


@dataclasses.dataclass(frozen=True)
class Annotated(Task):
    data: str

    def __post_init__(self):
        string(data=self.data)

    def on(self, data) -> Task:
        """Return the same task on another set of annotated images, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("annotated",)))


class AnnotatedData(Data):
    """Images with annotations; pixels are standardized over all training images.

    Attributes:
        y: the targets of the training images, (N, ...).
    """

    def __init__(self, task, needed):
        self.task = task
        self.train, self.test = datasets.get_dataset(task.data).load()
        if getattr(self.train, needed) is None:
            raise ValueError(f"data={task.data!r} has no {needed}, which this task needs")
        pixels = self.train.images
        self.center, self.deviation = float(pixels.mean()), float(pixels.std()) or 1.0
        self.test_x = self.inputs(self.test.images)
        self.size = f"{len(pixels):,} + {len(self.test.images):,} images"
        self.facts = {"standardization": {"center": self.center, "deviation": self.deviation}}

    def inputs(self, images) -> np.ndarray:
        """Return standardized images as float32."""
        return ((images - np.float32(self.center)) / np.float32(self.deviation)).astype("float32")

    def change(self, images, targets, rng) -> tuple[np.ndarray, np.ndarray]:
        """Return images and targets of a batch, changed at random but together."""
        return images, targets

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        rows = datasets.example_batches(np.arange(len(self.y)), self.y, batch_size, **options)
        number = start_epoch * steps_per_epoch
        k = 0
        while True:
            chosen, targets = rows[k]
            rng = np.random.default_rng((seed, number + k, 1))
            images, targets = self.change(self.train.images[chosen], targets, rng)
            yield self.inputs(images), targets
            k += 1
