"""The interaction network beside a loop over edges."""

import keras
import numpy as np
import pytest

from keras_course.graphs import InteractionNetwork

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)


def random(*shape):
    return rng.normal(size=shape).astype("float32")


@pytest.mark.parametrize("residual", [True, False])
def test_interaction_is_a_loop_over_edges(residual, perceptron):
    senders, receivers = np.array([0, 1, 1, 3, 2, 2]), np.array([1, 0, 2, 2, 3, -1])
    x, edges, sources = random(5, 4), random(6, 4), random(4, 7)
    layer = InteractionNetwork(4, num_hidden=2, residual=residual)
    found_x, found_edges = (array(y) for y in layer(x, edges, senders, receivers, sources=sources))
    messages = {}
    for e in range(5):
        ends = (layer.sender_matrix, sources[senders[e]]), (layer.receiver_matrix, x[receivers[e]])
        extra = sum(row @ array(matrix.kernel) for matrix, row in ends)
        messages[e] = perceptron(layer.edge_mlp, edges[e], extra)
        np.testing.assert_allclose(found_edges[e], messages[e] + residual * edges[e], atol=1e-4)
    for i in range(5):
        total = sum((messages[e] for e in range(5) if receivers[e] == i), np.zeros(4))
        update = perceptron(layer.node_mlp, x[i], total @ array(layer.message_matrix.kernel))
        np.testing.assert_allclose(found_x[i], update + residual * x[i], atol=1e-4)


def test_a_batch_of_states_of_one_graph_is_the_graphs_one_by_one():
    senders, receivers = np.array([0, 1, 2]), np.array([1, 2, 0])
    x, edges = random(3, 5, 4), random(3, 1, 4)
    layer = InteractionNetwork(4)
    nodes, messages = (array(y) for y in layer(x, edges, senders, receivers))
    assert messages.shape == (3, 5, 4)
    for b in range(5):
        alone, _ = layer(x[:, b], edges[:, 0], senders, receivers)
        np.testing.assert_allclose(nodes[:, b], array(alone), atol=1e-5)


def test_wrong_widths_are_refused():
    with pytest.raises(ValueError, match="hidden_dim=3"):
        InteractionNetwork(3)(random(2, 4), random(1, 3), np.array([0]), np.array([1]))
