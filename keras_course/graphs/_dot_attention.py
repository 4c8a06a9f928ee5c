"""A network of dot-product graph attention: a transformer's attention, on the edges of a graph only."""

import functools

import keras

from keras_course._registry import builder
from keras_course.checks import fraction, not_negative, validate, whole
from keras_course.graphs._attention import DotProductGraphAttention
from keras_course.graphs._attention_networks import attention_network
from keras_course.graphs._inputs import example_graphs
from keras_course.graphs._stack import RULES


@builder(
    reference="Vaswani et al., 2017, https://arxiv.org/abs/1706.03762",
    presets={
        "tiny": {"num_features": 4, "num_outputs": 3},
        "course": {
            "num_features": 16,
            "num_outputs": 1,
            "hidden_dim": 64,
            "num_layers": 3,
            "num_heads": 1,
            "dropout": 0.0,
            "level": "graph",
            "parameters": 27_713,
        },
    },
    example=example_graphs,
)
@validate(**RULES, num_heads=whole(1), attention_dropout=fraction, penalty=not_negative)
def dot_attention_gnn(
    num_features,
    num_outputs,
    *,
    hidden_dim=16,
    num_layers=2,
    num_heads=1,
    activation="relu",
    dropout=0.5,
    attention_dropout=0.0,
    penalty=0.0,
    level="node",
    readout="mean",
    num_graphs=1,
    seed=0,
    name="dot_attention_gnn",
) -> keras.Model:
    """Build a graph network whose nodes attend to their neighbors as the tokens of a transformer do to each other.

    Takes and returns what `gat` does; only the scores differ, and there are no biases:

        e_ij = Q h_i . K h_j / sqrt(C),  alpha_ij = softmax of e_ij over j in N(i)
        h_i <- activation(sum_{j in N(i)} alpha_ij V h_j)  for every head and layer

    Args:
        num_features: F, features of a node.
        num_outputs: number of classes or of predicted values.
        hidden_dim: features of a node between the layers, in all heads together.
        num_layers: L, number of layers. A node depends on nodes at most L edges away.
        num_heads: H, which divides `hidden_dim`; a head has C = hidden_dim / H units.
        activation, dropout, attention_dropout, penalty, level, readout, num_graphs, seed: see `gat`.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        A node attends to its neighbors and itself only, and no layer has positions, biases, residual connections or
        normalization.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, dot_attention_gnn
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> dot_attention_gnn(3, 2)(batch_graphs([path])).shape == (1, 3, 2)
        True
    """
    return attention_network(
        functools.partial(DotProductGraphAttention, use_bias=False),
        num_features,
        num_outputs,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
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
