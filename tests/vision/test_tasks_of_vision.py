"""The tasks of segmentation and of boxes: changes of images and annotations together, measures and samples."""

import functools

import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course.recipes import AdamW, BoxDetection, Recipe, Segmentation
from keras_course.recipes.tasks.boxes import zoomed
from keras_course.vision import segmentation_scores

RATES = AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=1)
SMALL = {"shape_scenes": (12, 6), "voronoi_membranes": (4, 2)}


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """A table of data sets with few images."""
    find = datasets.get_dataset

    def get(name):
        train, test = SMALL.get(name, (None, None))
        row = find(name)
        return row._replace(load=functools.partial(row.load, train, num_test=test)) if train else row

    monkeypatch.setattr(datasets, "get_dataset", get)


def short_run(task, builder, folder, **overrides):
    options = {"topic": "vision", "builder": builder, "preset": "tiny", "overrides": overrides}
    run = recipes.train(
        Recipe("vision", "vision", task, optimizer=RATES, steps=4, batch_size=4, **options), out=folder, verbose=0
    )
    assert (folder / "sample.png").stat().st_size > 1000
    return run


def test_segmentation(tmp_path):
    run = short_run(Segmentation("shape_scenes"), "unet", tmp_path / "run", widths=(4, 8))
    data = Segmentation("shape_scenes").load()
    scores = segmentation_scores(data.test.masks, data.predict(run.model), 6)
    assert run.value == run.facts["metrics"]["mean IoU"] == pytest.approx(100 * scores.mean_iou)


def test_segmentation_of_crops(tmp_path):
    task = Segmentation("voronoi_membranes", crop=32, turn=True)
    metrics = short_run(task, "unet", tmp_path / "run", widths=(4, 8)).facts["metrics"]
    assert {"Dice of cell", "Dice of membrane", "accuracy"} < metrics.keys()
    data = task.load()
    images = data.train.images.copy()
    images[..., 0] = 255 * data.y  # what is changed alike stays equal
    changed, masks = data.change(images, data.y, np.random.default_rng(0))
    assert changed.shape == (4, 32, 32, 1)
    np.testing.assert_array_equal(changed[..., 0], 255 * masks)
    with pytest.raises(ValueError, match="crop=200"):
        Segmentation("voronoi_membranes", crop=200).load()


def test_batches_follow_from_their_number():
    data = Segmentation("voronoi_membranes", crop=32, turn=True).load()
    whole, resumed = data.batches(2, 3, 0, 0), data.batches(2, 3, 0, 1)
    for _ in range(3):
        next(whole)
    for a, b in zip(next(whole), next(resumed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_detection(tmp_path):
    run = short_run(BoxDetection("shape_scenes"), "yolo", tmp_path / "run", widths=(4, 8, 8))
    metrics = run.facts["metrics"]
    assert run.value == metrics["mAP50"]
    assert {"AP50 of circle", "AP of COCO", "recall at 1 false positive per image"} < metrics.keys()


@pytest.mark.parametrize("augment", ["mirror", "tissue"])
def test_boxes_stay_around_their_objects(augment):
    """An image that is white inside a box stays so, whatever is done to both."""
    data = BoxDetection("shape_scenes", augment=augment).load()
    boxes = np.array([[10, 20, 30, 52]] * 8)
    images = np.zeros((8, 64, 64, 3), "uint8")
    images[:, 20:52, 10:30] = 255
    targets = np.tile(np.concatenate([[[2]] * 8, boxes], axis=1)[:, None], (1, 2, 1)).astype("float32")
    targets[:, 1, 0] = -1
    changed, new = data.change(images, targets, np.random.default_rng(0))
    assert (new[:, 1] == [-1, 0, 0, 0, 0]).all()
    for image, (kind, *box) in zip(changed[..., 0], new[:, 0], strict=True):
        rows, columns = np.nonzero(image)
        if kind >= 0:
            found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            np.testing.assert_allclose(found, box, atol=1.5)
    assert any(tuple(box) != (10, 20, 30, 52) for box in new[:, 0, 1:])


def test_an_object_that_leaves_the_image_is_dropped():
    corner = np.array([[0, 60, 60, 64, 64], [1, 20, 20, 40, 40]], "float32")
    kept = [zoomed(np.zeros((64, 64, 1)), corner, np.random.default_rng(k))[1][:, 0] for k in range(20)]
    assert {row[1] for row in kept} == {1}
    assert {row[0] for row in kept} == {0, -1}


def test_tasks_of_other_data():
    assert BoxDetection("shape_scenes").on("bccd") == BoxDetection("bccd")
    with pytest.raises(ValueError, match="data='digits'"):
        Segmentation("shape_scenes").on("digits")
    with pytest.raises(ValueError, match="data='voronoi_membranes' has no boxes"):
        BoxDetection("voronoi_membranes").load()
    with pytest.raises(ValueError, match="augment='all'"):
        BoxDetection("shape_scenes", augment="all")
