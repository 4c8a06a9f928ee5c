"""Matrices as colors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_course.checks import as_floats, finite, string, strings
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PER_ROW = 4  # panels beside each other


def attention_map(weights, tokens: Sequence[str], *, title: str = "", titles: Sequence[str] | None = None) -> "Figure":
    """Draw attention weights, one panel for each head.

    Args:
        weights: array `(T, T)`, or `(H, T, T)` for H heads; row t holds the weights with which position t
            attends to each position.
        tokens: T strings, the text at each position; see `visible`.
        title: title of the figure.
        titles: H titles of the panels. Default: "head 0", "head 1" and so on, and none for a single panel.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `weights` has another shape, or `tokens` or `titles` has another length.

    Example:
        >>> import numpy as np
        >>> from keras_course import plots
        >>> figure = plots.attention_map(np.eye(3), ["a", "b", " "])
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['a', 'b', '␣']
    """
    weights = as_floats("weights", weights)
    finite(weights=weights)
    strings(tokens=tokens)
    string(title=title)
    heads = weights[None] if weights.ndim == 2 else weights
    if heads.ndim != 3 or not len(heads) or heads.shape[1:] != (len(tokens), len(tokens)):
        raise ValueError(
            f"weights has shape {weights.shape}; for {len(tokens)} tokens it must end in that number twice."
        )
    if titles is None:
        titles = [f"head {i}" for i in range(len(heads))] if len(heads) > 1 else [""]
    strings(titles=titles)
    if len(titles) != len(heads):
        raise ValueError(f"titles={titles!r} must have {len(heads)} entries, one for each head")
    columns = min(len(heads), _PER_ROW if len(heads) > _PER_ROW else 2)
    rows = -(-len(heads) // columns)
    side = max(2.6, 0.19 * len(tokens))
    figure, axes = panels(side * columns + 0.9, side * rows + 0.5, rows, columns)
    labels = [visible(token) for token in tokens]
    for i, (ax, head, text) in enumerate(zip(axes, heads, titles, strict=False)):
        image = ax.imshow(head, cmap="viridis", vmin=0, vmax=1)
        ax.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 1 else 0, fontsize=8)
        ax.set_yticks(range(len(labels)), labels, fontsize=8)
        ax.set_xlabel("key position")
        if i % columns == 0:
            ax.set_ylabel("query position")
        ax.set_title(text, fontsize=10)
    for ax in axes[len(heads) :]:
        ax.remove()
    figure.colorbar(image, ax=figure.axes, label="attention weight", shrink=0.8)
    figure.suptitle(title)
    return figure


def visible(token: str) -> str:
    """Return a token as a label of a figure: spaces, tabs and line ends become visible signs.

    Example:
        >>> from keras_course.plots import visible
        >>> visible(" the\\n")
        '␣the⏎'
    """
    string(token=token)
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥").replace("$", r"\$")
