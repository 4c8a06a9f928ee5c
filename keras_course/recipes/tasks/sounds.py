"""The task of classifying sounds from their waveforms."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import not_negative, whole_number
from keras_course.recipes._task import Metric, Sound, Task, in_batches
from keras_course.recipes.tasks._arrays import ClassData


@dataclasses.dataclass(frozen=True)
class Sounds(Task):
    """Classify synthetic sounds; the metric is the percentage of test sounds whose class is found.

    Args:
        num_train: number of training sounds.
        num_test: number of test sounds.
        noise: standard deviation of the white noise; see `keras_course.datasets.sounds`.
    """

    num_train: int = 2_000
    num_test: int = 1_000
    noise: float = 0.3
    metric: ClassVar[Metric] = Metric("test accuracy", "%", higher_is_better=True)
    data: ClassVar[str] = "sounds"

    def __post_init__(self):
        whole_number(1, num_train=self.num_train, num_test=self.num_test)
        not_negative(noise=self.noise)

    def load(self, part=0, start=None) -> "SoundData":
        return SoundData(self)


class SoundData(ClassData):
    """Waveforms and their classes."""

    loss_unit = "nats/sound"
    num_outputs = len(datasets.SOUND_CLASSES)

    def __init__(self, task):
        self.x, self.y = datasets.sounds(task.num_train, noise=task.noise, seed=0)
        self.test = datasets.sounds(task.num_test, noise=task.noise, seed=1)
        self.validation = in_batches(self.test, 100)
        self.size = f"{task.num_train:,} + {task.num_test:,} sounds"
        self.facts = {"classes": list(datasets.SOUND_CLASSES), "rate": datasets.SOUND_RATE}

    def arguments(self, build) -> dict:
        return {"input_shape": self.x.shape[1:], "num_classes": self.num_outputs}

    def measure(self, model, row, seed) -> dict[str, float]:
        return {"test accuracy": 100 * row["val_accuracy"]}

    def sample(self, model, seed) -> list:
        """Return the first test sound of each class, one after the other, and a text that says what the model hears."""
        x, y = self.test
        first = [int(np.flatnonzero(y == k)[0]) for k in sorted(set(y.tolist()))]
        heard = model.predict(x[first], verbose=0).argmax(axis=-1)
        seconds = x.shape[1] / datasets.SOUND_RATE
        lines = [
            f"{seconds * i:.2f} s: {datasets.SOUND_CLASSES[y[j]]}, heard as {datasets.SOUND_CLASSES[k]}"
            for i, (j, k) in enumerate(zip(first, heard, strict=True))
        ]
        wave = x[first].reshape(-1)
        return [Sound(wave / np.abs(wave).max(), datasets.SOUND_RATE), "\n".join(lines)]
