"""Graph convolution: a node averages its neighbors with fixed coefficients.

Notation: h_i features of node i, N(i) the senders of the edges to node i, d_i their number. x (N, C) are the features
of a union of graphs, senders and receivers (E,) its edges.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, flag, not_negative, validate, whole
from keras_course.graphs._inputs import example_graphs
from keras_course.graphs._stack import RULES, layered
from keras_course.layers._initializers import get_initializer
from keras_course.layers._regularizers import get_regularizer
from keras_course.ops import segment_count, segment_sum
from keras_course.ops._types import Tensor

NORMALIZATIONS = ("symmetric", "row", "none")


@keras.saving.register_keras_serializable("keras_course")
class GraphConvolution(keras.layers.Layer):
    """Sum of the neighbors with fixed coefficients, after a matrix: h_i' = sum_{j in N(i)} c_ij W h_j + b.

    The coefficients are c_ij = 1 / sqrt(d_i d_j) (symmetric), 1 / d_i (row) or 1 (none). In matrices, with adjacency
    A and degrees D, they are D^-1/2 A D^-1/2 and D^-1 A. A node without neighbors gets b.

    Takes x `(N, C)`, senders and receivers `(E,)`; returns `(N, units)`.

    Args:
        units: number of output features.
        normalization: "symmetric", "row" or "none".
        use_bias: whether b is added.
        use_kernel: whether there is a matrix W; without it x has `units` features already.
        kernel_initializer: initializer of W, `(C, units)`.
        kernel_regularizer: penalty on W, a regularizer of Keras, or None.

    References:
        Semi-Supervised Classification with Graph Convolutional Networks, Kipf and Welling, 2017,
        https://arxiv.org/abs/1609.02907

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course.graphs import GraphConvolution
        >>> layer = GraphConvolution(1, normalization="row", use_bias=False, kernel_initializer="ones")
        >>> y = layer(np.array([[1.0], [3.0], [7.0]]), np.array([0, 1, 0]), np.array([2, 2, 1]))
        >>> keras.ops.convert_to_numpy(y)[:, 0].tolist()
        [0.0, 1.0, 2.0]
    """

    @validate(units=whole(1), normalization=choice(*NORMALIZATIONS), use_bias=flag, use_kernel=flag)
    def __init__(
        self,
        units,
        *,
        normalization="symmetric",
        use_bias=True,
        use_kernel=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.normalization = int(units), normalization
        self.use_bias, self.use_kernel = bool(use_bias), bool(use_kernel)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.kernel_regularizer = get_regularizer(kernel_regularizer=kernel_regularizer)

    def build(self, input_shape, *ids) -> None:
        if self.use_kernel:
            shape = (input_shape[-1], self.units)
            options = {"initializer": self.kernel_initializer, "regularizer": self.kernel_regularizer}
            self.kernel = self.add_weight(name="kernel", shape=shape, **options)
        elif input_shape[-1] != self.units:
            raise ValueError(f"use_kernel=False: x has {input_shape[-1]} features; it must have units={self.units}")
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros") if self.use_bias else None

    def call(self, x, senders, receivers) -> Tensor:
        num_nodes, last = ops.shape(x)[0], x.shape[-1] <= self.units  # the sum is of the narrower features
        h = ops.matmul(x, self.kernel) if self.use_kernel and not last else x
        if self.normalization != "none":
            degrees = segment_count(receivers, num_nodes)[:, None]
            degrees = ops.cast(ops.maximum(degrees, ops.ones_like(degrees)), h.dtype)
        if self.normalization == "symmetric":  # scaling nodes costs less than scaling edges
            h = ops.multiply(h, ops.rsqrt(degrees))
        h = segment_sum(ops.take(h, senders, axis=0), receivers, num_nodes)
        if self.normalization != "none":
            h = ops.multiply(h, ops.rsqrt(degrees)) if self.normalization == "symmetric" else ops.divide(h, degrees)
        if self.use_kernel and last:  # features without a gradient, such as the data, then need no sum backward
            h = ops.matmul(h, self.kernel)
        return h if self.bias is None else ops.add(h, self.bias)

    def compute_output_spec(self, x, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "normalization": self.normalization,
            "use_bias": self.use_bias,
            "use_kernel": self.use_kernel,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@builder(
    reference="Kipf and Welling, 2017, https://arxiv.org/abs/1609.02907",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "cora": {"num_features": 1433, "num_outputs": 7, "parameters": 23_063},
        "course": {
            "num_features": 16,
            "num_outputs": 1,
            "hidden_dim": 64,
            "num_layers": 3,
            "normalization": "row",
            "dropout": 0.0,
            "level": "graph",
            "parameters": 9_473,
        },
    },
    example=example_graphs,
)
@validate(**RULES, normalization=choice(*NORMALIZATIONS), penalty=not_negative, sparse=flag)
def gcn(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    normalization="symmetric",
    activation="relu",
    dropout=0.5,
    penalty=0.0,
    sparse=False,
    level="node",
    readout="mean",
    num_graphs=1,
    seed=0,
    name="gcn",
) -> keras.Model:
    """Build a graph convolutional network.

    Takes what `batch_graphs` returns, nodes `(B, N, F)`, senders and receivers `(B, E)` and graph_ids `(B, N)`; returns
    `(B, N, num_outputs)` for level="node", `(B, E, num_outputs)` for "edge" and `(B, num_outputs)` for "graph":

        h_i <- activation(sum_{j in N(i)} c_ij W_l h_j + b_l)  for l = 1..L

    Every node is its own neighbor, too. For nodes the last layer has `num_outputs` units and no activation. For edges
    and graphs a dense layer follows, on both ends of an edge, or on the mean of the nodes of a graph.

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node between the layers.
        num_layers: number L of convolutions. A node sees the nodes at most L edges away.
        normalization: the coefficients c_ij, see `GraphConvolution`.
        activation: activation after a layer.
        dropout: rate in [0, 1) on the input of every convolution.
        penalty: c of a term c/2 sum W_1^2 that is added to the training loss.
        sparse: whether features come as `sparse_features` returns them: only those that differ from 0.
        level: "node", "edge" or "graph", what is predicted for.
        readout: "sum", "mean" or "max" over the nodes of a graph.
        num_graphs: G, graphs in a row; with more than one a graph model returns `(B, G, num_outputs)`.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    References:
        Semi-Supervised Classification with Graph Convolutional Networks, Kipf and Welling, 2017,
        https://arxiv.org/abs/1609.02907

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, gcn
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> gcn(3, 2)(batch_graphs([path])).shape == (1, 3, 2)
        True
    """
    regularizer = keras.regularizers.L2(penalty / 2) if penalty else None

    def layer(k, initializer, last):
        units = num_outputs if last else hidden_dim
        options = {"kernel_initializer": initializer, "kernel_regularizer": None if k else regularizer}
        options |= {"use_kernel": not (sparse and k == 0), "name": f"convolution_{k}"}
        return GraphConvolution(units, normalization=normalization, **options)

    first_units = num_outputs if level == "node" and num_layers == 1 else hidden_dim

    return layered(
        num_features,
        num_outputs,
        layer,
        num_layers=num_layers,
        activation=activation,
        dropout=dropout,
        level=level,
        readout=readout,
        num_graphs=num_graphs,
        seed=seed,
        name=name,
        sparse=first_units if sparse else 0,
        regularizer=regularizer,
    )
