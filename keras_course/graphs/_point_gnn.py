"""Point-GNN: objects in a point cloud, found by messages between near points.

Notation: vertex i at the position x_i with further features f_i and the state s_i `(C,)`; N(i) the vertices that are
nearer to i than a radius, i among them; Dx_i the offset by which i registers the positions of its neighbors.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import flag, validate, whole
from keras_course.graphs._boxes import CODE
from keras_course.graphs._inputs import FlattenFeatures, Readout, SelfLoops, SplitRows, example_graphs, graph_inputs
from keras_course.graphs._interaction import MLP
from keras_course.layers import sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer
from keras_course.ops import segment_max
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class RelativePositions(keras.layers.Layer):
    """What a vertex sees of its neighbor: [x_j - x_i, f_j] for the edge from j to i.

    Takes nodes `(N, F)`, the first three features of which are positions, senders and receivers `(E,)`; returns
    `(E, F)`. Differences are computed in float32, because they are small beside the positions.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import RelativePositions
        >>> nodes = np.array([[1.0, 0.0, 0.0, 7.0], [4.0, 2.0, 0.0, 8.0]])
        >>> [float(y) for y in RelativePositions()(nodes, np.array([0]), np.array([1]))[0]]
        [-3.0, -2.0, 0.0, 7.0]
    """

    def __init__(self, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})

    def call(self, nodes, senders, receivers) -> Tensor:
        nodes = ops.cast(nodes, "float32")
        sent, here = ops.take(nodes, senders, axis=0), ops.take(nodes[:, :3], receivers, axis=0)
        seen = ops.concatenate([ops.subtract(sent[:, :3], here), sent[:, 3:]], axis=-1)
        return ops.cast(seen, self.compute_dtype)

    def compute_output_spec(self, nodes, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor((None, nodes.shape[-1]), self.compute_dtype)


@keras.saving.register_keras_serializable("keras_course")
class PointMessages(keras.layers.Layer):
    """One step of message passing among points, with positions that each vertex registers by an offset:

        Dx_i = MLP_h(s_i)
        m_i = max_{j in N(i)} MLP_f([x_j - x_i + Dx_i, s_j])      the maximum of each feature
        s_i' = s_i + MLP_g(m_i)

    The offset is the layer's own guess of where the center of the object is. A neighbor's position is then relative to
    that center, and no longer depends on which point of the object the vertex is. The part of the first matrix of MLP_f
    that multiplies s_j is applied once for each vertex, before the products are gathered at the edges.

    Takes s `(N, C)`, offsets x_j - x_i `(E, 3)`, senders and receivers `(E,)`; returns s' `(N, C)`. Negative receivers
    are padding.

    Args:
        hidden_dim: C, and the units of the hidden layers.
        num_hidden: hidden layers of each MLP.
        activation: activation of the hidden layers.
        registration: whether there is an offset; without it Dx_i = 0.
        kernel_initializer: initializer of the matrices.

    References:
        Point-GNN: Graph Neural Network for 3D Object Detection in a Point Cloud, Shi and Rajkumar, 2020,
        https://arxiv.org/abs/2003.01251

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import PointMessages
        >>> s, offsets = np.ones((2, 4), "float32"), np.ones((1, 3), "float32")
        >>> PointMessages(4)(s, offsets, np.array([0]), np.array([1])).shape == (2, 4)
        True
    """

    @validate(hidden_dim=whole(1), num_hidden=whole(1), registration=flag)
    def __init__(
        self,
        hidden_dim,
        *,
        num_hidden=1,
        activation="relu",
        registration=True,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden_dim, self.num_hidden, self.registration = int(hidden_dim), int(num_hidden), bool(registration)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        options = {"num_hidden": num_hidden, "activation": activation, "dtype": self.dtype_policy}

        def mlp(k, units, norm, name):
            initializer = sibling(kernel_initializer, k)
            return MLP(self.hidden_dim, units, norm=norm, kernel_initializer=initializer, name=name, **options)

        self.edge_mlp, self.node_mlp = (
            mlp(0, self.hidden_dim, True, "edge_mlp"),
            mlp(1, self.hidden_dim, True, "node_mlp"),
        )
        self.offset_mlp = mlp(2, 3, False, "offset_mlp") if registration else None
        self.sender_matrix = keras.layers.Dense(
            self.hidden_dim,
            use_bias=False,
            kernel_initializer=sibling(kernel_initializer, 3),
            dtype=self.dtype_policy,
            name="sender_matrix",
        )

    def build(self, s_shape, *others) -> None:
        if s_shape[-1] != self.hidden_dim:
            raise ValueError(f"s has {s_shape[-1]} features; it must have hidden_dim={self.hidden_dim}")
        self.edge_mlp.build((None, 3))
        for layer in (self.node_mlp, self.sender_matrix, *([self.offset_mlp] if self.registration else [])):
            layer.build((None, self.hidden_dim))

    def call(self, s, offsets, senders, receivers) -> Tensor:
        if self.registration:
            offsets = ops.add(offsets, ops.take(self.offset_mlp(s), receivers, axis=0))
        messages = self.edge_mlp(offsets, ops.take(self.sender_matrix(s), senders, axis=0))
        return ops.add(s, self.node_mlp(segment_max(messages, receivers, ops.shape(s)[0])))

    def compute_output_spec(self, s, offsets, senders, receivers) -> keras.KerasTensor:
        return keras.KerasTensor(s.shape, self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "num_hidden": self.num_hidden,
            "activation": keras.activations.serialize(self.activation),
            "registration": self.registration,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@builder(
    reference="Shi and Rajkumar, 2020, https://arxiv.org/abs/2003.01251",
    presets={
        "tiny": {"num_features": 4, "num_classes": 4},
        "point_gnn": {"num_features": 4, "num_classes": 4, "hidden_dim": 300, "num_layers": 3},
    },
    example=example_graphs,
)
@validate(
    num_features=whole(3),
    num_classes=whole(2),
    hidden_dim=whole(1),
    num_layers=whole(0),
    num_hidden=whole(1),
    registration=flag,
    seed=whole(0, 2_000_000_000),
)
def point_gnn(
    num_features,
    num_classes,
    *,
    hidden_dim=32,
    num_layers=3,
    num_hidden=1,
    activation="relu",
    registration=True,
    seed=0,
    name="point_gnn",
) -> keras.Model:
    """Build a Point-GNN: for each point of a cloud, the class of the object that it is on, and the box around that.

    Takes what `batch_graphs` returns, with nodes `(B, N, F)` whose first three features are a position, and edges
    between near points, such as those of `radius_graph`. Returns a dict of logits "classes" `(B, N, num_classes)` and
    codes "boxes" `(B, N, 8)`, see `encode_boxes`:

        s_i = MLP_g(max_{j in N(i)} MLP_f([x_j - x_i, f_j]))       the points around vertex i
        s <- PointMessages(s)                                       T times, each with its own weights
        classes = MLP_c(s),  boxes = MLP_b(s)

    A vertex is its own neighbor. Nothing depends on absolute positions, or on the numbers of the points. Train it with
    the cross-entropy of the classes and `BoxLoss`; `merge_boxes` makes one box of those that overlap.

    Args:
        num_features: F, at least 3.
        num_classes: number of classes, the background among them.
        hidden_dim: C, features of a vertex.
        num_layers: T.
        num_hidden: hidden layers of each MLP.
        activation: activation of the hidden layers.
        registration: whether each step registers positions by an offset.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        All points are vertices, where the paper takes one of each voxel and embeds the raw points around it. One head
        predicts the boxes of all classes, where each class of the paper has its own. MLPs have a layer normalization.
        The yaw is coded by the sine and cosine of twice the angle, where the paper has classes for two ranges of it.
        Offsets and sizes are not divided by the median sizes of a class, and `BoxLoss` has no factors for the parts of
        the loss, which the paper weighs.

    References:
        Point-GNN: Graph Neural Network for 3D Object Detection in a Point Cloud, Shi and Rajkumar, 2020,
        https://arxiv.org/abs/2003.01251

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, point_gnn, radius_graph
        >>> points = np.random.default_rng(0).random((20, 3))
        >>> y = point_gnn(3, 2)(batch_graphs([Graph(points, *radius_graph(points, 0.5))]))
        >>> y["classes"].shape == (1, 20, 2), y["boxes"].shape == (1, 20, 8)
        (True, True)
    """
    glorot = keras.initializers.GlorotUniform(seed=seed)
    options = {"num_hidden": num_hidden, "activation": activation}

    def mlp(k, units, norm, name):
        return MLP(hidden_dim, units, norm=norm, kernel_initializer=sibling(glorot, k), name=name, **options)

    union = graph_inputs(num_features)
    nodes = FlattenFeatures(dtype="float32", name="points")(union.inputs["nodes"])  # in full precision
    senders, receivers = SelfLoops(name="self_loops")(nodes, union.senders, union.receivers)
    seen = RelativePositions(name="relative_positions")(nodes, senders, receivers)
    s = Readout("max", name="near_points")(mlp(0, hidden_dim, True, "embed_edges")(seen), receivers, nodes)
    s = mlp(1, hidden_dim, True, "embed_nodes")(s)
    for k in range(num_layers):
        initializer = sibling(glorot, 4 + k)
        step = PointMessages(
            hidden_dim, registration=registration, kernel_initializer=initializer, name=f"messages_{k}", **options
        )
        s = step(s, seen[:, :3], senders, receivers)
    outputs = {
        head: SplitRows(name=head)(mlp(2 + k, units, False, f"{head}_head")(s), union.inputs["graph_ids"])
        for k, (head, units) in enumerate({"classes": num_classes, "boxes": CODE}.items())
    }
    return keras.Model(list(union.inputs.values()), outputs, name=name)
