"""Empty figures that a notebook shows and that need no screen.

Matplotlib is imported when a figure is drawn, and its global state (`pyplot`) is not used: no window opens, and
drawing works on a machine without a screen.
"""

import functools
import io
from typing import TYPE_CHECKING

from keras_course.checks import positive, whole_number

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def panels(width: float, height: float, rows: int = 1, columns: int = 1) -> "tuple[Figure, np.ndarray]":
    """Return an empty figure and its panels, with axes on the left and at the bottom only.

    Args:
        width, height: size of the figure in inches.
        rows, columns: number of panels below each other and beside each other.

    Returns:
        (figure, axes): a Matplotlib `Figure` and an array of `rows * columns` `Axes`, row by row.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> from keras_course import plots
        >>> figure, (left, right) = plots.panels(8, 3, columns=2)
        >>> left.set_title("left").get_text()
        'left'
    """
    positive(width=width, height=height)
    whole_number(1, at_most=100, rows=rows, columns=columns)
    figure = _shown_by_notebooks()(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


@functools.cache
def _shown_by_notebooks():
    """Return the class of our figures: a notebook shows them, though pyplot does not know them."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self):
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return NotebookFigure
