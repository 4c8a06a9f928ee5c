"""Arguments that work, for what lecture 6 offers; `examples_of_fuzz` says how an argument is looked up."""

import functools

import numpy as np
from models_of_fuzz import Make, image_model

from keras_course.vision import Objects, box_targets, clip, detr, transfer_model, yolo

BOXES = np.array([[0.0, 0.0, 8.0, 8.0], [4.0, 4.0, 9.0, 12.0]], "float32")
SCORES = np.array([0.9, 0.6], "float32")
MASKS, NUMBERS = np.arange(16).reshape(1, 4, 4) % 2, np.ones((1, 4, 4), int)
FEATURES = np.random.default_rng(0).random((1, 6, 6, 2)).astype("float32")
LOGITS = np.random.default_rng(1).normal(size=(1, 4, 4, 2)).astype("float32")
TRUE, FOUND = [Objects(BOXES, np.array([0, 1]))], [Objects(BOXES, np.array([0, 1]), SCORES)]
TARGETS = box_targets(BOXES[None], np.array([[0, 1]]))
IMAGES = np.random.default_rng(0).random((1, 16, 16, 3)).astype("float32")


@functools.cache
def small_detector():
    return yolo((16, 16, 3), 2, widths=(4, 4), levels=1, head_dim=4)


@functools.cache
def small_clip():
    return clip((16, 16, 3), 10, 4, widths=(4,), hidden_dim=8)


@functools.cache
def small_set_detector():
    return detr((16, 16, 3), 2, widths=(4,), hidden_dim=8, mlp_dim=8, num_queries=3)


VISION = {
    # of the module
    "vision": {"boxes": BOXES, "others": BOXES, "anchors": BOXES, "offsets": BOXES / 10, "scores": SCORES,
               "image_shape": (16, 16), "stride": 8, "sizes": (8.0, 16.0), "true": TRUE, "found": FOUND,
               "costs": np.arange(6.0).reshape(2, 3) % 5, "features": FEATURES, "y": MASKS, "logits": LOGITS,
               "kernel": np.ones((2, 2)), "strides": (8,), "num_classes": 2, "targets": TARGETS,
               "images": IMAGES, "rows": {"true": TRUE}},
    # of one callable
    "vision.convert_boxes": {"source": "xyxy", "target": "xywh"},
    "vision.non_maximum_suppression": {"boxes": BOXES[None], "scores": SCORES[None], "max_boxes": 2},
    "vision.hungarian_matching": {"costs": np.arange(6.0, dtype="float32").reshape(1, 2, 3) % 5},
    **{f"vision.{name}": {"boxes": BOXES[None] / 2, "size": 2} for name in ("roi_align", "roi_pool")},
    "vision.segmentation_scores": {"true": MASKS, "predicted": MASKS},
    "vision.panoptic_quality": {"true_classes": MASKS, "true_objects": NUMBERS, "classes": MASKS, "objects": NUMBERS},
    "vision.transposed_conv2d": {"y": np.ones((3, 3))},
    "vision.box_targets": {"boxes": BOXES[None], "classes": np.array([[0, 1]])},
    "vision.select_objects": {"boxes": BOXES[None], "probabilities": np.array([[[0.9, 0.1], [0.2, 0.7]]])},
    "vision.decode_yolo_v1": {"outputs": np.zeros((1, 2, 2, 12), "float32")},
    "vision.YoloDetector": {"network": Make(lambda: small_detector().network), "strides": (4,)},
    **{f"vision.{name}": {"image": np.eye(3, dtype="float32"), "text": np.eye(3, dtype="float32"), "scale": 2.0}
       for name in ("info_nce", "sigmoid_contrast")},
    "vision.clip": {"input_shape": (16, 16, 3), "context_length": 4, "widths": (4,), "hidden_dim": 8},
    "vision.ContrastiveModel": {name: Make(lambda name=name: getattr(small_clip(), name))
                                for name in ("image_encoder", "text_encoder")},
    "vision.transfer_model": {"backbone": Make(image_model)},
    "vision.features_of": {"model": Make(lambda: transfer_model(image_model(), 2)), "images": np.zeros((2, 8, 8, 1))},
    "vision.linear_probe": {"features": np.eye(4), "labels": np.array([0, 0, 1, 1]), "queries": np.eye(4)},
    "vision.neighbor_probe": {"features": np.eye(4), "labels": np.array([0, 0, 1, 1]), "queries": np.eye(4),
                              "num_neighbors": 2},
    "vision.detr": {"input_shape": (16, 16, 3), "widths": (4,), "hidden_dim": 8, "mlp_dim": 8, "num_queries": 3},
    "vision.DetrDetector": {"network": Make(lambda: small_set_detector().network)},
    "vision.ObjectQueries": {"num_queries": 3},
    "vision.fcn": {"input_shape": (32, 32, 3)},
    "vision.unet": {"input_shape": (16, 16, 1), "widths": (4, 6)},
    "vision.yolo": {"input_shape": (16, 16, 3), "widths": (4, 4), "levels": 1, "head_dim": 4},
    "vision.yolo_v1": {"input_shape": (16, 16, 3), "layers": ((4, 3, 1), "pool"), "hidden_dim": 4, "grid": 2},
    "vision.plot_segmentation": {"images": IMAGES[:, :4, :4], "rows": {"true": MASKS}},
    "vision.plot_grid_cells": {"image": IMAGES[0], "objects": Make(lambda: TRUE[0])},
}  # fmt: skip
