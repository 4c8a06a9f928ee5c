"""VGG: nothing but windows of 3 x 3, deeper and deeper.

Notation: x (B, H, W, C) images; five blocks of convolutions, each followed by a pooling that halves height and width.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, fraction, validate, whole
from keras_course.convnets._imagenet import load_imagenet
from keras_course.convnets._parts import images, norm
from keras_course.layers import Conv2D, MaxPooling2D

_BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_IMAGENET = {"input_shape": (224, 224, 3), "num_classes": 1000, "width": 64, "mlp_dim": 4096, "dropout": 0.5}


@builder(
    reference="Simonyan and Zisserman, 2015, https://arxiv.org/abs/1409.1556",
    presets={
        "tiny": {"input_shape": (32, 32, 3), "num_classes": 10},
        "vgg_11": {**_IMAGENET, "depth": 11, "parameters": 132_863_336},
        "vgg_13": {**_IMAGENET, "depth": 13, "parameters": 133_047_848},
        "vgg_16": {**_IMAGENET, "depth": 16, "parameters": 138_357_544},
        "vgg_19": {**_IMAGENET, "depth": 19, "parameters": 143_667_240},
    },
)
@validate(
    input_shape=images(32),
    num_classes=whole(1),
    depth=choice(*_BLOCKS),
    width=whole(1),
    mlp_dim=whole(1),
    dropout=fraction,
    weights=choice(None, "imagenet"),
)
def vgg(
    input_shape,
    num_classes,
    *,
    depth=11,
    width=8,
    mlp_dim=64,
    batch_norm=False,
    dropout=0.0,
    weights=None,
    name="vgg",
) -> keras.Model:
    """Build a VGG: five blocks of convolutions of 3 x 3, and an MLP on the features that are left.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. The blocks have w, 2w, 4w, 8w and 8w channels; two windows of 3 x 3
    in series see 5 x 5 pixels, as one of 5 x 5 does, with 18 in place of 25 weights and a non-linearity more.

    Args:
        input_shape: (H, W, C), of at least 32 x 32 pixels.
        num_classes: number K of classes.
        depth: number of layers with weights: 11, 13, 16 or 19.
        width: channels w of the first block.
        mlp_dim: width of the two hidden layers of the MLP.
        batch_norm: whether each convolution is followed by batch normalization.
        dropout: rate in [0, 1) at which outputs of the hidden layers are dropped in training; 0.5 in the paper.
        weights: None for random ones, or "imagenet" as in `keras.applications` (depth 16 and 19), which are
            downloaded once; with another number of classes the last layer stays random, and with images of another
            size than 224 x 224 the first hidden layer does. They were trained on images that
            `keras.applications.vgg16.preprocess_input` had prepared.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, a depth that does not exist, or
            weights that do not fit the other arguments.
        FileNotFoundError: the weights can be neither found nor downloaded.

    Differences from the paper: none that change the network; it has He initialization, not the weights of a shallower
    network.
    The paper's top-5 error on ImageNet, of two networks together, is 6.8 %.

    References:
        Very Deep Convolutional Networks for Large-Scale Image Recognition, Simonyan and Zisserman, 2015,
        https://arxiv.org/abs/1409.1556

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import vgg
        >>> vgg((32, 32, 3), 10)(np.zeros((2, 32, 32, 3), "float32")).shape == (2, 10)
        True
    """
    x = inputs = keras.Input(input_shape, name="x")
    for i, count in enumerate(_BLOCKS[depth]):
        for j in range(count):
            layer = f"block_{i}_{j}"
            x = Conv2D(width * min(2**i, 8), 3, padding="same", kernel_initializer="he_normal", name=f"{layer}_conv")(x)
            act = keras.layers.Activation("relu", name=f"{layer}_act")
            x = norm(x, activation="relu", name=layer) if batch_norm else act(x)
        x = MaxPooling2D(2, name=f"pool_{i}")(x)
    x = keras.layers.Flatten(data_format="channels_last", name="flatten")(x)
    for i in range(2):
        x = keras.layers.Dense(mlp_dim, activation="relu", kernel_initializer="he_normal", name=f"hidden_{i}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x) if dropout else x
    model = keras.Model(inputs, keras.layers.Dense(num_classes, name="head")(x), name=name)
    return load_imagenet(model, f"VGG{depth}") if weights else model
