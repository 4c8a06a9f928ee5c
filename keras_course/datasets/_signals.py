"""Signals with two triangles and two rectangles, whose heights a network has to average in pairs.

Notation: x, y (N, T, 1) float32, N signals of T samples.
"""

import numpy as np

from keras_course.checks import choice, numpy_seed, validate, whole

WIDTHS, HEIGHTS = (5, 11), (1.0, 25.0)  # samples; least and greatest


@validate(num_signals=whole(1), pairs=choice("shape", "position"), length=whole(4 * WIDTHS[1]), seed=numpy_seed)
def shape_signals(
    num_signals: int = 1000, *, pairs: str = "shape", length: int = 100, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return signals with two triangles and two rectangles in random order, and the same signals with averaged heights.

    Each shape is 5 to 11 samples wide and 1 to 25 high, both uniformly distributed. Shapes do not overlap. In the
    target y each shape keeps its position, width and kind, and has the mean height of its pair.

    Args:
        num_signals: number N of signals.
        pairs: "shape" pairs the two triangles and the two rectangles; "position" pairs the two left-most shapes and the
            two right-most ones.
        length: number T of samples, at least 44.
        seed: of the random numbers.

    Returns:
        x, y, both (N, T, 1) float32.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Deep learning course, lecture 13.2, Fleuret, 2023,
        https://fleuret.org/dlc/materials/dlc-handout-13-2-attention-mechanisms.pdf

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.shape_signals(3)
        >>> x.shape, y.shape
        ((3, 100, 1), (3, 100, 1))
    """
    rng = np.random.default_rng(seed)
    widths = rng.integers(WIDTHS[0], WIDTHS[1] + 1, (num_signals, 4))
    free = length - widths.sum(axis=1, keepdims=True)
    before = np.sort(np.floor(rng.random((num_signals, 4)) * (free + 1)), axis=1)  # free samples left of each shape
    starts = before + np.cumsum(widths, axis=1) - widths
    is_triangle = rng.permuted(np.tile([True, True, False, False], (num_signals, 1)), axis=1)
    heights = rng.uniform(*HEIGHTS, (num_signals, 4))

    first = is_triangle if pairs == "shape" else np.tile([True, True, False, False], (num_signals, 1))
    means = [np.where(member, heights, 0).sum(axis=1, keepdims=True) / 2 for member in (first, ~first)]
    inside = (np.arange(length) - starts[..., None] + 0.5) / widths[..., None]  # (N, 4, T), 0 to 1 within a shape
    rectangle = (inside > 0) & (inside < 1)
    outline = np.where(is_triangle[..., None], rectangle * (1 - np.abs(2 * inside - 1)), rectangle)
    x, y = ((outline * h[..., None]).sum(axis=1) for h in (heights, np.where(first, *means)))
    return x[..., None].astype("float32"), y[..., None].astype("float32")
