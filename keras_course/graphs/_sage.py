"""GraphSAGE: a node keeps its own features apart from a summary of its neighbors.

Notation: h_i features of node i, N(i) the senders of the edges to node i, without i itself.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, flag, validate, whole
from keras_course.graphs._inputs import example_graphs
from keras_course.graphs._stack import RULES, add_matrix, layered
from keras_course.layers._initializers import get_initializer
from keras_course.layers._regularizers import get_regularizer
from keras_course.ops import segment_max, segment_mean
from keras_course.ops._types import Tensor

AGGREGATORS = ("mean", "max")


@keras.saving.register_keras_serializable("keras_course")
class SampleAndAggregate(keras.layers.Layer):
    """The layer of GraphSAGE: h_i' = W h_i + V s_i + b, with a summary s_i of the neighbors.

        s_i = mean_{j in N(i)} h_j                  (aggregator "mean")
        s_i = max_{j in N(i)} relu(P h_j + p)       (aggregator "max", for each feature)

    A node without neighbors has s_i = 0. Takes x `(N, C)`, senders and receivers `(E,)`; returns `(N, units)`.

    Args:
        units: number of output features.
        aggregator: "mean" or "max".
        normalize: whether h_i' is divided by its Euclidean norm.
        kernel_initializer: initializer of all matrices.
        kernel_regularizer: penalty on each matrix, a regularizer of Keras, or None.

    References:
        Inductive Representation Learning on Large Graphs, Hamilton, Ying and Leskovec, 2017,
        https://arxiv.org/abs/1706.02216

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course.graphs import SampleAndAggregate
        >>> layer = SampleAndAggregate(1, kernel_initializer="ones")
        >>> y = layer(np.array([[1.0], [3.0], [7.0]]), np.array([0, 1]), np.array([2, 2]))
        >>> keras.ops.convert_to_numpy(y)[:, 0].tolist()
        [1.0, 3.0, 9.0]
    """

    @validate(units=whole(1), aggregator=choice(*AGGREGATORS), normalize=flag)
    def __init__(
        self,
        units,
        *,
        aggregator="mean",
        normalize=False,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.aggregator, self.normalize = int(units), aggregator, bool(normalize)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.kernel_regularizer = get_regularizer(kernel_regularizer=kernel_regularizer)

    def build(self, input_shape, *ids) -> None:
        width = input_shape[-1]
        add_matrix(self, "own_kernel", (width, self.units), 0)
        add_matrix(self, "neighbor_kernel", (width, self.units), 1)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        if self.aggregator == "max":
            add_matrix(self, "pool_kernel", (width, width), 2)
            self.pool_bias = self.add_weight(name="pool_bias", shape=(width,), initializer="zeros")

    def call(self, x, senders, receivers) -> Tensor:
        num_nodes = ops.shape(x)[0]
        if self.aggregator == "mean":  # the mean of products is the product of the mean, and here it is narrower
            h = ops.matmul(x, self.neighbor_kernel)
            h = segment_mean(ops.take(h, senders, axis=0), receivers, num_nodes)
        else:
            h = ops.relu(ops.add(ops.matmul(x, self.pool_kernel), self.pool_bias))
            h = segment_max(ops.take(h, senders, axis=0), receivers, num_nodes)
            h = ops.matmul(h, self.neighbor_kernel)
        h = ops.add(ops.add(ops.matmul(x, self.own_kernel), h), self.bias)
        if not self.normalize:
            return h
        squares = ops.sum(ops.square(ops.cast(h, "float32")), axis=-1, keepdims=True)
        return ops.multiply(h, ops.cast(ops.rsqrt(ops.maximum(squares, 1e-12)), h.dtype))

    def compute_output_spec(self, x, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "aggregator": self.aggregator,
            "normalize": self.normalize,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@builder(
    reference="Hamilton, Ying and Leskovec, 2017, https://arxiv.org/abs/1706.02216",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "cora": {"num_features": 1433, "num_outputs": 7, "parameters": 46_103},
    },
    example=example_graphs,
)
@validate(**RULES, aggregator=choice(*AGGREGATORS), normalize=flag)
def graph_sage(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    aggregator="mean",
    normalize=False,
    activation="relu",
    dropout=0.5,
    level="node",
    readout="mean",
    num_graphs=1,
    seed=0,
    name="graph_sage",
) -> keras.Model:
    """Build a GraphSAGE network, which can be trained on sampled neighborhoods and applied to new nodes.

    Takes what `batch_graphs` returns, nodes `(B, N, F)`, senders and receivers `(B, E)` and graph_ids `(B, N)`; returns
    `(B, N, num_outputs)` for level="node", `(B, E, num_outputs)` for "edge" and `(B, num_outputs)` for "graph":

        h_i <- activation(W_l h_i + V_l s_i + b_l),  s_i = mean of h_j, or maximum of relu(P_l h_j + p_l), over N(i)

    `neighbor_sample` samples neighborhoods. For nodes, the last layer predicts, without an activation after it; for
    edges and graphs a dense layer does.

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node between the layers.
        num_layers: L, number of layers. A node depends on nodes at most L edges away.
        aggregator: "mean" or "max".
        normalize: whether the features of a node are divided by their Euclidean norm between the layers.
        activation, dropout, level, readout, num_graphs, seed: see `gcn`.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        The norm is taken before the activation and only if you ask for it. There is no aggregator with an LSTM.

    References:
        Inductive Representation Learning on Large Graphs, Hamilton, Ying and Leskovec, 2017,
        https://arxiv.org/abs/1706.02216

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, graph_sage
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> graph_sage(3, 2)(batch_graphs([path])).shape == (1, 3, 2)
        True
    """

    def make(k, initializer, last):
        options = {"aggregator": aggregator, "kernel_initializer": initializer, "name": f"sample_and_aggregate_{k}"}
        return SampleAndAggregate(num_outputs if last else hidden_dim, normalize=normalize and not last, **options)

    return layered(
        num_features,
        num_outputs,
        make,
        num_layers=num_layers,
        activation=activation,
        dropout=dropout,
        level=level,
        readout=readout,
        num_graphs=num_graphs,
        seed=seed,
        name=name,
        self_loops=False,
    )
