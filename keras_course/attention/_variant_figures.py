"""Diagrams: where a transformer normalizes, the vision transformer, and a mixture of experts."""

import itertools
from typing import TYPE_CHECKING

from keras_course.plots import Arrow, Block, chain, diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_norm_placement() -> "Figure":
    """Draw a residual branch f with the normalization after the sum (post-norm) and before the branch (pre-norm).

    Returns:
        A Matplotlib `Figure`.

    References:
        On Layer Normalization in the Transformer Architecture, Xiong et al., 2020, figure 1,
        https://arxiv.org/abs/2002.04745

    Example:
        >>> from keras_course.attention import plot_norm_placement
        >>> len(plot_norm_placement().axes)
        1
    """
    blocks, arrows = {}, []
    kinds = {"$x$": "data", "$f$": "layer", "+": "operation", "norm": "weight", "next $x$": "data"}
    for column, (side, parts) in enumerate(
        {"post-norm": ("$f$", "+", "norm"), "pre-norm": ("norm", "$f$", "+")}.items()
    ):
        rows = ("$x$", *parts, "next $x$")
        blocks |= {side + part: Block(2 * column, 4 - i, part, kinds[part]) for i, part in enumerate(rows)}
        blocks[side] = Block(2 * column, 4.8, side, "text")
        arrows += [Arrow(side + a, side + b) for a, b in itertools.pairwise(rows)]
        arrows.append(Arrow(side + "$x$", side + "+", "", 0.6))
    return diagram(blocks, arrows)


def plot_vision_transformer() -> "Figure":
    """Draw a vision transformer, from the image to the logits.

    Returns:
        A Matplotlib `Figure`: an image of H x W pixels with one channel, N patches of P x P pixels, C features, K
        classes.

    References:
        An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, Dosovitskiy et al., 2021, figure 1,
        https://arxiv.org/abs/2010.11929

    Example:
        >>> from keras_course.attention import plot_vision_transformer
        >>> len(plot_vision_transformer().axes)
        1
    """
    rows = (
        ("image", "data", "H x W"),
        ("cut into\npatches", "layer", "N x P²"),
        ("linear map", "weight", "N x C"),
        ("class token,\npositions", "weight", "(1 + N) x C"),
        ("encoder\nblocks", "layer", "(1 + N) x C"),
        ("features of\nclass token", "layer", "C"),
        ("norm, dense", "weight", "K"),
        ("logits", "data", ""),
    )
    return chain(rows, per_column=4)


def plot_mixture_of_experts() -> "Figure":
    """Draw a mixture of four experts, of which the router chooses two for a token.

    Returns:
        A Matplotlib `Figure`: a token x, the probabilities p of the router, the gates g of the chosen experts.

    References:
        Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer, Shazeer et al., 2017, figure 1,
        https://arxiv.org/abs/1701.06538

    Example:
        >>> from keras_course.attention import plot_mixture_of_experts
        >>> len(plot_mixture_of_experts().axes)
        1
    """
    blocks = {
        "x": Block(0, 2, "token $x$", "data"),
        "router": Block(0.6, 4.2, "router $R$", "weight"),
        "gates": Block(2.6, 4.2, "gates\n$g_2$, $g_4$", "data"),
        "sum": Block(2.6, 2, "$\\Sigma$", "operation"),
        "y": Block(3.5, 2, "output $y$", "data"),
    }
    arrows = [Arrow("x", "router"), Arrow("router", "gates", "$p$"), Arrow("sum", "y"), Arrow("gates", "sum")]
    for e in range(1, 5):
        chosen = e in (2, 4)
        blocks[f"MLP {e}"] = Block(1.2, e - 1, f"MLP {e}", "layer" if chosen else "data")
        if chosen:
            arrows += [Arrow("x", f"MLP {e}"), Arrow(f"MLP {e}", "sum", f"$g_{e}$")]
    return diagram(blocks, arrows)
