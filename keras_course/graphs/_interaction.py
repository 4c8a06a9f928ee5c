"""The interaction network, and the multi-layer perceptron that its parts are: what encode-process-decode models share.

Notation: x_i features of node i, e features of the edge from node j to node i. Nodes are on the first axis,
`(N, ..., C)`, and edges too, `(E, ..., D)`; further axes, such as a batch of states of one graph, are broadcast.
"""

import keras
from keras import ops

from keras_course.checks import flag, validate, whole
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer, sibling
from keras_course.ops import segment_sum
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class MLP(keras.layers.Layer):
    """A multi-layer perceptron with layer normalization of its output: LN(W_n phi(... phi(W_1 x + b_1)) + b_n).

    Takes x `(..., C)` and, if the first layer has inputs besides x, the sum of their products with their own matrices,
    `added` `(..., hidden_dim)`; returns `(..., units)`.

    Args:
        hidden_dim: units of a hidden layer.
        units: number of outputs.
        num_hidden: hidden layers, at least 1.
        activation: phi.
        norm: whether the output is normalized.
        kernel_initializer: initializer of the matrices.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import MLP
        >>> MLP(8, 3)(np.ones((5, 2))).shape == (5, 3)
        True
    """

    @validate(hidden_dim=whole(1), units=whole(1), num_hidden=whole(1), norm=flag)
    def __init__(
        self,
        hidden_dim,
        units,
        *,
        num_hidden=1,
        activation="relu",
        norm=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_dim, self.units, self.num_hidden = int(hidden_dim), int(units), int(num_hidden)
        self.activation, self.norm = get_activation(activation), bool(norm)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        widths = [self.hidden_dim] * self.num_hidden + [self.units]
        self.layers = [
            keras.layers.Dense(width, kernel_initializer=sibling(kernel_initializer, k), dtype=self.dtype_policy)
            for k, width in enumerate(widths)
        ]
        self.normalize = keras.layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy) if norm else None

    def build(self, x_shape, added_shape=None) -> None:
        width = x_shape[-1]
        for layer in self.layers:
            layer.build((None, width))
            width = layer.units
        if self.norm:
            self.normalize.build((None, width))

    def call(self, x, added=None) -> Tensor:
        x = self.layers[0](x)
        if added is not None:
            x = ops.add(x, added)
        for layer in self.layers[1:]:
            x = layer(self.activation(x))
        return self.normalize(x) if self.norm else x

    def compute_output_spec(self, x, added=None) -> keras.KerasTensor:
        outer = (x if added is None else added).shape[:-1]
        return keras.KerasTensor((*outer, self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "units": self.units,
            "num_hidden": self.num_hidden,
            "activation": keras.activations.serialize(self.activation),
            "norm": self.norm,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("keras_course")
class InteractionNetwork(keras.layers.Layer):
    """One step of message passing in which the edges have states, too.

        m = MLP_e([e, x_j, x_i])   for the edge from j to i
        x_i' = x_i + MLP_v([x_i, sum of the messages m to i])
        e' = e + m

    The first matrix of MLP_e multiplies three inputs. Its products with nodes are taken once for each node, before they
    are gathered at the edges, which gives the same sum with fewer operations.

    Takes x `(N, ..., C)`, edges `(E, ..., D)`, senders and receivers `(E,)`, and in a graph of two kinds of nodes the
    features of those that send, sources `(M, ..., C')`; returns x' and e'. Negative receivers are padding.

    Args:
        hidden_dim: units of the hidden layers, and of messages. C must equal it if `residual`.
        num_hidden: hidden layers of both MLPs.
        activation: activation of the hidden layers.
        residual: whether the old states are added. Without it the results are the outputs of the MLPs.
        kernel_initializer: initializer of the matrices.

    References:
        Interaction Networks for Learning about Objects, Relations and Physics, Battaglia et al., 2016,
        https://arxiv.org/abs/1612.00222

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import InteractionNetwork
        >>> x, edges = np.ones((3, 4), "float32"), np.ones((2, 4), "float32")
        >>> x, edges = InteractionNetwork(4)(x, edges, np.array([0, 1]), np.array([1, 2]))
        >>> x.shape == (3, 4), edges.shape == (2, 4)
        (True, True)
    """

    @validate(hidden_dim=whole(1), num_hidden=whole(1), residual=flag)
    def __init__(
        self,
        hidden_dim,
        *,
        num_hidden=1,
        activation="relu",
        residual=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_dim, self.num_hidden, self.residual = int(hidden_dim), int(num_hidden), bool(residual)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

        def matrix(k, name):
            initializer = sibling(kernel_initializer, k)
            options = {"use_bias": False, "kernel_initializer": initializer, "dtype": self.dtype_policy}
            return keras.layers.Dense(self.hidden_dim, name=name, **options)

        def mlp(k, name):
            options = {"num_hidden": num_hidden, "activation": activation, "dtype": self.dtype_policy}
            initializer = sibling(kernel_initializer, k)
            return MLP(self.hidden_dim, self.hidden_dim, kernel_initializer=initializer, name=name, **options)

        self.sender_matrix, self.receiver_matrix = matrix(0, "sender_matrix"), matrix(1, "receiver_matrix")
        self.message_matrix = matrix(2, "message_matrix")
        self.edge_mlp, self.node_mlp = mlp(3, "edge_mlp"), mlp(4, "node_mlp")

    def build(self, x_shape, edges_shape, senders_shape=None, receivers_shape=None, sources_shape=None) -> None:
        if self.residual and {x_shape[-1], edges_shape[-1]} != {self.hidden_dim}:
            raise ValueError(
                f"x and edges have {x_shape[-1]} and {edges_shape[-1]} features; with residual=True both must have "
                f"hidden_dim={self.hidden_dim}"
            )
        self.sender_matrix.build((None, (sources_shape or x_shape)[-1]))
        self.receiver_matrix.build((None, x_shape[-1]))
        self.message_matrix.build((None, self.hidden_dim))
        self.edge_mlp.build((None, edges_shape[-1]))
        self.node_mlp.build((None, x_shape[-1]))

    def call(self, x, edges, senders, receivers, sources=None) -> tuple[Tensor, Tensor]:
        sent = ops.take(self.sender_matrix(x if sources is None else sources), senders, axis=0)
        received = ops.take(self.receiver_matrix(x), receivers, axis=0)
        messages = self.edge_mlp(edges, ops.add(sent, received))
        total = segment_sum(messages, receivers, ops.shape(x)[0])
        update = self.node_mlp(x, self.message_matrix(total))
        if not self.residual:
            return update, messages
        return ops.add(x, update), ops.add(edges, messages)

    def compute_output_spec(self, x, edges, senders, receivers, sources=None) -> tuple:
        def like(tensor):
            return keras.KerasTensor((*tensor.shape[:-1], self.hidden_dim), self.compute_dtype)

        return like(x), like(edges)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_hidden": self.num_hidden,
            "activation": keras.activations.serialize(self.activation),
            "residual": self.residual,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
