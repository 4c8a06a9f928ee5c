"""Scenes of shapes and a stick figure, with everything that one may ask of an image; and cells between membranes.

Notation: N images of 64 x 64 pixels, at most K = 5 objects. Positions (x, y) are in pixels, x to the right and y down.
"""

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._annotated import REAL, AnnotatedImages
from keras_course.datasets._dataset import Dataset

SHAPE_CLASSES = ("circle", "square", "triangle", "cross", "figure")
SHAPE_COLORS = {
    "red": (0.85, 0.2, 0.2), "green": (0.2, 0.7, 0.3), "blue": (0.2, 0.35, 0.85), "yellow": (0.9, 0.8, 0.2),
    "purple": (0.6, 0.25, 0.7),
}  # fmt: skip
FIGURE_POINTS = ("head", "hip", "left hand", "right hand", "left foot", "right foot")
SIDE, MOST, SMALLEST = 64, 5, 12  # pixels; objects; visible pixels of an object
LIMBS = ((0, 1), (6, 2), (6, 3), (1, 4), (1, 5))  # between joints; joint 6 is the shoulder
THICKNESS = 1.6  # of a limb, in pixels


@validate(num_train=whole(1, 100_000), num_test=whole(1, 10_000), seed=numpy_seed)
def shape_scenes(
    num_train: int = 1_000, *, num_test: int = 200, seed: int = 0
) -> tuple[AnnotatedImages, AnnotatedImages]:
    """Return scenes with one to four shapes and a stick figure before a background with a gradient and stripes.

    Near objects are larger and hide those behind them; the figure is in front. From one seed come the class of each
    pixel, the object that it belongs to, boxes around what is visible, the depth, the joints of the figure, and a
    caption, such as "a red circle left of a blue square", about the two nearest shapes.

    Args:
        num_train: number of scenes to train on.
        num_test: number of scenes to test on.
        seed: of all random numbers.

    Returns:
        (train, test). Classes of boxes are indices of `SHAPE_CLASSES`; keypoints are in the order of `FIGURE_POINTS`.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.shape_scenes(3, num_test=2)
        >>> train.images.shape, train.boxes.shape, test.keypoints.shape
        ((3, 64, 64, 3), (3, 5, 4), (2, 6, 2))
    """
    rng = np.random.default_rng(seed)
    scenes = [_scene(rng) for _ in range(num_train + num_test)]
    parts = scenes[:num_train], scenes[num_train:]
    names = ("background", *SHAPE_CLASSES)
    return tuple(_stacked(part, names) for part in parts)


def _stacked(scenes, names):
    *arrays, captions = zip(*scenes, strict=True)
    images, masks, objects, boxes, classes, keypoints, depths = map(np.stack, arrays)
    return AnnotatedImages(
        images, names, SHAPE_CLASSES, masks, objects, boxes, classes, keypoints, depths, tuple(captions)
    )


