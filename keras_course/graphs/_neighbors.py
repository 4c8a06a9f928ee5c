"""Edges between points that are near each other, and the part of a large graph around some of its nodes.

Notation: N points with D coordinates. An edge leads from a neighbor, its sender, to the node whose neighbor it is, its
receiver. Edges are in ascending order of their receivers, and then of their senders.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_course.checks import as_array, as_points, instance, numpy_seed, positive, validate, whole, wholes
from keras_course.graphs._graph import Graph


@validate(k=whole(1))
def knn_graph(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges to each point from the k points that are nearest to it; there is no loop.

    The graph is directed: the nearest neighbor of a point may have nearer neighbors itself.

    Args:
        points: `(N, D)` coordinates.
        k: number of neighbors, at most N - 1.

    Returns:
        (senders, receivers), int32 arrays `(N k,)`.

    Raises:
        ValueError: there are k points or fewer, or a coordinate is not finite.

    Example:
        >>> from keras_course.graphs import knn_graph
        >>> senders, receivers = knn_graph([[0.0], [1.0], [3.0]], k=1)
        >>> senders.tolist(), receivers.tolist()
        ([1, 0, 1], [0, 1, 2])
    """
    from sklearn.neighbors import NearestNeighbors

    points = as_points(points, name="points")
    if k >= len(points):
        raise ValueError(f"k={k} must be less than {len(points)}, the number of points")
    neighbors = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)  # without the point
    return np.sort(neighbors).ravel().astype("int32"), np.repeat(np.arange(len(points), dtype="int32"), k)


@validate(radius=positive, max_neighbors=whole(1))
def radius_graph(
    points: np.ndarray, radius: float, *, max_neighbors: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges between all points that are at most `radius` apart; there is no loop.

    Without `max_neighbors`, each edge has its reverse.

    Args:
        points: `(N, D)` coordinates.
        radius: the largest distance, in the unit of the points.
        max_neighbors: a point keeps that many nearest neighbors; None keeps all.

    Returns:
        (senders, receivers), int32 arrays `(E,)`.

    Raises:
        ValueError: the radius is not positive, or a coordinate is not finite.

    Example:
        >>> from keras_course.graphs import radius_graph
        >>> senders, receivers = radius_graph([[0.0], [1.0], [3.0]], radius=1.5)
        >>> senders.tolist(), receivers.tolist()
        ([1, 0], [0, 1])
    """
    from sklearn.neighbors import NearestNeighbors

    points = as_points(points, name="points")
    distances, neighbors = NearestNeighbors(radius=radius).fit(points).radius_neighbors()
    if max_neighbors is not None:
        neighbors = [
            near[np.argsort(away, kind="stable")[:max_neighbors]]
            for away, near in zip(distances, neighbors, strict=True)
        ]
    senders = np.concatenate([np.sort(near) for near in neighbors])
    receivers = np.repeat(np.arange(len(points)), [len(near) for near in neighbors])
    return senders.astype("int32"), receivers.astype("int32")


class NeighborSample(NamedTuple):
    """The part of a graph around some of its nodes.

    Args:
        graph: the part as a `Graph`. Its first nodes are the seed nodes, in the order in which they were given.
        nodes: int32, for each node of the part its number in the whole graph.
        edges: int32, for each edge of the part its number in the whole graph.
    """

    graph: Graph
    nodes: np.ndarray
    edges: np.ndarray


@validate(graph=instance(Graph), fanouts=wholes(1), seed=numpy_seed)
def neighbor_sample(
    graph: Graph, seeds: Sequence[int] | np.ndarray, fanouts: Sequence[int], *, seed: int = 0
) -> NeighborSample:
    """Sample the neighborhood of some nodes of a graph that is too large to train on as a whole.

    In step l, each node that the step before reached samples up to `fanouts[l]` of the edges that lead to it, without
    replacement. A network of L layers needs L steps. If the fanouts are at least as large as every number of
    neighbors, the network predicts for the seed nodes exactly what it predicts for them in the whole graph, as long as
    its coefficients need no degree of the nodes that are L edges away (a mean does not, symmetric normalization does).

    Args:
        graph: one graph.
        seeds: different numbers of nodes, those to train on in a step.
        fanouts: edges to sample for each node, one number per step.
        seed: of the random numbers.

    Returns:
        A `NeighborSample`.

    Raises:
        ValueError: a seed node does not exist or is named twice, or `graph` is a union of several graphs.

    References:
        Inductive Representation Learning on Large Graphs, Hamilton, Ying and Leskovec, 2017, algorithm 2,
        https://arxiv.org/abs/1706.02216

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import Graph, neighbor_sample
        >>> path = Graph(np.eye(4), senders=[0, 1, 2], receivers=[1, 2, 3])
        >>> sample = neighbor_sample(path, [3], fanouts=[5, 5])
        >>> sample.nodes.tolist(), sample.graph.senders.tolist(), sample.graph.receivers.tolist()
        ([3, 2, 1], [2, 1], [1, 0])
    """
    seeds = _check_seeds(graph, seeds)
    rng = np.random.default_rng(seed)
    by_receiver = np.argsort(graph.receivers, kind="stable")
    begin = np.searchsorted(graph.receivers[by_receiver], np.arange(graph.num_nodes + 1))
    reached = np.zeros(graph.num_nodes, bool)
    reached[seeds] = True
    nodes, edges, front = [seeds], [], seeds
    for fanout in fanouts:
        chosen = by_receiver[_sample_slices(rng, begin[front], begin[front + 1], fanout)]
        found = np.unique(graph.senders[chosen])
        front = found[~reached[found]]
        reached[front] = True
        nodes.append(front)
        edges.append(chosen)
    nodes, edges = np.concatenate(nodes), np.sort(np.concatenate([*edges, np.empty(0, "int64")]))
    place = np.full(graph.num_nodes, -1)
    place[nodes] = np.arange(len(nodes))
    part = Graph(
        graph.nodes[nodes],
        place[graph.senders[edges]],
        place[graph.receivers[edges]],
        edges=None if graph.edges is None else graph.edges[edges],
        globals=graph.globals,
    )
    return NeighborSample(part, nodes.astype("int32"), edges.astype("int32"))


def _check_seeds(graph, seeds):
    if graph.num_graphs != 1:
        raise ValueError(f"graph is a union of {graph.num_graphs} graphs; it must be one graph")
    seeds = as_array("seeds", seeds)
    if seeds.ndim != 1 or not len(seeds) or seeds.dtype.kind not in "iu":
        raise ValueError(f"seeds={seeds} must be a row of integers, one at least")
    for k, node in enumerate(seeds):
        if not 0 <= node < graph.num_nodes:
            raise ValueError(f"seeds[{k}]={node} must be one of the nodes 0..{graph.num_nodes - 1}")
    if len(np.unique(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} names a node twice")
    return seeds.astype("int64")


def _sample_slices(rng, begin, end, size):
    """Return up to `size` different numbers of each range `begin[i]..end[i] - 1`, all in one array."""
    counts = end - begin
    owner = np.repeat(np.arange(len(begin)), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0..count - 1 in each range
    shuffled = rank[np.lexsort((rng.random(len(owner)), owner))]  # the same, in random order in each range
    return (begin[owner] + shuffled)[rank < size]
