"""EfficientNet: one network scaled in width, depth and resolution together.

Notation: x (B, H, W, C) features; a stage is a run of blocks with the same number of channels.
"""

import math

import keras

from keras_course._registry import builder
from keras_course.checks import choice, fraction, positive, validate, whole, within
from keras_course.convnets._imagenet import load_imagenet
from keras_course.convnets._parts import classify, images, norm, squeeze_and_excite
from keras_course.layers import Conv2D, DepthwiseConv2D

_STAGES = (  # kernel size, blocks, channels, strides, expansion
    (3, 1, 16, 1, 1),
    (3, 2, 24, 2, 6),
    (5, 2, 40, 2, 6),
    (3, 3, 80, 2, 6),
    (5, 3, 112, 1, 6),
    (5, 4, 192, 2, 6),
    (3, 1, 320, 1, 6),
)
_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}


def _preset(width_factor, depth_factor, resolution, dropout, parameters):
    return {
        "input_shape": (resolution, resolution, 3),
        "num_classes": 1000,
        "width_factor": width_factor,
        "depth_factor": depth_factor,
        "dropout": dropout,
        "drop_path": 0.2,
        "parameters": parameters,
    }


@builder(
    reference="Tan and Le, 2019, https://arxiv.org/abs/1905.11946",
    presets={
        "tiny": {"input_shape": (48, 48, 3), "num_classes": 10},
        "efficientnet_b0": _preset(1.0, 1.0, 224, 0.2, 5_288_548),
        "efficientnet_b1": _preset(1.0, 1.1, 240, 0.2, 7_794_184),
        "efficientnet_b2": _preset(1.1, 1.2, 260, 0.3, 9_109_994),
        "efficientnet_b3": _preset(1.2, 1.4, 300, 0.3, 12_233_232),
        "efficientnet_b4": _preset(1.4, 1.8, 380, 0.4, 19_341_616),
        "efficientnet_b5": _preset(1.6, 2.2, 456, 0.4, 30_389_784),
        "efficientnet_b6": _preset(1.8, 2.6, 528, 0.5, 43_040_704),
        "efficientnet_b7": _preset(2.0, 3.1, 600, 0.5, 66_347_960),
    },
)
@validate(
    input_shape=images(32, any_size=True),
    num_classes=whole(1),
    width_factor=within(above=0, at_most=10),
    depth_factor=within(above=0, at_most=10),
    epsilon=positive,
    dropout=fraction,
    drop_path=fraction,
    momentum=fraction,
    weights=choice(None, "imagenet"),
)
def efficientnet(
    input_shape,
    num_classes,
    *,
    width_factor=0.25,
    depth_factor=0.25,
    dropout=0.0,
    drop_path=0.0,
    momentum=0.99,
    epsilon=1e-3,
    weights=None,
    name="efficientnet",
) -> keras.Model:
    """Build an EfficientNet.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. A block widens its input, looks at each channel by itself, weighs the
    channels, and narrows:

        x + W_2 (s(h) * h),  h = depthwise(W_1 x),  s the factors of squeeze and excitation

    with batch normalization behind each convolution and the non-linearity silu behind the first two. Scaled with an
    exponent phi, the depth grows as 1.2^phi, the width as 1.1^phi and the resolution as 1.15^phi, so that the work
    about doubles with each.

    Args:
        input_shape: (H, W, C), of at least 32 x 32 pixels; H and W may be None.
        num_classes: number K of classes.
        width_factor: what the channels of B0 are multiplied by, and rounded to a multiple of 8.
        depth_factor: what the number of blocks of each stage of B0 is multiplied by, and rounded up.
        dropout: rate in [0, 1) at which inputs of the last layer are dropped in training.
        drop_path: rate in [0, 1) at which whole blocks are skipped in training, for each image; it rises from 0 in
            the first block to about this in the last one.
        momentum: fraction of the old moving average that batch normalization keeps in a step.
        epsilon: of batch normalization.
        weights: None for random ones, or "imagenet" as in `keras.applications`, which are downloaded once; with
            another number of classes the last layer stays random. They were trained on images standardized by the
            mean and deviation of each color on ImageNet: (x / 255 - mean) / deviation.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, a factor that is not above 0,
            or weights that do not fit the other arguments.
        FileNotFoundError: the weights can be neither found nor downloaded.

    Differences from the paper: none; `keras.applications` also scales pixels inside the network. The paper's top-1
    accuracy on ImageNet is 77.1 % (B0) to 84.3 % (B7).

    References:
        EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, Tan and Le, 2019,
        https://arxiv.org/abs/1905.11946

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import efficientnet
        >>> efficientnet((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    batch_norm = {"momentum": momentum, "epsilon": epsilon}
    stages = [(k, math.ceil(n * depth_factor), _rounded(c * width_factor), s, e) for k, n, c, s, e in _STAGES]
    num_blocks = sum(stage[1] for stage in stages)

    x = inputs = keras.Input(input_shape, name="x")
    x = _conv(x, _rounded(32 * width_factor), 3, strides=2, name="stem", **batch_norm)
    done = 0
    for i, (kernel_size, count, channels, strides, expansion) in enumerate(stages):
        for j in range(count):
            block = f"stage_{i}_block_{j}"
            step = strides if j == 0 else 1
            f = _branch(x, kernel_size, channels, step, expansion, name=block, **batch_norm)
            if step == 1 and x.shape[-1] == channels:
                if rate := drop_path * done / num_blocks:
                    f = keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{block}_drop_path")(f)
                f = keras.layers.Add(name=f"{block}_add")([x, f])
            x, done = f, done + 1
    x = _conv(x, _rounded(1280 * width_factor), 1, name="top", **batch_norm)
    model = keras.Model(inputs, classify(x, num_classes, dropout=dropout), name=name)
    return load_imagenet(model, _application(width_factor, depth_factor)) if weights else model


def _branch(x, kernel_size, channels, strides, expansion, *, name, **batch_norm):
    """The block without its shortcut; the first stage does not widen."""
    narrow = x.shape[-1]
    if expansion > 1:
        x = _conv(x, narrow * expansion, 1, name=f"{name}_expand", **batch_norm)
    x = DepthwiseConv2D(
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=_INITIALIZER,
        name=f"{name}_depthwise_conv",
    )(x)
    x = norm(x, activation="silu", name=f"{name}_depthwise", **batch_norm)
    x = squeeze_and_excite(x, max(1, narrow // 4), activation="silu", name=f"{name}_squeeze")
    return _conv(x, channels, 1, activation=None, name=f"{name}_project", **batch_norm)


def _conv(x, channels, kernel_size, *, strides=1, activation="silu", name, **batch_norm):
    """A convolution that pads as TensorFlow does, batch normalization, and the non-linearity."""
    x = Conv2D(
        channels,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=_INITIALIZER,
        name=f"{name}_conv",
    )(x)
    return norm(x, activation=activation, name=name, **batch_norm)


def _rounded(channels):
    """Return the multiple of 8 nearest to a number of channels that is not below it by more than a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _application(width_factor, depth_factor):
    for name, preset in efficientnet.presets.items():
        if (preset.get("width_factor"), preset.get("depth_factor")) == (width_factor, depth_factor):
            return f"EfficientNet{name[-2:].upper()}"
    return "EfficientNet"