def _scene(rng):
    """Return image, masks, objects, boxes, classes, keypoints, depths and caption of one scene."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    image, depth = _background(rng, x, y), np.full((SIDE, SIDE), 10.0)
    things = sorted(_shapes(rng), key=lambda thing: -thing["depth"])
    joints, figure = _figure(rng)
    things.append(figure)
    objects = np.zeros((SIDE, SIDE), "int32")
    for number, thing in enumerate(things, 1):  # from far to near
        window = _window(thing)
        inside = _inside(thing, x[window], y[window])
        shade = 0.8 + 0.2 * np.clip((thing["center"][1] - y[window][inside]) / thing["radius"], -1, 1)
        image[window][inside] = np.array(thing["color"]) * shade[:, None]
        depth[window][inside], objects[window][inside] = thing["depth"], number
    image = np.clip(image + rng.normal(scale=0.03, size=image.shape), 0, 1)
    return (np.round(255 * image).astype("uint8"), *_annotations(objects, things), joints, depth.astype("float32"),
            _caption(things[:-1]))  # fmt: skip


def _background(rng, x, y):
    """Return a gradient between two dull colors, with faint stripes."""
    colors, angle = rng.uniform(0.3, 0.7, (2, 3)), rng.uniform(0, 2 * np.pi)
    along = (x * np.cos(angle) + y * np.sin(angle)) / SIDE
    stripes = 0.05 * np.sin(2 * np.pi * rng.uniform(2, 8) * along + rng.uniform(0, 6))
    mix = np.clip(0.5 + 0.5 * along, 0, 1)[..., None]
    return colors[0] * mix + colors[1] * (1 - mix) + stripes[..., None]


def _shapes(rng):
    """Return one to four shapes, whose circles overlap by a third at most."""
    found = []
    for _ in range(rng.integers(1, MOST)):
        radius = rng.uniform(5.5, 11)
        for _ in range(20):
            center = rng.uniform(radius * 0.7, SIDE - radius * 0.7, 2)
            if all(np.hypot(*(center - o["center"])) > 0.75 * (radius + o["radius"]) for o in found):
                break
        else:
            continue
        name = rng.choice(list(SHAPE_COLORS))
        color = np.clip(np.array(SHAPE_COLORS[name]) + rng.normal(scale=0.04, size=3), 0, 1)
        found.append(
            {
                "kind": int(rng.integers(4)), "center": center, "radius": radius, "color": color, "name": str(name),
                "angle": rng.uniform(0, 2 * np.pi), "depth": 45 / radius,
            }
        )  # fmt: skip
    return found


def _figure(rng):
    """Return the joints (6, 2) of a stick figure, and the figure as an object."""
    size, tilt = rng.uniform(11, 16), rng.uniform(-0.3, 0.3)
    arms, legs = rng.uniform(-2.2, 0.9, 2), rng.uniform(0.15, 0.7, 2)  # angles from the downward direction
    shoulder, hip = np.array([0.0, -0.4]), np.array([0.0, 0.2])
    hands = [shoulder + 0.6 * np.array([side * np.cos(a), np.sin(a)]) for side, a in zip((-1, 1), arms, strict=True)]
    feet = [hip + 0.7 * np.array([side * np.sin(a), np.cos(a)]) for side, a in zip((-1, 1), legs, strict=True)]
    joints = np.stack([np.array([0.0, -0.75]), hip, *hands, *feet, shoulder])
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    joints = size * joints @ turn
    low, high = joints.min(axis=0) - 4, joints.max(axis=0) + 4
    joints = joints + rng.uniform(-low, SIDE - high)
    color = rng.uniform(0.0, 0.15, 3) if rng.random() < 0.5 else rng.uniform(0.85, 1.0, 3)
    figure = {"kind": 4, "joints": joints, "radius": size, "color": color, "depth": 2.0, "center": joints.mean(axis=0)}
    return joints[:-1].astype("float32"), figure


def _window(thing):
    """Return the rows and columns around an object."""
    points = thing.get("joints", thing["center"][None])
    margin = 5 if "joints" in thing else thing["radius"] + 1
    low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin)
    low, high = (np.clip(part, 0, SIDE).astype(int) for part in (low, high))
    return slice(low[1], high[1]), slice(low[0], high[0])


def _inside(thing, x, y):
    """Return which pixels (H, W) an object covers."""
    if thing["kind"] == 4:
        joints = thing["joints"]
        near = np.min([_distance(x, y, joints[a], joints[b]) for a, b in LIMBS], axis=0) < THICKNESS
        return near | (np.hypot(x - joints[0, 0], y - joints[0, 1]) < 0.22 * thing["radius"])
    cos, sin = np.cos(thing["angle"]), np.sin(thing["angle"])
    dx, dy = ((part - center) / thing["radius"] for part, center in zip((x, y), thing["center"], strict=True))
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    if thing["kind"] == 0:
        return u**2 + v**2 < 0.9
    if thing["kind"] == 1:
        return np.maximum(np.abs(u), np.abs(v)) < 0.78
    if thing["kind"] == 2:
        normals = [(np.cos(a), np.sin(a)) for a in (np.pi / 2, np.pi / 2 + 2.0944, np.pi / 2 + 4.1888)]
        return np.max([a * u + b * v for a, b in normals], axis=0) < 0.52
    return (np.minimum(np.abs(u), np.abs(v)) < 0.3) & (np.maximum(np.abs(u), np.abs(v)) < 0.95)


def _distance(x, y, start, end):
    """Return the distance of each pixel from a line segment."""
    along = end - start
    t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / (along @ along), 0, 1)
    return np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])


def _annotations(objects, things):
    """Return the class of each pixel, the numbers of objects without those that are hidden, and their boxes."""
    kinds = np.array([0, *(thing["kind"] + 1 for thing in things)])
    masks = kinds[objects].astype("int32")
    boxes, classes = np.zeros((MOST, 4), "float32"), np.full(MOST, -1, "int32")
    kept = np.zeros((SIDE, SIDE), "int32")
    count = 0
    for number, thing in enumerate(things, 1):
        rows, columns = np.nonzero(objects == number)
        if len(rows) < SMALLEST:
            continue
        boxes[count] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        classes[count] = thing["kind"]
        count += 1
        kept[rows, columns] = count
    return masks, kept, boxes, classes


def _caption(shapes):
    """Return a sentence about the two nearest shapes."""
    first, *others = (f"a {thing['name']} {SHAPE_CLASSES[thing['kind']]}" for thing in shapes[::-1])
    if not others:
        return first
    a, b = (thing["center"] for thing in shapes[:-3:-1])
    across = abs(a[0] - b[0]) > abs(a[1] - b[1])
    relation = ("left of" if a[0] < b[0] else "right of") if across else ("above" if a[1] < b[1] else "below")
    return f"{first} {relation} {others[0]}"


@validate(num_train=whole(1, 10_000), num_test=whole(1, 10_000), seed=numpy_seed)
def voronoi_membranes(
    num_train: int = 60, *, num_test: int = 20, seed: int = 0
) -> tuple[AnnotatedImages, AnnotatedImages]:
    """Return images of simulated tissue, with the membranes between its cells: the offline twin of `isbi_membrane`.

    Cells are the regions of points that are nearest to the points of a random pattern (a Voronoi diagram), bent by
    waves. Membranes are dark lines between them, of varying darkness. Dark vesicles inside the cells are not membrane,
    so the darkness of a pixel alone does not tell.

    Args:
        num_train: number of images to train on.
        num_test: number of images to test on.
        seed: of all random numbers.

    Returns:
        (train, test), gray images of 96 x 96 pixels and masks, where class 1 is the membrane.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.voronoi_membranes(3, num_test=2)
        >>> train.images.shape, sorted(set(test.masks.ravel().tolist()))
        ((3, 96, 96, 1), [0, 1])
    """
    rng = np.random.default_rng(seed)
    tissue = [_tissue(rng) for _ in range(num_train + num_test)]
    images, masks = map(np.stack, zip(*tissue, strict=True))
    parts = slice(0, num_train), slice(num_train, None)
    return tuple(AnnotatedImages(images[part], ("cell", "membrane"), (), masks[part]) for part in parts)


def _tissue(rng, side=96):
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    y, x = np.mgrid[:side, :side] + 0.5
    bent = []
    for axis in (x, y):
        phases, waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.05, 0.12, 2)
        bent.append(axis + 3 * np.sin(waves[0] * x + phases[0]) + 3 * np.sin(waves[1] * y + phases[1]))
    points = rng.uniform(-10, side + 10, (rng.integers(30, 50), 2))
    near, owners = cKDTree(points).query(np.stack(bent, axis=-1), k=2)
    membrane = near[..., 1] - near[..., 0] < 2.2
    image = 0.65 + 0.08 * rng.normal(size=len(points))[owners[..., 0]]
    for _ in range(rng.integers(8, 16)):  # vesicles
        center, radius = rng.uniform(0, side, 2), rng.uniform(1.5, 4.5)
        image = np.where(np.hypot(x - center[0], y - center[1]) < radius, rng.uniform(0.25, 0.45), image)
    dark = 0.3 + 0.12 * gaussian_filter(rng.normal(size=(side, side)), 6) * 12
    image = np.where(membrane, dark, image)
    image = gaussian_filter(image, 0.8) + gaussian_filter(rng.normal(size=(side, side)), 0.7) * 0.16
    return np.round(255 * np.clip(image, 0, 1)).astype("uint8")[..., None], membrane.astype("int32")


ANNOTATED = (
    *REAL,
    Dataset(
        name="shape_scenes",
        kind="annotated",
        size="1,000 + 200 scenes of 64 x 64 in color, with masks, boxes, keypoints, depth and captions",
        license="MIT",
        origin="drawn here",
        load=shape_scenes,
        offline="shape_scenes",
    ),
    Dataset(
        name="voronoi_membranes",
        kind="annotated",
        size="60 + 20 images of 96 x 96, masks of 2 classes",
        license="MIT",
        origin="drawn here",
        load=voronoi_membranes,
        offline="voronoi_membranes",
    ),
)
