"""Layers that connect an alignment of sequences with a representation of pairs of residues.

Notation: alignment m (B, S, L, C) of S sequences with L residues; pairs z (B, L, L, E), one vector for each ordered
pair (i, j) of residues. H heads.
"""

import keras
from keras import ops

from keras_course.checks import choice, flag, validate, whole
from keras_course.layers import Dense, MultiHeadAttention, sibling
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor

EPSILON = 1e-5  # added to the variance of a normalization


class PairLayer(keras.layers.Layer):
    """What the layers of this module share: a normalization of the input and dense layers with siblings of a kernel."""

    def __init__(self, *, initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.initializer, self._count = get_initializer(initializer=initializer), 0

    def add_norm(self, name, shape) -> keras.layers.Layer:
        """Return a layer normalization that is built for features of this shape."""
        layer = keras.layers.LayerNormalization(epsilon=EPSILON, dtype=self.dtype_policy, name=name)
        layer.build(shape)
        return layer

    def add_dense(self, name, units, shape, **options) -> keras.layers.Layer:
        """Return a dense layer that is built for features of this shape, with initial weights of its own."""
        options = {"kernel_initializer": sibling(self.initializer, self._count)} | options
        layer = Dense(units, dtype=self.dtype_policy, name=name, **options)
        layer.build(shape)
        self._count += 1
        return layer

    def get_config(self) -> dict:
        return {**super().get_config(), "initializer": keras.initializers.serialize(self.initializer)}


@keras.saving.register_keras_serializable("keras_course")
class PairEmbedding(PairLayer):
    """What is known of a pair from one sequence alone: the two letters, and how far apart they are in the chain.

    Takes letters x `(B, L)` and returns `(B, L, L, E)`:

        z_ij = U[x_i] + V[x_j] + R[clip(i - j, -r, r)]

    Args:
        num_letters: number of letters.
        pair_dim: width E.
        max_distance: r; residues that are further apart in the chain share a row of R.
        initializer: initializer of the three tables.

    Raises:
        ValueError: a number is out of its range.

    References:
        Highly accurate protein structure prediction with AlphaFold (supplement, algorithms 3 and 4), Jumper et al.,
        2021, https://doi.org/10.1038/s41586-021-03819-2

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import PairEmbedding
        >>> PairEmbedding(4, 8)(np.array([[3, 0, 1]])).shape == (1, 3, 3, 8)
        True
    """

    @validate(num_letters=whole(1), pair_dim=whole(1), max_distance=whole(1))
    def __init__(self, num_letters, pair_dim, *, max_distance=16, initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, **kwargs)
        self.num_letters, self.pair_dim, self.max_distance = int(num_letters), int(pair_dim), int(max_distance)

    def build(self, x_shape) -> None:
        self.left_initializer, self.right_initializer, self.distances_initializer = (
            sibling(self.initializer, k) for k in range(3)
        )
        self.left = self._table("left", self.num_letters)
        self.right = self._table("right", self.num_letters)
        self.distances = self._table("distances", 2 * self.max_distance + 1)

    def _table(self, name, rows):
        initializer = getattr(self, f"{name}_initializer")
        return self.add_weight(name=name, shape=(rows, self.pair_dim), initializer=initializer)

    def call(self, x) -> Tensor:
        left, right, distances = (ops.cast(w, self.compute_dtype) for w in (self.left, self.right, self.distances))
        x, i = ops.cast(x, "int32"), ops.arange(x.shape[1], dtype="int32")
        rows = self.max_distance + ops.clip(i[:, None] - i, -self.max_distance, self.max_distance)
        left, right = ops.take(left, x, axis=0), ops.take(right, x, axis=0)
        return left[:, :, None] + right[:, None] + ops.take(distances, rows, axis=0)

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor((x.shape[0], x.shape[1], x.shape[1], self.pair_dim), self.compute_dtype)

    def get_config(self) -> dict:
        sizes = {name: getattr(self, name) for name in ("num_letters", "pair_dim", "max_distance")}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable("keras_course")
class OuterProductMean(PairLayer):
    """From the alignment to the pairs: the mean over sequences of the outer product of two columns.

    Takes m `(B, S, L, C)` and returns `(B, L, L, E)`:

        a_si, b_si = W_a norm(m_si), W_b norm(m_si),  z_ij = W_o vec(1/S sum_s a_si b_sj') + c

    If the means of a and b over the sequences are 0, the outer product mean is the covariance of columns i and j.

    Args:
        pair_dim: width E of the output.
        hidden_dim: width of a and of b.
        initializer: initializer of the kernels.

    Raises:
        ValueError: a number is out of its range.

    References: algorithm 10 of the reference of `PairEmbedding`.

    Example:
        >>> import keras
        >>> from keras_course.attention import OuterProductMean
        >>> OuterProductMean(8)(keras.ops.ones((1, 5, 3, 6))).shape == (1, 3, 3, 8)
        True
    """

    @validate(pair_dim=whole(1), hidden_dim=whole(1))
    def __init__(self, pair_dim, *, hidden_dim=8, initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, **kwargs)
        self.pair_dim, self.hidden_dim = int(pair_dim), int(hidden_dim)

    def build(self, m_shape) -> None:
        self.norm = self.add_norm("norm", m_shape)
        self.left = self.add_dense("left", self.hidden_dim, m_shape)
        self.right = self.add_dense("right", self.hidden_dim, m_shape)
        self.projection = self.add_dense("projection", self.pair_dim, (*m_shape[:1], self.hidden_dim**2))

    def call(self, m) -> Tensor:
        m = self.norm(m)
        products = ops.einsum("bsic,bsjd->bijcd", self.left(m), self.right(m)) / m.shape[1]
        return self.projection(ops.reshape(products, (*ops.shape(products)[:3], self.hidden_dim**2)))

    def compute_output_spec(self, m) -> keras.KerasTensor:
        return keras.KerasTensor((m.shape[0], m.shape[2], m.shape[2], self.pair_dim), self.compute_dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "pair_dim": self.pair_dim, "hidden_dim": self.hidden_dim}


@keras.saving.register_keras_serializable("keras_course")
class TriangleMultiplication(PairLayer):
    """The edge (i, j) is updated from the two other edges of every triangle (i, j, k).

    Takes z `(B, L, L, E)` and returns `(B, L, L, E)`, with x = norm(z):

        a, b = sigmoid(x G) * x W,  t_ij = sum_k a_ik * b_jk (outgoing) or sum_k a_ki * b_kj (incoming)
        y_ij = sigmoid(x_ij G_o) * norm(t_ij) W_o

    Args:
        hidden_dim: width of a and of b; None for E.
        outgoing: whether the edges start at i and j, or end there.
        initializer: initializer of the kernels.

    Raises:
        ValueError: a number is out of its range.

    References: algorithms 11 and 12 of the reference of `PairEmbedding`.

    Example:
        >>> import keras
        >>> from keras_course.attention import TriangleMultiplication
        >>> TriangleMultiplication()(keras.ops.ones((1, 5, 5, 6))).shape == (1, 5, 5, 6)
        True
    """

    @validate(hidden_dim=whole(1), outgoing=flag)
    def __init__(self, hidden_dim=None, *, outgoing=True, initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, **kwargs)
        self.hidden_dim, self.outgoing = hidden_dim and int(hidden_dim), bool(outgoing)

    def build(self, z_shape) -> None:
        width, hidden = z_shape[-1], self.hidden_dim or z_shape[-1]
        self.norm = self.add_norm("norm", z_shape)
        self.edges = self.add_dense("edges", 2 * hidden, z_shape)
        self.edge_gates = self.add_dense("edge_gates", 2 * hidden, z_shape, bias_initializer="ones")
        self.gates = self.add_dense("gates", width, z_shape, bias_initializer="ones")
        self.triangle_norm = self.add_norm("triangle_norm", (*z_shape[:-1], hidden))
        self.projection = self.add_dense("projection", width, (*z_shape[:-1], hidden))

    def call(self, z) -> Tensor:
        z = self.norm(z)
        a, b = ops.split(ops.sigmoid(self.edge_gates(z)) * self.edges(z), 2, axis=-1)
        triangles = ops.einsum("bikc,bjkc->bijc" if self.outgoing else "bkic,bkjc->bijc", a, b)
        return ops.sigmoid(self.gates(z)) * self.projection(self.triangle_norm(triangles))

    def compute_output_shape(self, z_shape) -> tuple:
        return z_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden_dim": self.hidden_dim, "outgoing": self.outgoing}


@keras.saving.register_keras_serializable("keras_course")
class AxialAttention(PairLayer):
    """Attention along one axis of a table, with a bias from the pairs.

    Takes x `(B, S, L, C)` and, as an option, pairs z `(B, L, L, E)`; returns `(B, S, L, C)`. Along the rows, each of
    the S sequences attends to itself, and the scores of positions i and j get a bias from z_ij for each head:

        y = attention(norm(x), bias = norm(z) W_z)

    Along the columns, each of the L positions attends over the S sequences. With x = z this is triangle attention:
    along the rows around the starting node (z_ij looks at z_ik, with a bias from z_jk), along the columns around the
    ending node (z_ij looks at z_kj, with a bias from z_ki).

    Args:
        num_heads: number H of heads; it must divide C.
        along: "rows" or "columns".
        initializer: initializer of the kernels.

    Raises:
        ValueError: a number is out of its range, an unknown `along`, or (when built) `num_heads` does not divide C.

    Differences from the paper: the output is not gated.

    References: algorithms 7, 8, 13 and 14 of the reference of `PairEmbedding`.

    Example:
        >>> import keras
        >>> from keras_course.attention import AxialAttention
        >>> AxialAttention(2)(keras.ops.ones((1, 5, 3, 6)), keras.ops.ones((1, 3, 3, 4))).shape == (1, 5, 3, 6)
        True
    """

    @validate(num_heads=whole(1), along=choice("rows", "columns"))
    def __init__(self, num_heads, *, along="rows", initializer="glorot_uniform", **kwargs):
        super().__init__(initializer=initializer, **kwargs)
        self.num_heads, self.along = int(num_heads), along
        kernels = {"kernel_initializer": self.initializer, "projection_initializer": sibling(self.initializer, 0)}
        self.attention = MultiHeadAttention(self.num_heads, qkv_bias=False, dtype=self.dtype_policy, **kernels)
        self._count = 1

    def build(self, x_shape, z_shape=None) -> None:
        self.norm = self.add_norm("norm", x_shape)
        self.attention.build((None, x_shape[2 if self.along == "rows" else 1], x_shape[-1]))
        if z_shape is not None:
            self.pair_norm = self.add_norm("pair_norm", z_shape)
            self.pair_bias = self.add_dense("pair_bias", self.num_heads, z_shape, use_bias=False)

    def call(self, x, z=None) -> Tensor:
        x = self.norm(x)
        if self.along == "columns":
            x, z = ops.swapaxes(x, 1, 2), None if z is None else ops.swapaxes(z, 1, 2)
        shape, bias = ops.shape(x), None
        if z is not None:
            bias = ops.transpose(self.pair_bias(self.pair_norm(z)), (0, 3, 1, 2))  # (B, H, L, L)
            bias = ops.repeat(bias, shape[1], axis=0)  # the same one for each row
        y = self.attention(ops.reshape(x, (-1, *shape[2:])), bias=bias)
        y = ops.reshape(y, (-1, *shape[1:]))
        return ops.swapaxes(y, 1, 2) if self.along == "columns" else y

    def compute_output_shape(self, x_shape, z_shape=None) -> tuple:
        return x_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "num_heads": self.num_heads, "along": self.along}
