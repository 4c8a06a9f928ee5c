"""Eager calls of layers as compiled programs: JAX compiles one program sooner than one for each operation in it."""

import keras
import numpy as np
from keras import tree
from keras.src.backend.common.stateless_scope import in_stateless_scope

from keras_course import backend, ops

PLAIN = str | int | float | None
NOTES = {"_called", "_parent_path", "_programs"}  # what Keras and a call at once write down


def program(fn):
    """Return a function of tensors as one program on JAX, and as it is elsewhere, where operations are not compiled."""
    return ops.jit(fn) if backend.current() == "jax" else fn


def at_once(call):
    """Return what can stand in for `Layer.__call__`: a call with arrays is one program, kept with the layer.

    A layer that has changed in an attribute, or one of whose parts has, gets another program. A new layer is built by
    a call with symbols.
    """

    def called(layer, *args, **options):
        plain = {name: value for name, value in options.items() if isinstance(value, PLAIN)}
        arrays = {name: value for name, value in options.items() if name not in plain}
        if in_stateless_scope() or not _are_arrays((args, arrays)):
            return call(layer, *args, **options)
        if not layer.built:
            inputs, named = tree.map_structure(lambda x: keras.KerasTensor(x.shape, x.dtype), (args, arrays))
            call(layer, *inputs, **named, **plain)
        key, kept = (repr(plain), *map(_state, layer._flatten_layers())), vars(layer).setdefault("_programs", {})
        if key not in kept:
            kept[key] = ops.jit(lambda args, arrays: call(layer, *args, **arrays, **plain), variables=layer.variables)
        return kept[key](args, arrays)

    return called


def _are_arrays(args):
    import jax

    leaves = tree.flatten(args)
    return all(isinstance(x, np.ndarray | jax.Array) and not isinstance(x, jax.core.Tracer) for x in leaves)


def _state(layer):
    """Return the attributes of a layer; what is no plain value is told by its identity."""
    own = {name: value for name, value in vars(layer).items() if name not in NOTES}
    return tuple((name, value if isinstance(value, PLAIN) else id(value)) for name, value in own.items())
