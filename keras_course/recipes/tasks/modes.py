"""The task of sampling from a mixture of eight Gaussians without losing a mode."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import positive, whole_number
from keras_course.recipes._task import Metric, Task, image_of
from keras_course.recipes.tasks._arrays import UnlabeledData

CENTERS = 2.8 * np.stack([(np.cos(angle), np.sin(angle)) for angle in np.pi * np.arange(8) / 4])


@dataclasses.dataclass(frozen=True)
class Modes(Task):
    """Learn to sample eight Gaussians on a circle; the metric is the number of modes that samples cover, out of eight.

    A sample is near a mode if it is at most three standard deviations from its center, and a mode is covered if it has
    at least a tenth of its samples; see `keras_course.autoencoders.mode_coverage`. The parts are five models with
    different seeds, so the value is a mean over five seeds.

    Args:
        num_train: number of training points.
        num_samples: number of samples that are counted.
        noise: standard deviation of each Gaussian; the circle has the radius 2.8.
    """

    num_train: int = 10_000
    num_samples: int = 10_000
    noise: float = 0.1
    metric: ClassVar[Metric] = Metric("modes covered", "of 8", higher_is_better=True)
    parts: ClassVar[int] = 5
    data: ClassVar[str] = "eight_gaussians"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_samples=self.num_samples)
        positive(noise=self.noise)

    def load(self, part=0, start=None) -> "ModesData":
        return ModesData(self)


class ModesData(UnlabeledData):
    """Points of the mixture."""

    def __init__(self, task):
        self.task = task
        self.x, _ = datasets.eight_gaussians(task.num_train, noise=task.noise, seed=0)
        self.num_outputs = self.x.shape[1]
        self.size = f"{task.num_train:,} points"

    def arguments(self, build) -> dict:
        return {"num_features": self.num_outputs}

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        from keras_course.autoencoders import mode_coverage

        samples = ops.convert_to_numpy(model.sample(self.task.num_samples, seed=seed))
        coverage = mode_coverage(samples, CENTERS, 3 * self.task.noise)
        return {"modes covered": coverage.modes, "samples near a mode": coverage.near}

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of training points beside samples of the model."""
        from keras import ops

        from keras_course.autoencoders import plot_modes

        samples = ops.convert_to_numpy(model.sample(2_000, seed=seed))
        contents = {"data": self.x[:2_000], "samples": samples}
        return image_of(plot_modes(contents, CENTERS, 3 * self.task.noise))
