"""Labelled images, from files and from TFDS, and the batches that are made of examples."""

import gzip
import os
import pathlib
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_course import datasets
from keras_course.datasets import _images, _tfds

FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
DATA = pathlib.Path(os.environ.get("KERAS_COURSE_DATA", "absent"))
REAL = (DATA / "mnist" / FILES[0]).is_file()


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A folder with files in MNIST's format, registered as the right ones; returns (folder, x, y)."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (10_000, 28, 28, 1), "uint8"), random.integers(0, 10, 10_000).astype("uint8")
    (tmp_path / "mnist").mkdir()
    for name, header, values in zip(FILES, (16, 8), (x, y), strict=True):
        (tmp_path / "mnist" / name).write_bytes(gzip.compress(bytes(header) + values.tobytes(), 1))
    sums = {name: _images.hashlib.sha256((tmp_path / "mnist" / name).read_bytes()).hexdigest() for name in FILES}
    monkeypatch.setattr(_images, "_FILES", sums)
    return tmp_path, x, y


def pairs(part):
    return {(image.tobytes(), label) for image, label in zip(part.x, part.y.tolist(), strict=True)}


def test_files_become_two_parts_that_keep_image_and_label_together(fake, monkeypatch):
    folder, x, y = fake
    train, test = datasets.mnist_10k(folder)
    assert (train.x.shape, train.x.dtype, train.y.dtype) == ((8000, 28, 28, 1), np.uint8, np.int32)
    assert pairs(train) | pairs(test) == {(image.tobytes(), label) for image, label in zip(x, y.tolist(), strict=True)}
    assert not pairs(train) & pairs(test)
    monkeypatch.setenv("KERAS_COURSE_DATA", str(folder))
    np.testing.assert_array_equal(datasets.mnist_10k()[1].x, test.x)


def test_tfds_gives_the_same_parts_whatever_its_order(fake, monkeypatch):
    folder, x, y = fake
    monkeypatch.delenv("KERAS_COURSE_DATA", raising=False)
    order = np.random.default_rng(1).permutation(len(x))
    monkeypatch.setattr(_tfds, "read_images", lambda *arguments: (x[order], y[order].astype("int32")))
    for one, other in zip(datasets.mnist_10k(), datasets.mnist_10k(folder), strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)


@pytest.mark.skipif(not REAL, reason="needs the real files")
def test_the_real_files():
    train, test = datasets.mnist_10k()
    assert np.bincount(np.concatenate([train.y, test.y])).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


def test_wrong_file_is_refused(fake):
    folder, *_ = fake
    shutil.copy(folder / "mnist" / FILES[1], folder / "mnist" / FILES[0])
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz is not the file of MNIST.*SHA-256"):
        datasets.mnist_10k(folder)


def test_absent_files(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*absent"):
        datasets.mnist_10k(tmp_path / "absent")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(_tfds, "_unreachable", lambda url: "no network")
    with pytest.raises(FileNotFoundError, match=r"mnist_10k.*KERAS_COURSE_DATA.*no network.*digit_images"):
        datasets.mnist_10k(tmp_path)


def test_digit_images_are_scikit_learns():
    train, test = datasets.digit_images()
    ours = np.concatenate([train.x, test.x]).reshape(-1, 64)
    theirs = load_digits().data.astype("uint8")
    assert {row.tobytes() for row in ours} == {row.tobytes() for row in theirs}
    assert len(train.x) + len(test.x) == len(theirs)
    np.testing.assert_array_equal(train.x[:5].reshape(5, 64), datasets.digits().split(0.8, seed=0)[0].x[:5])


def batches(**options):
    x = np.arange(10)
    return datasets.example_batches(x, 2 * x, 3, **({"steps_per_epoch": 4} | options))


def test_each_pass_takes_each_example_at_most_once_in_a_new_order():
    stream = batches()
    for x, y in (stream[k] for k in range(9)):
        np.testing.assert_array_equal(y, 2 * x)
    passes = [np.concatenate([stream[3 * p + k][0] for k in range(3)]) for p in range(30)]
    assert all(len(set(one.tolist())) == 9 for one in passes)
    assert len({one.tobytes() for one in passes}) == 30
    assert set(np.concatenate(passes).tolist()) == set(range(10))


def test_batch_is_a_pure_function_of_seed_and_number():
    one, other, later = batches(seed=3), batches(seed=3), batches(seed=3, start_epoch=2)
    backwards = [other[k][0] for k in reversed(range(12))][::-1]
    assert all(np.array_equal(one[k][0], backwards[k]) for k in range(12))
    assert all(np.array_equal(one[8 + k][0], later[k][0]) for k in range(4))
    assert any(not np.array_equal(one[k][0], batches(seed=4)[k][0]) for k in range(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 11}, "batch_size=11 must be at most 10"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
        ({"seed": -1}, "seed=-1"),
        ({"y": np.arange(9)}, "x has 10 examples and y has 9"),
    ],
)
def test_bad_arguments(options, message):
    arguments = {"x": np.arange(10), "y": np.arange(10), "batch_size": 3, "steps_per_epoch": 4} | options
    with pytest.raises(ValueError, match=message):
        datasets.example_batches(**arguments)
