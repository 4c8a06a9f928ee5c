"""Figures of lecture 2."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_course.checks import validate, wholes
from keras_course.plots import Arrow, Block, diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_unit() -> "Figure":
    """Draw one unit: inputs times weights, a sum with a bias, and an activation.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.perceptron import plot_unit
        >>> len(plot_unit().axes)
        1
    """
    blocks = {f"x{i}": Block(0, i - 1, f"$x_{i}$", "operation") for i in (1, 2, 3)}
    blocks |= {
        "b": Block(1.1, -0.25, "$b$", "operation"),
        "z": Block(1.1, 1, "$\\Sigma$", "operation"),
        "h": Block(2.2, 1, "activation\n$\\sigma$"),
        "y": Block(3.3, 1, "$h=\\sigma(w^T x+b)$", "text"),
    }
    arrows = [Arrow(f"x{i}", "z", f"$w_{i}$") for i in (1, 2, 3)]
    return diagram(blocks, [*arrows, Arrow("b", "z"), Arrow("z", "h", "$z$"), Arrow("h", "y")])


@validate(sizes=wholes(1))
def plot_network(sizes: Sequence[int] = (3, 4, 4, 2)) -> "Figure":
    """Draw a multi-layer perceptron: a circle for each unit, an arrow for each weight.

    Args:
        sizes: numbers of inputs, of units of each hidden layer, and of outputs: at most six numbers of at most eight.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: there are fewer than two numbers or more than six, or one of them is out of range.

    Example:
        >>> from keras_course.perceptron import plot_network
        >>> figure = plot_network((3, 4, 2))
        >>> [text.get_text() for text in figure.axes[0].texts][:4]
        ['$x_1$', '$x_2$', '$x_3$', 'inputs']
    """
    if not 2 <= len(sizes) <= 6 or max(sizes) > 8:
        raise ValueError(f"sizes={tuple(sizes)!r} must be two to six numbers from 1 to 8")
    blocks, arrows = {}, []
    last = len(sizes) - 1
    for layer, size in enumerate(sizes):
        symbol = {0: "x", last: "y"}.get(layer, "h")
        for unit in range(size):
            blocks[f"{layer}.{unit}"] = Block(layer, unit - (size - 1) / 2, f"${symbol}_{unit + 1}$", "operation")
            arrows += [Arrow(f"{layer - 1}.{other}", f"{layer}.{unit}") for other in range(sizes[layer - 1]) if layer]
        heads = {0: "inputs", last: "outputs"}
        title = heads.get(layer, f"hidden\nlayer {layer}")
        blocks[f"title of {layer}"] = Block(layer, -(max(sizes) + 1) / 2 - 0.3, title, "text")
    return diagram(blocks, arrows)
