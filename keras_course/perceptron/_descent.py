"""Gradient descent, whole, stochastic and by mini-batches, with every update written out.

Notation: L(theta) a scalar loss of the parameters theta (an array, or nested lists, tuples and dicts of them), g its
gradient, gamma the learning rate. T steps give T + 1 points.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_course import ops
from keras_course.checks import (
    as_floats,
    as_real,
    function,
    generator,
    numpy_seed,
    positive,
    tensor,
    validate,
    whole,
    whole_number,
)
from keras_course.ops._types import Tensor


@dataclasses.dataclass(frozen=True)
class Path:
    """The way that a descent took.

    Args:
        points: theta before the first step and after each: arrays with an axis of T + 1 in front.
        losses: the loss at which each step's gradient was taken, `(T,)`: of the whole data, or of the step's batch.
    """

    points: object = dataclasses.field(repr=False)
    losses: np.ndarray = dataclasses.field(repr=False)

    @property
    def last(self) -> Any:
        """theta after the last step."""
        return tree.map_structure(lambda array: array[-1], self.points)


@validate(num_steps=whole(1))
def gradient_descent(loss, start, *, learning_rate, num_steps=100) -> Path:
    """Follow the negative gradient: theta <- theta - gamma g.

    The step minimizes the `quadratic_surrogate` of the loss. On a curvature c it converges if and only if
    gamma < 2 / c; beyond, it overshoots by more each time, and nothing stops it here, as one should see that once.

    Args:
        loss: function of theta that returns a scalar, written with `keras.ops`; it is compiled. Data that it reads
            should be tensors, as PyTorch does not add an array to one.
        start: the first theta.
        learning_rate: gamma, above 0.
        num_steps: number T of steps.

    Returns:
        A `Path`.

    Raises:
        ValueError: a `learning_rate` not above 0, `num_steps` below 1, or a `start` that is not finite.

    References:
        Méthode générale pour la résolution des systèmes d'équations simultanées, Cauchy, 1847,
        https://gallica.bnf.fr/ark:/12148/bpt6k2982c/f540.item

    Example:
        >>> from keras_course.perceptron import gradient_descent
        >>> path = gradient_descent(lambda t: t**2, 1.0, learning_rate=0.25, num_steps=3)
        >>> path.points.tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    return _descend(loss, start, learning_rate, (() for _ in range(num_steps)))


@validate(batch_size=whole(1), num_epochs=whole(1), seed=numpy_seed)
def stochastic_gradient_descent(loss, start, data, *, learning_rate, batch_size=1, num_epochs=1, seed=0) -> Path:
    """Follow the gradient of the loss on a few examples at a time: theta <- theta - gamma g(batch).

    An epoch visits every example once, in an order drawn anew, `batch_size` at a time (the last batch takes what is
    left). The gradient of a random batch is the whole gradient on average, so it errs, but not to one side. A
    `batch_size` of 1 is stochastic gradient descent proper, of N gradient descent.

    Args:
        loss: function of theta and the arrays of a batch that returns their mean loss, a scalar; it is compiled.
        start: the first theta.
        data: tuple of arrays of N examples each, such as `(x, y)`.
        learning_rate: gamma, above 0.
        batch_size: number of examples a step, at most N.
        num_epochs: number of passes over the data.
        seed: of the orders.

    Returns:
        A `Path`.

    Raises:
        ValueError: a `learning_rate` not above 0, sizes that are not whole numbers from 1 on, a `batch_size` above N,
            `data` that are not a tuple of arrays of equal lengths, or data or a `start` that are not finite.

    References:
        A Stochastic Approximation Method, Robbins and Monro, 1951, https://doi.org/10.1214/aoms/1177729586

    Example:
        >>> import numpy as np
        >>> from keras import ops
        >>> from keras_course.perceptron import stochastic_gradient_descent
        >>> mean_square = lambda t, x: ops.mean((t - x) ** 2)
        >>> x = np.array([1.0, 1.0, 1.0, 1.0], "float32")
        >>> stochastic_gradient_descent(mean_square, 0.0, (x,), learning_rate=0.25, batch_size=2).points.tolist()
        [0.0, 0.5, 0.75]
    """
    data = _as_arrays(data)
    whole_number(1, at_most=len(data[0]), batch_size=batch_size)
    rng = np.random.default_rng(seed)
    orders = (rows for _ in range(num_epochs) for rows in mini_batches(len(data[0]), batch_size, rng))
    return _descend(loss, start, learning_rate, (tuple(array[rows] for array in data) for rows in orders))


