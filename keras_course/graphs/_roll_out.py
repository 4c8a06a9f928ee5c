"""Forecasts of many steps: a model's predictions become its inputs; and errors by area.

Notation: a window holds the last T states `(B, T, ...)`, the oldest first; S steps.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_floats, choice, finite, is_number, validate, whole
from keras_course.checks.graphs import check_model
from keras_course.checks.tensors import on_tensors
from keras_course.graphs._mesh import check_grid, grid_of
from keras_course.ops import jit_while, write_at
from keras_course.ops._types import Tensor


def check_scale(**argument) -> None:
    """Raise a ValueError unless an argument is a positive number or a row of positive numbers."""
    ((name, value),) = argument.items()
    numbers = list(value) if isinstance(value, tuple | list) or np.ndim(value) == 1 else [value]
    if not numbers or not all(is_number(x) and 0 < x < np.inf for x in numbers):
        raise ValueError(f"{name}={value!r} must be a positive number, or a row of them")


@validate(model=check_model, steps=whole(1, 100_000), scale=check_scale, order=choice(1, 2))
@on_tensors(states=None, forcings=3)
def roll_out(model, states, steps, *, scale=1.0, order=1, forcings=None) -> Tensor:
    """Return the next states, predicted one after the other by a model whose predictions become its inputs.

        x_{t+1} = x_t + s f(x_{t-T+1}, ..., x_t)                  order 1: the model predicts a change
        x_{t+1} = 2 x_t - x_{t-1} + s f(x_{t-T+1}, ..., x_t)      order 2: it predicts an acceleration

    The loop runs as one compiled program, in float32 whatever the type of the model.

    Args:
        model: f, a model that takes the last T states `(B, T, ...)` and returns `(B, ...)`, such as `graphcast` (order
            1) or `gns` (order 2). With `forcings` it takes a dict of "states" and "forcings".
        states: `(B, T, ...)`, the oldest first.
        steps: S, number of predictions.
        scale: s, the unit of the model's outputs, one number or one for each entry of the last axis.
        order: 1 or 2.
        forcings: `(B, S, F)`, inputs known in advance for each step, one value for all grid points; or None.

    Returns:
        A tensor `(B, S, ...)`.

    Raises:
        ValueError: `states` does not fit the model, or there are fewer forcings than steps.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import graphcast, roll_out
        >>> roll_out(graphcast((7, 12), 2), np.zeros((1, 2, 7, 12, 2)), steps=3).shape == (1, 3, 7, 12, 2)
        True
    """
    _check_window(model, states, steps, scale, order, forcings)
    scale = ops.convert_to_tensor(np.asarray(scale, "float32"))
    states = ops.cast(states, "float32")

    def body(carry):
        window = inputs = carry["window"]
        if forcings is not None:
            inputs = {"states": window, "forcings": ops.take(carry["forcings"], carry["step"], axis=1)}
        change = ops.multiply(carry["scale"], ops.cast(model(inputs, training=False), "float32"))
        if order == 2:
            change = change + window[:, -1] - window[:, -2]
        new = ops.expand_dims(window[:, -1] + change, 1)
        path = write_at(carry["path"], carry["step"], new, axis=1)
        window = ops.concatenate([window[:, 1:], new], axis=1)
        return {**carry, "window": window, "path": path, "step": carry["step"] + 1}

    carry = {
        "window": states,
        "path": ops.zeros((states.shape[0], steps, *states.shape[2:]), "float32"),
        "step": ops.convert_to_tensor(0, dtype="int32"),
        "scale": scale,
    }
    if forcings is not None:
        carry["forcings"] = ops.cast(forcings, "float32")
    return jit_while(lambda c: c["step"] < steps, body, variables=model.variables)(carry)["path"]


def _check_window(model, states, steps, scale, order, forcings):
    wanted = model.inputs[0].shape
    if len(states.shape) != len(wanted) or any(n not in (None, m) for n, m in zip(wanted, states.shape, strict=True)):
        raise ValueError(f"states has shape {tuple(states.shape)}; the model takes {wanted}")
    if np.size(scale) not in (1, states.shape[-1]):
        raise ValueError(f"scale={scale!r} must be a number, or one for each of {states.shape[-1]} variables")
    if states.shape[1] < order:
        raise ValueError(f"order={order} needs as many states, and the model takes {states.shape[1]}")
    if (forcings is None) != (len(model.inputs) == 1):
        given = "none are given" if forcings is None else "they are given"
        raise ValueError(f"forcings: {given}, and the model takes {[tensor.name for tensor in model.inputs]}")
    if forcings is not None and (forcings.shape[0] != states.shape[0] or forcings.shape[1] < steps):
        raise ValueError(
            f"forcings has shape {tuple(forcings.shape)}; it must have {states.shape[0]} rows of steps={steps}"
        )


@keras.saving.register_keras_serializable("keras_course")
class LatitudeError(keras.losses.Loss):
    """The mean squared error of fields `(B, H, W, C)`, in which each grid point counts by the area of its cell.

    Args:
        grid_shape, region: see `graphcast`.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import LatitudeError
        >>> round(float(LatitudeError((3, 4))(np.zeros((1, 3, 4, 1)), 2 * np.ones((1, 3, 4, 1)))), 4)
        4.0
    """

    def __init__(self, grid_shape, region=None, **kwargs):
        super().__init__(**kwargs)
        check_grid(grid_shape, region)
        self.grid_shape, self.region = tuple(grid_shape), None if region is None else tuple(region)

    def call(self, y_true, y_pred) -> Tensor:
        squares = ops.square(ops.subtract(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")))
        weights = grid_of(self.grid_shape, self.region).row_weights[:, None, None].astype("float32")
        return ops.mean(ops.multiply(squares, weights), axis=(1, 2, 3))

    def get_config(self) -> dict:
        return {**super().get_config(), "grid_shape": self.grid_shape, "region": self.region}


def forecast_errors(true, predicted, grid_shape, region=None) -> np.ndarray:
    """Return the root mean squared error of forecasts at each step and of each variable, by area.

    Args:
        true, predicted: `(B, S, H, W, C)`.
        grid_shape, region: see `graphcast`.

    Returns:
        An array `(S, C)`.

    Raises:
        ValueError: the shapes differ, or a true value is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import forecast_errors
        >>> forecast_errors(np.zeros((1, 2, 3, 4, 1)), np.ones((1, 2, 3, 4, 1)), (3, 4)).round(4).tolist()
        [[1.0], [1.0]]
    """
    check_grid(grid_shape, region)
    true, predicted = as_floats("true", true), as_floats("predicted", predicted)
    finite(true=true)  # a forecast may have diverged
    if true.shape != predicted.shape or true.shape[2:4] != tuple(grid_shape) or true.ndim != 5:
        raise ValueError(
            f"true and predicted have shapes {true.shape} and {predicted.shape}; both must be (B, S, "
            f"{grid_shape[0]}, {grid_shape[1]}, C)"
        )
    weights = grid_of(grid_shape, region).row_weights[:, None, None]
    return np.sqrt(np.mean(weights * (true - predicted) ** 2, axis=(0, 2, 3)))
