"""Checks of Keras models, and their graph, for those who walk it layer by layer."""

from typing import Any

import keras


def check_model(**arguments) -> None:
    """Raise a ValueError for the first argument that is not a `keras.Model`, or has no weights and layers yet."""
    for name, value in arguments.items():
        if not isinstance(value, keras.Model) or not value.built:
            raise ValueError(f"{name}={name_of(value)!r} must be a keras.Model that is built")


def flat_graph(model) -> keras.Function:
    """Return a built Functional or Sequential model as a `keras.Function`, or raise a ValueError."""
    if isinstance(model, keras.Function):
        return model
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Function(model.inputs, model.outputs)
    raise ValueError(f"model={name_of(model)!r} must be a Functional or Sequential keras.Model that is built")


def name_of(thing) -> Any:
    """Return the name of a model or layer, and anything else as it is."""
    return getattr(thing, "name", thing)
