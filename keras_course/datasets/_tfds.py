"""What TensorFlow Datasets (TFDS) already has on this machine: files that it downloaded, and sets that it prepared.

TFDS and TensorFlow are imported inside functions, and only where something of the set is below `TFDS_DATA_DIR`.
"""

import importlib.util
import os
import pathlib
import sys

from keras_course.datasets._dataset import File


def places(name: str, file: File) -> list[pathlib.Path]:
    """Return the paths where a file of a set may lie: put there by hand, or in the download cache of TFDS."""
    downloads = _root() / "downloads"
    paths = [downloads / "manual" / pathlib.Path(file.path).name]
    if file.url and (downloads / name).is_dir() and _is_installed():
        from tensorflow_datasets.core.download.resource import get_dl_fname

        paths.append(downloads / name / get_dl_fname(file.url, file.sha256))
    return paths


def prepared_pattern(name: str) -> str:
    """Return the paths of the prepared versions of a set, with a star in place of the version."""
    return str(_root() / name / "*" / "dataset_info.json")


def find_prepared(name: str) -> pathlib.Path | None:
    """Return the folder of the last version of a set that TFDS prepared; None where there is none."""
    found = sorted(_root().glob(f"{name}/*/dataset_info.json"))
    return found[-1].parent if found and _is_installed() else None


def read(folder: pathlib.Path, splits: tuple[str, ...]) -> list[dict]:
    """Return one dict of arrays for each split of a prepared set."""
    import tensorflow_datasets as tfds

    _hide_gpus()
    builder = tfds.builder_from_directory(folder)
    return [tfds.as_numpy(builder.as_dataset(split=split, batch_size=-1)) for split in splits]


def _root():
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def _is_installed():
    return all(importlib.util.find_spec(package) for package in ("tensorflow", "tensorflow_datasets"))


def _hide_gpus():
    """Keep TensorFlow off the GPU, whose memory Keras needs, where Keras runs on something else."""
    if "keras" in sys.modules and "tensorflow" not in sys.modules:
        import tensorflow

        tensorflow.config.set_visible_devices([], "GPU")
