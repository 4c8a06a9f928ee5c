"""Labeled images, from files and from TFDS, and the batches that are made of examples."""

import gzip
import hashlib
import io
import os
import pathlib
import shutil
import tarfile

import numpy as np
import PIL.Image
import pytest
from sklearn.datasets import load_digits

from keras_course import datasets
from keras_course.datasets import _fetch, _images

FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
DATA = pathlib.Path(os.environ.get("KERAS_COURSE_DATA", "absent"))
REAL = (DATA / "mnist" / FILES[0]).is_file()


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Neither earlier downloads, nor sets of TFDS, nor a network."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(_fetch, "_unreachable", lambda url: "no network")


def register(monkeypatch, name, folder):
    """Write the files in a folder, those that are there, into the row of a set as the right ones."""
    row = getattr(_images, name)
    sources = []
    for source in row.sources:
        contents = {file: folder / file.path for file in source.files}
        contents = {file: path.read_bytes() if path.exists() else b"" for file, path in contents.items()}
        files = (
            file._replace(num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
            for file, content in contents.items()
        )
        sources.append(source._replace(files=tuple(files)))
    monkeypatch.setattr(_images, name, row._replace(sources=tuple(sources)))


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A folder with files in MNIST's format, registered as the right ones; returns (folder, x, y)."""
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (10_000, 28, 28, 1), "uint8"), random.integers(0, 10, 10_000).astype("uint8")
    (tmp_path / "mnist").mkdir()
    for name, header, values in zip(FILES, (16, 8), (x, y), strict=True):
        (tmp_path / "mnist" / name).write_bytes(gzip.compress(bytes(header) + values.tobytes(), 1))
    register(monkeypatch, "_MNIST", tmp_path)
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


def test_another_order_gives_the_same_parts(fake):
    folder, x, y = fake
    order = np.random.default_rng(1).permutation(len(x))
    others = _images._MNIST.tfds.parse({"image": x[order], "label": y[order].astype("int64")})
    for one, other in zip(others, datasets.mnist_10k(folder), strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)
        assert one.y.dtype == other.y.dtype


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
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz is not the data set.*SHA-256"):
        datasets.mnist_10k(folder)


def test_absent_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_dir=.*absent"):
        datasets.mnist_10k(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=r"(?s)mnist_10k.*no network.*KERAS_COURSE_DATA.*digit_images"):
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
        ({"augment": 3}, "augment=3 must be a function"),
        ({"trim": 3}, "trim=3 must be a function"),
        ({"seed": None}, "seed=None"),
        ({"x": 3}, "x must be an array"),
        ({"x": [[1, 2], [3]]}, "x must be an array"),
        ({"y": ["a"] * 9 + [1.0]}, "y must be an array"),
        ({"y": np.arange(9)}, "x has 10 examples and y has 9"),
    ],
)
def test_bad_arguments(options, message):
    arguments = {"x": np.arange(10), "y": np.arange(10), "batch_size": 3, "steps_per_epoch": 4} | options
    with pytest.raises(ValueError, match=message):
        datasets.example_batches(**arguments)


class LikePandas(list):
    """A column that is indexed by labels, in another order than its values, as a pandas Series may be."""

    def __getitem__(self, label):
        return np.array(list(self)[::-1])[label]


def test_examples_are_taken_by_position_whatever_holds_them():
    for stream in (datasets.example_batches, datasets.ExampleBatches):
        for x in (LikePandas(range(10)), list(range(10))):
            np.testing.assert_array_equal(*stream(x, np.arange(10), 4, steps_per_epoch=2)[0])
    table = datasets.Table(LikePandas(range(10)), np.arange(10), ("x",), ("y",))
    np.testing.assert_array_equal(*table.split(0.5)[0][:2])


