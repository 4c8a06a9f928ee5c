"""What a training run is made of, as plain data: a recipe and its optimizer.

Notation: the learning rate rises linearly to `peak_rate` over `warmup` steps and falls along half a cosine to
`final_rate`. Importing this module does not import Keras.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from keras_course.checks import flag, fraction, not_negative, number, positive, string, whole_number


@dataclasses.dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay, on matrices only: neither biases nor gains of a normalization decay.

    Args:
        peak_rate, final_rate: the highest learning rate and the one at the end.
        warmup: number of steps until the peak.
        betas: decay rates of the two moments.
        weight_decay: share of a weight that is taken off per unit of learning rate and step.
        clip: largest norm of the gradient of all weights together.

    References:
        Decoupled Weight Decay Regularization, Loshchilov, Hutter, 2019, https://arxiv.org/abs/1711.05101
    """

    peak_rate: float
    final_rate: float
    warmup: int
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.1
    clip: float | None = 1.0

    def __post_init__(self):
        _check_rates(self)
        not_negative(weight_decay=self.weight_decay)
        if self.clip is not None:
            positive(clip=self.clip)

    def build(self, model, schedule):
        """Return the Keras optimizer for a model; `schedule(peak, final)` gives the learning rate."""
        import keras

        optimizer = keras.optimizers.AdamW(
            schedule(self.peak_rate, self.final_rate),
            beta_1=self.betas[0],
            beta_2=self.betas[1],
            weight_decay=self.weight_decay,
            global_clipnorm=self.clip,
        )
        optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
        return optimizer


@dataclasses.dataclass(frozen=True)
class Muon:
    """Momentum with orthogonalized updates for the matrices inside blocks, Adam for all other weights; no decay.

    Args:
        peak_rate, final_rate: the highest learning rate of the matrices and the one at the end.
        adam_rate: the highest learning rate of the other weights.
        warmup: number of steps until the peak.
        betas: decay rates of Adam's two moments.
        momentum: decay rate of the momentum.

    References:
        Muon: An optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/
    """

    peak_rate: float
    final_rate: float
    adam_rate: float
    warmup: int
    betas: tuple[float, float] = (0.9, 0.99)
    momentum: float = 0.95

    def __post_init__(self):
        _check_rates(self)
        positive(adam_rate=self.adam_rate)
        fraction(momentum=self.momentum)

    def build(self, model, schedule):
        """Return the Keras optimizer for a model; `schedule(peak, final)` gives the learning rate."""
        import keras

        return keras.optimizers.Muon(
            schedule(self.peak_rate, self.final_rate),
            adam_lr_ratio=self.adam_rate / self.peak_rate,
            adam_beta_1=self.betas[0],
            adam_beta_2=self.betas[1],
            adam_weight_decay=0.0,
            momentum=self.momentum,
            weight_decay=0.0,
            rms_rate=None,  # the orthogonal matrix itself, not scaled to the size of Adam's update
            exclude_layers=["embedding", "head"],
        )


