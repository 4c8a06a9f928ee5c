"""What the tools of this lecture ask of layers and images."""

import keras
import numpy as np

from keras_course.checks import finite, validate
from keras_course.checks.examples import to_real
from keras_course.checks.graphs import check_model, flat_graph, name_of


@validate(model=check_model)
def find_layer(model, layer) -> keras.layers.Layer:
    """Return a layer of a model, nested ones included, given itself or its name, or raise a ValueError."""
    layers = model._flatten_layers(include_self=False)
    named = layer if isinstance(layer, str) else None
    found = [candidate for candidate in layers if candidate is layer or candidate.name == named]
    if not found:
        names = ", ".join(candidate.name for candidate in layers)
        raise ValueError(f"layer={name_of(layer)!r} is none of model={model.name!r}; it has {names}")
    return found[0]


def image_input(model) -> keras.KerasTensor:
    """Return the symbolic input of a Functional or Sequential model that takes images alone, or raise a ValueError."""
    inputs = flat_graph(model).inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = [tuple(tensor.shape) for tensor in inputs]
        raise ValueError(f"model={model.name!r} takes {shapes}; it must take images (B, H, W, C) and nothing else")
    return inputs[0]


def as_images(x) -> np.ndarray:
    """Return images as a float32 array (B, H, W, C), or raise a ValueError."""
    x = to_real("x", x)
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be images (B, H, W, C), at least one")
    x = x.astype("float32")
    finite(x=x)
    return x
