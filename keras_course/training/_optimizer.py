"""The contract of all optimizers of this lecture.

Notation: w weights, g the gradient of the loss with respect to them, gamma the learning rate, t = 1, 2, ... the number
of the step. An optimizer remembers arrays shaped like w, its slots (u, m, v, ...). A structure is an array, or nested
lists, tuples and dicts of arrays, such as all weights of a network.

    state = optimizer.init(w)
    w, state = optimizer.step(w, g, state)

Both are pure functions of tensors: they run on every backend, and inside `keras_course.ops.jit`. Weights in half
precision are updated, and their slots kept, in float32: an epsilon of 1e-8 is 0 in float16, and so is 0.001^2.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import backend, ops, tree

from keras_course.checks import fraction, not_negative, positive, tensor
from keras_course.ops._types import Tensor

FRACTIONS = {"momentum", "rho", "beta_1", "beta_2"}  # how much of the past a running mean keeps: in [0, 1)


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """Base class of the optimizers; each subclass defines `slots` and `update` for a single array.

    Args:
        learning_rate: gamma, a positive number; or a schedule, a function of the number of steps made so far, such as
            a schedule of this lecture or of `keras.optimizers.schedules`.

    Raises:
        ValueError: a learning rate that is not finite and positive, a decay outside [0, 1), or another constant that
            is negative or not finite.
    """

    learning_rate: float | Callable

    def __post_init__(self):
        if not callable(self.learning_rate):
            positive(learning_rate=self.learning_rate)
        for field in dataclasses.fields(self)[1:]:
            check = fraction if field.name in FRACTIONS else not_negative
            check(**{field.name: getattr(self, field.name)})

    def init(self, w) -> tuple[int, list]:
        """Return the state `(steps made, slots of each array)` before the first step on the structure w."""
        return 0, [self.slots(widen(part)) for part in tree.flatten(floats(w))]

    def step(self, w, g, state) -> tuple[Any, tuple]:
        """Return `(w, state)` after one step against the gradient g, a structure like w.

        Raises:
            ValueError: w and g differ in structure or shape, or the state belongs to other weights.
        """
        t, slots = state
        parts, gradients = pairs(floats(w), floats(g, "g"))
        fits = [tuple(s.shape) == tuple(w.shape) for w, own in zip(parts, slots, strict=False) for s in own]
        if len(slots) != len(parts) or not all(fits):
            raise ValueError(f"state holds what belongs to {len(slots)} other arrays; make it by init(w) of this w")
        rate = self.rate(t)
        done = []
        for part, gradient, slot in zip(parts, gradients, slots, strict=True):
            wide = widen(part)
            gamma, now = (ops.convert_to_tensor(a, dtype=wide.dtype) for a in (rate, t + 1))
            new, slot = self.update(wide, ops.cast(gradient, wide.dtype), slot, gamma, now)
            done.append((ops.cast(new, part.dtype), slot))
        return tree.pack_sequence_as(w, [part for part, _ in done]), (t + 1, [slot for _, slot in done])

    def rate(self, t) -> float:
        """Return the learning rate gamma of the next step, after t steps."""
        return self.learning_rate(t) if callable(self.learning_rate) else self.learning_rate

    def slots(self, w) -> tuple[Tensor, ...]:
        """Return the tuple of what is remembered about the array w, as it is before the first step."""
        return ()

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the array w and its slots after step t."""
        raise TypeError(f"{type(self).__name__} is not an optimizer by itself: choose one, such as Adam")


def floats(structure, name="w") -> Any:
    """Return the tensors of a structure; integers become floating-point numbers, other types raise a ValueError."""

    def convert(x):
        tensor(**{name: x})
        x = ops.convert_to_tensor(x)
        return x if backend.is_float_dtype(backend.standardize_dtype(x.dtype)) else ops.cast(x, backend.floatx())

    return tree.map_structure(convert, structure)


def widen(x) -> Tensor:
    """Return a tensor in float32, or as it is if it is in float64."""
    return ops.cast(x, _wide(x))


def _wide(*tensors):
    """Return the name of a type that holds the numbers of all; Keras's `result_type` would make float64 float32."""
    return "float64" if any(backend.standardize_dtype(x.dtype) == "float64" for x in tensors) else "float32"


def scaled(parts) -> tuple:
    """Return (parts / m, m, |parts| / m) for about the largest entry m of some tensors, in one type: `widen`.

    The norm |parts| itself may be too large for the type, and the squares of its entries too large or too small. The
    bounds of m keep 1 / m from what a backend takes for 0 or infinity; |parts| / m is 1 where all entries are 0.
    """
    dtype = _wide(*parts)
    bound = 1022 if dtype == "float64" else 126
    low, high = (ops.convert_to_tensor(number, dtype=dtype) for number in (2.0**-bound, 2.0**bound))
    parts = [ops.cast(part, dtype) for part in parts]
    largest = ops.max(ops.stack([low, *(ops.max(ops.abs(part), initial=0.0) for part in parts)]))
    largest = ops.where(largest > high, high, largest)
    units = [part / largest for part in parts]
    return units, largest, ops.sqrt(one_for_zero(sum(ops.sum(ops.square(unit)) for unit in units)))


def one_for_zero(x) -> Tensor:
    """Return x with 1 in place of 0, to divide by: 0 / 0 then is 0."""
    return ops.where(x == 0, ops.ones_like(x), x)


def pairs(w, g, names=("w", "g")) -> tuple[list, list]:
    """Return the lists of the arrays of two structures; a ValueError if structures or shapes differ."""
    weights, gradients = tree.flatten(w), tree.flatten(g)
    first, second = names
    if len(weights) != len(gradients):
        raise ValueError(f"{first} holds {len(weights)} arrays, but {second} holds {len(gradients)}")
    for i, (a, b) in enumerate(zip(weights, gradients, strict=True)):
        if tuple(a.shape) != tuple(b.shape):
            shapes = f"shape {tuple(a.shape)}, but that of {second} has shape {tuple(b.shape)}"
            raise ValueError(f"array {i} of {first} has {shapes}")
    return weights, gradients
