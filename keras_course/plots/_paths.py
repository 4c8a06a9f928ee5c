"""Paths of optimizers over the function that they minimize."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_points, finite, function, mapping, strings, validate
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _check_limits(limits):
    pairs = as_floats("limits", limits)
    if pairs.shape != (2, 2) or not np.isfinite(pairs).all() or not (pairs[:, 0] < pairs[:, 1]).all():
        raise ValueError(f"limits={limits!r} must be two pairs (low, high), of w_1 and of w_2")


def _check_minimum(minimum):
    if as_floats("minimum", minimum).shape != (2,):
        raise ValueError(f"minimum={minimum!r} must be a point of two numbers")
    finite(minimum=as_floats("minimum", minimum))


def _check_paths(paths):
    mapping(paths=paths)
    for title, curves in paths.items():
        mapping(**{f"paths[{title!r}]": curves})


@validate(paths=_check_paths, limits=_check_limits, minimum=_check_minimum)
def descent_paths(
    functions: Callable | Mapping[str, Callable],
    paths: Mapping[str, Mapping[str, np.ndarray]],
    *,
    limits: Sequence = ((-4.2, 4.2), (-1.4, 1.4)),
    minimum: Sequence | None = None,
    names: Sequence[str] = ("$w_1$", "$w_2$"),
) -> "Figure":
    """Draw paths of optimizers over the level lines of the function that they minimize, one panel for each title.

    Args:
        functions: function of points `(2, ...)` that returns their values; or title to function.
        paths: title to label to points `(S + 1, 2)`. A panel without labels, with the one key "", gets no legend.
        limits: `((low, high), (low, high))`, the ranges of w_1 and w_2 that are shown.
        minimum: point `(2,)` that a star marks.
        names: names of the two parameters.

    Returns:
        A Matplotlib `Figure`. Level lines are closer where the function is small.

    Raises:
        ValueError: `paths` is empty, a path is not `(S + 1, 2)`, the function of a title is missing, or a range of
            `limits` is not increasing.

    Example:
        >>> import numpy as np
        >>> from keras_course import plots
        >>> bowl = lambda w: w[0] ** 2 + w[1] ** 2
        >>> figure = plots.descent_paths(bowl, {"bowl": {"gradient descent": np.array([[-3.0, 1.0], [-1.5, 0.5]])}})
        >>> figure.axes[0].lines[0].get_label()
        'gradient descent'
    """
    strings(names=names)
    if len(names) != 2:
        raise ValueError(f"names={names!r} must be the names of two parameters")
    named = functions if isinstance(functions, Mapping) else dict.fromkeys(paths, functions)
    if missing := paths.keys() - named.keys():
        raise ValueError(f"functions={functions!r} must have a function for {', '.join(map(repr, missing))}")
    function(**{f"functions[{title!r}]": named[title] for title in paths})
    figure, axes = panels(7.2, 2.9 if len(paths) == 2 else 2.6, columns=len(paths))
    for ax, (title, curves) in zip(axes, paths.items(), strict=True):
        draw_levels(ax, named[title], limits)
        for i, (label, points) in enumerate(curves.items()):
            points = as_points(points, columns=2)
            ax.plot(*points.T, "o-", color=f"C{i}", markersize=2, linewidth=0.9, label=label)
            ax.plot(*points[0], "ko", markersize=4)
        if minimum is not None:
            ax.plot(*as_points([minimum], columns=2).T, "k*", markersize=9)
        ax.set(xlim=limits[0], ylim=limits[1], xlabel=names[0])
        ax.set_title(title, fontsize=10)
        if any(curves):
            ax.legend(frameon=False, fontsize=9, handlelength=1)
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)
    axes[0].set_ylabel(names[1])
    return figure


def draw_levels(ax, f, limits) -> None:
    """Draw level lines of a positive function of points `(2, ...)`."""
    u, v = np.meshgrid(*(np.linspace(*pair, 100) for pair in limits))
    values = as_floats("functions' values", f(np.stack([u, v])))
    low, high = np.quantile(values, [0.01, 0.97])
    ax.contour(u, v, values, levels=np.geomspace(max(low, high / 1000), high, 10), colors="0.85", linewidths=0.8)
