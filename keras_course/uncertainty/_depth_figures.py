"""Figures of a prediction for each pixel: the network, and its maps."""

from typing import TYPE_CHECKING

import numpy as np

from keras_course.checks import as_floats, finite, instance, validate
from keras_course.plots import Arrow, Block, diagram, panels
from keras_course.uncertainty._scores import Uncertainty

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 8


@validate(prediction=instance(Uncertainty))
def plot_depth(images, truth, prediction) -> "Figure":
    """Draw five panels for each image: the image, the true depth, the predicted one, and its two standard deviations.

    Args:
        images: gray images (N, H, W) or (N, H, W, 1), at most eight.
        truth: depths in meters, (N, H, W).
        prediction: an `Uncertainty` in meters, with parts (N, H, W).

    Returns:
        A Matplotlib `Figure`. Truth and prediction share their colors; each column has one bar of colors.

    Raises:
        ValueError: shapes differ, a number is not finite, or there are more than eight images.

    References:
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, Kendall and Gal, 2017, figure 1,
        https://arxiv.org/abs/1703.04977

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import plot_depth, split_variance
        >>> maps = np.ones((2, 1, 4, 6))  # of two members
        >>> len(plot_depth(maps[0], maps[0], split_variance(maps, maps)).axes)  # and five bars of colors
        10
    """
    images, truth, mean, aleatoric, epistemic = _maps(images, truth, prediction)
    depths = {"vmin": min(truth.min(), mean.min()), "vmax": max(truth.max(), mean.max())}
    columns = (
        ("image", images, "gray", {"vmin": 0, "vmax": 1}),
        ("truth", truth, "viridis", depths),
        ("prediction", mean, "viridis", depths),
        ("aleatoric", np.sqrt(aleatoric), "magma", {"vmin": 0}),
        ("epistemic", np.sqrt(epistemic), "magma", {"vmin": 0}),
    )
    ratio = images.shape[1] / images.shape[2]
    figure, axes = panels(9.0, (1.75 * ratio + 0.05) * len(images) + 0.9, len(images), 5)
    axes = axes.reshape(len(images), 5)
    for k, (title, maps, colors, limits) in enumerate(columns):
        for ax, part in zip(axes[:, k], maps, strict=True):
            shown = ax.imshow(part, cmap=colors, **{"vmax": maps.max(), **limits})
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        axes[0, k].set_title(title, fontsize=10)
        label = ("gray value", "depth (m)", "depth (m)", "deviation (m)", "deviation (m)")[k]
        figure.colorbar(shown, ax=axes[:, k], location="bottom", label=label)
    return figure


def _maps(images, truth, prediction):
    """Return images, truth and the parts of a prediction as arrays (N, H, W), or raise a ValueError."""
    images = as_floats("images", images)
    images = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
    if images.ndim != 3 or not images.size or len(images) > MOST_ROWS:
        raise ValueError(f"images has shape {images.shape}; it must be (N, H, W) with N from 1 to {MOST_ROWS}")
    maps = {"images": images, "truth": as_floats("truth", truth)}
    maps |= {f"prediction.{name}": as_floats(f"prediction.{name}", part) for name, part in prediction._asdict().items()}
    for name, part in maps.items():
        if part.shape != images.shape:
            raise ValueError(f"{name} has shape {part.shape}; it must be {images.shape}, the shape of images")
        finite(**{name: part})
    return maps.values()


def plot_depth_network() -> "Figure":
    """Draw an encoder-decoder of three levels with dropout: from an image to a Gaussian for each pixel.

    Returns:
        A Matplotlib `Figure`.

    Example:
        >>> from keras_course.uncertainty import plot_depth_network
        >>> len(plot_depth_network().axes)
        1
    """
    down, up, dropout = "conv, stride 2", "upsample, conv", "\ndropout"
    blocks = {
        "x": Block(0, 0, "image", "data"),
        "down_0": Block(0, 1.4, down),
        "down_1": Block(0, 2.8, down + dropout),
        "down_2": Block(1.25, 4, down + dropout),
        "up_2": Block(2.5, 2.8, up + dropout),
        "up_1": Block(2.5, 1.4, up + dropout),
        "up_0": Block(2.5, 0, up),
        "head": Block(3.75, 0, "conv 1x1"),
        "y": Block(3.75, 1.4, "$N(\\mu, \\sigma^2)$", "value"),
    }
    arrows = [
        Arrow("x", "down_0", "H x W"),
        Arrow("down_0", "down_1", "H/2 x W/2"),
        Arrow("down_1", "down_2"),
        Arrow("down_2", "up_2"),
        Arrow("up_2", "up_1"),
        Arrow("up_1", "up_0"),
        *(Arrow(start, end, "joined") for start, end in (("down_1", "up_2"), ("down_0", "up_1"), ("x", "up_0"))),
        Arrow("up_0", "head", "H x W"),
        Arrow("head", "y"),
    ]
    return diagram(blocks, arrows)
