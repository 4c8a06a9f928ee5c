"""Graph networks on graphs whose outputs are known: padding, lonely nodes, and other networks as special cases."""

import keras
import numpy as np
import pytest

from keras_course.graphs import (
    DotProductGraphAttention,
    Graph,
    GraphAttention,
    GraphAttentionV2,
    GraphConvolution,
    GraphIsomorphism,
    SampleAndAggregate,
    batch_graphs,
    cnn_as_gnn,
    complete_graph,
    deep_sets,
    dense_batch,
    dmpnn,
    dot_attention_gnn,
    edge_attention,
    gat,
    gatv2,
    gcn,
    gin,
    graph_sage,
    molecule_graph,
    mpnn,
    sparse_features,
    transformer_as_gnn,
    union,
)
from keras_course.layers import attention

LAYERS = {
    "convolution": GraphConvolution(3),
    "attention": GraphAttention(3, num_heads=2),
    "attention_v2": GraphAttentionV2(3, num_heads=2),
    "dot_product": DotProductGraphAttention(3),
    "mean": SampleAndAggregate(3),
    "max": SampleAndAggregate(3, aggregator="max", normalize=True),
    "isomorphism": GraphIsomorphism(3),
}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def random_graph(num_nodes, num_edges, seed=0, num_features=4):
    rng = np.random.default_rng(seed)
    nodes = rng.normal(size=(num_nodes, num_features))
    return Graph(nodes, *rng.integers(0, num_nodes, (2, num_edges)))


@pytest.mark.parametrize("build", [gcn, gat, gatv2, dot_attention_gnn, graph_sage, gin])
def test_a_padded_batch_is_every_graph_by_itself(build):
    graphs = [random_graph(n, e, n) for n, e in ((1, 0), (6, 7))]
    model = build(4, 2, level="node")
    together = array(model(batch_graphs(graphs, num_nodes=8, num_edges=9)))
    for graph, rows in zip(graphs, together, strict=True):
        alone = array(model(batch_graphs([graph])))[0]
        np.testing.assert_allclose(rows[: graph.num_nodes], alone, atol=1e-5)
        assert not rows[graph.num_nodes :].any()


@pytest.mark.parametrize("build", [gcn, gin, deep_sets, mpnn, dmpnn])
def test_a_union_is_every_graph_by_itself(build):
    graphs = [molecule_graph(smiles, features="course") for smiles in ("CC(=O)O", "C", "CCO")]
    sizes, options = (16, 6, 2) if build in (mpnn, dmpnn) else (16, 2), {"level": "graph"} if build is gcn else {}
    single, joint = build(*sizes, **options), build(*sizes, **options, num_graphs=3)
    joint.set_weights(single.get_weights())
    alone = array(single(batch_graphs(graphs)))
    together = array(joint(batch_graphs([union(graphs)], num_nodes=12, num_edges=20)))[0]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_dense_batch_is_every_graph_by_itself():
    """D^-1 A X W on padded adjacency matrices is `GraphConvolution` on the union of the graphs."""
    graphs = [random_graph(n, e, n) for n, e in ((1, 0), (6, 7), (4, 9))]
    batch, joint = dense_batch(graphs, num_nodes=7), union(graphs)
    ends = joint.senders, joint.receivers
    mean = GraphConvolution(3, normalization="row", use_bias=False)
    expected = array(mean(joint.nodes, *ends))
    means = batch["adjacency"] / np.maximum(batch["adjacency"].sum(axis=-1, keepdims=True), 1)
    y = array(keras.ops.matmul(keras.ops.matmul(means, batch["nodes"]), mean.kernel))
    np.testing.assert_allclose(y[batch["mask"]], expected, atol=1e-5)
    assert not y[~batch["mask"]].any()


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_node_without_neighbors_gets_finite_outputs(layer):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    y = array(layer(x, np.array([0, 1, -1]), np.array([1, 0, -1])))
    assert np.isfinite(y).all()
    if not isinstance(layer, SampleAndAggregate | GraphIsomorphism):  # these see the node itself
        assert not y[2:].any()
    copy = type(layer).from_config(layer.get_config())
    copy.build((4, 5))
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(array(copy(x, np.array([0, 1]), np.array([1, 0]))), y)


def test_weights_of_attention_sum_to_1_at_each_node():
    graphs = [random_graph(5, 6, 1), random_graph(3, 2, 2)]
    found = edge_attention(gat(4, 3, num_heads=2, hidden_dim=8), batch_graphs(graphs))
    assert [part.shape[1] for part in found.weights] == [2, 1]
    for part in found.weights:
        sums = np.zeros((10, part.shape[1]))
        np.add.at(sums, found.receivers, part)
        np.testing.assert_allclose(sums, 1, atol=1e-6)
    with pytest.raises(ValueError, match="no layer of graph attention"):
        edge_attention(gcn(4, 3), batch_graphs(graphs))


def test_static_attention_ranks_neighbors_alike_and_dynamic_attention_does_not():
    """The claim of Brody et al.: with one head, `gat` has one order of the senders for all receivers."""
    x = np.random.default_rng(3).normal(size=(8, 5)).astype("float32")
    senders, receivers = complete_graph(8)
    orders = {}
    for layer in (GraphAttention(6, kernel_initializer="random_normal"), GraphAttentionV2(6)):
        layer.build((8, 5))
        rng = np.random.default_rng(0)
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
        weights = array(layer.edge_weights(x, senders, receivers)).reshape(8, 8)
        orders[type(layer)] = {int(row.argmax()) for row in weights}
    assert len(orders[GraphAttention]) == 1 < len(orders[GraphAttentionV2])


