"""Features of nodes of which most are zero, such as the words of a paper: only the others are stored and multiplied.

Notation: N nodes with F features, of which at most K differ from 0 at one node.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_real, mapping, validate, whole
from keras_course.graphs._graph import PADDING
from keras_course.layers._initializers import get_initializer
from keras_course.layers._regularizers import get_regularizer
from keras_course.ops._types import Tensor


@validate(batch=mapping)
def sparse_features(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what `batch_graphs` returned with only the features that differ from 0, as a model with `sparse` takes it.

    Args:
        batch: a dict with nodes `(B, N, F)`.

    Returns:
        The dict without nodes, and with feature_ids `(B, N, K)` int32, -1 for padding, and feature_values `(B, N, K)`.

    Raises:
        ValueError: `batch` has no nodes, or they have another number of axes.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs, sparse_features
        >>> batch = sparse_features(batch_graphs([Graph([[0, 0, 5], [0, 2, 3]], [], [])]))
        >>> batch["feature_ids"].tolist(), batch["feature_values"].tolist()
        ([[[2, -1], [1, 2]]], [[[5.0, 0.0], [2.0, 3.0]]])
    """
    if "nodes" not in batch:
        raise ValueError(f"batch has {sorted(batch)}; it must have nodes, as `batch_graphs` returns it")
    nodes = as_real("batch['nodes']", batch["nodes"])
    if nodes.ndim != 3:
        raise ValueError(f"batch['nodes'] has shape {nodes.shape}; it must be (B, N, F)")
    there = nodes != 0
    width = max(1, int(there.sum(axis=-1).max()))
    ids = np.argsort(~there, axis=-1, kind="stable")[..., :width]  # those of the features that are there come first
    values = np.take_along_axis(nodes, ids, axis=-1)
    ids = np.where(values != 0, ids, PADDING).astype("int32")
    return {"feature_ids": ids, "feature_values": values} | {key: x for key, x in batch.items() if key != "nodes"}


@keras.saving.register_keras_serializable("keras_course")
class SparseProjection(keras.layers.Layer):
    """The product of features of which most are zero and a matrix: h_i = sum_k v_ik W[f_ik].

    It is a weighted sum of rows of W, one for each feature that a node has. Takes values and ids `(N, K)`, where a
    negative id is padding; returns `(N, units)`.

    Args:
        num_features: F, rows of W.
        units: columns of W.
        kernel_initializer: initializer of W.
        kernel_regularizer: penalty on W, a regularizer of Keras, or None.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course.graphs import SparseProjection
        >>> layer = SparseProjection(10, 1, kernel_initializer="ones")
        >>> y = layer(np.array([[0.5, 2.0], [3.0, 0.0]]), np.array([[4, 9], [0, -1]]))
        >>> keras.ops.convert_to_numpy(y)[:, 0].tolist()
        [2.5, 3.0]
    """

    @validate(num_features=whole(1), units=whole(1))
    def __init__(self, num_features, units, *, kernel_initializer="glorot_uniform", kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.num_features, self.units = int(num_features), int(units)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.kernel_regularizer = get_regularizer(kernel_regularizer=kernel_regularizer)

    def build(self, values_shape, ids_shape=None) -> None:
        shape = (self.num_features, self.units)
        options = {"initializer": self.kernel_initializer, "regularizer": self.kernel_regularizer}
        self.kernel = self.add_weight(name="kernel", shape=shape, **options)

    def call(self, values, ids) -> Tensor:
        values = ops.where(ids < 0, ops.zeros_like(values), values)
        rows = ops.take(ops.convert_to_tensor(self.kernel), ops.maximum(ids, 0), axis=0)
        return ops.sum(ops.multiply(rows, values[..., None]), axis=-2)

    def compute_output_spec(self, values, ids) -> keras.KerasTensor:
        return keras.KerasTensor((*values.shape[:-1], self.units), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
