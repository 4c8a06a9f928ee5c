"""Figures of lecture 7: the Evoformer, its updates, and structures beside their predictions."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_chain, as_matrices, mapping
from keras_course.plots import Arrow, Block, diagram, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_evoformer() -> "Figure":
    """Draw one block of the Evoformer, with the alignment on the left and the pairs on the right.

    Returns:
        A Matplotlib `Figure`: S sequences, L residues, C and E features.

    References:
        Highly accurate protein structure prediction with AlphaFold, Jumper et al., 2021, figure 3,
        https://doi.org/10.1038/s41586-021-03819-2

    Example:
        >>> from keras_course.attention import plot_evoformer
        >>> len(plot_evoformer().axes)
        1
    """
    left = ("alignment m", "attention\nalong rows", "attention\nalong columns", "MLP")
    right = (
        "pairs z",
        "outer product\nmean",
        "triangles,\noutgoing",
        "triangles,\nincoming",
        "MLP",
        "logits of the\ndistogram",
    )
    blocks = {f"m{i}": Block(0, i if i < 1 else i + 0.2, text, "layer" if i else "data") for i, text in enumerate(left)}
    heights = (0, 3.2, 4.4, 5.6, 6.8, 8.2)
    blocks |= {
        f"z{i}": Block(2.2, y, text, "layer" if 0 < i < 5 else "data")
        for i, (y, text) in enumerate(zip(heights, right, strict=True))
    }
    blocks["m4"] = Block(0, 6.8, "residues s", "data")
    blocks["points"] = Block(0, 8.2, "invariant\npoint attention")
    blocks["frames"] = Block(0, 9.6, "frames", "data")
    arrows = [
        Arrow("m0", "m1", "S x L x C"),
        Arrow("m1", "m2"),
        Arrow("m2", "m3"),
        Arrow("z0", "m1", "bias"),
        Arrow("m3", "z1"),
        Arrow("z0", "z1", "L x L x E"),
        Arrow("z1", "z2"),
        Arrow("z2", "z3"),
        Arrow("z3", "z4"),
        Arrow("z4", "z5", "L x L x K"),
        Arrow("m3", "m4", "first row, L x C"),
        Arrow("m4", "points"),
        Arrow("z4", "points"),
        Arrow("points", "frames", "L x 3 x 4"),
    ]
    return diagram(blocks, arrows)


def plot_triangle_update() -> "Figure":
    """Draw the two triangle multiplications: which two edges update the edge from i to j.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.attention import plot_triangle_update
        >>> len(plot_triangle_update().axes)
        1
    """
    blocks, arrows = {}, []
    for x, way in ((0, "outgoing"), (3, "incoming")):
        blocks |= {
            f"i{way}": Block(x, 2, "$i$", "operation"),
            f"j{way}": Block(x + 1.6, 2, "$j$", "operation"),
            f"k{way}": Block(x + 0.8, 0, "$k$", "operation"),
            way: Block(x + 0.8, 2.9, f"{way} edges", "text"),
        }
        arrows.append(Arrow(f"i{way}", f"j{way}", "$z_{ij}$"))
        for end, left in (("i", True), ("j", False)):
            first, second = (f"{end}{way}", f"k{way}") if way == "outgoing" else (f"k{way}", f"{end}{way}")
            indices = f"{end}k" if way == "outgoing" else f"k{end}"
            arrows.append(Arrow(first, second, f"${'a' if left else 'b'}_{{{indices}}}$"))
    return diagram(blocks, arrows)


def plot_distance_maps(maps) -> "Figure":
    """Draw maps of distances between residues, one panel each, all with the same colors.

    Args:
        maps: title to distances `(L, L)`, in Angstrom.

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `maps` is empty, or one has another shape or a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import plot_distance_maps
        >>> len(plot_distance_maps({"true": np.zeros((4, 4)), "predicted": np.ones((4, 4))}).axes)
        3
    """
    arrays = as_matrices("maps", maps)
    for title, x in arrays.items():
        if x.shape[0] != x.shape[1]:
            raise ValueError(f"maps[{title!r}] has shape {x.shape}; it must be (L, L)")
    figure, axes = panels(2.5 * len(arrays) + 0.8, 2.7, 1, len(arrays))
    largest = max(x.max() for x in arrays.values())
    for ax, (title, x) in zip(axes, arrays.items(), strict=True):
        image = ax.imshow(x, cmap="viridis_r", vmin=0, vmax=largest)
        ax.set_title(title, fontsize=10, parse_math=False)
        ax.set_xlabel("residue")
    figure.colorbar(image, ax=axes, label="distance in Angstrom")
    return figure


def plot_chains(chains) -> "Figure":
    """Draw chains in space, all in one panel, each seen along the direction in which the first one is thinnest.

    Args:
        chains: label to positions `(L, 3)`; superpose them before (see `keras_course.metrics.superpose`).

    Returns:
        A Matplotlib `Figure`.

    Raises:
        ValueError: `chains` is empty, or one has another shape or a number that is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import plot_chains
        >>> len(plot_chains({"true": np.eye(3)}).axes)
        1
    """
    mapping(chains=chains)
    arrays = {label: as_chain(f"chains[{label!r}]", x) for label, x in chains.items()}
    first = next(iter(arrays.values()))
    center = first.mean(axis=0)
    axes_of_first = np.linalg.svd(first - center)[2]
    figure, (ax,) = panels(4.5, 3.6)
    for style, (label, x) in zip(("-o", "--s", ":^", "-.d") * len(arrays), arrays.items(), strict=False):
        seen = (x - center) @ axes_of_first.T
        ax.plot(seen[:, 0], seen[:, 1], style, markersize=3, label=str(label))
    ax.set(xlabel="Angstrom", ylabel="Angstrom", aspect="equal")
    ax.legend(frameon=False, fontsize=9)
    return figure
