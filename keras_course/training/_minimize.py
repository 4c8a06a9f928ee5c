"""Runs of an optimizer on a function, and two surfaces to watch it on.

Notation: w_0 = `start`, w_1, w_2, ... the points that the optimizer goes through; f(w) is to be minimized.
"""

from typing import Any, NamedTuple

import numpy as np
from keras import ops, tree

from keras_course.checks import as_floats, not_negative, numpy_seed, tensor, validate, whole
from keras_course.checks import function as check_function
from keras_course.ops import jit, value_and_grad
from keras_course.ops._types import Tensor
from keras_course.training._optimizer import floats


class Descent(NamedTuple):
    """What `minimize` returns.

    Args:
        trajectory: the points w_0 .. w_S, stacked: `(S + 1, ...)` for each array of the structure.
        losses: f at these points, `(S + 1,)`.
    """

    trajectory: Any
    losses: np.ndarray


def _check_optimizer(optimizer):
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "step")):
        raise ValueError(f"optimizer={optimizer!r} must be an optimizer of this lecture, such as Adam(1e-3)")


def _as_start(start):
    w = floats(start, "start")
    if not tree.flatten(w) or not all(ops.size(part) for part in tree.flatten(w)):
        raise ValueError(f"start={start!r} holds no number")
    if not all(np.isfinite(ops.convert_to_numpy(part)).all() for part in tree.flatten(w)):
        raise ValueError("start has entries that are not finite (NaN or infinity)")
    return w


@validate(function=check_function, optimizer=_check_optimizer, num_steps=whole(1), noise=not_negative, seed=numpy_seed)
def minimize(function, start, optimizer, num_steps, *, noise=0.0, seed=0) -> Descent:
    """Follow an optimizer down a function.

    Args:
        function: function of a structure of tensors, written in `keras.ops`, that returns a scalar.
        start: w_0, an array, or nested lists of arrays.
        optimizer: an optimizer of this lecture.
        num_steps: number S of steps.
        noise: standard deviation of normal noise that is added to each entry of each gradient, as mini-batches would.
            Its mean is zero: the gradient stays right on average.
        seed: seed of the noise, which is the same on every backend.

    Returns:
        A `Descent`: the trajectory and the losses, as NumPy arrays. If the learning rate is too high, the losses grow
        beyond all bounds; this does not raise an error.

    Raises:
        ValueError: `num_steps` < 1, `seed` < 0, `noise` negative or not finite, a `start` that is not finite, what is
            no optimizer of this lecture, or `function` gives no scalar.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import GD, minimize
        >>> run = minimize(lambda w: w[0] ** 2, np.array([1.0]), GD(0.25), num_steps=3)
        >>> run.trajectory[:, 0].tolist(), run.losses.tolist()
        ([1.0, 0.5, 0.25, 0.125], [1.0, 0.25, 0.0625, 0.015625])
    """
    rng, gradient_of = np.random.default_rng(seed), value_and_grad(function)

    def step(w, state, noises):
        loss, g = gradient_of(w)
        return loss, *optimizer.step(w, tree.map_structure(ops.add, g, noises), state)

    step, w = jit(step), _as_start(start)
    points, losses, state = [w], [], optimizer.init(w)
    for _ in range(num_steps + 1):  # the last one is for the loss of the last point only
        noises = tree.map_structure(
            lambda part: ops.convert_to_tensor(noise * rng.standard_normal(tuple(part.shape)), dtype=part.dtype), w
        )
        loss, w, state = step(w, state, noises)
        points.append(w)
        losses.append(float(loss))
    trajectory = tree.map_structure(lambda *parts: np.stack([ops.convert_to_numpy(p) for p in parts]), *points[:-1])
    return Descent(trajectory, np.array(losses))


def anisotropic(w, sd=(2.0, 0.5)) -> Tensor:
    """A valley: the quadratic whose level sets are ellipses with axes in the proportion of `sd`.

        f(w) = sum_i w_i^2 / (2 sd_i^2)

    Its curvatures are 1 / sd_i^2: 1/4 and 4 by default, so that gradient descent is stable for rates below 2/4.

    Args:
        w: point `(2,)`, or points `(2, ...)`.
        sd: numbers sd_i, positive.

    Returns:
        A scalar, or an array `(...)`.

    Raises:
        ValueError: w has not as many coordinates as `sd`, or one of `sd` is not above 0.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import anisotropic
        >>> float(anisotropic(np.array([2.0, 0.5])))
        1.0
    """
    sd = as_floats("sd", sd)
    if sd.ndim != 1 or not len(sd) or not (sd > 0).all() or not np.isfinite(sd).all():
        raise ValueError(f"sd={sd} must be positive numbers, one for each coordinate")
    sd = sd.tolist()
    _coordinates(w, len(sd))
    return sum(w[i] ** 2 / (2 * s**2) for i, s in enumerate(sd))


def beale(w) -> Tensor:
    """Beale's function: flat plains, steep walls at the corners, one minimum of 0 at (3, 0.5).

        f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2

    Args:
        w: point `(2,)`, or points `(2, ...)`.

    Returns:
        A scalar, or an array `(...)`.

    Raises:
        ValueError: w has not two coordinates.

    References:
        On an Iterative Method for Finding a Local Minimum of a Function of More than One Variable, Beale, 1958.
        An account: https://www.sfu.ca/~ssurjano/beale.html

    Example:
        >>> import numpy as np
        >>> from keras_course.training import beale
        >>> float(beale(np.array([3.0, 0.5])))
        0.0
    """
    _coordinates(w, 2)
    x, y = w[0], w[1]
    return sum((c - x + x * y**k) ** 2 for k, c in ((1, 1.5), (2, 2.25), (3, 2.625)))


@validate(w=tensor)
def _coordinates(w, number):
    """Raise a ValueError for a point of another space: JAX would clamp an index that is out of bounds."""
    found = w.shape[0] if getattr(w, "shape", ()) else len(w) if isinstance(w, list | tuple) else 0
    if found != number:
        raise ValueError(f"w has {found} coordinates, not {number}")
