"""Figures of lecture 7: a memory network and where it looks, and the transformer for sounds."""

import itertools
from typing import TYPE_CHECKING

from keras_course.checks import as_floats, finite, string, strings, validate
from keras_course.plots import Arrow, Block, chain, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
