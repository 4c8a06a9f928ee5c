"""Transformers and convolutional networks as graph networks: what they send along which edges.

Notation: N nodes; an edge leads from a sender j to a receiver i, and every node is its own neighbor, too.
"""

import numpy as np
from keras import ops

from keras_course.checks import validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops import segment_softmax, segment_sum
from keras_course.ops._types import Tensor


@validate(num_nodes=whole(1))
def complete_graph(num_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges between every two nodes, and one from each node to itself: two int32 arrays `(N^2,)`.

    Example:
        >>> from keras_course.graphs import complete_graph
        >>> senders, receivers = complete_graph(2)
        >>> senders.tolist(), receivers.tolist()
        ([0, 1, 0, 1], [0, 0, 1, 1])
    """
    nodes = np.arange(num_nodes, dtype="int32")
    return np.tile(nodes, num_nodes), np.repeat(nodes, num_nodes)


@validate(height=whole(1), width=whole(1))
def grid_graph(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the graph of the pixels of an image: each pixel has an edge from the pixels around it and from itself.

    Args:
        height, width: of the image; pixel (row, column) is node row * width + column.

    Returns:
        (senders, receivers, relations), int32 arrays `(E,)`. A relation 0..8 says where the sender lies as seen from
        the receiver, row by row: 0 is above on the left, 4 the pixel itself, 8 below on the right.

    Example:
        >>> from keras_course.graphs import grid_graph
        >>> senders, receivers, relations = grid_graph(1, 2)
        >>> senders.tolist(), receivers.tolist(), relations.tolist()
        ([0, 0, 1, 1], [1, 0, 1, 0], [3, 4, 4, 5])
    """
    rows, columns = np.divmod(np.arange(height * width), width)
    edges = []
    for relation in range(9):
        down, right = relation // 3 - 1, relation % 3 - 1
        inside = (rows + down >= 0) & (rows + down < height) & (columns + right >= 0) & (columns + right < width)
        receivers = np.flatnonzero(inside)
        edges.append((receivers + down * width + right, receivers, np.full(len(receivers), relation)))
    return tuple(np.concatenate(part).astype("int32") for part in zip(*edges, strict=True))


@on_tensors(q=3, k=3, v=3)
def transformer_as_gnn(q, k, v) -> Tensor:
    """Self-attention as message passing on the complete graph of the tokens.

    Takes q, k, v `(N, H, D)` of N tokens and H heads; returns `(N, H, D)`, the same as `keras_course.layers.attention`:

        e_ij = q_i . k_j / sqrt(D),  alpha_ij = softmax of e_ij over all j,  y_i = sum_j alpha_ij v_j

    A transformer is a graph network whose graph joins every two tokens. It learns from the data which edges matter.

    Raises:
        ValueError: q, k and v differ in their numbers of tokens or heads, or q and k in D.

    References:
        Transformers are Graph Neural Networks, Joshi, 2020, https://thegradient.pub/transformers-are-graph-neural-networks

    Example:
        >>> import keras
        >>> from keras_course.graphs import transformer_as_gnn
        >>> x = keras.ops.ones((5, 2, 4))
        >>> transformer_as_gnn(x, x, x).shape == (5, 2, 4)
        True
    """
    shapes = tuple(q.shape), tuple(k.shape), tuple(v.shape)
    if shapes[0] != shapes[1] or shapes[0][:2] != shapes[2][:2]:
        raise ValueError(f"q, k, v have shapes {shapes}; there must be as many rows and heads in all, and q must fit k")
    num_nodes = q.shape[0]
    senders, receivers = complete_graph(num_nodes)
    products = ops.multiply(ops.take(q, receivers, axis=0), ops.take(k, senders, axis=0))
    scores = ops.sum(products, axis=-1) * q.shape[-1] ** -0.5
    weights = segment_softmax(scores, receivers, num_nodes)
    return segment_sum(ops.multiply(weights[..., None], ops.take(v, senders, axis=0)), receivers, num_nodes)


@on_tensors(image=3, kernel=4)
def cnn_as_gnn(image, kernel) -> Tensor:
    """Convolution with a 3x3 kernel as message passing on the grid of the pixels, with nine kinds of edges.

    Takes an image `(height, width, C)` and a kernel `(3, 3, C, K)`; returns `(height, width, K)`, the same as a
    convolution with zero padding:

        y_i = sum_r sum_{j in N_r(i)} W_r x_j

    N_r(i) holds the pixel that lies in direction r from pixel i, and W_r is the matrix at that position of the kernel.
    A graph convolution has one matrix for all edges, because the neighbors of a node have no order.

    Raises:
        ValueError: the kernel is not 3x3, or its channels are not those of the image.

    Example:
        >>> import keras
        >>> from keras_course.graphs import cnn_as_gnn
        >>> y = cnn_as_gnn(keras.ops.ones((3, 3, 1)), keras.ops.ones((3, 3, 1, 1)))
        >>> [[int(number) for number in row] for row in y[..., 0]]
        [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    """
    height, width, channels = image.shape
    if tuple(kernel.shape[:3]) != (3, 3, channels):
        raise ValueError(f"kernel has shape {tuple(kernel.shape)}; it must be (3, 3, {channels}, K)")
    senders, receivers, relations = grid_graph(height, width)
    x = ops.reshape(image, (-1, channels))
    matrices = ops.take(ops.reshape(kernel, (9, channels, -1)), relations, axis=0)
    messages = ops.matmul(ops.take(x, senders, axis=0)[:, None], matrices)[:, 0]
    return ops.reshape(segment_sum(messages, receivers, height * width), (height, width, -1))
