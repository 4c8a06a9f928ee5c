"""Figures of lecture 2: classes and boundaries, steps of gradient descent, clouds of points."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import (
    as_floats,
    as_row,
    finite,
    function,
    mapping,
    number,
    positive,
    validate,
)
from keras_course.perceptron._data import as_labeled
from keras_course.perceptron._descent import quadratic_surrogate
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_BLUE_RED = ("#3b6fb6", "#c43c39")


def plot_boundaries(x, y, boundaries: Mapping[str, tuple], *, covariance=None) -> "Figure":
    """Draw two classes of points in the plane and the lines w . x + b = 0.

    Args:
        x: points, `(N, 2)`.
        y: classes 0 or 1, `(N,)`.
        boundaries: label to (w, b): two weights and a bias.
        covariance: `(2, 2)`: if given, an ellipse around the mean of each class shows two standard deviations.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: x, y, a boundary or the covariance has another shape, or entries that are not finite.

    Example:
        >>> from keras_course.perceptron import plot_boundaries
        >>> figure = plot_boundaries([[0, 0], [1, 1]], [0, 1], {"bisector": ([1, 1], -1)})
        >>> [text.get_text() for text in figure.legends[0].get_texts()]
        ['class 0', 'class 1', 'bisector']
    """
    x, y, _ = as_labeled(_plane("x", x), y, num_classes=2)
    mapping(boundaries=boundaries)
    figure, (ax,) = panels(6, 4.6)
    for k, color in enumerate(_BLUE_RED):
        ax.scatter(*x[y == k].T, color=color, s=9, alpha=0.6, label=f"class {k}")
    low, high = x.min(axis=0) - 0.3, x.max(axis=0) + 0.3
    for i, (label, pair) in enumerate(boundaries.items()):
        ax.plot(*_line(f"boundaries[{label!r}]", pair, high - low), **_LINES[i % len(_LINES)], label=label)
    if covariance is not None:
        covariance = _plane("covariance", covariance)
        for k, color in enumerate(_BLUE_RED):
            ax.plot(*_ellipse(x[y == k].mean(axis=0), covariance), color=color, linewidth=1.5)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def _plane(name, points):
    """Return points of the plane as a float64 array (N, 2)."""
    points = as_floats(name, points)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"{name} has shape {points.shape}; it must be (N, 2), one row for each point")
    finite(**{name: points})
    return points


_LINES = (
    {"color": "0.65", "linewidth": 5},
    {"color": "k", "linestyle": "--"},
    {"color": "C2", "linestyle": "-."},
)


def _line(name, pair, span):
    """Return two points of the line w . x + b = 0, farther apart than a panel is wide."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"{name}={pair!r} must be (w, b): two weights and a bias")
    w, b = as_row(f"{name}[0]", np.ravel(pair[0])), float(np.ravel(as_floats(f"{name}[1]", pair[1]))[0])
    if w.shape != (2,) or not np.any(w) or not np.isfinite(b):
        raise ValueError(f"{name}={pair!r} must be (w, b): two weights that are not both 0, and a finite bias")
    foot, along = -b * w / (w @ w), np.array([-w[1], w[0]]) / np.linalg.norm(w)
    reach = np.linalg.norm(span) + np.linalg.norm(foot)
    return (foot[:, None] + along[:, None] * [-reach, reach]).tolist()


def _ellipse(mean, covariance):
    angles = np.linspace(0, 2 * np.pi, 100)
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"covariance={covariance} must be a (2, 2) matrix that is positive definite") from error
    return mean[:, None] + 2 * root @ [np.cos(angles), np.sin(angles)]


@validate(loss=function, point=number, low=number, high=number)
def plot_surrogates(
    loss: Callable, point: float, learning_rates: Sequence[float], *, low: float, high: float
) -> "Figure":
    """Draw a loss of one parameter, and the parabola at whose minimum a step of gradient descent ends.

    Args:
        loss: function of a number or a tensor, written with `keras.ops`.
        point: parameter at which the step begins.
        learning_rates: one panel for each.
        low, high: the ends of the horizontal axis.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `low` is not below `high`, or a learning rate is not positive.

    Example:
        >>> from keras_course.perceptron import double_well, plot_surrogates
        >>> len(plot_surrogates(double_well, 2.0, (0.1, 0.3), low=-5.0, high=6.0).axes)
        2
    """
    if not low < high:
        raise ValueError(f"low={low} must be below high={high}")
    rates = as_row("learning_rates", learning_rates)
    for rate in rates:
        positive(learning_rates=float(rate))
    grid = np.linspace(low, high, 300)
    height = as_row("loss", np.asarray(loss(grid)))
    figure, axes = panels(2.5 * len(rates) + 0.4, 3.1, columns=len(rates))
    for ax, rate in zip(axes, rates, strict=True):
        surrogate = quadratic_surrogate(loss, float(point), learning_rate=float(rate))
        slope = (surrogate(point + 1e-3) - surrogate(point - 1e-3)) / 2e-3
        end = point - rate * slope
        ax.plot(grid, height, color="0.55", linewidth=2, label="loss")
        ax.plot(grid, surrogate(grid), color="C0", linestyle="--", label="parabola")
        ax.plot(point, loss(point), "ko", label="before the step")
        ax.plot([end, end], [surrogate(end), loss(end)], color="C3", linewidth=0.8)
        ax.plot(end, loss(end), "o", color="C3", label="after the step")
        ax.set(title=f"$\\gamma$ = {rate:g}", xlabel="parameter $\\theta$")
        margin = 0.25 * np.ptp(height)
        ax.set(xlim=(low, high), ylim=(height.min() - margin, height.max() + margin))
    axes[0].set_ylabel("loss")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return figure


def plot_clouds(clouds: Mapping[str, Sequence], color: Sequence[float]) -> "Figure":
    """Draw clouds of points in the plane, two panels in a row, each point with the same color in every panel.

    Args:
        clouds: title to points, `(N, 2)`.
        color: a number for each point, `(N,)`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `clouds` is empty, or has tables of another shape.

    Example:
        >>> from keras_course.perceptron import plot_clouds
        >>> len(plot_clouds({"before": [[0.0, 1.0]], "after": [[0.0, 2.0]]}, [1.0]).axes)
        2
    """
    mapping(clouds=clouds)
    color = as_row("color", color)
    clouds = {title: _plane(f"clouds[{title!r}]", points) for title, points in clouds.items()}
    if {len(points) for points in clouds.values()} != {len(color)}:
        raise ValueError(f"clouds must have {len(color)} points each, one for each entry of color")
    rows = -(-len(clouds) // 2)
    figure, axes = panels(6.4, 2.9 * rows, rows, min(len(clouds), 2))
    for ax, (title, points) in zip(axes, clouds.items(), strict=False):
        ax.scatter(*points.T, c=color, cmap="coolwarm", s=2)
        ax.set(title=title, xlabel="first coordinate", ylabel="second coordinate")
    for ax in axes[len(clouds) :]:
        ax.remove()
    return figure
