"""The task of predicting travel times on rows of road segments."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import not_negative, whole_number
from keras_course.recipes._task import Data, Metric, Task, in_batches

BAD = 0.2  # relative error from which on an ETA is a bad one


@dataclasses.dataclass(frozen=True)
class TravelTime(Task):
    """Predict the travel times of supersegments; the metric is the root mean squared error over requests and horizons.

    Beside it stand three predictions: the current one, which sums the lengths of the segments over the current speeds;
    the historical mean over the training days at the time of the trip; and the best linear mixture of both, fitted by
    least squares for each horizon. An ETA is bad if it is wrong by more than 20 % of the true time.

    Args:
        num_train, num_test: numbers of days. The last tenth of the training days is for validation.
        segment_weight: factor of the auxiliary loss of the segments.
    """

    num_train: int = 60
    num_test: int = 20
    segment_weight: float = 1.0
    metric: ClassVar[Metric] = Metric("RMSE", "s")
    data: ClassVar[str] = "road_traffic"

    def __post_init__(self):
        whole_number(2, num_train=self.num_train)
        whole_number(1, num_test=self.num_test)
        not_negative(segment_weight=self.segment_weight)

    def load(self, part=0, start=None) -> "TrafficData":
        return TrafficData(self)


class TrafficData(Data):
    """Supersegments as graphs. Targets are seconds beyond the historical mean, divided by their standard deviation."""

    loss_unit = "Huber losses of the supersegment and of the segments"

    def __init__(self, task):
        self.task = task
        train, self.test = datasets.road_traffic(task.num_train, num_test=task.num_test)
        fitted = len(train.times) // task.num_train * (task.num_train - max(1, task.num_train // 10))
        self.train, valid = (datasets.Traffic(*(x[part] for x in train)) for part in np.s_[:fitted, fitted:])
        self.num_outputs = self.train.times.shape[-1]
        self.size = f"{task.num_train:,} + {task.num_test:,} days, {len(self.train.times):,} requests to train on"
        beyond = self.train.times - self.train.usual
        self.scales = {"segments": float(beyond.std()), "supersegment": float(beyond.sum(axis=1).std())}
        features = _features(self.train)
        self.mean, self.deviation = features.mean(axis=(0, 1)), features.std(axis=(0, 1)) + 1e-6
        self.facts = {"scales": self.scales, "features": [self.mean.tolist(), self.deviation.tolist()]}
        (self.x, self.y), examples, (self.test_x, _) = map(self._examples, (self.train, valid, self.test))
        self.validation = [(x, self._targets(y)) for x, y in in_batches(examples, 256)]

    def _examples(self, traffic):
        """Return inputs, and targets (M, N + 1, H): of the segments, and in the last row of the supersegment."""
        count, nodes = traffic.times.shape[:2]
        x = {"nodes": ((_features(traffic) - self.mean) / self.deviation).astype("float32")}
        first = np.arange(nodes - 1, dtype="int32")
        ends = np.concatenate([first, first + 1]), np.concatenate([first + 1, first])  # with the traffic, against it
        x["senders"], x["receivers"] = (np.tile(end, (count, 1)) for end in ends)
        x["edges"] = np.tile(np.repeat(np.eye(2, dtype="float32"), nodes - 1, axis=0), (count, 1, 1))
        x["graph_ids"] = np.zeros((count, nodes), "int32")
        total = traffic.usual.sum(axis=1) / 300 - 1
        clock = (traffic.minutes[:, None] - 480) / 60
        x["globals"] = np.concatenate([clock, total], axis=1).astype("float32")[:, None]
        beyond = traffic.times - traffic.usual
        parts = beyond / self.scales["segments"], beyond.sum(axis=1, keepdims=True) / self.scales["supersegment"]
        return x, np.concatenate(parts, axis=1).astype("float32")

    @staticmethod
    def _targets(y) -> dict:
        return {"segments": y[:, :-1], "supersegment": y[:, -1]}

    def arguments(self, build) -> dict:
        widths = {"nodes": "num_features", "edges": "num_edge_features", "globals": "num_globals"}
        return {name: self.x[part].shape[-1] for part, name in widths.items()} | {"num_horizons": self.num_outputs}

    def objective(self, model) -> dict:
        import keras

        weights = {"segments": self.task.segment_weight, "supersegment": 1.0}
        return {"loss": {name: keras.losses.Huber() for name in weights}, "loss_weights": weights}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        batches = datasets.example_batches(self.x, self.y, batch_size, **options)
        return ((x, self._targets(y)) for x, y in (batches[k] for k in itertools.count()))

    def predictions(self, model) -> dict[str, np.ndarray]:
        """Return travel times of the test requests (M, H) in seconds, by method."""
        outputs = model.predict(self.test_x, batch_size=256, verbose=0)
        usual = self.test.usual.sum(axis=1)
        segments = self.scales["segments"] * np.asarray(outputs["segments"]).sum(axis=1)
        return {
            "model": usual + self.scales["supersegment"] * np.asarray(outputs["supersegment"]),
            "sum of segments": usual + segments,
            "current": current(self.test)[:, None] * np.ones(self.num_outputs),
            "usual": usual,
            "mixture": mixture(self.train, self.test),
        }

    def measure(self, model, row, seed) -> dict[str, float]:
        true, predictions, metrics = self.test.times.sum(axis=1), self.predictions(model), {}
        for name, predicted in predictions.items():
            of, wrong = "" if name == "model" else f" of {name}", predicted - true
            metrics[f"RMSE{of}"] = float(np.sqrt(np.mean(wrong**2)))
            metrics[f"bad ETAs in %{of}"] = 100 * float((np.abs(wrong) > BAD * true).mean())
        last = {name: x[:, -1] - true[:, -1] for name, x in predictions.items()}
        metrics |= {f"RMSE of the last horizon, {name}": float(np.sqrt(np.mean(x**2))) for name, x in last.items()}
        return metrics

    def sample(self, model, seed) -> dict:
        """Return the requests of the first test day as columns: minute of the day, true and predicted seconds."""
        columns = {"minute": self.test.minutes, "true": self.test.times.sum(axis=1)[:, 0]}
        columns |= {name: x[:, 0] for name, x in self.predictions(model).items()}
        return {name: np.round(column[:78], 1).tolist() for name, column in columns.items()}


def _features(traffic):
    """Return features of segments (M, N, 10): logarithms of past and mean seconds, and length, limit and lanes."""
    times = np.concatenate([traffic.segments[..., :1] / traffic.speeds, traffic.usual], axis=-1)
    return np.concatenate([np.log(times), traffic.segments], axis=-1)


def current(traffic: datasets.Traffic) -> np.ndarray:
    """Return the travel times (M,) that the speeds of the last minute mean."""
    return (traffic.segments[..., 0] / traffic.speeds[..., 0]).sum(axis=1)


def mixture(train: datasets.Traffic, test: datasets.Traffic) -> np.ndarray:
    """Return test times (M, H) by a linear function of the current time and the historical means, now and later."""

    def columns(traffic, k):
        usual = traffic.usual.sum(axis=1)
        return np.stack([current(traffic), usual[:, 0], usual[:, k], np.ones(len(usual))], axis=1)

    times = [
        columns(test, k) @ np.linalg.lstsq(columns(train, k), train.times[..., k].sum(axis=1), rcond=None)[0]
        for k in range(train.times.shape[-1])
    ]
    return np.stack(times, axis=1)
