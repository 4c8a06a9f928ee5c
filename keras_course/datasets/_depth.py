"""Rendered scenes with the depth of each pixel: boxes, ramps and balls on a floor before a wall.

Notation: N scenes of H x W pixels. The camera is 1.5 m above the floor and looks 12 degrees down; x points to the
right, y ahead and z up. Depth is the distance along the axis of the camera. A convex body of P planes is the set of
points q with normals q <= offsets.
"""

from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset

DEPTH_KINDS = ("floor", "wall", "box", "ramp", "ball", "balloon")
HEIGHT, TILT, FOCAL = 1.5, np.radians(12), 60.0  # of the camera: meters, radians, pixels
SHAPE = 48, 64  # H, W
DEPTH_NOISE = 0.01  # standard deviation of a measured depth z in meters, in units of z^2


class DepthScenes(NamedTuple):
    """Images with depth maps.

    Args:
        images: (N, H, W, 1) float32, gray values from 0 to 1.
        depths: (N, H, W, 1) float32, measured depths in meters.
        exact: (N, H, W, 1) float32, depths without the error of the measurement; its standard deviation is
            0.01 exact^2.
        kinds: (N, H, W) int32, indices of `DEPTH_KINDS`, the surface that a pixel shows.
    """

    images: np.ndarray
    depths: np.ndarray
    exact: np.ndarray
    kinds: np.ndarray


@validate(num_train=whole(1, 100_000), num_test=whole(1, 10_000), seed=numpy_seed)
def depth_scenes(num_train: int = 600, *, num_test: int = 60, seed: int = 0) -> tuple[DepthScenes, DepthScenes]:
    """Return gray images of rendered scenes, and what a stereo camera would measure as the depth of each pixel.

    A scene has a tiled floor, a wall at 7 to 9 m, and two to four boxes, ramps and balls, which stand on the floor. A
    lamp lights them from a random direction. The images are 48 x 64 pixels with noise of 0.02. A stereo camera finds
    the depth z = f b / d from the disparity d, so an error of d becomes an error of z that grows with its square:

        measured z ~ N(z, (0.01 z^2)^2), z in meters

    Each test scene has one object more, of a kind that no training scene has: a balloon, which is a striped ball in the
    air.

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
        >>> train, test = datasets.depth_scenes(3, num_test=2)
        >>> train.images.shape, test.kinds.shape
        ((3, 48, 64, 1), (2, 48, 64))
    """
    rng = np.random.default_rng(seed)
    parts = [[_scene(rng, balloon) for _ in range(count)] for count, balloon in ((num_train, False), (num_test, True))]
    return tuple(DepthScenes(*map(np.stack, zip(*part, strict=True))) for part in parts)


def _scene(rng, balloon):
    """Return image, measured depth, exact depth and kinds of one scene."""
    rays = _rays()
    bodies = _objects(rng, balloon)
    surfaces = [_floor(rng, rays), _wall(rng, rays), *(_hit(rays, body) for body in bodies)]
    kinds = np.array([0, 1, *(body["kind"] for body in bodies)])
    depths = np.stack([depth for depth, _, _ in surfaces])
    nearest = depths.argmin(axis=0)
    exact, normals, colors = (np.stack(part)[nearest, np.arange(len(rays))] for part in zip(*surfaces, strict=True))
    lamp = _unit(np.array([rng.uniform(-1, 1), rng.uniform(-1, 0.3), rng.uniform(0.6, 1.5)]))
    image = colors * (0.35 + 0.65 * np.maximum(normals @ lamp, 0))
    image = np.clip(image + rng.normal(scale=0.02, size=image.shape), 0, 1)
    measured = exact + DEPTH_NOISE * exact**2 * rng.normal(size=exact.shape)
    maps = (part.reshape(*SHAPE, 1).astype("float32") for part in (image, measured, exact))
    return *maps, kinds[nearest].reshape(SHAPE).astype("int32")


def _rays():
    """Return the direction (H W, 3) of the ray of each pixel, of length 1 along the axis of the camera."""
    height, width = SHAPE
    right = (np.arange(width) + 0.5 - width / 2) / FOCAL
    up = (height / 2 - np.arange(height) - 0.5) / FOCAL
    right, up = (part.ravel() for part in np.meshgrid(right, up))
    sin, cos = np.sin(TILT), np.cos(TILT)
    return np.stack([right, cos + up * sin, up * cos - sin], axis=-1)


