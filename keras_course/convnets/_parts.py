"""What the builders of this lecture share: checks of their input, and a convolution with what follows it.

Notation: x (B, H, W, C) images or features, channels last.
"""

import functools
from collections.abc import Callable

import keras

from keras_course.checks import whole_number
from keras_course.layers import BatchNormalization, Conv2D
from keras_course.ops._types import Tensor


def images(smallest=1, *, any_size=False) -> Callable[..., None]:
    """Return the rule for an `input_shape` of images; see `check_images`."""
    return functools.partial(check_images, smallest=smallest, any_size=any_size)


def check_images(input_shape, *, smallest=1, any_size=False) -> None:
    """Raise a ValueError for the shape of images that a network cannot take.

    Args:
        input_shape: (H, W, C); with `any_size`, H and W may be None.
        smallest: the smallest H and W that leave a pixel after the last stride.
        any_size: whether the network ends in a mean over all positions, so that it takes images of any size.
    """
    if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
        raise ValueError(f"input_shape={input_shape!r} must be (height, width, channels)")
    *sides, channels = input_shape
    first = sides[0] in (1, 3)
    if channels is not None or not first:
        whole_number(1, **{"input_shape[2]": channels})
    square = sides[1] == channels  # else one row of many channels is possible, three rows are not
    if first and (channels is None or (channels > 4 and (square or sides[0] == 3))):
        raise ValueError(
            f"input_shape={tuple(input_shape)} is channels first; this library has channels last: give "
            f"({sides[1]}, {channels}, {sides[0]}), and move the axis of the data with numpy.moveaxis(x, 1, -1)"
        )
    for i, side in enumerate(sides):
        if side is None and any_size:
            continue
        whole_number(1, **{f"input_shape[{i}]": side})
        if side < smallest:
            raise ValueError(
                f"input_shape={tuple(input_shape)} is too small: this network needs at least {smallest} x {smallest} "
                "pixels, so that its strides leave something to look at"
            )


def conv_norm(
    x, channels, kernel_size, *, strides=1, groups=1, activation="relu", use_bias=False, epsilon=1e-5, name
) -> Tensor:
    """A convolution, batch normalization, and a non-linearity (None for none).

    It pads alike on all sides, as the papers do. Keras pads less in front where a stride leaves a choice.
    """
    if padded := strides > 1 and kernel_size > 1:
        x = keras.layers.ZeroPadding2D(kernel_size // 2, data_format="channels_last", name=f"{name}_pad")(x)
    x = Conv2D(
        channels,
        kernel_size,
        strides=strides,
        padding="valid" if padded else "same",
        groups=groups,
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return norm(x, activation=activation, epsilon=epsilon, name=name)


def norm(x, *, activation, epsilon=1e-5, momentum=0.9, name) -> Tensor:
    """Batch normalization and a non-linearity (None for none)."""
    x = BatchNormalization(momentum, epsilon, name=f"{name}_norm")(x)
    return keras.layers.Activation(activation, name=f"{name}_act")(x) if activation else x


def classify(x, num_classes, *, dropout=0.0) -> Tensor:
    """The mean over all places, and a linear map to one logit for each class."""
    x = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(num_classes, name="head")(x)


def squeeze_and_excite(x, hidden_dim, *, activation="relu", name) -> Tensor:
    """Multiply each channel by a factor in (0, 1) that an MLP computes from the means of all channels."""
    mean = keras.layers.GlobalAveragePooling2D(data_format="channels_last", keepdims=True, name=f"{name}_pool")(x)
    factor = keras.layers.Dense(hidden_dim, activation=activation, name=f"{name}_in")(mean)  # (B, 1, 1, hidden)
    factor = keras.layers.Dense(x.shape[-1], activation="sigmoid", name=f"{name}_out")(factor)
    return keras.layers.Multiply(name=name)([x, factor])
