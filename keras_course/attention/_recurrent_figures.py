"""Diagrams of recurrent networks."""

from typing import TYPE_CHECKING

from keras_course.checks import choice, flag, validate
from keras_course.plots import Arrow, Block, diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_unrolled() -> "Figure":
    """Draw a recurrent network as a cell with a loop, and unrolled over three positions.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.attention import plot_unrolled
        >>> len(plot_unrolled().axes)
        1
    """
    blocks = {
        "x": Block(0, 2, "$x_t$", "data"),
        "cell": Block(0, 1, "cell"),
        "y": Block(0, 0, "$h_t$", "data"),
        "same": Block(1.15, 1, "=", "text"),
        "start": Block(1.8, 1, "$h_0 = 0$", "data"),
    }
    arrows = [Arrow("x", "cell", "$W_x$"), Arrow("cell", "y"), Arrow("y", "cell", "$W_h$", 0.66)]
    before = "start"
    for t in range(1, 4):
        blocks |= {
            f"x{t}": Block(1.8 + t, 2, f"$x_{t}$", "data"),
            f"cell{t}": Block(1.8 + t, 1, "cell"),
            f"y{t}": Block(1.8 + t, 0, f"$h_{t}$", "data"),
        }
        arrows += [Arrow(f"x{t}", f"cell{t}", "$W_x$"), Arrow(f"cell{t}", f"y{t}"), Arrow(before, f"cell{t}")]
        before = f"cell{t}"
    return diagram(blocks, arrows)


def plot_bidirectional() -> "Figure":
    """Draw a bidirectional layer over three positions, and the layer that is stacked on it.

    Returns:
        A Matplotlib `Figure`: inputs of D features, H units in each direction, forward states h and backward states h'.

    References:
        Bidirectional Recurrent Neural Networks, Schuster, Paliwal, 1997, https://doi.org/10.1109/78.650093

    Example:
        >>> from keras_course.attention import plot_bidirectional
        >>> len(plot_bidirectional().axes)
        1
    """
    blocks, arrows = {}, []
    for t in range(3):
        blocks |= {
            f"x{t}": Block(1.8 * t, 0, f"$x_{t + 1}$", "data"),
            f"forward{t}": Block(1.8 * t, 1.2, "forward"),
            f"backward{t}": Block(1.8 * t, 2.3, "backward", "weight"),
            f"both{t}": Block(1.8 * t, 3.5, "both states", "data"),
            f"next{t}": Block(1.8 * t, 4.7, "next layer"),
        }
        first = t == 0
        arrows += [
            Arrow(f"x{t}", f"forward{t}", "D" if first else ""),
            Arrow(f"x{t}", f"backward{t}", "", 0.53),
            Arrow(f"forward{t}", f"both{t}", "", 0.66),
            Arrow(f"backward{t}", f"both{t}"),
            Arrow(f"both{t}", f"next{t}", "2H" if first else ""),
        ]
        if t:
            arrows += [
                Arrow(f"forward{t - 1}", f"forward{t}", f"$h_{t}$"),
                Arrow(f"backward{t}", f"backward{t - 1}", f"$h'_{t + 1}$"),
                Arrow(f"next{t - 1}", f"next{t}"),
            ]
    return diagram(blocks, arrows)


