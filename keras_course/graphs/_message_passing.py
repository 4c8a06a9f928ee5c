"""Message passing with an edge network, gated updates, and a readout that attends to the nodes several times.

Notation: h_v features of node v (C), e_wv features of the edge from w to v (D), N(v) the senders of the edges to v.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import fraction, validate, whole
from keras_course.graphs._inputs import example_graphs, flat_graph_ids, graph_inputs, graph_model
from keras_course.layers import Dense, sibling
from keras_course.layers._initializers import get_initializer
from keras_course.ops import segment_softmax, segment_sum
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class EdgeNetwork(keras.layers.Layer):
    """Sum of the neighbors, each times a matrix that a network makes of its edge: m_v = sum_{w in N(v)} h_w A(e_wv).

    The network is A(e) = W_2 relu(W_1 e + b_1) + b_2, read as a matrix `(C, units)`.

    Takes x `(N, C)`, edges `(E, D)`, senders and receivers `(E,)`; returns `(N, units)`.

    Args:
        units: number of output features.
        hidden_dim: units of the hidden layer of the edge network.
        kernel_initializer: initializer of W_1 and W_2.

    References:
        Neural Message Passing for Quantum Chemistry, Gilmer et al., 2017, https://arxiv.org/abs/1704.01212

    Example:
        >>> from keras_course.graphs import EdgeNetwork, molecule_graph
        >>> g = molecule_graph("CCO")
        >>> EdgeNetwork(8)(g.nodes, g.edges, g.senders, g.receivers).shape == (3, 8)
        True
    """

    @validate(units=whole(1), hidden_dim=whole(1))
    def __init__(self, units, hidden_dim=32, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units, self.hidden_dim = int(units), int(hidden_dim)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

    def build(self, x_shape, edges_shape, *ids) -> None:
        self.features = x_shape[-1]
        first, second = (sibling(self.kernel_initializer, k) for k in range(2))
        options = {"dtype": self.dtype_policy}
        self.hidden = keras.layers.Dense(
            self.hidden_dim, activation="relu", kernel_initializer=first, **options, name="hidden"
        )
        self.hidden.build((None, edges_shape[-1]))
        size = self.features * self.units
        self.matrix = keras.layers.Dense(size, kernel_initializer=second, **options, name="matrix")
        self.matrix.build((None, self.hidden_dim))

    def matrices(self, edges) -> Tensor:
        """Return the matrix of each edge, `(E, C, units)`."""
        return ops.reshape(self.matrix(self.hidden(edges)), (-1, self.features, self.units))

    def send(self, x, matrices, senders, receivers) -> Tensor:
        """Return the sums of messages `(N, units)`, for matrices that are there already."""
        sent = ops.matmul(ops.expand_dims(ops.take(x, senders, axis=0), 1), matrices)
        return segment_sum(ops.squeeze(sent, 1), receivers, ops.shape(x)[0])

    def call(self, x, edges, senders, receivers) -> Tensor:
        return self.send(x, self.matrices(edges), senders, receivers)

    def compute_output_spec(self, x, edges, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "hidden_dim": self.hidden_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("keras_course")
class GatedMessages(keras.layers.Layer):
    """T rounds of messages, all with the same weights: h_v <- GRU(h_v, m_v), where an `EdgeNetwork` makes m_v.

    Takes x `(N, C)`, edges `(E, D)`, senders and receivers `(E,)`; returns `(N, C)`.

    Args:
        num_steps: T. A node depends on nodes at most T edges away.
        hidden_dim: units of the hidden layer of the edge network.
        kernel_initializer: initializer of all matrices.
    """

    @validate(num_steps=whole(1), hidden_dim=whole(1))
    def __init__(self, num_steps=3, hidden_dim=32, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.num_steps, self.hidden_dim = int(num_steps), int(hidden_dim)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

    def build(self, x_shape, edges_shape, *ids) -> None:
        units, initializer = x_shape[-1], self.kernel_initializer
        options = {"dtype": self.dtype_policy}
        self.network = EdgeNetwork(units, self.hidden_dim, kernel_initializer=initializer, **options, name="network")
        self.network.build(x_shape, edges_shape)
        options |= {"recurrent_initializer": sibling(initializer, 3), "kernel_initializer": sibling(initializer, 2)}
        self.update = keras.layers.GRUCell(units, **options, name="update")
        self.update.build((None, units))

    def call(self, x, edges, senders, receivers) -> Tensor:
        matrices = self.network.matrices(edges)  # once for all rounds
        for _ in range(self.num_steps):
            x, _ = self.update(self.network.send(x, matrices, senders, receivers), [x])
        return x

    def compute_output_spec(self, x, edges, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape, self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_steps": self.num_steps,
            "hidden_dim": self.hidden_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("keras_course")
class Set2Set(keras.layers.Layer):
    """Readout of a set by attention: an LSTM asks for its nodes T times, and reads their weighted sum each time.

        q_t = LSTM([q_{t-1}, r_{t-1}]),  a = softmax_v(q_t . h_v),  r_t = sum_v a_v h_v,  output [q_T, r_T]

    Takes features of nodes `(B N, C)`, graph ids `(B N,)` and the same ids in rows, `(B, N)`; returns `(B G, 2 C)`. The
    order of the nodes does not matter.

    Args:
        num_steps: T.
        num_graphs: G, graphs in a row.
        kernel_initializer: initializer of the matrices of the LSTM.

    References:
        Order Matters: Sequence to sequence for sets, Vinyals, Bengio and Kudlur, 2016, https://arxiv.org/abs/1511.06391
    """

    @validate(num_steps=whole(1), num_graphs=whole(1))
    def __init__(self, num_steps=3, num_graphs=1, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.num_steps, self.num_graphs = int(num_steps), int(num_graphs)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

    def build(self, x_shape, *ids) -> None:
        units = x_shape[-1]
        self.cell = keras.layers.LSTMCell(
            units,
            kernel_initializer=sibling(self.kernel_initializer, 0),
            recurrent_initializer=sibling(self.kernel_initializer, 1),
            dtype=self.dtype_policy,
            name="cell",
        )
        self.cell.build((None, 2 * units))

    def call(self, x, graph_ids, rows) -> Tensor:
        num_graphs = ops.shape(rows)[0] * self.num_graphs
        query = memory = read = ops.zeros((num_graphs, x.shape[-1]), x.dtype)
        for _ in range(self.num_steps):
            query, (_, memory) = self.cell(ops.concatenate([query, read], axis=-1), [query, memory])
            scores = ops.sum(ops.multiply(x, ops.take(query, graph_ids, axis=0)), axis=-1)
            weights = segment_softmax(ops.cast(scores, "float32"), graph_ids, num_graphs)
            weighted = ops.multiply(x, ops.cast(ops.expand_dims(weights, -1), x.dtype))
            read = segment_sum(weighted, graph_ids, num_graphs)
        return ops.concatenate([query, read], axis=-1)

    def compute_output_spec(self, x, graph_ids, rows) -> keras.KerasTensor:
        return keras.KerasTensor((None, 2 * x.shape[-1]), x.dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_steps": self.num_steps,
            "num_graphs": self.num_graphs,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@builder(
    reference="Gilmer et al., 2017, https://arxiv.org/abs/1704.01212",
    presets={
        "tiny": {"num_features": 133, "num_edge_features": 14, "num_outputs": 1},
        "gilmer": {  # QM9 with the default sizes of the authors' code; they publish no number of parameters
            "num_features": 13,
            "num_edge_features": 5,
            "num_outputs": 1,
            "hidden_dim": 50,
            "edge_dim": 50,
            "num_steps": 6,
            "readout_steps": 12,
        },
    },
    example=example_graphs,
)
@validate(
    num_features=whole(1),
    num_edge_features=whole(1),
    num_outputs=whole(1),
    hidden_dim=whole(1),
    edge_dim=whole(1),
    num_steps=whole(1),
    readout_steps=whole(1),
    dropout=fraction,
    num_graphs=whole(1),
    seed=whole(0, 2_000_000_000),
)
def mpnn(
    num_features,
    num_edge_features,
    num_outputs,
    *,
    hidden_dim=32,
    edge_dim=16,
    num_steps=3,
    readout_steps=3,
    dropout=0.0,
    num_graphs=1,
    seed=0,
    name="mpnn",
) -> keras.Model:
    """Build a message passing neural network with an edge network, gated updates and a set2set readout.

    Takes what `batch_graphs` returns, with edges `(B, E, D)`; returns `(B, num_outputs)`:

        h_v = relu(W x_v + b)
        h_v <- GRU(h_v, sum_{w in N(v)} h_w A(e_wv))  T times
        y = W_2 relu(W_1 Set2Set(h) + b_1) + b_2

    Args:
        num_features: F, features of a node.
        num_edge_features: D, features of an edge.
        num_outputs: number of predicted values, or of logits.
        hidden_dim: C, features of a node between the rounds.
        edge_dim: units of the hidden layer of the edge network.
        num_steps: T, rounds of messages.
        readout_steps: times that the readout attends to the nodes.
        dropout: rate in [0, 1) on the graph and on the hidden layer.
        num_graphs: G, graphs in a row; with more than one the model returns `(B, G, num_outputs)`.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        A dense layer maps the features of a node to C, where the paper pads them with zeros. There is no master node,
        and no virtual edges. The paper's readout sees a linear projection of [h_v, x_v]; here it sees h_v alone. The
        authors' code has one edge network for each direction of an edge, with four hidden layers, and adds a bias to
        the messages; here one edge network with one hidden layer serves both directions, without that bias. Its head
        has 200 hidden units, and ours C. The preset "gilmer" has the sizes of that code otherwise: 50 hidden features
        of a node and of the edge network, 6 rounds, and 12 steps of the readout.

    References:
        Neural Message Passing for Quantum Chemistry, Gilmer et al., 2017, https://arxiv.org/abs/1704.01212
        Code of the authors: https://github.com/brain-research/mpnn

    Example:
        >>> from keras_course.graphs import batch_graphs, molecule_graph, mpnn
        >>> model = mpnn(133, 14, 1)
        >>> model(batch_graphs([molecule_graph("CCO"), molecule_graph("c1ccccc1")])).shape == (2, 1)
        True
    """
    glorot = keras.initializers.GlorotUniform(seed=seed)
    union = graph_inputs(num_features, num_edge_features, num_graphs=num_graphs)
    x = Dense(hidden_dim, activation="relu", kernel_initializer=sibling(glorot, 0), name="embedding")(union.nodes)
    messages = GatedMessages(num_steps, edge_dim, kernel_initializer=sibling(glorot, 1), name="messages")
    x = messages(x, union.edges, union.senders, union.receivers)
    readout = Set2Set(readout_steps, num_graphs, kernel_initializer=sibling(glorot, 2), name="readout")
    x = readout(x, flat_graph_ids(union, num_graphs), union.inputs["graph_ids"])
    for k, units in enumerate((hidden_dim, num_outputs)):
        x = keras.layers.Dropout(dropout, seed=seed + k, name=f"dropout_{k}")(x)
        options = {"activation": None if k else "relu", "kernel_initializer": sibling(glorot, 3 + k)}
        x = Dense(units, **options, name="head" if k else "hidden")(x)
    return graph_model(union, x, "graph", num_graphs, name)
