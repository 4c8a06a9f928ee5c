"""Derivatives checked by finite differences.

Notation: J is the Jacobian as a verb computes it, D the one by central differences, D_j = (f(x + h e_j) -
f(x - h e_j)) / (2 h). The error of D is of the order h^2 from Taylor's formula and eps / h from rounding, so h is
the cube root of the machine epsilon times the size of x_j; about 1e-10 of the largest entry of D remains.
"""

import numpy as np

from keras_course.autodiff._traced import as_array
from keras_course.autodiff._verbs import jacobian
from keras_course.checks import function, not_negative, validate


@validate(fn=function, tolerance=not_negative)
def gradcheck(fn, *primals, mode="reverse", tolerance=1e-6) -> float:
    """Compare the derivatives of a function with central differences.

    Args:
        fn: function of arrays that returns an array.
        primals: all its arguments: arrays or numbers, in float64.
        mode: "reverse" or "forward", the mode to check.
        tolerance: largest relative error that is let pass.

    Returns:
        The largest `|J - D|` of any entry, relative to the largest entry of D for the same argument (or to 1e-3 of the
        largest `|f(x)|`, if all of D is smaller than that).

    Raises:
        AssertionError: an error is larger than `tolerance`, or not finite; the message names the worst entry.
        ValueError: `mode` is unknown, there are no primals, or `tolerance` is negative or not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course import autodiff
        >>> autodiff.gradcheck(lambda x, y: np.sin(x) * y, np.array([1.0, 2.0]), 3.0) < 1e-8
        True
    """
    if not primals:
        raise ValueError("primals=() must be the arguments of fn, at least one: derivatives are taken by them")
    primals = [np.array(as_array(x, "primals"), dtype="float64") for x in primals]
    worst = 0.0
    for i in range(len(primals)):
        analytic = jacobian(fn, i, mode)(*primals)
        value, numeric = _differences(fn, primals, i)
        scale = max(np.abs(numeric).max(initial=0.0), 1e-3 * np.abs(value).max(initial=0.0), 1e-30)
        errors = np.abs(analytic - numeric) / scale
        errors = np.where(np.isfinite(errors), errors, np.inf)
        if errors.size and errors.max() > tolerance:
            raise AssertionError(_difference(analytic, numeric, errors, np.ndim(value), mode, i, tolerance))
        worst = max(worst, float(errors.max(initial=0.0)))
    return worst


def _differences(fn, primals, i):
    """Return f(x) and the Jacobian by argument i, `(*y.shape, *x.shape)`, by central differences."""
    value, x = np.asarray(fn(*primals)), primals[i]
    numeric = np.zeros((*value.shape, *x.shape))
    for place in np.ndindex(x.shape):
        step = np.cbrt(np.finfo("float64").eps) * max(1.0, abs(x[place]))
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            ends.append(np.asarray(fn(*primals[:i], moved, *primals[i + 1 :])))
        numeric[(..., *place)] = (ends[0] - ends[1]) / (2 * step)
    return value, numeric


def _difference(analytic, numeric, errors, num_axes, mode, argument, tolerance):
    """Return the message about the entry with the largest error; the first `num_axes` axes index the output."""
    entry = tuple(int(k) for k in np.unravel_index(errors.argmax(), errors.shape))
    return (
        f"{mode} mode, derivative of output entry {entry[:num_axes]} by entry {entry[num_axes:]} of argument "
        f"{argument}: {analytic[entry]:.6g}, and {numeric[entry]:.6g} by central differences (relative error "
        f"{errors[entry]:.2g}, tolerance {tolerance:g})"
    )
