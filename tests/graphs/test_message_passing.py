"""Message passing along edges, and the echo that a D-MPNN avoids."""

import functools

import keras
import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course.graphs import (
    BondMessages,
    Graph,
    batch_graphs,
    bond_messages,
    dmpnn,
    molecule_graph,
    mpnn,
    paired_edges,
    permute_graph,
)
from keras_course.recipes.tasks.molecules import cut_to_largest, roc_auc


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(0)
    ends = np.array([[0, 1], [1, 2], [2, 0], [3, 4]])
    directed = np.stack([ends, ends[:, ::-1]], axis=1).reshape(-1, 2)
    graph = {"x": rng.normal(size=(6, 4)), "e": rng.normal(size=(8, 3))}
    graph = {name: array.astype("float32") for name, array in graph.items()}
    ids = {"senders": directed[:, 0], "receivers": directed[:, 1], "graph_ids": np.array([0, 0, 0, 1, 1, 2])}
    return graph | ids


def run(layer, graph, *names):
    return keras.ops.convert_to_numpy(layer(*(graph[name] for name in names)))


def test_a_message_never_returns_along_its_bond(graph):
    """The message of edge v to w changes with every edge into v but the one from w."""
    senders, receivers = graph["senders"], graph["receivers"]
    for e in range(8):
        h = np.zeros((8, 2), "float32")
        h[e] = 1
        m = keras.ops.convert_to_numpy(bond_messages(h, senders, receivers, 6))[:, 0]
        expected = (senders == receivers[e]) & (np.arange(8) != e ^ 1)
        np.testing.assert_array_equal(m, expected.astype("float32"))


def test_written_out(graph):
    """The equations of `BondMessages`, edge by edge."""
    layer = BondMessages(2, num_steps=3, activation="tanh")
    y = run(layer, graph, "x", "e", "senders", "receivers")
    first, hidden, last, bias = layer.get_weights()
    edges = list(zip(graph["senders"], graph["receivers"], strict=True))
    start = {edge: np.concatenate([graph["x"][edge[0]], graph["e"][k]]) @ first for k, edge in enumerate(edges)}
    h = {edge: np.tanh(start[edge]) for edge in edges}
    for _ in range(2):
        sums = {(v, w): sum((h[u, x] for u, x in edges if x == v and u != w), np.zeros(2)) for v, w in edges}
        h = {edge: np.tanh(start[edge] + sums[edge] @ hidden) for edge in edges}
    for v in range(6):
        arrived = sum((h[u, x] for u, x in edges if x == v), np.zeros(2))
        np.testing.assert_allclose(y[v], np.tanh(np.concatenate([graph["x"][v], arrived]) @ last + bias), atol=1e-5)


@pytest.fixture(scope="module")
def networks():
    return dmpnn(16, 6, 2, hidden_dim=8, num_globals=1), mpnn(16, 6, 2, hidden_dim=8, edge_dim=4)


