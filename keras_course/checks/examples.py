"""Checks of the data that a model is looked at with. Notation: x inputs and y targets, structures of arrays `(n, ...)`.

Keras does none of them: a NaN spreads in silence, and a label out of range is a loss of 0, a NaN or a crash, depending
on the backend.
"""

import numpy as np
from keras import ops, tree


def check_examples(model, x, y=None, loss=None):
    """Raise a ValueError for examples that cannot be right.

    Args:
        model: a `keras.Model`; its outputs and, if `loss` is None, its loss say which labels there are.
        x: inputs.
        y: targets, or None.
        loss: a Keras loss or its name.

    Raises:
        ValueError: no examples, not as many targets as inputs, numbers that are not finite, or labels out of range.
    """
    given = {"x": x} if y is None else {"x": x, "y": y}
    arrays = {name: [ops.convert_to_numpy(part) for part in tree.flatten(data)] for name, data in given.items()}
    sizes = {len(part) if part.ndim else 0 for parts in arrays.values() for part in parts}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"x and y hold {sorted(sizes)} examples: all arrays must have equally many, at least 1")
    for name, parts in arrays.items():
        if not all(np.isfinite(part).all() for part in parts if np.issubdtype(part.dtype, np.floating)):
            raise ValueError(f"{name} holds numbers that are not finite")
    if y is not None:
        _check_labels(model, arrays["y"], loss if loss is not None else getattr(model, "loss", None))


def _check_labels(model, targets, loss):
    """Raise a ValueError for targets that are no probabilities, or class numbers that a model has no output for."""
    shape = getattr(model, "output_shape", None)
    name = loss if isinstance(loss, str) else getattr(loss, "name", None)
    if name == "binary_crossentropy":
        low, high = min(part.min() for part in targets), max(part.max() for part in targets)
        if low < 0 or high > 1:
            raise ValueError(f"y has targets from {low} to {high}; for a binary cross-entropy they must lie in 0 to 1")
    if name != "sparse_categorical_crossentropy" or len(targets) != 1 or not isinstance(shape, tuple):
        return
    labels = targets[0][targets[0] != getattr(loss, "ignore_class", None)]
    if labels.size and not (labels.min() >= 0 and labels.max() < shape[-1] and (labels == np.floor(labels)).all()):
        raise ValueError(f"y has labels from {labels.min()} to {labels.max()}; they must be 0 to {shape[-1] - 1}")
