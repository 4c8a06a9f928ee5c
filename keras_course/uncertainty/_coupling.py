"""Coupling: some features stay, and tell a network how the others are transformed.

Notation: x_a (B, A) the features that stay, x_b (B, D - A) the others; g a monotonic function with parameters p.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import instance, validate, whole, whole_numbers, wholes
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.uncertainty._functions import MonotonicFunction
from keras_course.uncertainty._networks import Network, joined
from keras_course.uncertainty._transforms import Transform, take


def check_kept(**argument) -> None:
    """Raise a ValueError unless an argument holds indices of features, each once."""
    ((name, kept),) = argument.items()
    whole_numbers(0, **argument)
    if not kept or len(set(kept)) != len(kept):
        raise ValueError(f"{name}={kept!r} must hold indices of features, at least one, each once")


@keras.saving.register_keras_serializable("keras_course")
class Coupling(Transform):
    """Transform some features by functions whose parameters a network computes from the others:

        z_a = x_a,  z_b = g(x_b; p),  p = network(x_a, c)

    J is triangular with the derivatives of g, and ones, on its diagonal, so log abs(det J) is the sum of log dz_b/dx_b.
    The inverse needs the network once as well, because x_a = z_a.

    Args:
        function: g, a `MonotonicFunction`: `Shift()` as in NICE, `Affine()` as in RealNVP, or a spline.
        kept: indices of the features that stay.
        hidden_dims: widths of the hidden layers of the network.
        activation: of its hidden layers.
        seed: of its initial weights.

    Raises:
        ValueError: `kept` holds all features or an index of none (raised when the layer is built).

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import Affine, Coupling
        >>> layer = Coupling(Affine(), kept=[0])
        >>> z, log_det = layer(keras.ops.ones((5, 2)))
        >>> bool(keras.ops.all(z[:, 0] == 1.0)), log_det.shape == (5,)
        (True, True)
    """

    @validate(
        function=instance(MonotonicFunction),
        kept=check_kept,
        hidden_dims=wholes(1),
        seed=whole(0, 2_000_000_000),
    )
    def __init__(self, function, kept, *, hidden_dims=(64, 64), activation="relu", seed=0, **kwargs):
        get_activation(activation)
        super().__init__(**kwargs)
        self.function, self.kept = function, tuple(map(int, kept))
        self.hidden_dims, self.activation, self.seed = tuple(hidden_dims), activation, int(seed)

    def build(self, x_shape, context_shape=None) -> None:
        features = x_shape[-1]
        if max(self.kept) >= features or len(self.kept) >= features:
            raise ValueError(f"kept={self.kept!r} must hold some, but not all, of the {features} features")
        self.changed = tuple(i for i in range(features) if i not in self.kept)
        units = len(self.changed) * self.function.num_parameters
        self.network = Network(self.hidden_dims, units, self.activation, self.seed, dtype=self.dtype_policy)
        self.network.build(len(self.kept) + (context_shape[-1] if context_shape else 0))
        self.function.build_for(len(self.changed))
        self.built = True

    def _conditioned(self, x, context):
        """Return x_a, x_b and the parameters (B, D - A, P)."""
        kept = take(x, self.kept)
        parameters = self.network(joined(context, kept))
        shape = -1, len(self.changed), self.function.num_parameters
        return kept, take(x, self.changed), ops.reshape(parameters, shape)

    def _merged(self, kept, changed):
        return take(ops.concatenate([kept, changed], axis=-1), np.argsort(self.kept + self.changed))

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        kept, x_b, parameters = self._conditioned(x, context)
        z_b, log_slopes = self.function(x_b, parameters)
        return self._merged(kept, z_b), ops.sum(log_slopes, axis=-1)

    def inverse(self, z, context=None) -> Tensor:
        kept, z_b, parameters = self._conditioned(z, context)
        return self._merged(kept, self.function.inverse(z_b, parameters))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "function": keras.saving.serialize_keras_object(self.function),
            "kept": self.kept,
            "hidden_dims": self.hidden_dims,
            "activation": self.activation,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config) -> "Coupling":
        return cls(**{**config, "function": keras.saving.deserialize_keras_object(config["function"])})
