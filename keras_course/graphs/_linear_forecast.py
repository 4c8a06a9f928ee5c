"""The linear model that a learned forecast has to beat.

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


def _inputs(window, forcings):
    """Return the inputs of the linear map: all states of the window `(B, T, K)`, a one, and the forcings."""
    parts = [window.reshape(len(window), -1), np.ones((len(window), 1))]
    return np.concatenate(parts if forcings is None else [*parts, forcings], axis=1)
