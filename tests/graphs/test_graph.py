"""Graphs as arrays: what they refuse, their batches, and other orders of their nodes and edges. NumPy only."""

import numpy as np
import pytest

from keras_course.graphs import Graph, batch_graphs, dense_batch, molecule_graph, paired_edges, permute_graph

pytestmark = pytest.mark.once
PATH = Graph(np.eye(3), [0, 1], [1, 2])
BOTH_WAYS = Graph(np.eye(3), senders=[0, 1, 1, 2], receivers=[1, 2, 0, 1], edges=np.arange(4)[:, None])
TWO = Graph(np.eye(4), [0, 3], [1, 2], graph_ids=[0, 0, 1, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Graph(np.eye(3), [0, 1], [1, 3]), r"receivers\[1\]=3: edge 1 needs a node 3; the nodes are 0..2"),
        (lambda: Graph(np.eye(3), [0, -1], [1, 2]), r"senders\[1\]=-1: edge 1 needs a node -1"),
        (lambda: Graph(np.eye(3), [0.5], [1]), "senders has .* it must be a row of integers"),
        (lambda: Graph(np.eye(3), [0], [1, 2]), "senders and receivers have 1 and 2 entries"),
        (lambda: Graph(np.zeros((0, 2)), [], []), "nodes has no rows"),
        (lambda: Graph(np.zeros(3), [], []), "nodes has shape .* it must be rows of numbers"),
        (lambda: Graph([[0.0, np.nan]], [], []), r"nodes\[0, 1\]=nan must be finite"),
        (lambda: Graph(np.eye(3), [0], [1], edges=np.ones((2, 1))), "edges has 2 rows; it must have 1"),
        (lambda: Graph(np.eye(3), [0], [1], edges=[[np.inf]]), r"edges\[0, 0\]=inf must be finite"),
        (lambda: Graph(np.eye(2), [], [], globals=np.ones((2, 1))), "globals has 2 rows; it must have 1"),
        (lambda: Graph(np.eye(2), [], [], graph_ids=[1, 0]), "graph_ids=.* in ascending order"),
        (lambda: Graph(np.eye(2), [], [], graph_ids=[0]), r"graph_ids has shape \(1,\)"),
        (lambda: Graph(np.eye(2), [0], [1], graph_ids=[0, 1]), "edge 0 leads from graph 0 to graph 1"),
        (lambda: batch_graphs([]), "graphs=.* with one at least"),
        (lambda: batch_graphs([PATH, TWO]), r"graphs\[1\] has .* all graphs must have the same"),
        (lambda: batch_graphs([PATH], num_nodes=2), "num_nodes=2 is too small: a row needs num_nodes=3"),
        (lambda: batch_graphs([PATH], num_edges=1), "num_edges=1 is too small: a row needs num_edges=2"),
        (lambda: batch_graphs([TWO], num_graphs=1), "num_graphs=1 is too small: a row needs num_graphs=2"),
        (lambda: dense_batch([]), "graphs=.* with one at least"),
        (lambda: dense_batch([TWO]), r"graphs\[0\] is a union of 2 graphs; it must be one graph"),
        (lambda: dense_batch([PATH], num_nodes=2), "num_nodes=2 is too small: a row needs num_nodes=3"),
        (lambda: permute_graph(PATH, [0, 1]), r"order=\[0, 1\] must be a permutation of 0..2"),
        (lambda: permute_graph(PATH, [0, 1, 1]), "must be a permutation of 0..2"),
        (lambda: permute_graph(PATH, [2, 1, 0], [0, 2]), r"edge_order=\[0, 2\] must be a permutation of 0..1"),
        (lambda: permute_graph(TWO, [0, 2, 1, 3]), r"order\[1\]=2: .* a node of graph 1 into graph 0"),
        (lambda: paired_edges(PATH), "edge 0 from node 0 to node 1 has no reverse edge from 1 to 0"),
        (lambda: paired_edges(Graph(np.eye(2), [0, 1, 1], [1, 0, 1])), "edge 2 from node 1 to node 1 has no reverse"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_empty_graphs_are_graphs():
    assert (Graph([[1.0]], [], []).num_edges, batch_graphs([Graph([[1.0]], [], [])])["senders"].shape) == (0, (1, 0))
    assert permute_graph(Graph(np.eye(2), [], []), [1, 0], []).nodes.tolist() == [[0, 1], [1, 0]]


def test_dense_batches_hold_every_edge():
    """Of two parallel edges the adjacency matrix has the number, and the features are added."""
    rng = np.random.default_rng(0)
    graphs = [Graph(rng.normal(size=(n, 2)), *rng.integers(0, n, (2, e)), rng.normal(size=(e, 3)), [[n]])
              for n, e in ((3, 12), (1, 0), (5, 4))]  # fmt: skip
    batch = dense_batch(graphs, num_nodes=6)
    assert batch["globals"].tolist() == [[3], [1], [5]]
    for graph, *row in zip(graphs, *(batch[key] for key in ("nodes", "adjacency", "mask", "edges")), strict=True):
        nodes, adjacency, mask, edges = row
        n = graph.num_nodes
        assert mask.tolist() == [i < n for i in range(6)]
        np.testing.assert_array_equal(nodes[:n], graph.nodes)
        assert not nodes[n:].any()
        for i, j in np.ndindex(6, 6):
            same = (graph.receivers == i) & (graph.senders == j)
            assert adjacency[i, j] == same.sum()
            np.testing.assert_allclose(edges[i, j], graph.edges[same].sum(axis=0), atol=1e-6)
    assert set(dense_batch([PATH])) == {"nodes", "adjacency", "mask"}


def test_edges_in_pairs_are_the_same_edges():
    paired = paired_edges(BOTH_WAYS)
    assert paired.edges[:, 0].tolist() == [0, 2, 1, 3]
    np.testing.assert_array_equal(paired.senders[::2], paired.receivers[1::2])
    np.testing.assert_array_equal(paired.senders[1::2], paired.receivers[::2])
    for e in range(4):
        old = BOTH_WAYS.edges[:, 0].tolist().index(paired.edges[e, 0])
        assert (paired.senders[e], paired.receivers[e]) == (BOTH_WAYS.senders[old], BOTH_WAYS.receivers[old])
    ring = molecule_graph("c1ccccc1O")
    np.testing.assert_array_equal(paired_edges(ring).senders, ring.senders)
    assert paired_edges(Graph(np.eye(2), [0, 1, 0, 1], [1, 0, 1, 0])).senders.tolist() == [0, 1, 0, 1]
