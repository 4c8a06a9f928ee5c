"""Residual networks: layers learn what to add to their input, h = x + f(x), so that depth no longer hurts.

Notation: x (B, H, W, C) features; a stage is a run of blocks with the same number of channels, and halves height and
width at its beginning (the first one does not).
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, positive, validate, whole
from keras_course.convnets._imagenet import load_imagenet
from keras_course.convnets._parts import classify, conv_norm, images, squeeze_and_excite
from keras_course.layers import MaxPooling2D

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_IMAGENET = {"input_shape": (224, 224, 3), "num_classes": 1000, "width": 64}
_RESNEXT = {"groups": 32, "base_width": 4, "downsample_at": "3x3"}


@builder(
    reference="He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1512.03385",
    presets={
        "tiny": {"input_shape": (48, 48, 3), "num_classes": 10},
        "resnet_18": {**_IMAGENET, "depth": 18, "parameters": 11_689_512},
        "resnet_34": {**_IMAGENET, "depth": 34, "parameters": 21_797_672},
        "resnet_50": {**_IMAGENET, "depth": 50, "parameters": 25_557_032},
        "resnet_101": {**_IMAGENET, "depth": 101, "parameters": 44_549_160},
        "resnet_152": {**_IMAGENET, "depth": 152, "parameters": 60_192_808},
        "resnext_50": {**_IMAGENET, "depth": 50, **_RESNEXT, "parameters": 25_028_904},
        "se_resnet_50": {**_IMAGENET, "depth": 50, "squeeze": 16, "parameters": 28_088_024},
    },
)
@validate(
    input_shape=images(32, any_size=True),
    num_classes=whole(1),
    depth=choice(*_BLOCKS),
    width=whole(1),
    groups=whole(1),
    base_width=whole(1),
    squeeze=whole(1),
    downsample_at=choice("1x1", "3x3"),
    epsilon=positive,
    weights=choice(None, "imagenet"),
)
def resnet(
    input_shape,
    num_classes,
    *,
    depth=18,
    width=8,
    groups=1,
    base_width=None,
    squeeze=None,
    downsample_at="1x1",
    conv_bias=False,
    epsilon=1e-5,
    weights=None,
    name="resnet",
) -> keras.Model:
    """Build a residual network for large images.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. A block computes

        h = relu(x + f(x))

    with f two convolutions of 3 x 3 (depth 18 and 34) or, in a bottleneck, 1 x 1, 3 x 3 and 1 x 1 (deeper ones). Where
    the shapes of x and f(x) differ, x passes through a convolution of 1 x 1. A convolution of 7 x 7 and a pooling that
    together leave every fourth place come before the four stages, the mean over all places after them.

    Args:
        input_shape: (H, W, C), of at least 32 x 32 pixels; H and W may be None.
        num_classes: number K of classes.
        depth: number of layers with weights: 18, 34, 50, 101 or 152.
        width: channels of the first stage; the others have two, four and eight times as many, and the outputs of
            bottlenecks four times as many again.
        groups: number of groups in the 3 x 3 convolution of a bottleneck: more than 1 makes it a ResNeXt.
        base_width: channels of a group of a ResNeXt in the first stage. By default those of the stage, shared out.
        squeeze: if given, each f ends in squeeze and excitation: the mean over all places decides by which factor in
            (0, 1) each channel is multiplied, through a hidden layer of this many times fewer channels.
        downsample_at: the convolution of a bottleneck that moves by two pixels: "1x1" (the first one: the paper, and
            `keras.applications`) or "3x3" (ResNeXt as its authors programmed it, and PyTorch's torchvision).
        conv_bias: whether convolutions have a bias, which the normalization behind them makes superfluous;
            `keras.applications` has it.
        epsilon: of batch normalization; `keras.applications` has 1.001e-5.
        weights: None for random ones, or "imagenet" as in `keras.applications` (depth 50, 101 and 152), which
            are downloaded once; with another number of classes the last layer stays random. They were trained on
            images that `keras.applications.resnet.preprocess_input` had prepared.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, a depth that does not exist,
            groups or a base width without a bottleneck, groups that do not divide its channels, an epsilon that is not
            above 0, or weights that do not fit the other arguments.
        FileNotFoundError: the weights can be neither found nor downloaded.

    Differences from the paper: none by default. The paper's top-5 error on ImageNet is 4.49 % (depth 152) and 3.57 %
    (six networks together).

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1512.03385
        Aggregated Residual Transformations for Deep Neural Networks, Xie et al., 2017,
        https://arxiv.org/abs/1611.05431
        Squeeze-and-Excitation Networks, Hu, Shen and Sun, 2018, https://arxiv.org/abs/1709.01507

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import resnet
        >>> resnet((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    inner = width if base_width is None else base_width * groups
    _check_bottleneck(depth, groups, base_width, inner)
    _check_pretrained(weights, downsample_at)

    options = {"use_bias": conv_bias, "epsilon": epsilon}
    x = inputs = keras.Input(input_shape, name="x")
    x = conv_norm(x, width, 7, strides=2, name="stem", **options)
    x = keras.layers.ZeroPadding2D(1, data_format="channels_last", name="pool_pad")(x)
    x = MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, count in enumerate(_BLOCKS[depth]):
        for i in range(count):
            block = f"stage_{stage}_block_{i}"
            strides = 2 if stage > 0 and i == 0 else 1
            if depth >= 50:
                f = _bottleneck(
                    x, inner * 2**stage, 4 * width * 2**stage, strides, groups, downsample_at, name=block, **options
                )
            else:
                f = _pair(x, width * 2**stage, strides, name=block, **options)
            if squeeze is not None:
                f = squeeze_and_excite(f, max(1, f.shape[-1] // squeeze), name=f"{block}_squeeze")
            if x.shape[-1] != f.shape[-1] or strides > 1:
                x = conv_norm(x, f.shape[-1], 1, strides=strides, activation=None, name=f"{block}_shortcut", **options)
            x = keras.layers.Activation("relu", name=f"{block}_act")(keras.layers.Add(name=f"{block}_add")([x, f]))
    model = keras.Model(inputs, classify(x, num_classes), name=name)
    return load_imagenet(model, f"ResNet{depth}") if weights else model


def _check_bottleneck(depth, groups, base_width, inner):
    if (groups > 1 or base_width is not None) and depth < 50:
        name_and_value = f"groups={groups}" if groups > 1 else f"base_width={base_width}"
        raise ValueError(f"{name_and_value} needs bottlenecks, that is a depth of 50 or more, not depth={depth}")
    if inner % groups:
        raise ValueError(f"groups={groups} does not divide the {inner} channels of a bottleneck")


def _check_pretrained(weights, downsample_at):
    if weights and downsample_at == "3x3":
        raise ValueError("downsample_at='3x3' must be '1x1' with weights='imagenet', which were trained so")


def _pair(x, channels, strides, *, name, **options):
    """Return f(x) of two convolutions of 3 x 3; the non-linearity behind the second one follows the sum."""
    x = conv_norm(x, channels, 3, strides=strides, name=f"{name}_0", **options)
    return conv_norm(x, channels, 3, activation=None, name=f"{name}_1", **options)


def _bottleneck(x, inner, outer, strides, groups, downsample_at, *, name, **options):
    """Return f(x) of a bottleneck: 1 x 1 to few channels, 3 x 3 on these, 1 x 1 to many."""
    first, second = (strides, 1) if downsample_at == "1x1" else (1, strides)
    x = conv_norm(x, inner, 1, strides=first, name=f"{name}_0", **options)
    x = conv_norm(x, inner, 3, strides=second, groups=groups, name=f"{name}_1", **options)
    return conv_norm(x, outer, 1, activation=None, name=f"{name}_2", **options)
