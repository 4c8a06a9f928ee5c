"""A graph as arrays, the disjoint union of several graphs, and batches of one static size.

Notation: N nodes with F features, E directed edges with D features, G graphs. Edge e leads from node senders[e] to node
receivers[e]; an undirected edge is two directed ones.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_course.checks import as_array, validate, whole

PADDING = -1  # the id of a sender, a receiver and a graph that pad a batch


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """One graph, or the disjoint union of several.

    Args:
        nodes: `(N, F)` features, float32, with N >= 1.
        senders: `(E,)` integers in 0..N-1, where each edge starts.
        receivers: `(E,)` integers in 0..N-1, where each edge ends.
        edges: `(E, D)` features of the edges, or None.
        globals: `(G, D')` features of the graphs, or None.
        graph_ids: `(N,)` integers 0..G-1, in ascending order: the graph that a node belongs to. None is one graph.

    Raises:
        ValueError: an array has another shape, a feature is not finite, or an id is not one of a node or a graph.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph
        >>> path = Graph(np.zeros((3, 2)), senders=[0, 1, 1, 2], receivers=[1, 0, 2, 1])
        >>> path.num_nodes, path.num_edges, path.num_graphs
        (3, 4, 1)
    """

    nodes: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    edges: np.ndarray | None = None
    globals: np.ndarray | None = None
    graph_ids: np.ndarray | None = None

    def __post_init__(self):
        nodes = _features("nodes", self.nodes)
        if not len(nodes):
            raise ValueError("nodes has no rows; a graph has at least one node")
        senders, receivers = (_ids(name, getattr(self, name), len(nodes)) for name in ("senders", "receivers"))
        if len(senders) != len(receivers):
            raise ValueError(f"senders and receivers have {len(senders)} and {len(receivers)} entries; they must agree")
        ids = np.zeros(len(nodes), "int32") if self.graph_ids is None else self._check_graph_ids(len(nodes))
        found = {"nodes": nodes, "senders": senders, "receivers": receivers, "graph_ids": ids}
        for name, rows in (("edges", len(senders)), ("globals", 1 + int(ids.max()))):
            if (value := getattr(self, name)) is not None:
                found[name] = _features(name, value)
                if len(found[name]) != rows:
                    raise ValueError(f"{name} has {len(found[name])} rows; it must have {rows}")
        if np.any(ids[senders] != ids[receivers]):
            e = int(np.flatnonzero(ids[senders] != ids[receivers])[0])
            raise ValueError(f"graph_ids: edge {e} leads from graph {ids[senders[e]]} to graph {ids[receivers[e]]}")
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def _check_graph_ids(self, num_nodes):
        ids = _whole("graph_ids", self.graph_ids)
        if ids.shape != (num_nodes,):
            raise ValueError(f"graph_ids has shape {ids.shape}; it must be ({num_nodes},), one id for each node")
        if ids[0] != 0 or not np.isin(np.diff(ids), (0, 1)).all():
            raise ValueError(f"graph_ids={ids[:8]}... must be 0..G-1 in ascending order, without gaps")
        return ids.astype("int32")

    @property
    def num_nodes(self) -> int:
        """The number N of nodes."""
        return len(self.nodes)

    @property
    def num_edges(self) -> int:
        """The number E of directed edges."""
        return len(self.senders)

    @property
    def num_graphs(self) -> int:
        """The number G of graphs in the union."""
        return 1 + int(self.graph_ids[-1])


def _features(name, value):
    array = as_array(name, value)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise ValueError(f"{name} has shape {array.shape} and type {array.dtype}; it must be rows of numbers")
    array = array.astype("float32")
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name}[{row}, {column}]={array[row, column]} must be finite")
    return array


def _whole(name, value):
    array = as_array(name, value)
    if array.size == 0:
        array = array.astype("int32")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} has shape {array.shape} and type {array.dtype}; it must be a row of integers")
    return array


def _ids(name, value, num_nodes):
    array = _whole(name, value)
    wrong = np.flatnonzero((array < 0) | (array >= num_nodes))
    if len(wrong):
        e = int(wrong[0])
        raise ValueError(f"{name}[{e}]={array[e]}: edge {e} needs a node {array[e]}; the nodes are 0..{num_nodes - 1}")
    return array.astype("int32")


def union(graphs: Sequence[Graph]) -> Graph:
    """Return the disjoint union of graphs as one graph: their nodes one after the other, and no edge between them.

    Args:
        graphs: at least one `Graph`; all with the same features.

    Returns:
        A `Graph` whose `graph_ids` tell the graphs apart.

    Raises:
        ValueError: there is no graph, or they differ in their features.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, union
        >>> edge = Graph(np.zeros((2, 1)), [0], [1])
        >>> both = union([edge, edge])
        >>> both.senders.tolist(), both.graph_ids.tolist()
        ([0, 2], [0, 0, 1, 1])
    """
    graphs = check_graphs(graphs)
    node_offsets = np.cumsum([0, *(graph.num_nodes for graph in graphs[:-1])])
    graph_offsets = np.cumsum([0, *(graph.num_graphs for graph in graphs[:-1])])

    def joined(name, offsets=None):
        parts = [getattr(graph, name) for graph in graphs]
        if parts[0] is None:
            return None
        return np.concatenate(parts if offsets is None else [p + k for p, k in zip(parts, offsets, strict=True)])

    return Graph(
        nodes=joined("nodes"),
        senders=joined("senders", node_offsets),
        receivers=joined("receivers", node_offsets),
        edges=joined("edges"),
        globals=joined("globals"),
        graph_ids=joined("graph_ids", graph_offsets),
    )


def check_graphs(graphs) -> list[Graph]:
    """Return graphs as a list; a ValueError unless there is one, and all have the same features."""
    if not isinstance(graphs, Sequence) or not graphs or not all(isinstance(graph, Graph) for graph in graphs):
        raise ValueError(f"graphs={graphs!r} must be a list of Graph, with one at least")
    kinds = [tuple(None if part is None else part.shape[1] for part in (g.nodes, g.edges, g.globals)) for g in graphs]
    for k, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise ValueError(
                f"graphs[{k}] has (node, edge, global) features {kind}, and graphs[0] has {kinds[0]}; all graphs must "
                "have the same"
            )
    return list(graphs)


@validate(num_nodes=whole(1), num_edges=whole(0), num_graphs=whole(1))
def batch_graphs(
    graphs: Sequence[Graph],
    *,
    num_nodes: int | None = None,
    num_edges: int | None = None,
    num_graphs: int | None = None,
) -> dict[str, np.ndarray]:
    """Return graphs as inputs of a model: one row for each `Graph`, padded to one size, so that a program fits all.

    `dense_batch` returns adjacency matrices in place of lists of edges.

    Args:
        graphs: B graphs; each may be a `union` of several.
        num_nodes: N, nodes of a row; by default those of the largest graph.
        num_edges: E, edges of a row; by default those of the largest graph.
        num_graphs: G, graphs of a row; by default the most that a row has.

    Returns:
        A dict of arrays: nodes `(B, N, F)`; senders and receivers `(B, E)`, -1 for padding; graph_ids `(B, N)`, -1 for
        padding; if the graphs have them edges `(B, E, D)` and globals `(B, G, D')`. Padded features are 0.

    Raises:
        ValueError: a row needs more than there is room for; the message tells the size needed.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, batch_graphs
        >>> small, large = Graph(np.ones((1, 2)), [], []), Graph(np.ones((3, 2)), [0, 1], [1, 2])
        >>> batch = batch_graphs([small, large])
        >>> batch["nodes"].shape, batch["senders"].tolist(), batch["graph_ids"].tolist()
        ((2, 3, 2), [[-1, -1], [0, 1]], [[0, -1, -1], [0, 0, 0]])
    """
    graphs = check_graphs(graphs)
    sizes = {"num_nodes": num_nodes, "num_edges": num_edges, "num_graphs": num_graphs}
    for name, given in sizes.items():
        needed = max(getattr(graph, name) for graph in graphs)
        sizes[name] = needed if given is None else given
        if sizes[name] < needed:
            raise ValueError(f"{name}={given} is too small: a row needs {name}={needed}")
    rows = {"nodes": ("num_nodes", 0), "graph_ids": ("num_nodes", PADDING), "senders": ("num_edges", PADDING)}
    rows |= {"receivers": ("num_edges", PADDING), "edges": ("num_edges", 0), "globals": ("num_graphs", 0)}
    return {
        name: np.stack([_pad(getattr(graph, name), sizes[size], value) for graph in graphs])
        for name, (size, value) in rows.items()
        if getattr(graphs[0], name) is not None
    }


def _pad(array, length, value):
    return np.pad(array, [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1), constant_values=value)
