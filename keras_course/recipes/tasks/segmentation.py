"""The task of saying the class of each pixel."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course.checks import flag, not_negative, whole_number
from keras_course.recipes._task import Metric, image_of, in_batches
from keras_course.recipes.tasks._annotated import Annotated, AnnotatedData

SHOWN = 5  # test images in the sample


@dataclasses.dataclass(frozen=True)
class Segmentation(Annotated):
    """Say the class of each pixel; the metric is the mean IoU over the classes of all test pixels.

    Beside it stand the Dice score of each class and the accuracy. A model with one logit is asked for where there are
    two classes. Test images are seen whole.

    Args:
        data: name of a set of annotated images with masks.
        crop: side of the random crops that the model is trained on, in pixels; 0 for whole images.
        turn: whether crops are turned by quarters and mirrored at random, as suits tissue; otherwise they are mirrored
            left to right.
        dice: weight of the Dice loss beside the cross-entropy.
    """

    crop: int = 0
    turn: bool = False
    dice: float = 1.0
    metric: ClassVar[Metric] = Metric("mean IoU", "%", higher_is_better=True)

    def __post_init__(self):
        super().__post_init__()
        whole_number(0, crop=self.crop)
        not_negative(dice=self.dice)
        flag(turn=self.turn)

    def load(self, part=0, start=None) -> "SegmentationData":
        return SegmentationData(self)


class SegmentationData(AnnotatedData):
    """Images and the classes of their pixels."""

    loss_unit = "nats/pixel, and the Dice loss"

    def __init__(self, task):
        super().__init__(task, "masks")
        smallest = min(self.train.images.shape[1:3])
        if task.crop > smallest:
            raise ValueError(f"crop={task.crop} must be at most {smallest}, the smaller side of the images")
        self.y, self.names = self.train.masks, self.train.mask_names
        self.num_outputs = len(self.names) if len(self.names) > 2 else 1
        self.validation = in_batches((self.test_x, self.test.masks), 2 if task.crop else 20)

    def arguments(self, build) -> dict:
        sides = (None, None) if self.task.crop else self.train.images.shape[1:3]
        return {"input_shape": (*sides, self.train.images.shape[-1]), "num_classes": self.num_outputs}

    def objective(self, model) -> dict:
        from keras_course.vision import SegmentationLoss

        return {"loss": SegmentationLoss(dice=self.task.dice)}

    def change(self, images, targets, rng) -> tuple[np.ndarray, np.ndarray]:
        """Return crops of images and masks, turned or mirrored together."""
        height, width = images.shape[1:3]
        side = self.task.crop
        changed = []
        for image, mask in zip(images, targets, strict=True):
            if side:
                top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
                image, mask = (part[top : top + side, left : left + side] for part in (image, mask))
            if rng.random() < 0.5:
                image, mask = image[:, ::-1], mask[:, ::-1]
            turns = rng.integers(4) if self.task.turn and image.shape[0] == image.shape[1] else 0
            changed.append((np.rot90(image, turns), np.rot90(mask, turns)))
        return tuple(map(np.stack, zip(*changed, strict=True)))

    def predict(self, model) -> np.ndarray:
        """Return the predicted classes (N, H, W) of the test images."""
        logits = model.predict(self.test_x, batch_size=2 if self.task.crop else 20, verbose=0)
        return (logits[..., 0] > 0).astype("int32") if self.num_outputs == 1 else logits.argmax(axis=-1)

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.vision import segmentation_scores

        scores = segmentation_scores(self.test.masks, self.predict(model), len(self.names))
        dice = {f"Dice of {name}": 100 * float(value) for name, value in zip(self.names, scores.dice, strict=True)}
        return {"mean IoU": 100 * scores.mean_iou, "accuracy": 100 * scores.accuracy, **dice}

    def sample(self, model, seed) -> np.ndarray:
        """Return an image of test images, their true classes and the predicted ones."""
        from keras_course.vision import plot_segmentation

        rows = {"true": self.test.masks[:SHOWN], "predicted": self.predict(model)[:SHOWN]}
        return image_of(plot_segmentation(self.test.images[:SHOWN], rows, class_names=self.names))
