"""Figures of lecture 3."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.autodiff._shape import ShapeRun
from keras_course.plots import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_tape(steps: Sequence) -> "Figure":
    """Draw a chain of steps, each computed from the one before: values above, adjoints below.

    Args:
        steps: in the order of computation, anything with a `name`, a `value`, an `adjoint` (the derivative of the last
            value with respect to this one) and `parents`, a list of (step, derivative), as the tutorial builds by hand.

    Returns:
        A Matplotlib `Figure`. Values are black, derivatives of single steps gray and adjoints red.

    Raises:
        ValueError: `steps` is empty, or a step is not computed from the step before.

    Example:
        >>> import types
        >>> from keras_course.autodiff import plot_tape
        >>> x = types.SimpleNamespace(name="x", value=2.0, adjoint=3.0, parents=[])
        >>> y = types.SimpleNamespace(name="times 3", value=6.0, adjoint=1.0, parents=[(x, 3.0)])
        >>> [text.get_text() for text in plot_tape([x, y]).axes[0].texts][-3:]
        ['times 3', '6.000', '1.000']
    """
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not len(steps):
        raise ValueError(f"steps={steps!r} must be a list of steps, at least one")
    if not all(hasattr(step, name) for step in steps for name in ("name", "value", "adjoint", "parents")):
        raise ValueError(f"steps={steps!r} must have the attributes name, value, adjoint and parents")
    figure, (ax,) = panels(8, 1.8)
    ax.axis("off")
    ax.set(xlim=(-1.3, len(steps) - 0.6), ylim=(-0.7, 0.7))
    centered = {"ha": "center", "va": "center"}
    for height, text, color in ((0.5, "value", "k"), (0.16, "derivative of the step", "gray"), (-0.5, "adjoint", "C3")):
        ax.text(-0.3, height, text, ha="right", va="center", color=color)
    for i, step in enumerate(steps):
        if i:
            slopes = [derivative for parent, derivative in step.parents if parent is steps[i - 1]]
            if not slopes:
                raise ValueError(f"steps[{i}], {step.name!r}, is not computed from the one before it.")
            ax.text(i - 0.5, 0.16, f"{sum(slopes):.3f}", color="gray", **centered)
            ax.annotate("", (i - 0.3, 0), (i - 0.7, 0), arrowprops={"arrowstyle": "->"})
            ax.annotate("", (i - 0.7, -0.5), (i - 0.3, -0.5), arrowprops={"arrowstyle": "->", "color": "C3"})
        ax.text(i, 0, step.name, bbox={"boxstyle": "round,pad=0.5", "facecolor": "white"}, **centered)
        ax.text(i, 0.5, f"{step.value:.3f}", **centered)
        ax.text(i, -0.5, f"{step.adjoint:.3f}", color="C3", **centered)
    return figure


def plot_wind_tunnel(run: ShapeRun) -> "Figure":
    """Draw a shape that is optimized in a wind tunnel: at the start, in the middle, at the end, and how it improved.

    Args:
        run: what `keras_course.autodiff.optimize_shape` returns.

    Returns:
        A Matplotlib `Figure` of four panels. Smoke is orange and blue, the obstacle black; gray is half solid.

    Raises:
        ValueError: obstacle and smoke do not have one shape `(3, H, W)`.

    Example:
        >>> from keras_course.autodiff import optimize_shape, plot_wind_tunnel
        >>> figure = plot_wind_tunnel(optimize_shape((8, 12), steps=2, num_steps=1, num_sweeps=1))
        >>> figure.axes[3].get_xlabel()
        'step of gradient ascent'
    """
    if not isinstance(run, ShapeRun):
        raise ValueError(f"run={run!r} must be what keras_course.autodiff.optimize_shape returns")
    fields = [np.asarray(field, "float64") for field in (run.upper, run.lower, run.obstacle)]
    shapes = [field.shape for field in fields]
    if len(set(shapes)) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 3:
        raise ValueError(f"run holds smoke and obstacle of shapes {shapes}; all must have one shape (3, H, W).")
    colors = np.array([[0.95, 0.6, 0.1], [0.2, 0.5, 0.8], [0, 0, 0]])
    images = np.ones((*shapes[0], 3))  # white
    for field, color in zip(fields, colors, strict=True):
        opacity = np.clip(field, 0, 1)[..., None]
        images = (1 - opacity) * images + opacity * color
    figure, axes = panels(8, 5.6, 2, 2)
    for ax, image, name, step in zip(axes, images, ("start", "middle", "end"), run.moments, strict=False):
        ax.imshow(image)
        ax.set_title(f"{name}, step {step}: lift/drag {run.lift_over_drag[step]:.3f}", fontsize=11)
        ax.set_xlabel("column (cells); wind to the right")
        ax.set_ylabel("row (cells)")
    curve = axes[3]
    curve.plot(run.lift_over_drag, color="black")
    curve.plot(run.moments, [run.lift_over_drag[step] for step in run.moments], "o", color="black")
    curve.set_xlabel("step of gradient ascent")
    curve.set_ylabel("lift / drag")
    curve.grid(alpha=0.3)
    return figure