def test_transformer_is_attention_on_the_complete_graph():
    q, k, v = np.random.default_rng(0).normal(size=(3, 7, 2, 4)).astype("float32")
    expected = array(attention(q[None], k[None], v[None]))[0]
    np.testing.assert_allclose(array(transformer_as_gnn(q, k, v)), expected, atol=1e-5)
    layer = DotProductGraphAttention(4, num_heads=2, use_bias=False)
    x = np.random.default_rng(1).normal(size=(7, 5)).astype("float32")
    y = array(layer(x, *complete_graph(7)))
    q, k, v = ((x @ array(w)).reshape(1, 7, 2, 4) for w in (layer.query_kernel, layer.key_kernel, layer.value_kernel))
    np.testing.assert_allclose(y, array(attention(q, k, v)).reshape(7, 8), atol=1e-5)


def test_convolution_is_a_grid_graph_with_nine_kinds_of_edges():
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(4, 5, 2)).astype("float32"), rng.normal(size=(3, 3, 2, 3)).astype("float32")
    expected = array(keras.ops.conv(image[None], kernel, padding="same"))[0]
    np.testing.assert_allclose(array(cnn_as_gnn(image, kernel)), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"must be \(3, 3, 2, K\)"):
        cnn_as_gnn(image, kernel[:, :, :1])


@pytest.mark.parametrize("readout", ["sum", "max"])
def test_without_edges_a_graph_network_is_a_deep_set(readout):
    graphs = [Graph(random_graph(n, 1).nodes, [], []) for n in (2, 5)]
    network = gcn(4, 3, hidden_dim=8, level="graph", normalization="row", readout=readout)
    deep_set = deep_sets(4, 3, hidden_dim=8, num_head_layers=0, readout=readout)
    deep_set.set_weights(network.get_weights())
    batch = batch_graphs(graphs)
    np.testing.assert_allclose(array(network(batch)), array(deep_set(batch)), atol=1e-5)


def test_on_the_complete_graph_a_mean_is_the_same_for_every_node():
    graph = Graph(random_graph(6, 1).nodes, *complete_graph(6))
    y = array(gcn(4, 3, normalization="row")(batch_graphs([graph])))[0]
    np.testing.assert_allclose(y, np.tile(y[:1], (6, 1)), atol=1e-5)
    assert array(graph_sage(4, 3)(batch_graphs([graph])))[0].std(axis=0).min() > 1e-3  # it keeps the node apart


@pytest.mark.parametrize(
    ("build", "options"), [(gcn, {}), (gcn, {"level": "graph"}), (gat, {}), (gat, {"num_layers": 1})]
)
def test_sparse_features_are_the_same_features(build, options):
    rng = np.random.default_rng(0)
    graphs = [random_graph(n, 8, n, 9) for n in (3, 5)]
    graphs = [Graph(g.nodes * (rng.random(g.nodes.shape) < 0.3), g.senders, g.receivers) for g in graphs]
    dense, sparse = (build(9, 2, sparse=kind, **options) for kind in (False, True))
    sparse.set_weights(dense.get_weights())
    batch = batch_graphs(graphs)
    np.testing.assert_allclose(array(sparse(sparse_features(batch))), array(dense(batch)), atol=1e-5)


def test_counts_and_sums_tell_apart_what_means_and_maxima_confuse():
    """Xu et al., figure 3: neighbors {a, b} and {a, a, b, b} have one mean and one maximum."""
    x = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], "float32")
    edges = np.array([2, 3, 2, 3, 4, 5]), np.array([0, 0, 1, 1, 1, 1])
    for layer in (SampleAndAggregate(3), SampleAndAggregate(3, aggregator="max")):
        y = array(layer(x, *edges))
        np.testing.assert_allclose(y[0], y[1], atol=1e-6)
    y = array(GraphIsomorphism(3, kernel_initializer="ones")(x, *edges))
    assert abs(y[0] - y[1]).max() > 1e-3


def test_sums_and_degrees_of_many_edges_in_half_precision():
    """Node 0 has 1,000 neighbors with the feature 1; bfloat16 alone would stop adding at 256."""
    x, senders, receivers = np.ones((1001, 1), "float32"), np.arange(1, 1001), np.zeros(1000, "int32")
    for normalization, expected in (("none", 1000), ("row", 1)):
        layer = GraphConvolution(1, normalization=normalization, kernel_initializer="ones", dtype="bfloat16")
        y = keras.ops.cast(layer(keras.ops.cast(x, "bfloat16"), senders, receivers), "float32")
        assert keras.ops.convert_to_numpy(y)[0, 0] == pytest.approx(expected, rel=1e-2)


def test_refusals():
    with pytest.raises(ValueError, match="hidden_dim=10 must be a multiple of num_heads=4"):
        gat(3, 2, hidden_dim=10, num_heads=4)
    with pytest.raises(ValueError, match="x has 4 features; it must have units=3"):
        GraphConvolution(3, use_kernel=False).build((2, 4))
    with pytest.raises(ValueError, match="it must have nodes"):
        sparse_features({"senders": np.zeros(1)})