@dataclasses.dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum, as residual networks were first trained.

    Args:
        peak_rate, final_rate: the highest learning rate and the one at the end.
        warmup: number of steps until the peak.
        momentum: decay rate of the momentum.
        weight_decay: share of a matrix that is taken off per unit of learning rate and step. A penalty of c/2 times the
            sum of squares, which momentum adds up, acts like a decay of c / (1 - momentum) in the long run.

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, section 4.2,
        https://arxiv.org/abs/1512.03385
    """

    peak_rate: float
    final_rate: float
    warmup: int
    momentum: float = 0.9
    weight_decay: float = 1e-3

    def __post_init__(self):
        _check_rates(self)
        fraction(momentum=self.momentum)
        not_negative(weight_decay=self.weight_decay)

    def build(self, model, schedule):
        """Return the Keras optimizer for a model; `schedule(peak, final)` gives the learning rate."""
        import keras

        optimizer = keras.optimizers.SGD(
            schedule(self.peak_rate, self.final_rate), momentum=self.momentum, weight_decay=self.weight_decay
        )
        optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
        return optimizer


@dataclasses.dataclass(frozen=True)
class CropAndFlip:
    """Change the pictures of each batch: see `keras_course.datasets.crop_and_flip`.

    Args:
        padding: largest shift in pixels.
        flip: whether half of the pictures are mirrored.
    """

    padding: int
    flip: bool = True


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One training run, complete: model, data, optimizer, budget, and the result to expect.

    Args:
        name: what the run is called.
        summary: what it is for, in one line.
        topic, builder, preset, overrides: the model: `keras_course.<topic>.<builder>.from_preset(preset, **overrides)`.
        task: "language" (next token of a text), "classification" or "regression" (target of an example).
        data: name of a text in `keras_course.datasets`, or the path of a text file; for the other tasks name of a
            table or of a set of images.
        tokenizer: of a text: "characters", or "bpe" (then `overrides` has the `vocab_size`).
        split: share of the text, or of a table's rows, to train on; the rest is for validation.
        permute: whether the pixels of all pictures change places, by one permutation, so that neighbours mean nothing.
        augment: how the pictures of a batch are changed; None where they are not.
        batch_size: windows or examples in a step.
        steps: number of steps.
        optimizer: an `AdamW`, `Muon` or `SGD`.
        metric, unit: what is measured at the end; the lower the better.
        expected: the value is expected to be at most this,
        tolerance: up to so much for one seed.
        published, source: what others report, and where; None where nobody did.
        note: what a reader of the result has to know, in a sentence; None where there is nothing.
        prompt: beginning of the text that a trained language model writes.
        minutes: about how long it takes on two CPU cores; None where that is no place to run it.
    """

    name: str
    summary: str
    preset: str
    data: str
    batch_size: int
    steps: int
    optimizer: AdamW | Muon | SGD
    topic: str = "language"
    builder: str = "gpt"
    task: str = "language"
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tokenizer: str = "characters"
    split: float = 0.9
    permute: bool = False
    augment: CropAndFlip | None = None
    metric: str = "validation loss"
    unit: str = "nats/character"
    expected: float | None = None
    tolerance: float = 0.0
    published: float | None = None
    source: str | None = None
    note: str | None = None
    prompt: str = "\n"
    minutes: float | None = None

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is str or (field.type == str | None and value is not None):
                string(**{field.name: value})
            if field.type == float | None and value is not None:
                number(**{field.name: value})
        whole_number(1, batch_size=self.batch_size)
        whole_number(0, steps=self.steps)
        number(split=self.split, tolerance=self.tolerance)
        flag(permute=self.permute)
        if not isinstance(self.optimizer, AdamW | Muon | SGD):
            raise ValueError(f"optimizer={self.optimizer!r} must be an AdamW, Muon or SGD of keras_course.recipes")
        if not isinstance(self.overrides, Mapping):
            raise ValueError(f"overrides={self.overrides!r} must be a dict of arguments of the builder")
        if not isinstance(self.augment, CropAndFlip | None):
            raise ValueError(f"augment={self.augment!r} must be a CropAndFlip or None")


def _check_rates(optimizer):
    """Raise a ValueError for rates, a warm-up or decay rates of moments that are out of range."""
    positive(peak_rate=optimizer.peak_rate)
    not_negative(final_rate=optimizer.final_rate)
    whole_number(0, warmup=optimizer.warmup)
    betas = getattr(optimizer, "betas", (0, 0))
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas={betas!r} must be a pair of numbers in [0, 1)")
    fraction(**{f"betas[{i}]": beta for i, beta in enumerate(betas)})


def builder_of(recipe):
    """Return the builder that a recipe names."""
    return getattr(importlib.import_module(f"keras_course.{recipe.topic}"), recipe.builder)