@validate(num_examples=whole(1), batch_size=whole(1), rng=generator)
def mini_batches(num_examples, batch_size, rng) -> list[np.ndarray]:
    """Return a random partition of 0, ..., N - 1 into batches of `batch_size`; the last takes what is left.

    Args:
        num_examples: N.
        batch_size: number of examples in a batch.
        rng: a `numpy.random.Generator`.

    Returns:
        A list of integer arrays.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mini_batches
        >>> [len(rows) for rows in mini_batches(10, 4, np.random.default_rng(0))]
        [4, 4, 2]
    """
    order = rng.permutation(num_examples)
    return [order[i : i + batch_size] for i in range(0, num_examples, batch_size)]


@validate(loss=function, learning_rate=positive)
def _descend(loss, start, learning_rate, batches):
    """Make one step for each batch (a tuple of further arguments of the loss)."""
    _check_finite("start", start)
    value_and_gradient = ops.jit(ops.value_and_grad(loss))
    theta = tree.map_structure(_as_float, start)
    points, losses = [theta], []
    for batch in batches:
        value, gradient = value_and_gradient(theta, *batch)
        theta = tree.map_structure(lambda t, g: t - learning_rate * g, theta, gradient)
        points.append(theta)
        losses.append(value)
    arrays = [tree.map_structure(keras.ops.convert_to_numpy, theta) for theta in points]
    return Path(tree.map_structure(lambda *steps: np.stack(steps), *arrays), np.array([float(v) for v in losses]))


def _check_finite(name, structure):
    arrays = [as_floats(name, array) for array in tree.flatten(structure)]
    if not arrays or not all(array.size for array in arrays):
        raise ValueError(f"{name} holds no number")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"{name} has entries that are not finite (NaN or infinity)")


def _as_float(array):
    array = np.asarray(array)
    return keras.ops.convert_to_tensor(
        array, dtype="float64" if array.dtype == np.float64 and array.ndim else "float32"
    )


@validate(loss=function, learning_rate=positive)
def quadratic_surrogate(loss, point, *, learning_rate) -> Callable[[np.ndarray], np.ndarray]:
    """Return the parabola whose lowest point is where gradient descent steps to.

    Around theta_0, with the true curvature replaced by 1 / gamma:

        S(theta) = L(theta_0) + (theta - theta_0) . g + |theta - theta_0|^2 / (2 gamma)

    Args:
        loss: function of an array theta that returns a scalar, written with `keras.ops`.
        point: theta_0, a number or an array.
        learning_rate: gamma, above 0.

    Returns:
        A function of many thetas, `(..., *shape of point)`, that returns S at each, `(...)`.

    Raises:
        ValueError: a `learning_rate` not above 0, or a `point` that is not finite.

    Example:
        >>> from keras_course.perceptron import quadratic_surrogate
        >>> surrogate = quadratic_surrogate(lambda t: t**2, 1.0, learning_rate=0.25)
        >>> surrogate([1.0, 0.5]).tolist()      # theta_0, and the step from it
        [1.0, 0.5]
    """
    _check_finite("point", point)
    start = _as_float(point)
    value, gradient = map(keras.ops.convert_to_numpy, ops.value_and_grad(loss)(start))
    start = keras.ops.convert_to_numpy(start)
    axes = tuple(range(-start.ndim, 0))

    def surrogate(thetas):
        offsets = np.asarray(thetas) - start
        return value + np.sum(offsets * gradient, axes) + np.sum(offsets**2, axes) / (2 * learning_rate)

    return surrogate


@validate(t=tensor)
def double_well(t) -> Tensor:
    """The loss of one parameter on which the lecture shows descent: two valleys, the deeper one on the right.

        L(t) = 0.02 ((t - 1/3)^4 - 30 t^2)

    Args:
        t: number, array or tensor.

    Returns:
        L at each entry.

    Example:
        >>> from keras_course.perceptron import double_well
        >>> double_well(4.0) < double_well(-4.0) < double_well(0.0)
        True
    """
    return 0.02 * ((t - 1 / 3) ** 4 - 30 * t**2)


def _as_arrays(data):
    """Return examples as a tuple of arrays of one length, or raise a ValueError."""
    if not isinstance(data, tuple | list) or not data or not all(map(np.ndim, data)):
        raise ValueError(f"data is of type {type(data).__name__}; it must be a tuple of arrays, such as (x, y) or (x,)")
    data = tuple(as_real("data", array) for array in data)
    if len({len(array) for array in data}) != 1:
        raise ValueError(f"data has arrays of {[len(array) for array in data]} examples: their lengths must be equal")
    _check_finite("data", data)
    return data
