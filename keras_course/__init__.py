"""A deep-learning course as software: model builders for twelve lectures on Keras 3.

Importing this package imports neither Keras nor a backend, so that `keras_course.backend.use("jax")` can still
choose. Topics are handed out when they are first asked for:

>>> import keras_course
>>> "language" in dir(keras_course)
True
"""

import importlib

from keras_course import backend
from keras_course._lectures import LECTURES

__version__ = "0.1.0"

_MODULES = {lecture.topic for lecture in LECTURES if lecture.ready} | {
    "datasets", "layers", "metrics", "ops", "plots", "portable", "recipes"
}  # fmt: skip

__all__ = ["__version__", "backend", "list_builders"]


def list_builders():
    """Return a row for every builder, in the order of the lectures: name, lecture, presets and reference."""
    from keras_course import _registry

    for lecture in LECTURES:
        if lecture.ready:
            importlib.import_module(f"keras_course.{lecture.topic}")
    return _registry.rows()


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"keras_course.{name}")
    raise AttributeError(f"module 'keras_course' has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *_MODULES])
