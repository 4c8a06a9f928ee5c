"""Figures of simulation-based inference: a corner plot, ranks, coverage, and the network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from keras_course.checks import as_array, as_matrices, as_row, mapping, strings, validate, whole
from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.uncertainty._transforms import check_box

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSIDE = 0.99  # probability that a bar, or a point of a curve, of a calibrated posterior lies in the gray band


@validate(names=strings)
def plot_corner(samples: Mapping[str, np.ndarray], names, low, high, truth=None) -> "Figure":
    """Draw samples of P parameters: a histogram of each on the diagonal, and each pair below it.

    Args:
        samples: label to samples (S, P), up to three posteriors, one color for each.
        names: of the parameters, with their units, P strings.
        low, high: ends of each axis, a number or P numbers each.
        truth: the true parameters (P,), drawn as lines; None draws none.

    Returns:
        A Matplotlib `Figure` of P x P panels, those above the diagonal removed.

    Raises:
        ValueError: `samples` is empty or holds something else, or the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_corner
        >>> samples = np.random.default_rng(0).normal(size=(50, 2))
        >>> len(plot_corner({"posterior": samples}, ["a (s)", "b (s)"], -4.0, 4.0, [0.0, 0.0]).axes)
        3
    """
    count, samples = len(names), as_matrices("samples", samples)
    if not count or len(samples) > 3 or any(rows.shape[1] != count for rows in samples.values()):
        shapes = {label: rows.shape for label, rows in samples.items()}
        raise ValueError(f"samples has the shapes {shapes}; it must hold at most 3, each (S, P) for P names={names!r}")
    low, high = check_box(low, high, count)
    truth = None if truth is None else as_row("truth", truth)
    if truth is not None and len(truth) != count:
        raise ValueError(f"truth has {len(truth)} entries; it must have {count}")
    figure, axes = panels(1.45 * count + 0.8, 1.35 * count + 0.6, count, count)
    for k, ax in enumerate(axes):
        row, column = divmod(k, count)
        if column > row:
            ax.remove()
            continue
        _draw_panel(ax, samples, row, column, (low, high), truth)
        ax.set(xlim=(low[column], high[column]))
        ax.tick_params(labelsize=7, labelbottom=row == count - 1, labelleft=column == 0 < row)
        if row == count - 1:
            ax.set_xlabel(names[column], fontsize=8)
        if column == 0 < row:
            ax.set_ylabel(names[row], fontsize=8)
    if len(samples) > 1:
        handles = [axes[0].plot([], [], "s", color=f"C{i}", label=label)[0] for i, label in enumerate(samples)]
        figure.legend(handles=handles, loc="upper right", frameon=False)
    return figure


def _draw_panel(ax, samples, row, column, ends, truth):
    """Draw a histogram of a parameter, or the samples of a pair of parameters."""
    for i, rows in enumerate(samples.values()):
        if row == column:
            bins = np.linspace(ends[0][row], ends[1][row], 41)
            ax.hist(rows[:, row], bins, density=True, histtype="stepfilled", color=f"C{i}", alpha=0.5)
            ax.set_yticks([])
        else:
            ax.plot(rows[:, column], rows[:, row], ".", color=f"C{i}", markersize=1.5, alpha=0.3)
            ax.set_ylim(ends[0][row], ends[1][row])
    if truth is not None:
        ax.axvline(truth[column], color="black", linewidth=0.8)
        if row != column:
            ax.axhline(truth[row], color="black", linewidth=0.8)


@validate(num_samples=whole(1), num_bins=whole(2, 1000))
def plot_ranks(ranks: Mapping[str, np.ndarray], num_samples: int, num_bins: int = 20) -> "Figure":
    """Draw histograms of the ranks of simulation-based calibration, up to four panels in a row.

    Args:
        ranks: title to ranks (N,), from 0 to S.
        num_samples: S, the number of samples of each posterior.
        num_bins: number of bars, or S + 1 where that is less.

    Returns:
        A Matplotlib `Figure`. A bar of a calibrated posterior lies in the gray band with a probability of 99 %.

    Raises:
        ValueError: `ranks` is empty, or holds something else than integers from 0 to S.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_ranks
        >>> len(plot_ranks({"a": np.arange(100)}, num_samples=99).axes)
        1
    """
    mapping(ranks=ranks)
    arrays = {title: as_array(f"ranks[{title!r}]", row) for title, row in ranks.items()}
    for title, row in arrays.items():
        if row.ndim != 1 or not len(row) or row.dtype.kind not in "iu" or row.min() < 0 or row.max() > num_samples:
            raise ValueError(f"ranks[{title!r}] must be a row of integers from 0 to num_samples={num_samples}")
    columns = min(len(arrays), 4)
    rows = -(-len(arrays) // columns)
    figure, axes = panels(max(2.1 * columns, 3.2), 1.9 * rows + 0.3, rows, columns)
    edges = np.unique(np.round(np.linspace(0, num_samples + 1, num_bins + 1)))  # few samples: a bar for each rank
    for ax, (title, row) in zip(axes, arrays.items(), strict=False):
        expected = np.diff(edges) / (num_samples + 1)
        tails = (1 - INSIDE) / 2, (1 + INSIDE) / 2
        low, high = (stats.binom.ppf(tail, len(row), expected) / (len(row) * expected) for tail in tails)
        counts = np.histogram(row, edges)[0]
        middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        ax.bar(middle, counts / (len(row) * expected), width, color="C0", edgecolor="white", linewidth=0.3)
        ax.bar(middle, high - low, width, low, color="0.3", alpha=0.35)
        ax.axhline(1, color="black", linewidth=0.8)
        ax.set(xlabel="rank", ylabel="frequency / expected", xlim=(0, num_samples + 1))
        ax.set_title(title, fontsize=9)
    for ax in axes[len(arrays) :]:
        ax.remove()
    return figure


@validate(num_simulations=whole(1))
def plot_coverage(levels, coverages: Mapping[str, np.ndarray], num_simulations: int) -> "Figure":
    """Draw the expected coverage of credible regions over their level, and the diagonal of a calibrated posterior.

    Args:
        levels: probabilities (L,), increasing.
        coverages: label to coverages (L,), as `expected_coverage` returns them.
        num_simulations: N, the number of simulations that they are the mean of.

    Returns:
        A Matplotlib `Figure`. A point of a calibrated posterior lies in the gray band with a probability of 99 %.

    Raises:
        ValueError: `coverages` is empty, a row has another length, or a number is not between 0 and 1.

    Example:
        >>> from keras_course.uncertainty import plot_coverage
        >>> len(plot_coverage([0.5, 0.9], {"a": [0.4, 0.8]}, num_simulations=1000).axes[0].lines)
        2
    """
    mapping(coverages=coverages)
    levels = as_row("levels", levels)
    curves = {label: as_row(f"coverages[{label!r}]", curve) for label, curve in coverages.items()}
    rows = {"levels": levels, **{f"coverages[{label!r}]": curve for label, curve in curves.items()}}
    for name, row in rows.items():
        if len(row) != len(levels) or row.min() < 0 or row.max() > 1:
            raise ValueError(f"{name} must be {len(levels)} numbers from 0 to 1")
    figure, (ax,) = panels(4.2, 3.6)
    low, high = (stats.binom.ppf(tail, num_simulations, levels) for tail in ((1 - INSIDE) / 2, (1 + INSIDE) / 2))
    ax.fill_between(levels, low / num_simulations, high / num_simulations, color="0.8", label="99 % if calibrated")
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    for label, curve in curves.items():
        ax.plot(levels, curve, label=label)
    ax.set(xlabel="level of the region", ylabel="expected coverage", xlim=(0, 1), ylim=(0, 1))
    ax.legend(frameon=False, fontsize=8)
    return figure


def plot_npe() -> "Figure":
    """Draw a neural posterior estimator: pairs from a simulator, the embedding, the flow and the loss.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.uncertainty import plot_npe
        >>> len(plot_npe().axes)
        1
    """
    blocks = {
        "prior": Block(0, 2, "prior"),
        "theta": Block(1.3, 2, r"$\theta$", "data"),
        "simulator": Block(1.3, 0.2, "simulator"),
        "x": Block(2.5, 0.2, "$x$", "data"),
        "embedding": Block(3.8, 0.2, "embedding"),
        "flow": Block(5.2, 1.1, "flow"),
        "loss": Block(6.5, 1.1, r"$-\log q(\theta | x)$", "loss"),
    }
    arrows = [
        Arrow("prior", "theta"),
        Arrow("theta", "simulator"),
        Arrow("simulator", "x"),
        Arrow("x", "embedding", "$T$ x 1"),
        Arrow("theta", "flow", "$P$"),
        Arrow("embedding", "flow", "$h(x)$"),
        Arrow("flow", "loss"),
    ]
    return diagram(blocks, arrows)
