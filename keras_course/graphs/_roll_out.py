"""Forecasts of many steps: a model's predictions become its inputs; and the errors that train a single step.

Notation: a window holds the last T states `(B, T, ...)`, the oldest first; S steps.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import instance, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.graphs._graphcast import check_scale
from keras_course.graphs._mesh import check_grid, grid_of
from keras_course.ops import jit_while, write_at
from keras_course.ops._types import Tensor


@validate(model=instance(keras.Model), steps=whole(1, 100_000))
@on_tensors(states=None, forcings=3)
def roll_out(model, states, steps, forcings=None) -> Tensor:
    """Return the next states, predicted one after the other by a model whose predictions become its inputs.

        x_{t+1} = model(x_{t-T+1}, ..., x_t)  for `steps` values of t

    The loop runs as one compiled program.

    Args:
        model: a model that takes the last T states `(B, T, ...)` and returns the next one `(B, ...)`, such as
            `graphcast` and `gns`. With `forcings` it takes a dict of "states" and "forcings".
        states: `(B, T, ...)`, the oldest first.
        steps: S, number of predictions.
        forcings: `(B, S, F)`, what is known of each step to predict, or None.

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
    wanted = model.inputs[0].shape
    if len(states.shape) != len(wanted) or any(n not in (None, m) for n, m in zip(wanted, states.shape, strict=True)):
        raise ValueError(f"states has shape {tuple(states.shape)}; the model takes {wanted}")
    if (forcings is None) != (len(model.inputs) == 1):
        raise ValueError(f"forcings: the model has the inputs {[tensor.name for tensor in model.inputs]}")
    states = ops.cast(states, "float32")
    if forcings is not None:
        if forcings.shape[0] != states.shape[0] or forcings.shape[1] < steps:
            raise ValueError(
                f"forcings has shape {tuple(forcings.shape)}; it must have {states.shape[0]} rows of steps={steps}"
            )
        forcings = ops.cast(forcings, "float32")

    def body(carry):
        window, inputs = carry["window"], carry["window"]
        if forcings is not None:
            inputs = {"states": window, "forcings": ops.take(carry["forcings"], carry["step"], axis=1)}
        new = ops.expand_dims(ops.cast(model(inputs, training=False), "float32"), 1)
        written = write_at(carry["path"], carry["step"], new, axis=1)
        window = ops.concatenate([window[:, 1:], new], axis=1)
        return {**carry, "window": window, "path": written, "step": carry["step"] + 1}

    carry = {
        "window": states,
        "path": ops.zeros((states.shape[0], steps, *states.shape[2:]), "float32"),
        "step": ops.convert_to_tensor(0, dtype="int32"),
    }
    if forcings is not None:
        carry["forcings"] = forcings
    return jit_while(lambda c: c["step"] < steps, body, variables=model.variables)(carry)["path"]


@keras.saving.register_keras_serializable("keras_course")
class ScaledError(keras.losses.Loss):
    """The mean squared error of predictions, in units of the typical change in a step: mean ((y - x) / s)^2.

    Args:
        scale: s, one number or one for each entry of the last axis.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import ScaledError
        >>> float(ScaledError(0.5)(np.zeros((1, 2)), np.ones((1, 2))))
        4.0
    """

    @validate(scale=check_scale)
    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def squares(self, y_true, y_pred):
        """Return the squared errors, of the shape of the predictions, in float32."""
        gap = ops.subtract(ops.cast(y_true, "float32"), ops.cast(y_pred, "float32"))
        return ops.square(ops.divide(gap, ops.convert_to_tensor(self.scale, dtype="float32")))

    def call(self, y_true, y_pred) -> Tensor:
        squares = self.squares(y_true, y_pred)
        return ops.mean(squares, axis=tuple(range(1, len(squares.shape))))

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("keras_course")
class LatitudeError(ScaledError):
    """The scaled squared error of fields `(B, H, W, C)`, in which each grid point counts by the area of its cell.

    Args:
        grid_shape, region: see `graphcast`.
        scale: see `ScaledError`.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import LatitudeError
        >>> float(LatitudeError((3, 4))(np.zeros((1, 3, 4, 1)), 2 * np.ones((1, 3, 4, 1))))
        4.0
    """

    def __init__(self, grid_shape, region=None, scale=1.0, **kwargs):
        super().__init__(scale, **kwargs)
        check_grid(grid_shape, region)
        self.grid_shape, self.region = tuple(grid_shape), None if region is None else tuple(region)

    def call(self, y_true, y_pred) -> Tensor:
        weights = grid_of(self.grid_shape, self.region).row_weights[:, None, None].astype("float32")
        return ops.mean(ops.multiply(self.squares(y_true, y_pred), weights), axis=(1, 2, 3))

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
        ValueError: the shapes differ.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import forecast_errors
        >>> forecast_errors(np.zeros((1, 2, 3, 4, 1)), np.ones((1, 2, 3, 4, 1)), (3, 4)).round(4).tolist()
        [[1.0], [1.0]]
    """
    check_grid(grid_shape, region)
    true, predicted = np.asarray(true, "float64"), np.asarray(predicted, "float64")
    if true.shape != predicted.shape or true.shape[2:4] != tuple(grid_shape) or true.ndim != 5:
        raise ValueError(
            f"true and predicted have shapes {true.shape} and {predicted.shape}; both must be (B, S, "
            f"{grid_shape[0]}, {grid_shape[1]}, C)"
        )
    weights = grid_of(grid_shape, region).row_weights[:, None, None]
    return np.sqrt(np.mean(weights * (true - predicted) ** 2, axis=(0, 2, 3)))
