"""How many modes of a known mixture samples cover."""

from typing import NamedTuple

import numpy as np

from keras_course.checks import as_points, positive, validate


class Coverage(NamedTuple):
    """Which modes of a mixture samples cover.

    Args:
        modes: number of modes that are covered.
        near: fraction of the samples that are near a mode.
        counts: number of samples near each mode, (M,).
    """

    modes: int
    near: float
    counts: np.ndarray


@validate(radius=positive)
def mode_coverage(samples, centers, radius) -> Coverage:
    """Count the modes of a mixture that samples cover.

    A sample is near a mode if its center is the closest one, at most a radius away. A mode is covered if it has at
    least a tenth of the samples that it would have if all N samples were shared equally by all M modes: N / (10 M).

    Args:
        samples: (N, D).
        centers: centers of the M modes, (M, D).
        radius: in the unit of the samples, such as 3 standard deviations of a mode.

    Raises:
        ValueError: the arrays do not fit, a number is not finite, or `radius` is not positive.

    Example:
        >>> from keras_course.autoencoders import mode_coverage
        >>> coverage = mode_coverage([[0.0, 0.1], [0.2, 0.0], [3.0, 0.0]], [[0.0, 0.0], [5.0, 0.0]], radius=1.0)
        >>> coverage.modes, round(coverage.near, 2), coverage.counts.tolist()
        (1, 0.67, [2, 0])
    """
    samples, centers = as_points(samples, name="samples"), as_points(centers, name="centers")
    if samples.shape[1] != centers.shape[1]:
        raise ValueError(
            f"centers has {centers.shape[1]} columns, and samples {samples.shape[1]}; they must be as many"
        )
    distances = np.linalg.norm(samples[:, None] - centers, axis=-1)  # (N, M)
    near = distances.min(axis=1) <= radius
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=len(centers))
    return Coverage(int(np.sum(counts >= len(samples) / (10 * len(centers)))), float(near.mean()), counts)
