"""The task of super-resolution: the density of an image given the same image with fewer pixels."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import whole_number
from keras_course.recipes._task import Metric, Task, image_of, in_batches
from keras_course.recipes.tasks._arrays import ArrayData

SCALE, MIDDLE = 4.0, 8.5  # of gray values in [0, 17)
SHOWN = 10  # digits in the figure, one of each class


@dataclasses.dataclass(frozen=True)
class SuperResolution(Task):
    """Estimate the density of digits of 8 x 8 pixels given their means over 2 x 2 pixels.

    A gray value from 0 to 16 becomes a real number by uniform noise in [0, 1) (dequantization). The density of the sum
    bounds the probability of the value, so the metric, the negative log-likelihood per pixel in bits, can be compared
    with models of whole numbers. Beside it stands the metric of linear regression with correlated Gaussian errors.

    Args:
        num_validation: number of training digits that are held out for validation.
        num_noises: noises over which the metric is averaged.
    """

    num_validation: int = 200
    num_noises: int = 4
    metric: ClassVar[Metric] = Metric("test NLL", "bits/pixel")
    data: ClassVar[str] = "digit_images"

    def __post_init__(self):
        whole_number(1, at_most=1_000, num_validation=self.num_validation)
        whole_number(1, num_noises=self.num_noises)

    def load(self, part=0, start=None) -> "ResolutionData":
        return ResolutionData(self)


class ResolutionData(ArrayData):
    """Digits as rows of 64 gray values, and as context 16 means."""

    loss_unit = "nats/digit"
    num_outputs = 64

    def __init__(self, task):
        self.task = task
        train, self.test = datasets.digit_images()
        values, held = (train.x[part] for part in np.split(np.arange(len(train.x)), [-task.num_validation]))
        self.x, self.y = inputs(values), np.zeros(len(values))
        self.test_x = inputs(self.test.x)
        self.validation = in_batches((dequantized(inputs(held), np.random.default_rng(0)),), 100)
        self.size = f"{len(values):,} + {len(held)} + {len(self.test.x)} digits"
        self.augment = dequantized

    def arguments(self, build) -> dict:
        return {"num_features": self.x["x"].shape[1], "context_dim": self.x["context"].shape[1]}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        batches = super().batches(batch_size, steps_per_epoch, seed, start_epoch)
        return (batches[k][:1] for k in itertools.count())

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        noises = [dequantized(self.test_x, np.random.default_rng((seed, k))) for k in range(self.task.num_noises)]
        nll = [-ops.convert_to_numpy(model.log_prob(part["x"], part["context"])).mean() for part in noises]
        linear = linear_gaussian([dequantized(self.x, np.random.default_rng(k)) for k in range(10)])
        return {
            "test NLL": bits(float(np.mean(nll))),
            "test NLL of linear regression": bits(float(np.mean([linear(part) for part in noises]))),
        }

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of one digit of each class: the context, the truth, samples, and their mean."""
        from keras import ops

        from keras_course.plots import image_grid

        chosen = [int(np.argmax(self.test.y == label)) for label in range(SHOWN)]
        context = self.test_x["context"][chosen]
        samples = ops.convert_to_numpy(model.sample(100, context, seed=seed)) * SCALE + MIDDLE - 0.5
        images = np.clip(samples, 0, 16).reshape(SHOWN, -1, 8, 8)
        rows = {"4 x 4": context.reshape(-1, 4, 4) * SCALE + MIDDLE - 0.5, "8 x 8": self.test.x[chosen]}
        rows |= {f"sample {k + 1}": images[:, k] for k in range(4)} | {"mean": images.mean(axis=1)}
        return image_of(image_grid(rows, limits=(0, 16)))


def inputs(images) -> dict[str, np.ndarray]:
    """Return the gray values (N, 64) of digits, and as context (N, 16) their standardized means over 2 x 2 pixels."""
    values = images.reshape(-1, 64).astype("float32")
    means = values.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)
    return {"x": values, "context": (means + 0.5 - MIDDLE) / SCALE}


def dequantized(x, rng) -> dict[str, np.ndarray]:
    """Return inputs with noise in [0, 1) on each gray value, standardized."""
    noisy = x["x"] + rng.random(x["x"].shape, dtype="float32")
    return {"x": (noisy - MIDDLE) / SCALE, "context": x["context"]}


def bits(nll) -> float:
    """Return nats of a standardized digit as bits per pixel of its gray values."""
    return (nll / 64 + float(np.log(SCALE))) / float(np.log(2))


def linear_gaussian(parts) -> Callable:
    """Return the NLL of inputs as a function, by x = W c + b + e with a normal e, fitted by least squares."""
    x, context = (np.concatenate([part[name] for part in parts]).astype("float64") for name in ("x", "context"))
    weights = np.linalg.lstsq(np.c_[context, np.ones(len(x))], x)[0]
    covariance = np.cov((x - np.c_[context, np.ones(len(x))] @ weights).T)
    precision, size = np.linalg.inv(covariance), np.linalg.slogdet(2 * np.pi * covariance)[1]

    def nll(part):
        gap = part["x"] - np.c_[part["context"], np.ones(len(part["x"]))] @ weights
        return 0.5 * (np.einsum("ni,ij,nj->n", gap, precision, gap).mean() + size)

    return nll
