"""The catalogue of activations, each with its derivative written out.

Notation: z is a pre-activation of any shape, phi(z) the activation, phi'(z) its derivative. Where phi has a corner, at
z = 0, the derivative is the one from the left.
"""

import dataclasses
import math
from collections.abc import Callable

import keras
from keras import ops

from keras_course.checks.tensors import on_tensors
from keras_course.layers import gelu
from keras_course.ops._types import Tensor

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # for which N(0, 1) is a fixed point


@dataclasses.dataclass(frozen=True)
class Activation:
    """An activation phi of a unit.

    Args:
        name: its name; `mlp(activation=...)` takes the function below.
        equation: phi(z), in words of mathematics.
        function: phi, on tensors or arrays of any shape.
        derivative: phi', likewise.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import ACTIVATIONS
        >>> sigmoid, z = ACTIVATIONS["sigmoid"], np.zeros(1, "float32")
        >>> sigmoid.equation, float(sigmoid.function(z)[0]), float(sigmoid.derivative(z)[0])
        ('1 / (1 + exp(-z))', 0.5, 0.25)
    """

    name: str
    equation: str
    function: Callable = dataclasses.field(repr=False)
    derivative: Callable = dataclasses.field(repr=False)


@keras.saving.register_keras_serializable("keras_course")
@on_tensors(z=None)
def step(z) -> Tensor:
    """The Heaviside step 1[z >= 0]: what a threshold unit does. Its derivative is 0 wherever it has one.

    Args:
        z: floating-point tensor of any shape.

    Returns:
        A tensor of 0 and 1, of the same shape and type.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import step
        >>> [float(a) for a in step(np.array([-1.0, 0.0, 2.0], "float32"))]
        [0.0, 1.0, 1.0]
    """
    z = ops.convert_to_tensor(z)
    return ops.cast(z >= 0, z.dtype)


@keras.saving.register_keras_serializable("keras_course")
@on_tensors(z=None)
def leaky_relu(z) -> Tensor:
    """The rectifier that leaks, max(z, z / 10): a unit that is off still has a gradient.

    Args:
        z: tensor of any shape.

    Returns:
        A tensor of the same shape.

    References:
        Rectifier Nonlinearities Improve Neural Network Acoustic Models, Maas, Hannun and Ng, 2013,
        https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import leaky_relu
        >>> [round(float(a), 3) for a in leaky_relu(np.array([-1.0, 2.0], "float32"))]
        [-0.1, 2.0]
    """
    return ops.leaky_relu(z, negative_slope=0.1)


def _positive(z):
    z = ops.convert_to_tensor(z)
    return ops.cast(z > 0, z.dtype)


def _sigmoid_derivative(z):
    s = ops.sigmoid(z)
    return s * (1 - s)


def _elu_derivative(z, scale=1.0, alpha=1.0):
    on = _positive(z)
    return scale * (on + (1 - on) * alpha * ops.exp(ops.minimum(z, 0)))  # min: what is not picked must not overflow


def _silu_derivative(z):
    z = ops.convert_to_tensor(z)
    s = ops.sigmoid(z)
    return s * (1 + z * (1 - s))


def _gelu_derivative(z):
    z = ops.convert_to_tensor(z)
    density = ops.exp(-0.5 * ops.square(z)) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + ops.erf(z / math.sqrt(2))) + z * density


_TABLE = (
    Activation("step", "1[z >= 0]", step, lambda z: ops.zeros_like(z)),
    Activation("sigmoid", "1 / (1 + exp(-z))", ops.sigmoid, _sigmoid_derivative),
    Activation("tanh", "tanh(z)", ops.tanh, lambda z: 1 - ops.square(ops.tanh(z))),
    Activation("relu", "max(0, z)", ops.relu, _positive),
    Activation("leaky_relu", "max(0.1 z, z)", leaky_relu, lambda z: 0.1 + 0.9 * _positive(z)),
    Activation("elu", "z if z > 0 else exp(z) - 1", ops.elu, _elu_derivative),
    Activation("selu", "1.0507 (z if z > 0 else 1.6733 (exp(z) - 1))", ops.selu,
               lambda z: _elu_derivative(z, _SELU_SCALE, _SELU_ALPHA)),
    Activation("silu", "z sigmoid(z)", ops.silu, _silu_derivative),
    Activation("gelu", "z Phi(z), Phi the distribution function of N(0, 1)", gelu, _gelu_derivative),
    Activation("softplus", "ln(1 + exp(z))", ops.softplus, ops.sigmoid),
)  # fmt: skip
ACTIVATIONS = {row.name: row for row in _TABLE}