@pytest.fixture
def fake_tar(tmp_path, monkeypatch):
    """A folder with an archive like that of CIFAR-10, registered as the right one: a picture of each class and part."""
    (tmp_path / "cifar10_jpeg").mkdir()
    path = tmp_path / "cifar10_jpeg" / "cifar10_12k.tar"
    with tarfile.open(path, "w") as tar:
        for part in ("train", "test"):
            for label, name in enumerate(_images._CIFAR_NAMES):
                content = io.BytesIO()
                colour = np.full((32, 32, 3), 20 * label + (part == "test"), np.uint8)
                PIL.Image.fromarray(colour).save(content, "JPEG", quality=100)
                member = tarfile.TarInfo(f"{part}/{name}/0000.jpg")
                member.size = content.tell()
                content.seek(0)
                tar.addfile(member, content)
    register(monkeypatch, "_CIFAR", tmp_path)
    return tmp_path


def test_cifar_from_an_archive_of_jpegs(fake_tar):
    for offset, part in enumerate(datasets.cifar10_12k(fake_tar)):
        assert (part.x.shape, part.x.dtype) == ((10, 32, 32, 3), np.uint8)
        assert part.y.tolist() == list(range(10))
        assert part.class_names[3] == "cat"
        np.testing.assert_allclose(part.x[:, 0, 0, 0], 20.0 * np.arange(10) + offset, atol=1)


