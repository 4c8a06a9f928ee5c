"""Nested lists, tuples and dicts of arrays, such as the weights of a network, taken apart and put together again.

Notation: a structure is an array or number (a leaf), or a list, tuple or dict of structures.
"""

from typing import Any


def flatten(structure) -> list:
    """Return the list of a structure's leaves, in order."""
    if isinstance(structure, dict):
        structure = list(structure.values())
    if not isinstance(structure, (list, tuple)):
        return [structure]
    return [leaf for part in structure for leaf in flatten(part)]


def unflatten(structure, leaves) -> Any:
    """Return a structure like the given one, with other leaves."""
    return _take(structure, iter(leaves))


def _take(structure, leaves):
    if isinstance(structure, dict):
        return {key: _take(part, leaves) for key, part in structure.items()}
    if not isinstance(structure, (list, tuple)):
        return next(leaves)
    make = getattr(structure, "_make", type(structure))  # a named tuple is made in its own way
    return make([_take(part, leaves) for part in structure])


def map_structure(fn, structure) -> Any:
    """Return a structure with `fn` applied to every leaf."""
    return unflatten(structure, map(fn, flatten(structure)))
