"""The task of estimating the density of points in the plane."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import not_negative, one_of, whole_number
from keras_course.recipes._task import Metric, Task, image_of, in_batches
from keras_course.recipes.tasks._arrays import UnlabeledData

PLANAR = ("two_moons", "two_spirals", "pinwheel", "checkerboard", "rings", "eight_gaussians")


@dataclasses.dataclass(frozen=True)
class Density(Task):
    """Estimate a density from points; the metric is the mean negative log-likelihood of test points, in nats.

    Beside it stands the NLL of one Gaussian with the mean and the covariance of the training points. Continuous-time
    flows are evaluated by an adaptive solver, as the error of fixed steps can make their likelihood look better.

    Args:
        data: "two_moons", "two_spirals", "pinwheel", "checkerboard", "rings" or "eight_gaussians".
        num_train, num_test: numbers of points.
        noise: of the points; see the functions of `keras_course.datasets`.
    """

    data: str = "two_moons"
    num_train: int = 10_000
    num_test: int = 10_000
    noise: float = 0.05
    metric: ClassVar[Metric] = Metric("test NLL", "nats")

    def __post_init__(self):
        one_of(PLANAR, data=self.data)
        whole_number(3, num_train=self.num_train, num_test=self.num_test)
        not_negative(noise=self.noise)

    def load(self, part=0, start=None) -> "DensityData":
        return DensityData(self)

    def on(self, data) -> "Density":
        one_of(PLANAR, data=data)
        return dataclasses.replace(self, data=data)


class DensityData(UnlabeledData):
    """Points for training, and others for the test."""

    loss_unit = "nats"

    def __init__(self, task):
        draw = getattr(datasets, task.data)
        self.x, _ = draw(task.num_train, noise=task.noise, seed=0)
        self.test, _ = draw(task.num_test, noise=task.noise, seed=1)
        self.num_outputs = self.x.shape[1]
        self.size = f"{task.num_train:,} + {task.num_test:,} points"
        self.validation = in_batches((self.test,), 1000)

    def arguments(self, build) -> dict:
        return {"num_features": self.num_outputs}

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        mean, covariance = self.x.mean(axis=0), np.cov(self.x.T)
        gaps = self.test - mean
        distances = np.einsum("ni,ij,nj->n", gaps, np.linalg.inv(covariance), gaps)
        gaussian = 0.5 * (distances.mean() + np.linalg.slogdet(2 * np.pi * covariance)[1])
        log_prob = [ops.convert_to_numpy(model.log_prob(x, tolerance=1e-5)) for (x,) in self.validation]
        nll = -float(np.concatenate(log_prob).mean())
        return {"test NLL": nll, "test NLL of one Gaussian": float(gaussian)}

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the density, beside the test points and samples of the model."""
        from keras import ops

        from keras_course.uncertainty import grid_density, plot_densities

        low, high = self.test.min(axis=0) - 0.3, self.test.max(axis=0) + 0.3
        limits = (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
        samples = ops.convert_to_numpy(model.sample(2_000, seed=seed))
        panels = {"test points": self.test[:2_000], "samples": samples, "density": grid_density(model.log_prob, limits)}
        return image_of(plot_densities(panels, limits))
