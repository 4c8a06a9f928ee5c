"""Scenes of a street as a laser scanner sees them: points on boxes of three classes, on walls and posts, and on ground.

Notation: S scenes. A scene has N points in meters and K boxes. The scanner is 1.8 m above the origin; x points ahead,
y to the left and z up. A box is (x, y, z, l, w, h, yaw): its center, its length, width and height, and the angle
between its length and the x axis.
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset

SCENE_CLASSES = ("background", "car", "cyclist", "pedestrian")
SIZES = np.array([[4.2, 1.8, 1.5], [1.8, 0.6, 1.7], [0.6, 0.6, 1.7]])  # typical length, width and height of a class
CLUTTER = np.array([[4.0, 0.3, 1.8], [0.4, 0.4, 2.2], [0.9, 0.9, 1.0]])  # wall, post and shrub
HEIGHT, NEAR, FAR = 1.8, 6.0, 24.0  # of the scanner, and the distances of what it sees
VOXEL = 0.6  # side of a cube of which one point is kept
FEWEST = 5  # points that an object needs, to be one that can be found


class Scenes(NamedTuple):
    """Scans of streets, each entry a list with one array for each scene.

    Args:
        points: (N, 3) float32, positions.
        owners: (N,) int32, the number of the box that a point is on; -1 for walls, posts, shrubs and ground.
        boxes: (K, 7) float32.
        classes: (K,) int32, indices of `SCENE_CLASSES`, from 1.
    """

    points: list[np.ndarray]
    owners: list[np.ndarray]
    boxes: list[np.ndarray]
    classes: list[np.ndarray]


@validate(num_train=whole(1, 100_000), num_test=whole(1, 10_000), seed=numpy_seed)
def lidar_scenes(num_train: int = 300, *, num_test: int = 60, seed: int = 0) -> tuple[Scenes, Scenes]:
    """Return scans of simulated streets with cars, cyclists and pedestrians, between walls, posts and shrubs.

    Each object is a box, whose size differs by up to 10 % from the typical size of its class. The scanner sends 20
    rings of rays ahead, and a ray ends on the first surface that it meets, so that near boxes hide what is behind them
    and only the sides toward the scanner have points. The distance has an error of 2 cm. Of each cube of 60 cm one
    point is kept, and of the ground a fifth of those. An object with fewer than 5 points is left out, with its points.

    Args:
        num_train: number of scenes to train on.
        num_test: number of scenes to test on.
        seed: of all random numbers.

    Returns:
        (train, test).

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.lidar_scenes(3, num_test=2)
        >>> len(train.points), train.points[0].shape[1], train.boxes[0].shape[1]
        (3, 3, 7)
    """
    rng = np.random.default_rng(seed)
    scans = [_scan(rng) for _ in range(num_train + num_test)]
    parts = scans[:num_train], scans[num_train:]
    return tuple(Scenes(*(list(column) for column in zip(*part, strict=True))) for part in parts)


def _scan(rng):
    """Return the points, owners, boxes and classes of a scene."""
    classes = np.repeat([1, 2, 3], rng.integers(1, 4, 3))
    kinds = rng.integers(0, len(CLUTTER), 5)
    sizes = np.concatenate([SIZES[classes - 1], CLUTTER[kinds]])
    boxes = _placed(rng, sizes * rng.uniform(0.9, 1.1, sizes.shape))
    points, owners = _cast(rng, boxes)
    points, owners = _thinned(rng, points, owners)
    owners = np.where(owners < len(classes), owners, -1)
    counts = np.bincount(owners[owners >= 0], minlength=len(classes))
    seen = counts >= FEWEST
    numbers = np.append(np.where(seen, np.cumsum(seen) - 1, -2), -1)  # new number of each object; the last entry is -1
    owners = numbers[owners]
    kept = owners > -2
    boxes, classes = boxes[: len(seen)][seen].astype("float32"), classes[seen].astype("int32")
    return points[kept].astype("float32"), owners[kept].astype("int32"), boxes, classes


def _placed(rng, sizes):
    """Return boxes of these sizes on the ground, whose circles do not touch."""
    boxes = []
    for length, width, height in sizes:
        radius = np.hypot(length, width) / 2
        for _ in range(100):
            distance, angle = rng.uniform(NEAR + 1, FAR - 2), rng.uniform(-0.7, 0.7)
            x, y = distance * np.cos(angle), distance * np.sin(angle)
            if all(np.hypot(x - b[0], y - b[1]) > radius + np.hypot(b[3], b[4]) / 2 + 0.2 for b in boxes):
                break
        else:
            x, y = FAR * 10.0, 0.0  # there is no room: it stands where no ray comes
        boxes.append((x, y, height / 2, length, width, height, rng.uniform(-np.pi / 2, np.pi / 2)))
    return np.array(boxes)


def _cast(rng, boxes):
    """Return where rays end (N, 3), and on which box, len(boxes) for the ground."""
    azimuth, elevation = np.meshgrid(np.radians(np.arange(-45, 45.1, 0.6)), np.radians(np.linspace(-14, 3, 20)))
    rays = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    rays, origin = rays.reshape(-1, 3), np.array([0.0, 0.0, HEIGHT])
    cos, sin = np.cos(boxes[:, 6]), np.sin(boxes[:, 6])
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    turned = np.array([[cos, sin, zero], [-sin, cos, zero], [zero, zero, one]])  # (3, 3, K): axes of each box
    start = (turned * (origin - boxes[:, :3]).T).sum(axis=1)[:, None]  # the scanner in the axes of each box
    ahead = rays @ turned  # (3, R, K)
    ahead = np.where(np.abs(ahead) < 1e-9, 1e-9, ahead)
    half = boxes[:, 3:6].T[:, None] / 2
    low, high = (-half - start) / ahead, (half - start) / ahead  # where a ray crosses the planes of the sides
    enter, leave = np.minimum(low, high).max(axis=0), np.maximum(low, high).min(axis=0)
    lengths = np.where((enter < leave) & (enter > 0), enter, np.inf)
    ground = np.where(rays[:, 2] < -1e-9, -HEIGHT / np.minimum(rays[:, 2], -1e-9), np.inf)
    lengths = np.concatenate([lengths, ground[:, None]], axis=1)
    owners, lengths = lengths.argmin(axis=1), lengths.min(axis=1)
    inside = lengths < FAR
    lengths = lengths[inside] + rng.normal(scale=0.02, size=inside.sum())
    return origin + lengths[:, None] * rays[inside], owners[inside]


def _thinned(rng, points, owners):
    """Return one random point of each cube, and of the ground a fifth of them."""
    order = rng.permutation(len(points))
    _, first = np.unique(np.floor(points[order] / VOXEL), axis=0, return_index=True)
    chosen = np.sort(order[first])
    chosen = chosen[(owners[chosen] < owners.max()) | (rng.random(len(chosen)) < 0.2)]
    return points[chosen], owners[chosen]


SCENES = (
    Dataset(
        name="lidar_scenes",
        kind="scenes",
        size="300 + 60 scans of about 220 points",
        license="MIT",
        origin="simulated here",
        load=lidar_scenes,
        offline="lidar_scenes",
    ),
)
