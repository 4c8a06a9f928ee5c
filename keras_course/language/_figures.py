"""Figures of lecture 8."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_row, finite, positive, strings, validate, whole_number
from keras_course.plots import Arrow, Block, diagram, panels, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OLD, _NEW, _EMPTY = "#dbe9f6", "#fdd9a0", "none"  # colors of cells


def plot_temperatures(
    logits, tokens: Sequence[str], temperatures: Sequence[float] = (0.5, 1.0, 2.0), *, top: int = 12
) -> "Figure":
    """Draw softmax(logits / temperature) over the most likely tokens, one panel for each temperature.

    Args:
        logits: array `(V,)`.
        tokens: V strings.
        temperatures: positive numbers.
        top: how many tokens to show.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `logits` is not one row with an entry for each token, or a temperature is not positive.

    Example:
        >>> from keras_course.language import plot_temperatures
        >>> figure = plot_temperatures([2.0, 1.0, 0.0], ["a", "b", "c"], (1.0, 2.0))
        >>> len(figure.axes)
        2
    """
    logits = as_floats("logits", logits)
    finite(logits=logits)
    strings(tokens=tokens)
    whole_number(1, top=top)
    if logits.ndim != 1 or len(logits) != len(tokens):
        raise ValueError(f"logits has shape {logits.shape}; it must be ({len(tokens)},), one entry for each token.")
    temperatures = as_row("temperatures", temperatures).tolist()
    for temperature in temperatures:
        positive(temperatures=temperature)
    best = np.argsort(-logits, kind="stable")[:top]
    figure, axes = panels(3.2 * len(temperatures) + 0.5, 3, 1, len(temperatures))
    for ax, temperature in zip(axes, temperatures, strict=True):
        odds = np.exp((logits - logits.max()) / temperature)
        ax.bar(range(len(best)), (odds / odds.sum())[best])
        ax.set_xticks(range(len(best)), [visible(tokens[i]) for i in best])
        ax.set_xlabel("next token")
        ax.set_ylim(0, 1)
        ax.set_title(f"temperature {temperature:g}")
    axes[0].set_ylabel("probability")
    return figure


def plot_attention_head() -> "Figure":
    """Draw one head of causal self-attention with the shapes of what flows through it.

    Returns:
        A Matplotlib `Figure`: T positions, C channels in, a head of D channels.

    References:
        Attention Is All You Need, Vaswani et al., 2017, figure 2, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.language import plot_attention_head
        >>> len(plot_attention_head().axes)
        1
    """
    blocks = {
        "x": Block(1, 0, "$X$", "data"),
        "q": Block(0, 1, "$Q = X W_Q$"),
        "k": Block(1, 1, "$K = X W_K$"),
        "v": Block(2, 1, "$V = X W_V$"),
        "scores": Block(0.5, 2.1, "$QK^T / \\sqrt{D}$"),
        "mask": Block(0.5, 3.1, "mask:\nfuture to $-\\infty$"),
        "softmax": Block(0.5, 4.1, "softmax\nof each row"),
        "product": Block(1.25, 5.2, "weights times $V$"),
        "out": Block(1.25, 6.2, "output", "data"),
    }
    arrows = [
        *(Arrow("x", name, "T x C" if name == "k" else "") for name in "qkv"),
        Arrow("q", "scores", "T x D"),
        Arrow("k", "scores", "T x D"),
        Arrow("scores", "mask", "T x T"),
        Arrow("mask", "softmax", "T x T"),
        Arrow("softmax", "product", "T x T"),
        Arrow("v", "product", "T x D"),
        Arrow("product", "out", "T x D"),
    ]
    return diagram(blocks, arrows)


def plot_gpt_block() -> "Figure":
    """Draw a GPT: embeddings, one of its blocks with both residual connections, and the head.

    Returns:
        A Matplotlib `Figure`: T positions, C channels, V tokens.

    References:
        Language Models are Unsupervised Multitask Learners, Radford et al., 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> from keras_course.language import plot_gpt_block
        >>> len(plot_gpt_block().axes)
        1
    """
    blocks = {
        "tokens": Block(0, 0, "tokens", "data"),
        "embed": Block(0, 1, "embeddings of\ntoken, position"),
        "norm1": Block(0, 2.2, "layer norm"),
        "attention": Block(0, 3.2, "causal\nself-attention"),
        "plus1": Block(0, 4.2, "+", "operation"),
        "norm2": Block(1.75, 4.2, "layer norm"),
        "mlp": Block(1.75, 3.2, "MLP\nC to 4C to C"),
        "plus2": Block(1.75, 2.2, "+", "operation"),
        "head": Block(1.75, 1, "layer norm,\nhead"),
        "logits": Block(1.75, 0, "logits", "data"),
    }
    arrows = [
        Arrow("tokens", "embed", "T"),
        Arrow("embed", "norm1", "T x C"),
        Arrow("norm1", "attention"),
        Arrow("attention", "plus1"),
        Arrow("embed", "plus1", "", -0.6),
        Arrow("plus1", "norm2", "T x C"),
        Arrow("norm2", "mlp"),
        Arrow("mlp", "plus2"),
        Arrow("plus1", "plus2", "", 0.88),
        Arrow("plus2", "head", "T x C"),
        Arrow("head", "logits", "T x V"),
    ]
    return diagram(blocks, arrows, title="GPT with one of its L blocks")


@validate(tokens=strings)
def plot_window(tokens: Sequence[str]) -> "Figure":
    """Draw the training examples in one window: T + 1 tokens give T contexts, each with its target.

    Args:
        tokens: T + 1 strings, at least two.

    Returns:
        A Matplotlib `Figure` with a row for each example.

    Raises:
        ValueError: `tokens` holds fewer than two strings.

    Example:
        >>> from keras_course.language import plot_window
        >>> len(plot_window("GPT").axes[0].get_yticks())
        2
    """
    count = _at_least_two(tokens) - 1
    figure, (ax,) = panels(0.55 * count + 3.2, 0.42 * count + 1)
    for t in range(1, count + 1):
        for i, token in enumerate(tokens[: t + 1]):
            _cell(ax, i, t, visible(token), _NEW if i == t else _OLD)
    ax.text(count + 0.8, 1, "context", bbox={"facecolor": _OLD, "edgecolor": "#777777"}, va="center", fontsize=10)
    ax.text(count + 0.8, 2, "target", bbox={"facecolor": _NEW, "edgecolor": "#777777"}, va="center", fontsize=10)
    ax.set(xlim=(-0.6, count + 2.8), ylim=(count + 0.6, 0.4), xlabel="position in the window", ylabel="example t")
    ax.set_xticks(range(count + 1), range(1, count + 2))
    ax.set_yticks(range(1, count + 1))
    return figure


@validate(tokens=strings)
def plot_kv_cache(tokens: Sequence[str]) -> "Figure":
    """Draw the key-value cache before and after the last of some tokens.

    Args:
        tokens: at least two strings; the keys and values of all but the last are in the cache.

    Returns:
        A Matplotlib `Figure` with two panels. What is computed for the last token has another color, and lines connect
        its query with the keys.

    Raises:
        ValueError: `tokens` holds fewer than two strings.

    Example:
        >>> from keras_course.language import plot_kv_cache
        >>> [ax.get_title() for ax in plot_kv_cache("GPT").axes]
        ['before the token', 'after the token']
    """
    last = _at_least_two(tokens) - 1
    figure, axes = panels(7, 2.9, columns=2)
    for ax, title in zip(axes, ("before the token", "after the token"), strict=True):
        after = title.startswith("after")
        for i, token in enumerate(tokens):
            color = _OLD if i < last else _NEW if after else _EMPTY
            for row, text in enumerate((visible(token), f"$k_{{{i + 1}}}$", f"$v_{{{i + 1}}}$")):
                _cell(ax, i, row + (row > 0), text if i < last or after else "", color)
        if after:
            _cell(ax, last, 1, f"$q_{{{last + 1}}}$", _NEW)
            for i in range(last + 1):
                ax.plot([last, i], [1.36, 1.64], color="#b9770e", linewidth=1)
        ax.set(xlim=(-0.6, last + 0.6), ylim=(3.6, -0.6), title=title, xlabel="position")
        ax.set_xticks(range(last + 1), range(1, last + 2))
        ax.set_yticks(range(4), ["token", "query", "keys", "values"], fontsize=10)
        ax.tick_params(length=0)
    return figure


def _at_least_two(tokens):
    if len(tokens) < 2:
        raise ValueError(f"tokens must hold at least 2 strings, got {len(tokens)}")
    return len(tokens)


def _cell(ax, column, row, text, color):
    """Draw a square of the grid with a text in it."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((column - 0.44, row - 0.36), 0.88, 0.72, facecolor=color, edgecolor="#777777"))
    ax.text(column, row, text, ha="center", va="center", fontsize=11)
