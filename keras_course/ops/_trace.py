"""The trace of a Jacobian: the divergence of a velocity."""

from keras import ops

from keras_course.ops._gradients import jvp
from keras_course.ops._types import Tensor


def exact_trace(function, x, context=None) -> tuple[Tensor, Tensor]:
    """Return v = function(x, context) (B, D) and the trace of dv/dx (B,), by D Jacobian-vector products at once."""
    size = x.shape[-1]
    units = ops.eye(size, dtype=x.dtype)[:, None] + ops.zeros_like(x)[None]  # (D, B, D): one direction in each copy
    units = ops.reshape(units, (-1, size))
    copies = None if context is None else ops.tile(context, (size, 1))
    v, products = jvp(lambda x: function(x, copies), (ops.tile(x, (size, 1)),), (units,))
    diagonal = ops.reshape(ops.sum(products * units, axis=-1), (size, -1))
    return ops.reshape(v, (size, -1, size))[0], ops.sum(diagonal, axis=0)
