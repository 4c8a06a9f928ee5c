"""Figures of diffusion models: paths between noise and data, and what a training step computes."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_row, finite
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_paths(times, paths, density=None, limits=(-3.0, 3.0)) -> "Figure":
    """Draw paths of numbers against the time, over a heat map of their density.

    Args:
        times: (T,).
        paths: (T, N), a column for each path.
        density: (S, T), the density of x at each time, for S values of x in equal distances within `limits`; or None.
        limits: the lowest and the highest x.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import plot_paths
        >>> len(plot_paths([0.0, 1.0], np.zeros((2, 5))).axes[0].lines)
        5
    """
    times, paths, limits = as_row("times", times), as_floats("paths", paths), as_row("limits", limits)
    if paths.ndim != 2 or paths.shape[0] != len(times) or not paths.size:
        raise ValueError(f"paths has shape {paths.shape}; it must be ({len(times)}, N)")
    if len(limits) != 2 or limits[0] >= limits[1]:
        raise ValueError(f"limits={limits.tolist()} must be the lowest and the highest x")
    finite(paths=paths)
    figure, (ax,) = panels(7.2, 3.0, 1, 1)
    if density is not None:
        density = as_floats("density", density)
        if density.ndim != 2 or density.shape[1] != len(times) or not density.size:
            raise ValueError(f"density has shape {density.shape}; it must be (S, {len(times)})")
        finite(density=density)
        extent = (times.min(), times.max(), *limits)
        shown = density[:, np.argsort(times)] / density.max(axis=0)[np.argsort(times)]
        ax.imshow(shown, origin="lower", extent=extent, aspect="auto", cmap="Blues")
    for path in paths.T:
        ax.plot(times, path, color="#b5402b", linewidth=0.7, alpha=0.8)
    ax.set(xlabel="time t", ylabel="x", ylim=limits)
    return figure


def plot_denoising() -> "Figure":
    """Draw a training step of a diffusion model: noise is added, a network predicts it, and the error is the loss.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.diffusion import plot_denoising
        >>> len(plot_denoising().axes)
        1
    """
    blocks = {
        "x": Block(0, 0, "example\n$x_0$", "data"),
        "e": Block(0, 1, "noise\n$\\epsilon$", "data"),
        "t": Block(0, 2, "time\n$t$", "data"),
        "mix": Block(1.25, 0.5, "$\\alpha_t x_0 + \\sigma_t \\epsilon$"),
        "network": Block(2.5, 1, "network"),
        "loss": Block(3.7, 1, "$\\|F - \\epsilon\\|^2$", "loss"),
    }
    arrows = [
        Arrow("x", "mix"),
        Arrow("e", "mix"),
        Arrow("t", "mix"),
        Arrow("mix", "network", "$x_t$"),
        Arrow("t", "network", "level"),
        Arrow("network", "loss", "$F$"),
    ]
    return diagram(blocks, arrows)
