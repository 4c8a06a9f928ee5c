"""Backend-neutral tensor functions that `keras.ops` lacks: gradients, compilation, loops as one program.

Together with `backend.py` this is the only place that asks which backend runs.
"""

from keras_course.backend import keep_working_memory
from keras_course.ops._compilation import jit, jit_while
from keras_course.ops._gradients import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from keras_course.ops._images import (
    average_pool2d,
    batch_normalize,
    conv2d,
    depthwise_conv2d,
    lay_out_kernel,
    max_pool2d,
    move_average,
)
from keras_course.ops._pieces import gelu, known, write_at
from keras_course.ops._segments import segment_count, segment_max, segment_mean, segment_softmax, segment_sum
from keras_course.ops._solvers import dormand_prince, runge_kutta
from keras_course.ops._training import jit_training
from keras_course.ops._variables import functional

__all__ = [
    "average_pool2d",
    "batch_normalize",
    "conv2d",
    "depthwise_conv2d",
    "dormand_prince",
    "functional",
    "gelu",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jit_training",
    "jit_while",
    "jvp",
    "keep_working_memory",
    "known",
    "lay_out_kernel",
    "max_pool2d",
    "move_average",
    "runge_kutta",
    "segment_count",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "value_and_grad",
    "vjp",
    "write_at",
]
