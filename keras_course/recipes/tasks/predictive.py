"""The task of predicting a number with its uncertainty, on the tables and the splits of published comparisons."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from keras_course import datasets
from keras_course._registry import parameters_of
from keras_course.checks import string, whole_number
from keras_course.recipes._task import Metric, Task
from keras_course.recipes.tasks.examples import MeasuredExamples

if TYPE_CHECKING:
    from keras_course.uncertainty import GaussianMixture


@dataclasses.dataclass(frozen=True)
class PredictiveRegression(Task):
    """Predict the distribution of a number; the metric is the mean test log-likelihood, in nats, in units of the data.

    The root mean squared error of the predictive mean is measured, too, with the CRPS and the fraction of test targets
    in 90 % intervals. Inputs and targets are standardized over the training rows.

    Args:
        data: name of a table in `keras_course.datasets`, of numbers.
        parts: number of the fixed splits to run, at most 20; see `keras_course.datasets.uci_split`.
        num_passes: passes of a model with dropout or weights that are distributions; 1 for any other model.
    """

    data: str = "yacht"
    parts: int = 20
    num_passes: int = 1
    metric: ClassVar[Metric] = Metric("test log-likelihood", "nats", higher_is_better=True)

    def __post_init__(self):
        string(data=self.data)
        datasets.find(self.data, kinds=("table",))
        whole_number(1, parts=self.parts, num_passes=self.num_passes)
        if self.parts > 20:
            raise ValueError(f"parts={self.parts} must be at most 20, the number of splits")

    def load(self, part=0, start=None) -> "PredictiveData":
        return PredictiveData(self, part)

    def on(self, data) -> Task:
        """Return the same task on another table, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("table",)))


class PredictiveData(MeasuredExamples):
    """A split of a table, standardized."""

    loss_unit = "nats/example"

    def __init__(self, task, part):
        super().__init__(task, *datasets.uci_split(datasets.get_dataset(task.data).load(), part))

    def arguments(self, build) -> dict:
        sizes = {"num_examples": len(self.x)} if "num_examples" in parameters_of(build) else {}
        return super().arguments(build) | sizes

    def objective(self, model) -> dict:
        return {"loss": model.head}

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras import ops

        from keras_course.uncertainty import sample_crps

        prediction, y = self.predict(model, self.test_x, seed), self.test_y
        mean, below = ops.convert_to_numpy(prediction.mean), ops.convert_to_numpy(prediction.cdf(y))
        samples = ops.convert_to_numpy(prediction.sample(200, seed=seed))[..., 0]
        return {
            "test log-likelihood": float(ops.convert_to_numpy(prediction.log_prob(y)).mean() - np.log(self.deviation)),
            "RMSE": self.deviation * float(np.sqrt(np.mean((mean - y) ** 2))),
            "CRPS": self.deviation * float(sample_crps(y[:, 0], samples).mean()),
            "coverage of 90 % intervals": float(np.mean((below >= 0.05) & (below <= 0.95))),
        }

    def predict(self, model, x, seed) -> "GaussianMixture":
        """Return the predictive distribution of standardized targets."""
        from keras_course.uncertainty import monte_carlo_prediction

        if self.task.num_passes == 1:
            return model.distribution(x)
        return monte_carlo_prediction(model, x, self.task.num_passes, seed=seed)

    def sample(self, model, seed) -> dict:
        """Return test targets as columns, with the predictive mean and deviation of each."""
        from keras import ops

        prediction = self.predict(model, self.test_x, seed)
        deviation = self.deviation * ops.convert_to_numpy(prediction.variance)[:, 0] ** 0.5
        mean = self.deviation * ops.convert_to_numpy(prediction.mean)[:, 0] + self.center
        columns = {"true": self.deviation * self.test_y[:, 0] + self.center, "mean": mean, "deviation": deviation}
        return {name: np.round(column, 3).tolist() for name, column in columns.items()}
