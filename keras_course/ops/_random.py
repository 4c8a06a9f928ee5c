"""Noise as a function of a seed and an index, for loops that are compiled as one program."""

import keras
from keras import ops

from keras_course.ops._types import Tensor


class _Key(keras.random.SeedGenerator):
    """What Keras asks for the state of a generator, and which returns a tensor that was computed before."""

    def __init__(self, key):
        self.key = key

    def next(self, ordered=True) -> Tensor:
        return self.key


def normal_at(shape, seed, index) -> Tensor:
    """Return standard normal noise that `seed` and `index`, integer scalars, determine on each backend.

    A `SeedGenerator` inside a compiled loop would return the same noise in every iteration on JAX.
    """
    key = ops.stack([ops.cast(seed, "uint32"), ops.cast(index, "uint32")])
    return keras.random.normal(shape, dtype="float32", seed=_Key(key))
