"""Diagrams as a lecturer draws them on the board: blocks, and arrows with shapes on them.

Blocks stand on a grid. A column is 1.5 inches wide and a row 0.72 inches high, so a diagram of at most four columns can
be read on a phone.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from keras_course.checks import finite, number, one_of, string, validate, whole
from keras_course.plots._canvas import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN, ROW, FONT = 1.5, 0.72, 10.5  # inches, inches, points
_KINDS = {  # kind: (color of the area, color of the edge, width and height in parts of the grid)
    "data": ("#f4f4f4", "#777777", 0.8, 0.62),
    "value": ("#f4f4f4", "#777777", 0.9, 0.86),  # three lines of text
    "layer": ("#dbe9f6", "#2b6ca3", 0.86, 0.62),
    "weight": ("#e3f1df", "#3c8031", 0.8, 0.62),
    "loss": ("#fbe0dc", "#b5402b", 0.8, 0.62),
    "operation": ("#fdebd0", "#b9770e", 0.26, 0.54),  # a circle
    "text": ("none", "none", 0.9, 0.5),
}


class Block(NamedTuple):
    """One block of a diagram.

    Args:
        x, y: position of its center on the grid, columns to the right and rows down.
        text: what stands in it; a line break starts a new line.
        kind: "data", "value" (three lines of text), "layer", "weight", "loss", "operation" (a circle, such as "+") or
            "text" (without a box).
    """

    x: float
    y: float
    text: str
    kind: str = "layer"


class Arrow(NamedTuple):
    """One arrow of a diagram.

    Args:
        start, end: names of blocks.
        text: such as the shape of what flows along it.
        bend: 0 draws a straight arrow. Otherwise the arrow leaves its block sideways, runs up or down so many columns
            to the right (to the left if negative), and comes back: a skip connection.
    """

    start: str
    end: str
    text: str = ""
    bend: float = 0.0


def diagram(blocks: Mapping[str, Block], arrows: Iterable[Arrow | tuple] = (), *, title: str = "") -> "Figure":
    """Draw a diagram of an architecture or of a data flow.

    Args:
        blocks: name to `Block`, or to a tuple of its arguments.
        arrows: each an `Arrow`, or a tuple of its arguments.
        title: title of the figure.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there is no block, a block has an unknown kind or no position, or an arrow names no block.

    Example:
        >>> from keras_course import plots
        >>> blocks = {"x": (0, 0, "image", "data"), "conv": (0, 1, "conv 5x5"), "y": (0, 2, "maps", "data")}
        >>> figure = plots.diagram(blocks, [("x", "conv", "28 x 28 x 1"), ("conv", "y", "24 x 24 x 6")])
        >>> len(figure.axes[0].patches)        # three blocks and two arrows
        5
    """
    blocks, arrows = _check(blocks, arrows)
    string(title=title)
    bends = [blocks[arrow.start].x + arrow.bend for arrow in arrows if arrow.bend]
    left, right = (extreme([*(block.x for block in blocks.values()), *bends]) for extreme in (min, max))
    top, bottom = (extreme(block.y for block in blocks.values()) for extreme in (min, max))
    width, height = right - left + 1, bottom - top + 1
    figure, (ax,) = panels(COLUMN * width, ROW * height + 0.3 * bool(title))
    ax.set(xlim=(left - 0.5, right + 0.5), ylim=(bottom + 0.5, top - 0.5), title=title)
    ax.set_axis_off()
    patches = {name: _draw_block(ax, block) for name, block in blocks.items()}
    for arrow in arrows:
        _draw_arrow(ax, arrow, blocks, patches)
    return figure


@validate(per_column=whole(1))
def chain(stages: Sequence[tuple[str, str, str]], *, per_column: int = 20) -> "Figure":
    """Draw stages one after the other, from top to bottom.

    Args:
        stages: of each its text (all differ), its kind (see `Block`), and the text of the arrow to the next stage.
        per_column: number of stages below each other; more continue at the top of another column.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: a stage is not three strings, two have the same text, or a kind is unknown.

    Example:
        >>> from keras_course import plots
        >>> figure = plots.chain([("image", "data", "28 x 28"), ("conv 5x5", "layer", "24 x 24"), ("map", "data", "")])
        >>> len(figure.axes[0].patches)        # three blocks and two arrows
        5
    """
    if not isinstance(stages, list | tuple) or not stages:
        raise ValueError(f"stages={stages!r} must be a list of (text, kind, text of the arrow to the next stage)")
    for i, stage in enumerate(stages):
        if not isinstance(stage, list | tuple) or len(stage) != 3 or not all(isinstance(part, str) for part in stage):
            raise ValueError(f"stages[{i}]={stage!r} must be (text, kind, text of the arrow to the next stage)")
    blocks = {
        text: Block(1.9 * (i // per_column), 1.2 * (i % per_column), text, kind)
        for i, (text, kind, _) in enumerate(stages)
    }
    if len(blocks) < len(stages):
        raise ValueError(f"stages={stages!r} must have different texts")
    return diagram(blocks, [Arrow(stage[0], following[0], stage[2]) for stage, following in itertools.pairwise(stages)])


def _check(blocks, arrows):
    """Return the blocks and arrows as `Block`s and `Arrow`s."""
    if not isinstance(blocks, Mapping) or not blocks:
        raise ValueError(f"blocks={blocks!r} must be a dict with a Block for each name")
    blocks = {name: _made(Block, f"blocks[{name!r}]", entry) for name, entry in blocks.items()}
    for name, block in blocks.items():
        finite(**{f"blocks[{name!r}].x": block.x, f"blocks[{name!r}].y": block.y})
        string(**{f"blocks[{name!r}].text": block.text})
        one_of(_KINDS, **{f"blocks[{name!r}].kind": block.kind})
    if isinstance(arrows, str | Mapping) or not isinstance(arrows, Iterable):
        raise ValueError(f"arrows={arrows!r} must be a list of Arrows")
    arrows = [_made(Arrow, f"arrows[{i}]", entry) for i, entry in enumerate(arrows)]
    for i, arrow in enumerate(arrows):
        one_of(blocks, **{f"arrows[{i}].start": arrow.start, f"arrows[{i}].end": arrow.end})
        string(**{f"arrows[{i}].text": arrow.text})
        number(**{f"arrows[{i}].bend": arrow.bend})
    return blocks, arrows


def _made(kind, name, entry):
    try:
        return kind(*entry)
    except TypeError as error:
        raise ValueError(f"{name}={entry!r} must be a {kind.__name__}: {', '.join(kind._fields)}") from error


def _draw_block(ax, block):
    """Draw a block and return its patch, at whose edge arrows end."""
    from matplotlib.patches import Ellipse, FancyBboxPatch

    area, edge, width, height = _KINDS[block.kind]
    style = {"facecolor": area, "edgecolor": edge, "linewidth": 1.2, "zorder": 2}
    if block.kind == "operation":
        patch = Ellipse((block.x, block.y), width, height, **style)
    else:
        corner = (block.x - width / 2, block.y - height / 2)
        patch = FancyBboxPatch(
            corner, width, height, boxstyle="round,pad=0,rounding_size=0.08", mutation_aspect=COLUMN / ROW, **style
        )
    ax.add_patch(patch)
    ax.text(block.x, block.y, block.text, ha="center", va="center", fontsize=FONT, zorder=3, linespacing=1.05)
    return patch


def _draw_arrow(ax, arrow, blocks, patches):
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    start, end = blocks[arrow.start], blocks[arrow.end]
    style = {"arrowstyle": "-|>", "mutation_scale": 11, "color": "#444444", "linewidth": 1.2, "zorder": 1}
    if arrow.bend:
        out = start.x + arrow.bend
        edges = [block.x + (0.5 if out > block.x else -0.5) * _KINDS[block.kind][2] for block in (start, end)]
        path = Path([(edges[0], start.y), (out, start.y), (out, end.y), (edges[1], end.y)])
        ax.add_patch(FancyArrowPatch(path=path, joinstyle="round", **style))
        where, align = (out, (start.y + end.y) / 2), "center"
    else:
        points = (start.x, start.y), (end.x, end.y)
        ends = {"patchA": patches[arrow.start], "patchB": patches[arrow.end], "shrinkA": 0, "shrinkB": 0}
        ax.add_patch(FancyArrowPatch(*points, **ends, **style))
        beside = 0.05 if start.x == end.x else 0.0  # the text of a vertical arrow stands to its right
        where, align = ((start.x + end.x) / 2 + beside, (start.y + end.y) / 2), "left" if beside else "center"
    if arrow.text:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(*where, arrow.text, ha=align, va="center", fontsize=FONT - 1.5, color="#333333", bbox=box, zorder=4)
