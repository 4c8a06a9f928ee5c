"""Labelled pictures: N images of H x W pixels in C colours, and the class of each.

Notation: x (N, H, W, C) uint8, y (N,) int32 class numbers.
"""

import gzip
import hashlib
import os
import pathlib
from typing import NamedTuple

import numpy as np

from keras_course.datasets import _tfds
from keras_course.datasets._dataset import FOLDER, Dataset
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
    x, y = _from_files(data_dir) or _from_tfds()
    order = np.array(sorted(range(len(x)), key=lambda i: x[i].tobytes()))
    order = order[np.random.default_rng(0).permutation(len(order))]
    names = tuple(map(str, range(10)))
    return tuple(Images(x[rows], y[rows], names) for rows in (order[:8000], order[8000:]))


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


_FILES = {
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"


def _from_files(data_dir):
    """Return (x, y) from the two files below the data folder, or None where they are not there."""
    folder = os.fspath(data_dir) if data_dir is not None else os.environ.get(FOLDER)
    if not folder:
        return None
    folder = pathlib.Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{FOLDER if data_dir is None else 'data_dir'}={str(folder)!r}: there is no such folder."
        )
    paths = [folder / "mnist" / name for name in _FILES]
    if not all(path.is_file() for path in paths):
        return None
    images, labels = (_checked(path) for path in paths)
    # IDX: a header of 16 or 8 bytes, then one byte for each pixel or label
    return images[16:].reshape(-1, 28, 28, 1), labels[8:].astype(np.int32)


def _checked(path):
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != _FILES[path.name]:
        raise ValueError(f"{path} is not the file of MNIST: its SHA-256 is {found}, not {_FILES[path.name]}.")
    return np.frombuffer(gzip.decompress(content), np.uint8)


def _from_tfds():
    try:
        return _tfds.read_images("mnist", "test", _URL)
    except _tfds.Unavailable as error:
        raise FileNotFoundError(
            f"The data set 'mnist_10k' is neither below the folder that {FOLDER} names, as "
            f"{' and '.join(f'mnist/{name}' for name in _FILES)}, nor in TFDS's, and cannot be downloaded: {error}. "
            "Put the two files there, or use 'digit_images', which needs no download."
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
        sha256=_FILES["t10k-images-idx3-ubyte.gz"],
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
