"""The verbs of differentiation, with the names and arguments of `keras_course.ops`.

Notation: a function f maps x to y; J = dy/dx is its Jacobian, u a cotangent (shaped like y), v a tangent (shaped like
x), and H the Hessian of a scalar f.

    grad    u = 1:  J      reverse mode
    vjp     u'J            reverse mode: one pass gives the gradient of a scalar with respect to everything
    jvp     J v            forward mode: one pass gives the derivative along one direction
    hvp     H v            forward mode over reverse mode, H itself is never formed

Functions are written with numpy. The verbs may be nested in any order: grad of jvp, jvp of grad, grad of grad.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_course.autodiff._dual import Dual
from keras_course.autodiff._tape import Var, owned, sweep
from keras_course.autodiff._traced import Traced, as_array, fresh_level
from keras_course.autodiff._tree import flatten, map_structure, unflatten
from keras_course.checks import (
    argument_numbers,
    function,
    jacobian_of,
    matched,
    one_array,
    positions,
    tuples,
    validate,
    whole,
)

# Reverse mode ------------------------------------------------------------------------------------------------------


@validate(fn=function)
def vjp(fn, *primals) -> tuple[Any, Callable]:
    """Evaluate a function and return the function that pulls cotangents back through it (reverse mode, u'J).

    Args:
        fn: function of arrays (or nested lists, tuples and dicts of them) that returns the same.
        primals: all its arguments; copied, so that they may change before the pullback is called.

    Returns:
        `(output, pullback)`: `pullback(cotangent)` takes a structure like `output` and returns a tuple with a gradient
        for each primal, zero where the output does not depend on it. Call it as often as you like.

    Raises:
        ValueError: a cotangent does not have the keys, entries and shapes of the output (raised by the pullback).
        TypeError: a primal is not made of real numbers, or the function uses an operation without a rule.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> output, pullback = autodiff.vjp(lambda x: x**2, np.array([1.0, 3.0]))
        >>> output.tolist(), pullback(np.array([1.0, 10.0]))[0].tolist()
        ([1.0, 9.0], [2.0, 60.0])
    """
    return _vjp(fn, map_structure(lambda x: x if isinstance(x, Traced) else np.array(x), primals))


def _vjp(fn, primals):
    level = fresh_level()
    inputs = [Var.leaf(as_array(x, "primals"), level) for x in flatten(primals)]
    structure = fn(*unflatten(primals, inputs))
    outputs = flatten(structure)
    recorded = [i for i, y in enumerate(outputs) if isinstance(y, Var) and y.level == level]  # the others are constant
    values = [y.value if i in recorded else as_array(y, "output") for i, y in enumerate(outputs)]

    def pullback(cotangent):
        cotangents = flatten(_like("cotangent", cotangent, "the output", structure))
        adjoints = sweep([outputs[i] for i in recorded], [cotangents[i] for i in recorded])
        return tuple(unflatten(primals, owned(adjoints, inputs, cotangents)))

    return unflatten(structure, values), pullback


def _like(name, structure, like, other):
    """Return cotangents or tangents in the order of what they belong to."""
    return matched(name, structure, like, other, lambda x, _: as_array(x, name))


@validate(fn=function)
def value_and_grad(fn, argnums=0) -> Callable:
    """Return a function that computes a scalar function and its gradient in one reverse pass.

    Args:
        fn: function of arrays (or nested lists, tuples and dicts of them) that returns a scalar.
        argnums: the position, or tuple of positions, of the arguments to differentiate.

    Returns:
        A function with the arguments of `fn` that returns `(value, gradient)`. The gradient has the structure of the
        chosen argument; a tuple for several `argnums`.

    Raises:
        ValueError: the function's value is not a scalar, or there is no such argument (raised at the call).
        TypeError: an argument is not made of real numbers, or the function uses an operation without a rule (at the
            call).

    Example:
        >>> from keras_course import autodiff
        >>> [float(a) for a in autodiff.value_and_grad(lambda x: x**3)(2.0)]
        [8.0, 12.0]
    """
    argument_numbers(argnums)

    def wrapped(*args):
        of_picked, picked = _of_picked(fn, argnums, args)
        value, pullback = _vjp(of_picked, picked)
        if np.shape(value) != ():
            raise ValueError(f"fn must return a scalar to have a gradient; its value has shape {np.shape(value)}")
        gradient = pullback(np.ones((), value.dtype))
        return value, gradient if isinstance(argnums, tuple) else gradient[0]

    return wrapped


def grad(fn, argnums=0) -> Callable:
    """Return a function that computes the gradient of a scalar function: `value_and_grad` without the value.

    It takes the arguments of `value_and_grad` and raises the same errors. Nest it for higher derivatives.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> third = autodiff.grad(autodiff.grad(autodiff.grad(np.tanh)))
        >>> float(third(0.0))
        -2.0
    """
    both = value_and_grad(fn, argnums)
    return lambda *args: both(*args)[1]


def _of_picked(fn, argnums, args):
    """Return `fn` as a function of the arguments at `argnums` only, and these arguments."""
    places = positions(argnums, len(args))

    def of_picked(*picked):
        full = list(args)
        for i, value in zip(places, picked, strict=True):
            full[i] = value
        return fn(*full)

    return of_picked, tuple(args[i] for i in places)


# Forward mode ------------------------------------------------------------------------------------------------------


@validate(fn=function)
def jvp(fn, primals, tangents) -> tuple:
    """Evaluate a function and its derivative along one direction (forward mode, J v).

    Args:
        fn: function of arrays (or nested lists, tuples and dicts of them) that returns the same.
        primals: tuple of all its arguments.
        tangents: tuple with a direction for each of them, shaped alike; in a dict they are found by their keys.

    Returns:
        `(output, tangent)`, both structured alike.

    Raises:
        ValueError: the tangents do not have the keys, entries and shapes of the primals.
        TypeError: primals or tangents are not tuples, are not made of real numbers, or the function uses an
            operation without a rule.

    Example:
        >>> from keras_course import autodiff
        >>> [float(a) for a in autodiff.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))]
        [6.0, 3.0]
    """
    tuples(primals=primals, tangents=tangents)
    level = fresh_level()
    tangents = _like("tangents", tangents, "primals", tuple(primals))
    inputs = [Dual(x, v, level) for x, v in zip(flatten(tuple(primals)), flatten(tangents), strict=True)]
    structure = fn(*unflatten(tuple(primals), inputs))
    outputs = []
    for y in flatten(structure):
        if not (isinstance(y, Dual) and y.level == level):  # it does not depend on the inputs
            y = as_array(y, "output")
            y = Dual(y, np.zeros(y.shape, y.dtype), level)
        outputs.append(y)
    return tuple(unflatten(structure, part) for part in zip(*((y.value, y.tangent) for y in outputs), strict=True))


def hvp(fn, primals, tangents) -> tuple:
    """Return the product H v of a scalar function's Hessian with a direction, without forming H.

    Forward mode over reverse mode: the derivative of the gradient along v.

    Args:
        fn: function of arrays that returns a scalar.
        primals: tuple of all its arguments.
        tangents: tuple with a direction for each of them, shaped alike.

    Returns:
        A tuple shaped like `primals`.

    Raises:
        ValueError: the function's value is not a scalar, or the tangents are not shaped like the primals.
        TypeError: as for `jvp`.

    Example:
        >>> from keras_course import autodiff
        >>> [float(a) for a in autodiff.hvp(lambda x: x**3, (1.0,), (2.0,))]
        [12.0]
    """
    tuples(primals=primals)
    return jvp(grad(fn, tuple(range(len(primals)))), primals, tangents)[1]


# Matrices ----------------------------------------------------------------------------------------------------------


@validate(fn=function)
def jacobian(fn, argnums=0, mode="reverse") -> Callable:
    """Return a function that computes the Jacobian dy/dx of an array with respect to an array.

    Reverse mode builds it row by row, a pass for each entry of y; forward mode column by column, a pass for each entry
    of x: take the one with fewer.

    Args:
        fn: function of arrays that returns an array.
        argnums: the position of the argument to differentiate.
        mode: "reverse" or "forward".

    Returns:
        A function with the arguments of `fn` that returns an array of shape `(*y.shape, *x.shape)`.

    Raises:
        ValueError: `mode` is unknown, `argnums` is not a single position, or there is no such argument (at the call).
        TypeError: the function returns no array (at the call).

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> autodiff.jacobian(lambda x: x[0] * x, mode="forward")(np.array([2.0, 3.0])).tolist()
        [[4.0, 0.0], [3.0, 2.0]]
    """
    jacobian_of(argnums, mode)

    def wrapped(*args):
        of_x, (x,) = _of_picked(fn, (argnums,), args)
        x = as_array(x, f"argument {argnums}")
        return (_rows if mode == "reverse" else _columns)(lambda x: one_array(of_x(x)), x)

    return wrapped


def _rows(fn, x):
    y, pullback = _vjp(fn, (x,))
    rows = [pullback(u.reshape(y.shape))[0] for u in np.eye(y.size, dtype=y.dtype)]
    return np.stack(rows).reshape((*y.shape, *x.shape)) if rows else np.zeros((*y.shape, *x.shape))


def _columns(fn, x):
    columns = [jvp(fn, (x,), (v.reshape(x.shape),))[1] for v in np.eye(x.size, dtype=x.dtype)]
    if not columns:
        return np.zeros((*np.shape(fn(x)), *x.shape))
    return np.stack(columns, axis=-1).reshape((*columns[0].shape, *x.shape))


def hessian(fn, argnums=0) -> Callable:
    """Return a function that computes the Hessian of a scalar function, forward mode over reverse mode.

    Args:
        fn: function of arrays that returns a scalar.
        argnums: the position of the argument to differentiate twice.

    Returns:
        A function with the arguments of `fn` that returns an array of shape `(*x.shape, *x.shape)`, symmetric.

    Raises:
        ValueError: the function's value is not a scalar, or there is no such argument (at the call).

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> autodiff.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0])).tolist()
        [[0.0, 4.0], [4.0, 2.0]]
    """
    return jacobian(grad(fn, argnums), argnums, mode="forward")


@validate(fn=function, n=whole(0))
def nth_derivative(fn, n) -> Callable:
    """Return the n-th derivative of a function of one number; an array is taken entry by entry.

    Args:
        fn: function of an array that treats all entries alike, such as `np.tanh`.
        n: order, at least 0.

    Returns:
        A function of an array that returns one of the same shape: n directional derivatives along 1, nested.

    Raises:
        ValueError: n is negative or not an integer.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> autodiff.nth_derivative(np.tanh, 3)(np.zeros(2)).tolist()
        [-2.0, -2.0]
    """
    if n == 0:
        return fn
    below = nth_derivative(fn, n - 1)
    return lambda x: jvp(below, (x,), (np.ones(np.shape(x)),))[1]
