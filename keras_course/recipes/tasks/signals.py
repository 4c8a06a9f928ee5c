"""The task of lecture 7's toy problem: average the heights of shapes in a signal, in pairs.

Inputs are standardized by mean and standard deviation over the training signals; targets keep their unit.
"""

import dataclasses
from typing import ClassVar

from keras_course import datasets
from keras_course.checks import one_of, whole_number
from keras_course.recipes._task import Metric, Task, in_batches
from keras_course.recipes.tasks._arrays import ArrayData


@dataclasses.dataclass(frozen=True)
class AveragePairs(Task):
    """Map a signal with four shapes to the same signal with averaged heights; the metric is the test MSE.

    Args:
        pairs: "shape" or "position"; see `keras_course.datasets.shape_signals`.
        num_train: number of training signals.
        num_test: number of test signals.
    """

    pairs: str = "shape"
    num_train: int = 25_000
    num_test: int = 1_000
    metric: ClassVar[Metric] = Metric("test MSE")
    data: ClassVar[str] = "shape_signals"

    def __post_init__(self):
        one_of(("shape", "position"), pairs=self.pairs)
        whole_number(1, num_train=self.num_train, num_test=self.num_test)

    def load(self, part=0, start=None) -> "Signals":
        return Signals(self)


class Signals(ArrayData):
    """Signals and their targets."""

    loss_unit = "squared units of the signal"

    def __init__(self, task):
        x, self.y = datasets.shape_signals(task.num_train, pairs=task.pairs, seed=0)
        test_x, self.test_y = datasets.shape_signals(task.num_test, pairs=task.pairs, seed=1)
        mean, deviation = float(x.mean()), float(x.std())
        self.x, self.test_x = (x - mean) / deviation, (test_x - mean) / deviation
        self.signal = test_x[0, :, 0]
        self.validation = in_batches((self.test_x, self.test_y), 100)
        self.size = f"{len(x):,} + {len(test_x):,} signals"
        self.facts = {"inputs": {"mean": mean, "deviation": deviation}}

    def arguments(self, build) -> dict:
        return {"input_shape": self.x.shape[1:], "num_outputs": 1}

    def objective(self, model) -> dict:
        import keras

        return {"loss": keras.losses.MeanSquaredError()}

    def measure(self, model, row, seed) -> dict[str, float]:
        return {"test MSE": row["val_loss"]}

    def sample(self, model, seed) -> dict:
        """Return the first test signal, its target and the output of the model, as columns."""
        output = model.predict(self.test_x[:1], verbose=0)[0, :, 0]
        return {"signal": self.signal, "target": self.test_y[0, :, 0], "output": output}
