"""AlexNet, with which deep learning won the ImageNet competition of 2012.

Notation: x (B, H, W, C) images, C_1..C_5 the channels of the five convolutions.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import fraction, not_negative, number, positive, validate, whole, whole_number
from keras_course.convnets._parts import images
from keras_course.layers import Conv2D, MaxPooling2D
from keras_course.ops._types import Tensor

_IMAGENET = {"input_shape": (227, 227, 3), "num_classes": 1000, "mlp_dim": 4096, "dropout": 0.5}
_PAPER = {**_IMAGENET, "channels": (96, 256, 384, 384, 256)}


@keras.saving.register_keras_serializable("keras_course")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each feature by the size of those of neighboring channels at the same place.

    Takes and gives `(B, H, W, C)`; the sum runs over the `size` channels j around i that exist:

        y_i = x_i / (bias + alpha sum_j x_j^2)^beta

    Args:
        size: number of channels in the sum, odd.
        bias: above 0.
        alpha: at least 0.
        beta: the exponent.

    Raises:
        ValueError: an even size, or a number out of range.

    References:
        ImageNet Classification with Deep Convolutional Neural Networks, Krizhevsky, Sutskever and Hinton, 2012,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks

    Example:
        >>> import keras
        >>> from keras_course.convnets import LocalResponseNormalization
        >>> y = LocalResponseNormalization(size=1, bias=1.0, alpha=1.0, beta=0.5)(keras.ops.ones((1, 1, 1, 2)))
        >>> round(float(y[0, 0, 0, 0]), 4)
        0.7071
    """

    @validate(size=whole(1), bias=positive, alpha=not_negative, beta=number)
    def __init__(self, size=5, bias=2.0, alpha=1e-4, beta=0.75, **kwargs):
        if size % 2 == 0:
            raise ValueError(f"size={size} must be odd: as many channels on one side as on the other")
        super().__init__(**kwargs)
        self.size, self.bias, self.alpha, self.beta = size, bias, alpha, beta

    def call(self, x) -> Tensor:
        side = self.size // 2
        dtype = "float64" if self.compute_dtype == "float64" else "float32"  # in float16, 300 squared is infinite
        wide = ops.cast(x, dtype)
        squares = ops.pad(ops.square(wide), [[0, 0], [0, 0], [0, 0], [side, side]])
        total = sum(squares[..., j : j + x.shape[-1]] for j in range(self.size))
        return ops.cast(wide / (self.bias + self.alpha * total) ** self.beta, x.dtype)

    def get_config(self) -> dict:
        own = {"size": self.size, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@builder(
    reference="Krizhevsky, Sutskever and Hinton, 2012, https://papers.nips.cc/paper/4824",
    presets={
        "tiny": {"input_shape": (67, 67, 3), "num_classes": 10},
        "alexnet": {**_PAPER, "groups": (1, 2, 1, 2, 2), "parameters": 60_965_224},
        "alexnet_ungrouped": {**_PAPER, "parameters": 62_378_344},
        "alexnet_one_tower": {
            **_IMAGENET,
            "channels": (64, 192, 384, 256, 256),
            "response_norm": False,
            "parameters": 61_100_840,
        },
    },
)
@validate(input_shape=images(67), num_classes=whole(1), mlp_dim=whole(1), dropout=fraction)
def alexnet(
    input_shape,
    num_classes,
    *,
    channels=(8, 16, 24, 24, 16),
    groups=(1, 1, 1, 1, 1),
    mlp_dim=64,
    response_norm=True,
    dropout=0.0,
    name="alexnet",
) -> keras.Model:
    """Build AlexNet: five convolutions, three of them followed by a pooling, and an MLP on the features that are left.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. The convolutions see windows of 11 x 11 (every fourth pixel), 5 x 5
    and three times 3 x 3; of 227 x 227 pixels they leave 6 x 6 positions.

    Args:
        input_shape: (H, W, C), of at least 67 x 67 pixels.
        num_classes: number K of classes.
        channels: channels C_1, ..., C_5.
        groups: number of groups into which the channels of each convolution fall; a group sees its own inputs only.
            The paper's (1, 2, 1, 2, 2) put half of the network on each of two GPUs.
        mlp_dim: width of the two hidden layers of the MLP.
        response_norm: whether the first two convolutions are followed by a `LocalResponseNormalization`.
        dropout: rate in [0, 1) at which inputs of the hidden layers are dropped in training; 0.5 in the paper.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, not five channels or groups,
            or channels that do not fall into their groups.

    Differences from the paper: the images have 227 x 227 pixels, as the 224 of the paper do not give its 55 x 55
    places. "alexnet_one_tower" is what PyTorch's torchvision calls AlexNet: the network of "One weird trick", which has
    384 channels behind the fourth convolution, where this has 256. The paper's top-5 error on ImageNet, of five
    networks together, is 16.4 %.

    References:
        ImageNet Classification with Deep Convolutional Neural Networks, Krizhevsky, Sutskever and Hinton, 2012,
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks
        One weird trick for parallelizing convolutional neural networks, Krizhevsky, 2014,
        https://arxiv.org/abs/1404.5997

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import alexnet
        >>> alexnet((67, 67, 3), 10)(np.zeros((2, 67, 67, 3), "float32")).shape == (2, 10)
        True
    """
    _check_five(input_shape[2], channels, groups)

    x = inputs = keras.Input(input_shape, name="x")
    for i, (kernel_size, strides) in enumerate(((11, 4), (5, 1), (3, 1), (3, 1), (3, 1))):
        x = Conv2D(
            channels[i],
            kernel_size,
            strides=strides,
            padding="valid" if i == 0 else "same",
            groups=groups[i],
            activation="relu",
            kernel_initializer="he_normal",
            name=f"conv_{i}",
        )(x)
        if i < 2 and response_norm:
            x = LocalResponseNormalization(name=f"response_norm_{i}")(x)
        if i in (0, 1, 4):
            x = MaxPooling2D(3, strides=2, name=f"pool_{i}")(x)
    x = keras.layers.Flatten(data_format="channels_last", name="flatten")(x)
    for i in range(2):
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x) if dropout else x
        x = keras.layers.Dense(mlp_dim, activation="relu", kernel_initializer="he_normal", name=f"hidden_{i}")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="head")(x), name=name)


def _check_five(colors, channels, groups):
    for name, values in (("channels", channels), ("groups", groups)):
        if not isinstance(values, tuple | list) or len(values) != 5:
            raise ValueError(f"{name}={values!r} must have five entries, one for each convolution")
        whole_number(1, **{f"{name}[{i}]": value for i, value in enumerate(values)})
    for i, (before, after, count) in enumerate(zip((colors, *channels), channels, groups, strict=False)):
        if before % count or after % count:
            raise ValueError(f"groups[{i}]={count} must divide the channels before and after it, {before} and {after}")
