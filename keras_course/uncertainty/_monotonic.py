"""Unconstrained monotonic neural networks: the integral of a positive network.

Notation: x (B, D) features, p = (offset, h) (B, D, P) their parameters, f a positive network, Q + 1 nodes of the
quadrature.
"""

import itertools

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import validate, whole, wholes
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import MonotonicFunction
from keras_course.uncertainty._masked_flows import autoregressive_layers
from keras_course.uncertainty._realnvp import SEED

LOWEST_SLOPE = 0.01
BISECTIONS = 40  # an interval of 1000 shrinks below 1e-9


@validate(degree=whole(1))
def clenshaw_curtis(degree) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights (Q + 1,) of Clenshaw-Curtis quadrature: the integral of f over [-1, 1] is about w f(t).

    The nodes are t_k = cos(k pi / Q), and the rule is exact for polynomials up to the degree Q.

    Args:
        degree: Q.

    References:
        A method for numerical integration on an automatic computer, Clenshaw and Curtis, 1960,
        https://doi.org/10.1007/BF01386223

    Example:
        >>> from keras_course.uncertainty import clenshaw_curtis
        >>> nodes, weights = clenshaw_curtis(4)
        >>> round(float(weights @ nodes**4), 4)
        0.4
    """
    nodes = np.cos(np.pi * np.arange(degree + 1) / degree)
    powers = np.arange(degree + 1)
    integrals = np.where(powers % 2, 0.0, 2.0 / np.where(powers % 2, 1, 1 - powers**2))  # of Chebyshev polynomials
    polynomials = np.cos(powers[:, None] * np.arccos(nodes))  # (powers, nodes)
    return nodes, np.linalg.solve(polynomials, integrals)


@keras.saving.register_keras_serializable("keras_course")
class MonotonicIntegral(MonotonicFunction):
    """An increasing function as the integral of a positive network:

        z = offset + integral of f(t; h) over t from 0 to x,  log dz/dx = log f(x; h)

    All features share the network f; they differ in the offset and the embedding h, which are parameters. The output of
    f is 0.01 + 0.99 (elu(a) + 1). Clenshaw-Curtis quadrature gives the integral, and bisection the inverse: because f
    is at least 0.01, the solution lies within 100 times the distance of z from the offset.

    Args:
        embedding_dim: entries of h.
        hidden_dims: widths of the hidden layers of f, at least one.
        degree: Q; the quadrature has Q + 1 nodes.
        activation: of the hidden layers.
        seed: of the initial weights.

    Differences from the paper:
        Gradients flow through the quadrature, in memory proportional to Q; the paper uses Leibniz's rule. The offset
        and the smallest slope replace its scaling.

    References:
        Unconstrained Monotonic Neural Networks, Wehenkel and Louppe, 2019, https://arxiv.org/abs/1908.05164

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import MonotonicIntegral
        >>> function = MonotonicIntegral(embedding_dim=3)
        >>> z, log_slope = function(keras.ops.ones((2, 4)), keras.ops.zeros((2, 4, function.num_parameters)))
        >>> z.shape == (2, 4), log_slope.shape == (2, 4)
        (True, True)
    """

    @validate(embedding_dim=whole(1), hidden_dims=wholes(1), degree=whole(1), seed=whole(0, 2_000_000_000))
    def __init__(self, embedding_dim=8, *, hidden_dims=(32, 32), degree=20, activation="elu", seed=0, **kwargs):
        get_activation(activation)
        if not hidden_dims:
            raise ValueError(f"hidden_dims={hidden_dims!r} must hold the width of at least one layer")
        super().__init__(**kwargs)
        self.embedding_dim, self.hidden_dims, self.degree = int(embedding_dim), tuple(hidden_dims), int(degree)
        self.activation, self.seed = activation, int(seed)
        self.num_parameters = 1 + self.embedding_dim
        self.nodes, self.weights_of_nodes = (part.astype("float32") for part in clenshaw_curtis(self.degree))

    def build(self, x_shape, parameters_shape=None) -> None:
        glorot = keras.initializers.GlorotUniform(seed=self.seed)
        phi, first = get_activation(self.activation), self.hidden_dims[0]

        def dense(k, width, units, name, **options):
            layer = keras.layers.Dense(units, kernel_initializer=sibling(glorot, k), name=name, **options)
            layer.build((None, width))
            return layer

        policy = {"dtype": self.dtype_policy}
        self.of_time = dense(0, 1, first, "of_time", use_bias=False, **policy)
        self.of_embedding = dense(1, self.embedding_dim, first, "of_embedding", **policy)
        widths = itertools.pairwise(self.hidden_dims)
        self.hidden = [
            dense(3 + k, width, units, f"hidden_{k}", activation=phi, **policy)
            for k, (width, units) in enumerate(widths)
        ]
        self.head = dense(2, self.hidden_dims[-1], 1, "head", **policy)
        self.built = True

    def _slopes(self, t, embedding):
        """Return f at t (B, D, N): the first layer is linear, so that its part of h is computed once for all t."""
        hidden = self.of_time(t[..., None]) + embedding[:, :, None]
        hidden = get_activation(self.activation)(hidden)
        for layer in self.hidden:
            hidden = layer(hidden)
        positive = ops.elu(ops.cast(self.head(hidden), "float32")[..., 0]) + 1
        return LOWEST_SLOPE + (1 - LOWEST_SLOPE) * positive

    def _integral(self, x, embedding):
        nodes, weights = ops.convert_to_tensor(self.nodes), ops.convert_to_tensor(self.weights_of_nodes)
        t = x[..., None] * (nodes + 1) / 2
        return ops.sum(self._slopes(t, embedding) * weights, axis=-1) * x / 2

    def call(self, x, parameters) -> tuple[Tensor, Tensor]:
        embedding = self.of_embedding(parameters[..., 1:])
        z = parameters[..., 0] + self._integral(x, embedding)
        return z, ops.log(self._slopes(x[..., None], embedding)[..., 0])

    def inverse(self, z, parameters) -> Tensor:
        embedding, z = self.of_embedding(parameters[..., 1:]), z - parameters[..., 0]
        reach = ops.abs(z) / LOWEST_SLOPE

        def halve(_, bounds):
            low, high = bounds
            middle = (low + high) / 2
            below = self._integral(middle, embedding) < z
            return ops.where(below, middle, low), ops.where(below, high, middle)

        low, high = ops.fori_loop(0, BISECTIONS, halve, (-reach, reach))
        return (low + high) / 2

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "embedding_dim": self.embedding_dim,
            "hidden_dims": self.hidden_dims,
            "degree": self.degree,
            "activation": self.activation,
            "seed": self.seed,
        }


@builder(
    reference="Wehenkel and Louppe, 2019, https://arxiv.org/abs/1908.05164",
    presets={"tiny": {"num_features": 2}},
)
@validate(
    num_features=whole(1),
    context_dim=whole(0),
    num_layers=whole(1),
    embedding_dim=whole(1),
    integrand_dims=wholes(1),
    degree=whole(1),
    hidden_dims=wholes(1),
    seed=SEED,
)
def umnn(
    num_features,
    context_dim=0,
    *,
    num_layers=1,
    embedding_dim=8,
    integrand_dims=(32, 32),
    degree=20,
    hidden_dims=(32, 32),
    activation="elu",
    seed=0,
    name="umnn",
) -> Flow:
    """Build an autoregressive flow of unconstrained monotonic neural networks (UMNN).

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}:

        z_i = offset_i + integral of f(t; h_i) over t from 0 to x_i         L times, each in the reverse order
        offset_i, h_i = network_i(x_j for j before i, c)
        log abs(det J) = sum_i log f(x_i; h_i)

    Samples are slow: each feature needs a bisection.

    Args:
        num_features: D.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of transforms.
        embedding_dim: entries of h.
        integrand_dims: widths of the hidden layers of f, at least one.
        degree: of the quadrature, which has one node more.
        hidden_dims: widths of the hidden layers of each masked network, at least one.
        activation: of all hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        See `MonotonicIntegral`.

    References:
        Unconstrained Monotonic Neural Networks, Wehenkel and Louppe, 2019, https://arxiv.org/abs/1908.05164

    Example:
        >>> from keras_course.uncertainty import umnn
        >>> umnn(2).log_prob([[0.0, 0.0]]).shape == (1,)
        True
    """
    options = {"hidden_dims": integrand_dims, "degree": degree, "activation": activation, "seed": seed}

    def integral():
        return MonotonicIntegral(embedding_dim, name="integral", **options)

    networks = {"hidden_dims": hidden_dims, "activation": activation}
    layers = autoregressive_layers(integral, num_features, num_layers, seed, **networks)
    return Flow(num_features, layers, context_dim=context_dim, name=name)
