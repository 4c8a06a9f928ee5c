"""The graph isomorphism network: sums tell neighborhoods apart that means and maxima confuse.

Notation: h_i features of node i, N(i) the senders of the edges to node i, without i itself.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import flag, validate, whole
from keras_course.graphs._inputs import example_graphs
from keras_course.graphs._stack import RULES, layered
from keras_course.layers import Dense, sibling
from keras_course.layers._initializers import get_initializer
from keras_course.ops import segment_sum
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class GraphIsomorphism(keras.layers.Layer):
    """The layer of the graph isomorphism network: h_i' = MLP((1 + epsilon) h_i + sum_{j in N(i)} h_j).

    The MLP has two layers with a ReLU between them, and epsilon is trained. Takes x `(N, C)`, senders and receivers
    `(E,)`; returns `(N, units)`.

    Args:
        units: width of both layers of the MLP.
        kernel_initializer: initializer of both matrices.

    References:
        How Powerful are Graph Neural Networks?, Xu, Hu, Leskovec and Jegelka, 2019, https://arxiv.org/abs/1810.00826

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course.graphs import GraphIsomorphism
        >>> layer = GraphIsomorphism(1, kernel_initializer="ones")
        >>> y = layer(np.array([[1.0], [3.0], [7.0]]), np.array([0, 1]), np.array([2, 2]))
        >>> keras.ops.convert_to_numpy(y)[:, 0].tolist()
        [1.0, 3.0, 11.0]
    """

    @validate(units=whole(1))
    def __init__(self, units, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units = int(units)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        first, second = (sibling(self.kernel_initializer, k) for k in range(2))
        self.hidden = Dense(self.units, activation="relu", kernel_initializer=first, dtype=self.dtype_policy)
        self.projection = Dense(self.units, kernel_initializer=second, dtype=self.dtype_policy)

    def build(self, input_shape, *ids) -> None:
        self.epsilon = self.add_weight(name="epsilon", shape=(), initializer="zeros")
        self.hidden.build(input_shape)
        self.projection.build((None, self.units))

    def call(self, x, senders, receivers) -> Tensor:
        neighbors = segment_sum(ops.take(x, senders, axis=0), receivers, ops.shape(x)[0])
        return self.projection(self.hidden(ops.add(ops.multiply(1 + self.epsilon, x), neighbors)))

    def compute_output_spec(self, x, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@builder(
    reference="Xu, Hu, Leskovec and Jegelka, 2019, https://arxiv.org/abs/1810.00826",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "mutag": {"num_features": 7, "num_outputs": 2, "hidden_dim": 32, "num_layers": 4, "parameters": 7_910},
    },
    example=example_graphs,
)
@validate(**RULES, jump=flag)
def gin(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    jump=True,
    activation="relu",
    dropout=0.0,
    level="graph",
    readout="sum",
    num_graphs=1,
    seed=0,
    name="gin",
) -> keras.Model:
    """Build a graph isomorphism network, which can tell apart all graphs that the Weisfeiler-Leman test does.

    Takes what `batch_graphs` returns, nodes `(B, N, F)`, senders and receivers `(B, E)` and graph_ids `(B, N)`; returns
    `(B, N, num_outputs)` for level="node", `(B, E, num_outputs)` for "edge" and `(B, num_outputs)` for "graph":

        h_i <- activation(MLP_l((1 + epsilon_l) h_i + sum_{j in N(i)} h_j))  for l = 1..L
        y = dense layer of the sum over all nodes i of the h_i of all layers

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node after each layer.
        num_layers: number L of layers. A node sees the nodes at most L edges away.
        jump: whether the dense layer sees the h_i of all layers, not only of the last one.
        activation, dropout, level, readout, num_graphs, seed: see `gcn`.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        There is no batch normalization, whose statistics would depend on the padding, and the dense layer does not see
        the input features.

    References:
        How Powerful are Graph Neural Networks?, Xu, Hu, Leskovec and Jegelka, 2019, https://arxiv.org/abs/1810.00826

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, gin
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> gin(3, 2)(batch_graphs([path])).shape == (1, 2)
        True
    """

    def make(k, initializer, last):
        units = num_outputs if last else hidden_dim
        return GraphIsomorphism(units, kernel_initializer=initializer, name=f"isomorphism_{k}")

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
        jump=jump,
    )
