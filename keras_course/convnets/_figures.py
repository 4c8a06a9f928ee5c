"""Figures of lecture 5."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, finite, mapping, string
from keras_course.convnets._arithmetic import conv2d, conv_output_size
from keras_course.convnets._lenet import lenet5
from keras_course.plots import Arrow, Block, diagram, panels

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


def plot_response(x, kernel) -> "Figure":
    """Draw an image, a kernel, and the response of the kernel at each position.

    Args:
        x: one image `(H, W)`.
        kernel: one kernel `(k, k)`, no larger than the image.

    Returns:
        A Matplotlib `Figure` of three panels. The largest response and its window are marked in orange, the smallest
        and its window in green.

    Raises:
        ValueError: an array has another shape, or holds NaN or infinity.

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import plot_response
        >>> [ax.get_title() for ax in plot_response(np.eye(6), [[1, -1], [1, -1]]).axes[:3]]
        ['image, 6 x 6', 'kernel, 2 x 2', 'response, 5 x 5']
    """
    x, kernel = _matrix("x", x), _matrix("kernel", kernel)
    y = conv2d(x, kernel)
    figure, axes = panels(7, 2.9, columns=3)
    shown = (("image", x, "gray"), ("kernel", kernel, "RdBu_r"), ("response", y, "RdBu_r"))
    for ax, (name, array, cmap) in zip(axes, shown, strict=True):
        top = np.abs(array).max() or 1.0
        image = ax.imshow(array, cmap=cmap, vmin=array.min() if cmap == "gray" else -top, vmax=top)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{name}, {array.shape[0]} x {array.shape[1]}", fontsize=11)
        figure.colorbar(image, ax=ax, orientation="horizontal", shrink=0.8)
    for position, color in ((y.argmax(), "C1"), (y.argmin(), "C2")):
        i, j = np.unravel_index(position, y.shape)
        for ax, (height, width) in ((axes[0], kernel.shape), (axes[2], (1, 1))):
            ax.add_patch(_square(j, i, width, height, edgecolor=color, fill=False, linewidth=2.5))
    return figure


def plot_conv_arithmetic() -> "Figure":
    """Draw which inputs each output of a one-dimensional convolution adds up, for four settings.

    Returns:
        A Matplotlib `Figure` of four panels: six inputs and three taps, with several values of padding p, stride s and
        dilation d, and the number m of outputs that follows.

    References:
        A guide to convolution arithmetic for deep learning, Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> from keras_course.convnets import plot_conv_arithmetic
        >>> plot_conv_arithmetic().axes[0].get_title()
        'p = 0, s = 1, d = 1:  m = 4'
    """
    figure, axes = panels(6.5, 3.6, 2, 2)
    for ax, (p, s, d) in zip(axes, ((0, 1, 1), (1, 1, 1), (1, 2, 1), (0, 1, 2)), strict=True):
        m = conv_output_size(6, 3, stride=s, padding=p, dilation=d)
        for i, a in itertools.product(range(m), range(3)):
            ax.plot([i * s + d - p, i * s + a * d - p], [1, 0], f"C{i}", marker="s", markersize=5, linewidth=1.5)
        ax.plot(range(6), [0] * 6, "ks", markersize=8)
        ax.plot([*range(-p, 0), *range(6, 6 + p)], [0] * 2 * p, "ks", markersize=8, markerfacecolor="white")
        ax.set_title(f"p = {p}, s = {s}, d = {d}:  m = {m}", fontsize=11)
        ax.set(xlim=(-1.5, 6.5), ylim=(-0.3, 1.3), xticks=[])
        ax.set_yticks([0, 1], ["input x", "output y"])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    return figure


def plot_channels() -> "Figure":
    """Draw a convolution over a volume: an image of three channels, four kernels of three channels, four maps.

    Returns:
        A Matplotlib `Figure`. The window of one position, the kernel of one map and their response are orange.

    Example:
        >>> from keras_course.convnets import plot_channels
        >>> [text.get_text() for text in plot_channels().axes[0].texts][:1]
        ['input\\n5 x 5 x 3']
    """
    figure, (ax,) = panels(7, 3.5)
    ax.set(xlim=(-0.4, 21.2), ylim=(9.6, -1.6), aspect="equal")
    ax.set_axis_off()
    gray, orange, blue = "#eeeeee", "#f7b267", "#dbe9f6"
    for c in reversed(range(3)):
        _grid(ax, 1.1 * c, 2 - 1.1 * c + 1.2, 5, gray, {(i, j): orange for i in (1, 2, 3) for j in (1, 2, 3)})
    for o in reversed(range(4)):
        for c in reversed(range(3)):
            _grid(ax, 9.6 + 0.55 * c, 2.3 * o - 0.35 * c, 3, orange if o == 0 else gray, {}, cell=0.55)
    for o in reversed(range(4)):
        _grid(ax, 15.3 + 0.9 * o, 4.6 - 0.9 * o, 3, blue, {(1, 1): orange} if o == 0 else {})
    texts = (
        (3.6, 8.9, "input\n5 x 5 x 3"),
        (10.9, 9.6, "4 kernels of\n3 x 3 x 3"),
        (18.2, 8.9, "output\n3 x 3 x 4"),
        (8.45, 4.2, "*"),
        (13.4, 4.2, "="),
    )
    for x, y, text in texts:
        ax.text(x, y, text, ha="center", va="center", fontsize=10.5 if len(text) > 1 else 20)
    return figure


def plot_pooling(x) -> "Figure":
    """Draw a map, and the maximum and the mean of each of its windows of 2 x 2.

    Args:
        x: one map `(H, W)`, with even H and W.

    Returns:
        A Matplotlib `Figure` of three panels, with a color for each window.

    Raises:
        ValueError: x has another shape, or holds NaN or infinity.

    Example:
        >>> from keras_course.convnets import plot_pooling
        >>> [text.get_text() for text in plot_pooling([[1, 2], [4, 5]]).axes[1].texts]
        ['5']
    """
    x = _matrix("x", x)
    height, width = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"x has shape {x.shape}; height and width must be even")
    windows = x.reshape(height // 2, 2, width // 2, 2)
    shown = {"map": x, "max pooling": windows.max(axis=(1, 3)), "average pooling": windows.mean(axis=(1, 3))}
    figure, axes = panels(6.5, 2.6, columns=3)
    for ax, (title, array) in zip(axes, shown.items(), strict=True):
        side = 2 if array is x else 1
        for i, j in np.ndindex(array.shape):
            color = _WINDOWS[(i // side * (width // 2) + j // side) % len(_WINDOWS)]
            ax.add_patch(_square(j, i, 1, 1, facecolor=color, edgecolor="white", linewidth=2))
            ax.text(j, i, f"{array[i, j]:g}", ha="center", va="center", fontsize=12)
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
        ax.set_title(title, fontsize=11)
        ax.set_axis_off()
    return figure


def plot_cost(
    families: Mapping[str, Sequence[tuple[float, float, float]]], *, ylabel: str = "accuracy (%)"
) -> "Figure":
    """Draw accuracy against multiply-adds, with the number of parameters as the area of a circle, and a key of areas.

    Args:
        families: label of a family to its networks, each (multiply-adds, parameters, accuracy in %).
        ylabel: what was measured on which images, with the unit.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `families` is empty, or a family is not rows of three numbers, the first two of them positive.

    Example:
        >>> from keras_course.convnets import plot_cost
        >>> figure = plot_cost({"VGG": [(15.5e9, 138.4e6, 71.3)]})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]      # the key of sizes
        ['5 million', '25 million', '140 million']
    """
    mapping(families=families)
    string(ylabel=ylabel)
    figure, (ax,) = panels(7, 4.2)
    for i, (label, networks) in enumerate(families.items()):
        rows = as_floats(f"families[{label!r}]", networks)
        if rows.ndim != 2 or rows.shape[1:] != (3,) or not len(rows) or not (rows[:, :2] > 0).all():
            raise ValueError(
                f"families[{label!r}] must be rows (multiply-adds, parameters, accuracy), the first two positive"
            )
        finite(**{f"families[{label!r}]": rows})
        rows = rows[rows[:, 0].argsort()]
        ax.plot(rows[:, 0] / 1e9, rows[:, 2], color=f"C{i}", linewidth=1, alpha=0.6)
        ax.scatter(rows[:, 0] / 1e9, rows[:, 2], s=rows[:, 1] / 1e6 * 4, color=f"C{i}", alpha=0.55, label=label)
    ax.set(xscale="log", xlabel="multiply-adds for one image (billions)", ylabel=ylabel)
    handles, labels = ax.get_legend_handles_labels()
    colors = [ax.scatter([], [], s=50, color=handle.get_facecolor()) for handle in handles]
    key = ax.legend(colors, labels, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    sizes = [ax.scatter([], [], s=4 * millions, color="0.7") for millions in (5, 25, 140)]
    names = ["5 million", "25 million", "140 million"]
    spaced = {"labelspacing": 1.6, "handletextpad": 1.2, "borderpad": 1.2}
    ax.legend(sizes, names, title="parameters", loc="lower left", bbox_to_anchor=(1, 0), frameon=False, **spaced)
    ax.add_artist(key)
    return figure


_WINDOWS = ("#cfe3f5", "#fde0c0", "#d6ecd2", "#f6d3d6", "#e3d9f2", "#efe7cf")


def _matrix(name, value):
    array = as_floats(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}; it must be (height, width), at least one of each")
    finite(**{name: array})
    return array


def _square(x, y, width, height, **style):
    """Return a rectangle whose first cell has its center at (x, y)."""
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.5, y - 0.5), width, height, **style)


def _grid(ax, x, y, side, color, special, cell=1.0):
    """Draw a square of side x side cells, with its corner at (x, y)."""
    from matplotlib.patches import Rectangle

    for i, j in np.ndindex(side, side):
        face = special.get((i, j), color)
        corner = (x + j * cell, y + i * cell)
        ax.add_patch(Rectangle(corner, cell, cell, facecolor=face, edgecolor="#555555", linewidth=0.8))