@validate(cell=choice("lstm", "gru"))
def plot_gated_cell(cell) -> "Figure":
    """Draw one step of a gated cell: what flows from the state before to the next state.

    Args:
        cell: "lstm" or "gru".

    Returns:
        A Matplotlib `Figure`. Circles are products and sums; green blocks are gates, between 0 and 1.

    Raises:
        ValueError: an unknown `cell`.

    Example:
        >>> from keras_course.attention import plot_gated_cell
        >>> len(plot_gated_cell("lstm").axes)
        1
    """
    if cell == "lstm":
        blocks = {
            "c": Block(0, 0, "$c_{t-1}$", "data"),
            "keep": Block(1, 0, "$\\times$", "operation"),
            "add": Block(2, 0, "+", "operation"),
            "next c": Block(4, 0, "$c_t$", "data"),
            "f": Block(1, 2, "forget\ngate $f$", "weight"),
            "in": Block(2, 1, "$\\times$", "operation"),
            "i": Block(2, 2, "input\ngate $i$", "weight"),
            "g": Block(3, 2, "candidate $g$"),
            "o": Block(4, 2, "output\ngate $o$", "weight"),
            "out": Block(4, 1, "$\\times$", "operation"),
            "next h": Block(5, 1, "$h_t$", "data"),
            "inputs": Block(2.5, 3.2, "$x_t$, $h_{t-1}$", "data"),
        }
        arrows = [("c", "keep"), ("f", "keep"), ("keep", "add"), ("i", "in"), ("g", "in"), ("in", "add"),
                  ("add", "next c"), ("next c", "out", "tanh"), ("o", "out"), ("out", "next h")]  # fmt: skip
        arrows += [("inputs", gate) for gate in "figo"]
    else:
        blocks = {
            "h": Block(0, 0, "$h_{t-1}$", "data"),
            "keep": Block(2, 0, "$\\times$", "operation"),
            "add": Block(3, 0, "+", "operation"),
            "next h": Block(4, 0, "$h_t$", "data"),
            "reset": Block(0, 1, "$\\times$", "operation"),
            "g": Block(1, 1, "candidate $g$"),
            "new": Block(3, 1, "$\\times$", "operation"),
            "r": Block(0, 2, "reset\ngate $r$", "weight"),
            "z": Block(2.5, 2.6, "update\ngate $z$", "weight"),
            "inputs": Block(1.25, 3.5, "$x_t$, $h_{t-1}$", "data"),
        }
        arrows = [("h", "keep"), ("keep", "add"), ("add", "next h"), ("h", "reset"), ("r", "reset"), ("reset", "g"),
                  ("g", "new"), ("new", "add"), ("z", "keep", "$1 - z$"), ("z", "new", "$z$"), ("inputs", "r"),
                  ("inputs", "g", "$x_t$"), ("inputs", "z")]  # fmt: skip
    return diagram(blocks, arrows)


@validate(attention=flag)
def plot_seq2seq(attention) -> "Figure":
    """Draw a recurrent encoder-decoder for a source of three tokens and a target of two.

    Args:
        attention: whether the decoder looks at all states of the encoder, or starts from the last one only.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `attention` is not True or False.

    Example:
        >>> from keras_course.attention import plot_seq2seq
        >>> len(plot_seq2seq(True).axes)
        1
    """
    blocks, arrows = {}, []
    row = 2 if attention else 1
    for i in range(3):
        blocks |= {f"x{i}": Block(i, row + 1, f"$x_{i + 1}$", "data"), f"m{i}": Block(i, row, f"$m_{i + 1}$")}
        arrows += [(f"x{i}", f"m{i}")] + ([(f"m{i - 1}", f"m{i}")] if i else [])
    for t, token in enumerate(("start", "$y_1$")):
        x = 3.2 + 1.4 * t
        blocks |= {
            f"in{t}": Block(x, row + 1, token, "data"),
            f"h{t}": Block(x, row, f"$h_{t + 1}$", "weight"),
            f"out{t}": Block(x, 0 if attention else row - 1, f"$y_{t + 1}$", "data"),
        }
        arrows += [(f"in{t}", f"h{t}"), ("m2" if t == 0 else "h0", f"h{t}")]
        if attention:
            blocks[f"c{t}"] = Block(x, 1, "attention", "loss")
            arrows += [(f"h{t}", f"c{t}", "query"), (f"c{t}", f"out{t}")]
        else:
            arrows.append((f"h{t}", f"out{t}"))
    if attention:
        blocks["all"] = Block(1, -0.25, "keys, values")
        arrows += [(f"m{i}", "all") for i in range(3)] + [("all", "c0"), ("all", "c1")]
    return diagram(blocks, arrows)
