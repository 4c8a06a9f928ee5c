"""Figures of the pulse waves of a smart watch: the circuit, recordings, and two time constants."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, as_points, as_row, finite, mapping
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_windkessel() -> "Figure":
    """Draw the Windkessel as an electric circuit, and the finger that its pressure fills.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.uncertainty import plot_windkessel
        >>> len(plot_windkessel().axes)
        1
    """
    figure, (ax,) = panels(7.4, 2.7)
    ax.set(xlim=(-0.9, 8.6), ylim=(-0.75, 2.6), aspect="equal")
    ax.set_axis_off()
    wire = {"color": "#444444", "linewidth": 1.3, "zorder": 1}
    for x, y in (
        ([0, 0, 3.2], [1.35, 2, 2]), ([0, 0, 3.2], [0.65, 0, 0]), ([1.7, 1.7], [1.07, 2]), ([1.7, 1.7], [0, 0.93]),
        ([3.2, 3.2], [1.4, 2]), ([3.2, 3.2], [0, 0.6]), ([3.2, 4.4], [2, 2]), ([6.2, 7.1], [2, 2]),
    ):  # fmt: skip
        ax.plot(x, y, **wire)
    ax.plot(3.2 + 0.14 * np.array([0, 1, -1, 1, -1, 1, -1, 0]), np.linspace(1.4, 0.6, 8), **wire)  # resistor
    for y in (0.93, 1.07):  # capacitor
        ax.plot([1.42, 1.98], [y, y], **wire | {"linewidth": 2.4})
    _circle_and_boxes(ax)
    style = {"ha": "center", "va": "center", "fontsize": 10}
    ax.annotate("", (1.2, 2), (0.5, 2), arrowprops={"arrowstyle": "-|>", "color": "#2b6ca3"})
    for x, y, text in (
        (0.85, 2.28, "flow $Q$"), (2.6, 2.28, "pressure $P$"), (1.18, 1, "$C$"), (3.62, 1, "$R$"), (0, -0.4, "heart"),
        (1.7, -0.4, "arteries"), (3.2, -0.4, "capillaries"), (5.3, 1.2, r"$\tau_f dV/dt = P - V$"), (6.6, 2.28, "$V$"),
    ):  # fmt: skip
        ax.text(x, y, text, **style)
    return figure


def _circle_and_boxes(ax):
    """Draw the heart as a source of current, and the finger and the watch as boxes."""
    from matplotlib.patches import Circle, FancyBboxPatch

    ax.add_patch(Circle((0, 1), 0.35, facecolor="#fbe0dc", edgecolor="#b5402b", linewidth=1.3, zorder=2))
    ax.annotate("", (0, 1.25), (0, 0.75), arrowprops={"arrowstyle": "-|>", "color": "#b5402b"}, zorder=3)
    for left, text in ((4.4, "finger"), (7.1, "watch")):
        width = 1.8 if text == "finger" else 1.3
        box = FancyBboxPatch((left, 1.65), width, 0.7, "round,pad=0,rounding_size=0.08", facecolor="#dbe9f6")
        box.set(edgecolor="#2b6ca3", linewidth=1.3, zorder=2)
        ax.add_patch(box)
        ax.text(left + width / 2, 2, text, ha="center", va="center", fontsize=10, zorder=3)


def plot_recordings(time, signals: Mapping[str, np.ndarray]) -> "Figure":
    """Draw signals over time, one panel below the other.

    Args:
        time: in seconds, (T,).
        signals: label of the vertical axis, with the unit, to a signal (T,), or to several of one kind (S, T), the
            first of which is drawn in black and the others in a light color; up to six labels.

    Returns:
        A Matplotlib `Figure`. The panels share the axis of the time.

    Raises:
        ValueError: `signals` is empty or holds more than six, or the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_recordings
        >>> len(plot_recordings([0.0, 1.0], {"P (mmHg)": [80.0, 120.0], "V": np.ones((3, 2))}).axes)
        2
    """
    mapping(signals=signals)
    time = as_row("time", time)
    arrays = {label: np.atleast_2d(as_floats(f"signals[{label!r}]", rows)) for label, rows in signals.items()}
    for label, rows in arrays.items():
        finite(**{f"signals[{label!r}]": rows})
        if rows.ndim != 2 or rows.shape[1] != len(time) or not len(rows):
            raise ValueError(
                f"signals[{label!r}] has shape {rows.shape}; it must be ({len(time)},) or (S, {len(time)})"
            )
    if len(arrays) > 6:
        raise ValueError(f"signals has {len(arrays)} entries; it must have at most 6")
    figure, axes = panels(6.8, 1.5 * len(arrays) + 0.5, len(arrays), 1)
    for ax, (label, (first, *others)) in zip(axes, arrays.items(), strict=True):
        for row in others:
            ax.plot(time, row, color="C0", linewidth=0.8, alpha=0.4)
        ax.plot(time, first, color="black", linewidth=1.2)
        ax.set_ylabel(label, fontsize=9)
        ax.sharex(axes[0])
        ax.tick_params(labelbottom=ax is axes[-1])
    axes[-1].set_xlabel("time (s)")
    return figure


def plot_time_constants(time, wave, samples, solutions) -> "Figure":
    """Draw a pulse wave, and beside it samples of the time constants of arteries and finger.

    Args:
        time: in seconds, (T,).
        wave: recording in standard deviations, (T,).
        samples: R C and tau_f in seconds, positive, (S, 2); the axes are logarithmic.
        solutions: pairs that cause the wave, (K, 2), drawn as crosses.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    Example:
        >>> from keras_course.uncertainty import plot_time_constants
        >>> len(plot_time_constants([0.0, 1.0], [0.0, 1.0], [[0.6, 0.2]], [[0.6, 0.2], [0.2, 0.6]]).axes)
        2
    """
    time, wave = as_row("time", time), as_row("wave", wave)
    samples, solutions = as_points(samples, 2, name="samples"), as_points(solutions, 2, name="solutions")
    if len(wave) != len(time):
        raise ValueError(f"wave has {len(wave)} entries; it must have {len(time)}, as time has")
    figure, (left, right) = panels(8.4, 3.0, 1, 2)
    left.plot(time, wave, color="black", linewidth=1.2)
    left.set(xlabel="time (s)", ylabel="recording (deviations)")
    right.plot(*samples.T, ".", markersize=2, alpha=0.3, label="samples of the posterior")
    right.plot(*solutions.T, "x", color="black", markersize=9, markeredgewidth=2, label="exact solutions")
    both = np.concatenate([samples, solutions])
    ends = 0.8 * both.min(), 1.25 * both.max()
    right.plot(ends, ends, "--", color="0.6", linewidth=0.8, label="equal time constants")
    right.set(xlabel="arteries, $R C$ (s)", ylabel="finger, $\\tau_f$ (s)", xscale="log", yscale="log")
    right.set(xlim=ends, ylim=ends)
    right.legend(frameon=False, fontsize=8, loc="upper right")
    return figure
