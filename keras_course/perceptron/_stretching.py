"""Space stretching: what layers do to a cloud of points in the plane. Notation: x (N, 2) points, A a (2, 2) map."""

import itertools

import numpy as np

from keras_course.checks import as_points, choice, numpy_seed, positive, validate, wholes

_BENDS = {
    "sigmoid": lambda z: 0.5 + 0.5 * np.tanh(0.5 * z),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
}


@validate(seed=numpy_seed)
def stretch_linearly(x, *, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Stretch points by a random linear map: it turns them, and scales two directions by its singular values.

    Args:
        x: points, `(N, 2)`.
        seed: of the map, whose entries are drawn from N(0, 1).

    Returns:
        The points x A, `(N, 2)`, and A, `(2, 2)`; `np.linalg.svd(A)` tells what it does.

    Raises:
        ValueError: `x` is not a finite `(N, 2)` table.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import stretch_linearly
        >>> points, A = stretch_linearly(np.eye(2), seed=1)
        >>> bool((points == A).all())
        True
    """
    A = np.random.default_rng(seed).standard_normal((2, 2))
    return as_points(x, columns=2) @ A, A


@validate(scale=positive)
def stretch_by_sigmoid(x, scale=1.0) -> np.ndarray:
    """Squash points into the unit square: sigmoid(10 scale x), the harder the larger the scale.

    Args:
        x: points, `(N, 2)`.
        scale: s; the lecture shows 1 to 5.

    Returns:
        Points in (0, 1)^2, `(N, 2)`: with a large scale they gather in the corners.

    Raises:
        ValueError: `x` is not a finite `(N, 2)` table, or `scale` is not above 0.

    Example:
        >>> from keras_course.perceptron import stretch_by_sigmoid
        >>> stretch_by_sigmoid([[0.0, 100.0]]).tolist()
        [[0.5, 1.0]]
    """
    return _BENDS["sigmoid"](10 * scale * as_points(x, columns=2))


@validate(hidden_dims=wholes(1), activation=choice(*_BENDS), seed=numpy_seed)
def stretch_by_network(x, *, hidden_dims=(10,), activation="sigmoid", seed=0) -> np.ndarray:
    """Send points through a random network and back into the plane.

    Kernels are drawn from N(0, 2 / n_in) and biases from N(0, 1); the last layer is linear.

    Args:
        x: points, `(N, 2)`.
        hidden_dims: widths of the hidden layers.
        activation: "sigmoid", "tanh" or "relu".
        seed: of kernels and biases.

    Returns:
        The points, `(N, 2)`.

    Raises:
        ValueError: `x` is not a finite `(N, 2)` table, a width below 1, or an unknown `activation`.

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import stretch_by_network
        >>> stretch_by_network(np.zeros((5, 2)), hidden_dims=(10, 10), activation="relu").shape
        (5, 2)
    """
    rng, h = np.random.default_rng(seed), as_points(x, columns=2)
    for layer, (n, m) in enumerate(itertools.pairwise((2, *hidden_dims, 2))):
        h = h @ rng.normal(0.0, (2 / n) ** 0.5, (n, m)) + rng.standard_normal(m)
        if layer < len(hidden_dims):
            h = _BENDS[activation](h)
    return h
