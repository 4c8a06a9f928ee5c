"""Images in rows, and what a classifier says of each point of the plane."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import (
    as_floats,
    as_points,
    as_real,
    as_row,
    finite,
    function,
    mapping,
    positive,
    string,
    strings,
)
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = "coolwarm"  # class 0 is blue, class 1 is red
MOST_CLASSES = 20  # whose colors one can tell apart


def image_grid(
    rows: Mapping[str, Sequence],
    *,
    titles: Sequence[str] = (),
    cmap: str = "gray",
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """Draw rows of images.

    Args:
        rows: label of a row to its images, each `(H, W)`, `(H, W, 1)` or `(H, W, 3)` with colors from 0 to 1.
        titles: titles of the columns.
        cmap: Matplotlib's colormap for images of one channel.
        limits: values that get the first and the last color. Default: the extremes of each image.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: a row is empty, an image has another shape, or there are more titles than columns.

    Example:
        >>> import numpy as np
        >>> from keras_course import plots
        >>> figure = plots.image_grid({"noise": np.random.default_rng(0).random((3, 8, 8))}, titles=["a", "b", "c"])
        >>> len(figure.axes)
        3
    """
    mapping(rows=rows)
    if not isinstance(titles, list | tuple):
        raise ValueError(f"titles={titles!r} must be a list of strings")
    strings(titles=titles)
    string(cmap=cmap)
    low, high = (None, None) if limits is None else _as_pair(limits)
    images = {label: _as_images(f"rows[{label!r}]", row) for label, row in rows.items()}
    columns = max(map(len, images.values()))
    if len(titles) > columns:
        raise ValueError(f"titles={titles!r} must be at most {columns}, one for each column")
    side = min(1.5, 8 / columns)
    figure, axes = panels(side * columns + 0.5, (side + 0.1) * len(rows) + 0.3 * bool(titles), len(rows), columns)
    for line, (label, row) in zip(axes.reshape(len(rows), columns), images.items(), strict=True):
        for ax, image in zip(line, row, strict=False):
            ax.imshow(image, cmap=cmap, vmin=low, vmax=high)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        line[0].set_ylabel(label)
        for ax in line[len(row) :]:
            ax.remove()
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title, fontsize=10)
    return figure


def _as_pair(limits):
    pair = as_row("limits", limits)
    if len(pair) != 2:
        raise ValueError(f"limits={limits!r} must be two numbers")
    return pair


def _as_images(name, row):
    if not isinstance(row, list | tuple | np.ndarray) or not len(row):
        raise ValueError(f"{name} must be a list or an array of images, got {row!r}")
    return [_as_image(f"{name}[{i}]", image) for i, image in enumerate(row)]


def _as_image(name, image):
    image = as_floats(name, image)
    finite(**{name: image})
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if not image.size or not (image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 3)):
        raise ValueError(f"{name} has shape {image.shape}; it must be (H, W), (H, W, 1) or (H, W, 3)")
    return image


def decision_regions(
    predictions: Mapping[str, Callable[[np.ndarray], np.ndarray]], x, y, *, margin: float = 0.3
) -> "Figure":
    """Color the plane by what each classifier predicts for it, and draw the examples on top.

    Args:
        predictions: title of a panel to a function from points `(N, 2)`, float32, to N probabilities of class 1, or to
            N numbers of classes.
        x: array `(N, 2)`, the examples.
        y: array `(N,)`, the numbers of their classes.
        margin: how far the panels reach beyond the examples, in the unit of x.

    Returns:
        A Matplotlib `Figure`, one panel for each classifier; a black line is a decision boundary.

    Raises:
        ValueError: x or y has another shape, or a function returns another number of predictions.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.decision_regions({"a line": lambda x: x[:, 0] > 0}, [[-1.0, 0.0], [1.0, 1.0]], [0, 1])
        >>> figure.axes[0].get_title()
        'a line'
    """
    mapping(predictions=predictions)
    function(**{f"predictions[{title!r}]": predict for title, predict in predictions.items()})
    positive(margin=margin)
    x, y = as_points(x, 2), as_real("y", y)
    if y.shape != (len(x),) or not np.isin(y, range(MOST_CLASSES)).all():
        raise ValueError(f"y must have shape ({len(x)},), with a class from 0 to {MOST_CLASSES - 1} for each row of x")
    u, v = (np.linspace(column.min() - margin, column.max() + margin, 200, dtype="float32") for column in x.T)
    grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    figure, axes = panels(3.3 * len(predictions) + 0.3, 3.4, 1, len(predictions))
    last = max(1, y.max())
    for ax, (title, predict) in zip(axes, predictions.items(), strict=True):
        values = as_floats(f"predictions[{title!r}]", predict(grid))
        if values.shape != (len(grid),):
            raise ValueError(f"predictions[{title!r}] returned shape {values.shape} for {len(grid)} points")
        values = values.reshape(len(v), len(u))
        ax.pcolormesh(u, v, values, cmap=COLORS, vmin=0, vmax=last, alpha=0.5, rasterized=True)
        ax.contour(u, v, values, levels=np.arange(last) + 0.5, colors="black", linewidths=1)
        ax.scatter(*x.T, c=y, cmap=COLORS, vmin=0, vmax=last, s=12, edgecolors="black", linewidths=0.4)
        ax.set(title=title, xlabel="$x_1$", aspect="equal")
    axes[0].set_ylabel("$x_2$")
    return figure
