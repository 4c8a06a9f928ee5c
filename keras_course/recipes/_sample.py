"""What a trained model made, as a file that everybody can open."""

import csv
import io
import pathlib
from typing import Any

import numpy as np

from keras_course.checks.files import atomic_write
from keras_course.recipes._task import Sound


def write_sample(folder: pathlib.Path, sample: Any) -> str:
    """Write what `Data.sample` returned into a folder, and return the name of the file, or names with commas.

    Raises:
        ValueError: it is none of the kinds that `Data.sample` may return.
    """
    if isinstance(sample, list) and sample:
        return ", ".join(write_sample(folder, part) for part in sample)
    if isinstance(sample, str):
        name, content = "sample.txt", sample
    elif isinstance(sample, Sound):
        name, content = "sample.wav", lambda path: _write_sound(path, sample)
    elif isinstance(sample, dict):
        name, content = "sample.csv", _table(sample)
    elif isinstance(sample, np.ndarray) and sample.dtype == np.uint8 and _is_image(sample.shape):
        name, content = "sample.png", lambda path: _write_image(path, sample)
    else:
        raise ValueError(
            f"sample={type(sample).__name__} must be a str, an image (H, W), (H, W, 3) or (H, W, 4) of uint8, a Sound, "
            "a dict of columns or a list of these"
        )
    atomic_write(folder / name, content)
    return name


def _is_image(shape):
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))


def _write_image(path, image):
    from PIL import Image

    Image.fromarray(image).save(path)


def _write_sound(path, sound):
    from scipy.io import wavfile

    samples = np.clip(np.asarray(sound.samples, "float64"), -1, 1)
    wavfile.write(path, sound.rate, np.round(32767 * samples).astype(np.int16))


def _table(columns):
    if len({len(column) for column in columns.values()}) > 1:
        lengths = {name: len(column) for name, column in columns.items()}
        raise ValueError(f"sample has columns of different lengths: {lengths}")
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return page.getvalue()
