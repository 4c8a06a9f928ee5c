"""The task of papers that cite each other: the subject of each, from its words and its links."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import string, whole_number, whole_numbers
from keras_course.recipes._task import Data, Metric, Task


@dataclasses.dataclass(frozen=True, kw_only=True)
class Citations(Task):
    """Predict the subjects of papers in a graph of citations; the metric is the test accuracy, its mean over all parts.

    A step sees the whole graph, and its loss is the mean over the few papers for training. With `fanouts`, a step sees
    the sampled neighborhoods of a batch of these papers instead. The metric is always measured on the whole graph. Each
    part is a run with initial weights and dropout of its own, on the same split.

    Args:
        data: name of a graph of papers in `keras_course.datasets`.
        parts: number of runs.
        fanouts: edges to sample for each paper, one number per layer, see `keras_course.graphs.neighbor_sample`; an
            empty tuple samples none.
    """

    data: str = "cora"
    parts: int = 20
    fanouts: tuple[int, ...] = ()
    metric: ClassVar[Metric] = Metric("test accuracy", "%", higher_is_better=True)

    def __post_init__(self):
        string(data=self.data)
        whole_number(1, parts=self.parts)
        whole_numbers(1, fanouts=self.fanouts)

    def load(self, part=0, start=None) -> "CitationData":
        return CitationData(self)

    def on(self, data) -> Task:
        """Return the same task on another graph of papers, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("citations",)))


class CitationData(Data):
    """One graph, with a weight of 0 or 1 for each paper."""

    loss_unit = "nats/paper"

    def __init__(self, task):
        from keras_course.graphs import Graph, batch_graphs, sparse_features

        self.graph, self.fanouts = datasets.get_dataset(task.data).load(), task.fanouts
        graph, self.links = self.graph, Graph(self.graph.nodes, self.graph.senders, self.graph.receivers)
        batch = batch_graphs([self.links])
        self.x = batch | sparse_features(batch)  # a model takes what it needs
        self.validation = [self._batch(graph.valid)]
        sizes = [int(mask.sum()) for mask in (graph.train, graph.valid, graph.test)]
        self.size = "{:,} papers, {:,} links, {:,} + {:,} + {:,} known subjects".format(
            len(graph.nodes), len(graph.senders) // 2, *sizes
        )
        self.sha256 = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in graph)).hexdigest()

    def _batch(self, mask):
        return self.x, self.graph.labels[None], mask[None].astype("float32")

    def arguments(self, build) -> dict:
        return {"num_features": self.graph.nodes.shape[1], "num_outputs": int(self.graph.labels.max()) + 1}

    def objective(self, model) -> dict:
        import keras

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
        return {"loss": loss, "weighted_metrics": [keras.metrics.SparseCategoricalAccuracy("accuracy")]}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        if not self.fanouts:
            return itertools.repeat(self._batch(self.graph.train))
        whole_number(1, at_most=int(self.graph.train.sum()), batch_size=batch_size)
        return (self._sampled(batch_size, seed, step) for step in itertools.count(start_epoch * steps_per_epoch))

    def _sampled(self, batch_size, seed, step):
        """Return the neighborhoods of some papers for training, padded to the largest that there can be."""
        from keras_course.graphs import batch_graphs, neighbor_sample

        rng = np.random.default_rng((seed, step))
        papers = rng.choice(np.flatnonzero(self.graph.train), batch_size, replace=False)
        part = neighbor_sample(self.links, papers, self.fanouts, seed=int(rng.integers(2**63)))
        num_edges = batch_size * int(np.cumprod(self.fanouts).sum())  # every edge leads to one new paper at most
        x = batch_graphs([part.graph], num_nodes=batch_size + num_edges, num_edges=num_edges)
        labels = np.zeros(x["graph_ids"].shape, "int32")
        labels[0, : len(part.nodes)] = self.graph.labels[part.nodes]
        return x, labels, (np.arange(labels.size) < batch_size).astype("float32")[None]

    def measure(self, model, row, seed) -> dict[str, float]:
        right = self._logits(model).argmax(axis=-1) == self.graph.labels
        parts = {"training": self.graph.train, "validation": self.graph.valid, "test": self.graph.test}
        return {f"{name} accuracy": 100 * float(right[mask].mean()) for name, mask in parts.items()}

    def _logits(self, model):
        return np.asarray(model.predict(self.x, batch_size=1, verbose=0))[0]

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the papers, each a dot: by their words on the left, by the model's outputs on the right.

        Both panels show the two directions of largest variance, and a color is a subject.
        """
        from matplotlib import colormaps

        colors = np.array(colormaps["tab10"](np.arange(1 + self.graph.labels.max())))[self.graph.labels, :3]
        panels = [_dots(points, colors) for points in (self.graph.nodes, self._logits(model))]
        return np.round(255 * np.concatenate(panels, axis=1)).astype("uint8")


def _dots(points, colors, size=400):
    """Return an image (size, size, 3) of points (N, D) as dots in the plane of their first principal components."""
    centered = points - points.mean(axis=0)
    plane = centered @ np.linalg.eigh(centered.T @ centered)[1][:, -2:]
    low, high = np.quantile(plane, (0.002, 0.998), axis=0)
    places = np.clip((plane - low) / (high - low), 0, 1) * (size - 20) + 10
    image = np.ones((size, size, 3))
    for dx, dy in np.ndindex(3, 3):
        image[size - 1 - places[:, 0].astype(int) - dy, places[:, 1].astype(int) + dx] = colors
    return image
