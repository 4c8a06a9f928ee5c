"""Bars: how often something occurs, and how two quantities compare."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import mapping, number, positive, string, whole_number
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def length_histogram(lengths: Mapping[str, Sequence[int]], *, xlabel: str = "length") -> "Figure":
    """Draw the fraction of each length, side by side for one or more collections.

    Args:
        lengths: label to non-negative integers.
        xlabel: what the lengths are of, with the unit.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `lengths` or a collection is empty, or a length is not a non-negative integer.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.length_histogram({"BPE": [1, 2, 2, 5]})
        >>> [float(bar.get_height()) for bar in figure.axes[0].patches]
        [0.0, 0.25, 0.5, 0.0, 0.0, 0.25]
    """
    mapping(lengths=lengths)
    string(xlabel=xlabel)
    fractions = {}
    for label, values in lengths.items():
        values = np.asarray(values)
        if values.ndim != 1 or not len(values) or not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(f"lengths[{label!r}] must be a non-empty sequence of non-negative integers.")
        fractions[label] = np.bincount(values) / len(values)
    figure, (ax,) = panels(7, 3.5)
    width = 0.8 / len(fractions)
    for i, (label, heights) in enumerate(fractions.items()):
        ax.bar(np.arange(len(heights)) + (i - (len(fractions) - 1) / 2) * width, heights, width, label=label)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("fraction")
    ax.legend(frameon=False)
    return figure


def grouped_bars(heights: Mapping[str, Mapping[str, float]], *, digits: int = 1, **axes: object) -> "Figure":
    """Draw groups of bars side by side, with the value above each bar.

    Args:
        heights: label of a group to series to height. Bars of one series share a color, and a series may be missing:
            the bars of a group stand in the middle of its label.
        digits: digits after the decimal point of the values above the bars.
        axes: arguments of `Axes.set`, such as `ylabel` (with the unit) and `title`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `heights` or a group is empty, or a height is not a finite number.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.grouped_bars({"MLP": {"plain": 91.2, "shuffled": 91.0}}, ylabel="test accuracy (%)")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['91.2', '91.0']
    """
    mapping(heights=heights)
    whole_number(0, at_most=10, digits=digits)
    for group, bars in heights.items():
        mapping(**{f"heights[{group!r}]": bars})
        number(**{f"heights[{group!r}][{name!r}]": height for name, height in bars.items()})
    names = list(dict.fromkeys(name for bars in heights.values() for name in bars))
    figure, (ax,) = panels(min(7, 2 + 0.7 * len(names) * len(heights)), 3.4)
    width = 0.8 / len(names)
    for name in names:
        found = [(j, list(bars).index(name), bars) for j, bars in enumerate(heights.values()) if name in bars]
        centers = [j + (i - (len(bars) - 1) / 2) * width for j, i, bars in found]
        values = [bars[name] for *_, bars in found]
        bars = ax.bar(centers, values, width, label=name)
        ax.bar_label(bars, [f"{value:,.{digits}f}" for value in values], padding=2, fontsize=9)
    ax.set_xticks(range(len(heights)), list(heights))
    ax.margins(y=0.12)
    ax.set(**axes)
    if len(names) > 1:
        figure.legend(loc="outside upper center", ncols=len(names), frameon=False)
    return figure


def ratio_bars(ratios: Mapping[str, Mapping[str, Mapping[str, float]]], *, xlabel: str = "ratio") -> "Figure":
    """Draw ratios on a logarithmic axis, as bars that begin at 1: to the left below 1, to the right above 1.

    Args:
        ratios: title of a group to label to series to positive number. Bars of one series share a color, and a series
            may be missing.
        xlabel: which ratio it is.

    Returns:
        A Matplotlib `Figure`: a block of bars for each group, from top to bottom, and a line at 1.

    Raises:
        ValueError: `ratios` or a group is empty, or a ratio is not positive.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.ratio_bars({"training": {"JAX": {"fastest": 0.5, "own": 2.0}}})
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['training', 'JAX']
    """
    mapping(ratios=ratios)
    string(xlabel=xlabel)
    for group, bars in ratios.items():
        mapping(**{f"ratios[{group!r}]": bars})
        for label, series in bars.items():
            mapping(**{f"ratios[{group!r}][{label!r}]": series})
            positive(**{f"ratios[{group!r}][{label!r}][{name!r}]": ratio for name, ratio in series.items()})
    names = list(dict.fromkeys(name for bars in ratios.values() for series in bars.values() for name in series))
    rows = [row for group, bars in ratios.items() for row in [(group, {}), *bars.items()]]
    figure, (ax,) = panels(8, 0.3 * len(rows) + 1)
    height = 0.8 / len(names)
    for name in names:
        places = [(y, list(series).index(name), series) for y, (_, series) in enumerate(rows) if name in series]
        centers = [y + (i - (len(series) - 1) / 2) * height for y, i, series in places]
        values = [series[name] for *_, series in places]
        bars = ax.barh(centers, [ratio - 1 for ratio in values], height, left=1, label=name)
        ax.bar_label(bars, [f"{ratio:.2f}" for ratio in values], padding=2, fontsize=7)
    _label_rows(ax, [(label, not series) for label, series in rows])
    _scale_by_twos(ax, [ratio for bars in ratios.values() for series in bars.values() for ratio in series.values()])
    ax.axvline(1, color="black", linewidth=0.8)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)
    ax.set_xlabel(xlabel)
    figure.legend(loc="outside upper right", ncols=len(names), frameon=False)
    return figure


def _label_rows(ax, rows):
    """Write (label, whether it is a title) beside the rows of a chart, the first row at the top."""
    ax.set_yticks(range(len(rows)), [label for label, _ in rows], parse_math=False)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    for text, (_, is_title) in zip(ax.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if is_title else "normal")


def _scale_by_twos(ax, values):
    """Make the horizontal axis logarithmic, with powers of 2 as ticks, and wide enough for labels beside the bars."""
    ax.set_xscale("log", base=2)
    low, high = np.log2([min([0.5, *values]), max([2, *values])])
    margin = 0.12 * (high - low)
    ticks = 2.0 ** np.arange(np.ceil(low - margin), np.floor(high + margin) + 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xlim(2 ** (low - margin), 2 ** (high + margin))
