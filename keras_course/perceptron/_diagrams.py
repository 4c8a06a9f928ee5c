"""Diagrams of lecture 2: one unit, networks, and the computational graph of backpropagation."""

from collections.abc import Sequence
from itertools import pairwise
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
        "z": Block(1.1, 1, "+", "operation"),
        "h": Block(2.2, 1, "activation\n$\\phi$"),
        "y": Block(3.3, 1, "$h=\\phi(w \\cdot x+b)$", "text"),
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
        symbol = {0: "x_", last: "f_"}.get(layer, f"h_{{{layer},")
        closing = "" if layer in (0, last) else "}"
        for unit in range(size):
            blocks[f"{layer}.{unit}"] = Block(
                layer, unit - (size - 1) / 2, f"${symbol}{unit + 1}{closing}$", "operation"
            )
            arrows += [Arrow(f"{layer - 1}.{other}", f"{layer}.{unit}") for other in range(sizes[layer - 1]) if layer]
        heads = {0: "inputs", last: "outputs"}
        title = heads.get(layer, f"hidden\nlayer {layer}")
        blocks[f"title of {layer}"] = Block(layer, -(max(sizes) + 1) / 2 + 0.05, title, "text")
    return diagram(blocks, arrows)


def plot_xor() -> "Figure":
    """Draw the network of two hidden threshold units that computes exclusive or, with its weights and biases.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.perceptron import plot_xor
        >>> len(plot_xor().axes)
        1
    """
    blocks = {
        "x1": Block(0, 0, "$x_1$", "operation"),
        "x2": Block(0, 2, "$x_2$", "operation"),
        "or": Block(1.3, 0, "$h_1$: or\nbias $-0.5$"),
        "and": Block(1.3, 2, "$h_2$: and\nbias $-1.5$"),
        "xor": Block(2.6, 1, "$y$: xor\nbias $-0.5$"),
    }
    into = [Arrow(x, h) for x in ("x1", "x2") for h in ("or", "and")]
    return diagram(blocks, [*into, Arrow("or", "xor", "$+1$"), Arrow("and", "xor", "$-1$")])


def plot_backpropagation() -> "Figure":
    """Draw the computational graph of a network of two layers: values from top to bottom, adjoints back up.

    Returns:
        A Matplotlib `Figure`: parameters on the left, values in the middle, adjoints on the right.

    Example:
        >>> from keras_course.perceptron import plot_backpropagation
        >>> len(plot_backpropagation().axes)
        1
    """
    values = {
        "x": "$x$",
        "z": "$z=xW_1+b_1$",
        "h": "$h=\\phi(z)$",
        "f": "$f=hW_2+b_2$",
        "loss": "$\\hat R$",
    }
    blocks = {
        name: Block(1.35, i, text, "loss" if name == "loss" else "layer")
        for i, (name, text) in enumerate(values.items())
    }
    blocks["x"] = blocks["x"]._replace(kind="data")
    blocks |= {"W1": Block(0, 1, "$W_1,\\ b_1$", "weight"), "W2": Block(0, 3, "$W_2,\\ b_2$", "weight")}
    blocks["y"] = Block(0, 4, "$y$", "data")
    adjoints = {"z": "$\\bar z=\\bar h \\odot \\phi'(z)$", "h": "$\\bar h=\\bar f\\, W_2^T$", "f": "$\\bar f=(p-Y)/N$"}
    blocks |= {f"{name} bar": Block(2.7, list(values).index(name), text, "text") for name, text in adjoints.items()}
    blocks |= {"W1 bar": Block(0, 0.4, "$\\bar W_1=x^T\\bar z$", "text")}
    blocks |= {"W2 bar": Block(0, 2.4, "$\\bar W_2=h^T\\bar f$", "text")}
    down = [Arrow(start, end) for start, end in pairwise(values)]
    up = [Arrow("loss", "f bar"), Arrow("f bar", "h bar"), Arrow("h bar", "z bar")]
    return diagram(blocks, [*down, Arrow("W1", "z"), Arrow("W2", "f"), Arrow("y", "loss"), *up])
