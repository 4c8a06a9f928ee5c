"""Corruptions of examples, which a denoising auto-encoder learns to undo. They act in training and in inference.

Notation: x (B, H, W, C) images, or (B, ...) examples of another shape; x~ what is left of them.
"""

import keras
import numpy as np
from keras import ops

from keras_course.autoencoders._networks import SEED
from keras_course.checks import fraction, not_negative, positive, validate
from keras_course.ops._types import Tensor


class Corruption(keras.layers.Layer):
    """Base class: a layer that takes examples and returns corrupted examples of the same shape."""


@keras.saving.register_keras_serializable("keras_course")
class ErasePixels(Corruption):
    """Set each pixel to 0 with the probability p, all its channels at once.

    Args:
        rate: p, in [0, 1).
        seed: whole number, at most 2 billion.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import ErasePixels
        >>> left = ErasePixels(0.5)(keras.ops.ones((1, 100, 100, 3)))
        >>> abs(float(keras.ops.convert_to_numpy(left).mean()) - 0.5) < 0.02
        True
    """

    @validate(rate=fraction, seed=SEED)
    def __init__(self, rate=0.5, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = float(rate), int(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x) -> Tensor:
        shape = ops.shape(x) if len(x.shape) < 4 else (*ops.shape(x)[:3], 1)
        kept = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator) >= self.rate
        return x * ops.cast(kept, x.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("keras_course")
class AddNoise(Corruption):
    """Add Gaussian noise: x~ = x + s e,  e ~ N(0, I).

    Args:
        deviation: s, in the unit of x.
        seed: whole number, at most 2 billion.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import AddNoise
        >>> noisy = AddNoise(0.5)(keras.ops.zeros((100, 100)))
        >>> abs(float(keras.ops.convert_to_numpy(noisy).std()) - 0.5) < 0.02
        True
    """

    @validate(deviation=not_negative, seed=SEED)
    def __init__(self, deviation=0.5, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.deviation, self.seed = float(deviation), int(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, x) -> Tensor:
        return x + self.deviation * keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.seed_generator)

    def get_config(self) -> dict:
        return {**super().get_config(), "deviation": self.deviation, "seed": self.seed}


@keras.saving.register_keras_serializable("keras_course")
class GaussianBlur(Corruption):
    """Blur images: each pixel becomes a mean of its neighbors, with weights exp(-distance^2 / (2 s^2)).

    The weights of two axes are a product, so a matrix of H x H and one of W x W do it. Next to a border the weights
    inside the image are scaled to the sum 1.

    Args:
        deviation: s, in pixels.

    Raises:
        ValueError: `deviation` is not above 0.

    Example:
        >>> import keras
        >>> from keras_course.autoencoders import GaussianBlur
        >>> blurred = GaussianBlur(4.0)(keras.ops.ones((1, 28, 28, 1)))
        >>> round(float(keras.ops.convert_to_numpy(blurred).min()), 4)
        1.0
    """

    @validate(deviation=positive)
    def __init__(self, deviation=1.0, **kwargs):
        super().__init__(**kwargs)
        self.deviation = float(deviation)

    def build(self, input_shape) -> None:
        if len(input_shape) != 4:
            raise ValueError(f"x has shape {tuple(input_shape)}; a blur takes images (B, H, W, C)")
        self.rows, self.columns = (self._weights(size) for size in input_shape[1:3])
        self.built = True

    def _weights(self, size):
        gaps = np.arange(size)[:, None] - np.arange(size)
        weights = np.exp(-0.5 * (gaps / self.deviation) ** 2)
        return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")

    def call(self, x) -> Tensor:
        rows, columns = (ops.convert_to_tensor(part, dtype=x.dtype) for part in (self.rows, self.columns))
        return ops.einsum("ih,bhwc,jw->bijc", rows, x, columns)

    def get_config(self) -> dict:
        return {**super().get_config(), "deviation": self.deviation}


CORRUPTIONS = {"noise": AddNoise, "erase": ErasePixels, "blur": GaussianBlur}


def make_corruption(kind, strength, seed) -> Corruption:
    """Return the corruption of a name: `strength` is its rate or standard deviation."""
    if kind == "blur":
        return GaussianBlur(strength, name="corruption")
    if kind == "erase" and not 0 <= strength < 1:
        raise ValueError(f"strength={strength!r} must be in [0, 1): it is the probability of a pixel to be erased")
    return CORRUPTIONS[kind](strength, seed, name="corruption")
