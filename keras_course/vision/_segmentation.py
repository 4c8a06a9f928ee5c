"""Losses and measures of segmentation: a class for each pixel.

Notation: y (B, H, W) the class of each pixel, s (B, H, W, K) logits, p probabilities. With K = 1 there are two classes,
background 0 and foreground 1, and p = sigmoid(s); else p = softmax(s). A pixel of class -1 does not count. Volumes
(B, D, H, W) work alike.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_real, not_negative, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


def _targets(y, logits):
    """Return one-hot targets shaped like the logits, weights of the pixels (B, ..., 1), and the axes of the pixels."""
    if len(logits.shape) < 3 or len(y.shape) != len(logits.shape) - 1:
        raise ValueError(
            f"y has shape {tuple(y.shape)} and logits {tuple(logits.shape)}; they must be (B, H, W) and (B, H, W, K)"
        )
    y = ops.cast(y, "int32")
    counted = ops.cast(y >= 0, "float32")[..., None]
    if logits.shape[-1] == 1:
        return ops.cast(y > 0, "float32")[..., None], counted, tuple(range(1, len(y.shape)))
    one_hot = ops.one_hot(ops.maximum(y, 0), logits.shape[-1], dtype="float32")
    return one_hot, counted, tuple(range(1, len(y.shape)))


def _probabilities(logits):
    return ops.sigmoid(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def _negative_log(target, logits):
    """Return the cross-entropy of each pixel (B, H, W)."""
    if logits.shape[-1] == 1:
        return ops.sum(ops.softplus(logits) - target * logits, axis=-1)
    return -ops.sum(target * ops.log_softmax(logits, axis=-1), axis=-1)


@on_tensors(y=None, logits=None)
@validate(smooth=not_negative)
def dice_loss(y, logits, *, smooth=1.0) -> Tensor:
    """Return the soft Dice loss of each example: 1 minus the overlap of the predicted and the true region.

    With y_ik = 1 where pixel i is of class k, and 0 elsewhere:

        L = 1 - mean over classes k of (2 sum_i p_ik y_ik + e) / (sum_i p_ik + sum_i y_ik + e)

    The sums do not count background pixels of a small object, so a rare
    class weighs as much as a frequent one. With K = 1 there is only the foreground.

    Args:
        y: (B, H, W), classes; -1 does not count.
        logits: (B, H, W, K).
        smooth: e, at least 0. It makes the loss 0 where a class is neither there nor predicted.

    Returns:
        A tensor (B,), from 0 to 1.

    Raises:
        ValueError: shapes do not fit, or `smooth` is negative.

    References:
        V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image Segmentation, Milletari et al., 2016,
        https://arxiv.org/abs/1606.04797

    Differences from the paper:
        The paper squares probabilities in the denominator.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import dice_loss
        >>> y = np.array([[[0, 1], [1, 1]]])
        >>> round(float(dice_loss(y, 20.0 * (2 * y[..., None] - 1))[0]), 4)
        0.0
    """
    target, counted, axes = _targets(y, logits)
    p = _probabilities(ops.cast(logits, "float32")) * counted
    target = target * counted
    shared = ops.sum(p * target, axis=axes)  # (B, K)
    total = ops.sum(p, axis=axes) + ops.sum(target, axis=axes)
    return 1.0 - ops.mean((2.0 * shared + smooth) / ops.maximum(total + smooth, 1e-7), axis=-1)


@on_tensors(y=None, logits=None)
@validate(gamma=not_negative)
def focal_loss(y, logits, *, gamma=2.0) -> Tensor:
    """Return the focal loss of each example: a cross-entropy that pixels with the right answer leave.

    With p_i the probability of the true class of pixel i:

        L = mean over pixels i of -(1 - p_i)^gamma ln p_i

    Args:
        y: (B, H, W), classes; -1 does not count.
        logits: (B, H, W, K).
        gamma: at least 0; 0 is the cross-entropy.

    Returns:
        A tensor (B,).

    Raises:
        ValueError: shapes do not fit, or `gamma` is negative.

    References:
        Focal Loss for Dense Object Detection, Lin et al., 2017, https://arxiv.org/abs/1708.02002

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import focal_loss
        >>> y, logits = np.array([[[0, 1]]]), np.zeros((1, 1, 2, 3))
        >>> round(float(focal_loss(y, logits, gamma=0.0)[0]), 4), round(float(focal_loss(y, logits)[0]), 4)
        (1.0986, 0.4883)
    """
    target, counted, axes = _targets(y, logits)
    nll = _negative_log(target, ops.cast(logits, "float32"))
    if gamma:
        nll = nll * (1.0 - ops.exp(-nll)) ** gamma
    counted = counted[..., 0]
    return ops.sum(nll * counted, axis=axes) / ops.maximum(ops.sum(counted, axis=axes), 1.0)


@keras.saving.register_keras_serializable("keras_course")
class SegmentationLoss(keras.losses.Loss):
    """A weighted sum of cross-entropy (or focal loss) and Dice loss, from logits.

    With gamma = 0, the focal loss is the cross-entropy:

        L = a (focal loss with gamma) + b (Dice loss)

    The cross-entropy is the likelihood of each pixel; the Dice loss looks at whole regions. Takes classes (B, H, W) and
    logits (B, H, W, K), with K = 1 for two classes.

    Args:
        cross_entropy: a, at least 0.
        dice: b, at least 0.
        gamma: of the focal loss, at least 0.
        kwargs: of `keras.losses.Loss`.

    Raises:
        ValueError: a weight is negative, or both are 0.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import SegmentationLoss
        >>> loss = SegmentationLoss(dice=1.0)
        >>> round(float(loss(np.array([[[0, 1], [1, 1]]]), np.zeros((1, 2, 2, 1)))), 4)      # ln 2 + 1 - 4 / 6
        1.0265
    """

    @validate(cross_entropy=not_negative, dice=not_negative, gamma=not_negative)
    def __init__(self, cross_entropy=1.0, dice=0.0, gamma=0.0, **kwargs):
        if cross_entropy == 0 and dice == 0:
            raise ValueError(f"cross_entropy={cross_entropy} and dice={dice} must not both be 0")
        super().__init__(**{"name": "segmentation_loss", **kwargs})
        self.cross_entropy, self.dice, self.gamma = float(cross_entropy), float(dice), float(gamma)

    def call(self, y_true, y_pred) -> Tensor:
        terms = []
        if self.cross_entropy:
            terms.append(self.cross_entropy * focal_loss(y_true, y_pred, gamma=self.gamma))
        if self.dice:
            terms.append(self.dice * dice_loss(y_true, y_pred))
        return sum(terms)

    def get_config(self) -> dict:
        ours = {"cross_entropy": self.cross_entropy, "dice": self.dice, "gamma": self.gamma}
        return {**super().get_config(), **ours}


class SegmentationScores(NamedTuple):
    """How well predicted classes of pixels fit the true ones.

    Args:
        accuracy: fraction of pixels with the right class.
        iou: (K,) intersection over union of each class over all images; NaN for a class that is neither true nor
            predicted anywhere.
        dice: (K,) twice the intersection over the sum of both areas, 2 IoU / (1 + IoU).
    """

    accuracy: float
    iou: np.ndarray
    dice: np.ndarray

    @property
    def mean_iou(self) -> float:
        """The mean of the IoU over the classes that occur (mIoU)."""
        return float(np.nanmean(self.iou))


def _class_maps(**maps):
    found = []
    for name, value in maps.items():
        array = as_real(name, value)
        if array.ndim < 2 or array.dtype.kind not in "biu" or not array.size:
            raise ValueError(f"{name} has shape {array.shape} and type {array.dtype}; it must hold integers (N, H, W)")
        found.append(array.astype("int64"))
    if found[0].shape != found[1].shape:
        names = list(maps)
        raise ValueError(f"{names[1]} has shape {found[1].shape}; it must be {found[0].shape}, as {names[0]} has")
    return found


@validate(num_classes=whole(1, 10_000))
def segmentation_scores(true, predicted, num_classes) -> SegmentationScores:
    """Return pixel accuracy, IoU and Dice of each class, over all pixels of all images together.

    Args:
        true: (N, H, W), classes; pixels of class -1 do not count.
        predicted: (N, H, W), classes.
        num_classes: K.

    Raises:
        ValueError: shapes differ, an entry is not a class, or no pixel counts.

    Example:
        >>> from keras_course.vision import segmentation_scores
        >>> scores = segmentation_scores([[0, 0, 1, 1]], [[0, 1, 1, 1]], 2)
        >>> scores.accuracy, scores.iou.round(3).tolist(), scores.dice.round(3).tolist()
        (0.75, [0.5, 0.667], [0.667, 0.8])
    """
    true, predicted = _class_maps(true=true, predicted=predicted)
    counted = true >= 0
    true, predicted = true[counted], predicted[counted]
    for name, values in (("true", true), ("predicted", predicted)):
        if not values.size or values.min() < 0 or values.max() >= num_classes:
            raise ValueError(f"{name} must hold classes below num_classes={num_classes}, at least one")
    counts = np.bincount(true * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)
    both, rows, columns = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        iou, dice = both / (rows + columns - both), 2 * both / (rows + columns)
    return SegmentationScores(float(both.sum() / counts.sum()), iou, dice)


class PanopticQuality(NamedTuple):
    """How well classes and objects are found: PQ = SQ RQ, each an array (K,) with one entry for each class.

    Args:
        quality: PQ, the sum of the IoU of matched segments over TP + FP / 2 + FN / 2; NaN for a class that is neither
            true nor predicted.
        segmentation: SQ, the mean IoU of matched segments.
        recognition: RQ, the F1 score of the segments.
    """

    quality: np.ndarray
    segmentation: np.ndarray
    recognition: np.ndarray


@validate(num_classes=whole(1, 10_000))
def panoptic_quality(true_classes, true_objects, classes, objects, num_classes) -> PanopticQuality:
    """Return the panoptic quality (PQ) of segments with classes.

    The pixels of one image with the same class and the same number of an object are a segment. A predicted segment
    matches a true one of its class if their IoU is above 1/2; there is at most one such. Pixels whose true class is -1
    do not count.

    Args:
        true_classes, true_objects: (N, H, W), the class of each pixel and the number of its object (0 for stuff, which
            has no objects).
        classes, objects: the same, predicted.
        num_classes: K.

    Raises:
        ValueError: shapes differ, or an entry is not a class.

    References:
        Panoptic Segmentation, Kirillov et al., 2019, https://arxiv.org/abs/1801.00868

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import panoptic_quality
        >>> classes, objects = np.array([[[1, 1, 1, 0, 0, 0]]]), np.array([[[1, 1, 1, 0, 0, 0]]])
        >>> found = np.array([[[1, 1, 0, 0, 0, 0]]])
        >>> panoptic_quality(classes, objects, found, found, 2).quality.round(3).tolist()
        [0.75, 0.667]
    """
    true_classes, classes = _class_maps(true_classes=true_classes, classes=classes)
    true_objects, objects = _class_maps(true_objects=true_objects, objects=objects)
    if true_objects.shape != true_classes.shape:
        raise ValueError(f"true_objects has shape {true_objects.shape}; it must be {true_classes.shape}")
    if classes.min() < 0 or max(classes.max(), true_classes.max()) >= num_classes or true_classes.min() < -1:
        raise ValueError(f"true_classes and classes must hold numbers from 0 to num_classes - 1 = {num_classes - 1}")
    for name, numbers in (("true_objects", true_objects), ("objects", objects)):
        if numbers.min() < 0 or numbers.max() >= 2**20:
            raise ValueError(f"{name} must hold numbers of objects from 0 to {2**20 - 1}")
    overlaps, matched, spare, missed = np.zeros((4, num_classes))
    for image in zip(true_classes, true_objects, classes, objects, strict=True):
        counted = image[0] >= 0
        kinds, owners, found_kinds, found_owners = (part[counted] for part in image)
        true, found = kinds * 2**20 + owners, found_kinds * 2**20 + found_owners
        sizes = [dict(zip(*np.unique(part, return_counts=True), strict=True)) for part in (true, found)]
        pairs, shared = np.unique(np.stack([true, found]), axis=1, return_counts=True)
        taken = [set(), set()]
        for (a, b), count in zip(pairs.T.tolist(), shared, strict=True):
            iou = count / (sizes[0][a] + sizes[1][b] - count)
            if a // 2**20 == b // 2**20 and iou > 0.5:
                overlaps[a // 2**20] += iou
                matched[a // 2**20] += 1
                taken[0].add(a), taken[1].add(b)
        for left, part, hits in ((missed, sizes[0], taken[0]), (spare, sizes[1], taken[1])):
            for segment in part.keys() - hits:
                left[segment // 2**20] += 1
    with np.errstate(invalid="ignore"):
        total = matched + spare / 2 + missed / 2
        segmentation = np.where(total > 0, overlaps / np.maximum(matched, 1), np.nan)
        return PanopticQuality(overlaps / total, segmentation, matched / total)
