"""Activations that Keras does not name, so that a saved model can. Notation: x is a pre-activation of any shape."""

from collections.abc import Callable

import keras
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
def gelu(x) -> Tensor:
    """The Gaussian error linear unit, exactly: x Phi(x), with Phi the distribution function of N(0, 1).

    Args:
        x: tensor of any shape.

    Returns:
        A tensor of the same shape.

    References:
        Gaussian Error Linear Units (GELUs), Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import gelu
        >>> round(float(gelu(ops.ones(()))), 4)
        0.8413
    """
    return course_ops.gelu(x)


@keras.saving.register_keras_serializable("keras_course")
@on_tensors(x=None)
def gelu_tanh(x) -> Tensor:
    """The tanh form of GELU, as in GPT-2: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).

    Args:
        x: tensor of any shape.

    Returns:
        A tensor of the same shape; it differs from the exact GELU by less than 5e-4.

    References:
        Gaussian Error Linear Units (GELUs), Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import gelu_tanh
        >>> float(gelu_tanh(ops.zeros(())))
        0.0
    """
    return ops.gelu(x, approximate=True)


@keras.saving.register_keras_serializable("keras_course")
@on_tensors(x=None)
def relu_squared(x) -> Tensor:
    """The squared rectifier max(x, 0)^2.

    Args:
        x: tensor of any shape.

    Returns:
        A tensor of the same shape.

    References:
        Primer: Searching for Efficient Transformers for Language Modeling, So et al., 2021,
        https://arxiv.org/abs/2109.08668

    Example:
        >>> from keras import ops
        >>> from keras_course.layers import relu_squared
        >>> [float(y) for y in relu_squared(ops.convert_to_tensor([-1.0, 3.0]))]
        [0.0, 9.0]
    """
    return ops.square(ops.relu(x))


def get_activation(activation) -> Callable:
    """Return the function that a name stands for: one of this file's, or one of Keras's."""
    own = {"gelu": gelu, "gelu_tanh": gelu_tanh, "relu_squared": relu_squared}
    if isinstance(activation, str) and activation in own:
        return own[activation]
    try:
        if isinstance(activation, str | dict | None) or callable(activation):
            return keras.activations.get(activation)
    except ValueError:
        pass
    known = ", ".join(own)
    raise ValueError(f"activation={activation!r} is neither one of {known} nor an activation of Keras")


def softmax(scores) -> Tensor:
    """Return the softmax over the last axis; Keras warns where that axis has one entry."""
    return ops.ones_like(scores) if scores.shape[-1] == 1 else ops.softmax(scores, axis=-1)
