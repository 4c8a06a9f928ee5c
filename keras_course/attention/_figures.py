"""Figures of lecture 7: attention, what it mixes, positions, and the transformer."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from keras_course.attention._positions import sinusoidal_positions
from keras_course.checks import as_matrices, validate, whole
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_query_key_value() -> "Figure":
    """Draw attention as a lookup: one query, three keys with their values, weights, and the weighted mean.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.attention import plot_query_key_value
        >>> len(plot_query_key_value().axes)
        1
    """
    blocks = {
        "query": Block(0, 1.5, "query $q$", "data"),
        "sum": Block(3.0, 1.5, "$\\Sigma$", "operation"),
        "y": Block(3.7, 1.5, "output $y$", "data"),
    }
    arrows = [Arrow("sum", "y")]
    for i in range(3):
        blocks[f"k{i}"] = Block(0.95, i + 0.5, f"key $k_{i + 1}$", "weight")
        blocks[f"v{i}"] = Block(2.15, i + 0.5, f"value $v_{i + 1}$", "data")
        arrows += [Arrow("query", f"k{i}"), Arrow(f"k{i}", f"v{i}", f"$\\alpha_{i + 1}$"), Arrow(f"v{i}", "sum")]
    return diagram(blocks, arrows)


def plot_multi_head_attention() -> "Figure":
    """Draw multi-head attention with two heads, with the shapes of what flows through it.

    Returns:
        A Matplotlib `Figure`: X has T positions, Z has N, both have C features; a head has the width D = C / 2.

    References:
        Attention Is All You Need, Vaswani et al., 2017, figure 2, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.attention import plot_multi_head_attention
        >>> len(plot_multi_head_attention().axes)
        1
    """
    blocks = {
        "x": Block(0, 0, "$X$", "data"),
        "z": Block(1.8, 0, "$Z$", "data"),
        "q": Block(0, 1.2, "$X W_Q$", "weight"),
        "k": Block(1.2, 1.2, "$Z W_K$", "weight"),
        "v": Block(2.4, 1.2, "$Z W_V$", "weight"),
        "head 1": Block(0.5, 2.5, "attention,\nhead 1"),
        "head 2": Block(1.9, 2.5, "attention,\nhead 2"),
        "both": Block(1.2, 3.7, "concatenated", "data"),
        "y": Block(2.75, 3.7, "$Y$", "data"),
    }
    arrows = [
        Arrow("x", "q", "T x C"),
        Arrow("z", "k", "N x C"),
        Arrow("z", "v", "N x C"),
        *(Arrow(part, head) for part in "qkv" for head in ("head 1", "head 2")),
        Arrow("head 1", "both", "T x D"),
        Arrow("head 2", "both", "T x D"),
        Arrow("both", "y", "$W_O$"),
    ]
    return diagram(blocks, arrows)


def plot_transformer() -> "Figure":
    """Draw the transformer of Vaswani et al.: encoder, decoder and cross-attention, with one block of each.

    Returns:
        A Matplotlib `Figure`: N source tokens, T target tokens, C features, V tokens in the vocabulary.

    References:
        Attention Is All You Need, Vaswani et al., 2017, figure 1, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.attention import plot_transformer
        >>> len(plot_transformer().axes)
        1
    """
    blocks = {
        "source": Block(0, 8, "source tokens", "data"),
        "target": Block(2, 8, "target tokens", "data"),
        "logits": Block(2, -1, "logits", "data"),
        "head": Block(2, 0, "output layer"),
    }
    sides = {
        "encoder": (0, ("embedding,\npositions", "self-attention", "add, norm", "MLP", "add, norm")),
        "decoder": (
            2,
            (
                "embedding,\npositions",
                "causal\nself-attention",
                "add, norm",
                "cross-attention",
                "add, norm",
                "MLP",
                "add, norm",
            ),
        ),
    }
    arrows = []
    for side, (x, parts) in sides.items():
        names = [f"{side}.{i}" for i in range(len(parts))]
        kinds = ["weight" if "norm" in part else "layer" for part in parts]
        blocks |= {
            name: Block(x, 7 - i, *rest) for i, (name, *rest) in enumerate(zip(names, parts, kinds, strict=True))
        }
        below = ["source" if side == "encoder" else "target", *names]
        shape = "N x C" if side == "encoder" else "T x C"
        arrows += [Arrow(a, b, shape if i == 1 else "") for i, (a, b) in enumerate(itertools.pairwise(below))]
        sign = -1 if side == "encoder" else 1
        arrows += [Arrow(names[i - 2], names[i], "", sign * (0.58 + 0.05 * (i % 4))) for i in range(2, len(names), 2)]
    arrows += [
        Arrow("encoder.4", "decoder.3", "keys, values"),
        Arrow("decoder.6", "head", ""),
        Arrow("head", "logits", "T x V"),
    ]
    return diagram(blocks, arrows)


def plot_mixing_matrices(matrices) -> "Figure":
    """Draw matrices that mix positions, one panel each: row t says from which positions the output t is made.

    Args:
        matrices: title to matrix `(T, N)`.

    Returns:
        A Matplotlib `Figure`. Red is positive, blue negative, white zero; each panel has its own color bar.

    Raises:
        ValueError: `matrices` is empty, or one has another shape or a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import plot_mixing_matrices
        >>> len(plot_mixing_matrices({"identity": np.eye(4), "mean": np.ones((4, 4)) / 4}).axes)
        4
    """
    arrays = as_matrices("matrices", matrices)
    figure, axes = panels(3.1 * len(arrays) + 0.3, 2.9, 1, len(arrays))
    for ax, (title, matrix) in zip(axes, arrays.items(), strict=True):
        largest = np.abs(matrix).max() or 1.0
        image = ax.imshow(matrix, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
        bar = figure.colorbar(image, ax=ax)
        bar.ax.set_ylim(0.0 if matrix.min() >= 0 else -largest, largest)
        ax.set(title=title, xlabel="input position")
        ax.locator_params(axis="x", integer=True)
    axes[0].set_ylabel("output position")
    return figure


@validate(num_positions=whole(2, 10_000), hidden_dim=whole(2, 10_000))
def plot_sinusoidal_positions(num_positions: int = 50, hidden_dim: int = 128) -> "Figure":
    """Draw the sinusoidal position encoding as colors, a row for each position, and the products of its rows.

    Args:
        num_positions: number of positions.
        hidden_dim: number of columns, even.

    Returns:
        A Matplotlib `Figure`. Left: the encoding. Right: the inner product of position 0, of the one in the middle and
        of the last one with every position, divided by half the number of columns.

    Raises:
        ValueError: a number is out of its range, or `hidden_dim` is odd.

    References: as for `sinusoidal_positions`.

    Example:
        >>> from keras_course.attention import plot_sinusoidal_positions
        >>> len(plot_sinusoidal_positions(10, 8).axes)
        3
    """
    table = sinusoidal_positions(num_positions, hidden_dim)
    figure, (left, right) = panels(7.5, 3, 1, 2)
    image = left.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    left.set(xlabel="feature", ylabel="position", title="sinusoidal positions")
    figure.colorbar(image, ax=left, label="value")
    for t in (0, num_positions // 2, num_positions - 1):
        right.plot(table @ table[t] / (hidden_dim / 2), label=f"position {t}")
    right.set(xlabel="position", ylabel="inner product / (C / 2)", title="similarity of positions")
    right.legend(frameon=False, fontsize=9)
    return figure
