"""The tasks of models that are judged by their samples: diffusion models of points and of images."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course.checks import flag, number, whole_number
from keras_course.recipes._task import Metric, in_batches
from keras_course.recipes.tasks.density import Density, DensityData
from keras_course.recipes.tasks.unlabeled import ImagesData, _Images, sheet

SHOWN = 10  # columns of the sheet of images
COMPONENTS = 20  # features in which images are compared


@dataclasses.dataclass(frozen=True)
class SampledDensity(Density):
    """Estimate a density by a model that is trained by another loss; the metric is the NLL of test points, in nats.

    The likelihood is computed by an adaptive solver. Beside it stands the energy distance of samples and test points.

    Args:
        data, num_train, num_test, noise: see `Density`.
        num_samples: samples for the energy distance.
    """

    num_samples: int = 2_000

    def __post_init__(self):
        super().__post_init__()
        whole_number(2, num_samples=self.num_samples)

    def load(self, part=0, start=None) -> "SampledDensityData":
        return SampledDensityData(self)


class SampledDensityData(DensityData):
    loss_unit = "squared error"

    def __init__(self, task):
        super().__init__(task)
        self.task = task

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        from keras_course.metrics import energy_distance

        samples = ops.convert_to_numpy(model.sample(self.task.num_samples, seed=seed))
        distance = energy_distance(samples, self.test[: self.task.num_samples])
        return super().measure(model, row, seed) | {"energy distance of samples": distance}


@dataclasses.dataclass(frozen=True)
class Sampling(_Images):
    """Sample images; the metric is the Frechet distance of samples and training images, in 20 principal components.

    Beside it stands the same distance of test images. Of a model with labels, a logistic regression that was fitted to
    the training images says how many samples have the label that was asked for.

    Args:
        data: name of a set of images in `keras_course.datasets`.
        labels: whether the model takes labels.
        num_samples: number of samples.
        steps: of the sampler.
        guidance: guidance scale, for a model with labels.
    """

    labels: bool = False
    num_samples: int = 1_000
    steps: int = 20
    guidance: float = 1.0
    metric: ClassVar[Metric] = Metric("Frechet distance", "")

    def __post_init__(self):
        super().__post_init__()
        flag(labels=self.labels)
        whole_number(COMPONENTS + 1, num_samples=self.num_samples)
        whole_number(1, steps=self.steps)
        number(guidance=self.guidance)

    def load(self, part=0, start=None) -> "SamplingData":
        return SamplingData(self)


class SamplingData(ImagesData):
    loss_unit = "squared error"

    def __init__(self, task):
        super().__init__(task)
        from keras_course import datasets

        train, test = datasets.get_dataset(task.data).load()
        self.images, self.labels, self.num_classes = self.x, train.y, len(train.class_names)
        if task.labels:
            self.x = {"x": self.images, "label": train.y.astype("int32")}
            self.validation = in_batches(({"x": self.test, "label": test.y.astype("int32")},), 500)

    def arguments(self, build) -> dict:
        found = {"input_shape": self.images.shape[1:]}
        return found | ({"num_classes": self.num_classes} if self.task.labels else {})

    def _samples(self, model, label, seed):
        from keras import ops

        given = {"label": label, "guidance": self.task.guidance} if self.task.labels else {}
        return ops.convert_to_numpy(model.sample(len(label), steps=self.task.steps, seed=seed, **given))

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.metrics import frechet_distance

        rows = self.images.reshape(len(self.images), -1)
        axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:COMPONENTS]
        features = lambda images: images.reshape(len(images), -1) @ axes.T  # noqa: E731
        label = np.arange(self.task.num_samples) % self.num_classes
        samples = self._samples(model, label, seed)
        found = {
            self.task.metric.name: frechet_distance(features(samples), features(self.images)),
            "Frechet distance of test images": frechet_distance(features(self.test), features(self.images)),
        }
        if self.task.labels:
            from sklearn.linear_model import LogisticRegression

            classifier = LogisticRegression(max_iter=1000).fit(rows, self.labels)
            right = classifier.predict(samples.reshape(len(samples), -1)) == label
            found["samples with the label"] = 100 * float(right.mean())
        return found

    def sample(self, model, seed) -> np.ndarray:
        """Return a sheet of training images above samples; each column has one label if the model takes labels."""
        label = np.tile(np.arange(SHOWN) % self.num_classes, 4)
        samples = self._samples(model, label, seed).reshape(4, SHOWN, *self.images.shape[1:])
        shown = np.stack([self.images[self.labels == k % self.num_classes][0] for k in range(SHOWN)])
        return sheet({"training": shown} | {f"sample {k + 1}": samples[k] for k in range(4)})
