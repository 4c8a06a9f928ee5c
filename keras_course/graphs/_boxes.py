"""Boxes around objects in a point cloud: their codes, their loss, merging those that overlap, and average precision.

Notation: a box is (x, y, z, l, w, h, yaw): its center, its length, width and height, and the angle between its length
and the x axis. A box that is turned by half a circle is the same box.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_floats, finite, positive, validate
from keras_course.ops._types import Tensor

BOX, CODE = 7, 8  # numbers of a box, and of its code


def encode_boxes(points, boxes) -> np.ndarray:
    """Return the codes of boxes as seen from points: (center - point, log of the sizes, cos 2 yaw, sin 2 yaw).

    Args:
        points: `(N, 3)` positions.
        boxes: `(N, 7)`, the box of each point.

    Returns:
        An array `(N, 8)` of float32.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or a size is not positive.

    Example:
        >>> from keras_course.graphs import decode_boxes, encode_boxes
        >>> code = encode_boxes([[1.0, 0.0, 0.0]], [[3.0, 1.0, 0.5, 4.0, 2.0, 1.0, 0.5]])
        >>> code[0, :3].tolist(), decode_boxes([[1.0, 0.0, 0.0]], code).round(4).tolist()
        ([2.0, 1.0, 0.5], [[3.0, 1.0, 0.5, 4.0, 2.0, 1.0, 0.5]])
    """
    points, boxes = _rows("points", points, 3), _rows("boxes", boxes, BOX)
    _check_one_each(points, boxes=boxes)
    if not (boxes[:, 3:6] > 0).all():
        raise ValueError(f"boxes[:, 3:6] has the minimum {boxes[:, 3:6].min()}; sizes must be positive")
    yaw = 2 * boxes[:, 6:]
    parts = boxes[:, :3] - points, np.log(boxes[:, 3:6]), np.cos(yaw), np.sin(yaw)
    return np.concatenate(parts, axis=1).astype("float32")


def decode_boxes(points, codes) -> np.ndarray:
    """Return the boxes of codes `(N, 8)` as seen from points `(N, 3)`; the inverse of `encode_boxes`.

    Returns:
        An array `(N, 7)` of float32, with yaws between -pi / 2 and pi / 2.

    Raises:
        ValueError: shapes do not fit, or a number is not finite.

    Example:
        >>> from keras_course.graphs import decode_boxes
        >>> decode_boxes([[1.0, 2.0, 3.0]], [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]).tolist()
        [[1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 0.0]]
    """
    points, codes = _rows("points", points, 3), _rows("codes", codes, CODE)
    _check_one_each(points, codes=codes)
    yaw = np.arctan2(codes[:, 7:], codes[:, 6:7]) / 2
    sizes = np.exp(np.clip(codes[:, 3:6], -10, 10))
    return np.concatenate([codes[:, :3] + points, sizes, yaw], axis=1).astype("float32")


def _rows(name, value, width):
    array = as_floats(name, value)
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name} has shape {array.shape}; it must be (N, {width})")
    finite(**{name: array})
    return array


def _check_one_each(points, **rows):
    ((name, array),) = rows.items()
    if len(array) != len(points):
        raise ValueError(f"points and {name} have {len(points)} and {len(array)} rows; they must be as many")


@keras.saving.register_keras_serializable("keras_course")
class BoxLoss(keras.losses.Loss):
    """The Huber loss of the codes of boxes, over the points that are on an object.

        L = sum_i [c_i > 0] mean_k huber(y_ik - t_ik) / max(1, number of points on objects)

    with huber(d) = d^2 / 2 for d between -1 and 1, and abs(d) - 1/2 beyond. Takes targets `(B, N, 9)`: the class c_i of
    a point, 0 for the background and -1 for padding, and then the code t_i of its box; and predicted codes y
    `(B, N, 8)`.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import BoxLoss
        >>> target = np.zeros((1, 2, 9))
        >>> target[0, 0, 0] = 3  # the first point is on an object, the second one is not
        >>> float(BoxLoss()(target, np.ones((1, 2, 8))))
        0.5
    """

    def __init__(self, **kwargs):
        super().__init__(**{"name": "box_loss", "reduction": "sum", **kwargs})

    def call(self, y_true, y_pred) -> Tensor:
        inside = ops.cast(y_true[..., 0] > 0, y_pred.dtype)
        away = ops.abs(ops.subtract(y_pred, y_true[..., 1:]))
        losses = ops.mean(ops.where(away < 1, ops.square(away) / 2, away - 0.5), axis=-1)
        return ops.divide(ops.multiply(losses, inside), ops.maximum(ops.sum(inside), 1.0))


@validate(distance=positive)
def merge_boxes(boxes, scores, distance) -> tuple[np.ndarray, np.ndarray]:
    """Return one box for each group of boxes with near centers, and its score: the sum of the scores of the group.

    The box with the highest score and all others whose centers are nearer to it than `distance`, seen from above, are a
    group; then the best one of those that are left begins the next group. Numbers of the merged box are means over the
    group, weighted by the scores; the yaw is the mean direction of the doubled angles.

    Args:
        boxes: `(N, 7)`, all of one class.
        scores: `(N,)`, such as probabilities of the class.
        distance: largest distance of centers in a group, in meters.

    Returns:
        (boxes `(M, 7)`, scores `(M,)`), in the order of the scores, highest first.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or a score is negative.

    Differences from the paper:
        The paper groups by the overlap of boxes, takes medians, and weighs the scores by the overlap and by how much of
        the box the points fill.

    Example:
        >>> from keras_course.graphs import merge_boxes
        >>> car = [10.0, 2.0, 0.8, 4.0, 1.8, 1.5, 0.0]
        >>> boxes, scores = merge_boxes([car, [10.4, *car[1:]], [20.0, *car[1:]]], [0.75, 0.25, 0.5], 2.0)
        >>> boxes[:, 0].round(2).tolist(), scores.tolist()
        ([10.1, 20.0], [1.0, 0.5])
    """
    boxes, scores = _rows("boxes", boxes, BOX), _scores_of("scores", scores, boxes)
    merged, totals = [], []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        near = np.hypot(*(boxes[left, :2] - boxes[left[0], :2]).T) < distance
        near[0] = True
        group, left = left[near], left[~near]
        weights = scores[group] + 1e-12
        mean = (weights @ boxes[group]) / weights.sum()
        mean[6] = np.angle(weights @ np.exp(2j * boxes[group, 6])) / 2
        merged.append(mean)
        totals.append(scores[group].sum())
    order = np.argsort(-np.array(totals), kind="stable")
    return np.reshape(merged, (-1, BOX))[order], np.reshape(totals, -1)[order]


def _scores_of(name, value, boxes):
    scores = as_floats(name, value)
    if scores.shape != (len(boxes),):
        raise ValueError(f"{name} has shape {scores.shape}; it must be ({len(boxes)},), one score for each box")
    finite(**{name: scores})
    if not (scores >= 0).all():
        raise ValueError(f"{name} has the minimum {scores.min()}; scores must not be negative")
    return scores


@validate(distance=positive)
def average_precision(true: Sequence, found: Sequence, scores: Sequence, distance: float = 1.0) -> float:
    """Return the average precision in percent of the boxes found in some scenes, by the distance of centers from above.

    From the highest score of all scenes down, a box is right if a true box of its scene, which no box has taken so far,
    is nearer than `distance`; it takes the nearest one. Each box that is right recalls one more of the true boxes, and
    the average precision is the area under the curve of precision against recall, with the precision at a recall the
    highest at that recall or beyond.

    Args:
        true: for each scene the boxes `(K, 7)` of one class that are there.
        found: for each scene the boxes `(M, 7)` of the class that were found.
        scores: for each scene the scores `(M,)` of the found boxes.
        distance: in meters.

    Returns:
        A number from 0 to 100; NaN if there are no true boxes.

    Raises:
        ValueError: the lists differ in length, or a shape does not fit.

    Differences from the paper:
        nuScenes takes the mean over four distances, and leaves out recalls and precisions below 10 %.

    References:
        nuScenes: A multimodal dataset for autonomous driving, Caesar et al., 2020, https://arxiv.org/abs/1903.11027

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import average_precision
        >>> car = np.array([10.0, 2.0, 0.8, 4.0, 1.8, 1.5, 0.0])
        >>> average_precision([[car, car + 9]], [[car + 0.1, car + 3]], [[0.9, 0.6]])
        50.0
    """
    for name, column in (("true", true), ("found", found), ("scores", scores)):
        if not isinstance(column, list | tuple) or len(column) != len(true):
            raise ValueError(f"{name}={str(column)[:60]} must be a list with an entry for each scene of true")
    true, found = (
        [_rows(f"{name}[{k}]", x if len(x) else np.zeros((0, BOX)), BOX) for k, x in enumerate(column)]
        for name, column in (("true", true), ("found", found))
    )
    scores = [_scores_of(f"scores[{k}]", x, boxes) for k, (x, boxes) in enumerate(zip(scores, found, strict=True))]
    count = sum(map(len, true))
    if not count:
        return float("nan")
    pairs = sorted(((-s, k, m) for k, row in enumerate(scores) for m, s in enumerate(row)))
    free = [np.ones(len(boxes), bool) for boxes in true]
    right = np.zeros(len(pairs))
    for n, (_, k, m) in enumerate(pairs):
        away = np.where(free[k], np.hypot(*(true[k][:, :2] - found[k][m, :2]).T), np.inf)
        if len(away) and away.min() < distance:
            free[k][away.argmin()], right[n] = False, 1
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(100 * (best * right).sum() / count)
