"""Average precision beside pycocotools, and measures and losses of segmentation beside plain loops."""

import contextlib
import io

import keras
import numpy as np
import pytest
from keras import ops

from keras_course.convnets import conv2d, toeplitz_matrix
from keras_course.vision import (
    Objects,
    SegmentationLoss,
    coco_average_precision,
    dice_loss,
    fcn,
    focal_loss,
    panoptic_quality,
    recall_at_false_positives,
    segmentation_scores,
    transposed_conv2d,
    unet,
    voc_average_precision,
)
from keras_course.vision._unet import u_shape

array, RNG = ops.convert_to_numpy, np.random.default_rng(0)


def detections(images=12, classes=3):
    """Return random true objects, and found ones that are noisy copies of them beside others."""
    true, found = [], []
    for _ in range(images):
        corners, sizes = RNG.uniform(0, 200, (RNG.integers(0, 7), 2)), RNG.uniform(8, 150, 2)
        boxes = np.concatenate([corners, corners + sizes * RNG.uniform(0.3, 1.5, (len(corners), 2))], axis=1)
        labels = RNG.integers(0, classes, len(boxes))
        true.append(Objects(boxes, labels))
        copies = np.repeat(boxes, 2, axis=0) + RNG.normal(scale=6, size=(2 * len(boxes), 4))
        copies = np.concatenate([copies, [[5.0, 5.0, 60.0, 50.0]]])
        copies[:, 2:] = np.maximum(copies[:, 2:], copies[:, :2] + 1)
        found.append(Objects(copies, np.append(np.repeat(labels, 2), 1), RNG.random(len(copies)).round(2)))
    return true, found


def test_coco_average_precision_is_that_of_pycocotools():
    from pycocotools import coco, cocoeval

    true, found = detections()
    truth = {"images": [{"id": i} for i in range(len(true))], "categories": [{"id": k} for k in range(3)]}

    def rows(parts):
        for i, part in enumerate(parts):
            for n, (box, label) in enumerate(zip(part.boxes, part.classes, strict=True)):
                size = box[2:] - box[:2]
                row = {"image_id": i, "category_id": int(label), "bbox": [*box[:2], *size], "area": float(size.prod())}
                yield row | ({} if part.scores is None else {"score": float(part.scores[n])})

    truth["annotations"] = [{"id": k + 1, "iscrowd": 0, **row} for k, row in enumerate(rows(true))]
    with contextlib.redirect_stdout(io.StringIO()):
        api = coco.COCO()
        api.dataset = truth
        api.createIndex()
        evaluation = cocoeval.COCOeval(api, api.loadRes(list(rows(found))), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = coco_average_precision(true, found)
    names = ["AP", "AP50", "AP75"] + [f"AP of {size} objects" for size in ("small", "medium", "large")]
    names += ["AR1", "AR10", "AR100"] + [f"AR of {size} objects" for size in ("small", "medium", "large")]
    expected = [100 * value if value > -1 else np.nan for value in evaluation.stats]
    np.testing.assert_allclose([values[name] for name in names], expected, atol=1e-8)


def test_voc_average_precision_by_hand():
    """Five true boxes; found are right, wrong, right, right twice (the second is wrong), wrong."""
    true = np.array([[20 * k, 0, 20 * k + 10, 10] for k in range(5)], float)
    found = np.concatenate([true[:1], [[0, 50, 10, 60]], true[1:3], true[1:2], [[50, 50, 60, 60]]])
    scores = np.linspace(0.9, 0.4, 6)
    split = [Objects(true, np.zeros(5, int))], [Objects(found, np.zeros(6, int), scores)]
    area = 0.2 * 1 + 0.2 * 0.75 + 0.2 * 0.75
    assert voc_average_precision(*split, 2)[0] == pytest.approx(100 * area)
    assert np.isnan(voc_average_precision(*split, 2)[1])
    eleven = (3 * 1 + 4 * 0.75) / 11  # recalls 0, 0.1, 0.2 and 0.3 to 0.6
    assert voc_average_precision(*split, 1, eleven_points=True)[0] == pytest.approx(100 * eleven)
    assert recall_at_false_positives(*split, 1) == pytest.approx(60)
    assert recall_at_false_positives(*split, 0.5) == pytest.approx(20)
    nothing = [Objects(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))]
    assert voc_average_precision(split[0], nothing, 1)[0] == 0
    assert np.isnan(recall_at_false_positives(nothing, nothing))
    assert np.isnan(coco_average_precision(nothing, nothing)["AP"])


