"""Graph attention: a node averages its neighbors with weights that it computes from their features.

Notation: x (N, F) are the features of a union of graphs, senders and receivers (E,) its edges. H heads of C units each;
an edge from node j to node i has a score e_ij and a weight alpha_ij in every head.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course.checks import flag, fraction, mapping, validate, whole
from keras_course.checks.graphs import check_model
from keras_course.graphs._graph import PADDING
from keras_course.graphs._stack import add_matrix
from keras_course.layers._initializers import get_initializer
from keras_course.layers._regularizers import get_regularizer
from keras_course.ops import segment_softmax, segment_sum
from keras_course.ops._types import Tensor


class EdgeAttentionLayer(keras.layers.Layer):
    """What all graph attention has in common; a subclass says how an edge is scored.

        alpha_ij = exp(e_ij) / sum_{k in N(i)} exp(e_ik),  h_i' = sum_{j in N(i)} alpha_ij v_j + b

    in every head. A node without neighbors gets b. Takes x `(N, F)`, senders and receivers `(E,)`; returns `(N, H C)`
    if the heads are concatenated and `(N, C)` if they are averaged.

    Args:
        units: C, output features of a head.
        num_heads: H.
        concat: whether the heads are concatenated; otherwise their mean is taken.
        dropout: rate in [0, 1) on the weights: a node does not see some of its neighbors.
        use_bias: whether b is added.
        kernel_initializer: initializer of all matrices.
        kernel_regularizer: penalty on each matrix, a regularizer of Keras, or None.
        seed: seed of the dropout.
    """

    @validate(units=whole(1), num_heads=whole(1), concat=flag, dropout=fraction, use_bias=flag, seed=whole(0))
    def __init__(
        self,
        units,
        *,
        num_heads=1,
        concat=True,
        dropout=0.0,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units, self.num_heads, self.concat = int(units), int(num_heads), bool(concat)
        self.use_bias, self.seed = bool(use_bias), seed
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.kernel_regularizer = get_regularizer(kernel_regularizer=kernel_regularizer)
        self.dropout = keras.layers.Dropout(dropout, seed=seed, name="dropout")

    def build(self, input_shape, *ids) -> None:
        self.add_projections(input_shape[-1])
        width = self.num_heads * self.units if self.concat else self.units
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros") if self.use_bias else None

    def add_projections(self, num_features) -> None:
        """Add the matrices of the scores and the values."""
        raise NotImplementedError

    def messages_and_scores(self, x, senders, receivers) -> tuple[Tensor, Tensor]:
        """Return the values of the senders `(E, H, C)`, and the scores of the edges `(E, H)`."""
        raise NotImplementedError

    def split_heads(self, h) -> Tensor:
        """Return `(N, H C)` as `(N, H, C)`."""
        return ops.reshape(h, (-1, self.num_heads, self.units))

    def call(self, x, senders, receivers, training=None) -> Tensor:
        num_nodes = ops.shape(x)[0]
        messages, scores = self.messages_and_scores(x, senders, receivers)
        weights = self.dropout(self._normalize(scores, receivers, num_nodes), training=training)
        h = segment_sum(ops.multiply(messages, weights[..., None]), receivers, num_nodes)
        h = ops.reshape(h, (-1, self.num_heads * self.units)) if self.concat else ops.mean(h, axis=1)
        return h if self.bias is None else ops.add(h, self.bias)

    def edge_weights(self, x, senders, receivers) -> Tensor:
        """Return the weights alpha `(E, H)`, without dropout; 0 for an edge that is padding."""
        _, scores = self.messages_and_scores(x, senders, receivers)
        return self._normalize(scores, receivers, ops.shape(x)[0])

    def _normalize(self, scores, receivers, num_nodes):
        weights = segment_softmax(ops.cast(scores, "float32"), receivers, num_nodes)
        return ops.cast(weights, self.compute_dtype)

    def compute_output_spec(self, x, senders, receivers, training=None) -> keras.KerasTensor:
        width = self.num_heads * self.units if self.concat else self.units
        return keras.KerasTensor((*x.shape[:-1], width), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "units": self.units,
            "num_heads": self.num_heads,
            "concat": self.concat,
            "dropout": self.dropout.rate,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("keras_course")
class GraphAttention(EdgeAttentionLayer):
    """Additive graph attention: e_ij = LeakyReLU(a . W h_i + b . W h_j), v_j = W h_j.

    The score is a sum of a term of each end, so all nodes rank their neighbors in the same order: the attention is
    static. `GraphAttentionV2` has no such restriction. See `EdgeAttentionLayer` for all else.

    Args:
        units, num_heads, concat, dropout, use_bias, kernel_initializer, kernel_regularizer, seed: see
            `EdgeAttentionLayer`.
        negative_slope: of the LeakyReLU.
        use_kernel: whether there is a matrix W; without it x has H C features already.

    References:
        Graph Attention Networks, Veličković et al., 2018, https://arxiv.org/abs/1710.10903

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import GraphAttention
        >>> layer = GraphAttention(4, num_heads=2)
        >>> layer(np.eye(3), np.array([0, 1]), np.array([2, 2])).shape == (3, 8)
        True
    """

    @validate(negative_slope=fraction, use_kernel=flag)
    def __init__(self, units, *, negative_slope=0.2, use_kernel=True, **kwargs):
        super().__init__(units, **kwargs)
        self.negative_slope, self.use_kernel = negative_slope, bool(use_kernel)

    def add_projections(self, num_features) -> None:
        width = self.num_heads * self.units
        if self.use_kernel:
            add_matrix(self, "value_kernel", (num_features, width), 0)
        elif num_features != width:
            raise ValueError(
                f"use_kernel=False: x has {num_features} features; it must have {width}, units for each head"
            )
        add_matrix(self, "receiver_kernel", (self.num_heads, self.units), 1)
        add_matrix(self, "sender_kernel", (self.num_heads, self.units), 2)

    def messages_and_scores(self, x, senders, receivers) -> tuple[Tensor, Tensor]:
        h = self.split_heads(ops.matmul(x, self.value_kernel) if self.use_kernel else x)
        ends = ((self.receiver_kernel, receivers), (self.sender_kernel, senders))
        terms = [ops.take(ops.sum(ops.multiply(h, a), axis=-1), ids, axis=0) for a, ids in ends]
        return ops.take(h, senders, axis=0), ops.leaky_relu(ops.add(*terms), self.negative_slope)

    def get_config(self) -> dict:
        return {**super().get_config(), "negative_slope": self.negative_slope, "use_kernel": self.use_kernel}


@keras.saving.register_keras_serializable("keras_course")
class GraphAttentionV2(EdgeAttentionLayer):
    """Dynamic graph attention: e_ij = a . LeakyReLU(R h_i + S h_j), v_j = S h_j.

    The nonlinearity stands between the matrices and the vector a, so different nodes can rank their neighbors in
    different orders. See `EdgeAttentionLayer` for all else.

    Args:
        negative_slope: of the LeakyReLU. The others are those of `EdgeAttentionLayer`.

    References:
        How Attentive are Graph Attention Networks?, Brody, Alon and Yahav, 2022, https://arxiv.org/abs/2105.14491

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import GraphAttentionV2
        >>> layer = GraphAttentionV2(4, num_heads=2, concat=False)
        >>> layer(np.eye(3), np.array([0, 1]), np.array([2, 2])).shape == (3, 4)
        True
    """

    @validate(negative_slope=fraction)
    def __init__(self, units, *, negative_slope=0.2, **kwargs):
        super().__init__(units, **kwargs)
        self.negative_slope = negative_slope

    def add_projections(self, num_features) -> None:
        shape = (num_features, self.num_heads * self.units)
        add_matrix(self, "receiver_kernel", shape, 0)
        add_matrix(self, "sender_kernel", shape, 1)
        add_matrix(self, "score_kernel", (self.num_heads, self.units), 2)

    def messages_and_scores(self, x, senders, receivers) -> tuple[Tensor, Tensor]:
        messages = ops.take(self.split_heads(ops.matmul(x, self.sender_kernel)), senders, axis=0)
        own = ops.take(self.split_heads(ops.matmul(x, self.receiver_kernel)), receivers, axis=0)
        pairs = ops.leaky_relu(ops.add(own, messages), self.negative_slope)
        return messages, ops.sum(ops.multiply(pairs, self.score_kernel), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "negative_slope": self.negative_slope}


@keras.saving.register_keras_serializable("keras_course")
class DotProductGraphAttention(EdgeAttentionLayer):
    """Dot-product graph attention: e_ij = Q h_i . K h_j / sqrt(C), v_j = V h_j.

    On a complete graph this is the self-attention of a transformer. See `EdgeAttentionLayer` for all else.

    Args:
        units, num_heads, concat, dropout, use_bias, kernel_initializer, kernel_regularizer, seed: see `GraphAttention`.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import DotProductGraphAttention
        >>> layer = DotProductGraphAttention(4)
        >>> layer(np.eye(3), np.array([0, 1]), np.array([2, 2])).shape == (3, 4)
        True
    """

    def add_projections(self, num_features) -> None:
        shape = (num_features, self.num_heads * self.units)
        for k, name in enumerate(("query_kernel", "key_kernel", "value_kernel")):
            add_matrix(self, name, shape, k)

    def messages_and_scores(self, x, senders, receivers) -> tuple[Tensor, Tensor]:
        queries = ops.take(self.split_heads(ops.matmul(x, self.query_kernel)), receivers, axis=0)
        keys, values = (
            ops.take(self.split_heads(ops.matmul(x, w)), senders, axis=0) for w in (self.key_kernel, self.value_kernel)
        )
        return values, ops.sum(ops.multiply(queries, keys), axis=-1) * self.units**-0.5


class EdgeAttention(NamedTuple):
    """Which neighbors a model attends to.

    Args:
        senders, receivers: int32 `(E,)`, the ends of each edge that the model sees, with self-loops; node k of row b of
            the inputs is number b N + k.
        weights: for each attention layer an array `(E, H)`; those of the edges to one node sum to 1 in every head.
    """

    senders: np.ndarray
    receivers: np.ndarray
    weights: list[np.ndarray]


def edge_attention(model: keras.Model, inputs: dict[str, np.ndarray]) -> EdgeAttention:
    """Return the attention weights of all edges.

    Args:
        model: a built model with layers of graph attention, such as `gat`.
        inputs: what `batch_graphs` returns.

    Returns:
        An `EdgeAttention`, without the edges that are padding.

    Raises:
        ValueError: no layer of the model is one of graph attention, or an input is missing.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, edge_attention, gat
        >>> path = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> attention = edge_attention(gat(3, 2, num_layers=1), batch_graphs([path]))
        >>> attention.receivers.tolist(), attention.weights[0].shape
        ([1, 0, 2, 1, 0, 1, 2], (7, 1))
    """
    check_model(model=model)
    mapping(inputs=inputs)
    layers = [layer for layer in model.layers if isinstance(layer, EdgeAttentionLayer)]
    if not layers:
        raise ValueError(f"model={model.name!r} has no layer of graph attention")
    if missing := {tensor.name for tensor in model.inputs} - inputs.keys():
        raise ValueError(f"inputs has no {', '.join(sorted(missing))}, which the model takes")
    features, (_, *edges) = [layer.input[0] for layer in layers], layers[0].input
    senders, receivers, *features = keras.Model(model.inputs, [*edges, *features])(inputs, training=False)
    weights = [layer.edge_weights(x, senders, receivers) for layer, x in zip(layers, features, strict=True)]
    senders, receivers, *weights = (np.asarray(ops.convert_to_numpy(part)) for part in (senders, receivers, *weights))
    there = receivers != PADDING
    return EdgeAttention(senders[there], receivers[there], [part[there] for part in weights])
