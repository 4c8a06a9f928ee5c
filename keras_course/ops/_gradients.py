"""Gradients of functions of tensors, or of Keras variables, on every backend.

Notation: a function f maps x to y; J = dy/dx is its Jacobian, u a cotangent (shaped like y), v a tangent (shaped
like x), and H the Hessian of a scalar f.

    grad    u = 1:  J      (scalar f)
    vjp     u'J            reverse mode: one pass gives the gradient of a scalar with respect to everything
    jvp     J v            forward mode: one pass gives the derivative along one direction
    hvp     H v            forward mode over reverse mode, H itself is never formed

Every verb differentiates with respect to arguments, or, with `variables=`, with respect to Keras variables that the
function reads, such as `model.trainable_variables`. What the function assigns to a variable is kept, as in a plain call
of it: the moving averages of batch normalization, the state of a `SeedGenerator`. `functional` drops it.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from keras_course.checks import argument_numbers, function, jacobian_of, matched, one_array, positions, tuples, validate
from keras_course.ops._variables import functional, keeping, renew, to_tensors, tracked, values_of

_BACKEND = keras.config.backend()
if _BACKEND == "jax":
    import jax
elif _BACKEND == "tensorflow":
    import tensorflow as tf
else:
    import torch


@validate(fn=function)
def value_and_grad(fn, argnums=0, *, variables=None) -> Callable:
    """Return a function that computes a scalar function and its gradient in one reverse pass.

    Args:
        fn: function of tensors (or nested lists, tuples and dicts of them) that returns a scalar.
        argnums: the position, or tuple of positions, of the arguments to differentiate.
        variables: list of `keras.Variable`; if given, differentiate with respect to these instead.

    Returns:
        A function with the arguments of `fn` that returns `(value, gradient)`. The gradient has the structure of the
        chosen argument; a tuple for several `argnums`; a list for `variables`.

    Raises:
        ValueError: the function's value is not a scalar, or there is no such argument (raised at the call).

    Example:
        >>> from keras import ops as k
        >>> from keras_course import ops
        >>> [float(a) for a in ops.value_and_grad(lambda x: x**3)(k.convert_to_tensor(2.0))]
        [8.0, 12.0]
    """
    argument_numbers(argnums)
    if variables is not None:
        bound = keeping(fn, variables)
        inner = value_and_grad(lambda values, args: bound(values, *args))
        return lambda *args: inner(values_of(variables), args)

    def wrapped(*args):
        def scalar(*picked):
            value = keras.ops.convert_to_tensor(of_picked(*picked))
            if tuple(value.shape) != ():
                raise ValueError(f"fn must return a scalar to have a gradient; its value has shape {value.shape}")
            return value

        of_picked, picked = _of_picked(fn, argnums, args)
        value, pullback = vjp(scalar, *picked)
        gradient = tuple(pullback(keras.ops.ones((), dtype=value.dtype)))
        return value, gradient if isinstance(argnums, tuple) else gradient[0]

    return wrapped


def _of_picked(fn, argnums, args):
    """Return `fn` as a function of the arguments at `argnums` only, and these arguments."""
    args = to_tensors(args)
    places = positions(argnums, len(args))

    def of_picked(*picked):
        full = list(args)
        for i, value in zip(places, picked, strict=True):
            full[i] = value
        return fn(*full)

    return of_picked, tuple(args[i] for i in places)


def grad(fn, argnums=0, *, variables=None) -> Callable:
    """Return a function that computes the gradient of a scalar function: `value_and_grad` without the value.

    It takes the arguments of `value_and_grad` and raises the same errors. Nest it for higher derivatives.

    Example:
        >>> from keras import ops as k
        >>> from keras_course import ops
        >>> third = ops.grad(ops.grad(ops.grad(k.tanh)))
        >>> round(float(third(k.convert_to_tensor(0.0))), 4)
        -2.0
    """
    both = value_and_grad(fn, argnums, variables=variables)
    return lambda *args: both(*args)[1]


@validate(fn=function)
def vjp(fn, *primals, variables=None) -> tuple[Any, Callable]:
    """Evaluate `fn` and return the function that pulls cotangents back through it (reverse mode, u'J).

    Args:
        fn: function of tensors (or nested lists, tuples and dicts of them) that returns the same.
        primals: all its arguments; integers become floats.
        variables: list of `keras.Variable`; if given, differentiate with respect to these instead.

    Returns:
        `(output, pullback)`: `pullback(cotangent)` takes a structure like `output` and returns a tuple with a gradient
        for each primal, or a list with one for each of `variables`.

    Raises:
        ValueError: the cotangent is not shaped like the output (raised by the pullback).

    Example:
        >>> from keras_course import ops
        >>> output, pullback = ops.vjp(lambda x: x**2, 3.0)
        >>> float(output), float(pullback(10.0)[0])
        (9.0, 60.0)
    """
    if variables is not None:
        bound = keeping(lambda: fn(*primals), variables)
        output, pullback = vjp(bound, values_of(variables))
        return output, lambda cotangent: pullback(cotangent)[0]
    primals = _to_floats(primals, "primals")
    run, keep = _with_state(fn)
    if _BACKEND == "jax":
        output, pull, state = jax.vjp(run, *primals, has_aux=True)
    elif _BACKEND == "torch":
        output, pull, state = torch.func.vjp(run, *primals, has_aux=True)
    else:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(tree.flatten(primals))
            output, state = run(*primals)

        def pull(cotangent):
            gradients = tape.gradient(output, primals, cotangent, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return tree.map_structure(tf.convert_to_tensor, gradients)  # a look-up has a gradient of tf.IndexedSlices

    keep(state)
    return output, lambda cotangent: pull(_like("cotangent", cotangent, "the output", output))


def _with_state(fn):
    """Return `fn` with what it assigns as a second output, a list of tensors; and the function that keeps these.

    So the tensors leave a transformation as outputs, and no variable keeps its tracers.
    """
    variables = []

    def run(*args):
        output, assigned = tracked(fn, [])([], *args)
        variables[:] = [variable for variable, _ in assigned]
        return output, [value for _, value in assigned]

    def keep(values):
        for variable, value in zip(variables, values, strict=True):
            renew(variable, value)

    return run, keep


@validate(fn=function)
def jvp(fn, primals, tangents, *, variables=None) -> tuple[Any, Any]:
    """Evaluate `fn` and its derivative along one direction (forward mode, J v).

    Args:
        fn: function of tensors (or nested lists, tuples and dicts of them) that returns the same.
        primals: tuple of all its arguments; integers become floats.
        tangents: tuple with a direction for each of them, shaped alike; with `variables` a list shaped like these.
        variables: list of `keras.Variable`; if given, differentiate with respect to these instead.

    Returns:
        `(output, tangent)`, both structured alike.

    Raises:
        ValueError: the tangents are not shaped like the primals.
        TypeError: primals or tangents are not tuples.

    Example:
        >>> from keras_course import ops
        >>> [float(a) for a in ops.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))]
        [6.0, 3.0]
    """
    if variables is not None:
        bound = keeping(lambda: fn(*primals), variables)
        return jvp(bound, (values_of(variables),), (tangents,))
    tuples(primals=primals, tangents=tangents)
    primals = _to_floats(tuple(primals), "primals")
    tangents = _like("tangents", tangents, "primals", primals)
    run, keep = _with_state(fn)
    if _BACKEND == "jax":
        output, tangent, state = jax.jvp(run, primals, tangents, has_aux=True)
    elif _BACKEND == "torch":
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the fused one has no forward mode
            output, tangent, state = torch.func.jvp(run, primals, tangents, has_aux=True)
    else:
        with tf.autodiff.ForwardAccumulator(tree.flatten(primals), tree.flatten(tangents)) as forward:
            output, state = run(*primals)
        tangent = forward.jvp(output, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    keep(state)
    return output, tangent


def hvp(fn, primals, tangents, *, variables=None) -> Any:
    """Return the product H v of a scalar function's Hessian with a direction, without forming H.

    It takes the arguments of `jvp`, where the function returns a scalar, and raises the same errors. It returns a tuple
    shaped like `primals` (a list shaped like `variables`).

    Example:
        >>> from keras_course import ops
        >>> [float(a) for a in ops.hvp(lambda x: x**3, (1.0,), (2.0,))]
        [12.0]
    """
    if variables is not None:
        bound = keeping(lambda: fn(*primals), variables)
        return hvp(bound, (values_of(variables),), (tangents,))[0]
    tuples(primals=primals)
    gradient = grad(fn, tuple(range(len(primals))))
    return jvp(gradient, primals, tangents)[1]


@validate(fn=function)
def jacobian(fn, argnums=0, mode="reverse") -> Callable:
    """Return a function that computes the Jacobian dy/dx of a tensor with respect to a tensor.

    Reverse mode builds it row by row, a pass for each entry of y; forward mode column by column, a pass for each entry
    of x: take the one with fewer.

    Args:
        fn: function of tensors that returns a tensor.
        argnums: the position of the argument to differentiate.
        mode: "reverse" or "forward".

    Returns:
        A function with the arguments of `fn` that returns a tensor of shape `(*y.shape, *x.shape)`.

    Raises:
        ValueError: `mode` is unknown, `argnums` is not a single position, or there is no such argument (at the call).
        TypeError: the function returns several tensors (at the call).

    Example:
        >>> import numpy as np
        >>> from keras_course import ops
        >>> np.asarray(ops.jacobian(lambda x: x[0] * x)(np.array([2.0, 3.0]))).tolist()
        [[4.0, 0.0], [3.0, 2.0]]
    """
    jacobian_of(argnums, mode)

    def wrapped(*args):
        of_x, (x,) = _of_picked(fn, (argnums,), args)
        x = _to_floats(x, f"argument {argnums}")
        y, pullback = vjp(lambda x: one_array(of_x(x)), x)
        if mode == "reverse":
            return keras.ops.reshape(keras.ops.stack([pullback(u)[0] for u in _units(y)]), (*y.shape, *x.shape))
        quietly = functional(of_x, [])  # the state was kept above
        columns = [jvp(lambda x: quietly([], x), (x,), (v,))[1] for v in _units(x)]
        return keras.ops.reshape(keras.ops.stack(columns, axis=-1), (*y.shape, *x.shape))

    return wrapped


def _units(x):
    """Return the unit vectors of the space of x, each shaped like x."""
    size = math.prod(x.shape)
    return keras.ops.unstack(keras.ops.reshape(keras.ops.eye(size, dtype=x.dtype), (size, *x.shape)), num=size)


def hessian(fn, argnums=0) -> Callable:
    """Return a function that computes the Hessian of a scalar function, forward mode over reverse mode.

    It takes the arguments of `jacobian` and raises the same errors. The returned function returns a symmetric tensor
    `(*x.shape, *x.shape)`.

    Example:
        >>> import numpy as np
        >>> from keras_course import ops
        >>> np.asarray(ops.hessian(lambda x: x[0] * x[1] ** 2)(np.array([1.0, 2.0]))).tolist()
        [[0.0, 4.0], [4.0, 2.0]]
    """
    return jacobian(grad(fn, argnums), argnums, mode="forward")


def _to_floats(structure, name):
    """Return a structure of tensors; integers become floats, as the derivative by one would be zero, or an error."""

    def to_float(x):
        whole = keras.backend.standardize_dtype(x.dtype).startswith(("int", "uint", "bool"))
        return keras.ops.cast(x, keras.config.floatx()) if whole else x

    return tree.map_structure(to_float, to_tensors(structure, name))


def _like(name, structure, like, other):
    """Return cotangents or tangents in the order, and in the types, of the tensors that they belong to."""

    def tensor(x, counterpart):
        return keras.ops.cast(keras.ops.convert_to_tensor(x), counterpart.dtype)

    return matched(name, structure, like, other, tensor)