def test_scores_of_segmentation_are_those_of_loops():
    true, found = RNG.integers(-1, 3, (2, 6, 7)), RNG.integers(0, 3, (2, 6, 7))
    scores, counted = segmentation_scores(true, found, 4), true >= 0
    assert scores.accuracy == pytest.approx((true == found)[counted].mean())
    for k in range(3):
        a, b = (true == k) & counted, (found == k) & counted
        assert scores.iou[k] == pytest.approx((a & b).sum() / (a | b).sum())
        assert scores.dice[k] == pytest.approx(2 * scores.iou[k] / (1 + scores.iou[k]))
    assert np.isnan(scores.iou[3])
    assert scores.mean_iou == pytest.approx(scores.iou[:3].mean())


def test_panoptic_quality_by_hand():
    """Class 1 has two objects: one is found with an IoU of 3 / 4, the other one is missed; one more is wrong."""
    true, owners = np.zeros((2, 1, 4, 8), int)
    true[0, 0, :4], owners[0, 0, :4] = 1, 1
    true[0, 2, :4], owners[0, 2, :4] = 1, 2
    found, found_owners = np.zeros((2, 1, 4, 8), int)
    found[0, 0, :3], found_owners[0, 0, :3] = 1, 5
    found[0, 3, :3], found_owners[0, 3, :3] = 1, 6
    pq = panoptic_quality(true, owners, found, found_owners, 3)
    assert pq.segmentation[1] == pytest.approx(0.75)
    assert pq.recognition[1] == pytest.approx(1 / (1 + 0.5 + 0.5))
    assert pq.quality[1] == pytest.approx(0.375)
    assert pq.quality[0] == pytest.approx(21 / 29)
    assert np.isnan(pq.quality[2])
    np.testing.assert_allclose(panoptic_quality(true, owners, true, owners, 2).quality, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_losses_are_those_of_loops(channels):
    y = RNG.integers(-1, max(channels, 2), (2, 4, 5))
    logits = RNG.normal(size=(2, 4, 5, channels)).astype("float32")
    p = 1 / (1 + np.exp(-logits)) if channels == 1 else np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    dice, focal = array(dice_loss(y, logits, smooth=0.5)), array(focal_loss(y, logits, gamma=1.5))
    for n in range(2):
        keep = y[n] >= 0
        label, part = y[n][keep], p[n][keep]
        right = np.where(label == 1, part[:, 0], 1 - part[:, 0]) if channels == 1 else part[range(len(label)), label]
        assert focal[n] == pytest.approx(np.mean(-((1 - right) ** 1.5) * np.log(right)), rel=1e-4)
        kinds = [1] if channels == 1 else range(3)
        overlaps = [
            (2 * part[label == k, j].sum() + 0.5) / (part[:, j].sum() + (label == k).sum() + 0.5)
            for j, k in enumerate(kinds)
        ]
        assert dice[n] == pytest.approx(1 - np.mean(overlaps), rel=1e-4)
    both = SegmentationLoss(2.0, dice=0.5)
    expected = 2 * array(focal_loss(y, logits, gamma=0)) + 0.5 * array(dice_loss(y, logits))
    assert float(both(y, logits)) == pytest.approx(expected.mean(), rel=1e-5)
    again = SegmentationLoss.from_config(both.get_config())
    assert float(again(y, logits)) == pytest.approx(float(both(y, logits)))
    perfect = 50.0 * (2.0 * (y[..., None] == ([1] if channels == 1 else range(3))) - 1.0)
    np.testing.assert_allclose(array(dice_loss(y, perfect, smooth=0.0)), 0, atol=1e-5)


def test_transposed_convolution_is_the_transposed_matrix():
    x, kernel = RNG.normal(size=(7, 6, 2)), RNG.normal(size=(3, 4, 2, 5))
    for stride, padding in ((1, 0), (1, 1), (2, 0)):
        image = conv2d(x, kernel, stride=stride, padding=padding)
        y = RNG.normal(size=image.shape)
        back = transposed_conv2d(y, kernel, stride=stride, padding=padding)
        shape = back.shape  # with a stride, fewer rows than x has where the last ones are not seen
        matrix = toeplitz_matrix(kernel, shape, stride=stride, padding=padding)
        np.testing.assert_allclose(back.ravel(), matrix.T @ y.ravel())
        seen = x[: shape[0], : shape[1]]
        np.testing.assert_allclose(np.vdot(image, y), np.vdot(seen, back))
    layer = keras.layers.Conv2DTranspose(2, 2, strides=2, data_format="channels_last")
    layer.build((None, 3, 4, 5))
    weights = RNG.normal(size=(2, 2, 2, 5)).astype("float32")
    layer.set_weights([weights, np.zeros(2)])
    y = RNG.normal(size=(3, 4, 5)).astype("float32")
    np.testing.assert_allclose(array(layer(y[None]))[0], transposed_conv2d(y, weights, stride=2), atol=1e-4)


def test_u_shape_calls_its_parts_in_order():
    calls = []

    def part(*arguments):
        calls.append(arguments[-1])
        return arguments[0]

    assert u_shape("x", (1, 2), part, down=part, up=part, join=part) == "x"
    assert calls == ["down_0", "pool_0", "bottom", "up_0", "join_0", "merge_0"]


def test_original_unet_leaves_a_border_out():
    model = unet((60, 44, 1), 2, widths=(2, 3, 4), padding="valid", residual=True)
    assert model.output_shape == (None, 20, 4, 2)
    assert fcn((None, None, 3), 4, stride=16).output_shape == (None, None, None, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: unet((30, 32, 1), 2), "input_shape=.30, 32, 1. must have sides that 4 divides"),
        (lambda: unet((570, 570, 1), 2, widths=(1,) * 5, padding="valid"), "becomes 279 before a pooling"),
        (lambda: unet((44, 20, 1), 2, padding="valid"), "nothing is left of the side 20"),
        (lambda: unet((None, 32, 1), 2, padding="valid"), "open side"),
        (lambda: unet((32, 32), 2), "input_shape"),
        (lambda: unet((32, 32, 1), 2, widths=(8,)), "widths"),
        (lambda: fcn((40, 32, 3), 2), "input_shape"),
        (lambda: fcn((32, 32, 3), 2, stride=4), "stride=4"),
        (lambda: SegmentationLoss(0.0), "must not both be 0"),
        (lambda: dice_loss(np.zeros((2, 3)), np.zeros((2, 3, 4, 1))), "y has shape"),
        (lambda: segmentation_scores(np.zeros((1, 2, 2)), np.zeros((1, 2, 2), int), 2), "true has shape"),
        (lambda: segmentation_scores([[0, 1]], [[0, 5]], 2), "predicted must hold classes"),
        (lambda: panoptic_quality([[0]], [[0]], [[3]], [[0]], 2), "true_classes and classes"),
        (lambda: transposed_conv2d(np.ones((2, 2)), np.ones((2, 2)), padding=3), "leaves nothing"),
        (lambda: voc_average_precision([], [], 1), "true must be a list"),
        (lambda: voc_average_precision([Objects(np.ones((1, 4)), [0])], [1], 1), r"found\[0\]=1 must be Objects"),
        (
            lambda: coco_average_precision([Objects([[2, 0, 1, 1]], [0])], [Objects([], [], [])]),
            r"true\[0\].boxes\[0\]",
        ),
        (lambda: coco_average_precision([Objects([], [])], [Objects(np.ones((1, 4)), [0])]), "scores must be"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
