"""A network that predicts a number with its uncertainty for each pixel of an image, such as its depth.

Notation: x (B, H, W, C) images, y (B, H, W, K) targets, L levels with C_1, ..., C_L channels.
"""

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import choice, fraction, numpy_seed, positive, validate, whole, wholes
from keras_course.layers import Conv2D
from keras_course.uncertainty._heads import GaussianHead
from keras_course.uncertainty._probabilistic import ProbabilisticModel


@builder(
    reference="Kendall and Gal, 2017, https://arxiv.org/abs/1703.04977",
    presets={"tiny": {"input_shape": (16, 16, 1), "num_outputs": 1}},
)
@validate(
    input_shape=wholes(1),
    num_outputs=whole(1),
    filters=wholes(1),
    dropout=fraction,
    scale=choice("softplus", "exp"),
    min_deviation=positive,
    seed=numpy_seed,
)
def depth_network(
    input_shape,
    num_outputs,
    *,
    filters=(16, 32, 64),
    dropout=0.2,
    scale="softplus",
    min_deviation=1e-3,
    seed=0,
    name="depth_network",
) -> ProbabilisticModel:
    """Build an encoder-decoder that predicts a Gaussian for each pixel, with dropout for the epistemic part.

    Takes x (B, H, W, C); returns raw outputs (B, H, W, 2 K), means first, which `GaussianHead` explains:

        h_0 = x,  h_l = relu(conv(h_{l-1})) with stride 2, for l = 1..L           encoder
        g_L = h_L,  g_{l-1} = relu(conv([upsample(g_l), h_{l-1}]))                 decoder
        p(y | x) = N(y; mu(x), sigma(x)^2) for each pixel, mu and sigma from a 1x1 convolution of g_0

    The other convolutions are 3x3. Dropout follows the convolutions of the two deepest levels. Pass the model to
    `monte_carlo_prediction`: the mean of sigma^2 over passes is the aleatoric variance of a pixel, and the variance of
    mu over passes is the epistemic one.

    Args:
        input_shape: (H, W, C), with H and W divisible by 2^L.
        num_outputs: K.
        filters: C_1, ..., C_L.
        dropout: rate in [0, 1) at which channels are dropped in training, whole feature maps at once.
        scale: "softplus" or "exp", the function that makes sigma positive.
        min_deviation: smallest sigma, in the unit of y.
        seed: whole number, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `ProbabilisticModel`; compile it with its `head` as the loss.

    Raises:
        ValueError: a number is out of its range, a choice is unknown, or `input_shape` does not fit `filters`.

    Differences from the paper:
        The paper has a DenseNet of 103 layers with dropout after each, and a Laplace distribution for depth. Here only
        the deepest levels have dropout, and it removes whole feature maps.

    References:
        What Uncertainties Do We Need in Bayesian Deep Learning for Computer Vision?, Kendall and Gal, 2017,
        https://arxiv.org/abs/1703.04977
        Efficient Object Localization Using Convolutional Networks, Tompson et al., 2015,
        https://arxiv.org/abs/1411.4280

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import depth_network, monte_carlo_prediction
        >>> model = depth_network((16, 16, 1), 1, filters=(4, 8))
        >>> model.compile("adam", model.head)
        >>> monte_carlo_prediction(model, np.zeros((2, 16, 16, 1)), num_passes=5).variance.shape == (2, 16, 16, 1)
        True
    """
    factor = 2 ** len(filters)
    if not filters or len(input_shape) != 3 or input_shape[0] % factor or input_shape[1] % factor:
        raise ValueError(
            f"input_shape={input_shape!r} must be (H, W, C), with H and W divisible by {factor}: 2 to the power of the "
            f"number of levels in filters={filters!r}, at least one"
        )
    head = GaussianHead(num_outputs, scale=scale, min_deviation=min_deviation)
    seeds = iter(np.random.default_rng(seed).integers(2_000_000_000, size=4 * len(filters) + 1).tolist())

    def convolution(h, count, strides, level, name):
        initializer = keras.initializers.HeNormal(next(seeds))
        options = {"strides": strides, "padding": "same", "activation": "relu", "kernel_initializer": initializer}
        h = Conv2D(count, 3, **options, name=f"{name}_{level}")(h)
        if not dropout or level < len(filters) - 2:
            return h
        return keras.layers.SpatialDropout2D(dropout, seed=next(seeds), name=f"dropout_{name}_{level}")(h)

    h = x = keras.Input(input_shape, name="x")
    features = []
    for level, count in enumerate(filters):
        features.append(h)
        h = convolution(h, count, 2, level, "down")
    for level in reversed(range(len(filters))):
        h = keras.layers.UpSampling2D(name=f"upsample_{level}")(h)
        h = keras.layers.Concatenate(name=f"joined_{level}")([h, features[level]])
        h = convolution(h, filters[max(level - 1, 0)], 1, level, "up")
    outputs = Conv2D(head.size, 1, kernel_initializer=keras.initializers.GlorotUniform(next(seeds)), name="head")(h)
    return ProbabilisticModel(keras.Model(x, outputs, name="encoder_decoder"), head, name=name)
