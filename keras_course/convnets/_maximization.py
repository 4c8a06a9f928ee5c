"""The input that excites a unit most: gradient ascent on an image.

Notation: x (H, W, C) an image, h_k(x) the k-th feature map of a layer, |.| the root of the sum of squares, t the step.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_course.checks import not_negative, numpy_seed, positive, validate, whole
from keras_course.convnets._models import find_layer, image_input
from keras_course.ops import jit, vjp


class FeatureMaximum(NamedTuple):
    """Images that excite feature maps.

    Args:
        images: x, float32 `(H, W, C)`, or `(N, H, W, C)` for N channels; its values are not bounded.
        objectives: J before each step and after the last, `(num_steps + 1,)` or `(num_steps + 1, N)`.
    """

    images: np.ndarray
    objectives: np.ndarray


@validate(
    num_steps=whole(1),
    jitter=whole(0),
    seed=numpy_seed,
    learning_rate=positive,
    l2=not_negative,
    total_variation=not_negative,
)
def maximize_feature(
    model,
    layer,
    channel,
    *,
    num_steps=100,
    learning_rate=0.05,
    l2=0.0,
    total_variation=0.0,
    jitter=0,
    seed=0,
) -> FeatureMaximum:
    """Find images to which feature maps of a layer respond as strongly as they can, from noise x ~ U[0, 1].

    Gradient ascent; each step has the same size, as the gradient g is divided by its root mean square:

        J(x) = |h_k(x)| - l2 mean(x^2) - total_variation mean(|x[i+1, j] - x[i, j]| + |x[i, j+1] - x[i, j]|)
        x <- x + learning_rate g / rms(g),  g = dJ/dx

    Without the last two terms, and without jitter, the images are mostly high-frequency noise: that is what pleases a
    network, not what we would recognize. Total variation favors smooth images, l2 small values; jitter moves the
    image by a few random pixels in each step, so that only what works in many places remains.

    Args:
        model: a built Functional or Sequential `keras.Model` whose input has a fixed size.
        layer: a layer of it, or its name.
        channel: k, the feature map (of a dense layer: the unit), or a list of them, which are treated at once.
        num_steps: number of steps, at least 1.
        learning_rate: size of a step: the root mean square of the change of a pixel.
        l2: cost of large values, at least 0.
        total_variation: cost of differences between neighbors, at least 0.
        jitter: largest move along both axes, in pixels, at least 0.
        seed: of the first image and the moves.

    Returns:
        A `FeatureMaximum`.

    Raises:
        ValueError: no graph, layer or channel like this, an input that is not an image of fixed size, or an
            argument out of range.

    References:
        Visualizing Higher-Layer Features of a Deep Network, Erhan, Bengio, Courville and Vincent, 2009,
        https://www.researchgate.net/publication/265022827
        Feature Visualization, Olah, Mordvintsev and Schubert, 2017, https://distill.pub/2017/feature-visualization/

    Example:
        >>> import keras
        >>> from keras_course.convnets import maximize_feature
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv")])
        >>> found = maximize_feature(model, "conv", [0, 3], num_steps=5)
        >>> found.images.shape, bool((found.objectives[-1] > found.objectives[0]).all())
        ((2, 8, 8, 3), True)
    """
    part, channels = _part(model, layer), np.atleast_1d(channel)
    count = part.output_shape[-1]
    _check_channels(channels, channel, count)
    chosen = np.eye(count, dtype="float32")[channels]
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(len(channels), *model.input_shape[1:])).astype("float32")
    step = jit(_ascend(part, learning_rate, l2, total_variation), variables=part.variables)
    objectives = []
    for _ in range(num_steps):
        move = rng.integers(-jitter, jitter + 1, size=2)
        moved, values = step(np.roll(x, move, axis=(1, 2)), chosen)
        x = np.roll(ops.convert_to_numpy(moved), -move, axis=(1, 2))
        objectives.append(ops.convert_to_numpy(values))
    objectives.append(ops.convert_to_numpy(step(x, chosen)[1]))
    one = np.ndim(channel) == 0
    return FeatureMaximum(x[0] if one else x, np.array(objectives)[:, 0] if one else np.array(objectives))


def _part(model, layer):
    """Return the part of a model from its images up to a layer."""
    image, layer = image_input(model), find_layer(model, layer)
    if None in image.shape[1:]:
        raise ValueError(f"model={model.name!r} takes images of shape {image.shape[1:]}; they must have a fixed size")
    if layer not in model.layers or isinstance(layer, keras.layers.InputLayer):
        raise ValueError(f"layer={layer.name!r} is not called by model={model.name!r} itself")
    return keras.Model(image, layer.output)


def _ascend(part, learning_rate, l2, total_variation):
    """Return one step as a function of images and their channels (one-hot), to the next images and their J before."""

    def objectives(x, chosen):
        axes = list(range(1, len(x.shape)))
        features = ops.cast(part(x, training=False), "float32")  # (N, ..., K)
        maps = ops.sum(ops.reshape(features, (x.shape[0], -1, chosen.shape[-1])) * chosen[:, None, :], axis=-1)
        response = ops.sqrt(ops.sum(maps**2, axis=-1) + 1e-12)
        down, right = ops.abs(x[:, 1:] - x[:, :-1]), ops.abs(x[:, :, 1:] - x[:, :, :-1])
        size = x[0].shape[0] * x[0].shape[1] * x[0].shape[2]
        rough = (ops.sum(down, axis=axes) + ops.sum(right, axis=axes)) / size
        return response - l2 * ops.mean(x**2, axis=axes) - total_variation * rough

    def step(x, chosen):
        values, pullback = vjp(lambda x: objectives(x, chosen), x)
        (gradient,) = pullback(ops.ones_like(values))  # no image has a part in another's J
        size = ops.sqrt(ops.mean(gradient**2, axis=[1, 2, 3], keepdims=True))
        return x + learning_rate * gradient / (size + 1e-12), values

    return step


def _check_channels(channels, channel, count):
    whole = channels.size and np.issubdtype(channels.dtype, np.integer)
    if not whole or channels.min() < 0 or channels.max() >= count:
        raise ValueError(f"channel={channel!r} must be one of 0 to {count - 1}, or a list of them")
