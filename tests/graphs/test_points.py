"""Point-GNN beside loops over vertices, its invariance, and boxes: their codes, their loss, merging and precision."""

import keras
import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course.graphs import (
    BoxLoss,
    Graph,
    PointMessages,
    average_precision,
    batch_graphs,
    decode_boxes,
    encode_boxes,
    merge_boxes,
    point_gnn,
    radius_graph,
)

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)
CAR = np.array([10.0, 2.0, 0.8, 4.0, 1.8, 1.5, 0.3])


def neighborhoods(points, radius):
    """Return for each point the numbers of those that are nearer than the radius, itself among them."""
    away = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return [np.flatnonzero(row < radius) for row in away]


@pytest.fixture(scope="module")
def cloud():
    return np.concatenate([rng.random((12, 3)), rng.normal(size=(12, 1))], axis=1).astype("float32")


def graph_of(cloud):
    return Graph(cloud, *radius_graph(cloud[:, :3], 0.5))


def test_network_is_a_loop_over_vertices(cloud, perceptron):
    model = point_gnn(4, 3, hidden_dim=5, num_layers=2)
    near = neighborhoods(cloud[:, :3], 0.5)
    layer = model.get_layer
    s = np.stack(
        [
            np.max([perceptron(layer("embed_edges"), cloud[j] - [*cloud[i, :3], 0]) for j in near[i]], axis=0)
            for i in range(12)
        ]
    )
    s = np.stack([perceptron(layer("embed_nodes"), row) for row in s])
    for k in range(2):
        step, new = layer(f"messages_{k}"), s.copy()
        for i in range(12):
            offset = perceptron(step.offset_mlp, s[i])
            messages = [
                perceptron(step.edge_mlp, cloud[j, :3] - cloud[i, :3] + offset, s[j] @ array(step.sender_matrix.kernel))
                for j in near[i]
            ]
            new[i] += perceptron(step.node_mlp, np.max(messages, axis=0))
        s = new
    found = model(batch_graphs([graph_of(cloud)], num_nodes=14))
    for name in ("classes", "boxes"):
        expected = np.stack([perceptron(layer(f"{name}_head"), row) for row in s])
        np.testing.assert_allclose(array(found[name])[0, :12], expected, atol=1e-4)
        assert not array(found[name])[0, 12:].any()  # padding


def test_network_knows_no_absolute_position(cloud):
    model = point_gnn(4, 3)
    moved = cloud + np.float32([3.0, -2.0, 0.5, 0.0])
    here, there = (model(batch_graphs([graph_of(x)])) for x in (cloud, moved))
    for name in here:
        np.testing.assert_allclose(array(there[name]), array(here[name]), atol=1e-4)


def test_registration_can_be_left_out():
    assert "offset" not in " ".join(w.path for w in point_gnn(3, 2, registration=False).weights)
    with pytest.raises(ValueError, match="hidden_dim=3"):
        PointMessages(3)(np.ones((2, 4)), np.ones((1, 3)), np.array([0]), np.array([1]))


def test_codes_of_boxes():
    boxes = np.tile(CAR, (5, 1)) + rng.normal(scale=0.1, size=(5, 7))
    points = rng.normal(size=(5, 3))
    np.testing.assert_allclose(decode_boxes(points, encode_boxes(points, boxes)), boxes, atol=1e-5)
    turned = boxes + np.pi * np.eye(7)[6]
    np.testing.assert_allclose(encode_boxes(points, turned), encode_boxes(points, boxes), atol=1e-5)
    for wrong in (boxes[:4], -boxes, boxes[:, :6]):
        with pytest.raises(ValueError, match="boxes"):
            encode_boxes(points, wrong)


def test_loss_counts_points_on_objects_only():
    target, found = rng.normal(size=(2, 3, 9)), rng.normal(scale=2, size=(2, 3, 8))
    target[..., 0] = [[1, 0, -1], [2, 3, 0]]
    away = np.abs(found - target[..., 1:])
    losses = np.where(away < 1, away**2 / 2, away - 0.5).mean(axis=-1)
    expected = losses[target[..., 0] > 0].mean()
    np.testing.assert_allclose(float(BoxLoss()(target, found)), expected, rtol=1e-5)
    target[..., 0] = 0
    assert float(BoxLoss()(target, found)) == 0


