"""Compilation: a function of tensors, or a loop, as one program."""

import functools
import warnings
from collections.abc import Callable

import keras
from keras import tree

from keras_course.checks import function, validate
from keras_course.ops._variables import listed, to_tensors, tracked, values_of

_BACKEND = keras.config.backend()
if _BACKEND == "jax":
    import jax
elif _BACKEND == "tensorflow":
    import tensorflow as tf
else:
    import torch

    from keras_course.ops._noise import CannotRecord, seeds_as_tensors


@validate(fn=function)
def jit(fn, *, variables=()) -> Callable:
    """Compile a function of tensors with the selected backend.

    JAX: `jax.jit`. TensorFlow: `tf.function` with XLA. PyTorch: the function is recorded once per set of shapes as a
    list of primitive calls, which TorchScript replays without the cost of Keras and Python around each; that takes a
    fraction of a second, where `torch.compile` takes half a minute. (The gradients of a convolution and of layer
    normalization are calls that TorchScript cannot hold; Python replays a list with such a call.)

    Args:
        fn: function of tensors, returning tensors (both may be nested). Its Python runs once per set of shapes.
        variables: every Keras variable that `fn` reads or assigns, usually `model.variables`. They are passed in anew
            at each call, so a compiled function sees later training, and what `fn` assigns is kept.

    Returns:
        A function with the arguments of `fn`. It draws the noise that `fn` draws, anew at each call. (On PyTorch a
        function runs uncompiled if it calls `keras.random.gamma`, `beta` or `binomial`, or passes a tensor as the mean,
        the standard deviation or a bound of integers to `keras.random.normal` or `randint`.)

    Raises:
        Exception: of the backend, at the first call: `fn` reads the value of a tensor, or passes it to NumPy.
    """
    variables = listed(variables)
    if _BACKEND == "tensorflow":
        compiled = tf.function(fn, jit_compile=True)
        return lambda *args: compiled(*to_tensors(args))
    if _BACKEND == "torch":
        recordings = Recordings(lambda args: _record(fn, variables, args))
        return lambda *args: recordings(to_tensors(args))
    compiled = jax.jit(functools.partial(run_and_track, fn, variables))

    def call(*args):
        return _assign(variables, *compiled(values_of(variables), to_tensors(args)))

    return call


def _assign(variables, output, assigned):
    for i, value in assigned.items():
        variables[i].assign(value)
    return output


def run_and_track(fn, variables, values, args) -> tuple:
    """Run `fn(*args)` with `values` bound; return its output and `{position: new value}` of what it assigned."""
    output, assigned = tracked(fn, variables)(values, *args)
    place = {id(v): i for i, v in enumerate(variables)}
    if any(id(v) not in place for v, _ in assigned):
        raise ValueError("fn assigns a variable (a SeedGenerator's state?) that is not in `variables`: pass it there")
    return output, {place[id(v)]: value for v, value in assigned}


class Recordings(dict):
    """Calls the recording for the structure, shapes and types of its argument, and makes it at the first call."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def __call__(self, args):
        key = str(tree.map_structure(lambda x: (tuple(x.shape), x.dtype, x.device), args))
        if key not in self:
            self[key] = self.make(args)
        return self[key](args)


def record_calls(fn, *args) -> Callable:
    """Return the primitive calls of `fn(*args)` as a program, recorded without values: none becomes a constant.

    Raises:
        CannotRecord: `fn` draws noise that the program could only repeat.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    def with_noise(*args):
        with seeds_as_tensors():
            return fn(*args)

    return make_fx(with_noise, tracing_mode="fake", _allow_non_fake_inputs=True)(*args)


