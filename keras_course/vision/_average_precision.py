"""Average precision of a detector, as PASCAL VOC and as COCO define it.

Notation: a found box is a true positive (TP) if it overlaps a true box of its class that no better box has taken.
From the highest score down, precision = TP / found and recall = TP / true. The average precision (AP) is the area under
the curve of precision, made non-increasing, against recall; mAP is its mean over classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_course.checks import as_real, as_row, flag, positive, validate, whole, within
from keras_course.vision._anchors import as_boxes, pairwise_iou

RECALLS = np.linspace(0, 1, 101)
THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {"": (0.0, 1e10), " of small objects": (0.0, 32.0**2), " of medium objects": (32.0**2, 96.0**2),
         " of large objects": (96.0**2, 1e10)}  # fmt: skip
MOST = 100  # boxes of a class and an image that COCO looks at


class Objects(NamedTuple):
    """The objects of one image, true ones or found ones.

    Args:
        boxes: (K, 4), borders (x1, y1, x2, y2) in pixels; K may be 0.
        classes: (K,) integers.
        scores: (K,), of found objects; None for true ones.
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray | None = None


def as_objects(name, images, *, scored=False) -> list[Objects]:
    """Return the objects of some images with arrays of numbers, or raise a ValueError."""
    if not isinstance(images, list | tuple) or isinstance(images, Objects) or not images:
        raise ValueError(f"{name} must be a list with the Objects of each image, at least one")
    found = []
    for i, entry in enumerate(images):
        if not isinstance(entry, Objects):
            raise ValueError(f"{name}[{i}]={str(entry)[:60]} must be Objects(boxes, classes, scores)")
        boxes = as_boxes(f"{name}[{i}].boxes", entry.boxes)
        classes = as_real(f"{name}[{i}].classes", entry.classes)
        if classes.shape != (len(boxes),) or (len(boxes) and classes.dtype.kind not in "iu"):
            raise ValueError(f"{name}[{i}].classes must be a whole number for each of {len(boxes)} boxes")
        scores = None
        if scored:
            if entry.scores is None or np.shape(entry.scores) != (len(boxes),):
                raise ValueError(f"{name}[{i}].scores must be a number for each of {len(boxes)} boxes")
            scores = as_row(f"{name}[{i}].scores", entry.scores) if len(boxes) else np.zeros(0)
        found.append(Objects(boxes, classes.astype("int64"), scores))
    return found


def _both(true, found):
    true, found = as_objects("true", true), as_objects("found", found, scored=True)
    if len(true) != len(found):
        raise ValueError(f"found has {len(found)} images; it must have {len(true)}, as true has")
    return true, found


@validate(iou_threshold=within(above=0, at_most=1), num_classes=whole(1, 10_000), eleven_points=flag)
def voc_average_precision(
    true: Sequence[Objects], found: Sequence[Objects], num_classes: int, *, iou_threshold=0.5, eleven_points=False
) -> np.ndarray:
    """Return the average precision of each class in percent, as PASCAL VOC defines it.

    A found box belongs to the true box of its class with which its IoU is largest. It is right if that IoU is at least
    the threshold and no box with a higher score has taken the true box.

    Args:
        true, found: the `Objects` of each image; found ones with scores.
        num_classes: K.
        iou_threshold: above 0, at most 1.
        eleven_points: as until 2009, the mean of the precision at the recalls 0, 0.1, ..., 1; otherwise the area under
            the curve.

    Returns:
        An array (K,), from 0 to 100; NaN for a class without a true box.

    Raises:
        ValueError: the lists differ in length, or boxes, classes or scores do not fit.

    Differences from the original code:
        Borders are coordinates, so a box from 0 to 10 is 10 wide, and not 11.

    References:
        The PASCAL Visual Object Classes (VOC) Challenge, Everingham et al., 2010,
        https://doi.org/10.1007/s11263-009-0275-4

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import Objects, voc_average_precision
        >>> box = np.array([0, 0, 10, 10])
        >>> true = Objects(np.stack([box, box + 20]), np.array([0, 0]))
        >>> found = Objects(np.stack([box, box + 40]), np.array([0, 0]), np.array([0.9, 0.8]))
        >>> voc_average_precision([true], [found], 1).tolist()
        [50.0]
    """
    true, found = _both(true, found)
    values = np.full(num_classes, np.nan)
    for k in range(num_classes):
        scores, right, count = _voc_matches(true, found, k, iou_threshold)
        if count:
            order = np.argsort(-scores, kind="stable")
            values[k] = 100 * _area(right[order], count, eleven_points)
    return values


