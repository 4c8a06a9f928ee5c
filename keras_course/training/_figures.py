"""Figures of lecture 4."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import mapping, validate
from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.plots._paths import draw_levels
from keras_course.training._probes import LayerProbe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOSS, STEP, MEMORY = "C3", "C0", "0.45"  # colors of what comes from the gradient, of the step, and of the velocity


def plot_momentum() -> "Figure":
    """Draw one step of momentum and one step of Nesterov momentum as vectors, over a valley.

    Returns:
        A Matplotlib `Figure` of two panels. Gray: the velocity that is kept. Red: the step against the gradient. Blue:
        their sum, the step that is made.

    Example:
        >>> from keras_course.training import plot_momentum
        >>> [ax.get_title() for ax in plot_momentum().axes]
        ['momentum', 'Nesterov momentum']
    """
    curvature, rate = np.array([0.5, 1.5]), 0.45
    w, kept = np.array([-2.6, 0.5]), np.array([0.7, -1.3])
    figure, axes = panels(7.2, 3.2, columns=2)
    kinds = {"momentum": (w, "w"), "Nesterov momentum": (w + kept, "w + \\alpha u")}
    for ax, (title, (where, name)) in zip(axes, kinds.items(), strict=True):
        draw_levels(ax, lambda points: np.tensordot(curvature, points**2, 1) / 2, ((-3.2, 0.6), (-1.5, 1.1)))
        pull = -rate * curvature * where
        _draw_arrow(ax, w, w + kept, MEMORY, "$\\alpha u$", (-0.12, -0.1), "right")
        _draw_arrow(ax, w + kept, w + kept + pull, LOSS, f"$-\\gamma\\ g({name})$", (0.16, 0.06), "left")
        _draw_arrow(ax, w, w + kept + pull, STEP, "new $u$", (0.12, 0.12), "left")
        if title == "momentum":
            ax.annotate("", w + pull, w, arrowprops={"arrowstyle": "-|>", "color": LOSS, "linestyle": ":"})
        ax.plot(*where, "o", color=LOSS, markersize=9, fillstyle="none")
        ax.plot(*w, "ko", markersize=5)
        ax.text(w[0] - 0.08, w[1] + 0.1, "$w$", fontsize=11, ha="right")
        ax.set_title(title, fontsize=11)
        ax.set(xlabel="$w_1$", xlim=(-3.2, 0.6), ylim=(-1.5, 1.1))
    axes[0].set_ylabel("$w_2$")
    return figure


def _draw_arrow(ax, start, end, color, text, offset, align):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2, "shrinkA": 0, "shrinkB": 0})
    ax.text(*((start + end) / 2 + offset), text, color=color, fontsize=11, ha=align, va="center")


def plot_layer() -> "Figure":
    """Draw what one layer does to activations on the way forward and to gradients on the way back.

    Returns:
        A Matplotlib `Figure`: the way forward above, from left to right, and the way back below.

    Example:
        >>> from keras_course.training import plot_layer
        >>> len(plot_layer().axes)
        1
    """
    blocks = {
        "x": Block(0, 0, "$h_{l-1}$", "data"),
        "W": Block(1, 0, "$W_l h_{l-1} + b_l$"),
        "phi": Block(2, 0, "$\\phi$"),
        "h": Block(3, 0, "$h_l$", "data"),
        "dx": Block(0, 1.4, "gradient\nof $h_{l-1}$", "loss"),
        "WT": Block(1, 1.4, "$W_l^T \\delta_l$"),
        "dphi": Block(2, 1.4, "$\\odot\\ \\phi'(a_l)$"),
        "dh": Block(3, 1.4, "gradient\nof $h_l$", "loss"),
    }
    forward = [Arrow("x", "W", "$q$"), Arrow("W", "phi", "$a_l$"), Arrow("phi", "h", "$q'$")]
    backward = [Arrow("dh", "dphi", "$q'$"), Arrow("dphi", "WT", "$\\delta_l$"), Arrow("WT", "dx", "$q$")]
    return diagram(blocks, forward + backward)


def plot_normalized_axes() -> "Figure":
    """Draw which entries of an array of features share one mean and one variance, for four kinds of normalization.

    Returns:
        A Matplotlib `Figure` of four panels. Rows are examples and columns are features; the entries of one color are
        normalized together.

    Example:
        >>> from keras_course.training import plot_normalized_axes
        >>> [ax.get_title() for ax in plot_normalized_axes().axes][:2]
        ['batch', 'layer']
    """
    examples, features, groups = 5, 6, 2
    b, c = np.mgrid[:examples, :features]
    kinds = {
        "batch": (c, "$\\mu$, $v$: one per feature"),
        "layer": (b, "$\\mu$, $v$: one per example"),
        "group": (groups * b + c // (features // groups), "$\\mu$, $v$: one per group"),
        "RMS": (b, "mean square: one per example"),
    }
    figure, axes = panels(6.4, 5.2, 2, 2)
    for ax, (title, (sets, text)) in zip(axes, kinds.items(), strict=True):
        ax.imshow(sets % 10 + 10 * (sets // 10 % 2), cmap="tab20", vmin=0, vmax=19, alpha=0.55)
        ax.set_xticks(np.arange(features + 1) - 0.5, [], minor=True)
        ax.set_yticks(np.arange(examples + 1) - 0.5, [], minor=True)
        ax.grid(which="minor", color="white", linewidth=2)
        ax.tick_params(which="both", length=0)
        ax.set_xticks(range(features), range(1, features + 1))
        ax.set_yticks(range(examples), range(1, examples + 1))
        ax.spines[:].set_visible(False)
        ax.set_title(title, fontsize=11)
        ax.set(xlabel=f"feature c\n{text}", ylabel="example b")
    return figure


def _check_probes(probes):
    mapping(probes=probes)
    for title, rows in probes.items():
        mapping(**{f"probes[{title!r}]": rows})
        for name, layers in rows.items():
            if not layers or not all(isinstance(layer, LayerProbe) for layer in layers):
                raise ValueError(f"probes[{title!r}][{name!r}]={layers!r} must be a list of LayerProbes")
            if not all(np.isfinite(layer.values).all() and layer.values.any() for layer in layers):
                raise ValueError(f"probes[{title!r}][{name!r}] must hold finite values that are not all 0")
    if len({tuple(rows) for rows in probes.values()}) > 1:
        raise ValueError(f"probes={probes!r} must have the same quantities for each title")


@validate(probes=_check_probes)
def plot_magnitudes(probes: Mapping[str, Mapping[str, Sequence[LayerProbe]]]) -> "Figure":
    """Draw the distribution of the magnitudes of what layers return, one curve for each layer.

    Args:
        probes: title of a column to name of a quantity to probes of layers, as `probe_activations` and
            `probe_gradients` return them. Each column has the same quantities.

    Returns:
        A Matplotlib `Figure`: a column for each title, a row for each quantity. The horizontal axis shows the base-10
        logarithm of the absolute values, with one range for all panels. Values that are 0 are left out.

    Raises:
        ValueError: `probes` is empty, a probe has values that are not finite or that are all 0, or two columns have
            different quantities.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import LayerProbe, plot_magnitudes
        >>> layer = LayerProbe("dense_1", np.array([0.1, 1.0, 10.0]))
        >>> figure = plot_magnitudes({"He": {"activations": [layer]}})
        >>> figure.axes[0].get_title()
        'He'
    """
    from matplotlib import colormaps

    names = list(next(iter(probes.values())))
    exponents = {
        (title, name): [np.log10(np.abs(layer.values[layer.values != 0])) for layer in rows[name]]
        for title, rows in probes.items()
        for name in names
    }
    everything = [values for layers in exponents.values() for values in layers]
    low = min(np.quantile(values, 0.01) for values in everything)
    high = max(values.max() for values in everything)
    bins = np.linspace(low, high + 1e-9, 60)
    figure, axes = panels(6.8, 2.1 * len(names) + 0.5, len(names), len(probes))
    grid = axes.reshape(len(names), len(probes))
    for column, title in zip(grid.T, probes, strict=True):
        column[0].set_title(title, fontsize=11)
        for ax, name in zip(column, names, strict=True):
            layers = probes[title][name]
            for i, (layer, values) in enumerate(zip(layers, exponents[title, name], strict=True)):
                heights, _ = np.histogram(values, bins)
                color = colormaps["viridis"](0.9 * i / max(1, len(layers) - 1))
                label = layer.name.replace("_", " ")
                ax.stairs(heights / values.size, bins, color=color, label=label, linewidth=1.4)
            ax.sharex(grid[0, 0])
            ax.sharey(column[0] if ax is not column[0] else grid[0, 0])
    for ax, name in zip(grid[:, 0], names, strict=True):
        ax.set_ylabel(f"{name}\n(fraction)")
    for ax in grid[-1]:
        ax.set_xlabel("$\\log_{10}$ of the absolute value")
    grid[0, 0].legend(frameon=False, fontsize=9, handlelength=1)
    return figure
