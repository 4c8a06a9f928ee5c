"""Edges between near points, sampled neighborhoods, conversions and batches: NumPy, so they run on one backend."""

import keras
import networkx
import numpy as np
import pytest
import scipy.sparse

from keras_course import recipes
from keras_course.graphs import (
    Graph,
    GraphBatches,
    batch_graphs,
    from_networkx,
    from_scipy,
    gcn,
    knn_graph,
    neighbor_sample,
    radius_graph,
    to_networkx,
    to_scipy,
)

pytestmark = pytest.mark.once
POINTS = np.random.default_rng(0).random((40, 2))
DISTANCES = np.linalg.norm(POINTS[:, None] - POINTS, axis=-1) + 10 * np.eye(40)


def edges_of(senders, receivers):
    return sorted(zip(receivers.tolist(), senders.tolist(), strict=True))


def test_radius_graph_has_all_pairs_that_are_near():
    found = radius_graph(POINTS, 0.2)
    assert edges_of(*found) == [(i, j) for i, j in np.argwhere(DISTANCES <= 0.2).tolist()]
    senders, receivers = radius_graph(POINTS, 0.2, max_neighbors=2)
    assert np.bincount(receivers).max() == 2
    for i in range(40):
        near = np.flatnonzero(DISTANCES[i] <= 0.2)
        assert set(senders[receivers == i]) == set(near[np.argsort(DISTANCES[i, near])][:2])
    assert radius_graph([[0.0], [5.0]], 1.0)[0].shape == (0,)


