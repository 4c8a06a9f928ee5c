"""From a batch of padded graphs to one graph, on which all layers of this topic work, and back.

A model takes B rows, each of which holds one graph or a union of G graphs, padded to N nodes and E edges (see
`batch_graphs`). Its layers see the disjoint union of all rows: B N nodes and B E edges, without an axis for the batch.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course.checks import choice, validate, whole
from keras_course.graphs._graph import PADDING
from keras_course.graphs._sparse import sparse_features
from keras_course.layers import Dense
from keras_course.ops import segment_max, segment_mean, segment_sum
from keras_course.ops._types import Tensor

LEVELS = ("node", "edge", "graph")
READOUTS = {"sum": segment_sum, "mean": segment_mean, "max": segment_max}


@keras.saving.register_keras_serializable("keras_course")
class FlattenFeatures(keras.layers.Layer):
    """Features of padded rows `(B, N, F)` as those of the union, `(B N, F)`."""

    def call(self, x) -> Tensor:
        return ops.reshape(x, (-1, ops.shape(x)[-1]))


@keras.saving.register_keras_serializable("keras_course")
class FlattenIds(keras.layers.Layer):
    """Ids in padded rows as ids in the union: id k of row b becomes b K + k, and padding stays negative.

    Takes ids `(B, E)`, and a tensor `(B, K, ...)` that tells how many things of a row have ids; returns `(B E,)`. With
    `num_ids`, K is that number.

    Args:
        num_ids: K, or None.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import FlattenIds
        >>> [int(k) for k in FlattenIds(num_ids=10)(np.array([[0, 3], [5, -1]]))]
        [0, 3, 15, -1]
    """

    @validate(num_ids=whole(1))
    def __init__(self, num_ids=None, **kwargs):
        super().__init__(**kwargs)
        self.num_ids = num_ids

    def call(self, ids, things=None) -> Tensor:
        size = ops.shape(things)[1] if self.num_ids is None else self.num_ids
        offsets = ops.expand_dims(ops.arange(ops.shape(ids)[0], dtype="int32"), 1) * size
        ids = ops.cast(ids, "int32")
        return ops.reshape(ops.where(ids < 0, PADDING, ids + offsets), (-1,))

    def compute_output_spec(self, ids, things=None) -> keras.KerasTensor:
        return keras.KerasTensor((None,), "int32")

    def get_config(self) -> dict:
        return {**super().get_config(), "num_ids": self.num_ids}


@keras.saving.register_keras_serializable("keras_course")
class SplitRows(keras.layers.Layer):
    """Features of the union `(B K, C)` as those of padded rows, `(B, K, C)`, with 0 for padding.

    Takes the features and the ids `(B, K)` of the rows, which are negative for padding.
    """

    def call(self, x, ids) -> Tensor:
        rows = ops.reshape(x, (*ops.shape(ids), x.shape[-1]))
        return ops.where(ops.expand_dims(ids, -1) < 0, ops.zeros_like(rows), rows)

    def compute_output_spec(self, x, ids) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape, x.shape[-1]), x.dtype)


@keras.saving.register_keras_serializable("keras_course")
class SelfLoops(keras.layers.Layer):
    """The edges of a union with one loop at every node, so that a neighborhood includes the node itself.

    Takes nodes `(N, F)` and ids `(E,)` of senders and receivers; returns ids `(E + N,)` of both. A loop that was
    there before becomes padding, so that no node has two.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import SelfLoops
        >>> _, receivers = SelfLoops()(np.zeros((2, 1)), np.array([0, 1]), np.array([1, 1]))
        >>> [int(k) for k in receivers]
        [1, -1, 0, 1]
    """

    def call(self, x, senders, receivers) -> tuple[Tensor, Tensor]:
        nodes = ops.arange(ops.shape(x)[0], dtype="int32")
        receivers = ops.where(ops.equal(senders, receivers), PADDING, receivers)
        return ops.concatenate([senders, nodes]), ops.concatenate([receivers, nodes])

    def compute_output_spec(self, x, senders, receivers) -> tuple:
        return keras.KerasTensor((None,), "int32"), keras.KerasTensor((None,), "int32")


@keras.saving.register_keras_serializable("keras_course")
class Readout(keras.layers.Layer):
    """The sum, mean or maximum of the nodes of each graph.

    Takes features of nodes `(B N, C)`, graph ids `(B N,)` and the same ids in rows, `(B, N)`; returns `(B G, C)`.

    Args:
        reduction: "sum", "mean" or "max".
        num_graphs: G, graphs in a row.
    """

    @validate(reduction=choice(*READOUTS), num_graphs=whole(1))
    def __init__(self, reduction="mean", num_graphs=1, **kwargs):
        super().__init__(**kwargs)
        self.reduction, self.num_graphs = reduction, int(num_graphs)

    def call(self, x, graph_ids, rows) -> Tensor:
        return READOUTS[self.reduction](x, graph_ids, ops.shape(rows)[0] * self.num_graphs)

    def compute_output_spec(self, x, graph_ids, rows) -> keras.KerasTensor:
        return keras.KerasTensor((None, x.shape[-1]), x.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "reduction": self.reduction, "num_graphs": self.num_graphs}


@keras.saving.register_keras_serializable("keras_course")
class SplitGraphs(keras.layers.Layer):
    """Features of all graphs `(B G, C)` as those of the graphs of each row, `(B, G, C)`.

    Args:
        num_graphs: G, graphs in a row.
    """

    @validate(num_graphs=whole(1))
    def __init__(self, num_graphs, **kwargs):
        super().__init__(**kwargs)
        self.num_graphs = int(num_graphs)

    def call(self, x) -> Tensor:
        return ops.reshape(x, (-1, self.num_graphs, x.shape[-1]))

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor((None, self.num_graphs, x.shape[-1]), x.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_graphs": self.num_graphs}


class Union(NamedTuple):
    """The symbolic tensors of a model: its inputs by name, and the union that its layers work on."""

    inputs: dict
    nodes: Tensor
    senders: Tensor
    receivers: Tensor
    edges: Tensor | None
    globals: Tensor | None


def graph_inputs(num_features, num_edge_features=0, num_globals=0, num_graphs=1, sparse=False) -> Union:
    """Return the inputs of a model of graphs, and the union of their rows.

    Args:
        num_features: F, features of a node.
        num_edge_features: D, features of an edge; 0 for none.
        num_globals: D', features of a graph; 0 for none.
        num_graphs: G, graphs in a row.
        sparse: whether the features of a node come as a row of ids and a row of values; `nodes` are the values then.
    """
    if sparse:
        inputs = {
            "feature_values": keras.Input((None, None), name="feature_values"),
            "feature_ids": keras.Input((None, None), dtype="int32", name="feature_ids"),
        }
    else:
        inputs = {"nodes": keras.Input((None, num_features), name="nodes")}
    nodes = next(iter(inputs.values()))
    inputs |= {
        "senders": keras.Input((None,), dtype="int32", name="senders"),
        "receivers": keras.Input((None,), dtype="int32", name="receivers"),
        "graph_ids": keras.Input((None,), dtype="int32", name="graph_ids"),
    }
    flat = dict.fromkeys(("edges", "globals"))
    for name, width, length in (("edges", num_edge_features, None), ("globals", num_globals, num_graphs)):
        if width:
            inputs[name] = keras.Input((length, width), name=name)
            flat[name] = FlattenFeatures(name=f"flat_{name}")(inputs[name])
    ids = [FlattenIds(name=f"flat_{name}")(inputs[name], nodes) for name in ("senders", "receivers")]
    return Union(inputs, FlattenFeatures(name="flat_nodes")(nodes), *ids, flat["edges"], flat["globals"])


def flat_graph_ids(union, num_graphs) -> Tensor:
    """Return the graph of each node of a union, `(B N,)`."""
    return FlattenIds(num_graphs, name="flat_graph_ids")(union.inputs["graph_ids"])


def read_out(union, x, reduction, num_graphs) -> Tensor:
    """Return features of the graphs of a union `(B G, C)`, from those of its nodes `(B N, C)`."""
    ids = flat_graph_ids(union, num_graphs)
    return Readout(reduction, num_graphs, name="readout")(x, ids, union.inputs["graph_ids"])


@keras.saving.register_keras_serializable("keras_course")
class EdgeEnds(keras.layers.Layer):
    """The features of both ends of each edge, side by side: takes `(N, C)` and ids `(E,)`, returns `(E, 2 C)`."""

    def call(self, x, senders, receivers) -> Tensor:
        return ops.concatenate([ops.take(x, senders, axis=0), ops.take(x, receivers, axis=0)], axis=-1)

    def compute_output_spec(self, x, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((None, 2 * x.shape[-1]), x.dtype)


def graph_model(union, outputs, level, num_graphs, name) -> keras.Model:
    """Return the model from the inputs of a union to outputs of its nodes, its edges or its graphs.

    Args:
        union: what `graph_inputs` returned.
        outputs: `(B N, C)`, `(B E, C)` or `(B G, C)`.
        level: "node", "edge" or "graph".
        num_graphs: G.
        name: of the model.

    Returns:
        A `keras.Model` that takes a dict and returns `(B, N, C)`, `(B, E, C)`, or `(B, C)`, `(B, G, C)` with G > 1.
    """
    if level != "graph":
        outputs = SplitRows(name="outputs")(outputs, union.inputs["graph_ids" if level == "node" else "receivers"])
    elif num_graphs > 1:
        outputs = SplitGraphs(num_graphs, name="outputs")(outputs)
    return keras.Model(list(union.inputs.values()), outputs, name=name)  # a list: it passes over other keys of a dict


def graph_head(union, x, num_outputs, *, level, readout, num_graphs, initializer, name) -> keras.Model:
    """Return the model that predicts outputs of nodes, edges or graphs from features of the nodes `(B N, C)`."""
    if level == "edge":
        x = EdgeEnds(name="edge_ends")(x, union.senders, union.receivers)
    if level == "graph":
        x = read_out(union, x, readout, num_graphs)
    outputs = Dense(num_outputs, kernel_initializer=initializer, name="head")(x)
    return graph_model(union, outputs, level, num_graphs, name)


def example_graphs(model, batch_size, rng) -> dict:
    """Return random graphs as inputs: of 6 nodes the last one is padding, and of 6 pairs of edges the last one."""
    inputs = {tensor.name: tensor for tensor in model.inputs}
    ends = rng.integers(0, 5, (2, batch_size, 5))
    ends[1] = (ends[0] + 1 + ends[1] % 4) % 5  # another node
    ends = ends.astype("int32")
    pairs = np.stack([ends, ends[::-1]], axis=-1).reshape(2, batch_size, 10)  # each edge, and then its reverse
    pairs = np.pad(pairs, [(0, 0), (0, 0), (0, 2)], constant_values=PADDING)
    graphs = next((layer.num_graphs for layer in model.layers if hasattr(layer, "num_graphs")), 1)
    ids = np.minimum(np.arange(6) * graphs // 5, graphs - 1)
    ids[-1] = PADDING
    sparse = "feature_ids" in inputs
    width = model.get_layer("projection").num_features if sparse else inputs["nodes"].shape[-1]
    nodes = rng.normal(size=(batch_size, 6, width))
    sample = {
        "nodes": nodes * (rng.random(nodes.shape) < 0.5) if sparse else nodes,
        "senders": pairs[0],
        "receivers": pairs[1],
        "graph_ids": np.tile(ids.astype("int32"), (batch_size, 1)),
    }
    for name, rows in (("edges", 12), ("globals", graphs)):
        if name in inputs:
            sample[name] = rng.normal(size=(batch_size, rows, inputs[name].shape[-1]))
    sample = {name: array.astype("float32") if array.dtype.kind == "f" else array for name, array in sample.items()}
    return sparse_features(sample) if sparse else sample
