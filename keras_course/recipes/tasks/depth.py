"""The task of predicting the depth of each pixel with its uncertainty."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import whole_number
from keras_course.recipes._task import Metric, Task, image_of, in_batches
from keras_course.recipes.tasks._arrays import ArrayData

if TYPE_CHECKING:
    from keras_course.uncertainty import Uncertainty

OBJECTS, NEW = (2, 3, 4), 5  # kinds of surfaces: box, ramp and ball, and the one that no training scene has


@dataclasses.dataclass(frozen=True)
class DepthMaps(Task):
    """Predict the depth of each pixel of rendered scenes; the metric is the mean NLL of measured depths, in nats.

    The metric leaves out the balloons, which no training scene has. Beside it stand the NLL of the exact distribution
    of the measurements, the root mean square error against exact depths, and both parts of the uncertainty as standard
    deviations (roots of mean variances): of the background, of known objects and of balloons.

    Args:
        num_train, num_test: numbers of scenes.
        num_passes: passes with dropout.
    """

    num_train: int = 600
    num_test: int = 60
    num_passes: int = 20
    metric: ClassVar[Metric] = Metric("test NLL", "nats/pixel")
    data: ClassVar[str] = "depth_scenes"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_test=self.num_test, num_passes=self.num_passes)

    def load(self, part=0, start=None) -> "DepthData":
        return DepthData(self)


class DepthData(ArrayData):
    """Images and depth maps, standardized over all pixels of the training scenes."""

    loss_unit = "nats/pixel, of standardized depths"
    num_outputs = 1

    def __init__(self, task):
        self.task = task
        train, self.test = datasets.depth_scenes(task.num_train, num_test=task.num_test)
        self.brightness = float(train.images.mean()), float(train.images.std())
        self.center, self.deviation = float(train.depths.mean()), float(train.depths.std())
        self.x, self.y = self.inputs(train.images), (train.depths - self.center) / self.deviation
        self.test_x, test_y = self.inputs(self.test.images), (self.test.depths - self.center) / self.deviation
        self.validation = in_batches((self.test_x, test_y), 20)
        self.size = f"{task.num_train:,} + {task.num_test:,} scenes"
        names = ("brightness", "center", "deviation")
        self.facts = {"standardization": {name: getattr(self, name) for name in names}}

    def inputs(self, images) -> np.ndarray:
        """Return standardized images."""
        mean, deviation = self.brightness
        return (images - mean) / deviation

    def arguments(self, build) -> dict:
        return {"input_shape": self.x.shape[1:], "num_outputs": self.num_outputs}

    def objective(self, model) -> dict:
        return {"loss": model.head}

    def predict(self, model, images, seed) -> "tuple[Uncertainty, Callable]":
        """Return the prediction for each pixel (N, H, W) in meters, and its log-density as a function of depths."""
        from keras import ops

        from keras_course.uncertainty import monte_carlo_prediction, split_variance

        options = {"num_passes": self.task.num_passes, "batch_size": 20, "seed": seed}
        prediction = monte_carlo_prediction(model, self.inputs(images), **options)
        means, deviations = (  # (T, N, H, W)
            self.deviation * np.moveaxis(ops.convert_to_numpy(part)[..., 0], -1, 0)
            for part in (prediction.means, prediction.deviations)
        )

        def log_prob(depths):
            standardized = (depths - self.center) / self.deviation
            return ops.convert_to_numpy(prediction.log_prob(standardized)) - np.log(self.deviation)

        return split_variance(means + self.center, deviations**2), log_prob

    def measure(self, model, row, seed) -> dict[str, float]:
        test, known = self.test, self.test.kinds != NEW
        exact = test.exact[..., 0]
        parts, log_prob = self.predict(model, test.images, seed)
        nll, true = -log_prob(test.depths), 0.5 * np.log(2 * np.pi * np.e) + np.log(datasets.DEPTH_NOISE * exact**2)
        metrics = {
            "test NLL": float(nll[known].mean()),
            "test NLL of the exact distribution": float(true[known].mean()),
            "test NLL of balloons": float(nll[~known].mean()),
        }
        shown = {"background": test.kinds < 2, "known objects": np.isin(test.kinds, OBJECTS), "balloons": ~known}
        for name, pixels in shown.items():
            squares = {"RMSE": (parts.mean - exact) ** 2, "aleatoric deviation": parts.aleatoric}
            squares["epistemic deviation"] = parts.epistemic
            metrics |= {f"{key} of {name} in m": float(part[pixels].mean() ** 0.5) for key, part in squares.items()}
        return metrics

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of four test scenes: image, exact depth, prediction, and both parts of its uncertainty."""

        from keras_course.uncertainty import plot_depth

        images, exact = self.test.images[:4], self.test.exact[:4, ..., 0]
        return image_of(plot_depth(images, exact, self.predict(model, images, seed)[0]))
