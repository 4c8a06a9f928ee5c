"""The primitives: each function of numpy that can be differentiated, beside its derivative.

Notation: out = f(x, y, ...) and t a small change, the tangent of an operand or the cotangent of the output.

    elementwise   out_i depends on x_i only: the Jacobian is diagonal, its own transpose, and one rule t -> f'(x) t
                  serves both modes. Operands are broadcast: a cotangent is summed back to the operand's shape.
    linear        f is its own derivative; reverse mode needs the transposed map.
    others        matmul is linear in each operand; max and min pick entries.
"""

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from keras_course.autodiff._traced import FUNCTIONS, UFUNCS, Primitive, Traced, apply, plain


def sum_to(t, shape) -> Any:
    """Sum an array over the axes that broadcasting added to `shape` or stretched: the transpose of broadcasting."""
    if t.shape == shape:
        return t
    added = t.ndim - len(shape)
    stretched = tuple(added + i for i, n in enumerate(shape) if n == 1 and t.shape[added + i] != 1)
    return t.sum(axis=(*range(added), *stretched), keepdims=True).reshape(shape)


# Elementwise -------------------------------------------------------------------------------------------------------


class Elementwise(Primitive):
    """A function of single entries, with a rule `t, out, *args -> t dout/dargs[i]` for each operand."""

    def __init__(self, name, function, *rules):
        super().__init__(name, function)
        self.rules = rules

    def vjp(self, wanted, g, out, args, params) -> list:
        return [sum_to(self.rules[i](g, out, *args), args[i].shape) for i in wanted]

    def jvp(self, tangents, out, args, params) -> Any:
        terms = [self.rules[i](v, out, *args) for i, v in tangents.items()]
        total = terms[0] if len(terms) == 1 else terms[0] + terms[1]
        return total if total.shape == out.shape else np.broadcast_to(total, out.shape)


def _power_base(t, out, x, y):
    return t * y * x ** np.where(y == 0, 1.0, y - 1)  # x^0 is constant, also at x = 0


def _power_exponent(t, out, x, y):
    return t * out * np.log(np.where(x == 0, 1.0, x))  # 0^y is constant for y > 0


def _larger(t, x, y):
    return t * ((x > y) + 0.5 * (x == y))  # equal operands share


_ELEMENTWISE = {
    np.add: (lambda t, out, x, y: t, lambda t, out, x, y: t),
    np.subtract: (lambda t, out, x, y: t, lambda t, out, x, y: -t),
    np.multiply: (lambda t, out, x, y: t * y, lambda t, out, x, y: t * x),
    np.true_divide: (lambda t, out, x, y: t / y, lambda t, out, x, y: -t * out / y),
    np.power: (_power_base, _power_exponent),
    np.negative: (lambda t, out, x: -t,),
    np.reciprocal: (lambda t, out, x: -t * out * out,),
    np.square: (lambda t, out, x: t * (2 * x),),
    np.sqrt: (lambda t, out, x: t / (2 * out),),
    np.exp: (lambda t, out, x: t * out,),
    np.expm1: (lambda t, out, x: t * (out + 1),),
    np.log: (lambda t, out, x: t / x,),
    np.log1p: (lambda t, out, x: t / (1 + x),),
    np.logaddexp: (lambda t, out, x, y: t * np.exp(x - out), lambda t, out, x, y: t * np.exp(y - out)),
    np.sin: (lambda t, out, x: t * np.cos(x),),
    np.cos: (lambda t, out, x: -t * np.sin(x),),
    np.arctan: (lambda t, out, x: t / (1 + x * x),),
    np.sinh: (lambda t, out, x: t * np.cosh(x),),
    np.cosh: (lambda t, out, x: t * np.sinh(x),),
    np.tanh: (lambda t, out, x: t * (1 - out * out),),
    np.absolute: (lambda t, out, x: t * np.sign(x),),
    np.maximum: (lambda t, out, x, y: _larger(t, x, y), lambda t, out, x, y: _larger(t, y, x)),
    np.minimum: (lambda t, out, x, y: _larger(t, y, x), lambda t, out, x, y: _larger(t, x, y)),
}
UFUNCS.update({ufunc: Elementwise(ufunc.__name__, ufunc, *rules) for ufunc, rules in _ELEMENTWISE.items()})

_SIGMOID = Elementwise("sigmoid", lambda x: 0.5 + 0.5 * np.tanh(0.5 * x), lambda t, out, x: t * (out * (1 - out)))
_RELU = Elementwise("relu", lambda x: np.maximum(x, 0.0), lambda t, out, x: t * (x > 0))
where = Elementwise(
    "where", np.where, None, lambda t, out, c, x, y: np.where(c, t, 0.0), lambda t, out, c, x, y: np.where(c, 0.0, t)
)
FUNCTIONS[np.where] = lambda condition, x, y: where(plain(condition), x, y)


