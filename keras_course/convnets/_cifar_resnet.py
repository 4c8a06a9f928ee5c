"""Residual networks for small images, and their twins without the residuals.

Notation: x (B, H, W, C) features; 6n + 2 layers: three stages of n blocks with two convolutions each.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import validate, whole, whole_number
from keras_course.convnets._parts import classify, conv_norm, images
from keras_course.ops._types import Tensor

_CIFAR = {"input_shape": (32, 32, 3), "num_classes": 10}


@keras.saving.register_keras_serializable("keras_course")
class SubsampleAndPad(keras.layers.Layer):
    """A shortcut without weights: every `strides`-th pixel, and channels of zeros around those there are.

    Takes `(B, H, W, C)`, gives `(B, ceil(H / strides), ceil(W / strides), channels)`.

    Args:
        channels: number of channels of the output, at least those of the input.
        strides: distance of the pixels that are kept, at least 1.

    Raises:
        ValueError: a number is out of range, or x has more channels than the output.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.convnets import SubsampleAndPad
        >>> np.asarray(SubsampleAndPad(6, 2)(keras.ops.ones((1, 4, 4, 2)))[0, 0, 0]).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """

    kernel_size = 1  # a window of one pixel, for what asks layers for their windows, such as `receptive_field`

    @validate(channels=whole(1), strides=whole(1))
    def __init__(self, channels, strides, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.strides = channels, strides

    def build(self, shape) -> None:
        if shape[-1] > self.channels:
            raise ValueError(f"channels={self.channels} must be at least {shape[-1]}, the number of channels of x")

    def call(self, x) -> Tensor:
        spare = self.channels - x.shape[-1]
        sides = [spare // 2, spare - spare // 2]
        return ops.pad(x[:, :: self.strides, :: self.strides], [[0, 0], [0, 0], [0, 0], sides])

    def get_config(self) -> dict:
        return {**super().get_config(), "channels": self.channels, "strides": self.strides}


def _check_depth(depth):
    whole_number(1, depth=depth)
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth={depth} must be 6n + 2: 8, 14, 20, 26, 32, 38, 44, 50, 56, ..., 110, ...")


@builder(
    reference="He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1512.03385",
    presets={
        "tiny": _CIFAR,
        "resnet_20": {**_CIFAR, "depth": 20, "parameters": 269_722},
        "resnet_32": {**_CIFAR, "depth": 32, "parameters": 464_154},
        "resnet_44": {**_CIFAR, "depth": 44, "parameters": 658_586},
        "resnet_56": {**_CIFAR, "depth": 56, "parameters": 853_018},
        "resnet_110": {**_CIFAR, "depth": 110, "parameters": 1_727_962},
    },
)
@validate(input_shape=images(4, any_size=True), num_classes=whole(1), depth=_check_depth, width=whole(1))
def cifar_resnet(input_shape, num_classes, *, depth=8, width=16, residual=True, name="cifar_resnet") -> keras.Model:
    """Build a residual network for small images.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. A convolution of 3 x 3 with w channels is followed by three stages of
    w, 2w and 4w channels on the full, half and quarter height and width, and the mean over all places. A block computes

        h = relu(x + f(x))

    with f two convolutions of 3 x 3. Where the shapes of x and f(x) differ, x loses every second pixel and gains
    channels of zeros, so the shortcuts have no weights at all.

    Args:
        input_shape: (H, W, C), of at least 4 x 4 pixels; H and W may be None.
        num_classes: number K of classes.
        depth: number of layers with weights, 6n + 2: 8, 14, 20, 26, ...
        width: channels w of the first stage.
        residual: False leaves out the x in the equation: the plain network to compare with.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, or a depth that does not exist.

    Differences from the paper: none. Its errors on CIFAR-10 (trained on 50,000 images) are 8.75, 7.51, 7.17, 6.97
    and 6.43 % with 20, 32, 44, 56 and 110 layers.

    References:
        Deep Residual Learning for Image Recognition, He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1512.03385

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import cifar_resnet
        >>> cifar_resnet((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    x = inputs = keras.Input(input_shape, name="x")
    x = conv_norm(x, width, 3, name="stem")
    for stage in range(3):
        channels = width * 2**stage
        for i in range((depth - 2) // 6):
            block = f"stage_{stage}_block_{i}"
            strides = 2 if stage > 0 and i == 0 else 1
            f = conv_norm(x, channels, 3, strides=strides, name=f"{block}_0")
            f = conv_norm(f, channels, 3, activation=None, name=f"{block}_1")
            if residual:
                shortcut = x if strides == 1 else SubsampleAndPad(channels, strides, name=f"{block}_shortcut")(x)
                f = keras.layers.Add(name=f"{block}_add")([shortcut, f])
            x = keras.layers.Activation("relu", name=f"{block}_act")(f)
    return keras.Model(inputs, classify(x, num_classes), name=name)
