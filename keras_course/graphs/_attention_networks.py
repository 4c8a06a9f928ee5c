"""Networks of graph attention. Notation: h_i features of node i, N(i) its neighbors with itself, H heads."""

import keras

from keras_course._registry import builder
from keras_course.checks import flag, fraction, not_negative, validate, whole
from keras_course.graphs._attention import GraphAttention, GraphAttentionV2
from keras_course.graphs._inputs import example_graphs
from keras_course.graphs._stack import RULES, layered

_ATTENTION_RULES = {
    "num_heads": whole(1),
    "output_heads": whole(1),
    "attention_dropout": fraction,
    "penalty": not_negative,
}
_CORA = {"num_features": 1433, "num_outputs": 7, "hidden_dim": 64}


def attention_network(
    layer,
    num_features,
    num_outputs,
    *,
    hidden_dim,
    num_heads,
    dropout,
    attention_dropout,
    penalty,
    output_heads=1,
    sparse=False,
    **network,
) -> keras.Model:
    """Return a network of a layer of graph attention, whose heads are concatenated but for a last one that predicts.

    The builders differ in the layer alone.

    Args:
        layer: function of units and of the options of `EdgeAttentionLayer` that returns a layer.
        num_features, num_outputs, hidden_dim, num_heads, output_heads, dropout, attention_dropout, penalty, sparse: see
            `gat`.
        network: further arguments of `layered`.
    """
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} must be a multiple of num_heads={num_heads}")
    regularizer = keras.regularizers.L2(penalty / 2) if penalty else None

    def make(k, initializer, last):
        heads = output_heads if last else num_heads
        projected = {"use_kernel": False} if sparse and k == 0 else {}
        return layer(
            num_outputs if last else hidden_dim // num_heads,
            num_heads=heads,
            concat=not last,
            dropout=attention_dropout,
            kernel_initializer=initializer,
            kernel_regularizer=regularizer,
            seed=network["seed"] + network["num_layers"] + k,
            name=f"attention_{k}",
            **projected,
        )

    predicts = network["level"] == "node" and network["num_layers"] == 1
    first_units = num_outputs * output_heads if predicts else hidden_dim
    network |= {"sparse": first_units if sparse else 0, "regularizer": regularizer}
    return layered(num_features, num_outputs, make, dropout=dropout, **network)


@builder(
    reference="Veličković et al., 2018, https://arxiv.org/abs/1710.10903",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "cora": {**_CORA, "num_heads": 8, "dropout": 0.6, "attention_dropout": 0.6, "parameters": 92_373},
    },
    example=example_graphs,
)
@validate(**RULES, **_ATTENTION_RULES, sparse=flag)
def gat(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    num_heads=2,
    output_heads=1,
    activation="elu",
    dropout=0.5,
    attention_dropout=0.0,
    penalty=0.0,
    sparse=False,
    level="node",
    readout="mean",
    num_graphs=1,
    seed=0,
    name="gat",
) -> keras.Model:
    """Build a graph attention network.

    Takes what `batch_graphs` returns, nodes `(B, N, F)`, senders and receivers `(B, E)` and graph_ids `(B, N)`; returns
    `(B, N, num_outputs)` for level="node", `(B, E, num_outputs)` for "edge" and `(B, num_outputs)` for "graph":

        e_ij = LeakyReLU(a . W h_i + b . W h_j),  alpha_ij = softmax of e_ij over j in N(i)
        h_i <- activation(sum_{j in N(i)} alpha_ij W h_j + c)  for every head and layer

    Heads are concatenated. For nodes the last layer takes the mean of its heads, without an activation. For edges and
    graphs a dense layer follows, on both ends of an edge, or on the nodes of a graph. `edge_attention` returns alpha.

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node between the layers, in all heads together.
        num_layers: L, number of layers. A node depends on nodes at most L edges away.
        num_heads: H, which divides `hidden_dim`.
        output_heads: heads of the last layer for nodes.
        activation: activation after a layer.
        dropout: rate in [0, 1) on the input of every layer.
        attention_dropout: rate in [0, 1) on the weights alpha.
        penalty: c of a term c/2 sum W^2 that is added to the training loss for each matrix and each vector of scores.
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

    Differences from the paper:
        The initial weights of all heads come from one matrix `(F, hidden_dim)`, as in torch_geometric.

    References:
        Graph Attention Networks, Veličković et al., 2018, https://arxiv.org/abs/1710.10903

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, gat
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> gat(3, 2)(batch_graphs([path])).shape == (1, 3, 2)
        True
    """
    return attention_network(
        GraphAttention,
        num_features,
        num_outputs,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        output_heads=output_heads,
        activation=activation,
        dropout=dropout,
        attention_dropout=attention_dropout,
        penalty=penalty,
        sparse=sparse,
        level=level,
        readout=readout,
        num_graphs=num_graphs,
        seed=seed,
        name=name,
    )


@builder(
    reference="Brody, Alon and Yahav, 2022, https://arxiv.org/abs/2105.14491",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "cora": {**_CORA, "num_heads": 8, "dropout": 0.6, "attention_dropout": 0.6, "parameters": 184_462},
    },
    example=example_graphs,
)
@validate(**RULES, **_ATTENTION_RULES)
def gatv2(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    num_heads=2,
    output_heads=1,
    activation="elu",
    dropout=0.5,
    attention_dropout=0.0,
    penalty=0.0,
    level="node",
    readout="mean",
    num_graphs=1,
    seed=0,
    name="gatv2",
) -> keras.Model:
    """Build a graph attention network with dynamic attention.

    Takes and returns what `gat` does; only the scores differ:

        e_ij = a . LeakyReLU(R h_i + S h_j),  alpha_ij = softmax of e_ij over j in N(i)
        h_i <- activation(sum_{j in N(i)} alpha_ij S h_j + c)  for every head and layer

    In `gat`, all nodes rank their neighbors in the same order. Here each node can have an order of its own.

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node between the layers, in all heads together.
        num_layers: L, number of layers. A node depends on nodes at most L edges away.
        num_heads: H, which divides `hidden_dim`.
        output_heads, activation, dropout, attention_dropout, penalty, level, readout, num_graphs, seed: see `gat`.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        R and S have no biases. In the paper's experiments, both ends share one matrix, or R and S have biases.

    References:
        How Attentive are Graph Attention Networks?, Brody, Alon and Yahav, 2022, https://arxiv.org/abs/2105.14491

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, gatv2
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> gatv2(3, 2, level="graph")(batch_graphs([path])).shape == (1, 2)
        True
    """
    return attention_network(
        GraphAttentionV2,
        num_features,
        num_outputs,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        output_heads=output_heads,
        activation=activation,
        dropout=dropout,
        attention_dropout=attention_dropout,
        penalty=penalty,
        level=level,
        readout=readout,
        num_graphs=num_graphs,
        seed=seed,
        name=name,
    )
