"""The networks inside flows: dense layers, some of whose connections may be cut."""

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_floats, whole_number
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class MaskedDense(keras.layers.Dense):
    """A dense layer with some connections cut: y = x (M * W) + b, where the mask M holds zeros and ones.

    Args:
        units: K.
        mask: M (C, K); 1 keeps a connection. All other arguments are as in `keras.layers.Dense`.

    References:
        MADE: Masked Autoencoder for Distribution Estimation, Germain et al., 2015, https://arxiv.org/abs/1502.03509

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import MaskedDense
        >>> layer = MaskedDense(2, mask=[[1, 0], [1, 1]], kernel_initializer="ones")
        >>> keras.ops.convert_to_numpy(layer(keras.ops.ones((1, 2)))).tolist()
        [[2.0, 1.0]]
    """

    def __init__(self, units, mask, **kwargs):
        whole_number(1, units=units)
        mask = as_floats("mask", mask)
        if mask.ndim != 2 or mask.shape[1] != units or not np.isin(mask, (0, 1)).all():
            raise ValueError(f"mask has shape {mask.shape}; it must be (C, {units}), of zeros and ones")
        super().__init__(int(units), **kwargs)
        self.connections = mask

    def build(self, input_shape) -> None:
        if input_shape[-1] != len(self.connections):
            raise ValueError(f"mask has {len(self.connections)} rows, and the input {input_shape[-1]} features")
        super().build(input_shape)

    def call(self, inputs, training=None) -> Tensor:
        kernel = self.kernel * ops.cast(ops.convert_to_tensor(self.connections.astype("float32")), self.kernel.dtype)
        outputs = ops.matmul(inputs, ops.cast(kernel, self.compute_dtype)) + self.bias
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self) -> dict:
        return {**super().get_config(), "mask": self.connections.astype(int).tolist()}


class Network(keras.layers.Layer):
    """A multi-layer perceptron of (x, c) with outputs in float32. Its last layer starts with small weights.

    So a flow starts close to the function that belongs to zeros, which is often the identity.

    Args:
        hidden_dims: widths of the hidden layers.
        units: number of outputs.
        activation: of the hidden layers.
        seed: of the initial weights.
        masks: one for each layer, or None.
    """

    def __init__(self, hidden_dims, units, activation="relu", seed=0, masks=None, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        glorot = keras.initializers.GlorotUniform(seed=seed)
        small = keras.initializers.VarianceScaling(0.01, seed=seed)
        self.dense = []
        for i, width in enumerate((*hidden_dims, units)):
            last = i == len(hidden_dims)
            options = {
                "activation": None if last else get_activation(activation),
                "kernel_initializer": sibling(small if last else glorot, i),
                "dtype": self.dtype_policy,
                "name": "head" if last else f"hidden_{i}",
            }
            layer = keras.layers.Dense(width, **options) if masks is None else MaskedDense(width, masks[i], **options)
            self.dense.append(layer)

    def build(self, width) -> None:
        """Build the layers for inputs of `width` features, context included."""
        for layer in self.dense:
            layer.build((None, width))
            width = layer.units
        self.built = True

    def call(self, x) -> Tensor:
        for layer in self.dense:
            x = layer(x)
        return ops.cast(x, "float32")


def joined(context, *parts) -> Tensor:
    """Return tensors side by side, and behind them the context unless it is None."""
    if context is not None:
        check_rows(parts[0], context)
        parts = *parts, context
    return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]


def check_rows(x, context) -> None:
    """Raise a ValueError where x and a context have different numbers of rows, as far as these are known."""
    if context is not None and None not in (x.shape[0], context.shape[0]) and x.shape[0] != context.shape[0]:
        raise ValueError(f"context has {context.shape[0]} rows, and x has {x.shape[0]}; they must be as many")
