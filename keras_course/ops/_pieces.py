"""Pieces whose best form depends on the backend."""

import keras
import numpy as np

from keras_course.checks import is_whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor

_BACKEND = keras.config.backend()
if _BACKEND == "jax":
    import jax
elif _BACKEND == "tensorflow":
    import tensorflow as tf
else:
    import torch
    from torch._subclasses.fake_tensor import FakeTensor


def known(value) -> np.ndarray | None:
    """Return the value of a tensor as a NumPy array; None inside a compiled function, where it has none yet."""
    if isinstance(value, keras.KerasTensor):
        return None
    if _BACKEND == "jax" and isinstance(value, jax.core.Tracer):
        return None
    if _BACKEND == "tensorflow" and tf.is_tensor(value) and not hasattr(value, "numpy"):
        return None
    if _BACKEND == "torch" and (torch.compiler.is_compiling() or isinstance(value, FakeTensor)):
        return None
    return keras.ops.convert_to_numpy(value)


@on_tensors(target=None, values=None)
def write_at(target, index, values, axis) -> Tensor:
    """Return `target` with `values` written at positions `index`, `index + 1`, ... along `axis`.

    `index` is an integer scalar (it may be traced), and `values` a tensor like `target`, but shorter along `axis`.

    Raises:
        ValueError: the positions are not all in `target`. A compiled function does not know its `index`; there the
            caller must see to it, as JAX and TensorFlow would write over the last positions instead.
    """
    rank = len(target.shape)
    if not is_whole(axis) or not -rank <= axis < rank:
        raise ValueError(f"axis={axis!r} must be an axis of the target, which has {rank}")
    if len(values.shape) != rank:
        raise ValueError(f"values has shape {tuple(values.shape)}; it must have {rank} axes, as the target")
    if not is_whole(index) and not keras.ops.is_tensor(index):
        raise ValueError(f"index={index!r} must be a whole number")
    room, steps, place = target.shape[axis], values.shape[axis], known(index)
    if steps > room or (place is not None and not 0 <= place <= room - steps):
        at = "index" if place is None else f"index={place}"
        raise ValueError(f"{steps} values do not fit at {at}: the target has {room} positions along axis {axis}")
    if _BACKEND == "torch":  # Keras slices with Python integers there, which a recording would freeze
        positions = index + torch.arange(values.shape[axis], device=target.device)
        return target.index_copy(axis, positions, values)
    start = [index if i == axis else 0 for i in range(len(target.shape))]
    return keras.ops.slice_update(target, start, values)


@on_tensors(x=None)
def gelu(x) -> Tensor:
    """The exact GELU x Phi(x), where Phi is the standard normal distribution function."""
    if _BACKEND == "jax":  # written out it takes a tenth off a GPT's training step on a CPU
        return x * (0.5 + 0.5 * keras.ops.erf(x * 0.5**0.5))
    return keras.ops.gelu(x, approximate=False)
