"""Fully convolutional networks: a classifier of images that answers at every position.

Notation: x (B, H, W, C) images; stages of convolutions, each followed by a pooling that halves the sides.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, fraction, validate, whole, whole_numbers, wholes
from keras_course.layers import Conv2D, MaxPooling2D, sibling


def _images(**arguments):
    for name, shape in arguments.items():
        if not isinstance(shape, tuple | list) or len(shape) != 3 or shape[-1] is None:
            raise ValueError(f"{name}={shape!r} must be (height, width, channels)")
        whole_numbers(1, **{name: [1 if side is None else side for side in shape]})


_VGG = {"input_shape": (224, 224, 3), "num_classes": 21, "widths": (64, 128, 256, 512, 512),
        "depths": (2, 2, 3, 3, 3), "hidden_dim": 4096, "hidden_size": 7, "dropout": 0.5}  # fmt: skip


@builder(
    reference="Long, Shelhamer and Darrell, 2015, https://arxiv.org/abs/1411.4038",
    presets={
        "tiny": {"input_shape": (32, 32, 3), "num_classes": 3},
        "fcn_32s": {**_VGG, "stride": 32},
        "fcn_16s": {**_VGG, "stride": 16},
        "fcn_8s": {**_VGG, "stride": 8},
    },
)
@validate(
    input_shape=_images,
    num_classes=whole(1),
    stride=choice(32, 16, 8),
    widths=wholes(1, 5),
    depths=wholes(1, 5),
    hidden_dim=whole(1),
    hidden_size=whole(1, 31),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def fcn(
    input_shape,
    num_classes,
    *,
    stride=8,
    widths=(8, 16, 32, 32, 32),
    depths=(1, 1, 1, 1, 1),
    hidden_dim=64,
    hidden_size=1,
    dropout=0.0,
    seed=0,
    name="fcn",
) -> keras.Model:
    """Build a fully convolutional network: FCN-32s, FCN-16s or FCN-8s.

    Takes x `(B, H, W, C)`; returns logits `(B, H, W, K)`:

        f_l = pool(relu(conv(... f_{l-1}))) for l = 1..5,  h = relu(conv(relu(conv(f_5)))),  s_5 = W_5 h
        s_4 = W_4 f_4 + up(s_5),  s_3 = W_3 f_3 + up(s_4),  logits = up(s_5, s_4 or s_3) to the size of x

    The dense layers of a classifier are convolutions here, so the network takes images of any size. The last map has a
    stride of 32 pixels; scores of earlier, finer maps are added before the maps are enlarged by bilinear interpolation.

    Args:
        input_shape: (H, W, C), with sides that 32 divides; a side may be None.
        num_classes: K; 1 for two classes with one logit.
        stride: 32, 16 or 8, the stride of the finest map that has scores.
        widths: channels of the five stages.
        depths: number of 3x3 convolutions of each stage.
        hidden_dim: channels of the two convolutions that were dense layers.
        hidden_size: side of the first one's kernel.
        dropout: rate in [0, 1) after each of the two.
        seed: whole number, at most 2 billion, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`; `SegmentationLoss` is made for its logits.

    Raises:
        ValueError: a number is out of its range, or 32 does not divide a side.

    Differences from the paper:
        Maps are enlarged by bilinear interpolation with fixed weights. The paper learns those of the inner steps, pads
        the image by 100 pixels, and begins with the weights of a classifier.

    References:
        Fully Convolutional Networks for Semantic Segmentation, Long, Shelhamer and Darrell, 2015,
        https://arxiv.org/abs/1411.4038

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import fcn
        >>> model = fcn((None, None, 3), 4)
        >>> [model(np.zeros((1, *size, 3), "float32")).shape == (1, *size, 4) for size in ((32, 32), (64, 96))]
        [True, True]
    """
    if any(side is not None and side % 32 for side in input_shape[:2]):
        raise ValueError(f"input_shape={input_shape} must have sides that 32 divides")
    he, count = keras.initializers.HeNormal(seed), iter(range(10_000))

    def convolution(h, channels, size, name, activation="relu"):
        initial = sibling(he, next(count))
        return Conv2D(channels, size, padding="same", activation=activation, kernel_initializer=initial, name=name)(h)

    h = x = keras.Input(tuple(input_shape), name="image")
    maps = []
    for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for j in range(depth):
            h = convolution(h, width, 3, f"stage_{i}_conv_{j}")
        h = MaxPooling2D(2, name=f"stage_{i}_pool")(h)
        maps.append(h)
    for j, size in enumerate((hidden_size, 1)):
        h = convolution(h, hidden_dim, size, f"hidden_{j}")
        if dropout:
            h = keras.layers.Dropout(dropout, seed=seed + j, name=f"dropout_{j}")(h)
    scores, now = convolution(h, num_classes, 1, "scores_32", None), 32
    while now > stride:
        now //= 2
        finer = convolution(maps[3 if now == 16 else 2], num_classes, 1, f"scores_{now}", None)
        scores = keras.layers.Add(name=f"add_{now}")([finer, _enlarged(scores, 2, f"enlarge_{now}")])
    return keras.Model(x, _enlarged(scores, stride, "logits"), name=name)


def _enlarged(h, factor, name):
    options = {"interpolation": "bilinear", "data_format": "channels_last", "name": name}
    return keras.layers.UpSampling2D(factor, **options)(h)
