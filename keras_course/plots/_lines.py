"""Curves over a common axis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_row, mapping, string
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lines(x: Sequence, curves: Mapping[str, Sequence[float]], *, style: str = "-", **axes: object) -> "Figure":
    """Draw curves over a common axis.

    Args:
        x: numbers, or strings, which are drawn at equal distances.
        curves: label to heights, as many as x has.
        style: Matplotlib's format of a line, such as "-" or "o-".
        axes: arguments of `Axes.set`, such as `xlabel`, `ylabel` (with the unit), `xscale`, `ylim` and `title`.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `curves` is empty, or a curve and x differ in length.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.lines([1, 2, 3], {"squares": [1, 4, 9]}, xlabel="side (m)", ylabel="area (m^2)")
        >>> figure.axes[0].get_ylabel()
        'area (m^2)'
    """
    mapping(curves=curves)
    string(style=style)
    x = np.asarray(x)
    if x.ndim != 1 or not len(x) or x.dtype.kind not in "biufU" or (x.dtype.kind == "f" and not np.isfinite(x).all()):
        raise ValueError(
            f"x must be finite numbers or strings, at least one; it has shape {x.shape} and type {x.dtype}"
        )
    curves = {label: as_row(f"curves[{label!r}]", y, gaps=True) for label, y in curves.items()}
    figure, (ax,) = panels(6.5, 3.4)
    for label, y in curves.items():
        if len(y) != len(x):
            raise ValueError(f"curves[{label!r}] has {len(y)} points, and x has {len(x)}.")
        ax.plot(x, y, style, label=label)
    ax.set(**axes)
    ax.legend(frameon=False)
    return figure


def loss_curves(
    histories: Mapping[str, Mapping[str, Sequence[float]]], *, unit: str = "nats/token", title: str = ""
) -> "Figure":
    """Draw the loss of one or more training runs over their steps.

    Args:
        histories: label to history: a dict with the columns `loss`, `val_loss` or both, and `step`, as `Run.history`
            and Keras's `History.history` are. Without `step` the horizontal axis counts epochs.
        unit: unit of the loss.
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`: dashed lines for the training loss, solid lines for the validation loss. If all lines are
        of one kind, the label of the vertical axis names the kind, and the legend has the labels only.

    Raises:
        ValueError: `histories` is empty, or a history has neither column.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.loss_curves({"GPT": {"step": [100, 200], "loss": [2.9, 2.5], "val_loss": [2.8, 2.4]}})
        >>> figure.axes[0].get_xlabel()
        'training step'
    """
    mapping(histories=histories)
    string(unit=unit, title=title)
    kinds = {"loss": "training", "val_loss": "validation"}
    for label, history in histories.items():
        mapping(**{f"histories[{label!r}]": history})
        if not kinds.keys() & history.keys():
            raise ValueError(f"histories[{label!r}] has the columns {sorted(history)}, but no loss and no val_loss.")
        columns = [
            as_row(f"histories[{label!r}][{name!r}]", history[name], gaps=True)
            for name in ("step", *kinds)
            if name in history
        ]
        if len({len(column) for column in columns}) > 1:
            raise ValueError(f"histories[{label!r}] has columns of {[len(column) for column in columns]} entries")
    drawn = [name for name in kinds if any(name in history for history in histories.values())]
    figure, (ax,) = panels(7, 4.2)
    for i, (label, history) in enumerate(histories.items()):
        for name in (name for name in drawn if name in history):
            x = history.get("step", np.arange(1, len(history[name]) + 1))
            style, marker = "-" if name == "val_loss" else "--", "o" if len(x) < 30 else ""
            text = label if len(drawn) == 1 else f"{label}, {kinds[name]}"
            ax.plot(x, history[name], style, color=f"C{i}", marker=marker, markersize=3, label=text)
    ax.set_xlabel("training step" if all("step" in history for history in histories.values()) else "epoch")
    ax.set_ylabel(f"loss ({unit})" if len(drawn) == 2 else f"{kinds[drawn[0]]} loss ({unit})")
    ax.set_title(title)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return figure