def _voc_matches(true, found, k, threshold):
    """Return scores of all boxes of class k, whether each is right, and the number of true boxes."""
    scores, right, count = [np.zeros(0)], [np.zeros(0, bool)], 0
    for truth, guess in zip(true, found, strict=True):
        boxes, mine = truth.boxes[truth.classes == k], guess.classes == k
        order = np.flatnonzero(mine)[np.argsort(-guess.scores[mine], kind="stable")]
        overlap = pairwise_iou(guess.boxes[order], boxes)
        taken, hits = np.zeros(len(boxes), bool), np.zeros(len(order), bool)
        for row, values in enumerate(overlap):
            best = values.argmax() if len(boxes) else -1
            if best >= 0 and values[best] >= threshold and not taken[best]:
                taken[best], hits[row] = True, True
        scores.append(guess.scores[order])
        right.append(hits)
        count += len(boxes)
    return np.concatenate(scores), np.concatenate(right), count


def _area(right, count, eleven_points):
    """Return the area under precision against recall, of boxes in the order of their scores."""
    hits = np.cumsum(right)
    recall, precision = hits / count, hits / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if eleven_points:
        at = np.searchsorted(recall, np.linspace(0, 1, 11) - 1e-12)
        return np.append(best, 0)[at].mean()
    return float((best * right).sum() / count)


def coco_average_precision(true: Sequence[Objects], found: Sequence[Objects]) -> dict[str, float]:
    """Return the measures of COCO in percent: average precision over ten thresholds of the IoU, and recall.

    From the highest score down, a found box takes the true box of its class, among those that are left, with which its
    IoU is largest, if that reaches the threshold. AP is the mean over classes, over the thresholds 0.50, 0.55, ...,
    0.95, and over 101 recalls. Of each class the 100 best boxes of an image count.

    Args:
        true, found: the `Objects` of each image; found ones with scores.

    Returns:
        A dict: "AP", "AP50" and "AP75" (one threshold), "AP of small objects" (area below 32^2 pixels), of medium and
        of large ones (above 96^2), "AR1", "AR10" and "AR100" (largest recall with so many boxes of a class and an
        image), and "AR of small objects", of medium and of large ones. NaN where there are no such objects.

    Raises:
        ValueError: the lists differ in length, or boxes, classes or scores do not fit.

    References:
        Microsoft COCO: Common Objects in Context, Lin et al., 2014, https://arxiv.org/abs/1405.0312; the code
        `pycocotools`, whose numbers these are

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import Objects, coco_average_precision
        >>> box = np.array([0, 0, 10, 10])
        >>> true, found = Objects(box[None], np.array([0])), Objects(box[None] + 1, np.array([0]), np.array([0.9]))
        >>> values = coco_average_precision([true], [found])                # their IoU is 81 / 119 = 0.68
        >>> round(values["AP50"], 1), round(values["AP"], 1)
        (100.0, 40.0)
    """
    true, found = _both(true, found)
    classes = sorted({k for truth in true for k in truth.classes.tolist()})
    values = {}
    for name, area in AREAS.items():
        curves = [_coco_curve(true, found, k, area, MOST) for k in classes]
        precisions = np.array([curve[0] for curve in curves if curve is not None])  # (classes, thresholds, recalls)
        recalls = np.array([curve[1] for curve in curves if curve is not None])
        values[f"AP{name}"] = _mean(precisions)
        values[f"AR{name or MOST}"] = _mean(recalls)
        if not name:
            values |= {"AP50": _mean(precisions[:, :1]), "AP75": _mean(precisions[:, 5:6])} if len(precisions) else {}
    for most in (1, 10):
        curves = [_coco_curve(true, found, k, AREAS[""], most) for k in classes]
        values[f"AR{most}"] = _mean(np.array([curve[1] for curve in curves if curve is not None]))
    return values


def _mean(values):
    return float(100 * values.mean()) if values.size else float("nan")


