"""Figures of normalizing flows: densities, the path of a flow, and the parts of a coupling."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from keras_course.checks import as_floats, as_row, finite, flag, function, is_number, mapping, validate, whole
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_limits(**argument) -> None:
    """Raise a ValueError unless an argument is two pairs of numbers that increase."""
    ((name, limits),) = argument.items()
    sides = limits if isinstance(limits, tuple | list) else ()
    if len(sides) != 2 or not all(
        isinstance(side, tuple | list) and len(side) == 2 and all(map(is_number, side)) and side[0] < side[1]
        for side in sides
    ):
        raise ValueError(f"{name}={limits!r} must be two pairs (low, high) with low < high")


@validate(log_prob=function, limits=check_limits, size=whole(2))
def grid_density(log_prob: Callable, limits=((-4.0, 4.0), (-4.0, 4.0)), size=100) -> np.ndarray:
    """Return a density of the plane on a grid, (size, size), the first row at the lowest second coordinate.

    Args:
        log_prob: function of points (B, 2) that returns log-densities (B,), such as the method of a `Flow`.
        limits: (low, high) of each coordinate.
        size: points of the grid along each axis; they are the centers of its cells.

    Raises:
        ValueError: `limits` is something else.

    Example:
        >>> from keras_course.uncertainty import grid_density, realnvp
        >>> density = grid_density(realnvp(2).log_prob, ((-6.0, 6.0), (-6.0, 6.0)), size=40)
        >>> round(float(density.sum() * 0.3**2), 2)  # the sum over all cells of 0.3 x 0.3
        1.0
    """
    axes = [low + (high - low) * (np.arange(size) + 0.5) / size for low, high in limits]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    return np.exp(ops.convert_to_numpy(log_prob(points.astype("float32"))).astype("float64")).reshape(size, size)


@validate(limits=check_limits)
def plot_densities(contents: Mapping[str, np.ndarray], limits=((-4.0, 4.0), (-4.0, 4.0))) -> "Figure":
    """Draw densities and points of the plane side by side, up to four panels in a row.

    Args:
        contents: title to points (N, 2), or to a density (S, S) from `grid_density`, with S of at least 3.
        limits: (low, high) of each coordinate.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `contents` is empty, or holds something else.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_densities
        >>> len(plot_densities({"points": np.zeros((5, 2)), "density": np.eye(4)}).axes)
        2
    """
    mapping(contents=contents)
    arrays = {title: as_floats(f"contents[{title!r}]", array) for title, array in contents.items()}
    for title, array in arrays.items():
        finite(**{f"contents[{title!r}]": array})
        if array.ndim != 2 or not array.size or (array.shape[1] != 2 and array.shape[0] != array.shape[1]):
            raise ValueError(f"contents[{title!r}] has shape {array.shape}; it must be points (N, 2) or a square grid")
    columns = min(len(arrays), 4)
    rows = -(-len(arrays) // columns)
    ratio = (limits[1][1] - limits[1][0]) / (limits[0][1] - limits[0][0])
    figure, axes = panels(2.3 * columns, (2.2 * ratio + 0.4) * rows, rows, columns)
    for ax, (title, array) in zip(axes, arrays.items(), strict=False):
        if array.shape[1] == 2:
            ax.plot(*array.T, ".", markersize=1.5, alpha=0.5)
        else:
            ax.imshow(array, origin="lower", extent=(*limits[0], *limits[1]), cmap="viridis", aspect="auto")
        ax.set(xlim=limits[0], ylim=limits[1], xticks=[], yticks=[])
        ax.set_title(title, fontsize=10)
    for ax in axes[len(arrays) :]:
        ax.remove()
    return figure


def plot_flow_paths(times, paths, color=None) -> "Figure":
    """Draw the path of each point from the time 0 to 1, the first coordinate against the time, and both in the plane.

    Args:
        times: (T,).
        paths: positions (T, N, 2).
        color: a number for each point, (N,); None draws all points in one color.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_flow_paths
        >>> len(plot_flow_paths([0.0, 1.0], np.zeros((2, 5, 2))).axes)
        2
    """
    times, paths = as_row("times", times), as_floats("paths", paths)
    if paths.ndim != 3 or paths.shape[0] != len(times) or paths.shape[2] != 2 or not paths.size:
        raise ValueError(f"paths has shape {paths.shape}; it must be ({len(times)}, N, 2)")
    finite(paths=paths)
    color = np.zeros(paths.shape[1]) if color is None else as_row("color", color)
    if len(color) != paths.shape[1]:
        raise ValueError(f"color has {len(color)} entries; it must have {paths.shape[1]}, one for each point")
    figure, (left, right) = panels(7.2, 3.2, 1, 2)
    shades = figure_colors(color)
    for k in range(paths.shape[1]):
        left.plot(times, paths[:, k, 0], color=shades[k], linewidth=0.6, alpha=0.6)
        right.plot(*paths[:, k].T, color=shades[k], linewidth=0.6, alpha=0.6)
    right.plot(*paths[0].T, ".", color="black", markersize=2)
    left.set(xlabel="time", ylabel="first coordinate")
    right.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal")
    return figure


def figure_colors(values) -> np.ndarray:
    """Return a color (N, 4) for each value."""
    import matplotlib

    span = np.ptp(values) or 1.0
    return matplotlib.colormaps["coolwarm"]((values - values.min()) / span)


@validate(inverse=flag)
def plot_coupling(inverse: bool = False) -> "Figure":
    """Draw an affine coupling: what stays, what the network computes, and what it changes.

    Args:
        inverse: whether the direction is from z to x.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.uncertainty import plot_coupling
        >>> len(plot_coupling().axes)
        1
    """
    start, end = ("z", "x") if inverse else ("x", "z")
    changed = "$(z_b - t) e^{-s}$" if inverse else "$e^s x_b + t$"
    blocks = {
        "a": Block(0, 0, f"${start}_a$", "data"),
        "b": Block(0, 2, f"${start}_b$", "data"),
        "network": Block(1.2, 1, "network"),
        "change": Block(2.4, 2, changed),
        "out_a": Block(3.6, 0, f"${end}_a = {start}_a$", "data"),
        "out_b": Block(3.6, 2, f"${end}_b$", "data"),
    }
    arrows = [
        Arrow("a", "out_a"),
        Arrow("a", "network"),
        Arrow("network", "change", "$s, t$"),
        Arrow("b", "change"),
        Arrow("change", "out_b"),
    ]
    return diagram(blocks, arrows)
