"""The full graph network block beside loops, and travel times beside a vehicle that drives through the speeds."""

import keras
import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course.datasets import _traffic
from keras_course.graphs import Graph, GraphNetwork, batch_graphs, eta_supersegment

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)


def random(*shape):
    return rng.normal(size=shape).astype("float32")


@pytest.mark.parametrize("residual", [True, False])
def test_block_is_a_loop_over_edges_nodes_and_graphs(residual, perceptron):
    senders, receivers = np.array([0, 1, 1, 3, 4]), np.array([1, 0, 2, 4, -1])  # the last one is padding
    graph_ids = np.array([0, 0, 0, 1, 1, -1])
    x, e, u = random(6, 4), random(5, 4), random(2, 4)
    block = GraphNetwork(4, residual=residual)
    found = [array(y) for y in block(x, e, u, senders, receivers, graph_ids)]
    m, n = np.zeros((4, 4)), np.zeros((5, 4))
    for k in range(4):
        j, i = senders[k], receivers[k]
        extra = [
            (block.sender_matrix, x[j]),
            (block.receiver_matrix, x[i]),
            (block.edge_global_matrix, u[graph_ids[i]]),
        ]
        m[k] = perceptron(block.edge_mlp, e[k], sum(row @ array(matrix.kernel) for matrix, row in extra))
    for i in range(5):
        total = m[receivers[:4] == i].sum(axis=0)
        extra = [(block.message_matrix, total), (block.node_global_matrix, u[graph_ids[i]])]
        n[i] = perceptron(block.node_mlp, x[i], sum(row @ array(matrix.kernel) for matrix, row in extra))
    for g in range(2):
        inside = graph_ids[receivers[:4]] == g
        extra = [(block.global_node_matrix, n[graph_ids[:5] == g].sum(axis=0))]
        extra += [(block.global_edge_matrix, m[inside].sum(axis=0))]
        change = perceptron(block.global_mlp, u[g], sum(row @ array(matrix.kernel) for matrix, row in extra))
        np.testing.assert_allclose(found[2][g], change + residual * u[g], atol=1e-4)
    np.testing.assert_allclose(found[0][:5], n + residual * x[:5], atol=1e-4)
    np.testing.assert_allclose(found[1][:4], m + residual * e[:4], atol=1e-4)


def test_wrong_widths_are_refused():
    with pytest.raises(ValueError, match="u has 3 features"):
        GraphNetwork(4)(random(2, 4), random(1, 4), random(1, 3), np.array([0]), np.array([1]), np.array([0, 0]))


def road(length):
    """Return a row of segments with edges in both directions."""
    first = np.arange(length - 1)
    ends = np.concatenate([first, first + 1]), np.concatenate([first + 1, first])
    return Graph(random(length, 10), *ends, edges=np.repeat(np.eye(2), length - 1, axis=0), globals=random(1, 3))


def test_padding_changes_nothing():
    model, short = eta_supersegment(10, 2, 3, 3), road(4)
    alone, beside = model(batch_graphs([short])), model(batch_graphs([short, road(7)]))
    np.testing.assert_allclose(array(beside["segments"])[0, :4], array(alone["segments"])[0], atol=1e-4)
    np.testing.assert_allclose(array(beside["supersegment"])[0], array(alone["supersegment"])[0], atol=1e-4)
    assert not array(beside["segments"])[0, 4:].any()


def test_a_layer_reaches_the_next_segment_and_the_whole_supersegment():
    """Through edges a change reaches neighbors in one layer; through the state of the graph it reaches all in two."""
    graph = road(6)
    changed = Graph(
        graph.nodes + np.eye(6)[:, :1], *(getattr(graph, k) for k in ("senders", "receivers", "edges", "globals"))
    )
    for layers, reached in ((1, 2), (2, 6)):
        model = eta_supersegment(10, 2, 3, 3, num_layers=layers)
        here, there = (array(model(batch_graphs([x]))["segments"])[0] for x in (graph, changed))
        assert np.flatnonzero(np.abs(here - there).max(axis=1) > 1e-6).tolist() == list(range(reached))


def test_true_times_are_those_of_a_vehicle():
    speeds = rng.uniform(1.0, 25.0, (_traffic.MINUTES, 1, _traffic.ROADS, _traffic.SEGMENTS))
    length = rng.uniform(300, 900, (_traffic.ROADS, _traffic.SEGMENTS))
    times = _traffic._trips(speeds, length)
    for road, part, start in ((0, 0, 0), (2, 1, 77)):
        now = 60.0 * start
        for k in range(_traffic.ROW):
            segment, left, entered = part * _traffic.ROW + k, length[road, part * _traffic.ROW + k], now
            while left > 1e-9:  # to the end of the minute, or of the segment
                speed = speeds[int(now / 60 + 1e-9), 0, road, segment]
                step = min(60 * (np.floor(now / 60 + 1e-9) + 1) - now, left / speed)
                now, left = now + step, left - step * speed
            np.testing.assert_allclose(times[0, road, part, start, k], now - entered, rtol=1e-6)


def test_simulator_keeps_vehicles_and_speed_limits():
    train, test = datasets.road_traffic(6, num_test=2)
    assert len(train.times) == 6 * 78
    assert len(test.times) == 2 * 78
    assert (train.speeds <= train.segments[..., 1:2] + 1e-4).all()
    free = train.segments[..., 0] / train.segments[..., 1]
    assert (train.times >= free[..., None] * 0.999).all()
    assert train.times.sum(axis=1).max() > 2 * free.sum(axis=1).max()  # there are queues
    by_day = train.times.reshape(6, 13, 6, 10, 3)
    np.testing.assert_allclose(train.usual.reshape(by_day.shape)[0], by_day[1:].mean(axis=0), rtol=1e-4)  # the others
    np.testing.assert_allclose(test.usual.reshape(2, 13, 6, 10, 3)[1], by_day.mean(axis=0), rtol=1e-4)
    assert set(train.minutes) == set(range(390, 571, 15))


def test_task_predicts_seconds_beside_simple_predictions():
    data = recipes.TravelTime(num_train=3, num_test=1).load()
    model = eta_supersegment(**data.arguments(eta_supersegment), hidden_dim=4)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    true, found = data.test.times.sum(axis=1), data.predictions(model)
    for name in ("model", "sum of segments"):  # nothing beyond the usual time
        np.testing.assert_allclose(found[name], data.test.usual.sum(axis=1), rtol=1e-5)
    still = (data.test.segments[..., 0] / data.test.speeds[..., 0]).sum(axis=1)
    np.testing.assert_allclose(found["current"][:, 2], still, rtol=1e-5)
    metrics = data.measure(model, {}, seed=0)
    np.testing.assert_allclose(metrics["RMSE of current"], np.sqrt(np.mean((still[:, None] - true) ** 2)), rtol=1e-5)
    _, y = next(iter(data.batches(2, steps_per_epoch=1, seed=0, start_epoch=0)))
    sums = y["segments"].sum(axis=1) * data.scales["segments"]
    np.testing.assert_allclose(y["supersegment"] * data.scales["supersegment"], sums, atol=0.05)
    assert len(data.sample(model, seed=0)["true"]) == 78
    assert (len(data.train.times), len(data.validation), len(data.validation[0][0]["nodes"])) == (2 * 78, 1, 78)
