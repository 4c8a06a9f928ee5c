"""A deep-learning course as software: model builders for twelve lectures on Keras 3.

Importing this package imports neither Keras nor a backend, so that `keras_course.backend.use("jax")` can still
choose. Topics are handed out when they are first asked for:

>>> import keras_course
>>> "language" in dir(keras_course)
True
"""

import importlib
from typing import Any

from keras_course import backend
from keras_course._lectures import LECTURES, import_topics

__version__ = "0.1.0"

_MODULES = {lecture.topic for lecture in LECTURES if lecture.ready} | {
    "datasets", "decoding", "layers", "metrics", "ops", "plots", "portable", "recipes"
}  # fmt: skip

__all__ = ["__version__", "backend", "list_builders", "load_model"]


def list_builders() -> tuple:
    """Return a row for every builder, in the order of the lectures: name, lecture, presets and reference."""
    from keras_course import _registry

    import_topics()
    return _registry.rows()


def load_model(path) -> Any:
    """Return the trained model of a run's folder, or of a `.keras` file, from any backend and on any.

    This is `keras.saving.load_model` with the layers of all lectures known, in safe mode (nothing that the file brings
    along is executed), after a look at the sizes that the file declares, and without compiling.

    Args:
        path: folder of a run, or a `.keras` file.

    Returns:
        A `keras.Model`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is truncated, no Keras model, or one that cannot be loaded safely.

    Example:
        >>> import keras_course, tempfile
        >>> model = keras_course.convnets.lenet5.from_preset("tiny")
        >>> path = tempfile.mkdtemp() + "/lenet5.keras"
        >>> model.save(path)
        >>> keras_course.load_model(path).count_params() == model.count_params()
        True
    """
    backend.require()
    from keras_course.recipes import _saved

    return _saved.load_model(path)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"keras_course.{name}")
    raise AttributeError(f"module 'keras_course' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_MODULES])
