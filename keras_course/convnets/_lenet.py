"""LeNet-5, the network that read the digits on cheques.

Notation: C1, S2, ..., F6 are the paper's names of its layers; x (B, H, W, C) images.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, fraction, validate, whole
from keras_course.convnets._parts import check_images
from keras_course.layers import AveragePooling2D, Conv2D, MaxPooling2D
from keras_course.layers._activations import get_activation


@builder(
    reference="LeCun, Bottou, Bengio and Haffner, 1998, https://doi.org/10.1109/5.726791",
    presets={
        "tiny": {"input_shape": (28, 28, 1), "num_classes": 10},
        "lenet5": {"input_shape": (28, 28, 1), "num_classes": 10, "parameters": 61_706},
        "lenet5_32": {"input_shape": (32, 32, 1), "num_classes": 10, "padding": "valid", "parameters": 61_706},
    },
)
@validate(num_classes=whole(1), padding=choice("same", "valid"), pool=choice("average", "max"), dropout=fraction)
def lenet5(
    input_shape, num_classes, *, padding="same", activation="tanh", pool="average", dropout=0.0, name="lenet5"
) -> keras.Model:
    """Build LeNet-5: two convolutions, each followed by a pooling, and three layers of an MLP on what they found.

    Takes `(B, H, W, C)`, returns logits `(B, K)`. Of 28 x 28 pixels the layers make:

        C1 28 x 28 x 6,  S2 14 x 14 x 6,  C3 10 x 10 x 16,  S4 5 x 5 x 16,  C5 120,  F6 84,  K

    Args:
        input_shape: (H, W, C), of at least 12 x 12 pixels; 16 x 16 with `padding="valid"`.
        num_classes: number K of classes.
        padding: of C1 alone: "same" for digits that fill their image, as those of MNIST do; "valid" for images
            that have a margin already, 32 x 32 in the paper.
        activation: the non-linearity.
        pool: "average" or "max".
        dropout: rate in [0, 1) at which the inputs of F6 and of the output are dropped in training.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: images that are too small or have their channels first, no class, or an unknown choice.

    Differences from the paper: C3 sees all channels of S2, where the paper leaves out some to save work; S2 and S4 have
    no gain and offset; the non-linearity is tanh(a), not 1.7159 tanh(2a/3); the output is linear, not a distance to
    drawn digits. The paper's error on all of MNIST is 0.95 %.

    References:
        Gradient-Based Learning Applied to Document Recognition, LeCun, Bottou, Bengio and Haffner, 1998,
        https://doi.org/10.1109/5.726791

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import lenet5
        >>> lenet5((28, 28, 1), 10)(np.zeros((2, 28, 28, 1), "float32")).shape == (2, 10)
        True
    """
    check_images(input_shape, smallest=12 if padding == "same" else 16)
    phi = get_activation(activation)
    pooling = AveragePooling2D if pool == "average" else MaxPooling2D

    x = inputs = keras.Input(input_shape, name="x")
    x = Conv2D(6, 5, padding=padding, activation=phi, name="c1")(x)
    x = pooling(2, name="s2")(x)
    x = Conv2D(16, 5, activation=phi, name="c3")(x)
    x = pooling(2, name="s4")(x)
    x = keras.layers.Flatten(data_format="channels_last", name="flatten")(x)
    for units, layer in ((120, "c5"), (84, "f6")):
        x = keras.layers.Dense(units, activation=phi, name=layer)(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"{layer}_dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="head")(x), name=name)
