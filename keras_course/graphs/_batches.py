"""Batches of graphs: adjacency matrices with a mask, and batches of one size for `fit`.

Notation: M graphs with a target each, B graphs in a batch.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_course.checks import as_array, finite, flag, numpy_seed, validate, whole
from keras_course.graphs._graph import Graph, batch_graphs, check_graphs, union


@validate(num_nodes=whole(1))
def dense_batch(graphs: Sequence[Graph], *, num_nodes: int | None = None) -> dict[str, np.ndarray]:
    """Return graphs as padded adjacency matrices, for layers that multiply matrices.

    A matrix has N^2 entries, however few edges there are, so this form suits graphs of at most about a hundred nodes.
    The models of this package take what `batch_graphs` returns.

    Args:
        graphs: B graphs, none of which is a union of several.
        num_nodes: N, nodes of a row; by default as many as the largest graph has.

    Returns:
        A dict of arrays: nodes `(B, N, F)`; adjacency `(B, N, N)`, whose entry [b, i, j] is the number of edges from
        node j to node i; mask `(B, N)`, False for padding; if the graphs have them edges `(B, N, N, D)`, with the sum
        of the features of these edges, and globals `(B, D')`. Everything about padded nodes is 0.

    Raises:
        ValueError: a graph is a union, has other features than the first one, or needs more nodes than there is room
            for.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, dense_batch
        >>> batch = dense_batch([Graph(np.ones((1, 4)), [], []), Graph(np.ones((2, 4)), [0], [1])])
        >>> batch["adjacency"].astype(int).tolist(), batch["mask"].tolist()
        ([[[0, 0], [0, 0]], [[0, 0], [1, 0]]], [[True, False], [True, True]])
    """
    for k, graph in enumerate(check_graphs(graphs)):
        if graph.num_graphs > 1:
            raise ValueError(f"graphs[{k}] is a union of {graph.num_graphs} graphs; it must be one graph")
    rows = batch_graphs(graphs, num_nodes=num_nodes)
    mask = rows["graph_ids"] >= 0
    b, e = np.nonzero(rows["receivers"] >= 0)
    ends = b, rows["receivers"][b, e], rows["senders"][b, e]
    size = *mask.shape, mask.shape[1]

    def scatter(shape, values):
        entries = np.zeros(shape, "float32")
        np.add.at(entries, ends, values)
        return entries

    batch = {"nodes": rows["nodes"], "adjacency": scatter(size, 1), "mask": mask}
    if "edges" in rows:
        batch["edges"] = scatter((*size, rows["edges"].shape[-1]), rows["edges"][b, e])
    if "globals" in rows:
        batch["globals"] = rows["globals"][:, 0]
    return batch


class GraphBatches(keras.utils.PyDataset):
    """Batches of graphs and their targets, in an order that is new in each epoch.

    All batches have the same shapes, so that a program is compiled once; only the last batch may have fewer rows. A
    batch has one row for each graph, each padded to the largest graph. With `packed`, it has a single row, the union of
    B graphs, which needs much less padding if the graphs differ in size. Its targets are `(1, B, ...)`, as those of a
    model with num_graphs=B, and a last batch of fewer graphs is left out.

    So that all packed batches have about the same size, each of them gets small and large graphs: the graphs are sorted
    by size and divided into B strata, and a batch holds a random graph of each stratum.

    Args:
        graphs: M graphs.
        y: M targets, one for each graph.
        batch_size: B.
        shuffle: whether the order changes from epoch to epoch.
        seed: of the orders.
        packed: whether a batch is one union.

    Raises:
        ValueError: graphs and targets differ in number, a target is not finite, or a number is out of its range.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, GraphBatches
        >>> graphs = [Graph(np.ones((n, 2)), [], []) for n in (1, 2, 6, 3)]
        >>> x, y = GraphBatches(graphs, np.zeros(4), batch_size=2)[0]
        >>> x["nodes"].shape, y.shape
        ((2, 6, 2), (2,))
        >>> x, y = GraphBatches(graphs, np.zeros(4), batch_size=2, packed=True)[0]
        >>> x["nodes"].shape, y.shape
        ((1, 8, 2), (1, 2))
    """

    @validate(batch_size=whole(1), shuffle=flag, seed=numpy_seed, packed=flag)
    def __init__(self, graphs: Sequence[Graph], y: np.ndarray, batch_size: int, *, shuffle=True, seed=0, packed=False):
        super().__init__()
        self.y = as_array("y", y)
        finite(y=self.y)
        graphs = check_graphs(graphs)
        if len(graphs) != len(self.y):
            raise ValueError(f"graphs and y must have one target for each graph, got {len(graphs)} and {len(self.y)}")
        if packed and batch_size > len(graphs):
            raise ValueError(f"batch_size={batch_size} must be at most {len(graphs)}, the number of graphs, if packed")
        self.graphs, self.batch_size, self.packed = graphs, int(batch_size), bool(packed)
        self.shuffle, self.seed, self.epoch = bool(shuffle), seed, 0
        sizes = np.array([(graph.num_nodes, graph.num_edges, graph.num_graphs) for graph in graphs])
        self.by_size = np.argsort(sizes.sum(axis=1), kind="stable")
        self.sizes = dict(zip(("num_nodes", "num_edges", "num_graphs"), map(int, self._room(sizes)), strict=True))
        self.on_epoch_begin()

    def _room(self, sizes):
        """Return the numbers of nodes, edges and graphs that are enough for a row of every batch."""
        if not self.packed:
            return sizes.max(axis=0)
        used = len(self) * self.batch_size
        if not self.shuffle:
            return sizes[:used].reshape(len(self), self.batch_size, -1).sum(axis=1).max(axis=0)
        highest = np.arange(1, 1 + self.batch_size) * len(self) - 1 + len(sizes) - used  # rank in each stratum
        return np.maximum.accumulate(sizes[self.by_size])[highest].sum(axis=0)

    def __len__(self) -> int:
        return len(self.graphs) // self.batch_size if self.packed else -(-len(self.graphs) // self.batch_size)

    def __getitem__(self, index) -> tuple:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        graphs, y = [self.graphs[k] for k in chosen], self.y[chosen]
        if self.packed:
            graphs, y = [union(graphs)], y[None]
        return batch_graphs(graphs, **self.sizes), y

    def on_epoch_begin(self) -> None:
        """Choose the order of the epoch."""
        self.order, rng = np.arange(len(self.graphs)), np.random.default_rng((self.seed, self.epoch))
        self.epoch += 1
        if self.shuffle and self.packed:
            ranks = np.sort(rng.permutation(self.order)[: len(self) * self.batch_size])
            strata = self.by_size[ranks].reshape(self.batch_size, len(self))
            self.order = rng.permuted(strata, axis=1).T.ravel()
        elif self.shuffle:
            rng.shuffle(self.order)
