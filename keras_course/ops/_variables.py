"""Keras variables as arguments of a function: what makes a model one that can be differentiated and compiled."""

from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from keras_course.checks import as_real, function, validate
from keras_course.ops._types import Tensor

_BACKEND = keras.config.backend()
if _BACKEND == "torch":
    import torch


class Scope(keras.StatelessScope):
    """A scope in which variables hold given values; it notes what is assigned, and changes no variable.

    Values of other variables in an enclosing scope hold inside as well; Keras's own scope would hide them.
    """

    def __init__(self, variables=(), values=()):
        super().__init__(list(zip(variables, values, strict=True)), collect_losses=True)
        self.assigned = {}  # variables by their identity

    def __enter__(self):
        super().__enter__()
        if self.original_scope is not None:
            self.state_mapping = {**self.original_scope.state_mapping, **self.state_mapping}
        return self

    def get_current_value(self, variable) -> Tensor:
        value = super().get_current_value(variable)
        if value is None and _BACKEND == "torch" and variable._value is not None:
            return variable._value.view_as(variable._value)  # stays as it is when the variable is renewed
        return value

    def add_update(self, update) -> None:
        super().add_update(update)
        self.assigned[id(update[0])] = update[0]


def functional(fn, variables) -> Callable:
    """Return `g(values, *args)`, which is `fn(*args)` with `variables` holding `values` meanwhile.

    So a Keras model, a function with state, becomes one of tensors, which every backend can differentiate and compile.
    What `fn` assigns to a variable is dropped when `g` returns.
    """
    g = tracked(fn, variables)
    return lambda values, *args: g(values, *args)[0]


@validate(fn=function)
def tracked(fn, variables) -> Callable:
    """Return `functional(fn, variables)` that returns `(output, assigned)`, the second as pairs (variable, value)."""
    variables = listed(variables)

    def g(values, *args):
        with Scope(variables, values) as scope:
            output = fn(*args)
            return output, [(v, scope.get_current_value(v)) for v in scope.assigned.values()]

    return g


def listed(variables) -> list:
    """Return variables as a list, or raise a ValueError."""
    if isinstance(variables, keras.Variable):
        raise ValueError(f"variables must be a list of keras.Variable; write [v] for one, here {variables.path}")
    if not isinstance(variables, list | tuple) or not all(isinstance(v, keras.Variable) for v in variables):
        raise ValueError(f"variables={variables!r} must be a list of keras.Variable")
    return list(variables)


def keeping(fn, variables) -> Callable:
    """Return `functional(fn, variables)` that does not drop what `fn` assigns: the enclosing scope gets it."""
    g = tracked(fn, variables)

    def kept(values, *args):
        output, assigned = g(values, *args)
        for variable, value in assigned:
            variable.assign(value)
        return output

    return kept


def renew(variable, value) -> None:
    """Assign a value; on PyTorch not in place, as a gradient that is still to come may need the old one."""
    old = variable.value
    if _BACKEND == "torch" and isinstance(old, torch.nn.Parameter):
        old.data = torch.empty_like(old.data).copy_(value.detach())
    else:
        variable.assign(value)


def values_of(variables) -> list:
    """Return the values of variables; on PyTorch without the history that would cling to the results."""
    values = [v.value for v in variables]
    if _BACKEND == "torch":
        return [value.detach() if isinstance(value, torch.nn.Parameter) else value for value in values]
    return values


def to_tensors(structure, name="an argument") -> Any:
    """Return a structure of tensors, or raise a ValueError with its name."""

    def to_tensor(x):
        if not keras.ops.is_tensor(x) and not isinstance(x, keras.Variable):
            as_real(name, x)
        return keras.ops.convert_to_tensor(x)

    return tree.map_structure(to_tensor, structure)
