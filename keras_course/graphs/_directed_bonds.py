"""Messages along directed bonds: a message never returns along the bond on which it came.

Notation: x_v features of node v, e_vw features of the edge from v to w, h_vw its hidden features, N(v) the neighbors of
v. Edges come in pairs: edge 2k + 1 is the reverse of edge 2k, so the number of edges is even. `paired_edges` sorts the
edges of a graph into such pairs.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import choice, fraction, validate, whole
from keras_course.checks.tensors import ids_below, on_tensors
from keras_course.graphs._inputs import READOUTS, example_graphs, graph_inputs, graph_model, read_out
from keras_course.layers import Dense, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer
from keras_course.ops import segment_sum
from keras_course.ops._types import Tensor


@ids_below("num_nodes", "senders", "receivers")
@on_tensors(h=2, senders=1, receivers=1)
def bond_messages(h, senders, receivers, num_nodes) -> Tensor:
    """Return the message that each edge receives: the sum of the edges into its sender, without its own reverse.

        m_vw = sum_{u in N(v)} h_uv - h_wv

    Args:
        h: `(E, C)`, hidden features of the edges, in pairs of an edge and its reverse, see `paired_edges`.
        senders, receivers: `(E,)`.
        num_nodes: N, a whole number or an integer scalar.

    Returns:
        `(E, C)`.

    Raises:
        ValueError: a tensor has another number of axes, h, senders and receivers differ in length, or E is odd.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import bond_messages
        >>> h = np.array([[1.0], [2.0], [3.0], [4.0]], "float32")  # edges 0-1, 1-0, 1-2, 2-1
        >>> [float(m) for m in bond_messages(h, np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1]), 3)[:, 0]]
        [0.0, 4.0, 1.0, 0.0]
    """
    for name, ids in (("senders", senders), ("receivers", receivers)):
        if None not in (ids.shape[0], h.shape[0]) and ids.shape[0] != h.shape[0]:
            raise ValueError(f"{name} has {ids.shape[0]} entries, and h has {h.shape[0]} rows; they must agree")
    if h.shape[0] is not None and h.shape[0] % 2:
        raise ValueError(f"h has {h.shape[0]} rows; edges come in pairs of an edge and its reverse, see paired_edges")
    incoming = ops.take(segment_sum(h, receivers, num_nodes), senders, axis=0)
    reverse = ops.reshape(ops.flip(ops.reshape(h, (-1, 2, h.shape[-1])), axis=1), (-1, h.shape[-1]))
    return ops.subtract(incoming, reverse)


@keras.saving.register_keras_serializable("keras_course")
class BondMessages(keras.layers.Layer):
    """The message passing of a D-MPNN: T - 1 steps on directed edges, and a last one to the nodes.

        h_vw^1 = a(W_i [x_v, e_vw])
        h_vw^t = a(W_i [x_v, e_vw] + W_h (sum_{u in N(v)} h_uv^{t-1} - h_wv^{t-1}))  for t = 2..T
        h_v = a(W_o [x_v, sum_{u in N(v)} h_uv^T] + b)

    Takes x `(N, F)`, edges `(E, D)`, senders and receivers `(E,)`; returns `(N, units)`.

    Args:
        units: number of features of a message and of a node.
        num_steps: T, a whole number of at least 1. A node depends on nodes at most T edges away.
        activation: a.
        kernel_initializer: initializer of W_i, W_h and W_o.

    References:
        Analyzing Learned Molecular Representations for Property Prediction, Yang et al., 2019,
        https://arxiv.org/abs/1904.01561

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import BondMessages, molecule_graph
        >>> g = molecule_graph("CCO")
        >>> BondMessages(8)(g.nodes, g.edges, g.senders, g.receivers).shape == (3, 8)
        True
    """

    @validate(units=whole(1), num_steps=whole(1))
    def __init__(self, units, num_steps=3, *, activation="relu", kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units, self.num_steps = int(units), int(num_steps)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

    def build(self, x_shape, edges_shape, *ids) -> None:
        features, edge_features = x_shape[-1], edges_shape[-1]
        self.initial = self._dense("initial", 0, features + edge_features, use_bias=False)
        self.hidden = self._dense("hidden", 1, self.units, use_bias=False)
        self.final = self._dense("final", 2, features + self.units)

    def _dense(self, name, k, rows, **options):
        options |= {"kernel_initializer": sibling(self.kernel_initializer, k), "dtype": self.dtype_policy}
        layer = keras.layers.Dense(self.units, **options, name=name)
        layer.build((None, rows))
        return layer

    def call(self, x, edges, senders, receivers) -> Tensor:
        num_nodes = ops.shape(x)[0]
        first = self.initial(ops.concatenate([ops.take(x, senders, axis=0), edges], axis=-1))
        h = self.activation(first)
        for _ in range(self.num_steps - 1):
            arrived = self.hidden(bond_messages(h, senders, receivers, num_nodes))
            h = self.activation(first + arrived)  # without edges, Keras's add fails on TensorFlow
        arrived = segment_sum(h, receivers, num_nodes)
        return self.activation(self.final(ops.concatenate([x, arrived], axis=-1)))

    def compute_output_spec(self, x, edges, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "num_steps": self.num_steps,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@builder(
    reference="Yang et al., 2019, https://arxiv.org/abs/1904.01561",
    presets={
        "tiny": {"num_features": 133, "num_edge_features": 14, "num_outputs": 1},
        # without biases in the messages: 147 x 300 + 300 x 300 + 433 x 300 + 300, and 300 x 300 + 300 + 300 + 1
        "chemprop": {
            "num_features": 133,
            "num_edge_features": 14,
            "num_outputs": 1,
            "hidden_dim": 300,
            "parameters": 354_901,
        },
        "halicin": {  # Stokes et al.: 200 features of the molecule beside its graph, and a head of one linear layer
            "num_features": 133,
            "num_edge_features": 14,
            "num_outputs": 1,
            "num_globals": 200,
            "hidden_dim": 1600,
            "num_steps": 5,
            "num_head_layers": 0,
            "dropout": 0.35,
        },
    },
    example=example_graphs,
)
@validate(
    num_features=whole(1),
    num_edge_features=whole(1),
    num_outputs=whole(1),
    num_globals=whole(0),
    hidden_dim=whole(1),
    num_steps=whole(1),
    num_head_layers=whole(0),
    dropout=fraction,
    readout=choice(*READOUTS),
    num_graphs=whole(1),
    seed=whole(0, 2_000_000_000),
)
def dmpnn(
    num_features,
    num_edge_features,
    num_outputs,
    *,
    num_globals=0,
    hidden_dim=64,
    num_steps=3,
    num_head_layers=1,
    activation="relu",
    dropout=0.0,
    readout="mean",
    num_graphs=1,
    seed=0,
    name="dmpnn",
) -> keras.Model:
    """Build a directed message passing network, which predicts properties of molecules.

    Takes what `batch_graphs` returns, with edges `(B, E, D)` and, if `num_globals` is not 0, globals
    `(B, G, num_globals)`; returns `(B, num_outputs)`. Edge 2k + 1 must be the reverse of edge 2k, which the model does
    not check: apply `paired_edges` to graphs that do not come from `molecule_graph`.

        h_v = BondMessages(x, e)
        h = [mean_v h_v, globals]
        y = W_2 a(W_1 h + b_1) + b_2  (with one hidden layer)

    Args:
        num_features: F, features of a node.
        num_edge_features: D, features of an edge.
        num_outputs: number of predicted values, or of logits.
        num_globals: features of a graph, such as descriptors of a molecule, beside its nodes and edges; 0 for none.
        hidden_dim: features of a message, of a node and of a hidden layer.
        num_steps: T, steps of the messages, see `BondMessages`.
        num_head_layers: number of hidden layers of the head, before its last layer, which is linear. chemprop counts
            the last one, too: its `ffn_num_layers` is one more.
        activation: a.
        dropout: rate in [0, 1) on the nodes and on the input of every layer of the head.
        readout: "sum", "mean" or "max" over the nodes of a graph.
        num_graphs: G, graphs in a row; with more than one the model returns `(B, G, num_outputs)`.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or a choice is unknown.

    Differences from the paper:
        The paper sums the nodes; `chemprop` averaged them in version 1 and divides the sum by 100 in version 2. There
        is no dropout between the steps. The preset "halicin" is one network of Stokes et al., with the hyperparameters
        of their search (`depth` 5, `hidden_size` 1600, `ffn_num_layers` 1, `dropout` 0.35); they averaged 20 networks.

    References:
        Analyzing Learned Molecular Representations for Property Prediction, Yang et al., 2019,
        https://arxiv.org/abs/1904.01561
        A Deep Learning Approach to Antibiotic Discovery, Stokes et al., 2020,
        https://doi.org/10.1016/j.cell.2020.01.021

    Example:
        >>> from keras_course.graphs import batch_graphs, dmpnn, molecule_graph
        >>> model = dmpnn(133, 14, 1)
        >>> model(batch_graphs([molecule_graph("CCO"), molecule_graph("c1ccccc1")])).shape == (2, 1)
        True
    """
    activation = get_activation(activation)
    glorot = keras.initializers.GlorotUniform(seed=seed)
    union = graph_inputs(num_features, num_edge_features, num_globals, num_graphs)
    messages = BondMessages(
        hidden_dim, num_steps, activation=activation, kernel_initializer=sibling(glorot, 0), name="messages"
    )
    x = messages(union.nodes, union.edges, union.senders, union.receivers)
    x = keras.layers.Dropout(dropout, seed=seed, name="dropout_nodes")(x)
    x = read_out(union, x, readout, num_graphs)
    if num_globals:
        x = keras.layers.Concatenate(name="with_globals")([x, union.globals])
    for k in range(num_head_layers + 1):
        x = keras.layers.Dropout(dropout, seed=seed + 1 + k, name=f"dropout_{k}")(x)
        last = k == num_head_layers
        options = {"activation": None if last else activation, "kernel_initializer": sibling(glorot, 1 + k)}
        name_of_layer = "head" if last else f"hidden_{k}" if k else "hidden"
        x = Dense(num_outputs if last else hidden_dim, **options, name=name_of_layer)(x)
    return graph_model(union, x, "graph", num_graphs, name)
