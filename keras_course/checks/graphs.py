"""The graph of a Keras model, for those who walk it layer by layer."""

import keras


def flat_graph(model):
    """Return a built Functional or Sequential model as a `keras.Function`, or raise a ValueError."""
    if isinstance(model, keras.Function):
        return model
    if isinstance(model, keras.Sequential) and model.built:
        return keras.Function(model.inputs, model.outputs)
    raise ValueError(f"model={name_of(model)!r} must be a Functional or Sequential keras.Model that is built")


def name_of(thing):
    """Return the name of a model or layer, and anything else as it is."""
    return getattr(thing, "name", thing)
