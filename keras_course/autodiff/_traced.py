"""The base class of Var and Dual: arrays that numpy passes its functions to.

Notation: a primitive is a function y = f(x_1, ..., x_n) that we know the derivative of. Around it we need two linear
maps: forward mode turns tangents v_i (shaped like x_i) into J v = sum_i dy/dx_i v_i, reverse mode turns a cotangent g
(shaped like y) into g'J, a gradient for each x_i.

Every call of `grad`, `vjp` or `jvp` draws a *level*, a number higher than those before it, and marks its arrays with
it. The inner of two nested calls starts later, so its level is higher; a primitive is interpreted at the highest level
among its operands, and what lies below is a constant there. So nested derivatives never mix up their arrays.
"""

import copy
import itertools
from typing import Any

import numpy as np

fresh_level = itertools.count(1).__next__
UFUNCS = {}  # numpy's elementwise functions (and matmul): the function that takes their place on traced arrays
FUNCTIONS = {}  # the same for numpy's other functions


class Primitive:
    """A function with its two derivative rules. Subclasses define

        vjp(wanted, g, out, args, params)   the cotangents of args[i] for i in wanted: a list
        jvp(tangents, out, args, params)    the tangent of the output from tangents of some operands: {i: v_i}

    The rules are ordinary numpy code, so on traced arrays they are recorded in turn: hence higher derivatives.
    """

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, *args, **params):
        return apply(self, args, params)

    def __repr__(self):
        return self.name


def apply(primitive, args, params) -> Any:
    """Compute a primitive: with numpy on plain arrays, otherwise as the operand of the highest level says."""
    top = None
    for arg in args:
        if isinstance(arg, Traced) and (top is None or arg.level > top.level):
            top = arg
    if top is not None:
        return top.interpret(primitive, args, params)
    try:
        return primitive.function(*args, **params)
    except ValueError as error:
        shapes = " and ".join(str(np.shape(arg)) for arg in args)
        raise ValueError(f"{primitive.name} does not take operands of shapes {shapes}: {error}") from None


def as_array(value, what="value") -> Any:
    """Return a value as an array of floats that can be traced: integers become float64, float32 stays."""
    if isinstance(value, Traced):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} has dtype {array.dtype}; derivatives are taken of real numbers")
    return array if array.dtype.kind == "f" else array.astype("float64")


def plain(x) -> Any:
    """Return the numpy array under all levels: what comparisons and rounding see, whose derivative is zero."""
    while isinstance(x, Traced):
        x = x.value
    return x


class Traced:
    """An array that takes numpy's functions through `interpret`; its `value` is an array, or traced one level below."""

    __slots__ = ("level", "value")

    def interpret(self, primitive, args, params) -> Any:
        raise TypeError(f"{type(self).__name__} does not say what {primitive} means")

    def values(self, args) -> tuple:
        """Return the operands of a primitive as this level sees them: its own arrays opened, all others constant."""
        return tuple(arg.value if isinstance(arg, Traced) and arg.level == self.level else arg for arg in args)

    def below(self, primitive, values, params) -> Any:
        """Compute a primitive below this level."""
        out = apply(primitive, values, params)
        if isinstance(out, Traced) and out.level >= self.level:
            raise ValueError(f"{primitive} reads a recorded array that is not among its arguments: pass it as one")
        return out

    # How numpy asks -------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if "out" in kwargs:
            raise TypeError(f"np.{ufunc.__name__} would change an array in place, and the recorded derivatives with it")
        if method != "__call__" or ufunc not in UFUNCS:
            raise _no_rule(f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else ""))
        if kwargs:
            raise TypeError(f"np.{ufunc.__name__} has no rule for its derivative with {', '.join(kwargs)}=")
        return UFUNCS[ufunc](*inputs)

    def __array_function__(self, function, types, args, kwargs):
        if function not in FUNCTIONS:
            raise _no_rule(f"{function.__module__.replace('numpy', 'np')}.{function.__name__}")
        return FUNCTIONS[function](*args, **kwargs)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a traced array cannot become a numpy array: join several with np.stack, read one with .value")

    def __float__(self):
        raise TypeError(
            "a traced array cannot become a float without its derivative: use np.sin and its kin for math.sin, "
            "np.stack to fill an array, and .value to look"
        )

    def __setitem__(self, index, value):
        raise TypeError(
            "a traced array cannot be changed in place: what was computed from it is recorded. Use np.where"
        )

    # What an array can do -------------------------------------------------------------------------------------------

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    T = property(lambda self: np.transpose(self))

    def sum(self, axis=None, keepdims=False) -> "Traced":
        return np.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False) -> "Traced":
        return np.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis=None, keepdims=False) -> "Traced":
        return np.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis=None, keepdims=False) -> "Traced":
        return np.min(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape) -> "Traced":
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes) -> "Traced":
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def __getitem__(self, index):
        return FUNCTIONS["getitem"](self, index=copy.deepcopy(index))  # its owner may change it

    def __len__(self):
        return len(plain(self))

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(plain(self))

    def __hash__(self):
        return id(self)


def _operator(ufunc):
    return lambda self, other: ufunc(self, other)


def _reflected(ufunc):
    return lambda self, other: ufunc(other, self)


for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "pow": np.power,
    "matmul": np.matmul,
}.items():
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
    setattr(Traced, f"__r{_name}__", _reflected(_ufunc))
for _name, _ufunc in {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(Traced, f"__{_name}__", _operator(_ufunc))
Traced.__neg__ = lambda self: np.negative(self)
Traced.__abs__ = lambda self: np.absolute(self)


def _no_rule(name):
    known = sorted({f.__name__ for f in (*UFUNCS, *FUNCTIONS) if not isinstance(f, str)})
    return TypeError(f"{name} has no rule for its derivative. There are rules for {', '.join(known)}.")
