"""Checks of the data that a model is looked at with. Notation: x inputs and y targets, structures of arrays `(n, ...)`.

Keras does none of them: a NaN spreads in silence, and a label out of range is a loss of 0, a NaN or a crash, depending
on the backend.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from keras_course.checks._arrays import as_real
from keras_course.checks._numbers import is_number
from keras_course.checks.graphs import check_model


def check_examples(model, x, y=None, loss=None) -> tuple[Any, Any]:
    """Return examples as structures of arrays, or raise a ValueError for those that cannot be right.

    Args:
        model: a `keras.Model`; its outputs and, if `loss` is None, its loss say which labels there are.
        x: inputs; a list of numbers is one array.
        y: targets, or None.
        loss: a Keras loss or its name.

    Returns:
        `(x, y)`.

    Raises:
        ValueError: no model, no examples, not as many targets as inputs, numbers that are not finite, inputs of a shape
            that the model does not take, or tokens or labels out of range.
    """
    check_model(model=model)
    x, y = _arrays("x", x), None if y is None else _arrays("y", y)
    given = {"x": tree.flatten(x)} | ({} if y is None else {"y": tree.flatten(y)})
    sizes = {len(part) if part.ndim else 0 for parts in given.values() for part in parts}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"x and y hold {sorted(sizes)} examples: all arrays must have equally many, at least 1")
    for name, parts in given.items():
        if not all(np.isfinite(part).all() for part in parts if np.issubdtype(part.dtype, np.floating)):
            raise ValueError(f"{name} holds numbers that are not finite")
    _check_shapes(model, given["x"])
    _check_tokens(model, given["x"])
    if y is not None:
        _check_labels(model, given["y"], loss if loss is not None else getattr(model, "loss", None))
    return x, y


def get_loss(loss) -> Callable:
    """Return the function of targets and outputs that a Keras loss or its name stands for, or raise a ValueError."""
    try:
        found = keras.losses.get(loss)
    except (TypeError, ValueError):
        found = None
    if not callable(found):
        raise ValueError(f"loss={loss!r} must be a Keras loss, its name, or a function of targets and outputs")
    return found


def to_real(name, value) -> np.ndarray:
    """Return a tensor, array or list as an array of real numbers, or raise a ValueError."""
    return as_real(name, ops.convert_to_numpy(value) if ops.is_tensor(value) else value)


def _arrays(name, data):
    leaves = tree.flatten(data)
    if isinstance(data, list | tuple) and leaves and all(is_number(leaf) for leaf in leaves):
        return as_real(name, data)
    if not leaves or any(leaf is None or isinstance(leaf, str | bytes) for leaf in leaves):
        raise ValueError(f"{name}={data!r} holds no array of numbers")
    return tree.map_structure(lambda part: to_real(name, part), data)


def _check_shapes(model, parts):
    """Raise a ValueError for inputs of another rank or size than a model with a graph takes."""
    taken = [tuple(tensor.shape[1:]) for tensor in getattr(model, "inputs", None) or []]
    found = [part.shape[1:] for part in parts]
    if not taken or len(taken) != len(found):
        return  # a dict may hold more than the model needs
    for wanted, shape in zip(taken, found, strict=True):
        if wanted == (*shape, 1) or (*wanted, 1) == shape:  # Keras adds and drops a last axis of one
            continue
        if len(wanted) != len(shape) or any(n not in (None, m) for n, m in zip(wanted, shape, strict=True)):
            raise ValueError(f"x has examples of shape {found}; model={model.name!r} takes {taken}")


def _check_tokens(model, parts):
    """Raise a ValueError for what a model with a graph looks up in a table, and the table does not have."""
    tables = [layer for layer in getattr(model, "layers", ()) if isinstance(layer, keras.layers.Embedding)]
    for tensor, part in zip(getattr(model, "inputs", None) or [], parts, strict=False):
        for table in tables:
            looked_up = any(tensor is given for node in table._inbound_nodes for given in node.input_tensors)
            if looked_up and part.size and not (part.min() >= 0 and part.max() < table.input_dim):
                high = table.input_dim - 1
                raise ValueError(f"x has tokens from {part.min()} to {part.max()}; they must be 0 to {high}")


def _check_labels(model, targets, loss):
    """Raise a ValueError for targets that are not probabilities, or class numbers that a model has no output for."""
    losses = tree.flatten(loss)  # Keras takes a list or a dict of one, too
    if len(losses) != 1 or losses[0] is None:
        return
    shape, loss = getattr(model, "output_shape", None), get_loss(losses[0])
    function = getattr(loss, "fn", loss)  # of a class of Keras
    if function is keras.losses.binary_crossentropy:
        low, high = min(part.min() for part in targets), max(part.max() for part in targets)
        if low < 0 or high > 1:
            raise ValueError(f"y has targets from {low} to {high}; for a binary cross-entropy they must lie in 0 to 1")
    if (
        function is not keras.losses.sparse_categorical_crossentropy
        or len(targets) != 1
        or not isinstance(shape, tuple)
    ):
        return
    labels = targets[0][targets[0] != getattr(loss, "ignore_class", None)]
    if labels.size and not (labels.min() >= 0 and labels.max() < shape[-1] and (labels == np.floor(labels)).all()):
        raise ValueError(f"y has labels from {labels.min()} to {labels.max()}; they must be 0 to {shape[-1] - 1}")
