"""Figures of lecture 5."""

import itertools
from typing import TYPE_CHECKING

from keras_course.convnets._lenet import lenet5
from keras_course.plots import Arrow, Block, diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_lenet5() -> "Figure":
    """Draw LeNet-5: its layers, and the shape of what each one returns, read from the model.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.convnets import plot_lenet5
        >>> [text.get_text() for text in plot_lenet5().axes[0].texts][-2:]
        ['120', '84']
    """
    shapes = {layer.name: layer.output.shape[1:] for layer in lenet5.from_preset("lenet5").layers}
    layers = {
        "x": Block(0, 0, "image", "data"),
        "c1": Block(0, 1, "C1: conv 5x5\n6 channels"),
        "s2": Block(0, 2, "S2: pooling\n2x2"),
        "c3": Block(0, 3, "C3: conv 5x5\n16 channels"),
        "s4": Block(1.6, 3, "S4: pooling\n2x2"),
        "c5": Block(1.6, 2, "C5: dense\n120 units"),
        "f6": Block(1.6, 1, "F6: dense\n84 units"),
        "head": Block(1.6, 0, "10 logits", "data"),
    }
    names = list(layers)
    arrows = [Arrow(a, b, " x ".join(map(str, shapes[a]))) for a, b in itertools.pairwise(names)]
    return diagram(layers, arrows)


def plot_residual_blocks() -> "Figure":
    """Draw a basic residual block, a bottleneck and a ConvNeXt block beside each other.

    Returns:
        A Matplotlib `Figure`: the numbers on the arrows are channels.

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, figure 5,
        https://arxiv.org/abs/1512.03385
        A ConvNet for the 2020s, Liu et al., 2022, figure 4, https://arxiv.org/abs/2201.03545

    Example:
        >>> from keras_course.convnets import plot_residual_blocks
        >>> len(plot_residual_blocks().axes)
        1
    """
    branches = {
        "basic block": (64, ["3x3, 64\nnorm, ReLU", "3x3, 64\nnorm"]),
        "bottleneck": (256, ["1x1, 64\nnorm, ReLU", "3x3, 64\nnorm, ReLU", "1x1, 256\nnorm"]),
        "ConvNeXt block": (96, ["depthwise 7x7\nnorm", "1x1, 384\nGELU", "1x1, 96"]),
    }
    blocks, arrows = {}, []
    for column, (name, (channels, layers)) in enumerate(branches.items()):
        x = 1.35 * column
        chain = [f"{name} {i}" for i in range(len(layers) + 2)]
        blocks[name] = Block(x, 0, name, "text")
        blocks[chain[0]] = Block(x, 0.8, "input", "data")
        for i, layer in enumerate(layers):
            blocks[chain[i + 1]] = Block(x, 0.8 + 4 * (i + 1) / (len(layers) + 1), layer)
        blocks[chain[-1]] = Block(x, 4.8, "+", "operation")
        arrows += [Arrow(a, b, str(channels) if a == chain[0] else "") for a, b in itertools.pairwise(chain)]
        arrows.append(Arrow(chain[0], chain[-1], "", 0.58))
        if name != "ConvNeXt block":
            blocks[f"{name} relu"] = Block(x, 5.7, "ReLU")
            arrows.append(Arrow(chain[-1], f"{name} relu"))
    return diagram(blocks, arrows)
