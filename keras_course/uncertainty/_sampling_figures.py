"""Figures of samples: of two weights beside their exact distribution, and of functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_matrices, as_points, as_row, string, strings, validate
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_samples(mean, covariance, samples: Mapping[str, np.ndarray], names=("$w_1$", "$w_2$")) -> "Figure":
    """Draw samples of two weights over the exact Gaussian distribution, up to three panels in a row.

    The ellipses hold 39, 86 and 99 % of the exact distribution: one, two and three standard deviations.

    Args:
        mean: (2,), of the exact distribution.
        covariance: (2, 2), positive definite.
        samples: title to points (S, 2).
        names: names of the two weights.

    Returns:
        A Matplotlib `Figure`. The panels show the same region, 5.5 standard deviations around the mean.

    Raises:
        ValueError: `samples` is empty or holds something else, or the covariance is not positive definite.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_samples
        >>> len(plot_samples([0.0, 0.0], np.eye(2), {"a": np.zeros((5, 2)), "b": np.ones((5, 2))}).axes)
        2
    """
    strings(names=names)
    mean, covariance = as_row("mean", mean), as_points(covariance, columns=2, name="covariance")
    if mean.shape != (2,) or covariance.shape != (2, 2) or len(names) != 2:
        raise ValueError(f"mean has shape {mean.shape}, covariance {covariance.shape} and names {len(names)} entries")
    if not (np.allclose(covariance, covariance.T) and np.linalg.eigvalsh(covariance)[0] > 0):
        raise ValueError(f"covariance={covariance.tolist()} must be symmetric and positive definite")
    points = {title: as_points(part, columns=2) for title, part in as_matrices("samples", samples).items()}
    angles = np.linspace(0, 2 * np.pi, 100)
    ellipse = np.linalg.cholesky(covariance) @ [np.cos(angles), np.sin(angles)]
    columns = min(len(points), 3)
    rows = -(-len(points) // columns)
    figure, axes = panels(max(2.5 * columns, 3.0), 2.4 * rows, rows, columns)
    for ax, (title, part) in zip(axes, points.items(), strict=False):
        size, alpha = (2, 0.4) if len(np.unique(part, axis=0)) > 100 else (7, 1.0)
        ax.plot(*part.T, ".", markersize=size, alpha=alpha)
        for radius in (1, 2, 3):
            ax.plot(*(mean[:, None] + radius * ellipse), color="black", linewidth=0.8)
        reach = 5.5 * np.sqrt(np.diag(covariance))
        limits = np.stack([mean - reach, mean + reach], axis=1)
        ax.set(xlim=limits[0], ylim=limits[1], xlabel=names[0], ylabel=names[1])
        ax.set_title(title, fontsize=10)
    for ax in axes[len(points) :]:
        ax.remove()
    return figure


@validate(ylabel=string)
def plot_functions(x, functions: Mapping[str, np.ndarray], ylabel="f(x)") -> "Figure":
    """Draw sampled functions, a panel for each title, up to four side by side.

    Args:
        x: inputs in increasing order, (N,).
        functions: title to values (S, N) of S functions.
        ylabel: what the values are.

    Returns:
        A Matplotlib `Figure`. The panels share their axes.

    Raises:
        ValueError: `functions` is empty or holds something else, or has another number of values.

    Example:
        >>> from keras_course.uncertainty import nn_gp_prior_samples, plot_functions
        >>> samples = {str(width): nn_gp_prior_samples([[0.0], [1.0]], width, 5) for width in (1, 100)}
        >>> len(plot_functions([0.0, 1.0], samples).axes)
        2
    """
    x, functions = as_row("x", x), as_matrices("functions", functions)
    if len(functions) > 4:
        raise ValueError(f"functions has {len(functions)} entries; it must have at most 4")
    figure, axes = panels(max(2.4 * len(functions), 3.6), 2.4, 1, len(functions))
    for ax, (title, values) in zip(axes, functions.items(), strict=True):
        if values.shape[1] != len(x):
            raise ValueError(f"functions[{title!r}] has shape {values.shape}; it must have {len(x)} columns, as x")
        if ax is not axes[0]:
            ax.sharex(axes[0])
            ax.sharey(axes[0])
        ax.plot(x, values.T, linewidth=0.9)
        ax.set(xlabel="x", ylabel=ylabel if ax is axes[0] else "")
        ax.set_title(title, fontsize=10)
    return figure
