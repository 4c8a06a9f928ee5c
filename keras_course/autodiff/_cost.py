"""What derivatives cost: counted by formula for a chain, and by running a program.

Notation: a chain y = f_t(... f_1(x)) maps R^n0 to R^n1 to ... to R^nt, and its Jacobian is the product J_t ... J_1.
A product of matrices (a, b) and (b, c) takes a b c multiply-adds.
"""

import collections
import dataclasses
import itertools
from typing import Any

import numpy as np

from keras_course.autodiff._checkpoint import Checkpointed
from keras_course.autodiff._traced import Traced, as_array, fresh_level
from keras_course.autodiff._tree import map_structure
from keras_course.autodiff._verbs import _vjp, jvp
from keras_course.checks import choice, function, validate, wholes


@validate(widths=wholes(1), mode=choice("forward", "reverse"))
def accumulation_cost(widths, mode) -> int:
    """Count the multiply-adds that the Jacobian of a chain takes, once the Jacobian of each link is known.

    Forward accumulation multiplies from the input, J_t (... (J_2 J_1)), and reverse accumulation from the output:

        forward: n_0 sum_{k=1}^{t-1} n_k n_{k+1}        reverse: n_t sum_{k=0}^{t-2} n_k n_{k+1}

    Args:
        widths: n_0, ..., n_t: positive integers, at least two.
        mode: "forward" or "reverse".

    Returns:
        An integer.

    Raises:
        ValueError: there are fewer than two widths, a width is not a positive integer, or the mode is unknown.

    References:
        Evaluating Derivatives, Griewank and Walther, 2008, https://doi.org/10.1137/1.9780898717761

    Example:
        >>> from keras_course.autodiff import accumulation_cost
        >>> accumulation_cost([784, 100, 100, 1], "forward"), accumulation_cost([784, 100, 100, 1], "reverse")
        (7918400, 88400)
    """
    if len(widths) < 2:
        raise ValueError(f"widths={widths!r} must be at least two positive integers")
    links = [n * m for n, m in itertools.pairwise(widths)]
    return int(widths[0] * sum(links[1:]) if mode == "forward" else widths[-1] * sum(links[:-1]))


@dataclasses.dataclass
class OperationCount:
    """What a run computed: `calls` of each primitive by name, and `operations`, multiply-adds and function values."""

    calls: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    operations: int = 0


class Counted(Traced):
    """An array that counts the operations that it takes part in, beside `Var` and `Dual`."""

    __slots__ = ("count",)

    def __init__(self, value, level, count):
        self.value, self.level, self.count = value, level, count

    def interpret(self, primitive, args, params) -> Any:
        if isinstance(primitive, Checkpointed):
            return primitive.function(*args)  # what it computes inside is counted, each time that it is computed
        out = self.below(primitive, self.values(args), params)
        self.count.calls[primitive.name] += 1
        if primitive.name == "matmul":
            self.count.operations += np.size(out) * np.shape(args[0])[-1]
        else:
            self.count.operations += max(map(np.size, (out, *args)))
        return Counted(out, self.level, self.count)


@validate(fn=function, mode=choice("value", "reverse", "forward"))
def count_operations(fn, *primals, mode="value") -> OperationCount:
    """Run a function, or its derivative, and count what it computes.

    A matmul of (a, b) and (b, c) counts a b c operations, every other primitive one for each entry of its largest
    array, moving data included. Only what depends on the inputs is counted.

    Args:
        fn: function of arrays (or nested lists, tuples and dicts of them).
        primals: all its arguments.
        mode: "value" counts f alone, "reverse" f and one pass back (`vjp`), "forward" f with one tangent (`jvp`).

    Returns:
        An `OperationCount` with `calls`, a Counter of the primitives by name, and `operations`.

    Raises:
        ValueError: `mode` is unknown.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import count_operations
        >>> def f(x):
        ...     return np.sum(np.sin(x) * x)
        >>> count_operations(f, np.ones(10)).operations
        30
        >>> dict(count_operations(f, np.ones(10), mode="reverse").calls)
        {'sin': 1, 'multiply': 4, 'sum': 1, 'reshape': 1, 'broadcast_to': 1, 'cos': 1, 'add': 1}
    """
    count, level = OperationCount(), fresh_level()

    def counted(structure):
        return map_structure(lambda x: Counted(as_array(x, "primals"), level, count), structure)

    def ones(structure):
        return counted(map_structure(lambda x: np.ones(np.shape(x)), structure))

    if mode == "value":
        fn(*counted(primals))
    elif mode == "forward":
        jvp(fn, counted(primals), ones(primals))
    else:
        output, pullback = _vjp(fn, counted(primals))
        pullback(ones(output))
    return count
