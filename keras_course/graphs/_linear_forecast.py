"""The linear models that a learned forecast has to beat.

Notation: windows of T states (B, T, ...), flattened to D numbers each; K principal components.
"""

import numpy as np

from keras_course.checks import as_floats, finite, validate, whole


class LinearForecast:
    """Least squares: the change of a state as a linear function of the last states and of the forcings.

        c_{t+1} = c_t + A_0 c_t + A_1 c_{t-1} + ... + G f_{t+1} + d

    c are the coordinates of a state in the K leading principal components of the training states. What these leave out
    of the last state is kept as it is. Few components keep the model from fitting noise.

    Args:
        num_components: K; fewer if there are fewer training states.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import LinearForecast
        >>> waves = np.sin(np.arange(40.0)[:, None] / 3 + np.arange(8.0))
        >>> model = LinearForecast(2).fit(np.stack([waves[:-2], waves[1:-1]], axis=1), waves[2:])
        >>> bool(np.abs(model.roll_out(waves[None, :2], steps=38)[0] - waves[2:]).max() < 1e-6)
        True
    """

    @validate(num_components=whole(1))
    def __init__(self, num_components):
        self.num_components = num_components

    def fit(self, states, targets, forcings=None) -> "LinearForecast":
        """Fit the matrices to windows.

        Args:
            states: `(B, T, ...)`, the oldest state first.
            targets: `(B, ...)`, the states that follow.
            forcings: `(B, F)`, what is known of the time of the targets, or None.

        Returns:
            The model itself.

        Raises:
            ValueError: the shapes do not fit together, or a number is not finite.
        """
        states, targets = as_floats("states", states), as_floats("targets", targets)
        finite(states=states, targets=targets)
        if states.ndim < 3 or targets.shape != (len(states), *states.shape[2:]):
            raise ValueError(
                f"states has shape {states.shape} and targets {targets.shape}; they must be (B, T, ...) and (B, ...)"
            )
        self.rank = targets.ndim - 1
        flat = targets.reshape(len(targets), -1)
        self.mean = flat.mean(axis=0)
        _, sizes, directions = np.linalg.svd(flat - self.mean, full_matrices=False)
        num_directions = int((sizes > 1e-6 * sizes[0]).sum())
        self.directions = directions[: min(self.num_components, num_directions)]
        window = self._project(states)
        change = self._project(targets) - window[:, -1]
        self.matrix = np.linalg.lstsq(_inputs(window, forcings), change, rcond=1e-8)[0]
        return self

    def _project(self, states):
        return (states.reshape(*states.shape[: states.ndim - self.rank], -1) - self.mean) @ self.directions.T

    def roll_out(self, states, steps, forcings=None) -> np.ndarray:
        """Return the next states `(B, S, ...)`, as `keras_course.graphs.roll_out` does.

        Args:
            states: `(B, T, ...)`.
            steps: S.
            forcings: `(B, S, F)`, if the model was fitted with forcings.
        """
        states = as_floats("states", states)
        window = self._project(states)
        rest = states[:, -1].reshape(len(states), -1) - self.mean - window[:, -1] @ self.directions
        path = []
        for k in range(steps):
            inputs = _inputs(window, None if forcings is None else forcings[:, k])
            new = window[:, -1] + inputs @ self.matrix
            window = np.concatenate([window[:, 1:], new[:, None]], axis=1)
            path.append(self.mean + new @ self.directions + rest)
        return np.stack(path, axis=1).reshape(len(states), steps, *states.shape[2:])


class LocalForecast:
    """Least squares at every grid point with the same weights: the change from the last states of its neighborhood.

        x_{t+1}(p) = x_t(p) + sum_k sum_q A_kq x_{t-k}(p + q) + G f_{t+1} + d,   q at most `reach` rows and columns away

    All grid points are examples of one linear map, so few states are enough to fit it. Beyond a border stand the values
    at the border.

    Args:
        reach: rows and columns from a grid point to the farthest neighbor that is seen; 0 sees the point alone.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import LocalForecast
        >>> fields = 0.9 ** np.arange(8.0)[:, None, None, None] * np.ones((3, 4, 1))
        >>> model = LocalForecast(1).fit(fields[:7, None], fields[1:])
        >>> bool(np.abs(model.roll_out(fields[None, :1], steps=7)[0] - fields[1:]).max() < 1e-6)
        True
    """

    @validate(reach=whole(0, 10))
    def __init__(self, reach):
        self.reach = reach

    def fit(self, states, targets, forcings=None) -> "LocalForecast":
        """Fit the weights to windows.

        Args:
            states: `(B, T, H, W, C)`, the oldest state first.
            targets: `(B, H, W, C)`, the states that follow.
            forcings: `(B, F)`, what is known of the time of the targets, or None.

        Returns:
            The model itself.

        Raises:
            ValueError: the shapes do not fit together, or a number is not finite.
        """
        states, targets = as_floats("states", states), as_floats("targets", targets)
        finite(states=states, targets=targets)
        if states.ndim != 5 or targets.shape != (len(states), *states.shape[2:]):
            raise ValueError(
                f"states has shape {states.shape} and targets {targets.shape}; they must be (B, T, H, W, C) and "
                "(B, H, W, C)"
            )
        squares = products = 0
        for k in range(len(states)):  # the sums of one window after the other, as all inputs together fill the memory
            inputs = self._inputs(states[k : k + 1], None if forcings is None else forcings[k : k + 1])
            change = (targets[k] - states[k, -1]).reshape(-1, states.shape[-1])
            squares, products = squares + inputs.T @ inputs, products + inputs.T @ change
        self.matrix = np.linalg.lstsq(squares, products, rcond=1e-10)[0]
        return self

    def _inputs(self, window, forcings):
        """Return the inputs of the linear map at every grid point, `(B H W, ...)`."""
        batch, _, height, width, _ = window.shape
        r, sides = self.reach, 2 * self.reach + 1
        padded = np.pad(window, ((0, 0), (0, 0), (r, r), (r, r), (0, 0)), mode="edge")
        near = [padded[:, :, i : i + height, j : j + width] for i, j in np.ndindex(sides, sides)]
        near = np.stack(near, axis=-1).transpose(0, 2, 3, 1, 4, 5).reshape(batch * height * width, -1)
        known = _inputs(np.zeros((batch, 0)), forcings)
        return np.concatenate([near, np.repeat(known, height * width, axis=0)], axis=1)

    def roll_out(self, states, steps, forcings=None) -> np.ndarray:
        """Return the next states `(B, S, H, W, C)`, as `keras_course.graphs.roll_out` does.

        Args:
            states: `(B, T, H, W, C)`.
            steps: S.
            forcings: `(B, S, F)`, if the model was fitted with forcings.
        """
        window = as_floats("states", states)
        path = []
        for k in range(steps):
            change = self._inputs(window, None if forcings is None else forcings[:, k]) @ self.matrix
            path.append(window[:, -1] + change.reshape(window[:, -1].shape))
            window = np.concatenate([window[:, 1:], path[-1][:, None]], axis=1)
        return np.stack(path, axis=1)


def _inputs(window, forcings):
    """Return the inputs of the linear map: all states of the window `(B, T, K)`, a one, and the forcings."""
    parts = [window.reshape(len(window), -1), np.ones((len(window), 1))]
    return np.concatenate(parts if forcings is None else [*parts, forcings], axis=1)
