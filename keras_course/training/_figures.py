"""Figures of lecture 4."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.plots._paths import draw_levels

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
        "W": Block(1.3, 0, "$W_l h_{l-1} + b_l$"),
        "phi": Block(2.6, 0, "$\\phi$"),
        "h": Block(3.9, 0, "$h_l$", "data"),
        "dx": Block(0, 1.4, "gradient\nof $h_{l-1}$", "loss"),
        "WT": Block(1.3, 1.4, "$W_l^T \\delta_l$"),
        "dphi": Block(2.6, 1.4, "$\\odot\\ \\phi'(a_l)$"),
        "dh": Block(3.9, 1.4, "gradient\nof $h_l$", "loss"),
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
