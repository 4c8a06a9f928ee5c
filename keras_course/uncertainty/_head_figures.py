"""Figures of predictive distributions: intervals, densities given an input, reliability, and a diagram."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from keras_course.checks import as_floats, as_row, instance, mapping, validate, whole
from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.uncertainty._calibration import Reliability
from keras_course.uncertainty._figures import check_limits
from keras_course.uncertainty._probabilistic import ProbabilisticModel
from keras_course.uncertainty._scores import Uncertainty

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@validate(model=instance(ProbabilisticModel), limits=check_limits, size=whole(2))
def conditional_density(model, limits=((0.0, 1.0), (0.0, 1.0)), size=100) -> np.ndarray:
    """Return p(y | x) on a grid, (size, size): a column for each x, the first row at the lowest y.

    Args:
        model: a `ProbabilisticModel` of one input and one output, with a `GaussianHead`.
        limits: (low, high) of x and of y.
        size: points of the grid along each axis; they are the centers of its cells.

    Raises:
        ValueError: `limits` is something else.

    Example:
        >>> from keras_course.uncertainty import conditional_density, gaussian_network
        >>> density = conditional_density(gaussian_network((1,), 1), ((0.0, 1.0), (-8.0, 8.0)), size=80)
        >>> (density.sum(axis=0) * 16 / 80).round(2).min().item()  # each column is a density
        1.0
    """
    x, y = (low + (high - low) * (np.arange(size) + 0.5) / size for low, high in limits)
    prediction = model.distribution(x[:, None].astype("float32"))
    rows = [ops.convert_to_numpy(prediction.log_prob(np.full((size, 1), value, "float32"))) for value in y]
    return np.exp(np.stack(rows).astype("float64"))


def plot_intervals(x, intervals: Mapping[str, tuple], points=None) -> "Figure":
    """Draw a prediction and its interval over x, a panel for each model, up to four side by side.

    Args:
        x: inputs in increasing order, (N,).
        intervals: title to (low, middle, high), three rows (N,).
        points: (x, y) of the data, two rows; None draws none.

    Returns:
        A Matplotlib `Figure`. The panels share their axes.

    Raises:
        ValueError: `intervals` is empty or holds something else, or rows differ in length.

    Example:
        >>> from keras_course.uncertainty import plot_intervals
        >>> len(plot_intervals([0.0, 1.0], {"model": ([0, 0], [1, 1], [2, 3])}, ([0.5], [1.5])).axes)
        1
    """
    mapping(intervals=intervals)
    if len(intervals) > 4:
        raise ValueError(f"intervals has {len(intervals)} entries; it must have at most 4")
    x = as_row("x", x)
    bands = {title: _rows(f"intervals[{title!r}]", band, 3, len(x)) for title, band in intervals.items()}
    points = None if points is None else _rows("points", points, 2)
    figure, axes = panels(max(2.6 * len(bands), 3.6), 2.6, 1, len(bands))
    for ax, (title, (low, middle, high)) in zip(axes, bands.items(), strict=True):
        if points is not None:
            ax.plot(*points, ".", color="0.6", markersize=2)
        ax.fill_between(x, low, high, alpha=0.3, linewidth=0)
        ax.plot(x, middle)
        ax.set(xlabel="x", ylabel="y")
        ax.set_title(title, fontsize=10)
        ax.sharex(axes[0])
        ax.sharey(axes[0])
    return figure


def _rows(name, value, count, length=None):
    """Return an argument as `count` rows of numbers of one length, or raise a ValueError."""
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != count:
        raise ValueError(f"{name} must be {count} rows of numbers")
    rows = [as_row(f"{name}[{i}]", as_floats(f"{name}[{i}]", row)) for i, row in enumerate(value)]
    length = len(rows[0]) if length is None else length
    if any(len(row) != length for row in rows):
        raise ValueError(f"{name} has rows of {[len(row) for row in rows]} numbers; each must have {length}")
    return rows


def plot_uncertainty(x, predictions: Mapping[str, Uncertainty], points=None) -> "Figure":
    """Draw predictions over x with two bands, up to three panels in a row.

    The inner band is the mean plus and minus two standard deviations of the noise (aleatoric). The outer band is the
    mean plus and minus two standard deviations of y (both parts).

    Args:
        x: inputs in increasing order, (N,).
        predictions: title to an `Uncertainty` of rows (N,); up to six.
        points: (x, y) of the data, two rows; None draws none. The panels show their range of y, and half of it above
            and below.

    Returns:
        A Matplotlib `Figure`. The panels share their axes.

    Raises:
        ValueError: `predictions` is empty or holds something else, or rows differ in length.

    Example:
        >>> from keras_course.uncertainty import plot_uncertainty, split_variance
        >>> parts = split_variance([[0.0, 1.0], [1.0, 1.0]], [[0.1, 0.1], [0.1, 0.1]])
        >>> len(plot_uncertainty([0.0, 1.0], {"two members": parts}, ([0.5], [0.6])).axes)
        1
    """
    mapping(predictions=predictions)
    if len(predictions) > 6 or not all(isinstance(part, Uncertainty) for part in predictions.values()):
        raise ValueError(f"predictions={predictions!r} must hold at most 6, each an Uncertainty")
    x = as_row("x", x)
    parts = {title: _rows(f"predictions[{title!r}]", part, 3, len(x)) for title, part in predictions.items()}
    points = None if points is None else _rows("points", points, 2)
    columns = min(len(parts), 3)
    rows = -(-len(parts) // columns)
    figure, axes = panels(max(2.8 * columns, 3.6), 2.2 * rows, rows, columns)
    for ax, (title, (mean, aleatoric, epistemic)) in zip(axes, parts.items(), strict=False):
        bands = ("aleatoric + epistemic", aleatoric + epistemic, 0.2), ("aleatoric", aleatoric, 0.5)
        for label, variance, alpha in bands:
            reach = 2 * np.sqrt(variance)
            ax.fill_between(x, mean - reach, mean + reach, color="C0", alpha=alpha, linewidth=0, label=label)
        ax.plot(x, mean, color="C0")
        if points is not None:
            ax.plot(*points, ".", color="0.3", markersize=2)
            margin = 0.5 * np.ptp(points[1]) or 1.0
            ax.set_ylim(points[1].min() - margin, points[1].max() + margin)
        ax.set(xlabel="x", ylabel="y")
        ax.set_title(title, fontsize=10)
        ax.sharex(axes[0])
        ax.sharey(axes[0])
    for ax in axes[len(parts) :]:
        ax.remove()
    axes[0].legend(fontsize=7, frameon=False, loc="upper center")
    return figure


def plot_reliability(diagrams: Mapping[str, Reliability]) -> "Figure":
    """Draw reliability diagrams side by side, up to four: the accuracy in each bin of confidence, and the diagonal.

    Args:
        diagrams: title to a `Reliability`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `diagrams` is empty or holds something else.

    Example:
        >>> from keras_course.uncertainty import plot_reliability, reliability
        >>> len(plot_reliability({"model": reliability([[0.9, 0.1], [0.6, 0.4]], [0, 1])}).axes)
        1
    """
    mapping(diagrams=diagrams)
    if len(diagrams) > 4 or not all(isinstance(part, Reliability) for part in diagrams.values()):
        raise ValueError(f"diagrams={diagrams!r} must hold at most 4, each a Reliability")
    figure, axes = panels(2.5 * len(diagrams), 2.6, 1, len(diagrams))
    for ax, (title, part) in zip(axes, diagrams.items(), strict=True):
        bins = len(part.counts)
        ax.bar((np.arange(bins) + 0.5) / bins, np.nan_to_num(part.accuracy), 1 / bins, edgecolor="white")
        ax.plot([0, 1], [0, 1], color="black", linewidth=1)
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
        ax.set_title(title, fontsize=10)
    return figure


def plot_density_network() -> "Figure":
    """Draw a mixture density network: from an input to the parameters of a mixture, and to the loss.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.uncertainty import plot_density_network
        >>> len(plot_density_network().axes)
        1
    """
    blocks = {
        "x": Block(0, 1, "$x$", "data"),
        "network": Block(0.95, 1, "network"),
        "logits": Block(2.1, 0, "softmax"),
        "means": Block(2.1, 1, "identity"),
        "scales": Block(2.1, 2, "softplus"),
        "mixture": Block(3.4, 1, "mixture\n$p(y | x)$", "value"),
        "loss": Block(4.5, 1, "$-\\log p(y | x)$", "loss"),
    }
    arrows = [
        Arrow("x", "network"),
        *(Arrow("network", part) for part in ("logits", "means", "scales")),
        Arrow("logits", "mixture", "$\\pi_m$"),
        Arrow("means", "mixture", "$\\mu_m$"),
        Arrow("scales", "mixture", "$\\sigma_m$"),
        Arrow("mixture", "loss"),
    ]
    return diagram(blocks, arrows)
