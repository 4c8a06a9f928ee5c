"""Figures of lecture 9: meshes and fields on the sphere, forecasts and their errors, and trajectories of particles."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, finite, is_whole, mapping, number, string, validate, wholes, within
from keras_course.graphs._mesh import check_grid, grid_of, icosahedral_mesh, to_vectors
from keras_course.plots import Arrow, Block, diagram, panels

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


@validate(label=string, latitude=within(at_least=-90, at_most=90))
def plot_globes(contents, *, label="", latitude=20) -> "Figure":
    """Draw globes: a field as colored cells, or the multi-mesh, whose edges have a color for each level.

    Args:
        contents: title to a field `(H, W)` on a grid of the globe, or to a level n, at most 6, for the multi-mesh.
        label: what the colors of the fields mean, with the unit; without it there is only the color, not its scale. All
            fields have one range of colors.
        latitude: from where the globes are seen, in degrees north.

    Returns:
        A Matplotlib `Figure` with a panel for each entry.

    Raises:
        ValueError: `contents` is empty, a field is not `(H, W)` or not finite, or a level is not 0 to 6.

    Example:
        >>> import numpy as np
        >>> from keras_course.graphs import plot_globes
        >>> [axes.get_title() for axes in plot_globes({"field": np.eye(4), "multi-mesh": 1}).axes]
        ['field', 'multi-mesh']
    """
    mapping(contents=contents)
    levels = {title: value for title, value in contents.items() if is_whole(value)}
    fields = {title: as_floats(f"contents[{title!r}]", x) for title, x in contents.items() if title not in levels}
    for title, level in levels.items():
        number(at_least=0, at_most=6, **{f"contents[{title!r}]": level})
    for title, field in fields.items():
        finite(**{f"contents[{title!r}]": field})
        if field.ndim != 2:
            raise ValueError(f"contents[{title!r}] has shape {field.shape}; it must be (H, W)")
        check_grid(field.shape, None)
    largest = max([1e-12, *(np.abs(field).max() for field in fields.values())])
    figure, axes = panels(2.4 * len(contents), 2.6, 1, len(contents))
    view, image = _view(longitude=10, latitude=latitude), None
    for ax, title in zip(axes, contents, strict=True):
        if title in fields:
            image = _draw_field(ax, fields[title], view)
            image.set_clim(-largest, largest)
        else:
            _draw_multi_mesh(ax, levels[title], view)
        ax.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(title, fontsize=10)
    if fields and label:
        figure.colorbar(image, ax=list(axes), shrink=0.8, label=label)
    return figure


def _draw_field(ax, field, view):
    """Draw the cells of a field that are seen, and return their collection."""
    from matplotlib.collections import PolyCollection

    right, up, toward = view
    corners = _cells(field.shape)
    seen = corners.mean(axis=1) @ toward > 0
    cells = np.stack([corners[seen] @ right, corners[seen] @ up], axis=-1)
    return ax.add_collection(PolyCollection(cells, array=field.ravel()[seen], cmap="RdBu_r", edgecolors="face"))


def _draw_multi_mesh(ax, level, view):
    """Draw the edges of M_0 to M_n that are seen, the longest ones as the thickest lines."""
    from matplotlib.collections import LineCollection

    right, up, toward = view
    for k in range(level + 1):
        mesh = icosahedral_mesh(k)
        ends = mesh.points[np.stack([mesh.senders, mesh.receivers], axis=1)]
        ends = ends[(ends @ toward > -0.05).all(axis=1)]
        lines = np.stack([ends @ right, ends @ up], axis=-1)
        ax.add_collection(LineCollection(lines, linewidths=max(0.3, 1.8 - 0.5 * k), colors=f"C{k}", zorder=2 - k / 10))


def _cells(grid_shape):
    """Return the four corners of the cells of a grid of the globe `(H W, 4, 3)`."""
    grid = grid_of(grid_shape)
    half_height, half_width = 90 / (grid_shape[0] - 1), 180 / grid_shape[1]
    corners = [
        to_vectors(
            *(
                x.ravel()
                for x in np.meshgrid(
                    np.clip(grid.latitudes + y * half_height, -90, 90), grid.longitudes + x * half_width, indexing="ij"
                )
            )
        )
        for y, x in ((-1, -1), (-1, 1), (1, 1), (1, -1))
    ]
    return np.stack(corners, axis=1)


def plot_encode_process_decode() -> "Figure":
    """Draw one step of GraphCast: encoder, processor and decoder, with the shapes of what they exchange.

    Returns:
        A Matplotlib `Figure`.

    References:
        Learning skillful medium-range global weather forecasting, Lam et al., 2023, https://arxiv.org/abs/2212.12794

    Example:
        >>> from keras_course.graphs import plot_encode_process_decode
        >>> len(plot_encode_process_decode().axes)
        1
    """
    blocks = {
        "states": Block(0, 0, "last T states", "data"),
        "encoder": Block(0, 1.3, "encoder"),
        "processor": Block(0, 2.6, "processor, L x"),
        "decoder": Block(0, 3.9, "decoder"),
        "sum": Block(0, 5.2, "+", "operation"),
        "next": Block(0, 6.4, "next state", "data"),
    }
    arrows = [
        Arrow("states", "encoder", "grid: HW x (TF + 3)"),
        Arrow("encoder", "processor", "mesh: N x C"),
        Arrow("processor", "decoder", "mesh: N x C"),
        Arrow("decoder", "sum", "change: HW x F"),
        Arrow("sum", "next", "HW x F"),
        Arrow("encoder", "decoder", "grid: HW x C", bend=-1.2),
        Arrow("states", "sum", "last state: HW x F", bend=1.6),
    ]
    return diagram(blocks, arrows)


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
        ['truth', 'forecast', 'error']
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
    fields = {"truth": (true, "viridis", low, high), "forecast": (predicted, "viridis", low, high)}
    fields["error"] = (predicted - true, "RdBu_r", -largest, largest)
    for ax, (title, (field, colors, least, most)) in zip(axes, fields.items(), strict=True):
        image = ax.pcolormesh(grid.longitudes, grid.latitudes, field, cmap=colors, vmin=least, vmax=most)
        ax.set(title=title, xlabel="longitude (degrees)")
        if title != "truth":
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
        ax.spines[:].set_visible(True)  # the walls
        ax.set_title(title, fontsize=10, parse_math=False)
    return figure