def _coco_curve(true, found, k, area, most):
    """Return precision at 101 recalls (thresholds, 101) and the last recall (thresholds,); None without true boxes."""
    scores, right, ignored, count = [], [], [], 0
    for truth, guess in zip(true, found, strict=True):
        boxes, mine = truth.boxes[truth.classes == k], guess.classes == k
        order = np.flatnonzero(mine)[np.argsort(-guess.scores[mine], kind="stable")][:most]
        hits, left_out, wanted = _coco_matches(guess.boxes[order], boxes, area)
        scores.append(guess.scores[order])
        right.append(hits)
        ignored.append(left_out)
        count += wanted
    if not count:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right, ignored = (np.concatenate(part, axis=1)[:, order] for part in (right, ignored))
    hits, misses = np.cumsum(right & ~ignored, axis=1), np.cumsum(~right & ~ignored, axis=1)
    precision, last = np.zeros((len(THRESHOLDS), len(RECALLS))), np.zeros(len(THRESHOLDS))
    for row, (tp, fp) in enumerate(zip(hits, misses, strict=True)):
        best = np.maximum.accumulate((tp / (tp + fp + np.spacing(1)))[::-1])[::-1]
        at = np.searchsorted(tp / count, RECALLS, side="left")
        precision[row] = np.append(best, 0.0)[np.minimum(at, len(best))]
        last[row] = tp[-1] / count if len(tp) else 0.0
    return precision, last


def _coco_matches(found, true, area):
    """Return whether each found box is right and whether it is left out, (thresholds, N), and how many are wanted.

    True boxes outside the range of areas are neither wanted nor wrong to find, and come last.
    """
    sizes = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (true, found)]
    outside, odd = ((size < area[0]) | (size > area[1]) for size in sizes)
    order = np.argsort(outside, kind="stable")
    overlap, outside = pairwise_iou(found, true)[:, order], outside[order]
    right, ignored = np.zeros((2, len(THRESHOLDS), len(found)), bool)
    for row, threshold in enumerate(THRESHOLDS):
        taken = np.zeros(len(true), bool)
        for n, values in enumerate(overlap):
            for group in (~outside, outside):  # those that are wanted come first
                free = np.where(group & ~taken, values, -1.0)
                if free.size and free.max() >= min(threshold, 1 - 1e-10):
                    best = len(free) - 1 - free[::-1].argmax()  # of equal ones the last, as in pycocotools
                    taken[best], right[row, n], ignored[row, n] = True, True, outside[best]
                    break
            else:
                ignored[row, n] = odd[n]
    return right, ignored, int((~outside).sum())


@validate(false_positives=positive, iou_threshold=within(above=0, at_most=1))
def recall_at_false_positives(
    true: Sequence[Objects], found: Sequence[Objects], false_positives=1.0, *, iou_threshold=0.5
) -> float:
    """Return the recall in percent, of all classes together, at the score with so many false positives per image.

    It is a point of the FROC curve, by which screening is judged: how many lesions are found, if a physician looks at
    that many wrong boxes in an image?

    Args:
        true, found: the `Objects` of each image; found ones with scores.
        false_positives: mean number per image, above 0.
        iou_threshold: above 0, at most 1.

    Returns:
        A number from 0 to 100; NaN if there are no true boxes.

    Raises:
        ValueError: the lists differ in length, or boxes, classes or scores do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import Objects, recall_at_false_positives
        >>> box = np.array([0, 0, 10, 10])
        >>> true = Objects(np.stack([box, box + 20]), np.array([0, 0]))
        >>> found = Objects(np.stack([box, box + 40, box + 20]), np.array([0, 0, 0]), np.array([0.9, 0.8, 0.7]))
        >>> recall_at_false_positives([true], [found], 1), recall_at_false_positives([true], [found], 0.5)
        (100.0, 50.0)
    """
    true, found = _both(true, found)
    classes = {k for part in (*true, *found) for k in part.classes.tolist()}
    matches = [_voc_matches(true, found, k, iou_threshold) for k in classes]
    count = sum(match[2] for match in matches)
    if not count:
        return float("nan")
    scores, right = (np.concatenate([match[i] for match in matches]) for i in (0, 1))
    right = right[np.argsort(-scores, kind="stable")]
    allowed = np.cumsum(~right) <= false_positives * len(true)
    return float(100 * right[allowed].sum() / count)
