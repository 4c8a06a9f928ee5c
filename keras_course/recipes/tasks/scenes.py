"""The task of finding objects in scans of streets."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import positive, whole_number
from keras_course.recipes._task import Data, Metric, Task, image_of, in_batches

GROUPS = (2.0, 1.0, 0.5)  # largest distance of the centers of boxes that are merged, of cars, cyclists and pedestrians
SHOWN = 3.0  # score from which on a box is drawn, about the sum of three points
GROUND = 0.2  # height below which the baseline takes a point to be on the ground


@dataclasses.dataclass(frozen=True)
class Detection(Task):
    """Find cars, cyclists and pedestrians in scans of streets; the metric is the mean average precision.

    A found box is right if its center, seen from above, is near the center of a true box of its class. Beside it stands
    a method without learning of shapes: clusters of the points above the ground, each with the class of the training
    cluster that is most similar in its extent, and with the center of the box that is parallel to its main axes.

    Args:
        num_train, num_test: numbers of scenes; `num_test` others are for validation.
        radius: largest distance of neighbors, in meters.
        max_neighbors: most neighbors of a point.
        distance: of the centers, in meters.
    """

    num_train: int = 300
    num_test: int = 60
    radius: float = 2.0
    max_neighbors: int = 12
    distance: float = 0.5
    metric: ClassVar[Metric] = Metric("average precision", "%", higher_is_better=True)
    data: ClassVar[str] = "lidar_scenes"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_test=self.num_test, max_neighbors=self.max_neighbors)
        positive(radius=self.radius, distance=self.distance)

    def load(self, part=0, start=None) -> "SceneData":
        return SceneData(self)


class SceneData(Data):
    """Scans as graphs, with the class and the box of each point."""

    num_outputs = len(datasets.SCENE_CLASSES)
    loss_unit = "nats/point, and the loss of the boxes"

    def __init__(self, task):
        from keras_course.graphs import batch_graphs

        self.task = task
        self.train, self.test = datasets.lidar_scenes(task.num_train, num_test=task.num_test)
        _, valid = datasets.lidar_scenes(1, num_test=task.num_test, seed=1)
        self.size = f"{task.num_train:,} + {task.num_test:,} scans"
        parts = [self._graphs(scenes) for scenes in (self.train, valid, self.test)]
        sizes = {size: max(getattr(g, size) for part in parts for g in part) for size in ("num_nodes", "num_edges")}
        self.x, valid_x, self.test_x = (batch_graphs(part, **sizes) for part in parts)
        self.y, valid_y = (_codes(scenes, sizes["num_nodes"]) for scenes in (self.train, valid))
        self.validation = [(x, _targets(y)) for x, y in in_batches((valid_x, valid_y), 20)]

    def _graphs(self, scenes):
        from keras_course.graphs import Graph, radius_graph

        options = {"radius": self.task.radius, "max_neighbors": self.task.max_neighbors}
        nodes = [np.concatenate([points, points[:, 2:]], axis=1) for points in scenes.points]  # and the height
        return [Graph(x, *radius_graph(x[:, :3], **options)) for x in nodes]

    def arguments(self, build) -> dict:
        return {"num_features": self.x["nodes"].shape[-1], "num_classes": self.num_outputs}

    def objective(self, model) -> dict:
        import keras

        from keras_course.graphs import BoxLoss

        classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        return {"loss": {"classes": classes, "boxes": BoxLoss()}}

    def batches(self, batch_size, steps_per_epoch, seed, start_epoch) -> Iterable:
        options = {"steps_per_epoch": steps_per_epoch, "seed": seed, "start_epoch": start_epoch}
        batches = datasets.example_batches(self.x, self.y, batch_size, **options)
        return ((x, _targets(y)) for x, y in (batches[k] for k in itertools.count()))

    def found(self, model) -> tuple[list, list]:
        """Return the classes of the points of each test scene, and its boxes and their scores by their class."""
        from keras import ops

        from keras_course.graphs import decode_boxes, merge_boxes

        outputs = model.predict(self.test_x, batch_size=20, verbose=0)
        probabilities = ops.convert_to_numpy(ops.softmax(outputs["classes"]))
        labels, boxes = [], []
        for points, p, codes in zip(self.test.points, probabilities, outputs["boxes"], strict=True):
            p, every = p[: len(points)], decode_boxes(points, codes[: len(points)])
            labels.append(p.argmax(axis=-1))
            mine = {k: labels[-1] == k for k in range(1, self.num_outputs)}
            boxes.append({k: merge_boxes(every[m], p[m, k], GROUPS[k - 1]) for k, m in mine.items()})
        return labels, boxes

    def precision(self, found) -> dict[str, float]:
        """Return the average precision of each class of boxes with their scores, a dict by class for each scene."""
        from keras_course.graphs import average_precision

        values = {}
        for k, name in list(enumerate(datasets.SCENE_CLASSES))[1:]:
            true = [boxes[classes == k] for boxes, classes in zip(self.test.boxes, self.test.classes, strict=True)]
            pairs = [scene[k] for scene in found]
            values[name] = average_precision(true, *zip(*pairs, strict=True), self.task.distance)
        return values

    def measure(self, model, row, seed) -> dict[str, float]:
        metrics = {}
        for name, found in (("", self.found(model)[1]), (" of clusters", clusters(self.train, self.test))):
            values = self.precision(found)
            metrics[f"average precision{name}"] = float(np.nanmean(list(values.values())))
            metrics |= {f"{kind}s{name}": value for kind, value in values.items()}
        return metrics

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of the first two test scenes from above: true boxes on the left, found ones on the right."""

        from keras_course.graphs import plot_birds_eye

        labels, boxes = self.found(model)
        scenes = {}
        for n in range(min(2, len(labels))):
            points, owners, true, classes = (column[n] for column in self.test)
            by_class = {k: true[classes == k] for k in range(1, self.num_outputs)}
            kept = {k: x[score > SHOWN] for k, (x, score) in boxes[n].items()}
            scenes[f"scene {n + 1}: true"] = points, np.append(classes, 0)[owners], by_class
            scenes[f"scene {n + 1}: found"] = points, labels[n], kept
        return image_of(plot_birds_eye(scenes, class_names=datasets.SCENE_CLASSES))


