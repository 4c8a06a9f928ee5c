"""Parts of detectors beside closed forms, plain algorithms and SciPy."""

import numpy as np
import pytest
from keras import ops
from scipy.optimize import linear_sum_assignment

from keras_course import ops as course_ops
from keras_course.vision import (
    anchor_boxes,
    box_area,
    box_iou,
    clip_boxes,
    convert_boxes,
    decode_offsets,
    encode_offsets,
    generalized_iou,
    grid_centers,
    hungarian_matching,
    match_anchors,
    non_maximum_suppression,
    plain_matching,
    plain_suppression,
    roi_align,
    roi_pool,
)

array, RNG = ops.convert_to_numpy, np.random.default_rng(0)


def some_boxes(*shape, size=64):
    corners = RNG.uniform(0, size, (*shape, 2, 2))
    return np.concatenate([corners.min(axis=-2), corners.max(axis=-2)], axis=-1).astype("float32")


def painted(box):
    image = np.zeros((32, 32), bool)
    x1, y1, x2, y2 = box.astype(int)
    image[y1:y2, x1:x2] = True
    return image


def test_overlaps_are_those_of_painted_pixels():
    boxes, others = (np.round(some_boxes(n, size=32)) for n in (6, 5))
    iou, giou = array(box_iou(boxes, others)), array(generalized_iou(boxes, others))
    for i, a in enumerate(map(painted, boxes)):
        np.testing.assert_allclose(array(box_area(boxes[i])), a.sum())
        for j, b in enumerate(map(painted, others)):
            union = max((a | b).sum(), 1)
            hull = painted(
                np.concatenate([np.minimum(boxes[i, :2], others[j, :2]), np.maximum(boxes[i, 2:], others[j, 2:])])
            )
            np.testing.assert_allclose(iou[i, j], (a & b).sum() / union, atol=1e-6)
            expected = (a & b).sum() / union - (hull.sum() - (a | b).sum()) / hull.sum()
            np.testing.assert_allclose(giou[i, j], expected, atol=1e-5)
    np.testing.assert_allclose(np.diag(iou[:5, :5]), array(box_iou(boxes[:5], others, pairwise=False)), atol=1e-6)


def test_generalized_iou_pulls_boxes_together_that_do_not_overlap():
    far, goal = np.array([0.0, 0.0, 2.0, 2.0], "float32"), np.array([5.0, 0.0, 7.0, 2.0], "float32")
    slope = array(course_ops.grad(lambda box: generalized_iou(box, goal, pairwise=False))(ops.convert_to_tensor(far)))
    assert slope[2] > 0
    np.testing.assert_array_equal(
        array(course_ops.grad(lambda box: box_iou(box, goal, pairwise=False))(ops.convert_to_tensor(far))), 0
    )


def test_formats_and_offsets_have_inverses():
    boxes, anchors = some_boxes(7), some_boxes(7) + np.array([0, 0, 5, 5])
    for kind in ("xywh", "cxcywh"):
        there = convert_boxes(boxes, "xyxy", kind)
        np.testing.assert_allclose(array(convert_boxes(there, kind, "xyxy")), boxes, atol=1e-5)
    again = decode_offsets(encode_offsets(boxes, anchors), anchors.astype("float32"))
    np.testing.assert_allclose(array(again), boxes, atol=1e-4)
    np.testing.assert_allclose(array(encode_offsets(anchors, anchors)), 0, atol=1e-6)
    clipped = array(clip_boxes(boxes + 20, (40, 50)))
    assert clipped[:, [0, 2]].max() <= 50
    assert clipped[:, [1, 3]].max() <= 40


@pytest.mark.parametrize("with_classes", [False, True])
def test_suppression_is_the_plain_algorithm(with_classes):
    boxes, scores = some_boxes(3, 40), RNG.random((3, 40)).astype("float32")
    classes = RNG.integers(0, 3, (3, 40)) if with_classes else np.zeros((3, 40), int)
    compiled = course_ops.jit(
        lambda *x: non_maximum_suppression(x[0], x[1], x[2] if with_classes else None, iou_threshold=0.3, max_boxes=40)
    )
    indices, kept = map(array, compiled(boxes, scores, classes))
    for n in range(3):
        expected = []
        for k in range(3):
            rows = np.flatnonzero(classes[n] == k)
            expected += list(rows[plain_suppression(boxes[n, rows], scores[n, rows], 0.3)]) if len(rows) else []
        expected = sorted(expected, key=lambda i: -scores[n, i])
        assert indices[n][kept[n]].tolist() == expected
    best, ok = (x[0, :2] for x in map(array, non_maximum_suppression(boxes[:1], scores[:1], iou_threshold=1.0)))
    assert best.tolist() == np.argsort(-scores[0])[:2].tolist()
    assert ok.all()
    assert not array(non_maximum_suppression(boxes, scores, score_threshold=2.0)[1]).any()


def test_suppression_of_what_is_kept_keeps_all():
    boxes, scores = some_boxes(50), RNG.random(50)
    kept = plain_suppression(boxes, scores, 0.4)
    assert plain_suppression(boxes[kept], scores[kept], 0.4) == list(range(len(kept)))


