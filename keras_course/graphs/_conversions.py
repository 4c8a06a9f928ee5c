"""Graphs of other libraries: networkx, scipy.sparse and torch_geometric.

Notation: N nodes with F features, E directed edges with D features; edge e leads from senders[e] to receivers[e].
"""

from typing import Any

import numpy as np

from keras_course.checks import as_array, instance, string, validate
from keras_course.graphs._graph import Graph
from keras_course.ops._foreign import torch_tensor


@validate(graph=instance(Graph), feature=string)
def to_networkx(graph: Graph, feature: str = "x") -> Any:
    """Return a graph as a `networkx.MultiDiGraph`: nodes 0..N-1, and all edges in their order.

    Args:
        graph: a `Graph`.
        feature: name of the attribute of nodes, and of edges if they have features, that holds the features.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, to_networkx
        >>> path = to_networkx(Graph(np.eye(3), [0, 1, 1, 2], [1, 0, 2, 1]))
        >>> path.number_of_nodes(), path.number_of_edges(), list(path.successors(1))
        (3, 4, [0, 2])
    """
    import networkx

    other = networkx.MultiDiGraph()
    other.add_nodes_from((k, {feature: row}) for k, row in enumerate(graph.nodes))
    for e, (start, end) in enumerate(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True)):
        other.add_edge(start, end, key=e, **({} if graph.edges is None else {feature: graph.edges[e]}))
    return other


@validate(feature=string)
def from_networkx(other: Any, feature: str = "x") -> Graph:
    """Return a graph of networkx, directed or not; an undirected edge becomes two directed ones, one after the other.

    Nodes get the numbers 0..N-1 in the order in which networkx lists them.

    Args:
        other: a graph of networkx.
        feature: name of the attribute that holds the features, numbers or rows of numbers. A graph whose nodes have
            none gets one feature for each node, its degree. Features of edges are taken if the first edge has some.

    Raises:
        ValueError: `other` is no graph of networkx, has no nodes, or a node has no features while others do.

    Example:
        >>> import networkx
        >>> from keras_course.graphs import from_networkx
        >>> path = from_networkx(networkx.path_graph(3))
        >>> path.senders.tolist(), path.receivers.tolist(), path.nodes[:, 0].tolist()
        ([0, 1, 1, 2], [1, 0, 2, 1], [1.0, 2.0, 1.0])
    """
    if not hasattr(other, "is_directed") or not hasattr(other, "nodes"):
        raise ValueError(f"other={type(other).__name__} must be a graph of networkx")
    places = {node: k for k, node in enumerate(other.nodes)}
    pairs = [(places[start], places[end], data) for start, end, data in other.edges(data=True)]
    if not other.is_directed():
        pairs = [pair for i, j, data in pairs for pair in ([(i, j, data), (j, i, data)] if i != j else [(i, j, data)])]
    rows = [data.get(feature) for _, data in other.nodes(data=True)]
    if all(row is None for row in rows):
        rows = [degree for _, degree in other.degree()]
    nodes = _rows("node", rows, list(places))
    edges = None
    if pairs and pairs[0][2].get(feature) is not None:
        edges = _rows("edge", [data.get(feature) for *_, data in pairs], [pair[:2] for pair in pairs])
    return Graph(nodes, [i for i, _, _ in pairs], [j for _, j, _ in pairs], edges=edges)


def _rows(kind, rows, names):
    for row, name in zip(rows, names, strict=True):
        if row is None:
            raise ValueError(f"other: {kind} {name!r} has no features, and another {kind} has some")
    return np.array([np.atleast_1d(row) for row in rows], "float32").reshape(len(rows), -1)


@validate(graph=instance(Graph))
def to_scipy(graph: Graph) -> Any:
    """Return the adjacency matrix of a graph, a `scipy.sparse.csr_array` A `(N, N)`.

    A[i, j] is the number of edges from node j to node i, so A x sums over the neighbors of each node. (networkx and
    `scipy.sparse.csgraph` have the transposed matrix.)

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, to_scipy
        >>> to_scipy(Graph(np.eye(3), [0, 1], [1, 2])).toarray().astype(int).tolist()
        [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    """
    import scipy.sparse

    entries = np.ones(graph.num_edges, "float32"), (graph.receivers, graph.senders)
    return scipy.sparse.coo_array(entries, shape=(graph.num_nodes, graph.num_nodes)).tocsr()


