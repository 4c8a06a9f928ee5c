"""ConvNeXt: a convolutional network with the proportions of a vision transformer.

Notation: x (B, H, W, C) features; a stage is a run of blocks with the same number of channels.
"""

import keras
import numpy as np

from keras_course._registry import builder
from keras_course.checks import choice, fraction, number, validate, whole, wholes
from keras_course.convnets._imagenet import load_imagenet
from keras_course.convnets._parts import images
from keras_course.layers import Conv2D, Dense, DepthwiseConv2D, LayerScale
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor

_IMAGENET = {"input_shape": (224, 224, 3), "num_classes": 1000}


@builder(
    reference="Liu et al., 2022, https://arxiv.org/abs/2201.03545",
    presets={
        "tiny": {"input_shape": (32, 32, 3), "num_classes": 10},
        "convnext_tiny": {**_IMAGENET, "depths": (3, 3, 9, 3), "width": 96, "parameters": 28_589_128},
        "convnext_small": {**_IMAGENET, "depths": (3, 3, 27, 3), "width": 96, "parameters": 50_223_688},
        "convnext_base": {**_IMAGENET, "depths": (3, 3, 27, 3), "width": 128, "parameters": 88_591_464},
        "convnext_large": {**_IMAGENET, "depths": (3, 3, 27, 3), "width": 192, "parameters": 197_767_336},
        "convnext_xlarge": {**_IMAGENET, "depths": (3, 3, 27, 3), "width": 256, "parameters": 350_196_968},
    },
)
@validate(
    input_shape=images(32, any_size=True),
    num_classes=whole(1),
    depths=wholes(1, length=4),
    width=whole(1),
    drop_path=fraction,
    layer_scale=number,
    weights=choice(None, "imagenet"),
)
def convnext(
    input_shape,
    num_classes,
    *,
    depths=(1, 1, 1, 1),
    width=16,
    drop_path=0.0,
    layer_scale=1e-6,
    weights=None,
    name="convnext",
) -> keras.Model:
    """Build a ConvNeXt.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. A block mixes positions within each channel, then channels at each
    position:

        x + gain * (W_2 gelu(W_1 layer_norm(depthwise_7x7(x))))

    with four times as many channels in the middle. A convolution of 4 x 4 that moves by four pixels cuts the image
    into patches before the first stage; one of 2 x 2 that moves by two comes before each other stage.

    Args:
        input_shape: (H, W, C), of at least 32 x 32 pixels; H and W may be None.
        num_classes: number K of classes.
        depths: number of blocks of each of the four stages.
        width: channels of the first stage; the others have two, four and eight times as many.
        drop_path: rate in [0, 1) at which whole blocks are skipped in training, for each image; it rises from 0 in
            the first block to this in the last one.
        layer_scale: the gain of all channels before training.
        weights: None for random ones, or "imagenet" as in `keras.applications` (its Tiny, Small, Base, Large and
            XLarge), which are downloaded once; with another number of classes the last layer stays random. They were
            trained on images standardized by the mean and deviation of each color on ImageNet.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, not four depths, a number out of
            range, or weights that do not fit the other arguments.
        FileNotFoundError: the weights can be neither found nor downloaded.

    Differences from the paper: none that change the network; kernels have Keras's initialization, not a truncated
    normal distribution of standard deviation 0.02. The paper's top-1 accuracy on ImageNet is 82.1 % (Tiny) to 84.3 %
    (Large), and 87.8 % for XLarge pretrained on 22,000 classes.

    References:
        A ConvNet for the 2020s, Liu et al., 2022, https://arxiv.org/abs/2201.03545

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import convnext
        >>> convnext((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    rates = iter(np.linspace(0.0, drop_path, sum(depths)).tolist())
    x = inputs = keras.Input(input_shape, name="x")
    for stage, depth in enumerate(depths):
        channels = width * 2**stage
        if stage == 0:
            x = layer_norm(_conv(channels, 4, "stem")(x), "stem_norm")
        else:
            x = _conv(channels, 2, f"down_{stage}")(layer_norm(x, f"down_{stage}_norm"))
        for i in range(depth):
            block = f"stage_{stage}_block_{i}"
            f = LayerScale(layer_scale, name=f"{block}_scale")(convnext_branch(x, block))
            if rate := next(rates):
                f = keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{block}_drop_path")(f)
            x = keras.layers.Add(name=f"{block}_add")([x, f])
    x = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(num_classes, name="head")(layer_norm(x, "head_norm")), name=name)
    return load_imagenet(model, _application(depths, width)) if weights else model


def convnext_branch(x, name) -> Tensor:
    """The block without its shortcut: depthwise 7 x 7, layer normalization, four times as many channels, and back."""
    channels = x.shape[-1]
    x = DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise")(x)
    x = layer_norm(x, f"{name}_norm")
    x = Dense(4 * channels, name=f"{name}_expand")(x)
    x = keras.layers.Activation(get_activation("gelu"), name=f"{name}_act")(x)
    return Dense(channels, name=f"{name}_project")(x)


def layer_norm(x, name) -> Tensor:
    """Standardize the channels of each place; not those of all places together, as one group would."""
    return keras.layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def _conv(channels, size, name):
    """A convolution that cuts the image into squares and sees each of them once."""
    return Conv2D(channels, size, strides=size, name=name)


def _application(depths, width):
    names = {96: "Tiny" if depths[2] == 9 else "Small", 128: "Base", 192: "Large", 256: "XLarge"}
    return f"ConvNeXt{names.get(width, '')}"
