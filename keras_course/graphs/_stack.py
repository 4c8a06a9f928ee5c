"""The network that graph convolutions, graph attention and their relatives share: layers on top of each other."""

from collections.abc import Callable

import keras

from keras_course.checks import choice, fraction, whole
from keras_course.graphs._inputs import (
    LEVELS,
    READOUTS,
    FlattenFeatures,
    SelfLoops,
    graph_head,
    graph_inputs,
    graph_model,
)
from keras_course.graphs._sparse import SparseProjection
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation

RULES = {  # of the arguments that all builders of such networks have
    "num_features": whole(1),
    "num_outputs": whole(1),
    "hidden_dim": whole(1),
    "num_layers": whole(1),
    "dropout": fraction,
    "level": choice(*LEVELS),
    "readout": choice(*READOUTS),
    "num_graphs": whole(1),
    "seed": whole(0, 2_000_000_000),
}


def add_matrix(layer, name, shape, k) -> None:
    """Add the k-th matrix of a layer as `layer.<name>`, with initial weights of its own.

    Its initializer becomes `layer.<name>_initializer`, where `portable_init` looks for it.
    """
    options = {"initializer": sibling(layer.kernel_initializer, k), "regularizer": layer.kernel_regularizer}
    setattr(layer, f"{name}_initializer", options["initializer"])
    setattr(layer, name, layer.add_weight(name=name, shape=shape, **options))


def layered(
    num_features,
    num_outputs,
    make: Callable,
    *,
    num_layers,
    activation,
    dropout,
    level,
    readout,
    num_graphs,
    seed,
    name,
    self_loops=True,
    jump=False,
    sparse=0,
    regularizer=None,
) -> keras.Model:
    """Return the network of `num_layers` layers, each of which follows dropout and precedes an activation.

    For nodes, the last layer predicts, without an activation after it. For edges and graphs, or with `jump`, a dense
    layer predicts; with `jump` it sees the output of every layer, not only of the last one.

    Args:
        num_features, num_outputs: of a node, and of a prediction.
        make: function of the number k of a layer, an initializer and whether the layer predicts, that returns the
            layer: a function of features, senders and receivers.
        self_loops: whether every node is its own neighbor.
        jump: whether the head sees the outputs of all layers.
        sparse: 0, or the units of a `SparseProjection` of sparse features, which the first layer gets in place of the
            features.
        num_layers, activation, dropout, level, readout, num_graphs, seed, name: see `gcn`.
    """
    activation = get_activation(activation)
    glorot = keras.initializers.GlorotUniform(seed=seed)
    union = graph_inputs(num_features, sparse=bool(sparse))
    x, senders, receivers = union.nodes, union.senders, union.receivers
    if self_loops:
        senders, receivers = SelfLoops(name="self_loops")(x, senders, receivers)
    outputs = []
    for k in range(num_layers):
        last = level == "node" and k == num_layers - 1 and not jump
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seed + k, name=f"dropout_{k}")(x)
        initializer = sibling(glorot, k)
        if sparse and k == 0:
            ids = FlattenFeatures(dtype="int32", name="flat_feature_ids")(union.inputs["feature_ids"])
            options = {"kernel_initializer": initializer, "kernel_regularizer": regularizer, "name": "projection"}
            x = SparseProjection(num_features, sparse, **options)(x, ids)
        x = make(k, initializer, last)(x, senders, receivers)
        if not last:
            x = keras.layers.Activation(activation, name=f"activation_{k}")(x)
        outputs.append(x)
    if level == "node" and not jump:
        return graph_model(union, x, level, num_graphs, name)
    if jump and num_layers > 1:
        x = keras.layers.Concatenate(name="all_layers")(outputs)
    options = {"level": level, "readout": readout, "num_graphs": num_graphs, "name": name}
    return graph_head(union, x, num_outputs, initializer=sibling(glorot, num_layers), **options)
