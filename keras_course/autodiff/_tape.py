"""Reverse mode: arrays that record how they were computed, and the backward pass through that graph.

Notation: y = f(x) is computed by a sequence of primitives, each giving a node. The adjoint (cotangent) of a node n is
n_bar = dy/dn. The backward pass starts from y_bar = 1 and visits every node after all nodes that use it:

    n_bar = sum over the nodes m that use n of  m_bar' dm/dn

which costs a small multiple of computing y, however many inputs there are.
"""

import itertools
from typing import Any

import numpy as np

from keras_course.autodiff._traced import Traced, as_array
from keras_course.checks import string, validate

_serials = itertools.count()
_IMMUTABLE = (Traced, float, int)  # of anything else the graph keeps a copy, since its owner may change it


class Var(Traced):
    """An array that is a node of a graph: `value`, and the primitive and operands that computed it.

    numpy's functions and operators take it for an array, and record what they do. `x += y` makes a new node and
    leaves the old one alone; an assignment in place, `x[0] = y`, raises a TypeError.

    Args:
        value: array of any shape, or number; it is copied. Integers become float64.
        name: what the graph calls it.

    Raises:
        TypeError: the value is not made of real numbers.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import Var, backward
        >>> x, w = Var(3.0, name="x"), Var([1.0, 2.0], name="w")
        >>> y = np.sum(np.sin(w) * x)
        >>> y.name, y.shape, [operand.shape for operand in y.operands]
        ('sum', (), [(2,)])
        >>> [bool(np.allclose(g, e)) for g, e in zip(backward(y, [x, w]), [y.value / 3, 3 * np.cos(w.value)])]
        [True, True]
    """

    __slots__ = ("_name", "args", "operands", "params", "primitive", "serial", "wanted")

    @validate(name=string)
    def __init__(self, value, name="input"):
        value = as_array(value)
        self._set(value if isinstance(value, Traced) else _read_only(np.array(value)), level=0)
        self._name = name

    def _set(self, value, level, primitive=None, operands=(), args=(), params=None, wanted=()):
        self.value, self.level, self.primitive, self.operands = value, level, primitive, operands
        self.args, self.params, self.wanted, self._name = args, params, wanted, None
        self.serial = next(_serials)  # operands exist before their result: this order is a topological one

    @classmethod
    def leaf(cls, value, level) -> "Var":
        """Return an input of a graph: what `vjp` makes of the arguments."""
        node = cls.__new__(cls)
        node._set(value, level)
        return node

    @property
    def name(self) -> str:
        return self._name or (self.primitive.name if self.primitive else "input")

    def interpret(self, primitive, args, params) -> Any:
        """Compute a primitive one level below, and record it."""
        operands = tuple(arg if isinstance(arg, _IMMUTABLE) else np.array(arg) for arg in args)
        values = self.values(operands)
        out = self.below(primitive, values, params)
        wanted = tuple(i for i, arg in enumerate(operands) if isinstance(arg, Var) and arg.level == self.level)
        node = Var.__new__(Var)
        node._set(_read_only(out), self.level, primitive, operands, values, params, wanted)
        return node

    def parents(self) -> list["Var"]:
        """Return the operands that are nodes of the same graph."""
        return [self.operands[i] for i in self.wanted]

    def __repr__(self):
        return f"Var({self.value!r}, {self.name})"


def _read_only(value):
    """Lock an array that the graph refers to: to change it would corrupt the derivatives."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    return value


def graph(*outputs) -> list[Var]:
    """Return all nodes that the outputs depend on, each after its operands."""
    found, waiting = {}, list(outputs)
    while waiting:
        node = waiting.pop()
        if node.serial not in found:
            found[node.serial] = node
            waiting.extend(node.parents())
    return [found[serial] for serial in sorted(found)]


def sweep(outputs, cotangents) -> dict:
    """Return the adjoints of all inputs that the outputs depend on, by serial number."""
    adjoints = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        _accumulate(adjoints, output, cotangent)
    for node in reversed(graph(*outputs)):
        if node.wanted:
            g = adjoints.pop(node.serial)
            parts = node.primitive.vjp(node.wanted, g, node.value, node.args, node.params)
            for operand, part in zip(node.parents(), parts, strict=True):
                _accumulate(adjoints, operand, part)
    return adjoints


def _accumulate(adjoints, node, part):
    adjoints[node.serial] = adjoints[node.serial] + part if node.serial in adjoints else part


def backward(y, inputs, cotangent=None) -> list[np.ndarray]:
    """Run the backward pass from a node and return its gradient with respect to some of the inputs of its graph.

    Args:
        y: `Var`, a scalar unless a cotangent is given.
        inputs: list of `Var`, made by `Var(...)`.
        cotangent: array like `y`, the weights of its entries; by default 1.

    Returns:
        A list of arrays, shaped like the inputs: u' dy/dx, zero where y does not depend on one.

    Raises:
        ValueError: y is not a scalar and no cotangent is given; the cotangent is not shaped like y; an input is
            computed.
        TypeError: y or an input is not a `Var`.

    Example:
        >>> from keras_course.autodiff import Var, backward
        >>> x = Var(3.0)
        >>> [float(g) for g in backward(x * x, [x])]
        [6.0]
    """
    _check_nodes(y, inputs)
    cotangent = _as_cotangent(cotangent, y)
    return owned(sweep([y], [cotangent]), inputs, [cotangent])


def owned(adjoints, inputs, others=()) -> list[np.ndarray]:
    """Return the adjoints of the inputs as arrays of their types that share no memory: the caller may change them."""
    seen, found = {id(other) for other in others}, []
    for node in inputs:
        gradient = adjoints.get(node.serial)
        if gradient is None:
            gradient = np.zeros(node.shape, node.dtype)
        if isinstance(gradient, np.ndarray):
            gradient = gradient.astype(node.dtype, copy=not gradient.flags.owndata or id(gradient) in seen)
        seen.add(id(gradient))
        found.append(gradient)
    return found


def _check_nodes(y, inputs):
    if not isinstance(y, Var):
        raise TypeError(f"y={y!r}: backward goes through nodes made by Var(...), not {type(y).__name__}")
    if not isinstance(inputs, list | tuple) or not all(isinstance(node, Var) for node in inputs):
        raise TypeError(f"inputs={inputs!r}: backward goes through nodes made by Var(...), a list of them")
    if any(node.wanted for node in inputs):
        raise ValueError("backward gives gradients of inputs, made by Var(...); one of these was computed")


def _as_cotangent(cotangent, y):
    """Return a cotangent of the shape of y, by default 1 for a scalar, or raise a ValueError."""
    if cotangent is None and y.shape != ():
        raise ValueError(f"y must be a scalar to have a gradient, or needs a cotangent; its shape is {y.shape}")
    cotangent = as_array(1.0 if cotangent is None else cotangent, "cotangent")
    if cotangent.shape != y.shape:
        raise ValueError(f"cotangent has shape {cotangent.shape}, and must be shaped like y, {y.shape}")
    return cotangent
