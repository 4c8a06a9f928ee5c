"""The U-Net: an encoder that sees wide, a decoder that draws sharp, and connections between them.

Notation: x (B, H, W, C) images, or (B, D, H, W, C) volumes; L levels with C_1, ..., C_L channels.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, flag, fraction, validate, whole, whole_numbers, wholes
from keras_course.layers import BatchNormalization, Conv2D, GroupNormalization, MaxPooling2D, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._u_shape import u_shape

LAST = {"data_format": "channels_last"}


def _image_shape(**arguments):
    for name, shape in arguments.items():
        if not isinstance(shape, tuple | list) or len(shape) not in (3, 4) or shape[-1] is None:
            raise ValueError(f"{name}={shape!r} must be (height, width, channels) or (depth, height, width, channels)")
        whole_numbers(1, **{name: [1 if side is None else side for side in shape]})


NORMS = ("none", "batch", "group")
COURSE = {"input_shape": (128, 128, 1), "num_classes": 1, "widths": (64, 128, 256, 512), "use_bias": False}


@builder(
    reference="Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597",
    presets={
        "tiny": {"input_shape": (32, 32, 1), "num_classes": 2},
        "original": {"input_shape": (572, 572, 1), "num_classes": 2, "widths": (64, 128, 256, 512, 1024),
                     "padding": "valid", "dropout": 0.5, "parameters": 31_030_658},
        "course": {**COURSE, "parameters": 7_693_377},
        "volumes": {"input_shape": (32, 32, 32, 1), "num_classes": 2, "widths": (8, 16, 32), "norm": "group",
                    "residual": True},
    },
)  # fmt: skip
@validate(
    input_shape=_image_shape,
    num_classes=whole(1),
    widths=wholes(1),
    padding=choice("same", "valid"),
    norm=choice(*NORMS),
    residual=flag,
    upsampling=choice("transposed", "nearest"),
    skips=flag,
    use_bias=flag,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def unet(
    input_shape,
    num_classes,
    *,
    widths=(8, 16, 32),
    padding="same",
    norm="none",
    residual=False,
    upsampling="transposed",
    skips=True,
    activation="relu",
    use_bias=True,
    dropout=0.0,
    seed=0,
    name="unet",
) -> keras.Model:
    """Build a U-Net, which says the class of each pixel.

    Takes x `(B, H, W, C)` or `(B, D, H, W, C)`; returns logits `(B, H, W, K)` or `(B, D, H, W, K)`:

        e_1 = block(x),  e_{l+1} = block(pool(e_l)),  d_L = e_L,  d_l = block([e_l, up(d_{l+1})])
        logits = 1x1 convolution of d_1

    A block is two 3x3 convolutions with a non-linearity; max pooling halves the sides, a transposed 2x2 convolution
    doubles them. The connection [e_l, .] brings back where things are, which pooling has lost.

    Args:
        input_shape: (H, W, C), or (D, H, W, C) for volumes. With padding "same", sides must be multiples of 2^(L-1), or
            None for images of any such size.
        num_classes: K; 1 for two classes with one logit.
        widths: C_1, ..., C_L.
        padding: "same" keeps the sides; "valid" computes no pixel whose neighborhood is not seen, so the output is
            smaller, and the skipped features are cropped.
        norm: normalization after each convolution of a block: "none", "batch" or "group".
        residual: whether a block adds its input, through a 1x1 convolution where the channels differ.
        upsampling: "transposed", or "nearest" for a repetition of each pixel with a 3x3 convolution.
        skips: whether the decoder gets the features of the encoder; without them, it is an encoder-decoder.
        activation: the non-linearity.
        use_bias: whether the 3x3 convolutions have biases.
        dropout: rate in [0, 1) on the features of the last level.
        seed: whole number, at most 2 billion, seed of the initial weights and of dropout.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`; `SegmentationLoss` is made for its logits.

    Raises:
        ValueError: a number is out of its range, a choice is unknown, or `input_shape` does not fit `widths`.

    Differences from the paper:
        By default padding keeps the sides. The preset "original" is the paper's network, the preset "course" the one of
        the lecture's notebook.

    References:
        U-Net: Convolutional Networks for Biomedical Image Segmentation, Ronneberger et al., 2015,
        https://arxiv.org/abs/1505.04597
        3D U-Net: Learning Dense Volumetric Segmentation from Sparse Annotation, Cicek et al., 2016,
        https://arxiv.org/abs/1606.06650
        Road Extraction by Deep Residual U-Net, Zhang et al., 2018, https://arxiv.org/abs/1711.10684

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import unet
        >>> model = unet((None, None, 1), 3, widths=(4, 8))
        >>> model(np.zeros((2, 16, 24, 1), "float32")).shape == (2, 16, 24, 3)
        True
    """
    if len(widths) < 2:
        raise ValueError(f"widths={widths!r} must have at least two entries, one for each level")
    phi = get_activation(activation)
    parts = _Parts(len(input_shape) - 1, padding, norm, residual, upsampling, phi, use_bias, dropout, seed)
    _check_sides(tuple(input_shape), len(widths), padding)
    x = keras.Input(tuple(input_shape), name="image")
    join = parts.join if skips else lambda skipped, h, name: h
    h = u_shape(x, widths, parts.block, down=parts.down, up=parts.up, join=join)
    return keras.Model(x, parts.convolution(h, num_classes, 1, "head", True, glorot=True), name=name)


def _check_sides(input_shape, levels, padding):
    for side in input_shape[:-1]:
        if side is None and padding == "valid":
            raise ValueError(f"input_shape={input_shape} has an open side, which padding='valid' cannot crop")
        if side is None:
            continue
        size = side
        if padding == "same" and side % 2 ** (levels - 1):
            raise ValueError(f"input_shape={input_shape} must have sides that {2 ** (levels - 1)} divides")
        for _ in range(levels - 1 if padding == "valid" else 0):
            size -= 4
            if size < 2 or size % 2:
                raise ValueError(
                    f"input_shape={input_shape}: with padding='valid' the side {side} becomes {size} before a pooling; "
                    "it must be even there, such as with 572 and five levels"
                )
            size //= 2
        if padding == "valid" and side - 4 * (3 * 2 ** (levels - 1) - 2) < 1:
            raise ValueError(f"input_shape={input_shape}: with padding='valid' nothing is left of the side {side}")


class _Parts:
    """The parts of a U-Net for images or volumes; each convolution gets initial weights of its own."""

    def __init__(self, rank, padding, norm, residual, upsampling, activation, use_bias, dropout, seed):
        self.rank, self.padding, self.norm, self.residual = rank, padding, norm, residual
        self.upsampling, self.activation, self.use_bias = upsampling, activation, use_bias
        self.dropout, self.seed, self.count = dropout, seed, 0

    def convolution(self, h, channels, size, name, use_bias, *, padding="same", glorot=False) -> keras.KerasTensor:
        kind = Conv2D if self.rank == 2 else keras.layers.Conv3D
        return kind(channels, size, padding=padding, use_bias=use_bias, name=name, **LAST, **self._initial(glorot))(h)

    def _initial(self, glorot=False):
        self.count += 1
        initializers = keras.initializers
        kind = initializers.GlorotUniform(self.seed) if glorot else initializers.HeNormal(self.seed)
        return {"kernel_initializer": sibling(kind, self.count)}

    def block(self, h, channels, name) -> keras.KerasTensor:
        first = h
        for k in range(2):
            h = self.convolution(h, channels, 3, f"{name}_conv_{k}", self.use_bias, padding=self.padding)
            h = self._normalized(h, f"{name}_norm_{k}")
            if self.residual and k == 1:
                if first.shape[-1] != channels:
                    first = self.convolution(first, channels, 1, f"{name}_shortcut", False)
                h = keras.layers.Add(name=f"{name}_add")([self._cropped(first, h, f"{name}_crop"), h])
            h = keras.layers.Activation(self.activation, name=f"{name}_act_{k}")(h)
        if self.dropout and name == "bottom":
            h = keras.layers.Dropout(self.dropout, seed=self.seed, name="dropout")(h)
        return h

    def _normalized(self, h, name):
        if self.norm == "batch":
            return BatchNormalization(name=name)(h)
        if self.norm == "group":
            groups = max(g for g in range(1, 9) if h.shape[-1] % g == 0)
            return GroupNormalization(groups, name=name)(h)
        return h

    def down(self, h, name) -> keras.KerasTensor:
        return (MaxPooling2D(2, name=name) if self.rank == 2 else keras.layers.MaxPooling3D(2, name=name, **LAST))(h)

    def up(self, h, channels, name) -> keras.KerasTensor:
        layers = keras.layers
        if self.upsampling == "transposed":
            kind = layers.Conv2DTranspose if self.rank == 2 else layers.Conv3DTranspose
            return kind(channels, 2, strides=2, name=name, **LAST, **self._initial())(h)
        h = (layers.UpSampling2D if self.rank == 2 else layers.UpSampling3D)(2, name=f"{name}_repeat", **LAST)(h)
        return self.convolution(h, channels, 3, name, True)

    def join(self, skipped, h, name) -> keras.KerasTensor:
        return keras.layers.Concatenate(name=name)([self._cropped(skipped, h, f"{name}_crop"), h])

    def _cropped(self, large, small, name):
        """Return the middle of features, as large as others."""
        if self.padding == "same":
            return large
        sides = [a - b for a, b in zip(large.shape[1:-1], small.shape[1:-1], strict=True)]
        margins = [(side // 2, side - side // 2) for side in sides]
        kind = keras.layers.Cropping2D if self.rank == 2 else keras.layers.Cropping3D
        return kind(margins, name=name, **LAST)(large)
