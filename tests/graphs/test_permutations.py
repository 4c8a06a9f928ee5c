"""A property of every builder of the topic: the numbering of nodes and edges means nothing."""

import inspect

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_course import list_builders
from keras_course.graphs._inputs import example_graphs

NODES, PAIRS = 6, 6  # in a row of what `example_graphs` samples; the last node and the last pair of edges are padding
BUILDERS = {
    row.name: row.build for row in list_builders() if row.build.example is example_graphs
}  # a graph is an input
MODELS = {}


def model_of(name, level):
    if (name, level) not in MODELS:
        MODELS[name, level] = BUILDERS[name].from_preset("tiny", **({"level": level} if level else {}))
    return MODELS[name, level]


CASES = [
    (name, level)
    for name, build in BUILDERS.items()
    for level in (("node", "edge", "graph") if "level" in inspect.signature(build).parameters else (None,))
]


def renumber(x, nodes, pairs):
    """Return inputs whose nodes and whose pairs of edges have other numbers."""
    edges = np.stack([2 * pairs, 2 * pairs + 1], axis=1).ravel()
    places = np.argsort(nodes)
    found = {}
    for key, part in x.items():
        if key in ("senders", "receivers"):
            found[key] = np.where(part[:, edges] < 0, -1, places[part[:, edges]]).astype("int32")
        elif part.shape[1] == 2 * PAIRS:
            found[key] = part[:, edges]
        else:
            found[key] = part[:, nodes] if part.shape[1] == NODES else part
    return found, edges


@pytest.mark.parametrize(("name", "level"), CASES)
def test_numbers_of_nodes_and_edges_mean_nothing(name, level):
    model = model_of(name, level)
    example = BUILDERS[name].example

    def outputs(x):
        y = model(x, training=False)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, y)

    @settings(max_examples=3, deadline=None, derandomize=True, database=None)
    @given(st.integers(0, 2**32 - 1))
    def check(seed):
        rng = np.random.default_rng(seed)
        x = example(model, 2, rng)
        nodes = np.append(rng.permutation(NODES - 1), NODES - 1)
        if len(np.unique(x["graph_ids"])) > 2:  # the nodes of one graph stay together
            nodes = np.arange(NODES)
        other, edges = renumber(x, nodes, np.append(rng.permutation(PAIRS - 1), PAIRS - 1))
        for y, z in zip(keras.tree.flatten(outputs(x)), keras.tree.flatten(outputs(other)), strict=True):
            if y.ndim == 3 and y.shape[1] == NODES:
                y = y[:, nodes]
            elif y.ndim == 3 and y.shape[1] == 2 * PAIRS:
                y = y[:, edges]
            np.testing.assert_allclose(z, y, rtol=1e-4, atol=1e-5)

    check()
