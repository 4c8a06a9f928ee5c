"""Figures of lecture 1."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, flag, instance, mapping, string, validate, whole_number
from keras_course.fundamentals._bias_variance import BiasVariance
from keras_course.fundamentals._data import as_pairs, predict_at
from keras_course.fundamentals._problem import RegressionProblem
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = ("C0", "C2", "C3", "C1", "C4", "C5")
_PARTS = {"training": "C0", "validation": "C1", "test": "C2"}


def _check_range(**limits):
    for name, value in limits.items():
        ends = as_floats(name, value)
        if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
            raise ValueError(f"{name}={value!r} must be a pair (lowest, highest) of finite numbers")


@validate(problem=instance(RegressionProblem), fits=mapping, together=flag, ylim=_check_range)
def plot_fits(
    problem: RegressionProblem,
    fits: Mapping[str, tuple[Callable, Sequence[float], Sequence[float]]],
    *,
    together: bool = False,
    ylim: tuple[float, float] | None = None,
) -> "Figure":
    """Draw fitted functions with the points that they were fitted to and the best possible function, g.

    Args:
        problem: where the points come from.
        fits: title to a tuple of the fitted function, the inputs `(N,)` and the targets `(N,)`.
        together: draw all functions in one panel, with the points of the first; otherwise each has a panel.
        ylim: lowest and highest y of a panel; by default all functions are shown in full.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `fits` is empty, or an entry does not hold a function and as many inputs as targets.

    Example:
        >>> from keras_course.fundamentals import PolynomialRegressor, noisy_cubic, plot_fits
        >>> x, y = noisy_cubic().sample(15, seed=0)
        >>> figure = plot_fits(noisy_cubic(), {"a line": (PolynomialRegressor(1).fit(x, y).predict, x, y)})
        >>> figure.axes[0].get_title()
        'a line'
    """
    entries = {title: _checked(f"fits[{title!r}]", entry) for title, entry in fits.items()}
    grid = problem.grid(400)
    figure, axes = _grid_of_panels(1 if together else len(entries))
    for i, (title, (predict, x, y)) in enumerate(entries.items()):
        ax = axes[0 if together else i]
        if not (together and i):
            ax.scatter(x, y, s=16 if len(x) < 100 else 4, color="k", zorder=3)
            ax.plot(grid, problem.function(grid), "k--", linewidth=1.2, label="true function g")
            ax.set_title("" if together else title)
        ax.plot(grid, predict_at(predict, grid), _COLORS[i % 6] if together else "C3", label=title)
        if ylim is not None:
            ax.set_ylim(ylim)
    if together:
        axes[0].legend(frameon=False, fontsize=9)
    return figure


def _checked(name, entry):
    if not isinstance(entry, tuple | list) or len(entry) != 3 or not callable(entry[0]):
        raise ValueError(f"{name} must be a tuple (function, x, y); it is a {type(entry).__name__} of other entries")
    return entry[0], *as_pairs(*entry[1:])


def _grid_of_panels(count):
    """Return a figure with panels of inputs and targets, two beside each other."""
    columns = min(count, 2)
    rows = -(-count // columns)
    figure, axes = panels(6.5, 3.6 if count == 1 else 2.5 * rows, rows, columns)
    for i, ax in enumerate(axes):
        if i >= count:
            ax.remove()
        ax.set_xlabel("input x")
        if i % columns == 0:
            ax.set_ylabel("target y")
        ax.title.set_size(10)
    return figure, axes


@validate(decompositions=mapping, ylim=_check_range)
def plot_resamples(decompositions: Mapping[str, BiasVariance], *, ylim: tuple[float, float] | None = None) -> "Figure":
    """Draw the fits to many training sets, their mean, a band of one standard deviation, and the best function, g.

    Args:
        decompositions: title of a panel to what `bias_variance_decomposition` returns.
        ylim: lowest and highest y of a panel; by default all functions are shown in full.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `decompositions` is empty or holds something else.

    Example:
        >>> from keras_course.fundamentals import (
        ...     PolynomialRegressor, bias_variance_decomposition, noisy_cubic, plot_resamples)
        >>> parts = bias_variance_decomposition(PolynomialRegressor(1), noisy_cubic(), num_sets=10)
        >>> len(plot_resamples({"degree 1": parts}).axes[0].lines)      # ten fits, their mean and g
        12
    """
    for title, parts in decompositions.items():
        instance(BiasVariance)(**{f"decompositions[{title!r}]": parts})
    figure, axes = _grid_of_panels(len(decompositions))
    for ax, (title, parts) in zip(axes, decompositions.items(), strict=False):
        deviation = parts.variance**0.5
        ax.plot(parts.x, parts.predictions.T, color="C0", alpha=0.08, linewidth=0.8)
        ax.fill_between(parts.x, parts.center - deviation, parts.center + deviation, color="C3", alpha=0.25)
        ax.plot(parts.x, parts.center, "C3", label="mean fit, with one standard deviation")
        ax.plot(parts.x, parts.target, "k--", linewidth=1.2, label="true function g")
        ax.set_title(title)
        if ylim is not None:
            ax.set_ylim(ylim)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
    return figure


@validate(rows=mapping)
def plot_splits(rows: Mapping[str, Sequence[tuple[str, int]]]) -> "Figure":
    """Draw ways to split a data set: one bar for each, with a block for each part.

    Args:
        rows: label of a bar to its parts: text and number of examples. The first word of the text chooses the color:
            "training", "validation" or "test".

    Returns:
        A Matplotlib `Figure`, with the first bar at the top.

    Raises:
        ValueError: `rows` is empty, or a part is not a text with a positive number.

    Example:
        >>> from keras_course.fundamentals import plot_splits
        >>> figure = plot_splits({"two parts": [("training", 10), ("test", 5)]})
        >>> [int(patch.get_width()) for patch in figure.axes[0].patches]
        [10, 5]
    """
    figure, (ax,) = panels(6.5, 0.62 * len(rows) + 0.6)
    for y, (label, parts) in enumerate(rows.items()):
        string(**{f"rows[{y}]": label})
        left = 0
        for text, count in _checked_parts(label, parts):
            color = _PARTS.get(text.split(":")[0].split(" ")[0], "0.5")
            ax.barh(y, count, left=left, color=color, edgecolor="w", height=0.5)
            ax.text(left + count / 2, y, text, ha="center", va="center", color="w", fontsize=9)
            left += count
        ax.text(0, y - 0.3, label, fontsize=9, va="bottom")
    ax.set(yticks=[], xlabel="number of examples", ylim=(len(rows) - 0.65, -0.75))
    ax.spines["left"].set_visible(False)
    return figure


def _checked_parts(label, parts):
    if isinstance(parts, str | Mapping) or not isinstance(parts, Sequence) or not len(parts):
        raise ValueError(f"rows[{label!r}]={parts!r} must be a list of pairs (text, number)")
    for i, part in enumerate(parts):
        name = f"rows[{label!r}][{i}]"
        if not isinstance(part, tuple | list) or len(part) != 2:
            raise ValueError(f"{name}={part!r} must be a pair (text, number)")
        string(**{f"{name}[0]": part[0]})
        whole_number(1, **{f"{name}[1]": part[1]})
    return parts


def plot_projection() -> "Figure":
    """Draw least squares as a projection: Xw is the point of the plane of the features that is nearest to y.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.fundamentals import plot_projection
        >>> len(plot_projection().axes)
        1
    """
    figure, (ax,) = panels(6.0, 3.5)
    ax.axis("off")
    ax.set(xlim=(-0.6, 8.6), ylim=(-0.9, 4.9), aspect="equal")
    ax.fill([-0.5, 5.9, 8.4, 2.0], [-0.8, -0.8, 1.7, 1.7], color="C0", alpha=0.15)
    origin, y, fit = (1.9, -0.2), (5.2, 4.4), (5.2, 0.63)
    for end, color in (((4.8, -0.4), "0.4"), ((2.2, 1.35), "0.4"), (y, "k"), (fit, "C0")):
        ax.annotate("", end, origin, arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 1.6, "shrinkB": 0})
    ax.annotate("", y, fit, arrowprops={"arrowstyle": "-|>", "color": "C3", "linewidth": 1.6, "shrinkA": 0})
    ax.plot([4.86, 4.86, 5.2], [0.545, 0.895, 0.98], color="C3", linewidth=1.1)  # the right angle
    for x, height, text, color in (
        (5.3, 4.45, "targets $y$", "k"),
        (5.35, 2.6, "residual $y-Xw$", "C3"),
        (5.3, 0.35, "fit $Xw=Py$", "C0"),
        (4.85, -0.53, "column 1 of $X$", "0.3"),
        (-0.3, 1.35, "column 2 of $X$", "0.3"),
        (6.0, 1.38, "all vectors $Xw$", "C0"),
        (1.65, -0.58, "0", "k"),
    ):
        ax.text(x, height, text, color=color, fontsize=11)
    return figure