def from_scipy(adjacency: Any, nodes: np.ndarray) -> Graph:
    """Return the graph of an adjacency matrix: an edge from node j to node i wherever A[i, j] is not 0.

    The edges are in the order of the entries; `dmpnn` needs the order that `paired_edges` returns.

    Args:
        adjacency: A `(N, N)`, a sparse matrix or array of scipy.
        nodes: `(N, F)` features.

    Returns:
        A `Graph`. If there are other entries than 1, they are the features of the edges, `(E, 1)`.

    Raises:
        ValueError: the matrix is not one of scipy, or has another shape.

    Example:
        >>> import numpy as np
        >>> import scipy.sparse
        >>> from keras_course.graphs import from_scipy
        >>> graph = from_scipy(scipy.sparse.csr_array([[0, 1], [0, 0]]), np.eye(2))
        >>> graph.senders.tolist(), graph.receivers.tolist()
        ([1], [0])
    """
    import scipy.sparse

    if not scipy.sparse.issparse(adjacency):
        raise ValueError(f"adjacency={type(adjacency).__name__} must be a sparse matrix of scipy")
    nodes = as_array("nodes", nodes)
    if adjacency.shape != (len(nodes), len(nodes)):
        raise ValueError(f"adjacency has shape {adjacency.shape}; it must be {(len(nodes), len(nodes))}, as nodes has")
    entries = adjacency.tocoo()
    there = entries.data != 0
    senders, receivers, values = entries.col[there], entries.row[there], entries.data[there]
    edges = None if (values == 1).all() else np.asarray(values, "float32")[:, None]
    return Graph(nodes, senders.astype("int32"), receivers.astype("int32"), edges=edges)


@validate(graph=instance(Graph))
def to_torch_geometric(graph: Graph) -> Any:
    """Return a graph as a `torch_geometric.data.Data` with x, edge_index, edge_attr and batch.

    Needs torch_geometric, whichever backend runs. Features of the graph become its attribute u.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, to_torch_geometric
        >>> data = to_torch_geometric(Graph(np.eye(3), [0, 1], [1, 2]))     # doctest: +SKIP
    """
    from torch_geometric.data import Data

    edge_index = np.stack([graph.senders, graph.receivers]).astype("int64")
    parts = {"x": graph.nodes, "edge_index": edge_index, "edge_attr": graph.edges, "u": graph.globals}
    parts["batch"] = graph.graph_ids.astype("int64")
    return Data(**{name: torch_tensor(part) for name, part in parts.items() if part is not None})


def from_torch_geometric(data: Any) -> Graph:
    """Return a `torch_geometric.data.Data` or `Batch` with features x and edge_index as a `Graph`.

    The edges keep their order; `dmpnn` needs the order that `paired_edges` returns.

    Args:
        data: an object with x `(N, F)` and edge_index `(2, E)`; edge_attr `(E, D)`, u `(G, D')` and batch `(N,)` if it
            has them.

    Raises:
        ValueError: `data` has no x or no edge_index.

    Example:
        >>> import types
        >>> import numpy as np
        >>> from keras_course.graphs import from_torch_geometric
        >>> data = types.SimpleNamespace(x=np.eye(3), edge_index=np.array([[0, 1], [1, 2]]))
        >>> from_torch_geometric(data).receivers.tolist()
        [1, 2]
    """
    names = ("x", "edge_index", "edge_attr", "u", "batch")
    found = {name: _numpy(getattr(data, name, None)) for name in names}
    for name in names[:2]:
        if found[name] is None:
            raise ValueError(f"data={type(data).__name__} has no {name}; a graph needs x and edge_index")
    edges = found["edge_attr"]
    if edges is not None and edges.ndim == 1:
        edges = edges[:, None]
    senders, receivers = found["edge_index"]
    return Graph(found["x"], senders, receivers, edges=edges, globals=found["u"], graph_ids=found["batch"])


def _numpy(value):
    """Return a tensor of PyTorch, on any device, or an array as an array of NumPy."""
    if value is None:
        return None
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