def _floor(rng, rays):
    """Return depth, normal and color of the floor for each ray: tiles of 50 cm, as a checkerboard."""
    down = np.minimum(rays[:, 2], -1e-9)
    depth = np.where(rays[:, 2] < -1e-9, -HEIGHT / down, np.inf)
    at = np.where(np.isfinite(depth), depth, 0)[:, None] * rays[:, :2] + rng.uniform(0, 1, 2)
    dark = np.floor(2 * at).sum(axis=1) % 2
    return depth, np.broadcast_to([0.0, 0.0, 1.0], rays.shape), rng.uniform(0.5, 0.8) - 0.15 * dark


def _wall(rng, rays):
    depth = rng.uniform(7, 9) / rays[:, 1]
    return depth, np.broadcast_to([0.0, -1.0, 0.0], rays.shape), np.full(len(rays), rng.uniform(0.5, 0.9))


def _objects(rng, balloon):
    """Return two to four objects on the floor whose circles do not touch, and a balloon in the air if there is one."""
    bodies, circles = [], []
    for number in range(rng.integers(2, 5) + balloon):
        kind = 5 if number == 0 and balloon else rng.integers(2, 5)
        radius = rng.uniform(0.25, 0.6)
        for _ in range(50):
            y = rng.uniform(3.0, 6.5)
            x = y * rng.uniform(-0.4, 0.4)
            if all(np.hypot(x - a, y - b) > radius + r + 0.1 for a, b, r in circles):
                break
        else:
            continue
        circles.append((x, y, radius))
        bodies.append({"kind": kind, "color": rng.uniform(0.3, 1.0)} | _body(rng, kind, x, y, radius))
    return bodies


def _body(rng, kind, x, y, radius):
    """Return a ball, or the planes of a box or a ramp, within a circle on the floor."""
    if kind >= 4:
        return {"center": np.array([x, y, radius if kind == 4 else rng.uniform(1.2, 1.8)]), "radius": radius}
    angle, turn = rng.uniform(0.6, 1.0), rng.uniform(-np.pi, np.pi)
    half = radius * np.array([np.cos(angle), np.sin(angle)])
    height = rng.uniform(0.4, 1.2) if kind == 2 else rng.uniform(0.3, 0.8)
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    offsets = np.array([*half, height, *half, 0.0])
    if kind == 3:  # the slope rises from one end to the other
        slope = _unit(np.array([-height, 0.0, 2 * half[0]]))
        normals, offsets = np.vstack([normals, slope]), np.append(offsets, height / 2 * slope[2])
    cos, sin = np.cos(turn), np.sin(turn)
    normals = normals @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return {"normals": normals, "offsets": offsets + normals @ np.array([x, y, 0.0])}


def _hit(rays, body):
    """Return depth (infinite where a ray passes), normal and color of an object for each ray."""
    origin = np.array([0.0, 0.0, HEIGHT])
    color = np.full(len(rays), body["color"])
    if "center" in body:
        gap = origin - body["center"]
        a, b, c = (rays**2).sum(axis=1), rays @ gap, gap @ gap - body["radius"] ** 2
        root = b**2 - a * c
        depth = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
        normals = (gap + np.where(root > 0, depth, 0)[:, None] * rays) / body["radius"]
        if body["kind"] == 5:
            color = np.where(np.sin(12 * normals[:, 2]) > 0, 1.0, 0.1)
        return depth, normals, color
    room, speed = body["offsets"] - body["normals"] @ origin, rays @ body["normals"].T
    times = room / np.where(speed == 0, 1e-12, speed)
    enter, leave = np.where(speed < 0, times, -np.inf), np.where(speed > 0, times, np.inf).min(axis=1)
    depth = enter.max(axis=1)
    depth = np.where((depth < leave) & (depth > 0), depth, np.inf)
    return depth, body["normals"][enter.argmax(axis=1)], color


def _unit(vector):
    return vector / np.linalg.norm(vector)


DEPTH = (
    Dataset(
        name="depth_scenes",
        kind="depth",
        size="600 + 60 gray images of 48 x 64 with depth maps",
        license="MIT",
        origin="rendered here",
        load=depth_scenes,
        offline="depth_scenes",
    ),
)
