"""Checks of the arguments of derivatives: which argument, along which vectors, in which mode."""

import copy
from typing import Any

import numpy as np

from keras_course.checks._numbers import is_whole, one_of


def argument_numbers(argnums) -> None:
    """Raise a ValueError for what cannot be the positions of arguments, however many arguments a call will have."""
    if not all(map(is_whole, argnums if isinstance(argnums, tuple) else (argnums,))):
        raise ValueError(f"argnums={argnums!r} must be the position of an argument, or a tuple of them")


def positions(argnums, count) -> tuple[int, ...]:
    """Return the positions of arguments to differentiate as a tuple; a ValueError where a call of `count` has none."""
    picked = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all(is_whole(i) and -count <= i < count for i in picked):
        raise ValueError(
            f"argnums={argnums!r} must be the position of an argument, or a tuple of them; there are {count}"
        )
    if len({i % count for i in picked}) < len(picked):
        raise ValueError(f"argnums={argnums!r} must name each argument once; there are {count}")
    return picked


def tuples(**arguments) -> None:
    """Raise a TypeError for the first argument that is not a tuple (or list) of a function's arguments."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list):
            raise TypeError(
                f"{name} must be a tuple with an entry for each argument, (x,) for one: not {type(value).__name__}"
            )


def matched(name, structure, like, other, as_array) -> Any:
    """Return a structure of arrays in the form of another one: the entries of dicts are matched by their keys.

    Args:
        name: what the structure is called.
        structure: array, or nested lists, tuples and dicts of them, such as tangents.
        like: what the other is called.
        other: structure of arrays that says which form and which shapes are right, such as primals.
        as_array: function of an entry and of its counterpart that returns the entry as an array.

    Raises:
        ValueError: keys, a number of entries, or a shape differs; the message says where.
    """
    if isinstance(other, dict):
        if not isinstance(structure, dict) or structure.keys() != other.keys():
            found = f"the keys {list(structure)}" if isinstance(structure, dict) else "no keys"
            raise ValueError(f"{name} has {found}, and must have those of {like}, {list(other)}")
        parts = copy.copy(other)
        for key, part in other.items():
            parts[key] = matched(f"{name}[{key!r}]", structure[key], f"{like}[{key!r}]", part, as_array)
        return parts
    if isinstance(other, list | tuple):
        if not isinstance(structure, list | tuple) or len(structure) != len(other):
            found = f"{len(structure)} entries" if isinstance(structure, list | tuple) else "no entries"
            raise ValueError(f"{name} has {found}, and must have {len(other)} as {like} has")
        make = getattr(other, "_make", type(other))  # a named tuple is made in its own way
        pairs = enumerate(zip(structure, other, strict=True))
        return make([matched(f"{name}[{i}]", a, f"{like}[{i}]", b, as_array) for i, (a, b) in pairs])
    if isinstance(structure, dict):
        raise ValueError(f"{name} has the keys {list(structure)}, and must be an array as {like} is")
    array = as_array(structure, other)
    shape = tuple(other.shape) if hasattr(other, "shape") else np.shape(other)
    if tuple(array.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(array.shape)}, and must be shaped like {like}, {shape}")
    return array


def jacobian_of(argnums, mode) -> None:
    """Raise a ValueError if a Jacobian is asked for by more than one argument, or in an unknown mode."""
    one_of(("reverse", "forward"), mode=mode)
    if not is_whole(argnums):
        raise ValueError(f"argnums={argnums!r} must be the position of a single argument")


def one_array(y) -> Any:
    """Return what a function of a Jacobian returns; a TypeError where it is several arrays."""
    if isinstance(y, list | tuple | dict):
        raise TypeError(f"a Jacobian is that of one array: fn returns a {type(y).__name__}; join arrays with stack")
    return y
