"""YOLO as it was published: one network answers for all cells of a grid at once.

Notation: an S x S grid on the image; each cell predicts B boxes with confidences, and the probabilities of C classes:
5 B + C numbers. A box of cell (i, j) is (a, b, r_w, r_h, c): the position of its center in the cell, from 0 to 1, the
square roots of width and height as fractions of the image, and the confidence.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import (
    as_floats,
    finite,
    fraction,
    not_negative,
    positive,
    validate,
    whole,
    whole_number,
    wholes,
)
from keras_course.checks.tensors import on_tensors
from keras_course.convnets._parts import images
from keras_course.layers import Conv2D, MaxPooling2D
from keras_course.ops._types import Tensor
from keras_course.vision._boxes import box_iou, convert_boxes

POOL = "pool"
_TINY = ((16, 3, 1), POOL, (32, 3, 1), POOL, (32, 3, 1), POOL)
_ORIGINAL = (
    (64, 7, 2), POOL, (192, 3, 1), POOL,
    (128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), POOL,
    *(4 * ((256, 1, 1), (512, 3, 1))), (512, 1, 1), (1024, 3, 1), POOL,
    *(2 * ((512, 1, 1), (1024, 3, 1))), (1024, 3, 1), (1024, 3, 2), (1024, 3, 1), (1024, 3, 1),
)  # fmt: skip


def _layers(**arguments):
    for name, layers in arguments.items():
        if not isinstance(layers, tuple | list) or not layers:
            raise ValueError(f"{name}={layers!r} must be a tuple of (channels, size, stride) and 'pool'")
        for i, layer in enumerate(layers):
            if isinstance(layer, str) and layer == POOL:
                continue
            if not isinstance(layer, tuple | list) or len(layer) != 3:
                raise ValueError(f"{name}[{i}]={layer!r} must be 'pool' or (channels, size, stride)")
            whole_number(1, **{f"{name}[{i}][{k}]": part for k, part in enumerate(layer)})


@builder(
    reference="Redmon et al., 2016, https://arxiv.org/abs/1506.02640",
    presets={
        "tiny": {"input_shape": (64, 64, 3), "num_classes": 3},
        "original": {"input_shape": (448, 448, 3), "num_classes": 20, "grid": 7, "layers": _ORIGINAL,
                     "hidden_dim": 4096, "dropout": 0.5},
    },
)  # fmt: skip
@validate(
    input_shape=images(8),
    num_classes=whole(1),
    grid=whole(1),
    num_boxes=whole(1),
    layers=_layers,
    hidden_dim=whole(1),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def yolo_v1(
    input_shape,
    num_classes,
    *,
    grid=8,
    num_boxes=2,
    layers=_TINY,
    hidden_dim=128,
    dropout=0.0,
    seed=0,
    name="yolo_v1",
) -> keras.Model:
    """Build the first YOLO: convolutions, two dense layers, and a grid of predictions.

    Takes x `(B, H, W, C_in)`; returns raw outputs (B, S, S, 5 B + C): the boxes of a cell, then its classes.

    Args:
        input_shape: (H, W, C_in).
        num_classes: C.
        grid: S.
        num_boxes: B.
        layers: convolutions (channels, size, stride) and "pool", which halves the sides.
        hidden_dim: width of the first dense layer.
        dropout: rate in [0, 1) after the first dense layer.
        seed: whole number, at most 2 billion, seed of dropout.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`; `YoloV1Loss` is made for its outputs, and `decode_yolo_v1` reads them.

    Raises:
        ValueError: a number is out of its range, or nothing is left of the image.

    Differences from the paper:
        The network predicts square roots of sizes, so that no root of a negative number is taken. Its first 20
        convolutions are not trained on ImageNet before.

    References:
        You Only Look Once: Unified, Real-Time Object Detection, Redmon et al., 2016, https://arxiv.org/abs/1506.02640

    Example:
        >>> from keras_course.vision import yolo_v1
        >>> yolo_v1((64, 64, 3), 20, grid=7).output_shape        # 7 x 7 cells, 2 boxes, 20 classes
        (None, 7, 7, 30)
    """
    h = x = keras.Input(tuple(input_shape), name="image")
    for i, layer in enumerate(layers):
        if layer == POOL:
            if min(h.shape[1:3]) < 2:
                raise ValueError(f"layers[{i}]='pool' leaves nothing of input_shape={input_shape}")
            h = MaxPooling2D(2, name=f"pool_{i}")(h)
            continue
        channels, size, stride = layer
        options = {"strides": stride, "padding": "same", "kernel_initializer": "he_normal", "name": f"conv_{i}"}
        h = keras.layers.LeakyReLU(0.1, name=f"act_{i}")(Conv2D(channels, size, **options)(h))
    h = keras.layers.Reshape((math.prod(h.shape[1:]),), name="flatten")(h)
    h = keras.layers.Dense(hidden_dim, kernel_initializer="he_normal", name="hidden")(h)
    h = keras.layers.LeakyReLU(0.1, name="hidden_act")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    width = 5 * num_boxes + num_classes
    h = keras.layers.Dense(grid * grid * width, name="head")(h)
    return keras.Model(x, keras.layers.Reshape((grid, grid, width), name="cells")(h), name=name)


@validate(image_shape=wholes(1), grid=whole(1, 1_000))
def encode_yolo_v1(targets, image_shape, grid=7) -> np.ndarray:
    """Return the targets of `YoloV1Loss`: the object whose center is in each cell.

    Args:
        targets: (N, K, 5) of `box_targets`. Of several objects in a cell, the last one stays.
        image_shape: (H, W) or (H, W, C).
        grid: S.

    Returns:
        An array (N, S, S, 6) of float32: whether the cell has an object, its class, and (a, b, r_w, r_h) of its box.

    Raises:
        ValueError: shapes do not fit, or a number is not finite.

    Example:
        >>> from keras_course.vision import box_targets, encode_yolo_v1
        >>> cells = encode_yolo_v1(box_targets([[[0, 0, 16, 16]]], [[2]]), (64, 64), 2)
        >>> cells[0, 0, 0].tolist()
        [1.0, 2.0, 0.25, 0.25, 0.5, 0.5]
    """
    targets = as_floats("targets", targets)
    if targets.ndim != 3 or targets.shape[-1] != 5:
        raise ValueError(f"targets has shape {targets.shape}; it must be (N, K, 5), a class and a box")
    finite(targets=targets)
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be (height, width)")
    height, width = image_shape[:2]
    cells = np.zeros((len(targets), grid, grid, 6), "float32")
    for row, objects in zip(cells, targets, strict=True):
        for kind, *box in objects[objects[:, 0] >= 0]:
            x1, y1, x2, y2 = np.clip(np.array(box) / [width, height, width, height], 0, 1)
            x, y = grid * (x1 + x2) / 2, grid * (y1 + y2) / 2
            i, j = min(int(y), grid - 1), min(int(x), grid - 1)
            row[i, j] = 1, kind, x - j, y - i, (x2 - x1) ** 0.5, (y2 - y1) ** 0.5
    return cells


def _relative(values, grid):
    """Return boxes (..., S, S, n, 4) as (x1, y1, x2, y2) in fractions of the image."""
    cells = ops.arange(grid, dtype="float32")
    x = (values[..., 0] + cells[:, None]) / grid
    y = (values[..., 1] + cells[:, None, None]) / grid
    sizes = ops.square(values[..., 2:4])
    return convert_boxes(ops.concatenate([ops.stack([x, y], axis=-1), sizes], axis=-1), "cxcywh", "xyxy")


@keras.saving.register_keras_serializable("keras_course")
class YoloV1Loss(keras.losses.Loss):
    """The loss of YOLO v1, a sum of squares over the cells of a grid.

    Of the boxes of a cell with an object, the one with the largest IoU is responsible:

        L = coord sum_objects ((a - a')^2 + (b - b')^2 + (r_w - r_w')^2 + (r_h - r_h')^2)
            + sum_objects (c - IoU)^2 + no_object sum_other_boxes c^2 + sum_cells_with_object sum_classes (p - p')^2

    The confidence learns the IoU of the predicted box. Square roots make an error of a small box count more than the
    same error of a large one. Takes targets (B, S, S, 6) of `encode_yolo_v1` and outputs (B, S, S, 5 B + C).

    Args:
        num_classes: C.
        coord: weight of the boxes.
        no_object: weight of the confidences of boxes that are not responsible.
        kwargs: of `keras.losses.Loss`.

    Raises:
        ValueError: a weight is out of its range.

    References:
        You Only Look Once: Unified, Real-Time Object Detection, Redmon et al., 2016, equation 3,
        https://arxiv.org/abs/1506.02640

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import YoloV1Loss
        >>> empty = np.zeros((1, 2, 2, 6))                       # no objects: 4 cells of 2 boxes with confidence 1
        >>> outputs = np.tile([0.0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 5, 5], (1, 2, 2, 1))
        >>> float(YoloV1Loss(3)(empty, outputs))
        4.0
    """

    @validate(num_classes=whole(1), coord=positive, no_object=not_negative)
    def __init__(self, num_classes, *, coord=5.0, no_object=0.5, **kwargs):
        super().__init__(**{"name": "yolo_v1_loss", **kwargs})
        self.num_classes, self.coord, self.no_object = int(num_classes), float(coord), float(no_object)

    def call(self, y_true, y_pred) -> Tensor:
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        boxes, classes = _split(y_pred, self.num_classes)  # (B, S, S, n, 5), (B, S, S, C)
        grid, count = y_true.shape[1], boxes.shape[3]
        there, goal = y_true[..., 0], y_true[..., None, 2:]  # (B, S, S), (B, S, S, 1, 4)
        overlap = box_iou(_relative(boxes, grid), _relative(goal, grid), pairwise=False)  # (B, S, S, n)
        overlap = ops.stop_gradient(overlap)
        responsible = ops.one_hot(ops.argmax(overlap, axis=-1), count, dtype="float32") * there[..., None]
        places = ops.sum(ops.square(boxes[..., :4] - goal), axis=-1)
        confidence = boxes[..., 4]
        kinds = ops.one_hot(ops.cast(y_true[..., 1], "int32"), self.num_classes, dtype="float32")
        of_boxes = responsible * (self.coord * places + ops.square(confidence - overlap))
        of_boxes = of_boxes + self.no_object * (1.0 - responsible) * ops.square(confidence)
        of_classes = there * ops.sum(ops.square(classes - kinds), axis=-1)
        return ops.sum(of_boxes, axis=(1, 2, 3)) + ops.sum(of_classes, axis=(1, 2))

    def get_config(self) -> dict:
        ours = {"num_classes": self.num_classes, "coord": self.coord, "no_object": self.no_object}
        return {**super().get_config(), **ours}


def _split(outputs, num_classes):
    count = (outputs.shape[-1] - num_classes) // 5
    if outputs.shape[-1] != 5 * count + num_classes or count < 1:
        raise ValueError(
            f"outputs has {outputs.shape[-1]} numbers in a cell, not 5 B + C with num_classes={num_classes}"
        )
    boxes = ops.reshape(outputs[..., : 5 * count], (*ops.shape(outputs)[:3], count, 5))
    return boxes, outputs[..., 5 * count :]


@on_tensors(outputs=4)
@validate(num_classes=whole(1), image_shape=wholes(1))
def decode_yolo_v1(outputs, num_classes, image_shape) -> tuple[Tensor, Tensor]:
    """Return the boxes (N, A, 4) in pixels and the scores (N, A, C) of raw outputs (N, S, S, 5 B + C).

    A = S^2 B, and a score is a confidence times the probability of a class, both cut to [0, 1]. `select_objects` takes
    these two.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import decode_yolo_v1
        >>> boxes, scores = decode_yolo_v1(np.zeros((1, 7, 7, 30)), 20, (448, 448))
        >>> boxes.shape == (1, 98, 4), scores.shape == (1, 98, 20)
        (True, True)
    """
    if len(image_shape) not in (2, 3):
        raise ValueError(f"image_shape={image_shape!r} must be (height, width)")
    height, width = image_shape[:2]
    boxes, classes = _split(ops.cast(outputs, "float32"), num_classes)
    pixels = _relative(boxes, outputs.shape[1]) * ops.convert_to_tensor([width, height, width, height], "float32")
    scores = ops.clip(boxes[..., 4:], 0.0, 1.0) * ops.clip(classes, 0.0, 1.0)[..., None, :]
    cells = outputs.shape[1] * outputs.shape[2] * boxes.shape[3]
    return ops.reshape(pixels, (-1, cells, 4)), ops.reshape(scores, (-1, cells, num_classes))
