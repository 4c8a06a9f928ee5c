"""Checkpointing: less memory for more time in reverse mode.

Notation: a chain of T functions, y = f_T(... f_1(x)). The backward pass needs every intermediate array, so plain
reverse mode keeps T of them. Cut into S segments, of which only the inputs are kept, it keeps S, and T / S more while
it computes one segment again: S + T / S arrays in all, least at S = sqrt(T), for one more evaluation of f.
"""

import dataclasses
import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_course.autodiff._tape import Var, graph
from keras_course.autodiff._traced import Primitive, Traced, plain
from keras_course.autodiff._verbs import _vjp, jvp
from keras_course.checks import function, is_whole, validate


class Checkpointed(Primitive):
    """A whole function as one primitive, which drops its intermediate arrays and computes them again."""

    def vjp(self, wanted, g, out, args, params) -> list:
        def of_wanted(*picked):
            full = list(args)
            for i, value in zip(wanted, picked, strict=True):
                full[i] = value
            return self.function(*full)

        return _vjp(of_wanted, [args[i] for i in wanted])[1](g)

    def jvp(self, tangents, out, args, params) -> Any:
        full = [tangents[i] if i in tangents else np.zeros(np.shape(arg)) for i, arg in enumerate(args)]
        return jvp(self.function, args, full)[1]


def checkpoint(fn) -> Callable:
    """Return a function with the same values and derivatives, of which reverse mode stores only the arguments.

    The intermediate arrays of `fn` are computed a second time in the backward pass.

    Args:
        fn: function of arrays that returns an array, without side effects. Everything to be differentiated must be an
            argument: a recorded array that is not passed in is refused.

    Returns:
        A function of the same arguments; it may be differentiated again.

    Raises:
        ValueError: `fn` reads a recorded array that is not an argument (raised at the call).
        TypeError: `fn` returns no array (raised at the call).

    References:
        Training Deep Nets with Sublinear Memory Cost, Chen et al., 2016, https://arxiv.org/abs/1604.06174

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> f = autodiff.checkpoint(lambda x: np.sin(np.exp(x)))
        >>> round(float(autodiff.grad(f)(0.0)), 4)  # cos(1)
        0.5403
    """
    function(fn=fn)

    def run(*args):
        out = fn(*args)
        if not isinstance(out, (Traced, np.ndarray, np.floating)):
            raise TypeError(f"a checkpointed function must return an array, not {type(out).__name__}")
        return out.view() if isinstance(out, np.ndarray) else out  # `fn` may return an argument as it is

    return Checkpointed(f"checkpoint({getattr(fn, '__name__', 'fn')})", run)


def checkpointed_chain(functions, segments) -> Callable:
    """Return the composition of functions of one array, cut into checkpointed segments of about equal length.

    Args:
        functions: list f_1, ..., f_T, applied in this order.
        segments: S, at least 1 and at most T. About sqrt(T) keeps the fewest arrays.

    Returns:
        A function of an array, y = f_T(... f_1(x)).

    Raises:
        ValueError: there are no functions, or S is not an integer from 1 to T.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> chain = autodiff.checkpointed_chain([np.sin] * 9, segments=3)
        >>> x = autodiff.Var(1.0)
        >>> autodiff.stored(chain(x)).arrays, autodiff.stored(autodiff.checkpointed_chain([np.sin] * 9, 9)(x)).arrays
        (4, 10)
    """
    if not isinstance(functions, list | tuple) or not functions or not all(map(callable, functions)):
        raise ValueError(f"functions={functions!r} must be a list with at least one function")
    if not is_whole(segments) or not 1 <= segments <= len(functions):
        raise ValueError(
            f"segments={segments!r} must be an integer from 1 to the number of functions, {len(functions)}"
        )
    bounds = [len(functions) * i // segments for i in range(segments + 1)]
    parts = [checkpoint(compose(functions[start:end])) for start, end in itertools.pairwise(bounds)]
    return compose(parts)


def compose(functions) -> Callable:
    """Return the function x -> f_T(... f_1(x)) of a list of functions."""

    def chain(x):
        for part in functions:
            x = part(x)
        return x

    return chain


@dataclasses.dataclass(frozen=True)
class Storage:
    """What a graph keeps: the number of its distinct arrays, and their bytes."""

    arrays: int
    bytes: int


def stored(y) -> Storage:
    """Return how many arrays the graph of a `Var` keeps for the backward pass, and how many bytes they take.

    Args:
        y: `Var`.

    Returns:
        A `Storage` with `arrays` and `bytes`; inputs, results and constants are counted, each once.

    Raises:
        TypeError: y is not a `Var`.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import Var, stored
        >>> stored(np.sin(np.exp(Var(np.zeros(100)))))
        Storage(arrays=3, bytes=2400)
    """
    if not isinstance(y, Var):
        raise TypeError(f"y={y!r}: only a Var keeps a graph, not {type(y).__name__}: make the inputs with Var(...)")
    arrays = {}
    for node in graph(y):
        for value in (node.value, *node.args):
            value = plain(value)
            arrays[id(value)] = np.asarray(value).nbytes
    return Storage(len(arrays), sum(arrays.values()))


@validate(call=function)
def peak_memory(call) -> int:
    """Run a function without arguments and return the most bytes that it held at once, as Python counts them.

    Args:
        call: function without arguments; what it returns is dropped.

    Returns:
        The number of bytes above what was held before. Running it takes longer than usual.

    Example:
        >>> import numpy as np
        >>> from keras_course.autodiff import peak_memory
        >>> 8_000_000 <= peak_memory(lambda: np.zeros(1_000_000)) < 9_000_000
        True
    """
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