def sigmoid(x) -> Any:
    """The logistic function 1 / (1 + exp(-x)) of each entry of an array, recorded as one primitive.

    Example:
        >>> from keras_course import autodiff
        >>> float(autodiff.grad(autodiff.sigmoid)(0.0))
        0.25
    """
    return _SIGMOID(x if isinstance(x, Traced) else np.asarray(x))


def relu(x) -> Any:
    """The rectifier max(x, 0) of each entry of an array; its derivative at 0 is taken to be 0.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> autodiff.grad(lambda x: np.sum(autodiff.relu(x)))(np.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 1.0]
    """
    return _RELU(x if isinstance(x, Traced) else np.asarray(x))


# Linear ------------------------------------------------------------------------------------------------------------


class Linear(Primitive):
    """A linear function, with its transposed map `g, i, *args, **params -> cotangent of args[i]`."""

    def __init__(self, name, function, transposed):
        super().__init__(name, function)
        self.transposed = transposed

    def vjp(self, wanted, g, out, args, params) -> list:
        return [self.transposed(g, i, *args, **params) for i in wanted]

    def jvp(self, tangents, out, args, params) -> Any:
        full = [tangents[i] if i in tangents else np.zeros(np.shape(arg)) for i, arg in enumerate(args)]
        return apply(self, full, params)


def _axes(axis, ndim):
    """Return axes as a tuple of numbers from 0 on, as numpy understands them; None stands for all."""
    return normalize_axis_tuple(range(ndim) if axis is None else axis, ndim)


def _keep_axes(y, x, axis):
    """Give a reduced array its axes of x back, with length 1."""
    axes = _axes(axis, x.ndim)
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])


def _sum_transposed(g, i, x, axis, keepdims):
    return np.broadcast_to(_keep_axes(g, x, axis), x.shape)


PICK_ONCE = (int, np.integer, slice, type(None), type(Ellipsis))  # anything else in an index may name an entry twice


def _put(t, shape, index):
    """Return zeros of `shape` with t added at `index`: the transpose of x -> x[index]."""
    full = np.zeros(shape, t.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, PICK_ONCE) or (isinstance(part, np.ndarray) and part.dtype == bool) for part in parts):
        full[index] = t
    else:
        np.add.at(full, index, t)  # an entry that was picked twice gets both
    return full


def _part(g, i, *arrays, axis):
    """Return what operand i of a concatenation gets: its part of g."""
    start = sum(a.shape[axis] for a in arrays[:i])
    return g[(slice(None),) * normalize_axis_index(axis, g.ndim) + (slice(start, start + arrays[i].shape[axis]),)]


sum_ = Linear("sum", lambda x, axis, keepdims: x.sum(axis=axis, keepdims=keepdims), _sum_transposed)
broadcast_to = Linear("broadcast_to", np.broadcast_to, lambda g, i, x, shape: sum_to(g, x.shape))
reshape = Linear("reshape", np.reshape, lambda g, i, x, shape: g.reshape(x.shape))
transpose = Linear(
    "transpose",
    np.transpose,
    lambda g, i, x, axes: np.transpose(g, None if axes is None else np.argsort(_axes(axes, x.ndim)).tolist()),
)
swapaxes = Linear("swapaxes", np.swapaxes, lambda g, i, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
roll = Linear("roll", np.roll, lambda g, i, x, shift, axis: np.roll(g, -np.asarray(shift, int), axis))
getitem = Linear("getitem", lambda x, index: x[index], lambda g, i, x, index: put(g, shape=x.shape, index=index))
put = Linear("put", _put, lambda g, i, x, shape, index: g[index])
concatenate = Linear("concatenate", lambda *arrays, axis: np.concatenate(arrays, axis), _part)


# matmul, max and min -----------------------------------------------------------------------------------------------


def _swap(x):
    return np.swapaxes(x, -1, -2)


def _matmul_left(g, x, y):
    """The cotangent of x in x @ y, a vector being a row on the left and a column on the right."""
    if y.ndim == 1:
        return g[..., None] * y if x.ndim > 1 else g * y
    return (y @ g[..., None])[..., 0] if x.ndim == 1 else g @ _swap(y)


def _matmul_right(g, x, y):
    if x.ndim == 1:
        return x[:, None] * g[..., None, :] if y.ndim > 1 else g * x
    return (_swap(x) @ g[..., None])[..., 0] if y.ndim == 1 else _swap(x) @ g


class MatMul(Primitive):
    """x @ y for vectors, matrices and batches of matrices: linear in x and in y."""

    def vjp(self, wanted, g, out, args, params) -> list:
        rules = (_matmul_left, _matmul_right)
        return [sum_to(rules[i](g, *args), args[i].shape) for i in wanted]

    def jvp(self, tangents, out, args, params) -> Any:
        x, y = args
        terms = [v @ y if i == 0 else x @ v for i, v in tangents.items()]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]


