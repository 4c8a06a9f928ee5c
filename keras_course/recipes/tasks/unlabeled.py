"""The tasks of images without labels: to reconstruct them, and to model their distribution.

Pixels are divided by the largest value of the training images, so they lie in [0, 1]. The images held out are a test
set: nothing is chosen by what is measured on them between two epochs.
"""

import dataclasses
import hashlib
from typing import ClassVar

import numpy as np

from keras_course import datasets
from keras_course.checks import string, whole_number
from keras_course.recipes._task import Metric, Task, image_of, in_batches
from keras_course.recipes.tasks._arrays import UnlabeledData

SHOWN = 10  # columns of the sheet of images


@dataclasses.dataclass(frozen=True)
class _Images(Task):
    data: str

    def __post_init__(self):
        string(data=self.data)

    def on(self, data) -> Task:
        """Return the same task on another set of images, by its name."""
        return dataclasses.replace(self, data=datasets.find(data, kinds=("images",)))


@dataclasses.dataclass(frozen=True)
class Reconstruction(_Images):
    """Reconstruct images from their codes; the metric is the mean squared error per pixel of test images, times 1,000.

    A denoising auto-encoder is measured on corrupted images. The other metrics are the error of PCA with as many
    features as a code has, if the code is a vector, and the perplexity of the entries in use, if the model has a
    codebook.

    Args:
        data: name of a set of images in `keras_course.datasets`.
    """

    metric: ClassVar[Metric] = Metric("test squared error", "1e-3")

    def load(self, part=0, start=None) -> "ReconstructionData":
        return ReconstructionData(self)


@dataclasses.dataclass(frozen=True)
class Generation(_Images):
    """Model the distribution of images; the metric is the negative ELBO of test images, in nats per image.

    The other metrics are its two terms, and the importance-weighted bound of the first 200 test images if there are
    samples for it.

    Args:
        data: name of a set of images in `keras_course.datasets`.
        num_samples: samples for the importance-weighted bound; 0 leaves it out.
    """

    num_samples: int = 200
    metric: ClassVar[Metric] = Metric("test -ELBO", "nats")

    def __post_init__(self):
        super().__post_init__()
        whole_number(0, num_samples=self.num_samples)

    def load(self, part=0, start=None) -> "GenerationData":
        return GenerationData(self)


class ImagesData(UnlabeledData):
    """Images with pixels in [0, 1], for training and for the test."""

    def __init__(self, task):
        self.task = task
        train, test = datasets.get_dataset(task.data).load()
        largest = float(max(train.x.max(), 1))
        self.x, self.test = ((part.x / largest).astype("float32") for part in (train, test))
        self.validation = in_batches((self.test,), 500)
        self.num_outputs = self.x.shape[-1]
        self.size = f"{len(self.x):,} + {len(self.test):,} images"
        self.facts = {"inputs": {"divided by": largest}}
        self.sha256 = hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in (train.x, test.x))).hexdigest()

    def arguments(self, build) -> dict:
        return {"input_shape": self.x.shape[1:]}


class ReconstructionData(ImagesData):
    loss_unit = "squared error"

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.autoencoders import pca

        error = row["val_reconstruction"] if "val_reconstruction" in row else row["val_loss"]
        metrics = {self.task.metric.name: 1_000 * error}
        if hasattr(model, "code_usage"):
            usage = model.code_usage(self.test)
            metrics |= {"perplexity of the code": usage.perplexity}
        elif getattr(model, "corruption", None) is None:
            closest = pca(self.x, model.latent_dim).reconstruct(self.test)
            metrics |= {"test squared error of PCA": 1_000 * float(np.mean((closest - self.test) ** 2))}
        return metrics

    def sample(self, model, seed) -> np.ndarray:
        """Return a sheet of test images, what the model sees of them, and their reconstructions."""
        from keras import ops

        shown = self.test[:SHOWN]
        rows = {"image": shown}
        if getattr(model, "corruption", None) is not None:
            rows["corrupted"] = shown = ops.convert_to_numpy(model.corruption(shown))
        rows["decoded"] = ops.convert_to_numpy(model.reconstruct(shown))
        return sheet(rows)


class GenerationData(ImagesData):
    loss_unit = "nats/image"

    def measure(self, model, row, seed) -> dict[str, float]:
        from keras_course.autoencoders import VAE, elbo_terms, importance_weighted_bound

        terms = {key.removeprefix("val_"): value for key, value in row.items() if key.startswith("val_")}
        parts = {key: value for key, value in terms.items() if key != "loss"}
        metrics = {self.task.metric.name: sum(parts.values())} | {f"test {key}": parts[key] for key in parts}
        if isinstance(model, VAE):
            found = elbo_terms(model, self.test, num_samples=10, seed=seed)
            metrics[self.task.metric.name] = -float(found.elbo.mean())
            if self.task.num_samples:
                bound = importance_weighted_bound(model, self.test[:200], self.task.num_samples, seed)
                name = f"test -log p by {self.task.num_samples} importance samples, 200 images"
                metrics[name] = -float(bound.mean())
        return metrics

    def sample(self, model, seed) -> np.ndarray:
        """Return a sheet of test images, their reconstructions, and samples of the model."""
        from keras import ops

        shown = self.test[:SHOWN]
        samples = ops.convert_to_numpy(model.sample(3 * SHOWN, seed=seed)).reshape(3, SHOWN, *shown.shape[1:])
        rows = {"image": shown, "decoded": ops.convert_to_numpy(model.reconstruct(shown))}
        return sheet(rows | {f"sample {k + 1}": samples[k] for k in range(3)})


def sheet(rows) -> np.ndarray:
    """Return rows of images with values in [0, 1] as one image, (H, W, 3) of uint8."""
    from keras_course.plots import image_grid

    return image_of(image_grid({name: np.clip(row, 0, 1) for name, row in rows.items()}, limits=(0.0, 1.0)))
