"""Travel times by a graph network of road segments: edges, nodes and the whole graph have states, and update them.

Notation: x_i state of segment i, e of the edge from segment j to segment i, u of the supersegment, all `(C,)`.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import validate, whole
from keras_course.graphs._graph import PADDING
from keras_course.graphs._inputs import SplitRows, example_graphs, flat_graph_ids, graph_inputs
from keras_course.graphs._interaction import MLP, InteractionNetwork
from keras_course.layers import sibling
from keras_course.ops import segment_sum
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class GraphNetwork(InteractionNetwork):
    """One step of the full graph network block: an interaction network whose graph has a state u, too.

        m = MLP_e([e, x_j, x_i, u])                         for the edge from j to i
        n_i = MLP_v([x_i, sum of the messages m to i, u])
        g = MLP_u([u, sum of all n_i, sum of all m])
        e' = e + m,   x_i' = x_i + n_i,   u' = u + g

    Takes x `(N, C)`, edges `(E, C)`, the states of the graphs u `(G, C)`, senders and receivers `(E,)`, and graph ids
    `(N,)`; returns x', e' and u'. Negative ids are padding. Arguments are those of `InteractionNetwork`; without
    `residual` the results are n, m and g.

    References:
        Relational inductive biases, deep learning, and graph networks, Battaglia et al., 2018,
        https://arxiv.org/abs/1806.01261

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import GraphNetwork
        >>> x, edges, u = (np.ones((n, 4), "float32") for n in (3, 2, 1))
        >>> ends, graph_ids = (np.array([0, 1]), np.array([1, 2])), np.zeros(3, int)
        >>> [tuple(y.shape) for y in GraphNetwork(4)(x, edges, u, *ends, graph_ids)]
        [(3, 4), (2, 4), (1, 4)]
    """

    def __init__(self, hidden_dim, **kwargs):
        super().__init__(hidden_dim, **kwargs)
        names = "edge_global_matrix", "node_global_matrix", "global_node_matrix", "global_edge_matrix"
        for k, name in enumerate(names):
            options = {"use_bias": False, "kernel_initializer": sibling(self.kernel_initializer, 5 + k), "name": name}
            setattr(self, name, keras.layers.Dense(self.hidden_dim, dtype=self.dtype_policy, **options))
        self.global_mlp = MLP(
            self.hidden_dim,
            self.hidden_dim,
            num_hidden=self.num_hidden,
            activation=self.activation,
            kernel_initializer=sibling(self.kernel_initializer, 9),
            dtype=self.dtype_policy,
            name="global_mlp",
        )

    def build(self, x_shape, edges_shape, u_shape, *ids) -> None:
        super().build(x_shape, edges_shape)
        if self.residual and u_shape[-1] != self.hidden_dim:
            raise ValueError(f"u has {u_shape[-1]} features; with residual=True it must have {self.hidden_dim}")
        for layer in (self.edge_global_matrix, self.node_global_matrix, self.global_mlp):
            layer.build((None, u_shape[-1]))
        for layer in (self.global_node_matrix, self.global_edge_matrix):
            layer.build((None, self.hidden_dim))

    def call(self, x, edges, u, senders, receivers, graph_ids) -> tuple[Tensor, Tensor, Tensor]:
        nodes, graphs = ops.shape(x)[0], ops.shape(u)[0]
        edge_ids = ops.where(receivers < 0, PADDING, ops.take(graph_ids, receivers))
        given = ops.take(self.sender_matrix(x), senders, axis=0), ops.take(self.receiver_matrix(x), receivers, axis=0)
        given = ops.add(ops.add(*given), ops.take(self.edge_global_matrix(u), edge_ids, axis=0))
        messages = self.edge_mlp(edges, given)
        given = self.message_matrix(segment_sum(messages, receivers, nodes))
        update = self.node_mlp(x, ops.add(given, ops.take(self.node_global_matrix(u), graph_ids, axis=0)))
        given = self.global_node_matrix(segment_sum(update, graph_ids, graphs))
        given = ops.add(given, self.global_edge_matrix(segment_sum(messages, edge_ids, graphs)))
        change = self.global_mlp(u, given)
        if not self.residual:
            return update, messages, change
        return ops.add(x, update), ops.add(edges, messages), ops.add(u, change)

    def compute_output_spec(self, x, edges, u, senders, receivers, graph_ids) -> tuple:
        def like(tensor):
            return keras.KerasTensor((*tensor.shape[:-1], self.hidden_dim), self.compute_dtype)

        return like(x), like(edges), like(u)


@builder(
    reference="Derrow-Pinion et al., 2021, https://arxiv.org/abs/2108.11482",
    presets={"tiny": {"num_features": 10, "num_edge_features": 2, "num_globals": 3, "num_horizons": 3}},
    example=example_graphs,
)
@validate(
    num_features=whole(1),
    num_edge_features=whole(1),
    num_globals=whole(1),
    num_horizons=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(0),
    num_hidden=whole(1),
    seed=whole(0, 2_000_000_000),
)
def eta_supersegment(
    num_features,
    num_edge_features,
    num_globals,
    num_horizons,
    *,
    hidden_dim=32,
    num_layers=2,
    num_hidden=1,
    activation="relu",
    seed=0,
    name="eta_supersegment",
) -> keras.Model:
    """Build a graph network for travel times (ETA, estimated time of arrival) on a row of road segments.

    A graph is a supersegment: its nodes are consecutive segments of a road, its edges join segments that touch, one in
    each direction. Takes what `batch_graphs` returns, with edges `(B, E, D)` and globals `(B, 1, D')`; returns a dict
    of "segments" `(B, N, H)` and "supersegment" `(B, H)`, the travel times of a trip that starts at each of H horizons,
    in units of your choice:

        x, e, u = encoders(nodes, edges, globals)       an MLP each
        x, e, u <- GraphNetwork(x, e, u)                L times, each with its own weights
        segments = MLP(x),  supersegment = MLP(u)

    Train both outputs with `keras.losses.Huber`: the losses of all horizons, and of the segments as an auxiliary loss.
    Padded segments are 0, as their targets must be.

    Args:
        num_features: F, features of a segment.
        num_edge_features: D, features of an edge.
        num_globals: D', features of the supersegment.
        num_horizons: H.
        hidden_dim: C.
        num_layers: L. With two, every segment sees all others, through u.
        num_hidden: hidden layers of each MLP.
        activation: activation of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        One model predicts all horizons, where the paper trains one for each. The paper adds learned embeddings of
        segments and supersegments, and a loss of cumulative times. Its learning rate is adapted by MetaGradients.

    References:
        ETA Prediction with Graph Neural Networks in Google Maps, Derrow-Pinion et al., 2021,
        https://arxiv.org/abs/2108.11482

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, eta_supersegment
        >>> directions, ends = np.eye(2)[[0, 0, 1, 1]], ([0, 1, 1, 2], [1, 2, 0, 1])
        >>> road = Graph(np.ones((3, 4)), *ends, edges=directions, globals=np.ones((1, 5)))
        >>> y = eta_supersegment(4, 2, 5, 3)(batch_graphs([road]))
        >>> y["segments"].shape == (1, 3, 3), y["supersegment"].shape == (1, 3)
        (True, True)
    """
    glorot = keras.initializers.GlorotUniform(seed=seed)

    def mlp(k, units, norm, name):
        options = {"num_hidden": num_hidden, "activation": activation, "name": name}
        return MLP(hidden_dim, units, norm=norm, kernel_initializer=sibling(glorot, k), **options)

    union = graph_inputs(num_features, num_edge_features, num_globals)
    graph_ids = flat_graph_ids(union, 1)
    x, e, u = (
        mlp(k, hidden_dim, True, f"embed_{part}")(getattr(union, part))
        for k, part in enumerate(("nodes", "edges", "globals"))
    )
    for k in range(num_layers):
        options = {"num_hidden": num_hidden, "activation": activation, "name": f"graph_network_{k}"}
        step = GraphNetwork(hidden_dim, kernel_initializer=sibling(glorot, 5 + k), **options)
        x, e, u = step(x, e, u, union.senders, union.receivers, graph_ids)
    x = mlp(3, num_horizons, False, "segment_head")(x)
    outputs = {"segments": SplitRows(name="segments")(x, union.inputs["graph_ids"])}
    outputs["supersegment"] = mlp(4, num_horizons, False, "supersegment")(u)
    return keras.Model(list(union.inputs.values()), outputs, name=name)
