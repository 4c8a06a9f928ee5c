"""The task of estimating the posterior of a simulator's parameters, given an observation."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import one_of, whole_number
from keras_course.recipes._task import Data, Metric, Task, image_of, in_batches

SIMULATORS = {
    "pulse_waves": datasets.Windkessel(),
    "lotka_volterra": datasets.LotkaVolterra(),
    "inverse_moons": datasets.InverseMoons(),
}
CHECKED, SAMPLES, ROWS = 1_000, 200, 100  # simulations whose coverage is measured, samples of each, rows at once
LEVELS = np.arange(1, 20) / 20
PILOT, WEIGHTED = 1_000, 20  # simulations to standardize by, and observations whose likelihood is evaluated


@dataclasses.dataclass(frozen=True)
class PosteriorEstimation(Task):
    """Estimate p(theta | x) from pairs of a simulator; the metric is the mean of -log q(theta | x) on test pairs.

    The density is that of the parameters in their units. The other metrics are the coverage of the highest-density
    regions of 90 %, and the mean and the largest distance of the coverage from the levels 5 %, 10 %, ..., 95 %, over at
    most 1,000 test pairs. Where the exact posterior is known, its negative log-likelihood is measured, and where the
    likelihood is known, the effective sample size of weighted samples, for 20 observations.

    Args:
        data: "pulse_waves", "lotka_volterra" or "inverse_moons".
        num_train, num_test: numbers of simulations.
    """

    data: str = "pulse_waves"
    num_train: int = 20_000
    num_test: int = 2_000
    metric: ClassVar[Metric] = Metric("test NLL", "nats")

    def __post_init__(self):
        one_of(SIMULATORS, data=self.data)
        whole_number(2, num_train=self.num_train, num_test=self.num_test)

    def load(self, part=0, start=None) -> "Simulations":
        return Simulations(self)

    def on(self, data) -> "PosteriorEstimation":
        one_of(SIMULATORS, data=data)
        return dataclasses.replace(self, data=data)


class Simulations(Data):
    """Pairs of parameters and observations for training, and others for the test.

    Observations are standardized channel by channel, by mean and deviation over a pilot run of the simulator. Of
    populations the network takes the logarithms.
    """

    loss_unit = "nats"

    def __init__(self, task):
        self.simulator = SIMULATORS[task.data]
        self.num_train, self.is_population = task.num_train, task.data == "lotka_volterra"
        self.observed, self.theta = self.simulator.pairs(task.num_test, seed=1)
        pilot = self._logarithm(self.simulator.pairs(PILOT, seed=2)[0])
        axes = tuple(range(pilot.ndim - 1))
        self.mean, self.deviation = pilot.mean(axis=axes), pilot.std(axis=axes)
        self.test_x = self.prepared(self.observed)
        self.validation = in_batches(({"theta": self.theta, "x": self.test_x},), 500)
        self.num_outputs = self.theta.shape[1]
        self.size = f"{task.num_train:,} + {task.num_test:,} simulations"
        self.facts = {"inputs": {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}}

    def prepared(self, x) -> np.ndarray:
        """Return observations as the network takes them."""
        return (self._logarithm(x) - self.mean) / self.deviation

    def _logarithm(self, x):
        return np.log(x) if self.is_population else x

    def arguments(self, build) -> dict:
        ends = {"low": self.simulator.low, "high": self.simulator.high}
        return {"num_parameters": self.num_outputs, "observation_shape": self.test_x.shape[1:]} | ends

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        x, theta = self.simulator.pairs(self.num_train, seed=0)  # only now: it may take seconds
        examples, options = {"theta": theta, "x": self.prepared(x)}, {"seed": seed, "start_epoch": start_epoch}
        options["steps_per_epoch"] = steps_per_epoch
        batches = datasets.example_batches(examples, np.zeros(len(x)), batch_size, **options)
        return (batches[k][:1] for k in itertools.count())

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.uncertainty import effective_sample_size, expected_coverage

        log_prob = in_rows(model.log_prob, self.theta, self.test_x)
        x = self.test_x[:CHECKED]
        samples = in_rows(lambda x, k: model.sample(x, SAMPLES, seed=seed + int(k[0])), x, np.arange(len(x)))
        of_samples = in_rows(model.log_prob, samples, x)
        gaps = np.abs(expected_coverage(log_prob[: len(x)], of_samples, LEVELS) - LEVELS)
        found = {
            "test NLL": -float(log_prob.mean()),
            "coverage of 90 % regions": float(expected_coverage(log_prob[: len(x)], of_samples, [0.9])[0]),
            "mean coverage error": float(gaps.mean()),
            "largest coverage error": float(gaps.max()),
        }
        if hasattr(self.simulator, "log_posterior"):
            exact = self.simulator.log_posterior(self.observed, self.theta)
            found["test NLL of the exact posterior"] = -float(exact.mean())
        if hasattr(self.simulator, "log_likelihood"):
            joint = self._log_joint(samples[:WEIGHTED])
            sizes = effective_sample_size(joint - of_samples[:WEIGHTED])
            found["effective sample size"] = float(sizes.mean() / SAMPLES)
        return found

    def _log_joint(self, samples):
        """Return log p(x | theta) p(theta) of samples (N, S, P) for the first N test observations, (N, S)."""
        theta = samples.reshape(-1, samples.shape[2])
        x = np.repeat(self.observed[: len(samples)], samples.shape[1], axis=0)
        joint = self.simulator.log_likelihood(x, theta) + self.simulator.log_prior(theta)
        return joint.reshape(samples.shape[:2])

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the posterior given the first test observation, beside the true parameters."""
        from keras import ops

        from keras_course.uncertainty import plot_corner

        samples = ops.convert_to_numpy(model.sample(self.test_x[:1], 2_000, seed=seed))[0]
        near = np.vstack([np.quantile(samples, [0.002, 0.998], axis=0), self.theta[:1]])
        margin = 0.1 * np.ptp(near, axis=0)
        low = np.maximum(near.min(axis=0) - margin, self.simulator.low)
        high = np.minimum(near.max(axis=0) + margin, self.simulator.high)
        return image_of(plot_corner({"posterior": samples}, labels(self.simulator), low, high, self.theta[0]))


def labels(simulator) -> list[str]:
    """Return the names of the parameters with their units."""
    pairs = zip(simulator.names, simulator.units, strict=True)
    return [f"{name}\n({unit})" if unit else name for name, unit in pairs]


def in_rows(function, *arrays) -> np.ndarray:
    """Return a function of arrays of N rows, computed for 100 rows at a time: its intermediate results are large."""
    from keras import ops

    parts = [tuple(array[k : k + ROWS] for array in arrays) for k in range(0, len(arrays[0]), ROWS)]
    return np.concatenate([ops.convert_to_numpy(function(*part)) for part in parts])
