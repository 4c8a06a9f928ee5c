"""Figures of lecture 9: meshes on the sphere, forecasts and their errors, and trajectories of particles."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, finite, mapping, string, validate, wholes
from keras_course.graphs._mesh import check_grid, grid_of, icosahedral_mesh
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@validate(levels=wholes(0))
def plot_meshes(levels=(0, 1, 2, 3, 4, 5, 6)) -> "Figure":
    """Draw meshes M_n on the sphere, seen from 20 degrees north, without their far sides.

    Args:
        levels: the numbers n, at most 6, in a tuple.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is no level, or one is not 0 to 6.

    Example:
        >>> from keras_course.graphs import plot_meshes
        >>> [axes.get_title() for axes in plot_meshes((0, 1)).axes]
        ['$M_0$: 12 nodes', '$M_1$: 42 nodes']
    """
    from matplotlib.collections import LineCollection

    if not levels or max(levels) > 6:
        raise ValueError(f"levels={levels!r} must be one or more numbers, each 6 at most")
    columns = min(len(levels), 4)
    rows = -(-len(levels) // columns)
    figure, axes = panels(2.3 * columns, 2.5 * rows, rows, columns)
    right, up, toward = _view(longitude=10, latitude=20)
    for ax, level in zip(axes, levels, strict=False):
        mesh = icosahedral_mesh(level)
        corners = mesh.points[mesh.faces]
        seen = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) @ toward > 0
        corners = corners[seen][:, [0, 1, 2, 0]]  # closed triangles
        lines = np.stack([corners @ right, corners @ up], axis=-1)
        ax.add_collection(LineCollection(lines, linewidths=(1.2, 1.2, 0.9, 0.6, 0.4, 0.3, 0.15)[level], colors="C0"))
        ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(f"$M_{level}$: {len(mesh.points):,} nodes", fontsize=10)
    for ax in axes[len(levels) :]:
        ax.remove()
    return figure


def _view(longitude, latitude):
    """Return the directions that point right, up and to the reader."""
    theta, phi = np.radians(longitude), np.radians(latitude)
    toward = np.array([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)])
    right = np.array([-np.sin(theta), np.cos(theta), 0.0])
    return right, np.cross(toward, right), toward


def plot_forecast(true, predicted, *, region=None, label="") -> "Figure":
    """Draw a field, its forecast and the error of the forecast on a map of longitude and latitude.

    Args:
        true, predicted: fields `(H, W)`, rows from north to south.
        region: (north, west, south, east) in degrees; None is the globe. See `graphcast`.
        label: what the colors mean, with the unit.

    Returns:
        A Matplotlib `Figure` with three panels; both fields have one range of colors.

    Raises:
        ValueError: the fields differ in shape, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import plot_forecast
        >>> [axes.get_title() for axes in plot_forecast(np.eye(4), np.ones((4, 4))).axes[:3]]
        ['field', 'forecast', 'error']
    """
    string(label=label)
    true, predicted = as_floats("true", true), as_floats("predicted", predicted)
    finite(true=true, predicted=predicted)
    if true.ndim != 2 or true.shape != predicted.shape:
        raise ValueError(f"true and predicted have shapes {true.shape} and {predicted.shape}; both must be (H, W)")
    check_grid(true.shape, region)
    grid = grid_of(true.shape, region)
    figure, axes = panels(10, 2.4 if region is None else 2.9, 1, 3)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    largest = max(np.abs(predicted - true).max(), 1e-12)
    fields = {"field": (true, "viridis", low, high), "forecast": (predicted, "viridis", low, high)}
    fields["error"] = (predicted - true, "RdBu_r", -largest, largest)
    for ax, (title, (field, colors, least, most)) in zip(axes, fields.items(), strict=True):
        image = ax.pcolormesh(grid.longitudes, grid.latitudes, field, cmap=colors, vmin=least, vmax=most)
        ax.set(title=title, xlabel="longitude (degrees)")
        if title != "field":
            figure.colorbar(image, ax=ax, label=label)
    axes[0].set_ylabel("latitude (degrees)")
    return figure


def plot_trajectories(paths) -> "Figure":
    """Draw the trajectories of particles in a box of side 1, one panel for each entry.

    Args:
        paths: title to positions `(S, P, 2)`. A particle has the same color in all panels, and a dot at its end.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `paths` is empty, or an entry has another shape or a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import plot_trajectories
        >>> len(plot_trajectories({"true": np.zeros((3, 2, 2)), "learned": np.ones((3, 2, 2))}).axes)
        2
    """
    mapping(paths=paths)
    arrays = {title: as_floats(f"paths[{title!r}]", x) for title, x in paths.items()}
    for title, x in arrays.items():
        finite(**{f"paths[{title!r}]": x})
        if x.ndim != 3 or x.shape[2] != 2 or not x.size:
            raise ValueError(f"paths[{title!r}] has shape {x.shape}; it must be (S, P, 2)")
    figure, axes = panels(3.2 * len(arrays), 3.4, 1, len(arrays))
    for ax, (title, x) in zip(axes, arrays.items(), strict=True):
        for p in range(x.shape[1]):
            ax.plot(x[:, p, 0], x[:, p, 1], "-", color=f"C{p % 10}", linewidth=1)
            ax.plot(x[-1, p, 0], x[-1, p, 1], "o", color=f"C{p % 10}", markersize=6)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
        ax.set_title(title, fontsize=10, parse_math=False)
    return figure
