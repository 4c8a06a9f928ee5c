"""Curves over a common axis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_row, mapping, string, whole_number
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


def line_panels(
    curves: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    style: str = "-",
    columns: int | None = None,
    **axes: object,
) -> "Figure":
    """Draw a panel of curves for each title. The curves of one label have one color, and one legend names them.

    Args:
        curves: title of a panel to label of a curve to (x, y). Each curve has its own x.
        style: Matplotlib's format of a line, such as "-" or "o-".
        columns: number of panels in a row. Default: all, at most four.
        axes: arguments of `Axes.set` for every panel, such as `xlabel`, `ylabel` (with the unit), `yscale`, `ylim`.

    Returns:
        A Matplotlib `Figure`. The panels share their axes.

    Raises:
        ValueError: there is no panel, a panel has no curve, or x and y of a curve differ in length.

    Example:
        >>> from keras_course import plots
        >>> curves = {"line": {"f": ([0, 1], [0, 1])}, "parabola": {"f": ([0, 1, 2], [0, 1, 4])}}
        >>> [axes.get_title() for axes in plots.line_panels(curves, xlabel="x").axes]
        ['line', 'parabola']
    """
    mapping(curves=curves)
    string(style=style)
    columns = min(len(curves), 4) if columns is None else columns
    whole_number(1, columns=columns)
    for title, panel in curves.items():
        mapping(**{f"curves[{title!r}]": panel})
        for label, curve in panel.items():
            name = f"curves[{title!r}][{label!r}]"
            if not isinstance(curve, tuple | list) or len(curve) != 2:
                raise ValueError(f"{name} must be a pair (x, y), got {curve!r}")
            x, y = (as_row(name, part, gaps=True) for part in curve)
            if len(x) != len(y):
                raise ValueError(f"{name} has {len(x)} values of x and {len(y)} values of y")
    labels = list(dict.fromkeys(label for panel in curves.values() for label in panel))
    rows = -(-len(curves) // columns)
    figure, axes_of = panels(3 * columns + 0.4, 2.7 * rows + 0.4, rows, columns)
    for i, (ax, (title, panel)) in enumerate(zip(axes_of, curves.items(), strict=False)):
        if i:
            ax.sharex(axes_of[0])
            ax.sharey(axes_of[0])
        for label, (x, y) in panel.items():
            ax.plot(x, y, style, color=f"C{labels.index(label)}", label=label)
        ax.set(title=title, **axes)
        if i % columns:
            ax.set_ylabel("")
    for ax in axes_of[len(curves) :]:
        ax.remove()
    handles = {text: line for ax in figure.axes for line, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    if len(handles) > 1:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
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
