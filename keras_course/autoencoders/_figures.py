"""Figures of auto-encoders: their parts, their codes, the gap of a bound, and the field of a denoising auto-encoder."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_matrices, as_points, as_row, choice, finite, mapping, positive, validate
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@validate(kind=choice("plain", "variational", "quantized"))
def plot_autoencoder(kind="plain") -> "Figure":
    """Draw the parts of an auto-encoder and what flows between them.

    Args:
        kind: "plain", "variational" or "quantized".

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `kind` is unknown.

    Example:
        >>> from keras_course.autoencoders import plot_autoencoder
        >>> len(plot_autoencoder("variational").axes)
        1
    """
    code = {
        "plain": {"z": Block(2, 0, "code $z$\nL numbers", "value")},
        "variational": {
            "moments": Block(2, 0, r"$\mu, \log \sigma^2$" + "\n2 L numbers", "value"),
            "noise": Block(2, 1.5, r"noise $\epsilon$" + "\n" + r"$\mathcal{N}(0, I)$", "value"),
            "z": Block(3.2, 0, r"$z = \mu + \sigma \epsilon$" + "\nL numbers", "value"),
        },
        "quantized": {
            "features": Block(2, 0, "features\nh x w x D", "value"),
            "codebook": Block(2, 1.5, "codebook\nK x D", "weight"),
            "z": Block(3.2, 0, "closest entries\nh x w indices", "value"),
        },
    }[kind]
    end = max(block.x for block in code.values())
    blocks = {"x": Block(0, 0, "image $x$", "data"), "encoder": Block(1, 0, "encoder")} | code
    blocks |= {
        "decoder": Block(end + 1, 0, "decoder"),
        "out": Block(end + 2, 0, r"$\hat{x}$" if kind != "variational" else r"$p(x \mid z)$", "data"),
    }
    first = next(iter(code))
    arrows = [Arrow("x", "encoder"), Arrow("encoder", first), Arrow("z", "decoder"), Arrow("decoder", "out")]
    if kind != "plain":
        other = "noise" if kind == "variational" else "codebook"
        arrows += [Arrow(first, "z"), Arrow(other, "z")]
    return diagram(blocks, arrows)


@validate(limit=positive)
def plot_codes(codes: Mapping[str, np.ndarray], labels, *, limit: float | None = None) -> "Figure":
    """Draw codes with two features side by side, colored by class; a circle holds 95 % of the prior N(0, I).

    Args:
        codes: title to points (N, 2).
        labels: class number of each point, (N,), the same for all panels.
        limit: largest coordinate of all panels; None fits each panel to its points.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `codes` is empty, or its panels have another number of points than labels.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import plot_codes
        >>> len(plot_codes({"a": np.zeros((3, 2)), "b": np.ones((3, 2))}, [0, 1, 2]).axes)
        2
    """
    mapping(codes=codes)
    clouds = {title: as_points(points, 2, name=f"codes[{title!r}]") for title, points in codes.items()}
    labels = as_row("labels", labels)
    if any(len(points) != len(labels) for points in clouds.values()):
        raise ValueError(f"labels has {len(labels)} entries; it must have one for each point of each panel")
    figure, axes = panels(2.7 * len(clouds) + 0.3, 2.8, 1, len(clouds))
    angles = np.linspace(0, 2 * np.pi, 200)
    for ax, (title, points) in zip(axes, clouds.items(), strict=True):
        ax.scatter(*points.T, c=labels, cmap="tab10", s=3, linewidths=0)
        ax.plot(2.45 * np.cos(angles), 2.45 * np.sin(angles), "k--", linewidth=0.8)
        ax.set(title=title, xlabel="$z_1$", aspect="equal", adjustable="datalim")
        if limit is not None:
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
    axes[0].set_ylabel("$z_2$")
    return figure


def plot_latent_grid(images) -> "Figure":
    """Draw the images of a grid of codes as one image, with the codes along its axes.

    Args:
        images: (S, S, H, W, 1) with values in [0, 1], of `latent_grid`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: the images have another shape, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import plot_latent_grid
        >>> len(plot_latent_grid(np.zeros((3, 3, 8, 8, 1))).axes)
        1
    """
    images = as_floats("images", images)
    if images.ndim != 5 or images.shape[-1] != 1 or not images.size or images.shape[0] != images.shape[1]:
        raise ValueError(f"images has shape {images.shape}; it must be (S, S, H, W, 1)")
    finite(images=images)
    size, _, height, width, _ = images.shape
    figure, (ax,) = panels(4.6, 4.4)
    ax.imshow(images[..., 0].transpose(0, 2, 1, 3).reshape(size * height, size * width), cmap="gray", vmin=0, vmax=1)
    shown = sorted({0, size // 4, size // 2, 3 * size // 4, size - 1})
    names = [f"{NormalDist().inv_cdf((k + 0.5) / size):.1f}" for k in shown]
    ax.set(xlabel="$z_1$", ylabel="$z_2$")
    ax.set_xticks([(k + 0.5) * width for k in shown], names)
    ax.set_yticks([(size - k - 0.5) * height for k in shown], names)
    return figure


def plot_bound(bounds: Mapping[str, tuple[float, float]]) -> "Figure":
    """Draw log p(x) as the sum of a bound and of the gap that is left, a bar for each model or bound.

    Args:
        bounds: label to (bound, log p(x)), in nats, with the bound at most log p(x).

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `bounds` is empty, or an entry is not two numbers in this order.

    Example:
        >>> from keras_course.autoencoders import plot_bound
        >>> len(plot_bound({"ELBO": (-3.0, -2.0)}).axes)
        1
    """
    mapping(bounds=bounds)
    pairs = {label: as_row(f"bounds[{label!r}]", pair) for label, pair in bounds.items()}
    for label, pair in pairs.items():
        if len(pair) != 2 or pair[0] > pair[1]:
            raise ValueError(f"bounds[{label!r}]={bounds[label]!r} must be (bound, log p) with bound <= log p")
    low, high = (np.array(column) for column in zip(*pairs.values(), strict=True))
    rows = np.arange(len(pairs))[::-1]
    floor = low.min() - 0.4 * max(high.max() - low.min(), 1e-6)
    figure, (ax,) = panels(6.5, 0.5 * len(pairs) + 1.0)
    ax.barh(rows, low - floor, left=floor, color="#2b6ca3", label="bound")
    ax.barh(rows, high - low, left=low, color="#fbe0dc", edgecolor="#b5402b", label="gap")
    ax.set_yticks(rows, list(pairs))
    ax.set(xlabel="nats per example", xlim=(floor, high.max() + 0.05 * (high.max() - floor)))
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return figure


def plot_field(fields: Mapping[str, tuple], points) -> "Figure":
    """Draw vector fields of the plane as arrows, over points of the data.

    Args:
        fields: title to (positions (M, 2), vectors (M, 2)).
        points: (N, 2), drawn in each panel.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `fields` is empty, or an array has another shape.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import plot_field
        >>> len(plot_field({"a": (np.zeros((4, 2)), np.ones((4, 2)))}, np.zeros((3, 2))).axes)
        1
    """
    mapping(fields=fields)
    points = as_points(points, 2, name="points")
    figure, axes = panels(3.6 * len(fields) + 0.3, 3.4, 1, len(fields))
    for ax, (title, field) in zip(axes, fields.items(), strict=True):
        if not isinstance(field, tuple | list) or len(field) != 2:
            raise ValueError(f"fields[{title!r}] must be (positions, vectors), each (M, 2)")
        pair = as_matrices(f"fields[{title!r}]", dict(zip(("positions", "vectors"), field, strict=True)))
        positions, vectors = pair["positions"], pair["vectors"]
        if positions.shape != vectors.shape or positions.shape[1] != 2:
            raise ValueError(f"fields[{title!r}] has shapes {positions.shape}, {vectors.shape}; both must be (M, 2)")
        ax.plot(*points.T, ".", color="0.75", markersize=2, zorder=0)
        ax.quiver(*positions.T, *vectors.T, color="#2b6ca3", angles="xy", width=0.004)
        ax.set(title=title, xlabel="$x_1$", aspect="equal")
    axes[0].set_ylabel("$x_2$")
    return figure
