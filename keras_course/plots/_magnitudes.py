"""Distributions of absolute values on a logarithmic axis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, finite, mapping
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def magnitudes(arrays: Mapping[str, Mapping[str, Mapping[str, Sequence]]]) -> "Figure":
    """Draw the distribution of the absolute values of each array, as a curve in a column of panels for each title.

    Args:
        arrays: title of a column to name of a row to label of a curve to array of any shape. All columns have the same
            rows. Values that are 0, which have no logarithm, are left out.

    Returns:
        A Matplotlib `Figure`. The horizontal axis shows base-10 logarithms and begins at the smallest of the 1 %
        quantiles. All panels share their axes.

    Raises:
        ValueError: a mapping is empty, an array is not finite or only has entries that are 0, or two columns have
            different rows.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.magnitudes({"sigmoid": {"gradients": {"layer 1": [0.1, 0.0, -0.01]}}})
        >>> figure.axes[0].get_title()
        'sigmoid'
    """
    from matplotlib import colormaps

    exponents = _exponents(arrays)
    everything = [values for rows in exponents.values() for curves in rows.values() for values in curves.values()]
    low = min(np.quantile(values, 0.01) for values in everything)
    bins = np.linspace(low, max(values.max() for values in everything) + 1e-9, 60)
    names = list(next(iter(exponents.values())))
    figure, axes = panels(6.8, 2.1 * len(names) + 0.9, len(names), len(arrays))
    grid = axes.reshape(len(names), len(arrays))
    for ax in axes[1:]:
        ax.sharex(axes[0])
        ax.sharey(axes[0])
    for column, (title, rows) in zip(grid.T, exponents.items(), strict=True):
        column[0].set_title(title, fontsize=11)
        for ax, curves in zip(column, rows.values(), strict=True):
            for i, (label, values) in enumerate(curves.items()):
                heights, _ = np.histogram(values, bins)
                color = colormaps["viridis"](0.9 * i / max(1, len(curves) - 1))
                ax.stairs(heights / values.size, bins, color=color, label=label, linewidth=1.4)
    for ax, name in zip(grid[:, 0], names, strict=True):
        ax.set_ylabel(f"{name}\n(fraction)")
    for ax in grid[-1]:
        ax.set_xlabel("$\\log_{10}$ of the absolute value")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(5, len(labels)), frameon=False)
    return figure


def _exponents(arrays):
    """Return the base-10 logarithms of the absolute values of the entries that are not 0, of each array."""
    mapping(arrays=arrays)
    exponents = {}
    for title, rows in arrays.items():
        mapping(**{f"arrays[{title!r}]": rows})
        exponents[title] = {}
        for row, curves in rows.items():
            mapping(**{f"arrays[{title!r}][{row!r}]": curves})
            exponents[title][row] = {}
            for label, values in curves.items():
                name = f"arrays[{title!r}][{row!r}][{label!r}]"
                values = np.abs(as_floats(name, values)).ravel()
                finite(**{name: values})
                if not values.any():
                    raise ValueError(f"{name} must have an entry that is not 0")
                exponents[title][row][label] = np.log10(values[values > 0])
    if len({tuple(rows) for rows in exponents.values()}) > 1:
        raise ValueError(
            f"arrays has the rows {[list(rows) for rows in arrays.values()]}; all columns must have the same"
        )
    return exponents
