"""Checks of models that must be built by one builder or another."""

from collections.abc import Iterable
from typing import Any


def check_built_by(builders: str, model: Any, layers: Iterable[str], without: Iterable[str] = ()) -> None:
    """Raise a ValueError unless a model has the named layers of what certain builders make.

    Args:
        builders: the builders in words, such as "transformer or seq2seq".
        model: a `keras.Model`.
        layers: names of layers that it must have.
        without: names of layers that it must not have.

    Example:
        >>> import keras
        >>> from keras_course.checks.models import check_built_by
        >>> check_built_by("vit", keras.Sequential(name="mine"), ["class_token"])
        Traceback (most recent call last):
        ValueError: model='mine' must be built by vit
    """
    names = {layer.name for layer in model.layers}
    if not names.issuperset(layers) or not names.isdisjoint(without):
        raise ValueError(f"model={model.name!r} must be built by {builders}")