class Extremum(Primitive):
    """max or min over axes: the derivative goes to the entry that is picked; equal ones share it evenly."""

    def _shares(self, out, x, axis):
        hit = plain(x) == plain(_keep_axes(out, x, axis))
        return hit / hit.sum(axis=axis, keepdims=True)

    def vjp(self, wanted, g, out, args, params) -> list:
        (x,), axis = args, params["axis"]
        return [_keep_axes(g, x, axis) * self._shares(out, x, axis)]

    def jvp(self, tangents, out, args, params) -> Any:
        return (tangents[0] * self._shares(out, args[0], params["axis"])).sum(**params)


UFUNCS[np.matmul] = MatMul("matmul", np.matmul)
max_ = Extremum("max", np.max)
min_ = Extremum("min", np.min)


# numpy's names -----------------------------------------------------------------------------------------------------


def _mean(x, axis=None, keepdims=False):
    return x.sum(axis, keepdims) / math.prod(x.shape[a] for a in _axes(axis, x.ndim))


def _moveaxis(x, source, destination):
    numbered = np.empty(range(x.ndim))  # of shape (0, 1, 2, ...): numpy moves the numbers along with the axes
    return transpose(x, axes=np.moveaxis(numbered, source, destination).shape)


def _expand_dims(x, axis):
    return reshape(x, shape=np.expand_dims(plain(x), axis).shape)


def _squeeze(x, axis=None):
    return reshape(x, shape=np.squeeze(plain(x), axis).shape)


def _concatenate(arrays, axis=0):
    arrays = map(np.ravel, arrays) if axis is None else arrays
    return concatenate(*arrays, axis=axis or 0)


def _clip(x, a_min=None, a_max=None):
    x = x if a_min is None else np.maximum(x, a_min)
    return x if a_max is None else np.minimum(x, a_max)


def _dot(x, y):
    if np.ndim(y) > 2:
        raise TypeError(f"np.dot has no rule for operands of shapes {np.shape(x)} and {np.shape(y)}: use np.matmul")
    return x * y if 0 in (np.ndim(x), np.ndim(y)) else np.matmul(x, y)


FUNCTIONS.update(
    {
        "getitem": getitem,
        np.sum: lambda x, axis=None, keepdims=False: sum_(x, axis=axis, keepdims=keepdims),
        np.mean: _mean,
        np.max: lambda x, axis=None, keepdims=False: max_(x, axis=axis, keepdims=keepdims),
        np.min: lambda x, axis=None, keepdims=False: min_(x, axis=axis, keepdims=keepdims),
        np.reshape: lambda x, shape: reshape(x, shape=shape),
        np.ravel: lambda x: reshape(x, shape=-1),
        np.transpose: lambda x, axes=None: transpose(x, axes=axes),
        np.moveaxis: _moveaxis,
        np.swapaxes: lambda x, axis1, axis2: swapaxes(x, axis1=axis1, axis2=axis2),
        np.expand_dims: _expand_dims,
        np.squeeze: _squeeze,
        np.broadcast_to: lambda x, shape: broadcast_to(x, shape=shape),
        np.roll: lambda x, shift, axis=None: roll(x, shift=shift, axis=axis),
        np.concatenate: _concatenate,
        np.stack: lambda arrays, axis=0: concatenate(*[np.expand_dims(a, axis) for a in arrays], axis=axis),
        np.dot: _dot,
        np.outer: lambda x, y: reshape(x, shape=(-1, 1)) * reshape(y, shape=(1, -1)),
        np.clip: _clip,
        np.shape: lambda x: x.shape,
        np.ndim: lambda x: x.ndim,
        np.size: lambda x: x.size,
        np.zeros_like: lambda x: np.zeros(x.shape, x.dtype),
        np.ones_like: lambda x: np.ones(x.shape, x.dtype),
    }
)
for _function, _ours in FUNCTIONS.items():
    if not isinstance(_ours, Primitive):
        _ours.__qualname__ = f"np.{_function.__name__}"  # so that Python's message on a wrong argument names it
_PIECEWISE_CONSTANT = {  # their derivative is zero wherever there is one: they answer with a plain array
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
    *(np.sign, np.floor, np.ceil, np.rint, np.isfinite, np.isnan),
}


def _plainly(function):
    return lambda *args, **kwargs: function(*map(plain, args), **kwargs)


UFUNCS.update({ufunc: _plainly(ufunc) for ufunc in _PIECEWISE_CONSTANT})
FUNCTIONS.update({function: _plainly(function) for function in (np.argmax, np.argmin, np.argsort)})
