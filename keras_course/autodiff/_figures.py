"""Figures of lecture 3."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.autodiff._shape import ShapeRun
from keras_course.checks import validate, whole
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_tape(steps: Sequence) -> "Figure":
    """Draw a tape as a computational graph, from the inputs at the top to the results at the bottom.

    Every step is a box with its formula, its value and its adjoint. The number on an arrow is the derivative of that
    single step. Above a step with several children stands how its adjoint is computed: the sum, over the children, of
    their adjoint times the number on the arrow.

    Args:
        steps: in the order of computation, anything with a `name`, a `formula`, a `value`, an `adjoint` (the derivative
            of the result with respect to this step) and `parents`, a list of (step, derivative), as the tutorial builds
            by hand. Parents that are not in `steps` are left out.

    Returns:
        A Matplotlib `Figure`. Values are black and adjoints red; derivatives of single steps stand on the arrows.

    Raises:
        ValueError: `steps` is empty, a step lacks an attribute, or a step stands before one of its parents.

    Example:
        >>> import types
        >>> from keras_course.autodiff import plot_tape
        >>> x = types.SimpleNamespace(name="x", formula="input", value=2.0, adjoint=3.0, parents=[])
        >>> y = types.SimpleNamespace(name="y", formula="3 * x", value=6.0, adjoint=1.0, parents=[(x, 3.0)])
        >>> [text.get_text().strip() for text in plot_tape([x, y]).axes[0].texts]
        ['x = input\\nvalue 2', 'y = 3 * x\\nvalue 6', '3', 'adjoint 3', 'adjoint 1']
    """
    if not isinstance(steps, Sequence) or isinstance(steps, str) or not len(steps):
        raise ValueError(f"steps={steps!r} must be a list of steps, at least one")
    if not all(hasattr(step, name) for step in steps for name in ("name", "formula", "value", "adjoint", "parents")):
        raise ValueError(f"steps={steps!r} must have the attributes name, formula, value, adjoint and parents")
    edges, places = _edges(steps), {}
    depths = _depths(steps, edges)
    for row in range(max(depths) + 1):
        _place_row([i for i, depth in enumerate(depths) if depth == row], 1.6 * row, edges, places)
    blocks = {
        str(i): Block(*places[i], f"{step.name} = {step.formula}\nvalue {step.value:.3g}\n", "value")
        for i, step in enumerate(steps)
    }
    figure = diagram(blocks, [Arrow(str(p), str(c), f"{slope:.3g}") for (p, c), slope in edges.items()])
    for i, step in enumerate(steps):
        terms = [f"{steps[c].adjoint:.3g} · {slope:.3g}" for (p, c), slope in edges.items() if p == i]
        _write_adjoint(figure.axes[0], *places[i], step, terms)
    return figure


def _edges(steps):
    """Return {(number of a parent, number of a child): derivative}, the derivatives of several uses added up."""
    numbers, edges = {id(step): i for i, step in enumerate(steps)}, {}
    for i, step in enumerate(steps):
        for parent, derivative in step.parents:
            j = numbers.get(id(parent))
            if j is not None and j >= i:
                raise ValueError(f"steps[{i}], {step.name!r}, must stand after its parent steps[{j}]")
            if j is not None:
                edges[j, i] = edges.get((j, i), 0) + derivative
    return edges


def _depths(steps, edges):
    """Return the length of the longest path from an input to each step: its row."""
    depths = []
    for i in range(len(steps)):
        depths.append(max((depths[parent] + 1 for parent, child in edges if child == i), default=0))
    return depths


def _place_row(row, height, edges, places):
    """Put each step of a row below the middle of its parents, at least one column from its neighbors."""
    wanted = {i: [places[parent][0] for parent, child in edges if child == i] or [0] for i in row}
    wanted = {i: sum(x) / len(x) for i, x in wanted.items()}
    row, columns = sorted(row, key=wanted.get), []
    for i in row:
        columns.append(max([wanted[i], *(x + 1 for x in columns[-1:])]))
    shift = sum(wanted[i] - x for i, x in zip(row, columns, strict=True)) / len(row)
    places.update({i: (x + shift, height) for i, x in zip(row, columns, strict=True)})


def _arrow(ax, start, end, color):
    style = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


def _write_adjoint(ax, x, y, step, terms):
    """Write the adjoint in the third line of a block and, above a block with several children, how it is computed."""
    style = {"ha": "center", "va": "center", "fontsize": 10.5, "color": "C3", "zorder": 4}  # as `diagram`
    ax.text(x, y, f"\n\nadjoint {step.adjoint:.3g}", linespacing=1.05, **style)
    if len(terms) > 1:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(x, y - 0.6, f"{' + '.join(terms)} = {step.adjoint:.3g}", bbox=box, **style)


@validate(num_steps=whole(1, 4))
def plot_chain(num_steps) -> "Figure":
    """Draw a program that repeats a step F, with its states forward and their adjoints backward.

    Args:
        num_steps: number of steps, from 1 to 4.

    Returns:
        A Matplotlib `Figure`: states s, steps F, the result R and the parameter m that all steps read. Black arrows
        are the forward pass, red arrows the backward pass.

    Raises:
        ValueError: `num_steps` is not an integer from 1 to 4.

    Example:
        >>> from keras_course.autodiff import plot_chain
        >>> [text.get_text() for text in plot_chain(1).axes[0].texts if text.get_text()]
        ['$s_0$', '$F$', '$s_1$', '$R$', '$m$', '$u_1$', '$u_0$', 'forward', 'backward']
    """
    names = [part for t in range(num_steps) for part in (f"$s_{t}$", "$F$")] + [f"$s_{num_steps}$", "$R$"]
    figure, (ax,) = panels(1.0 * len(names), 2.5)
    ax.set(xlim=(-0.6, len(names) - 0.4), ylim=(-1.7, 0.8))
    ax.set_axis_off()
    centered, middle = {"ha": "center", "va": "center", "fontsize": 13, "zorder": 3}, (len(names) - 2) / 2
    box = {"boxstyle": "round,pad=0.35", "edgecolor": "#777777"}
    for i, name in enumerate(names):
        color = {"$F$": "#dbe9f6", "$R$": "#fbe0dc"}.get(name, "#f4f4f4")
        ax.text(i, 0, name, bbox=box | {"facecolor": color}, **centered)
    ax.text(middle, -1.35, "$m$", bbox=box | {"facecolor": "#e3f1df"}, **centered)
    for i in reversed(range(len(names) - 1)):
        _arrow(ax, (i + 0.27, 0.1), (i + 0.73, 0.1), "#444444")
        _arrow(ax, (i + 0.73, -0.1), (i + 0.27, -0.1), "C3")
        if names[i] == "$F$":
            _arrow(ax, (middle + 0.18 * (i - middle), -1.1), (i - 0.08, -0.3), "#444444")
            _arrow(ax, (i + 0.08, -0.3), (middle + 0.18 * (i - middle) + 0.16, -1.1), "C3")
        else:
            ax.text(i, -0.45, names[i].replace("s", "u"), color="C3", **centered)
    ax.text(-0.3, 0.55, "forward", color="#444444", ha="left", va="center", fontsize=12)
    ax.text(len(names) - 0.7, 0.55, "backward", color="C3", ha="right", va="center", fontsize=12)
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