def test_anchors():
    anchors = anchor_boxes((32, 48, 3), 16, sizes=(16, 32), ratios=(0.5, 1.0, 2.0))
    assert anchors.shape == (2 * 3 * 6, 4)
    sizes = (anchors[:, 2:] - anchors[:, :2])[:6]
    np.testing.assert_allclose(sizes.prod(axis=1), [256] * 3 + [1024] * 3, rtol=1e-5)
    np.testing.assert_allclose(sizes[:, 1] / sizes[:, 0], [0.5, 1, 2] * 2, rtol=1e-5)
    centers = (anchors[:, 2:] + anchors[:, :2]) / 2
    np.testing.assert_allclose(centers[::6], grid_centers((32, 48), 16), atol=1e-5)
    boxes = np.array([[1, 1, 17, 17], [100, 100, 101, 101]])
    found = match_anchors(anchors, boxes, positive=0.5, negative=0.3)
    overlap = array(box_iou(anchors, boxes.astype("float32")))
    assert (found[overlap[:, 0] >= 0.5] == 0).sum() >= 1
    assert (overlap[found == -2].max(axis=1) >= 0.3).all()
    assert (found == 1).sum() == 1  # no object is left without an anchor
    assert (match_anchors(anchors, []) == -1).all()


def test_matching_is_that_of_scipy():
    costs = RNG.normal(size=(6, 5, 9)).astype("float32")
    costs[:, 3] = np.abs(costs[:, 3])  # whose rows of equal costs below are padding
    chosen = array(course_ops.jit(hungarian_matching)(costs))
    for matrix, row in zip(costs, chosen, strict=True):
        assert row.tolist() == linear_sum_assignment(matrix)[1].tolist()
    assert plain_matching(costs[0, :3, :5]) == linear_sum_assignment(costs[0, :3, :5])[1].tolist()
    padded = costs.copy()
    padded[:, 2:4] = 0.7
    chosen = array(hungarian_matching(padded))
    for matrix, row in zip(padded[:, [0, 1, 4]], chosen[:, [0, 1, 4]], strict=True):
        assert row.tolist() == linear_sum_assignment(matrix)[1].tolist()
    assert all(len(set(row)) == 5 for row in chosen.tolist())
    square = RNG.normal(size=(1, 6, 6))
    assert array(hungarian_matching(square))[0].tolist() == linear_sum_assignment(square[0])[1].tolist()


def test_roi_align_is_exact_on_a_ramp_and_pooling_is_not():
    y, x = np.mgrid[:12, :14] + 0.5
    features = np.stack([2 * x - y, np.ones_like(x)], axis=-1)[None].astype("float32")
    boxes = np.array([[[1.3, 2.1, 9.8, 8.9], [3.0, 4.0, 5.0, 6.0]]], "float32")
    out = array(course_ops.jit(lambda f, b: roi_align(f, b, 3))(features, boxes))
    for n, (x1, y1, x2, y2) in enumerate(boxes[0]):
        at = (np.arange(3) + 0.5) / 3
        expected = 2 * (x1 + at * (x2 - x1))[None] - (y1 + at * (y2 - y1))[:, None]
        np.testing.assert_allclose(out[0, n, ..., 0], expected, atol=1e-5)
        np.testing.assert_allclose(out[0, n, ..., 1], 1, atol=1e-6)
    pooled = array(roi_pool(features, boxes, 3))
    assert np.abs(pooled[0, 0, ..., 0] - out[0, 0, ..., 0]).max() > 0.5
    noise = RNG.normal(size=(1, 8, 8, 2)).astype("float32")
    whole = array(roi_pool(noise, [[[0.0, 0.0, 8.0, 8.0]]], 4))[0, 0]
    np.testing.assert_allclose(whole, noise[0].reshape(4, 2, 4, 2, 2).max(axis=(1, 3)), atol=1e-6)
    mean = array(roi_align(noise, [[[0.0, 0.0, 8.0, 8.0]]], 4))[0, 0]  # two samples in a bin of two pixels: its mean
    np.testing.assert_allclose(mean, noise[0].reshape(4, 2, 4, 2, 2).mean(axis=(1, 3)), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: box_iou(np.ones((2, 3)), np.ones((2, 4))), "boxes has shape"),
        (lambda: generalized_iou(np.ones(4), np.ones((2, 4))), "pairwise=True needs"),
        (lambda: convert_boxes(np.ones(4), "xyxy", "yxyx"), "target='yxyx'"),
        (lambda: clip_boxes(np.ones(4), (3,)), "image_shape"),
        (lambda: plain_suppression(np.ones((2, 4)), np.ones(3)), "boxes and scores have shapes"),
        (lambda: non_maximum_suppression(np.ones((1, 2, 4)), np.ones((1, 3))), "boxes and scores have shapes"),
        (lambda: anchor_boxes((8, 8), 4, sizes=(0,)), r"sizes\[0\]=0"),
        (lambda: match_anchors(np.ones((2, 4)), [[3, 0, 1, 2]]), r"boxes\[0\]=\[3.0, 0.0, 1.0, 2.0\] must be"),
        (lambda: match_anchors(np.ones((2, 4)), [[np.nan, 0, 1, 2]]), "boxes has 1 entries that are not finite"),
        (lambda: match_anchors(np.ones((2, 4)), [], positive=0.3), "negative=0.4"),
        (lambda: hungarian_matching(np.ones((1, 3, 2))), "costs has shape"),
        (lambda: plain_matching(np.ones((12, 12))), "at most a million"),
        (lambda: roi_align(np.ones((1, 4, 4, 1)), np.ones((2, 1, 4))), "boxes has 2 examples"),
        (lambda: grid_centers((8,), 4), "image_shape"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
