"""Forward mode: dual numbers.

Notation: a dual number x + v e carries a value x and a tangent v; e is a symbol with e^2 = 0. By Taylor's theorem
f(x + v e) = f(x) + f'(x) v e, exactly: the tangent of a result is its derivative along v. One pass gives one
derivative along one direction, and nothing has to be kept.
"""

from typing import Any

import numpy as np

from keras_course.autodiff._traced import Traced, as_array


class Dual(Traced):
    """A value with a tangent: x + v e.

    Args:
        value: array x of any shape, or number. Integers become float64.
        tangent: array v like `value`; the direction of the derivative.

    Raises:
        ValueError: the tangent is not shaped like the value.
        TypeError: value or tangent is not made of real numbers.

    Example:
        >>> from keras_course.autodiff import Dual
        >>> y = Dual(3.0, 1.0) ** 2
        >>> float(y.value), float(y.tangent)
        (9.0, 6.0)
    """

    __slots__ = ("tangent",)

    def __init__(self, value, tangent, level=-1):
        self.value, self.tangent, self.level = as_array(value), as_array(tangent, "tangent"), level
        if self.value.shape != self.tangent.shape:
            raise ValueError(
                f"tangent has shape {self.tangent.shape}, and must be shaped like value, {self.value.shape}"
            )

    def interpret(self, primitive, args, params) -> Any:
        """Compute a primitive one level below, and its derivative along the tangents."""
        args = tuple(arg if isinstance(arg, (Traced, float, int)) else np.asarray(arg) for arg in args)
        values = self.values(args)
        out = self.below(primitive, values, params)
        tangents = {i: arg.tangent for i, arg in enumerate(args) if isinstance(arg, Dual) and arg.level == self.level}
        return Dual(out, primitive.jvp(tangents, out, values, params), self.level)

    def __repr__(self):
        return f"Dual({self.value!r}, {self.tangent!r})"
