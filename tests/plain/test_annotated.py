"""Annotated images: masks, boxes, joints and captions say the same, and real files are parsed as they are published."""

import os

import numpy as np
import pytest

from keras_course import datasets
from keras_course.datasets import _annotated, _fetch
from keras_course.datasets._dataset import Dataset, Folder, Source
from keras_course.datasets._shapes import _caption


def test_annotations_of_a_scene_agree():
    train, test = datasets.shape_scenes(40, num_test=3, seed=1)
    assert train.images.dtype == np.uint8
    assert train.mask_names == ("background", *train.class_names)
    for k in range(40):
        boxes, classes, objects = train.boxes[k], train.classes[k], train.objects[k]
        count = (classes >= 0).sum()
        assert objects.max() == count == (boxes.sum(axis=1) > 0).sum()
        for number in range(1, count + 1):
            rows, columns = np.nonzero(objects == number)
            x1, y1, x2, y2 = boxes[number - 1]
            assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x1, y1, x2, y2)
            assert set(train.masks[k][rows, columns]) == {classes[number - 1] + 1}
            assert len(set(train.depths[k][rows, columns])) == 1
        assert classes.max() == 4  # each scene has a figure, in front of all
        figure = train.depths[k] == 2.0
        np.testing.assert_array_equal(figure, train.masks[k] == 5)
        x, y = np.floor(train.keypoints[k]).astype(int).T
        assert figure[y, x].all()
        assert any(name in train.captions[k] for name in datasets.SHAPE_COLORS)
    again, _ = datasets.shape_scenes(40, num_test=3, seed=1)
    np.testing.assert_array_equal(train.images, again.images)
    assert len(test.images) == 3


def test_captions_say_where_things_are():
    near, far = ({"name": name, "kind": kind, "center": np.array(at)} for name, kind, at in (
        ("red", 0, (10.0, 12.0)), ("blue", 1, (40.0, 20.0))))  # fmt: skip
    assert _caption([far, near]) == "a red circle left of a blue square"
    assert _caption([near, far]) == "a blue square right of a red circle"
    assert _caption([near]) == "a red circle"
    above = far | {"center": np.array((12.0, 50.0))}
    assert _caption([above, near]) == "a red circle above a blue square"


def test_membranes_are_darker_than_cells():
    train, _ = datasets.voronoi_membranes(5, num_test=1)
    inside, membrane = (train.images[..., 0][train.masks == k].mean() for k in (0, 1))
    assert membrane < inside - 40
    assert 0.15 < train.masks.mean() < 0.4


def test_boxes_of_voc_files():
    def voc(name, *sides):
        tags = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=True))
        return f"<object><name>{name}</name><bndbox>{tags}</bndbox></object>"

    content = f"<annotation>{voc('a', 1, 2, 3, 4)}{voc('b', 5, 5, 5, 9)}{voc('b', 0, 0, 9, 8)}</annotation>".encode()
    boxes, classes = _annotated.voc_boxes(content, {"a": 0, "b": 1})
    assert boxes.tolist() == [[1, 2, 3, 4], [0, 0, 9, 8]]
    assert classes.tolist() == [0, 1]
    assert _annotated.voc_boxes(b"<annotation/>", {})[0].shape == (0, 4)
    with pytest.raises(ValueError, match="names the class 'b'; known are a"):
        _annotated.voc_boxes(content, {"a": 0})
    with pytest.raises(ValueError, match="declares entities"):
        _annotated.voc_boxes(b"<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>", {})


def test_a_folder_is_checked_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(_fetch, "_cache", lambda: tmp_path / "cache")
    (tmp_path / "set" / "part").mkdir(parents=True)
    (tmp_path / "set" / "part" / "a.txt").write_bytes(b"12")
    (tmp_path / "set" / "other.txt").write_bytes(b"not read")

    def row(sha256, num_bytes=2, parts=("part",)):
        folder = Folder("set", parts, num_bytes, sha256, "https://example.org")
        return Dataset("set", "annotated", "", "", "", None, "shape_scenes", (Source((folder,), lambda files: files),))

    with pytest.raises(ValueError, match="its SHA-256 is") as error:
        _fetch.fetch(row(64 * "0"), tmp_path)
    right = str(error.value).split("its SHA-256 is ")[1][:64]
    assert _fetch.fetch(row(right), tmp_path) == {"part/a.txt": b"12"}
    with pytest.raises(ValueError, match="have 2 bytes, not 3"):
        _fetch.fetch(row(right, 3), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Save set .from https://example.org. in a folder"):
        _fetch.fetch(row(right, parts=("part", "absent")), tmp_path)


@pytest.mark.skipif("KERAS_COURSE_DATA" not in os.environ, reason="needs the files of the data set")
def test_membranes_and_cells():
    train, test = datasets.isbi_membrane()
    assert train.images.shape == (24, 512, 512, 1)
    assert test.masks.shape == (6, 512, 512)
    assert 0.2 < train.masks.mean() < 0.25  # fewer pixels are membrane than cell
    train, test = datasets.bccd(image_shape=(120, 160))
    assert train.images.shape == (292, 120, 160, 3)
    assert len(test.images) == 72
    assert train.boxes[..., 2].max() <= 160
    assert (train.classes >= 0).sum() + (test.classes >= 0).sum() > 4800
