"""Figures of lecture 8."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_row, finite, positive, strings, whole_number
from keras_course.plots import Arrow, Block, diagram, panels, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
