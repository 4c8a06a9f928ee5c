"""Figures of lecture 8."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_row, finite, positive, strings, whole_number
from keras_course.plots import panels, visible

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
