"""An anchor-free detector that looks once: every position of a few feature maps predicts one box and its class.

Notation: x (B, H, W, C_in) images; A positions of all maps together, each with a point (x, y) in the image and a stride
s; C classes, at most K true objects of an image.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import instance, positive, validate, whole, wholes
from keras_course.convnets._parts import conv_norm, images
from keras_course.layers import Conv2D
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.vision._anchors import grid_centers
from keras_course.vision._average_precision import Objects
from keras_course.vision._boxes import box_iou, generalized_iou
from keras_course.vision._detections import select_objects

RARE = -4.6  # the logit of the probability 0.01: at the beginning nothing is an object


def positions(image_shape, strides) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (A, 2) and the strides (A, 1) of all positions, as float32."""
    points = [grid_centers(image_shape, stride) for stride in strides]
    steps = [np.full((len(part), 1), stride, "float32") for part, stride in zip(points, strides, strict=True)]
    return np.concatenate(points), np.concatenate(steps)


@keras.saving.register_keras_serializable("keras_course")
class YoloLoss(keras.losses.Loss):
    """The loss of an anchor-free detector, with task-aligned assignment of objects to positions.

    Position a may be responsible for object k if its point lies in the box of k. With s the
    probability of the class of k and u the IoU of the predicted box with box k, its alignment is:

        t_ak = s_ak^0.5 u_ak^6

    The `top_k` positions with the highest alignment are responsible; where two objects want one position, the larger
    IoU decides. Each has the target q = t / max t * max u of its object, and all other positions the target 0:

        L = (sum_a,c BCE(s_ac, q_ac) + box_weight sum_a q_a (1 - GIoU_a)) / sum_a q_a

    Takes targets (B, K, 5) of `box_targets`, and raw outputs (B, A, 4 + C). An image without objects trains the classes
    alone. No gradient flows through targets.

    Args:
        image_shape: (H, W) or (H, W, C).
        strides: of the feature maps.
        top_k: positions for an object.
        box_weight: of the boxes beside the classes.
        kwargs: of `keras.losses.Loss`.

    Raises:
        ValueError: an argument is out of its range.

    References:
        TOOD: Task-aligned One-stage Object Detection, Feng et al., 2021, https://arxiv.org/abs/2108.07755

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import YoloLoss, box_targets
        >>> loss = YoloLoss((16, 16), (8,))
        >>> y = box_targets([[[0, 0, 8, 8]], [[0, 0, 0, 0]]], [[1], [-1]])
        >>> bool(loss(y, np.zeros((2, 4, 6), "float32")) > 0)
        True
    """

    @validate(image_shape=wholes(1), strides=wholes(1), top_k=whole(1, 1_000), box_weight=positive)
    def __init__(self, image_shape, strides, *, top_k=10, box_weight=2.0, **kwargs):
        super().__init__(**{"name": "yolo_loss", **kwargs})
        self.image_shape, self.strides = tuple(image_shape[:2]), tuple(strides)
        self.top_k, self.box_weight = int(top_k), float(box_weight)
        self.points, self.steps = positions(self.image_shape, self.strides)

    def call(self, y_true, y_pred) -> Tensor:
        y_pred, y_true = ops.cast(y_pred, "float32"), ops.cast(y_true, "float32")
        boxes, logits = decoded(y_pred, self.points, self.steps), y_pred[..., 4:]
        owner, quality = self.assign(y_true, boxes, ops.sigmoid(logits))  # (B, A), (B, A)
        rows = ops.take_along_axis(y_true, ops.cast(owner, "int32")[..., None], axis=1)  # (B, A, 5)
        kinds = ops.one_hot(ops.cast(ops.maximum(rows[..., 0], 0.0), "int32"), logits.shape[-1], dtype="float32")
        targets = kinds * quality[..., None]
        classes = ops.sum(ops.softplus(logits) - targets * logits, axis=(1, 2))
        overlap = generalized_iou(boxes, rows[..., 1:], pairwise=False)
        sizes = ops.sum(quality * (1.0 - overlap), axis=1)
        mean = ops.maximum(ops.mean(ops.sum(quality, axis=1)), 1.0)  # of the batch
        return (classes + self.box_weight * sizes) / mean

    def assign(self, targets, boxes, probabilities) -> tuple[Tensor, Tensor]:
        """Return for each position the index of its object, and its target q (0 where it has none), (B, A) each."""
        wanted = ops.swapaxes(targets, 1, 2)  # (B, 5, K)
        there = wanted[:, :1] >= 0  # (B, 1, K)
        overlap = box_iou(boxes, targets[..., 1:])  # (B, A, K)
        center = (wanted[:, None, 1:3] + wanted[:, None, 3:5]) / 2  # (B, 1, 2, K)
        points, steps = (ops.convert_to_tensor(part)[None, :, :, None] for part in (self.points, self.steps))
        half = ops.maximum((wanted[:, None, 3:5] - wanted[:, None, 1:3]) / 2, 0.5 * steps)
        inside = ops.all(ops.abs(points - center) < half, axis=2)  # (B, A, K)
        kinds = ops.one_hot(ops.cast(ops.maximum(targets[..., 0], 0.0), "int32"), probabilities.shape[-1])
        score = ops.einsum("bac,bkc->bak", probabilities, ops.cast(kinds, "float32"))
        possible = ops.cast(ops.logical_and(inside, there), "float32")
        aligned = possible * ops.sqrt(score) * ops.maximum(overlap, 1e-3) ** 6
        best = ops.top_k(ops.swapaxes(aligned, 1, 2), min(self.top_k, len(self.points)))[0][..., -1]  # (B, K)
        chosen = ops.logical_and(possible > 0, aligned >= best[:, None])
        contested = ops.where(chosen, overlap, -1.0)
        owner = ops.argmax(contested, axis=-1)
        mine = ops.one_hot(owner, targets.shape[1], dtype="float32") * ops.cast(chosen, "float32")
        largest = ops.max(aligned * mine, axis=1, keepdims=True)  # (B, 1, K)
        quality = aligned * mine / ops.maximum(largest, 1e-30) * ops.max(overlap * mine, axis=1, keepdims=True)
        return owner, ops.stop_gradient(ops.sum(quality, axis=-1))

    def get_config(self) -> dict:
        ours = ("image_shape", "strides", "top_k", "box_weight")
        return {**super().get_config(), **{name: getattr(self, name) for name in ours}}


