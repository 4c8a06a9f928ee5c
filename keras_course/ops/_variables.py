"""Keras variables as arguments of a function: what makes a model one that can be differentiated and compiled."""

import contextlib

import keras
from keras import tree

bindings: list = []  # (variable, value) of all enclosing `functional` calls: an inner scope must not hide an outer


def functional(fn, variables):
    """Return `g(values, *args)`, which is `fn(*args)` with `variables` holding `values` meanwhile.

    So a Keras model, a function with state, becomes one of tensors, which every backend can differentiate and compile.
    What `fn` assigns to a variable is dropped when `g` returns.
    """
    if isinstance(variables, keras.Variable):
        raise ValueError(f"variables must be a list of keras.Variable; write [v] for one, here {variables.path}")
    variables = list(variables)

    def g(values, *args):
        with bind(variables, values):
            return fn(*args)

    return g


@contextlib.contextmanager
def bind(variables, values):
    outer = len(bindings)
    bindings.extend(zip(variables, values, strict=True))
    try:
        with keras.StatelessScope(state_mapping=list(bindings), collect_losses=True) as scope:
            yield scope
    finally:
        del bindings[outer:]


def values_of(variables):
    """Return the values of variables; on PyTorch without the history that would cling to the results."""
    values = [v.value for v in variables]
    if keras.config.backend() == "torch":
        import torch

        return [value.detach() if isinstance(value, torch.nn.Parameter) else value for value in values]
    return values


def to_tensors(structure):
    """Return a structure of tensors."""
    return tree.map_structure(keras.ops.convert_to_tensor, structure)