def test_cifar_itself_from_its_binary_file_or_from_tfds(tmp_path, monkeypatch):
    """The first byte of each image is its label, the second its number; 60 images are in six files."""
    (tmp_path / "cifar10").mkdir()
    random = np.random.default_rng(0)
    records = random.integers(0, 256, (60, 1 + 3 * 32 * 32), "uint8")
    records[:, 0] = np.arange(60) % 10
    with tarfile.open(tmp_path / "cifar10" / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for k, name in enumerate((*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            content = records[10 * k : 10 * (k + 1)].tobytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    register(monkeypatch, "_CIFAR", tmp_path)
    images, labels = records[:, 1:].reshape(60, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0].astype("int64")
    order = random.permutation(50)
    prepared = {"image": images[order], "label": labels[order]}, {"image": images[50:], "label": labels[50:]}
    for parts in (datasets.cifar10_12k(tmp_path), _images._CIFAR.tfds.parse(*prepared)):
        train, test = parts
        assert pairs(train) == {(x.tobytes(), y) for x, y in zip(images[:50], labels[:50].tolist(), strict=True)}
        assert train.y.tolist() == np.repeat(np.arange(10), 5).tolist()
        np.testing.assert_array_equal(test.x, images[50:])
        assert (train.x.dtype, train.y.dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(train.x, datasets.cifar10_12k(tmp_path)[0].x)


def test_cifar_has_as_many_of_each_class(monkeypatch):
    y = np.tile(np.arange(10), 1100)
    x = np.arange(len(y), dtype="uint32").view("uint8").reshape(-1, 1, 1, 4)
    train, test = _images._CIFAR.tfds.parse({"image": x, "label": y}, {"image": x, "label": y})
    assert np.bincount(train.y).tolist() == [1000] * 10
    assert np.bincount(test.y).tolist() == [200] * 10


def test_another_archive_is_refused(fake_tar):
    path = fake_tar / "cifar10_jpeg" / "cifar10_12k.tar"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"cifar10_12k.tar is not the data set.*SHA-256"):
        datasets.cifar10_12k(fake_tar)


def test_no_archive_and_no_network(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"(?s)cifar10_12k.*no network.*KERAS_COURSE_DATA.*digit_images"):
        datasets.cifar10_12k(tmp_path)


@pytest.mark.skipif(not (DATA / "cifar10_jpeg" / "cifar10_12k.tar").is_file(), reason="needs the real file")
def test_the_real_archive():
    train, test = datasets.cifar10_12k()
    assert (train.x.shape, test.x.shape) == ((10_000, 32, 32, 3), (2_000, 32, 32, 3))
    assert np.bincount(train.y).tolist() == [1000] * 10
    assert 115 < train.x.mean() < 125  # the mean of CIFAR-10 is 120.7


def test_crops_are_shifted_copies():
    x = np.random.default_rng(0).normal(size=(40, 5, 6, 2))
    seen, padded = set(), np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    crops = datasets.crop_and_flip(x, np.random.default_rng(1), padding=2)
    for i, crop in enumerate(crops):
        places = [
            (top, left, flipped)
            for top in range(5)
            for left in range(5)
            for flipped in (False, True)
            if np.array_equal(padded[i, top : top + 5, left : left + 6][:, :: -1 if flipped else 1], crop)
        ]
        assert len(places) == 1
        seen.update(places)
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == set(range(5))
    assert {flipped for _, _, flipped in seen} == {False, True}


def test_half_of_the_pictures_are_mirrored_and_zeros_come_in():
    x = np.tile(np.array([1, 2], "uint8").reshape(1, 1, 2, 1), (1000, 1, 1, 1))
    crops = datasets.crop_and_flip(x, np.random.default_rng(0), padding=0)
    assert crops.dtype == "uint8"
    assert 0.45 < np.mean(crops[:, 0, 0, 0] == 2) < 0.55  # a deviation of 0.016
    shifted = datasets.crop_and_flip(x, np.random.default_rng(0), padding=3)
    assert set(np.unique(shifted)) == {0, 1, 2}
    assert np.mean(shifted.any(axis=(1, 2, 3))) < 0.25  # one place in seven down, five in seven across


def test_crops_without_shift_and_mirror_change_nothing():
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 2))
    same = datasets.crop_and_flip(x, np.random.default_rng(1), padding=0, flip=False)
    np.testing.assert_array_equal(same, x)


def test_changes_depend_on_the_seed_the_pass_and_the_batch():
    x = np.tile(np.random.default_rng(0).normal(size=(1, 8, 8, 1)), (8, 1, 1, 1))  # so the order makes no difference
    one, other = (
        datasets.example_batches(x, x, 4, steps_per_epoch=2, seed=seed, augment=datasets.crop_and_flip)
        for seed in (0, 1)
    )
    assert len({batches[k][0].tobytes() for batches in (one, other) for k in range(4)}) == 8


def test_changes_are_drawn_apart_from_the_order_of_the_pass():
    shuffled = []

    def augment(x, rng):
        shuffled.append(rng.permutation(10).tolist())
        return x

    batches = datasets.example_batches(np.arange(10), np.arange(10), 5, steps_per_epoch=4, augment=augment)
    order = [np.concatenate([batches[2 * turn + place][0] for place in (0, 1)]).tolist() for turn in (0, 1)]
    assert len({tuple(numbers) for numbers in shuffled + order}) == 4 + 2


def test_the_first_batch_of_an_epoch_is_not_trimmed():
    x = np.zeros((10, 7))
    batches = datasets.example_batches(x, x[:, 0], 5, steps_per_epoch=3, start_epoch=1, trim=lambda x: x[:, :4])
    assert [batches[k][0].shape[1] for k in range(4)] == [7, 4, 4, 7]


def test_a_crop_needs_a_generator():
    with pytest.raises(ValueError, match="rng=3 must be a numpy"):
        datasets.crop_and_flip(np.zeros((1, 2, 2, 1)), 3)


@pytest.mark.parametrize(
    ("shape", "padding", "message"), [((4, 5, 6), 1, "x has shape"), ((4, 5, 6, 1), -1, "padding=-1")]
)
def test_bad_crops(shape, padding, message):
    with pytest.raises(ValueError, match=message):
        datasets.crop_and_flip(np.zeros(shape), np.random.default_rng(0), padding=padding)


def test_batches_are_changed_anew_in_each_pass_and_alike_in_each_run():
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 1))
    make = lambda: datasets.example_batches(  # noqa: E731
        x, np.arange(8), 4, steps_per_epoch=2, augment=datasets.crop_and_flip
    )
    batches, again = make(), make()
    np.testing.assert_array_equal(batches[3][0], again[3][0])
    seen = {}
    for k in range(4):
        for picture, label in zip(*batches[k], strict=True):
            seen.setdefault(int(label), []).append(picture)
    assert all(len(pictures) == 2 for pictures in seen.values())
    assert any((one != other).any() for one, other in seen.values())
