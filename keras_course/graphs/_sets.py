"""Deep Sets: a function of a set of nodes, without edges. Notation: x_i features of node i of a graph."""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, fraction, validate, whole
from keras_course.graphs._inputs import (
    READOUTS,
    FlattenFeatures,
    Union,
    example_graphs,
    graph_model,
    read_out,
)
from keras_course.layers import Dense, sibling
from keras_course.layers._activations import get_activation


@builder(
    reference="Zaheer et al., 2017, https://arxiv.org/abs/1703.06114",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "point_cloud": {
            "num_features": 3,
            "num_outputs": 40,
            "hidden_dim": 256,
            "num_layers": 3,
            "num_head_layers": 1,
            "readout": "max",
            "activation": "tanh",
            "parameters": 208_680,
        },
    },
    example=example_graphs,
)
@validate(
    num_features=whole(1),
    num_outputs=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_head_layers=whole(0),
    dropout=fraction,
    readout=choice(*READOUTS),
    num_graphs=whole(1),
    seed=whole(0, 2_000_000_000),
)
def deep_sets(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    num_head_layers=1,
    activation="relu",
    dropout=0.0,
    readout="sum",
    num_graphs=1,
    seed=0,
    name="deep_sets",
) -> keras.Model:
    """Build a network for sets: it sees the nodes of a graph, and no edges.

    Takes what `batch_graphs` returns, of which it uses nodes `(B, N, F)` and graph_ids `(B, N)`; returns
    `(B, num_outputs)`:

        y = rho(sum_i phi(x_i))

    with dense networks phi and rho. A graph network without edges is such a network: each node is alone, and the
    readout sums over the nodes.

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: width of all hidden layers.
        num_layers: number of layers of phi, each with an activation.
        num_head_layers: number of hidden layers of rho, before its last layer, which is linear.
        activation: activation after each layer except the last.
        dropout: rate in [0, 1) on the input of every layer of rho.
        readout: "sum", "mean" or "max" over the nodes of a graph.
        num_graphs: G, graphs in a row; with more than one the model returns `(B, G, num_outputs)`.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        phi acts on each node alone; the paper's network for point clouds also subtracts the maximum over the set.

    References:
        Deep Sets, Zaheer et al., 2017, https://arxiv.org/abs/1703.06114

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, deep_sets
        >>> deep_sets(3, 2)(batch_graphs([Graph(np.eye(3), [], [])])).shape == (1, 2)
        True
    """
    activation = get_activation(activation)
    glorot = keras.initializers.GlorotUniform(seed=seed)
    nodes = keras.Input((None, num_features), name="nodes")
    inputs = {"nodes": nodes, "graph_ids": keras.Input((None,), dtype="int32", name="graph_ids")}
    x = FlattenFeatures(name="flat_nodes")(nodes)
    for k in range(num_layers):
        x = Dense(hidden_dim, activation, kernel_initializer=sibling(glorot, k), name=f"phi_{k}")(x)
    union = Union(inputs, x, None, None, None, None)
    x = read_out(union, x, readout, num_graphs)
    for k in range(num_head_layers + 1):
        last = k == num_head_layers
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seed + k, name=f"dropout_{k}")(x)
        units, initializer = num_outputs if last else hidden_dim, sibling(glorot, num_layers + k)
        name_of_layer = "head" if last else f"rho_{k}"
        x = Dense(units, None if last else activation, kernel_initializer=initializer, name=name_of_layer)(x)
    return graph_model(union, x, "graph", num_graphs, name)
