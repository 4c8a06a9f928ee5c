"""The task of finding objects in images, with a box around each."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course.checks import one_of
from keras_course.recipes._task import Metric, image_of, in_batches
from keras_course.recipes.tasks._annotated import Annotated, AnnotatedData

SHOWN, CLEAR = 4, 0.3  # test images in the sample, and the score from which a box is drawn


@dataclasses.dataclass(frozen=True)
class BoxDetection(Annotated):
    """Find the objects of images; the metric is mAP50, the mean average precision at an IoU of 0.5 as VOC defines it.

    Beside it stand the average precision of each class, the AP of COCO (the mean over IoU thresholds from 0.5 to 0.95),
    and the recall with one false positive per image. The model has a loss, `detection_loss`, and a method `detect`.

    Args:
        data: name of a set of annotated images with boxes.
        augment: "mirror" mirrors images and boxes left to right at random; "tissue" also upside down, and scales and
            shifts them; "none" leaves them.
    """

    augment: str = "mirror"
    metric: ClassVar[Metric] = Metric("mAP50", "%", higher_is_better=True)

    def __post_init__(self):
        super().__post_init__()
        one_of(("none", "mirror", "tissue"), augment=self.augment)

    def load(self, part=0, start=None) -> "BoxData":
        return BoxData(self)


class BoxData(AnnotatedData):
    """Images and their objects."""

    loss_unit = "loss of classes and boxes, per object"

    def __init__(self, task):
        from keras_course.vision import box_targets

        super().__init__(task, "boxes")
        self.names = self.train.class_names
        self.num_outputs = 4 + len(self.names)
        self.y, test_y = (box_targets(part.boxes, part.classes) for part in (self.train, self.test))
        self.test_y = test_y
        self.validation = in_batches((self.test_x, test_y), 20)

    def arguments(self, build) -> dict:
        return {"input_shape": self.train.images.shape[1:], "num_classes": len(self.names)}

    def objective(self, model) -> dict:
        return {"loss": model.detection_loss}

    def change(self, images, targets, rng) -> tuple[np.ndarray, np.ndarray]:
        """Return images and boxes, mirrored and shifted together."""
        if self.task.augment == "none":
            return images, targets
        images, targets = images.copy(), targets.copy()
        tissue = self.task.augment == "tissue"
        for row, boxes in zip(range(len(images)), targets, strict=True):
            for axis in (0, 1) if tissue else (1,):
                if rng.random() < 0.5:
                    images[row] = np.flip(images[row], axis)
                    low, high = (2, 4) if axis == 0 else (1, 3)
                    boxes[:, [low, high]] = images.shape[1 + axis] - boxes[:, [high, low]]
            if tissue:
                images[row], boxes[:] = zoomed(images[row], boxes, rng)
        return images, np.where(targets[..., :1] >= 0, targets, self._empty)

    _empty = np.array([-1, 0, 0, 0, 0], "float32")

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.vision import (
            coco_average_precision,
            recall_at_false_positives,
            true_objects,
            voc_average_precision,
        )

        true, found = true_objects(self.test_y), model.detect(self.test_x)
        values = voc_average_precision(true, found, len(self.names))
        metrics = {"mAP50": float(np.nanmean(values))}
        metrics |= {f"AP50 of {name}": float(value) for name, value in zip(self.names, values, strict=True)}
        coco = coco_average_precision(true, found)
        recall = recall_at_false_positives(true, found, 1.0)
        return metrics | {"AP of COCO": coco["AP"], "recall at 1 false positive per image": recall}

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of test images with true boxes above and found boxes below."""
        from keras_course.vision import plot_boxes, true_objects

        rows = {"true": true_objects(self.test_y[:SHOWN])}
        rows["found"] = model.detect(self.test_x[:SHOWN], score_threshold=CLEAR)
        return image_of(plot_boxes(self.test.images[:SHOWN], rows, class_names=self.names))


def zoomed(image, boxes, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return an image scaled by 0.8 to 1.25 about a random point, and its boxes; an object that leaves it is dropped.

    Pixels are repeated, and what lies outside is the nearest border.
    """
    scale = np.exp(rng.uniform(np.log(0.8), np.log(1.25)))
    new, sides = boxes.copy(), image.shape[:2]
    index = []
    for axis, side in enumerate(sides):
        offset = rng.uniform(0, side * (1 - 1 / scale)) if scale > 1 else rng.uniform(side * (1 - 1 / scale), 0)
        source = np.clip(np.floor((np.arange(side) + 0.5) / scale + offset), 0, side - 1).astype(int)
        index.append(source)
        columns = [2 - axis, 4 - axis]
        new[:, columns] = np.clip((boxes[:, columns] - offset) * scale, 0, side)
    areas = [
        (part[:, 3] - part[:, 1]) * (part[:, 4] - part[:, 2]) for part in (boxes * [1, scale, scale, scale, scale], new)
    ]
    new[areas[1] < 0.3 * areas[0], 0] = -1
    return image[np.ix_(*index)], new