def test_merging_keeps_groups_apart():
    boxes = CAR + np.array([0.0, 0.5, 9.0, 9.5])[:, None] * np.eye(7)[0]
    merged, scores = merge_boxes(boxes, [0.1, 0.3, 0.8, 0.2], 2.0)
    np.testing.assert_allclose(merged[:, 0], [19.1, 10.375])
    np.testing.assert_allclose(scores, [1.0, 0.4])
    opposite = np.stack([CAR, CAR]) + np.array([[np.pi / 2 - 0.35], [-np.pi / 2 - 0.25]]) * np.eye(7)[6]
    yaw = merge_boxes(opposite, [1.0, 1.0], 1.0)[0][0, 6]
    assert abs(abs(yaw) - np.pi / 2) < 1e-6  # the mean of angles just before and just after a quarter turn
    assert merge_boxes(np.zeros((0, 7)), [], 1.0)[0].shape == (0, 7)


def test_average_precision_by_hand():
    true = [[CAR, CAR + 20 * np.eye(7)[0]], [CAR]]
    found = [[CAR, CAR + 0.2, CAR + 5], [CAR + 0.1]]  # the second one finds a car that is taken
    scores = [[0.9, 0.8, 0.1], [0.7]]
    np.testing.assert_allclose(average_precision(true, found, scores), 100 * (1 + 2 / 3) / 3)
    assert average_precision(true, [[], []], [[], []]) == 0
    assert np.isnan(average_precision([[]], [[CAR]], [[1.0]]))
    for wrong in ({"found": [[CAR]]}, {"scores": [[0.9], [0.7]]}, {"scores": [[-1.0, 0.8, 0.1], [0.7]]}):
        with pytest.raises(ValueError, match=r"found|scores"):
            average_precision(**{"true": true, "found": found, "scores": scores} | wrong)


def test_points_are_on_the_boxes_of_their_objects():
    scenes, _ = datasets.lidar_scenes(4, num_test=1)
    for points, owners, boxes, classes in zip(*scenes, strict=True):
        assert set(classes) <= {1, 2, 3}
        assert np.bincount(owners[owners >= 0], minlength=len(boxes)).min() >= 5
        for k, box in enumerate(boxes):
            x, y, z = (points[owners == k] - box[:3]).T
            cos, sin = np.cos(box[6]), np.sin(box[6])
            inside = np.abs(np.stack([cos * x + sin * y, cos * y - sin * x, z])) / (box[3:6, None] / 2)
            outermost = (np.abs(inside - 1) * box[3:6, None] / 2).min(axis=0)
            assert outermost.max() < 0.15  # on a side, but for the error of the distance
            assert np.linalg.norm(box[:2]) > np.linalg.norm(points[owners == k][:, :2], axis=1).min()  # the near sides
        assert (points[:, 2] > -0.1).all()


def test_task_measures_what_is_found():
    data = recipes.Detection(num_train=6, num_test=2).load()
    model = point_gnn(**data.arguments(point_gnn), hidden_dim=4, num_layers=1)
    metrics = data.measure(model, {}, seed=0)
    assert set(metrics) >= {"average precision", "average precision of clusters", "cars", "pedestrians of clusters"}
    classes = zip(data.test.boxes, data.test.classes, strict=True)
    perfect = [{k: (x[c == k], np.ones(sum(c == k))) for k in (1, 2, 3)} for x, c in classes]
    assert set(data.precision(perfect).values()) <= {100.0}
    x, y = next(iter(data.batches(2, steps_per_epoch=1, seed=0, start_epoch=0)))
    inside = y["classes"] > 0
    nodes, boxes = x["nodes"][..., :3][inside], decode_boxes(x["nodes"][..., :3][inside], y["boxes"][inside][:, 1:])
    assert (np.linalg.norm(nodes - boxes[:, :3], axis=1) < np.linalg.norm(boxes[:, 3:6], axis=1) / 2 + 0.2).all()
    assert data.sample(model, seed=0).dtype == np.uint8
    x, _ = next(iter(data.validation))
    assert not np.array_equal(x["nodes"], data.test_x["nodes"])
