"""From a ResNet to a ConvNeXt in four steps, on small images.

Notation: x (B, H, W, C) features; three stages of two blocks with w, 2w and 4w channels. Each step keeps what the step
before it has changed.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, validate, whole
from keras_course.convnets._convnext import convnext_branch, layer_norm
from keras_course.convnets._parts import classify, conv_norm, images, norm
from keras_course.layers import Conv2D, DepthwiseConv2D

STEPS = ("resnet", "inverted_bottleneck", "large_kernel", "convnext")
_CIFAR = {"input_shape": (32, 32, 3), "num_classes": 10, "width": 32}


@builder(
    reference="Liu et al., 2022, https://arxiv.org/abs/2201.03545",
    presets={
        "tiny": {"input_shape": (32, 32, 3), "num_classes": 10},
        "resnet": {**_CIFAR, "step": "resnet", "parameters": 870_698},
        "inverted_bottleneck": {**_CIFAR, "step": "inverted_bottleneck", "parameters": 463_018},
        "large_kernel": {**_CIFAR, "step": "large_kernel", "parameters": 466_154},
        "convnext": {**_CIFAR, "step": "convnext", "parameters": 414_122},
    },
)
@validate(input_shape=images(4, any_size=True), num_classes=whole(1), step=choice(*STEPS), width=whole(1))
def resnet_to_convnext(
    input_shape, num_classes, *, step="convnext", width=16, name="resnet_to_convnext"
) -> keras.Model:
    """Build one of four networks that lead from a ResNet to a ConvNeXt.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. Every block computes x + f(x), and the steps change f:

        resnet               3x3 - norm - relu - 3x3 - norm, then relu of the sum; batch normalization
        inverted_bottleneck  1x1 to 4C - norm - relu - depthwise 3x3 - norm - relu - 1x1 to C - norm
        large_kernel         depthwise 7x7 - norm - relu - 1x1 to 4C - norm - relu - 1x1 to C - norm
        convnext             depthwise 7x7 - layer norm - 1x1 to 4C - gelu - 1x1 to C

    The last step also cuts images into patches of 4 x 4, one at each pixel, and halves height and width by a
    normalization and a convolution of 2 x 2.

    Args:
        input_shape: (H, W, C), of at least 4 x 4 pixels; H and W may be None.
        num_classes: number K of classes.
        step: "resnet", "inverted_bottleneck", "large_kernel" or "convnext".
        width: channels w of the first stage.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, or an unknown step.

    Differences from the paper: it takes more and smaller steps, on ImageNet, from 78.8 to 82.0 % top-1 accuracy.

    References:
        A ConvNet for the 2020s, Liu et al., 2022, https://arxiv.org/abs/2201.03545

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import resnet_to_convnext
        >>> resnet_to_convnext((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    last = step == "convnext"

    x = inputs = keras.Input(input_shape, name="x")
    if last:
        x = layer_norm(Conv2D(width, 4, padding="same", name="stem_conv")(x), "stem_norm")
    else:
        x = conv_norm(x, width, 3, name="stem")
    for stage in range(3):
        channels = width * 2**stage
        if stage > 0 and last:
            x = Conv2D(channels, 2, strides=2, name=f"down_{stage}")(layer_norm(x, f"down_{stage}_norm"))
        elif stage > 0:
            x = conv_norm(x, channels, 3, strides=2, activation=None, name=f"down_{stage}")
        for i in range(2):
            block = f"stage_{stage}_block_{i}"
            x = keras.layers.Add(name=f"{block}_add")([x, _BRANCHES[step](x, block)])
            if step == "resnet":
                x = keras.layers.Activation("relu", name=f"{block}_act")(x)
    if last:
        x = layer_norm(x, "head_norm")
    return keras.Model(inputs, classify(x, num_classes), name=name)


def _residual(x, name):
    f = conv_norm(x, x.shape[-1], 3, name=f"{name}_0")
    return conv_norm(f, x.shape[-1], 3, activation=None, name=f"{name}_1")


def _inverted_bottleneck(x, name):
    f = conv_norm(x, 4 * x.shape[-1], 1, name=f"{name}_expand")
    f = _depthwise(f, 3, name)
    return conv_norm(f, x.shape[-1], 1, activation=None, name=f"{name}_project")


def _large_kernel(x, name):
    f = _depthwise(x, 7, name)
    f = conv_norm(f, 4 * x.shape[-1], 1, name=f"{name}_expand")
    return conv_norm(f, x.shape[-1], 1, activation=None, name=f"{name}_project")


def _depthwise(x, kernel_size, name):
    layer = DepthwiseConv2D(
        kernel_size,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise_conv",
    )
    return norm(layer(x), activation="relu", name=f"{name}_depthwise")


_BRANCHES = dict(zip(STEPS, (_residual, _inverted_bottleneck, _large_kernel, convnext_branch), strict=True))
