"""A property of every builder of the topic: the numbering of nodes and edges means nothing."""

import inspect

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_course import list_builders
from keras_course.graphs import Graph, batch_graphs, permute_graph
from keras_course.graphs._inputs import example_graphs

NODES, PAIRS = 5, 5  # in a row of what `example_graphs` samples, beside a node and a pair of edges that are padding
BUILDERS = {
    row.name: row.build for row in list_builders() if row.build.example is example_graphs
}  # a graph is an input
MODELS = {}


def model_of(name, level):
    if (name, level) not in MODELS:
        MODELS[name, level] = BUILDERS[name].from_preset("tiny", **({"level": level} if level else {}))
    return MODELS[name, level]


CASES = [  # the heads for edges and graphs are the same in all builders that have several levels
    (name, level)
    for name, build in BUILDERS.items()
    for level in (("node",) if "level" in inspect.signature(build).parameters else (None,))
]
CASES += [("gcn", "edge"), ("gcn", "graph")]


def graph_of(x, row):
    """Return a row of inputs as a graph, without its padding."""
    sizes = {"nodes": NODES, "graph_ids": NODES, "senders": 2 * PAIRS, "receivers": 2 * PAIRS, "edges": 2 * PAIRS}
    return Graph(**{name: part[row, : sizes.get(name)] for name, part in x.items()})


@pytest.mark.parametrize(("name", "level"), CASES)
def test_numbers_of_nodes_and_edges_mean_nothing(name, level):
    model = model_of(name, level)
    example = BUILDERS[name].example

    def outputs(graph):
        y = model(batch_graphs([graph], num_nodes=NODES + 1, num_edges=2 * PAIRS + 2), training=False)
        return [keras.ops.convert_to_numpy(part)[0] for part in keras.tree.flatten(y)]

    @settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**32 - 1))
    def check(seed):
        rng = np.random.default_rng(seed)
        graph = graph_of(example(model, 1, rng), 0)
        nodes = np.lexsort((rng.random(NODES), graph.graph_ids))  # the nodes of one graph stay together
        edges = (2 * rng.permutation(PAIRS)[:, None] + np.arange(2)).ravel()
        for y, z in zip(outputs(graph), outputs(permute_graph(graph, nodes, edges)), strict=True):
            if y.ndim == 2 and len(y) == NODES + 1:
                y = y[np.append(nodes, NODES)]
            elif y.ndim == 2 and len(y) == 2 * PAIRS + 2:
                y = y[np.append(edges, [2 * PAIRS, 2 * PAIRS + 1])]
            np.testing.assert_allclose(z, y, rtol=1e-4, atol=1e-5)

    check()