def test_knn_graph_has_the_nearest():
    senders, receivers = knn_graph(POINTS, 3)
    assert edges_of(senders, receivers) == sorted(
        (i, j) for i in range(40) for j in np.argsort(DISTANCES[i])[:3].tolist()
    )
    assert edges_of(*knn_graph(np.zeros((3, 2)), 2)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


def test_whole_neighborhoods_give_the_outputs_of_the_whole_graph():
    senders, receivers = knn_graph(POINTS, 4)
    graph = Graph(np.random.default_rng(1).normal(size=(40, 3)), senders, receivers)
    model = gcn(3, 2, normalization="row")
    sample = neighbor_sample(graph, [5, 17, 2], [4, 4])
    assert sample.nodes[:3].tolist() == [5, 17, 2]
    assert sample.graph.num_nodes < 40
    part, whole = (keras.ops.convert_to_numpy(model(batch_graphs([g])))[0] for g in (sample.graph, graph))
    np.testing.assert_allclose(part[:3], whole[[5, 17, 2]], atol=1e-5)


def test_neighbor_sample_samples_without_replacement():
    graph = Graph(np.zeros((20, 1)), np.arange(1, 20), np.zeros(19, int), edges=np.arange(19)[:, None])
    samples = [neighbor_sample(graph, [0], [5], seed=seed) for seed in range(200)]
    for sample in samples:
        assert len(set(sample.nodes)) == 6
        np.testing.assert_array_equal(sample.graph.edges[:, 0], sample.edges)
        np.testing.assert_array_equal(sample.nodes[sample.graph.senders], 1 + sample.edges)
    counts = np.bincount(np.concatenate([sample.edges for sample in samples]), minlength=19)
    assert 30 < counts.min() < counts.max() < 80  # 200 * 5 / 19 = 53
    assert neighbor_sample(graph, [3], [5]).graph.num_edges == 0


def test_sampled_batches_of_papers():
    """A batch has one size and counts papers for training only; it follows from the seed and its number."""
    data = recipes.Citations(data="citations", fanouts=(3, 2)).load()
    words = {row.tobytes(): k for k, row in enumerate(data.graph.nodes)}
    stream = iter(data.batches(10, 2, seed=1, start_epoch=0))
    batches = [next(stream) for _ in range(4)]
    for x, labels, weights in batches:
        assert (x["nodes"].shape, x["senders"].shape) == ((1, 10 + 30 + 60, 500), (1, 90))
        papers = [words[row.tobytes()] for row in x["nodes"][0, :10]]
        assert data.graph.train[papers].all()
        assert len(set(papers)) == weights.sum() == weights[0, :10].sum() == 10
        np.testing.assert_array_equal(labels[0, :10], data.graph.labels[papers])
        assert np.bincount(x["receivers"][x["receivers"] >= 0]).max() <= 3
    again = next(iter(data.batches(10, 2, seed=1, start_epoch=1)))
    np.testing.assert_array_equal(again[0]["nodes"], batches[2][0]["nodes"])
    assert not np.array_equal(batches[0][0]["nodes"], batches[1][0]["nodes"])
    with pytest.raises(ValueError, match="batch_size=101 must be a whole number, at most 100"):
        data.batches(101, 2, seed=1, start_epoch=0)
    with pytest.raises(ValueError, match=r"fanouts\[1\]=0"):
        recipes.Citations(fanouts=(3, 0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda graph: knn_graph(np.zeros((3, 2)), 3), "k=3 must be less than 3"),
        (lambda graph: radius_graph(np.zeros((3, 2)), 0), "radius=0 must be a finite number above 0"),
        (lambda graph: radius_graph([[np.nan]], 1), "points has 1 entries that are not finite"),
        (lambda graph: neighbor_sample(graph, [4], [1]), r"seeds\[0\]=4 must be one of the nodes 0..2"),
        (lambda graph: neighbor_sample(graph, [1, 1], [1]), "names a node twice"),
        (lambda graph: neighbor_sample(graph, [1], [0]), r"fanouts\[0\]=0 must be a whole number, at least 1"),
        (lambda graph: from_scipy(np.eye(3), graph.nodes), "adjacency=ndarray must be a sparse matrix"),
        (lambda graph: from_scipy(scipy.sparse.eye_array(2), graph.nodes), r"must be \(3, 3\)"),
        (lambda graph: from_networkx(3), "other=int must be a graph of networkx"),
        (lambda graph: GraphBatches([graph], np.zeros(2), 1), "one target for each graph, got 1 and 2"),
        (lambda graph: GraphBatches([graph], np.zeros(1), 2, packed=True), "batch_size=2 must be at most 1"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(Graph(np.eye(3), [0, 1], [1, 2]))


def same(graph, other):
    for name in ("nodes", "senders", "receivers", "edges"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(other, name))


def test_conversions_return_the_same_graph():
    rng = np.random.default_rng(0)
    senders, receivers = np.divmod(np.sort(rng.choice(36, 12, replace=False)), 6)
    graph = Graph(rng.normal(size=(6, 2)), senders, receivers, edges=2 + rng.random((12, 1)))
    same(from_networkx(to_networkx(graph)), graph)
    adjacency = to_scipy(graph)
    np.testing.assert_allclose(adjacency @ graph.nodes, np.stack([
        graph.nodes[senders[receivers == i]].sum(axis=0) for i in range(6)
    ]), atol=1e-6)  # fmt: skip
    back = from_scipy(adjacency, graph.nodes)
    assert edges_of(back.senders, back.receivers) == edges_of(senders, receivers)
    club = from_networkx(networkx.karate_club_graph())
    assert (club.num_nodes, club.num_edges) == (34, 156)
    assert club.nodes[33, 0] == 17
    np.testing.assert_array_equal(club.senders[::2], club.receivers[1::2])


def test_torch_geometric_returns_the_same_graph():
    pytest.importorskip("torch_geometric")
    from keras_course.graphs import from_torch_geometric, to_torch_geometric

    graph = Graph(np.eye(4), [0, 1, 3], [1, 0, 2], np.ones((3, 2)), np.zeros((2, 5)), [0, 0, 1, 1])
    back = from_torch_geometric(to_torch_geometric(graph))
    same(back, graph)
    np.testing.assert_array_equal(back.graph_ids, graph.graph_ids)
    np.testing.assert_array_equal(back.globals, graph.globals)


@pytest.mark.parametrize("packed", [False, True])
def test_batches_hold_each_graph_once_in_an_epoch(packed):
    graphs = [Graph(np.full((n, 1), n), np.zeros(n, int), np.arange(n)) for n in range(1, 10)]
    batches = GraphBatches(graphs, np.arange(1, 10), 3, packed=packed)
    assert len(batches) == 3
    orders = []
    for _ in range(2):
        found = [batches[k] for k in range(3)]
        assert len({x["nodes"].shape for x, _ in found}) == 1
        orders.append(np.concatenate([y.ravel() for _, y in found]).tolist())
        for x, y in found:
            ids = x["graph_ids"][0] if packed else x["graph_ids"] + np.arange(3)[:, None]
            sizes = [int((x["nodes"].reshape(-1)[ids.reshape(-1) == g] != 0).sum()) for g in range(3)]
            if packed:
                assert sizes == y[0].tolist()
            assert (x["receivers"] >= 0).sum() == y.sum()
        batches.on_epoch_begin()
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(1, 10))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("shuffle", [False, True])
def test_packed_batches_fit_into_little_room(shuffle):
    """Graphs of 1 to 50 nodes, of which a few are left out in each epoch: there is room, and not much is padding."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 51, 107)
    graphs = [Graph(np.full((n, 1), n), *rng.integers(0, n, (2, 2 * n))) for n in sizes]
    batches = GraphBatches(graphs, sizes, 10, packed=True, shuffle=shuffle)
    seen = []
    for _ in range(20):
        epoch = [batches[k] for k in range(len(batches))]
        for x, y in epoch:
            assert (x["receivers"] >= 0).sum() == 2 * y.sum()
        seen.append(np.concatenate([y[0] for _, y in epoch]))
        batches.on_epoch_begin()
    if not shuffle:
        np.testing.assert_array_equal(seen[1], sizes[:100])
        return
    assert batches.sizes["num_nodes"] < 1.3 * 10 * sizes.mean()  # of the ten largest it would be almost 2
    assert len({tuple(np.sort(row)) for row in seen}) > 1  # others are left out
    assert not np.array_equal(seen[0], seen[1])
