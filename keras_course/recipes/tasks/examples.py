"""The tasks of labelled examples: classification and regression of tables and images.

Nothing is chosen by what is measured between two epochs, and the last one counts, so the held-out part is a test set.
Inputs are standardized by mean and standard deviation over the training examples: those of each feature of a table,
one pair for all pixels of an image.
"""

import dataclasses
import functools
import hashlib
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course._registry import data_arguments
from keras_course.checks import flag, fraction, string, whole_number
from keras_course.recipes._task import Metric, Task, in_batches
from keras_course.recipes.tasks._arrays import ArrayData


@dataclasses.dataclass(frozen=True)
class CropAndFlip:
    """Change the images of each batch: see `keras_course.datasets.crop_and_flip`.

    Args:
        padding: largest shift in pixels.
        flip: whether half of the images are mirrored.
    """

    padding: int
    flip: bool = True

    def __post_init__(self):
        whole_number(0, padding=self.padding)
        flag(flip=self.flip)


@dataclasses.dataclass(frozen=True)
class _Examples(Task):
    data: str
    split: float = 0.8
    split_seed: int = 0
    permute: bool = False
    augment: CropAndFlip | None = None

    def __post_init__(self):
        string(data=self.data)
        fraction(split=self.split)
        whole_number(0, split_seed=self.split_seed)
        flag(permute=self.permute)
        if not isinstance(self.augment, CropAndFlip | None):
            raise ValueError(f"augment={self.augment!r} must be a CropAndFlip or None")

    def on(self, data) -> Task:
        """Return the same task on another data set, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("table", "images")))


@dataclasses.dataclass(frozen=True)
class Classification(_Examples):
    """Predict the class of an example; the metric is the test error in percent.

    Args:
        data: name of a table or of a set of images in `keras_course.datasets`.
        split: fraction of a table's rows to train on; a set of images brings its own split.
        split_seed: seed of that split.
        permute: whether the pixels of all images are permuted, by one permutation, so that neighbors mean nothing.
        augment: how the images of a training batch are changed; None leaves them as they are.
    """

    metric: ClassVar[Metric] = Metric("test error", "%")

    def load(self, part=0, start=None) -> "LabeledExamples":
        return _augmented(LabeledExamples(self, *_examples(self)))


@dataclasses.dataclass(frozen=True)
class Regression(_Examples):
    """Predict a number for each example; the metric is the root mean square error over the test set.

    Args:
        unit: unit of that number. The other arguments are as in `Classification`.
    """

    unit: str = ""

    def __post_init__(self):
        super().__post_init__()
        string(unit=self.unit)

    @property
    def metric(self) -> Metric:
        return Metric("test RMSE", self.unit)

    def load(self, part=0, start=None) -> "MeasuredExamples":
        return _augmented(MeasuredExamples(self, *_examples(self)))


class ExamplesData(ArrayData):
    """Standardized examples of a data set: `train` and `test`, with arrays x and y each."""

    def __init__(self, task, train, test):
        self.task = task
        axes = 0 if train.x.ndim == 2 else None
        mean = np.mean(train.x, axis=axes, dtype="float64")
        deviation = np.std(train.x, axis=axes, dtype="float64")
        deviation = np.where(deviation > 0, deviation, 1.0)  # a pixel that is black in every image stays 0
        self.x, self.test_x = (((part.x - mean) / deviation).astype("float32") for part in (train, test))
        self.y, self.test_y = self._targets(train.y), self._targets(test.y, train.y)
        self.validation = in_batches((self.test_x, self.test_y))
        self.size = f"{len(train.x):,} + {len(test.x):,} examples"
        parts = (np.ascontiguousarray(array).tobytes() for array in (*train[:2], *test[:2]))
        self.sha256 = hashlib.sha256(b"".join(parts)).hexdigest()
        self.facts = {"inputs": {"mean": mean.tolist(), "deviation": deviation.tolist()}}

    def arguments(self, build) -> dict:
        return data_arguments(build, self.x.shape[1:], self.num_outputs)


class LabeledExamples(ExamplesData):
    """Examples with a class each."""

    loss_unit = "nats/example"

    def __init__(self, task, train, test):
        super().__init__(task, train, test)
        self.num_outputs = int(max(self.y.max(), self.test_y.max())) + 1

    def _targets(self, y, train_y=None):
        return y

    def objective(self, model) -> dict:
        from keras_course.perceptron._heads import classifier_head

        head = classifier_head(model)
        return {"loss": head.loss, "metrics": [head.metric]}

    def measure(self, model, row, seed) -> dict[str, float]:
        return {self.task.metric.name: 100 * (1 - row["val_accuracy"])}


class MeasuredExamples(ExamplesData):
    """Examples with a number each, which is standardized for training."""

    loss_unit = "squared deviations"
    num_outputs = 1

    def _targets(self, y, train_y=None):
        train_y = y if train_y is None else train_y
        self.center, self.deviation = float(train_y.mean(dtype="float64")), float(train_y.std(dtype="float64"))
        return ((y - self.center) / self.deviation).astype("float32")[:, None]

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.MeanSquaredError()}

    def measure(self, model, row, seed) -> dict[str, float]:
        return {self.task.metric.name: self.deviation * row["val_loss"] ** 0.5}


def _augmented(data):
    """Return examples whose training batches are changed as their task says."""
    if data.task.augment:
        data.augment = functools.partial(datasets.crop_and_flip, **dataclasses.asdict(data.task.augment))
    return data


def _examples(task):
    """Return (train, test) of a set of examples."""
    row = datasets.get_dataset(task.data)
    train, test = row.load() if row.kind == "images" else row.load().split(task.split, seed=task.split_seed)
    if not task.permute:
        return train, test
    from keras_course.convnets import permute_pixels

    return tuple(part._replace(x=permute_pixels(part.x)) for part in (train, test))