def decoded(outputs, points, steps) -> Tensor:
    """Return the boxes (B, A, 4) of raw outputs: each has its four distances from a point, in strides."""
    points, steps = ops.convert_to_tensor(points), ops.convert_to_tensor(steps)
    distances = ops.softplus(outputs[..., :4]) * steps
    return ops.concatenate([points - distances[..., :2], points + distances[..., 2:]], axis=-1)


@keras.saving.register_keras_serializable("keras_course")
class YoloDetector(keras.Model):
    """A network with raw outputs for each position, and what they mean.

    Takes x (B, H, W, C_in), returns raw outputs (B, A, 4 + C): four distances d and the logits of the classes.
    For the point (x, y) and the stride s of a position:

        box = (x - s softplus(d_1), y - s softplus(d_2), x + s softplus(d_3), y + s softplus(d_4))

    Train it with its `detection_loss`.

    Args:
        network: a `keras.Model` from images to raw outputs.
        strides: of its feature maps.
        name: name of the model.

    Raises:
        ValueError: the network has another number of positions.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import box_targets, yolo
        >>> model = yolo((32, 32, 3), 2)
        >>> model.compile("adam", model.detection_loss)
        >>> y = box_targets([[[4, 4, 20, 24]]], [[1]])
        >>> sorted(model.fit(np.zeros((1, 32, 32, 3)), y, verbose=0).history)
        ['loss']
        >>> len(model.detect(np.zeros((1, 32, 32, 3))))
        1
    """

    @validate(network=instance(keras.Model), strides=wholes(1))
    def __init__(self, network, strides, *, name="yolo"):
        shape = network.input_shape[1:]
        needed = len(positions(shape, strides)[0])
        if network.output_shape[1] != needed:
            raise ValueError(f"network has {network.output_shape[1]} positions; strides={strides} need {needed}")
        x = keras.Input(shape, name="image")
        super().__init__(x, network(x), name=name)
        self.network, self.strides, self.num_classes = network, tuple(strides), network.output_shape[-1] - 4

    @property
    def detection_loss(self) -> YoloLoss:
        """The loss to compile the model with."""
        return YoloLoss(self.network.input_shape[1:], self.strides)

    def decode(self, outputs) -> tuple[Tensor, Tensor]:
        """Return the boxes (B, A, 4) and the probabilities of the classes (B, A, C) of raw outputs (B, A, 4 + C)."""
        outputs = ops.cast(outputs, "float32")
        return decoded(outputs, *positions(self.network.input_shape[1:], self.strides)), ops.sigmoid(outputs[..., 4:])

    def detect(self, images, **options) -> list[Objects]:
        """Return the objects of images (N, H, W, C_in); see `select_objects` for the options."""
        outputs = self.predict(np.asarray(images), batch_size=32, verbose=0)
        return select_objects(*map(ops.convert_to_numpy, self.decode(outputs)), **options)

    def get_config(self) -> dict:
        network = keras.saving.serialize_keras_object(self.network)
        return {"network": network, "strides": self.strides, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "YoloDetector":
        network = keras.saving.deserialize_keras_object(config["network"], custom_objects)
        return cls(**{**config, "network": network})


@builder(
    reference="Redmon et al., 2016, https://arxiv.org/abs/1506.02640, in the form of Ge et al., 2021, https://arxiv.org/abs/2107.08430",
    presets={
        "tiny": {"input_shape": (64, 64, 3), "num_classes": 3},
        "cells": {"input_shape": (240, 320, 3), "num_classes": 3, "widths": (16, 32, 64, 128), "levels": 2},
    },
)
@validate(
    input_shape=images(8),
    num_classes=whole(1),
    widths=wholes(1),
    levels=whole(1),
    depth=whole(1),
    head_dim=whole(1),
)
def yolo(
    input_shape, num_classes, *, widths=(16, 32, 64), levels=2, depth=1, head_dim=32, activation="relu", name="yolo"
) -> YoloDetector:
    """Build an anchor-free one-stage detector in the manner of the later YOLO networks.

    Takes x `(B, H, W, C_in)`; returns raw outputs (B, A, 4 + C), which `YoloDetector` explains:

        f_1, ..., f_L = residual stages, each of which halves the sides          backbone
        g_L = W_L f_L,  g_l = conv(W_l f_l + up(g_{l+1}))                          neck, for the last `levels` stages
        distances = conv(conv(g_l)),  logits = conv(conv(g_l))                     head, at each position

    Args:
        input_shape: (H, W, C_in), with sides that 2^L divides.
        num_classes: C.
        widths: channels of the L stages; the stride of stage l is 2^l.
        levels: number of feature maps with predictions, from the last stage back.
        depth: residual blocks of a stage.
        head_dim: channels of neck and head.
        activation: the non-linearity.
        name: name of the model.

    Returns:
        An uncompiled `YoloDetector`; compile it with its `detection_loss`.

    Raises:
        ValueError: a number is out of its range, the strides do not divide the sides, or there are fewer stages than
            `levels`.

    Differences from the paper:
        Version 1 has a grid of cells and dense layers; see `yolo_v1`. This network has the parts on which the versions
        since 2021 agree: no anchors, several strides, separate branches for boxes and classes, and an assignment by the
        predictions themselves.

    References:
        You Only Look Once: Unified, Real-Time Object Detection, Redmon et al., 2016, https://arxiv.org/abs/1506.02640
        YOLOX: Exceeding YOLO Series in 2021, Ge et al., 2021, https://arxiv.org/abs/2107.08430
        Feature Pyramid Networks for Object Detection, Lin et al., 2017, https://arxiv.org/abs/1612.03144

    Example:
        >>> from keras_course.vision import yolo
        >>> yolo((64, 64, 3), 5).output_shape                  # 16 x 16 and 8 x 8 positions
        (None, 320, 9)
    """
    last = 2 ** len(widths)
    if any(side % last for side in input_shape[:2]):
        raise ValueError(f"input_shape={input_shape} must have sides that {last} divides, for widths={widths}")
    if levels > len(widths):
        raise ValueError(f"levels={levels} must be at most {len(widths)}, the number of widths={widths}")
    conv = functools.partial(conv_norm, activation=get_activation(activation))
    h = x = keras.Input(tuple(input_shape), name="image")
    maps = []
    for i, width in enumerate(widths):
        h = conv(h, width, 3, strides=2, name=f"stage_{i}_down")
        for j in range(depth if i else 0):
            branch = conv(h, width, 3, name=f"stage_{i}_block_{j}_a")
            branch = conv(branch, width, 3, name=f"stage_{i}_block_{j}_b")
            h = keras.layers.Add(name=f"stage_{i}_block_{j}")([h, branch])
        maps.append(h)
    outputs, above = [], None
    for i in reversed(range(len(widths) - levels, len(widths))):
        h = conv(maps[i], head_dim, 1, name=f"neck_{i}")
        if above is not None:
            up = keras.layers.UpSampling2D(2, data_format="channels_last", name=f"neck_{i}_up")(above)
            h = conv(keras.layers.Add(name=f"neck_{i}_add")([h, up]), head_dim, 3, name=f"neck_{i}_out")
        above = h
        outputs.insert(0, _head(conv, h, num_classes, head_dim, f"head_{i}"))
    joined = outputs[0] if levels == 1 else keras.layers.Concatenate(axis=1, name="positions")(outputs)
    strides = tuple(2 ** (i + 1) for i in range(len(widths) - levels, len(widths)))
    return YoloDetector(keras.Model(x, joined, name="network"), strides, name=name)


def _head(conv, h, num_classes, width, name):
    """Return raw outputs (B, positions, 4 + C) of one feature map."""
    rare = keras.initializers.Constant(RARE)
    boxes, classes = (conv(h, width, 3, name=f"{name}_{branch}") for branch in ("boxes", "classes"))
    boxes = Conv2D(4, 1, name=f"{name}_distances")(boxes)
    classes = Conv2D(num_classes, 1, bias_initializer=rare, name=f"{name}_logits")(classes)
    joined = keras.layers.Concatenate(name=f"{name}_join")([boxes, classes])
    return keras.layers.Reshape((-1, 4 + num_classes), name=f"{name}_rows")(joined)
