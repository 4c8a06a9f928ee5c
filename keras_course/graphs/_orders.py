"""Other orders of the nodes and edges of a graph: permutations, and pairs of an edge and its reverse.

Notation: N nodes, E directed edges; edge e leads from node senders[e] to node receivers[e].
"""

import numpy as np

from keras_course.checks import as_array, instance, validate
from keras_course.graphs._graph import Graph


@validate(graph=instance(Graph))
def permute_graph(graph: Graph, order: np.ndarray, edge_order: np.ndarray | None = None) -> Graph:
    """Return the same graph with its nodes in another order, to test invariance and equivariance.

    Node i of the new graph is node order[i] of the old one. With the permutation matrix P whose entry P[i, order[i]] is
    1, features X become P X and an adjacency matrix A becomes P A P^T.

    Args:
        graph: a `Graph`. In a union of graphs, the nodes of each graph must keep their places together.
        order: `(N,)`, a permutation of 0..N-1.
        edge_order: `(E,)`, a permutation of 0..E-1: edge e of the new graph is edge edge_order[e] of the old one. None
            keeps the order of the edges.

    Returns:
        A `Graph`.

    Raises:
        ValueError: an order is not a permutation, or moves a node into another graph.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, permute_graph
        >>> path = Graph([[0.0], [1.0], [2.0]], senders=[0, 1], receivers=[1, 2])
        >>> other = permute_graph(path, [2, 0, 1])
        >>> other.nodes[:, 0].tolist(), other.senders.tolist(), other.receivers.tolist()
        ([2.0, 0.0, 1.0], [1, 2], [2, 0])
    """
    order = _permutation("order", order, graph.num_nodes)
    moved = np.flatnonzero(graph.graph_ids[order] != graph.graph_ids)
    if len(moved):
        i = int(moved[0])
        raise ValueError(
            f"order[{i}]={order[i]}: a node must stay in its graph, and this moves a node of graph "
            f"{graph.graph_ids[order[i]]} into graph {graph.graph_ids[i]}"
        )
    edges = slice(None) if edge_order is None else _permutation("edge_order", edge_order, graph.num_edges)
    places = np.argsort(order)
    return Graph(
        graph.nodes[order],
        places[graph.senders[edges]],
        places[graph.receivers[edges]],
        edges=None if graph.edges is None else graph.edges[edges],
        globals=graph.globals,
        graph_ids=graph.graph_ids,
    )


@validate(graph=instance(Graph))
def paired_edges(graph: Graph) -> Graph:
    """Return the same graph with its edges in pairs, as `dmpnn` needs them: edge 2k + 1 is the reverse of edge 2k.

    The graph of a molecule from `molecule_graph`, and an undirected graph without self-loops from `from_networkx`, have
    their edges in pairs already; a graph of torch_geometric or scipy need not.

    Args:
        graph: a `Graph` in which every edge from i to j has a reverse edge from j to i.

    Returns:
        A `Graph`; the pairs are in the order of their first edges.

    Raises:
        ValueError: an edge has no reverse edge; the message names the first one.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, paired_edges
        >>> graph = paired_edges(Graph(np.zeros((3, 1)), senders=[0, 1, 1, 2], receivers=[1, 2, 0, 1]))
        >>> graph.senders.tolist(), graph.receivers.tolist()
        ([0, 1, 1, 2], [1, 0, 2, 1])
    """
    waiting, pairs = {}, []
    for e, (start, end) in enumerate(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True)):
        if waiting.get((end, start)):
            pairs.append((waiting[end, start].pop(0), e))
        else:
            waiting.setdefault((start, end), []).append(e)
    if left := [edges[0] for edges in waiting.values() if edges]:
        e = min(left)
        start, end = graph.senders[e], graph.receivers[e]
        raise ValueError(f"graph: edge {e} from node {start} to node {end} has no reverse edge from {end} to {start}")
    return permute_graph(graph, np.arange(graph.num_nodes), np.array(sorted(pairs), int).ravel())


def _permutation(name, value, size):
    order = as_array(name, value)
    if order.shape != (size,) or (np.sort(order) != np.arange(size)).any():
        raise ValueError(f"{name}={order[:8].tolist()} must be a permutation of 0..{size - 1}")
    return order.astype("int64")
