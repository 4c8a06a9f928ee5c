"""Figures of adversarial networks: their parts, the field of the Dirac-GAN, transport, and modes."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_course.autoencoders._dirac_gan import dirac_gan_field, dirac_gan_path
from keras_course.autoencoders._gan_losses import transport_plan, wasserstein_1
from keras_course.autoencoders._modes import mode_coverage
from keras_course.checks import as_matrices, as_points, instead_of, mapping, positive, validate
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_gan() -> "Figure":
    """Draw a generative adversarial network: its two networks, and which loss trains which.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.autoencoders import plot_gan
        >>> len(plot_gan().axes)
        1
    """
    blocks = {
        "z": Block(0, 0, "noise $z$", "data"),
        "generator": Block(1.1, 0, "generator $G$"),
        "samples": Block(2.3, 0, "samples\n$G(z)$", "data"),
        "x": Block(2.3, 1.4, "data $x$", "data"),
        "discriminator": Block(3.6, 0.7, "discriminator\n$f$"),
        "logits": Block(4.8, 0.7, "logits", "data"),
        "generator_loss": Block(6.0, 0, "generator\nloss", "loss"),
        "discriminator_loss": Block(6.0, 1.4, "discriminator\nloss", "loss"),
    }
    arrows = [
        Arrow("z", "generator"),
        Arrow("generator", "samples"),
        Arrow("samples", "discriminator"),
        Arrow("x", "discriminator"),
        Arrow("discriminator", "logits"),
        Arrow("logits", "generator_loss"),
        Arrow("logits", "discriminator_loss"),
    ]
    return diagram(blocks, arrows)


def _games(**argument):
    mapping(**argument)
    ((name, games),) = argument.items()
    known = inspect.signature(dirac_gan_path).parameters
    for title, options in games.items():
        if not isinstance(options, Mapping):
            raise ValueError(f"{name}[{title!r}]={options!r} must be a dict of arguments of dirac_gan_path")
        for key in options:
            if key not in known:
                raise ValueError(f"{name}[{title!r}]: {key!r} is no argument of it; {instead_of(key, known)}")


@validate(games=_games, limit=positive)
def plot_dirac_gan(games: Mapping[str, Mapping], *, limit: float = 2.0) -> "Figure":
    """Draw the field of the Dirac-GAN, and the path of gradient descent in it, one panel for each game.

    Args:
        games: title to a dict of arguments of `dirac_gan_path`.
        limit: largest absolute value of theta and psi that is shown.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `games` is empty, or holds something else.

    Example:
        >>> from keras_course.autoencoders import plot_dirac_gan
        >>> len(plot_dirac_gan({"no penalty": {}, "R1": {"r1": 1.0}}).axes)
        2
    """
    figure, axes = panels(2.6 * len(games), 2.8, columns=len(games))
    theta, psi = np.meshgrid(*[np.linspace(-limit, limit, 11)] * 2)
    for ax, (title, options) in zip(axes, games.items(), strict=True):
        path = dirac_gan_path(**options)
        shown = {key: options[key] for key in ("loss", "r1") if key in options}
        ax.quiver(theta, psi, *np.moveaxis(dirac_gan_field(theta, psi, **shown), -1, 0), color="0.7", width=0.006)
        ax.plot(*path.T, ".-", color="C0", markersize=3, linewidth=0.8)
        ax.plot(*path[0], "o", color="C1", markersize=5)
        ax.plot(0, 0, "k*", markersize=8)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xlabel=r"generator $\theta$")
        ax.set_title(title, fontsize=10)
    axes[0].set_ylabel(r"discriminator $\psi$")
    return figure


def plot_transport(positions, p, q) -> "Figure":
    """Draw two discrete distributions on a line, and the cheapest plan that moves the first to the second.

    Args:
        positions: x of the N outcomes, increasing.
        p: their probabilities, which sum to 1.
        q: other probabilities of theirs.

    Returns:
        A Matplotlib `Figure`: p upwards, q downwards, and the probability that moves beside each arrow.

    Raises:
        ValueError: as in `wasserstein_1`.

    Example:
        >>> from keras_course.autoencoders import plot_transport
        >>> figure = plot_transport([0.0, 1.0, 4.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0])
        >>> figure.axes[0].get_title()
        'Wasserstein-1 distance 3.5'
    """
    distance = wasserstein_1(positions, p, q)
    positions, p, q = (np.asarray(values, "float64") for values in (positions, p, q))
    plan = transport_plan(p, q)
    figure, (ax,) = panels(6.4, 2.8)
    width = 0.8 * np.diff(positions).min() if len(positions) > 1 else 0.8
    ax.bar(positions, p, width, color="C0", label="p")
    ax.bar(positions, -q, width, color="C1", label="q")
    for i, j in np.argwhere(plan > 1e-12):
        start, end = np.array([positions[i], p[i] / 2]), np.array([positions[j], -q[j] / 2])  # the middles of two bars
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.2", "shrinkA": 0, "shrinkB": 0})
        box = {"facecolor": "white", "edgecolor": "0.6", "boxstyle": "round,pad=0.15"}
        ax.text(*(0.7 * start + 0.3 * end), f"{plan[i, j]:.2g}", ha="center", va="center", fontsize=9, bbox=box)
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set(xlabel="position x", ylabel="probability")
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_title(f"Wasserstein-1 distance {distance:g}", fontsize=11)
    ax.legend(frameon=False, ncols=2)
    return figure


@validate(radius=positive)
def plot_modes(samples: Mapping[str, np.ndarray], centers, radius) -> "Figure":
    """Draw samples in the plane over the modes of a mixture, with the number of modes that they cover.

    Args:
        samples: title to points (N, 2).
        centers: centers of the M modes, (M, 2).
        radius: what is near a mode, see `mode_coverage`.

    Returns:
        A Matplotlib `Figure`, up to four panels in a row.

    Raises:
        ValueError: `samples` is empty, a shape does not fit, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.autoencoders import plot_modes
        >>> figure = plot_modes({"generator": np.zeros((5, 2))}, np.array([[0.0, 0.0], [2.0, 0.0]]), radius=0.5)
        >>> figure.axes[0].get_title()
        'generator: 1 of 2 modes'
    """
    from matplotlib.collections import EllipseCollection

    centers = as_points(centers, 2, name="centers")
    samples = {
        title: as_points(x, 2, name=f"samples[{title!r}]") for title, x in as_matrices("samples", samples).items()
    }
    columns = min(len(samples), 4)
    rows = -(-len(samples) // columns)
    figure, axes = panels(2.5 * columns, 2.7 * rows, rows, columns)
    low, high = centers.min(axis=0) - 4 * radius, centers.max(axis=0) + 4 * radius
    for ax, (title, x) in zip(axes, samples.items(), strict=False):
        size = np.full(len(centers), 2 * radius)
        circles = {"facecolors": "none", "edgecolors": "0.6", "linewidths": 0.8, "offset_transform": ax.transData}
        ax.add_collection(EllipseCollection(size, size, 0 * size, units="xy", offsets=centers, **circles))
        ax.plot(*x.T, ".", markersize=2, alpha=0.5)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[], yticks=[])
        ax.set_title(f"{title}: {mode_coverage(x, centers, radius).modes} of {len(centers)} modes", fontsize=9)
    for ax in axes[len(samples) :]:
        ax.remove()
    return figure
