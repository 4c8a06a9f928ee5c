"""Detectors: assignment, losses and decoding beside plain loops, and images without objects."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import ops as course_ops
from keras_course.vision import (
    DetrLoss,
    Objects,
    YoloDetector,
    YoloLoss,
    YoloV1Loss,
    box_iou,
    box_targets,
    decode_yolo_v1,
    detr,
    encode_yolo_v1,
    generalized_iou,
    plot_boxes,
    plot_grid_cells,
    plot_segmentation,
    plot_unet,
    select_objects,
    true_objects,
    yolo,
    yolo_v1,
)
from keras_course.vision._yolo import positions

array, RNG = ops.convert_to_numpy, np.random.default_rng(0)
SHAPE, STRIDES = (32, 48), (8, 16)
BOXES = np.array([[[2, 2, 20, 18], [4, 4, 16, 20], [40, 24, 44, 29]], [[0, 0, 0, 0]] * 3], "float32")
CLASSES = np.array([[1, 0, 1], [-1, -1, -1]])


def iou(a, b):
    return float(box_iou(a.astype("float32"), b.astype("float32"), pairwise=False))


def test_yolo_loss_is_that_of_loops():
    """Task-aligned assignment, written out for one image: candidates, the best two, contests, and both losses."""
    loss = YoloLoss(SHAPE, STRIDES, top_k=2, box_weight=1.5)
    points, steps = positions(SHAPE, STRIDES)
    outputs = RNG.normal(size=(2, len(points), 6)).astype("float32")
    y = box_targets(BOXES, CLASSES)
    distances = np.log1p(np.exp(outputs[0, :, :4])) * steps
    boxes = np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)
    p = 1 / (1 + np.exp(-outputs[0, :, 4:]))
    wishes = np.full((len(points), 3), -1.0)
    aligned, overlap = np.zeros((2, len(points), 3))
    for k, (box, kind) in enumerate(zip(BOXES[0], CLASSES[0], strict=True)):
        center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        inside = (np.abs(points - center) < np.maximum(half, steps / 2)).all(axis=1)
        for a in np.flatnonzero(inside):
            overlap[a, k] = iou(boxes[a], box)
            aligned[a, k] = p[a, kind] ** 0.5 * max(overlap[a, k], 1e-3) ** 6
        for a in np.argsort(-aligned[:, k])[:2]:
            if inside[a]:
                wishes[a, k] = overlap[a, k]
    owner, mine = wishes.argmax(axis=1), wishes.max(axis=1) >= 0
    quality, targets, sizes = np.zeros(len(points)), np.zeros((len(points), 2)), 0.0
    for k, kind in enumerate(CLASSES[0]):
        rows = np.flatnonzero(mine & (owner == k))
        if len(rows):
            quality[rows] = aligned[rows, k] / aligned[rows, k].max() * overlap[rows, k].max()
            targets[rows, kind] = quality[rows]
            goal = BOXES[0, k]
            sizes += sum(quality[a] * (1 - float(generalized_iou(boxes[a], goal, pairwise=False))) for a in rows)
    classes = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum()
    empty = np.log1p(np.exp(outputs[1, :, 4:])).sum()  # the second image has no objects
    expected = np.array([classes + 1.5 * sizes, empty]) / max(quality.sum() / 2, 1)
    assert mine.sum() >= 4
    np.testing.assert_allclose(array(loss.call(y, ops.convert_to_tensor(outputs))), expected, rtol=1e-4)
    slope = array(course_ops.grad(lambda x: loss(y, x))(ops.convert_to_tensor(outputs)))
    assert np.isfinite(slope).all()
    assert (slope[1, :, :4] == 0).all()


def test_decoding_finds_what_perfect_outputs_say():
    model = yolo((*SHAPE, 3), 2, widths=(4, 4, 4, 4), head_dim=4)
    points, steps = positions(SHAPE, STRIDES)
    outputs = np.full((1, len(points), 6), -8.0, "float32")
    for k, kind in enumerate(CLASSES[0]):
        box = BOXES[0, k]
        inside = ((points > box[:2]) & (points < box[2:])).all(axis=1)
        away = np.abs(points - (box[:2] + box[2:]) / 2).sum(axis=1)
        a = int(np.argmin(np.where(inside, away + 0.01 * k, 1e9)))
        if not inside[a] or outputs[0, a].max() > 0:
            continue
        distances = np.concatenate([points[a] - box[:2], box[2:] - points[a]]) / steps[a]
        outputs[0, a, :4] = np.log(np.expm1(distances))
        outputs[0, a, 4 + kind] = 5.0
    found = select_objects(*map(array, model.decode(outputs)), score_threshold=0.5)[0]
    assert len(found.boxes) >= 1
    for box, kind in zip(found.boxes, found.classes, strict=True):
        assert max(iou(box, goal) for goal in BOXES[0][CLASSES[0] == kind]) > 0.999


def test_a_detector_learns_one_image_and_is_the_same_after_loading(tmp_path):
    image = np.zeros((2, 32, 32, 3), "float32")
    image[0, 8:24, 4:20] = 1.0
    y = box_targets([[[4, 8, 20, 24]], [[0, 0, 0, 0]]], [[1], [-1]])
    model = yolo((32, 32, 3), 2, widths=(8, 8, 8), head_dim=8)
    assert isinstance(model, YoloDetector)
    model.compile(keras.optimizers.Adam(0.02), model.detection_loss)
    model.fit(np.tile(image, (60, 1, 1, 1)), np.tile(y, (60, 1, 1)), batch_size=2, shuffle=False, verbose=0)
    for layer in model.network.layers:  # so few steps leave moving averages behind
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    model.fit(image, y, batch_size=2, verbose=0)
    found, nothing = model.detect(image, score_threshold=0.2)
    assert found.classes[0] == 1
    assert iou(found.boxes[0], y[0, 0, 1:]) > 0.5
    assert not len(nothing.boxes)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.detect(image)[0].boxes, model.detect(image)[0].boxes, atol=1e-4)


def test_yolo_v1_targets_and_loss():
    """Perfect outputs have no loss, and decoding returns the boxes that were encoded."""
    y = box_targets(BOXES, CLASSES)
    cells = encode_yolo_v1(y, SHAPE, 4)
    assert cells[..., 0].sum() == 2  # the first two objects have their centers in one cell, which keeps the second one
    outputs = np.zeros((2, 4, 4, 12), "float32")
    outputs[..., :4] = outputs[..., 5:9] = cells[..., 2:]
    outputs[..., 4] = cells[..., 0]  # only one box of a cell is responsible
    outputs[..., 10:] = np.eye(2)[cells[..., 1].astype(int)] * cells[..., :1]
    loss = YoloV1Loss(2)
    np.testing.assert_allclose(array(loss.call(cells, ops.convert_to_tensor(outputs))), 0, atol=1e-5)
    found = select_objects(*map(array, decode_yolo_v1(outputs, 2, SHAPE)), score_threshold=0.5)
    order = np.argsort(found[0].classes)
    np.testing.assert_allclose(found[0].boxes[order], BOXES[0, 1:], atol=1e-3)
    assert not len(found[1].boxes)
    moved = outputs.copy()
    moved[..., 4] = moved[..., 9] = 0.5
    objects, others = cells[..., 0].sum(axis=(1, 2)), 32 - cells[..., 0].sum(axis=(1, 2))
    expected = objects * 0.25 + 0.5 * others * 0.25
    np.testing.assert_allclose(array(loss.call(cells, ops.convert_to_tensor(moved))), expected, rtol=1e-5)
    model = yolo_v1((*SHAPE, 3), 2, grid=4)
    assert model.output_shape == (None, 4, 4, 12)


def test_detr_loss_is_that_of_the_cheapest_assignment():
    """Of all assignments of objects to queries, the loss takes the one with the smallest cost; written out."""
    loss, y = DetrLoss(SHAPE, no_object=0.2), box_targets(BOXES, CLASSES)
    outputs = RNG.normal(size=(2, 4, 7)).astype("float32")
    goals = BOXES[0] / [48, 32, 48, 32]
    boxes, p = 1 / (1 + np.exp(-outputs[..., :4])), np.exp(outputs[..., 4:])
    p /= p.sum(axis=-1, keepdims=True)
    corners = np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], axis=-1)
    centers = np.concatenate([(goals[:, :2] + goals[:, 2:]) / 2, goals[:, 2:] - goals[:, :2]], axis=-1)
    away = np.abs(centers[:, None] - boxes[0]).sum(axis=-1)
    overlap = array(generalized_iou(goals.astype("float32"), corners[0].astype("float32")))
    of_boxes = 5 * away + 2 * (1 - overlap)  # (K, Q)
    chosen = min(
        itertools.permutations(range(4), 3),
        key=lambda q: sum(of_boxes[k, q[k]] - p[0, q[k], CLASSES[0, k]] for k in range(3)),
    )
    nll, weights = -np.log(p[..., 2]), np.full((2, 4), 0.2)
    for k, q in enumerate(chosen):
        nll[0, q], weights[0, q] = -np.log(p[0, q, CLASSES[0, k]]), 1.0
    expected = (weights * nll).sum(axis=1) / weights.sum(axis=1).mean()
    expected[0] += sum(of_boxes[k, q] for k, q in enumerate(chosen)) / 1.5  # objects of an image, on average
    np.testing.assert_allclose(array(loss.call(y, ops.convert_to_tensor(outputs))), expected, rtol=1e-4)
    model = detr((*SHAPE, 3), 2, widths=(4, 4), hidden_dim=8, mlp_dim=8, num_queries=4)
    model.compile(keras.optimizers.Adam(1e-3), model.detection_loss)
    images = RNG.normal(size=(2, *SHAPE, 3)).astype("float32")
    assert np.isfinite(model.fit(images, y, verbose=0).history["loss"][0])
    found = model.detect(images, score_threshold=0.0)
    assert [len(part.boxes) for part in found] == [4, 4]


def test_annotations_there_and_back():
    objects = true_objects(box_targets(BOXES, CLASSES))
    assert [len(part.boxes) for part in objects] == [3, 0]
    np.testing.assert_array_equal(objects[0].boxes, BOXES[0])


def test_figures():
    images = RNG.integers(0, 255, (2, 16, 20, 3)).astype("uint8")
    true = [Objects(np.array([[1, 2, 8, 9]]), np.array([0])), Objects(np.zeros((0, 4)), np.zeros(0, int))]
    found = [part._replace(scores=np.full(len(part.boxes), 0.7)) for part in true]
    figure = plot_boxes(images, {"true": true, "found": found}, class_names=["cell"])
    assert [len(ax.patches) for ax in figure.axes] == [1, 0, 1, 0]
    assert figure.axes[2].texts[0].get_text() == "70"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cell"]
    masks = RNG.integers(0, 3, (2, 16, 20))
    assert len(plot_segmentation(images, {"true": masks}, class_names=["a", "b", "c"]).legends[0].get_texts()) == 2
    texts = [text.get_text() for text in plot_unet((8, 16, 32), side=64).axes[0].texts]
    assert "32 x 32 x 16" in texts
    assert len(plot_grid_cells(images[0], true[0], 4).axes[0].patches) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: yolo((60, 64, 3), 2), "input_shape=.60, 64, 3. must have sides that 8 divides"),
        (lambda: yolo((64, 64, 3), 2, levels=4), "levels=4"),
        (lambda: YoloDetector(yolo((32, 32, 3), 2).network, (8,)), "network has 80 positions"),
        (lambda: yolo_v1((8, 8, 3), 2, layers=("pool",) * 4), r"layers\[3\]='pool' leaves nothing"),
        (lambda: yolo_v1((8, 8, 3), 2, layers=("flat",)), r"layers\[0\]='flat'"),
        (lambda: box_targets([[[5, 0, 1, 1]]], [[0]]), r"boxes\[0\]=\[5.0, 0.0, 1.0, 1.0\] must be"),
        (lambda: box_targets([[[0, 0, 1, 1]]], [[-2]]), "classes must be integers of at least -1"),
        (lambda: true_objects(np.zeros((1, 2, 4))), "targets has shape"),
        (lambda: encode_yolo_v1(np.zeros((1, 5)), (8, 8)), "targets has shape"),
        (lambda: decode_yolo_v1(np.zeros((1, 2, 2, 8)), 4, (8, 8)), "num_classes=4"),
        (lambda: select_objects(np.zeros((1, 2, 4)), np.zeros((1, 3, 2))), "probabilities has shape"),
        (lambda: plot_boxes(np.zeros((1, 4, 4)), {"a": []}), r"rows\['a'\] must be a list"),
        (lambda: plot_segmentation(np.zeros((1, 4, 4)), {"a": np.zeros((1, 4, 5), int)}), r"rows\['a'\] must hold"),
        (lambda: plot_unet((8,)), "widths"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
