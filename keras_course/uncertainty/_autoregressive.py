"""Autoregressive transforms: each feature is transformed given those before it.

Notation: x (B, D) features in the order o_1, ..., o_D; c (B, C) context; g a monotonic function of P parameters.
"""

import itertools

import keras
import numpy as np
from keras import ops

from keras_course.checks import instance, validate, whole, wholes
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.uncertainty._functions import MonotonicFunction
from keras_course.uncertainty._networks import Network, joined
from keras_course.uncertainty._transforms import Transform, check_length, check_order


def made_masks(order, context_dim, hidden_dims, num_parameters) -> list[np.ndarray]:
    """Return the masks of MADE: they cut each path from a feature to the parameters of itself or of an earlier one.

    A unit of degree m sees the features at the positions up to m. The context has the degree 0, and the parameters of
    the feature at position i see hidden units of a degree below i.
    """
    positions = 1 + np.argsort(order)  # of each feature
    lowest = 0 if context_dim else 1
    degrees = [np.concatenate([positions, np.zeros(context_dim, int)])]
    for width in hidden_dims:
        degrees.append(lowest + np.arange(width) % max(1, len(order) - lowest))
    masks = [before[:, None] <= after for before, after in itertools.pairwise(degrees)]
    return [*masks, degrees[-1][:, None] < np.repeat(positions, num_parameters)]


@keras.saving.register_keras_serializable("keras_course")
class Autoregressive(Transform):
    """Transform each feature by a function whose parameters a masked network computes from the features before it:

        z_i = g(x_i; p_i),  p_i = network_i(x_j for j before i, c)

    J is triangular, so log abs(det J) is the sum of log dz_i/dx_i. All z_i take one pass through the network. The
    inverse takes D passes: x_i is known after pass i.

    Args:
        function: g, a `MonotonicFunction`: `Affine()` as in MAF, or a spline.
        order: indices of the features, the first one first.
        hidden_dims: widths of the hidden layers of the network, at least one.
        activation: of its hidden layers.
        seed: of its initial weights.

    References:
        Masked Autoregressive Flow for Density Estimation, Papamakarios, Pavlakou and Murray, 2017,
        https://arxiv.org/abs/1705.07057
        MADE: Masked Autoencoder for Distribution Estimation, Germain et al., 2015, https://arxiv.org/abs/1502.03509

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import Affine, Autoregressive
        >>> layer = Autoregressive(Affine(), order=[0, 1, 2])
        >>> z, log_det = layer(keras.ops.ones((5, 3)))
        >>> z.shape == (5, 3), log_det.shape == (5,)
        (True, True)
    """

    @validate(
        function=instance(MonotonicFunction),
        order=check_order,
        hidden_dims=wholes(1),
        seed=whole(0, 2_000_000_000),
    )
    def __init__(self, function, order, *, hidden_dims=(64, 64), activation="relu", seed=0, **kwargs):
        get_activation(activation)
        if not hidden_dims:
            raise ValueError(f"hidden_dims={hidden_dims!r} must hold the width of at least one layer")
        super().__init__(**kwargs)
        self.function, self.order = function, tuple(map(int, order))
        self.hidden_dims, self.activation, self.seed = tuple(hidden_dims), activation, int(seed)

    def build(self, x_shape, context_shape=None) -> None:
        features, count = x_shape[-1], self.function.num_parameters
        check_length(self.order, features)
        context_dim = context_shape[-1] if context_shape else 0
        masks = made_masks(self.order, context_dim, self.hidden_dims, count)
        options = {"activation": self.activation, "seed": self.seed, "masks": masks, "dtype": self.dtype_policy}
        self.network = Network(self.hidden_dims, features * count, **options)
        self.network.build(features + context_dim)
        self.function.build_for(features)
        self.built = True

    def _conditioned(self, x, context):
        """Return the parameters (B, D, P)."""
        return ops.reshape(self.network(joined(context, x)), (-1, len(self.order), self.function.num_parameters))

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        z, log_slopes = self.function(x, self._conditioned(x, context))
        return z, ops.sum(log_slopes, axis=-1)

    def inverse(self, z, context=None) -> Tensor:
        x = ops.zeros_like(z)
        for _ in self.order:
            x = self.function.inverse(z, self._conditioned(x, context))
        return x

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
            "order": self.order,
            "hidden_dims": self.hidden_dims,
            "activation": self.activation,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config) -> "Autoregressive":
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
