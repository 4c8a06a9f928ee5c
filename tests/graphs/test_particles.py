"""The graph of particles beside brute force, its invariances, and noise that accumulates."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_course import datasets
from keras_course.graphs import ParticleGraph, accelerations, gns, radius_graph, random_walk_noise, roll_out

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)
BOX = ((0.0, 1.0), (0.0, 1.0))
POSITIONS = datasets.spring_particles(2, num_test=1, num_frames=6)[0].positions  # (2, 6, 10, 2)


def test_graph_has_the_edges_within_the_radius():
    graph = ParticleGraph(0.3, BOX, max_neighbors=9)
    nodes, edges, senders, receivers = (array(y) for y in graph(POSITIONS))
    kept = receivers >= 0
    for b in range(2):
        expected = radius_graph(POSITIONS[b, -1], 0.3)
        inside = kept & (senders // 10 == b)
        found = set(zip(senders[inside] - 10 * b, receivers[inside] - 10 * b, strict=True))
        assert found == set(zip(*(x.tolist() for x in expected), strict=True))
    flat = POSITIONS[:, -1].reshape(-1, 2)
    apart = (flat[senders] - flat[receivers])[kept] / 0.3
    np.testing.assert_allclose(edges[kept][:, :2], apart, atol=1e-5)
    np.testing.assert_allclose(edges[kept][:, 2], np.linalg.norm(apart, axis=1), atol=1e-4)
    assert not edges[~kept].any()
    np.testing.assert_allclose(nodes[:, -4:-2], np.clip(flat / 0.3, -1, 1), atol=1e-5)
    np.testing.assert_allclose(nodes[:, -2:], np.clip((1 - flat) / 0.3, -1, 1), atol=1e-5)
    np.testing.assert_allclose(nodes[:, 8:10], flat - POSITIONS[:, -2].reshape(-1, 2), atol=1e-6)


def test_of_many_neighbors_the_nearest_are_kept():
    _, _, senders, receivers = (array(y) for y in ParticleGraph(2.0, BOX, max_neighbors=3)(POSITIONS[:1]))
    for p in range(10):
        distances = np.linalg.norm(POSITIONS[0, -1] - POSITIONS[0, -1, p], axis=1)
        assert set(senders[receivers == p]) == set(np.argsort(distances)[1:4])


def test_simulator_knows_neither_numbers_nor_absolute_positions():
    model = gns(10, box=((-9.0, 9.0), (-9.0, 9.0)))
    y = array(model(POSITIONS))

    @settings(max_examples=5, deadline=None, derandomize=True, database=None)
    @given(st.permutations(range(10)))
    def check(order):
        np.testing.assert_allclose(array(model(POSITIONS[:, :, order])), y[:, order], atol=1e-4)

    check()
    np.testing.assert_allclose(array(model(POSITIONS + np.float32(0.5))), y, atol=1e-3)


def test_rollout_without_accelerations_is_a_straight_line():
    model = gns(10)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    path = array(roll_out(model, POSITIONS, 4, scale=0.001, order=2))
    velocity = POSITIONS[:, -1] - POSITIONS[:, -2]
    for k in range(4):
        np.testing.assert_allclose(path[:, k], POSITIONS[:, -1] + (k + 1) * velocity, atol=1e-5)


def test_noise_accumulates_to_its_standard_deviation():
    noise = random_walk_noise((4_000, 6, 2, 2), 3e-4, rng)
    velocities = np.diff(noise, axis=1)
    np.testing.assert_allclose(velocities.std(axis=(0, 2, 3)), 3e-4 * np.sqrt(np.arange(1, 6) / 5), rtol=0.05)
    assert not noise[:, 0].any()
    with pytest.raises(ValueError, match="shape"):
        random_walk_noise((3, 1, 2, 2), 1.0, rng)


@pytest.mark.parametrize("box", [(), ((0.0, 1.0),), ((1.0, 0.0), (0.0, 1.0)), 3])
def test_wrong_boxes_are_refused(box):
    with pytest.raises(ValueError, match="box"):
        gns(4, box=box)


def test_accelerations_of_a_fall():
    heights = -0.5 * 2.0 * np.arange(5.0) ** 2
    np.testing.assert_allclose(accelerations(heights[None]), -2.0)