def _codes(scenes, num_nodes):
    """Return the class of each point and the code of its box, (S, N, 9): class 0 has no box, -1 is padding."""
    from keras_course.graphs import encode_boxes

    y = np.zeros((len(scenes.points), num_nodes, 9), "float32")
    y[..., 0] = -1
    for row, points, owners, boxes, classes in zip(y, *scenes, strict=True):
        row[: len(points), 0], inside = 0, np.flatnonzero(owners >= 0)
        row[inside, 0] = classes[owners[inside]]
        row[inside, 1:] = encode_boxes(points[inside], boxes[owners[inside]])
    return y


def _targets(y):
    return {"classes": y[..., 0], "boxes": y}


def clusters(train: datasets.Scenes, test: datasets.Scenes) -> list[dict]:
    """Return the boxes and scores by class that clusters of points suggest for each test scene.

    A cluster is a connected part of the graph of the points above the ground that are less than 0.8 m apart. Its class
    is the most frequent one among the five training clusters with the most similar length, width and height, and its
    score is their fraction.
    """
    from sklearn.neighbors import KNeighborsClassifier

    boxes, labels = [], []
    for points, owners, _, classes in zip(*train, strict=True):
        for cluster in _connected(points):
            boxes.append(_around(points[cluster]))
            labels.append(np.bincount(np.append(classes, 0)[owners[cluster]]).argmax())
    model = KNeighborsClassifier(5).fit(np.array(boxes)[:, 3:6], labels)
    found = []
    for points in test.points:
        every = np.array([_around(points[cluster]) for cluster in _connected(points)]).reshape(-1, 7)
        probabilities = np.zeros((len(every), len(datasets.SCENE_CLASSES)))
        if len(every):
            probabilities[:, model.classes_] = model.predict_proba(every[:, 3:6])
        best = probabilities.argmax(axis=1)
        found.append({k: (every[best == k], probabilities[best == k, k]) for k in range(1, probabilities.shape[1])})
    return found


def _connected(points):
    """Return the numbers of the points of each cluster above the ground."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    from keras_course.graphs import radius_graph

    above = np.flatnonzero(points[:, 2] > GROUND)
    if not len(above):
        return []
    senders, receivers = radius_graph(points[above], 0.8)
    links = coo_matrix((np.ones(len(senders)), (senders, receivers)), shape=(len(above), len(above)))
    count, parts = connected_components(links, directed=False)
    return [above[parts == k] for k in range(count)]


def _around(points):
    """Return the box around points whose length is along the direction of their largest variance, from above."""
    plane = points[:, :2] - points[:, :2].mean(axis=0)
    axes = np.linalg.eigh(plane.T @ plane)[1][:, ::-1]
    along = points[:, :2] @ axes
    low, high = along.min(axis=0), along.max(axis=0)
    top = points[:, 2].max()
    return np.array([*(axes @ (low + high) / 2), top / 2, *(high - low), top, np.arctan2(axes[1, 0], axes[0, 0])])
