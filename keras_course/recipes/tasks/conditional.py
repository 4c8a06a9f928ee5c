"""The task of estimating the density of a target given an input, where the true density is known."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import one_of, positive, whole_number
from keras_course.recipes._task import Metric, Task, image_of, in_batches
from keras_course.recipes.tasks._arrays import ArrayData

NOISY = ("varying_noise", "inverse_sine")
GRID = (np.arange(2_000) + 0.5) / 2_000  # the nodes of a quadrature over [0, 1]


@dataclasses.dataclass(frozen=True)
class ConditionalDensity(Task):
    """Estimate the density of y given x; the metric is the mean negative log-likelihood of test targets, in nats.

    The other metrics are the NLL of the true density, its expectation (the entropy), the CRPS, and the fraction of the
    test targets between the quantiles 5 % and 95 %.

    Args:
        data: "varying_noise" or "inverse_sine".
        num_train, num_test: numbers of points.
        noise: of the points; see the functions of `keras_course.datasets`.
    """

    data: str = "varying_noise"
    num_train: int = 2_000
    num_test: int = 10_000
    noise: float = 0.05
    metric: ClassVar[Metric] = Metric("test NLL", "nats")

    def __post_init__(self):
        one_of(NOISY, data=self.data)
        whole_number(1, num_train=self.num_train, num_test=self.num_test)
        positive(noise=self.noise)

    def load(self, part=0, start=None) -> "ConditionalData":
        return ConditionalData(self)

    def on(self, data) -> "ConditionalDensity":
        one_of(NOISY, data=data)
        return dataclasses.replace(self, data=data)


class ConditionalData(ArrayData):
    """Points for training, and others for the test."""

    loss_unit = "nats"
    num_outputs = 1

    def __init__(self, task):
        draw = getattr(datasets, task.data)
        self.task = task
        self.x, self.y = draw(task.num_train, noise=task.noise, seed=0)
        self.test_x, self.test_y = draw(task.num_test, noise=task.noise, seed=1)
        self.size = f"{task.num_train:,} + {task.num_test:,} points"
        self.validation = in_batches((self.test_x, self.test_y), 1000)

    def arguments(self, build) -> dict:
        return {"input_shape": (1,), "num_outputs": 1}

    def objective(self, model) -> dict:
        return {"loss": model.head}

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        from keras_course.uncertainty import sample_crps

        prediction = model.distribution(self.test_x)
        true = true_log_density(self.task.data, self.task.noise, self.test_x, self.test_y)
        below = ops.convert_to_numpy(prediction.cdf(self.test_y))
        samples = ops.convert_to_numpy(prediction.sample(100, seed=seed))[..., 0]
        return {
            "test NLL": -float(ops.convert_to_numpy(prediction.log_prob(self.test_y)).mean()),
            "test NLL of the true density": -float(true.mean()),
            "entropy of the true density": conditional_entropy(self.task.data, self.task.noise),
            "CRPS": float(sample_crps(self.test_y[:, 0], samples).mean()),
            "coverage of 90 % intervals": float(np.mean((below >= 0.05) & (below <= 0.95))),
        }

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the test points, samples at the same inputs, and the density given each input."""
        from keras import ops

        from keras_course.uncertainty import conditional_density, plot_densities

        limits = tuple((float(part.min()) - 0.1, float(part.max()) + 0.1) for part in (self.test_x, self.test_y))
        x, y = self.test_x[:2_000], self.test_y[:2_000]
        samples = ops.convert_to_numpy(model.distribution(x).sample(1, seed=seed))[:, 0]
        panels = {"test points": np.hstack([x, y]), "samples": np.hstack([x, samples])}
        density = conditional_density(model, limits)
        panels["density given x, divided by its maximum"] = density / density.max(axis=0)
        return image_of(plot_densities(panels, limits))


def true_log_density(data, noise, x, y) -> np.ndarray:
    """Return the log-density (N,) of y (N, 1) given x (N, 1) that a data set has."""
    if data == "varying_noise":
        deviation = noise * (1 + 9 * x[:, 0])
        return log_normal(y[:, 0] - np.sin(2 * np.pi * x[:, 0]), deviation)
    z = x[:, 0] - y[:, 0] - 0.3 * np.sin(2 * np.pi * y[:, 0])  # p(y | x) = p(x | y) p(y) / p(x), and p(y) = 1
    return log_normal(z, noise) - np.log(_density_of_x(x[:, 0], noise))


def conditional_entropy(data, noise) -> float:
    """Return the entropy of y given x of a data set, in nats, by quadrature: the expected -log p(y | x)."""
    if data == "varying_noise":
        return float(np.mean(0.5 * np.log(2 * np.pi * np.e * (noise * (1 + 9 * GRID)) ** 2)))
    x = np.linspace(-8 * noise, 1 + 8 * noise, 4_000)  # h(y | x) = h(x | y) + h(y) - h(x), and h(y) = 0
    density = np.maximum(_density_of_x(x, noise), 1e-300)
    of_x = -np.sum(density * np.log(density)) * (x[1] - x[0])
    return float(0.5 * np.log(2 * np.pi * np.e * noise**2) - of_x)


def log_normal(z, deviation) -> np.ndarray:
    """Return log N(z; 0, deviation^2)."""
    return -0.5 * (z / deviation) ** 2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)


def _density_of_x(x, noise):
    """Return the density of x in the inverse problem: the mean of p(x | y) over y."""
    centers = GRID + 0.3 * np.sin(2 * np.pi * GRID)
    return np.concatenate([np.exp(log_normal(part[:, None] - centers, noise)).mean(axis=1) for part in _pieces(x)])


def _pieces(x):
    return np.array_split(x, -(-len(x) // 1_000))
