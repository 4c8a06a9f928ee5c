"""Figures of lecture 7."""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from keras_course.attention._positions import sinusoidal_positions
from keras_course.checks import as_floats, as_matrices, finite, string, strings, validate, whole
from keras_course.plots import Arrow, Block, chain, diagram, panels

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
        A Matplotlib `Figure`. Red is positive, blue negative, white zero; each panel has its own scale.

    Raises:
        ValueError: `matrices` is empty, or one has another shape or a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import plot_mixing_matrices
        >>> len(plot_mixing_matrices({"identity": np.eye(4), "mean": np.ones((4, 4)) / 4}).axes)
        2
    """
    arrays = as_matrices("matrices", matrices)
    figure, axes = panels(2.6 * len(arrays) + 0.3, 2.9, 1, len(arrays))
    for ax, (title, matrix) in zip(axes, arrays.items(), strict=True):
        largest = np.abs(matrix).max() or 1.0
        ax.imshow(matrix, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
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


def plot_memory_network() -> "Figure":
    """Draw one hop of a memory network: a story in two embeddings, a query, weights, and their sum.

    Returns:
        A Matplotlib `Figure`, with 18 sentences of 5 words, 64 features and 27 tokens.

    References:
        End-To-End Memory Networks, Sukhbaatar et al., 2015, figure 1, https://arxiv.org/abs/1503.08895

    Example:
        >>> from keras_course.attention import plot_memory_network
        >>> len(plot_memory_network().axes)
        1
    """
    blocks = {
        "question": Block(0, 0, "question", "data"),
        "story": Block(2.2, 0, "story", "data"),
        "B": Block(0, 1.2, "embedding $B$", "weight"),
        "A": Block(1.2, 1.2, "embedding $A$", "weight"),
        "A'": Block(3.2, 1.2, "embedding $A'$", "weight"),
        "p": Block(1.2, 2.6, "softmax"),
        "sum": Block(3.2, 2.6, "$\\Sigma_i\\ p_i c_i$"),
        "plus": Block(0, 4, "+", "operation"),
        "O": Block(0, 5.2, "output\nmatrix $O$", "weight"),
        "answer": Block(0, 6.4, "logits", "data"),
        "again": Block(1.5, 4.6, "next hop: the same\nwith a new $u$", "text"),
    }
    arrows = [
        Arrow("question", "B", "5"),
        Arrow("story", "A", "18 x 5"),
        Arrow("story", "A'", "18 x 5"),
        Arrow("A", "p", "$m$: 18 x 64"),
        Arrow("A'", "sum", "$c$: 18 x 64"),
        Arrow("B", "p", "$u$: 64"),
        Arrow("B", "plus", "$u$: 64"),
        Arrow("p", "sum", "$p$: 18"),
        Arrow("sum", "plus", "64"),
        Arrow("plus", "O", "$u$: 64"),
        Arrow("O", "answer", "27"),
    ]
    return diagram(blocks, arrows)


def plot_spectrogram_transformer() -> "Figure":
    """Draw the audio spectrogram transformer, from the waveform to the logits.

    Returns:
        A Matplotlib `Figure`, with the shapes of the preset "tiny" of `spectrogram_transformer`.

    References:
        AST: Audio Spectrogram Transformer, Gong et al., 2021, figure 1, https://arxiv.org/abs/2104.01778

    Example:
        >>> from keras_course.attention import plot_spectrogram_transformer
        >>> len(plot_spectrogram_transformer().axes)
        1
    """
    rows = (
        ("waveform", "data", "4096"),
        ("log of the\n|STFT|", "weight", "32 x 128"),
        ("patches of\n16 x 16", "layer", "16 x 64"),
        ("class token,\npositions", "weight", "17 x 64"),
        ("2 transformer\nblocks", "layer", "17 x 64"),
        ("norm, dense", "layer", "7"),
        ("logits", "data", ""),
    )
    return chain(rows)


@validate(sentences=strings)
def plot_hops(weights, sentences, *, title: str = "") -> "Figure":
    """Draw at which sentences a memory network looks: a column for each hop, with the weights as numbers.

    Args:
        weights: `(K, S)` attention weights of K hops.
        sentences: the last sentences of the story, at most S; earlier rows are left out as padding.
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `weights` has another shape or a number that is not finite, or `sentences` is empty or too long.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import plot_hops
        >>> len(plot_hops(np.eye(3), ["Mary went to the garden.", "Mary took the milk."]).axes)
        2
    """
    string(title=title)
    weights = as_floats("weights", weights)
    finite(weights=weights)
    if weights.ndim != 2 or not weights.size or not 0 < len(sentences) <= weights.shape[1]:
        raise ValueError(f"weights has shape {weights.shape}; it must be (K, S) with S >= {len(sentences)} sentences")
    shown = weights[:, -len(sentences) :].T
    figure, (ax,) = panels(3.6 + 0.7 * len(weights), 0.8 + 0.3 * len(sentences))
    image = ax.imshow(shown, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    for i, j in itertools.product(*map(range, shown.shape)):
        color = "black" if shown[i, j] > 0.6 else "white"
        ax.text(j, i, f"{shown[i, j]:.2f}", ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(range(len(weights)), [f"hop {k + 1}" for k in range(len(weights))], fontsize=9)
    ax.set_yticks(range(len(sentences)), sentences, fontsize=9, parse_math=False)
    ax.set_title(title, fontsize=10, parse_math=False)
    figure.colorbar(image, ax=ax, label="attention weight")
    return figure