def relabeled(graph, rng):
    """Return a graph with its nodes and its bonds in another order."""
    pairs = rng.permutation(graph.num_edges // 2)
    edges = (2 * pairs[:, None] + rng.permutation(2)).ravel()
    return permute_graph(graph, rng.permutation(graph.num_nodes), edges)


def test_order_and_padding_do_not_matter(networks):
    rng = np.random.default_rng(0)
    graphs = [molecule_graph(smiles, features="course") for smiles in ("CC(=O)Oc1ccccc1C(=O)O", "C", "CCO")]
    graphs = [Graph(g.nodes, g.senders, g.receivers, edges=g.edges, globals=[[k]]) for k, g in enumerate(graphs)]
    for model in networks:
        padded = [batch_graphs(x, num_nodes=20, num_edges=40) for x in (graphs, [relabeled(g, rng) for g in graphs])]
        y, other = (keras.ops.convert_to_numpy(model(x)) for x in padded)
        np.testing.assert_allclose(other, y, atol=1e-5)
        alone = keras.ops.convert_to_numpy(model(batch_graphs(graphs[:1])))
        np.testing.assert_allclose(y[:1], alone, atol=1e-5)


def test_messages_need_edges_in_pairs():
    """Edges of torch_geometric are sorted by their senders; in pairs they make the outputs of the molecule."""
    molecule = molecule_graph("CC(C)O", features="course")
    by_sender = permute_graph(molecule, np.arange(4), np.lexsort((molecule.receivers, molecule.senders)))
    model = dmpnn(16, 6, 2, hidden_dim=8)
    right, wrong, mended = (
        keras.ops.convert_to_numpy(model(batch_graphs([graph])))
        for graph in (molecule, by_sender, paired_edges(by_sender))
    )
    assert np.abs(wrong - right).max() > 1e-3
    np.testing.assert_allclose(mended, right, atol=1e-5)
    with pytest.raises(ValueError, match="h has 3 rows; edges come in pairs"):
        bond_messages(np.ones((3, 2), "float32"), [0, 1, 1], [1, 0, 2], 3)


@pytest.mark.parametrize(("layers", "size"), [(0, 9 * 2 + 2), (2, (9 * 8 + 8) + (8 * 8 + 8) + (8 * 2 + 2))])
def test_head_has_the_layers_that_it_should_have(layers, size):
    """Of chemprop, `ffn_num_layers` 1 is one linear layer on the molecule and its other features, 3 is two hidden."""
    model = dmpnn(16, 6, 2, hidden_dim=8, num_globals=1, num_head_layers=layers)
    assert model.count_params() == (22 * 8 + 8 * 8 + 24 * 8 + 8) + size


def test_cut_to_largest():
    batch = batch_graphs([molecule_graph("CCO"), molecule_graph("c1ccccc1")], num_nodes=50, num_edges=90)
    found = cut_to_largest(batch)
    assert {name: array.shape[1] for name, array in found.items()} == {
        "nodes": 8, "graph_ids": 8, "senders": 32, "receivers": 32, "edges": 32,
    }  # fmt: skip
    assert (found["receivers"] >= 0).sum() == 4 + 12


def test_roc_auc():
    assert roc_auc([True, False, True], [3.0, 1.0, 2.0]) == 1.0
    assert roc_auc([True, False], [1.0, 1.0]) == 0.5
    assert roc_auc([True], [1.0]) == 0.5


def test_recipes(monkeypatch):
    """A few steps of each kind of task; an ensemble adds what its deviation tells."""
    row = datasets.get_dataset("toy_molecules")
    small = row._replace(load=functools.partial(datasets.toy_molecules, 60, num_test=20))
    monkeypatch.setattr(datasets, "get_dataset", lambda name: small)
    solubility = recipes.train("toy_molecules_dmpnn", steps=2, verbose=0)
    assert set(solubility.sample) == {"smiles", "measured", "predicted"}
    wrong = solubility.sample["predicted"] - solubility.sample["measured"]
    np.testing.assert_allclose(solubility.value, np.sqrt(np.mean(wrong**2)), rtol=1e-5)
    constant = small.load(seed=0)[0].solubility.mean() - solubility.sample["measured"]
    metrics = solubility.facts["metrics"]
    np.testing.assert_allclose(metrics["test RMSE of the mean"], np.sqrt(np.mean(constant**2)), rtol=1e-5)
    table = recipes.RECIPES["screening"]
    task = recipes.Screening(num_train=60, num_library=40, top=10, parts=2)
    row = recipes.Recipe("small", "two networks", task, table.builder, table.preset, table.optimizer, 2, 20, "graphs")
    run = recipes.train(row, verbose=0)
    assert 0 <= run.value <= 100
    assert "ROC AUC of the deviation for errors" in run.facts["metrics"]


@pytest.mark.parametrize(
    ("kind", "arguments", "rule"),
    [
        (recipes.Solubility, {"data": "iris"}, "data='iris'"),
        (recipes.Solubility, {"features": "own"}, "features='own'"),
        (recipes.Solubility, {"parts": 0}, "parts=0"),
        (recipes.Screening, {"num_library": 50, "top": 51}, "top=51"),
    ],
)
def test_tasks_refuse(kind, arguments, rule):
    with pytest.raises(ValueError, match=rule):
        kind(**arguments)
