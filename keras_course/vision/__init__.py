"""Lecture 6: computer vision."""

from keras_course import backend

backend.require()

from keras_course.vision._anchors import anchor_boxes, grid_centers, match_anchors
from keras_course.vision._average_precision import (
    Objects,
    coco_average_precision,
    recall_at_false_positives,
    voc_average_precision,
)
from keras_course.vision._boxes import (
    box_area,
    box_iou,
    clip_boxes,
    convert_boxes,
    decode_offsets,
    encode_offsets,
    generalized_iou,
)
from keras_course.vision._clip import (
    ContrastiveModel,
    LearnedScale,
    MeanOfWords,
    UnitLength,
    clip,
    info_nce,
    sigmoid_contrast,
)
from keras_course.vision._detections import box_targets, select_objects, true_objects
from keras_course.vision._detr import DetrDetector, DetrLoss, ObjectQueries, detr
from keras_course.vision._fcn import fcn
from keras_course.vision._figures import plot_boxes, plot_grid_cells, plot_segmentation, plot_unet
from keras_course.vision._matching import hungarian_matching, plain_matching
from keras_course.vision._roi import roi_align, roi_pool
from keras_course.vision._segmentation import (
    PanopticQuality,
    SegmentationLoss,
    SegmentationScores,
    dice_loss,
    focal_loss,
    panoptic_quality,
    segmentation_scores,
)
from keras_course.vision._suppression import non_maximum_suppression, plain_suppression
from keras_course.vision._transfer import features_of, linear_probe, neighbor_probe, transfer_model
from keras_course.vision._unet import unet
from keras_course.vision._upsampling import transposed_conv2d
from keras_course.vision._yolo import YoloDetector, YoloLoss, yolo
from keras_course.vision._yolo_v1 import YoloV1Loss, decode_yolo_v1, encode_yolo_v1, yolo_v1

__all__ = [
    "ContrastiveModel",
    "DetrDetector",
    "DetrLoss",
    "LearnedScale",
    "MeanOfWords",
    "ObjectQueries",
    "Objects",
    "PanopticQuality",
    "SegmentationLoss",
    "SegmentationScores",
    "UnitLength",
    "YoloDetector",
    "YoloLoss",
    "YoloV1Loss",
    "anchor_boxes",
    "box_area",
    "box_iou",
    "box_targets",
    "clip",
    "clip_boxes",
    "coco_average_precision",
    "convert_boxes",
    "decode_offsets",
    "decode_yolo_v1",
    "detr",
    "dice_loss",
    "encode_offsets",
    "encode_yolo_v1",
    "fcn",
    "features_of",
    "focal_loss",
    "generalized_iou",
    "grid_centers",
    "hungarian_matching",
    "info_nce",
    "linear_probe",
    "match_anchors",
    "neighbor_probe",
    "non_maximum_suppression",
    "panoptic_quality",
    "plain_matching",
    "plain_suppression",
    "plot_boxes",
    "plot_grid_cells",
    "plot_segmentation",
    "plot_unet",
    "recall_at_false_positives",
    "roi_align",
    "roi_pool",
    "segmentation_scores",
    "select_objects",
    "sigmoid_contrast",
    "transfer_model",
    "transposed_conv2d",
    "true_objects",
    "unet",
    "voc_average_precision",
    "yolo",
    "yolo_v1",
]