def _record(fn, variables, args):
    """Return a function that repeats the primitive calls of `fn(*args)` for arguments of the same shapes.

    It runs twice: once to see what it returns and assigns, and once to be recorded.
    """
    with torch.random.fork_rng():  # the first run uses up no noise
        structure = run_and_track(fn, variables, values_of(variables), args)

    def flat(*leaves):
        values, leaves = leaves[: len(variables)], leaves[len(variables) :]
        output, assigned = run_and_track(fn, variables, values, tree.pack_sequence_as(args, leaves))
        return tuple(tree.flatten((output, {i: value.clone() for i, value in assigned.items()})))  # of another variable

    leaves = (*values_of(variables), *tree.flatten(args))
    try:
        program = record_calls(flat, *leaves)
    except CannotRecord:
        return lambda args: fn(*args)
    if not any(map(_chooses_outputs, program.graph.nodes)):
        with warnings.catch_warnings():  # PyTorch advises torch.compile instead, which takes a hundred times as long
            warnings.simplefilter("ignore", DeprecationWarning)
            program = torch.jit.trace(program, leaves, check_trace=False)

    def replay(args):
        flat_results = program(*values_of(variables), *tree.flatten(args))
        return _assign(variables, *tree.pack_sequence_as(structure, flat_results))

    if not structure[1]:
        replay.flat = program
    return replay


def _chooses_outputs(node):
    """Return whether a call takes a mask of its outputs, `bool[3]`: TorchScript cannot hold that argument."""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and any(str(a.type) == "List[bool]" for a in schema.arguments)


@validate(cond=function, body=function)
def jit_while(cond, body, *, variables=()) -> Callable:
    """Compile the loop `while cond(carry): carry = body(carry)` into one program.

    JAX and TensorFlow compile loop and body together. PyTorch has no compiled loop: there the body is compiled, and
    Python runs the loop. No gradient flows through the loop. Draw noise before it and carry it in: a `SeedGenerator`
    inside a loop returns the same noise in every iteration on JAX.

    Args:
        cond: function of the carry that returns a boolean scalar.
        body: function of the carry that returns the next one, of the same structure, shapes and types.
        variables: every Keras variable that `cond` or `body` reads.

    Returns:
        A function of the first carry (a tensor, or nested lists, tuples and dicts of them) that returns the last one.

    Example:
        >>> from keras import ops as k
        >>> from keras_course import ops
        >>> double = ops.jit_while(lambda c: c[0] < 5, lambda c: (c[0] + 1, 2 * c[1]))
        >>> [int(t) for t in double((k.convert_to_tensor(0), k.convert_to_tensor(1)))]
        [5, 32]
    """
    variables = listed(variables)
    if _BACKEND == "jax":
        return jit(lambda carry: jax.lax.while_loop(cond, body, carry), variables=variables)
    if _BACKEND == "tensorflow":
        return jit(lambda carry: tf.while_loop(cond, lambda c: [_moved(body, c)], [carry])[0], variables=variables)
    loops = Recordings(lambda carry: _record_loop(cond, body, variables, carry))
    return lambda carry: loops(to_tensors(carry))


def _moved(body, carry):
    """Return `body(carry)`. What it leaves as it was passes an operation that does nothing.

    Else TensorFlow sees that the loop does not change it, and may take its value as a constant: then it compiles the
    loop anew for each value, as with `keras.ops.vectorized_map` in the body.
    """
    return tree.map_structure(lambda old, new: tf.stop_gradient(new) if new is old else new, carry, body(carry))


def _record_loop(cond, body, variables, carry):
    replays = [_record(fn, variables, (carry,)) for fn in (cond, body)]
    if not all(hasattr(replay, "flat") for replay in replays):
        raise ValueError("a compiled loop cannot assign variables: draw noise before it and carry it in")
    go_on, step = (replay.flat for replay in replays)

    def loop(carry):
        values, leaves = values_of(variables), tree.flatten(carry)
        with torch.no_grad():
            while go_on(*values, *leaves)[0]:
                leaves = step(*values, *leaves)
        return tree.pack_sequence_as(carry, leaves)

    return loop
