"""A U-Net that is told the noise level: a diffusion model of images.

Notation: x (B, H, W, C) noisy images, h (B, H, W, F) features, e (B, E) the embedding of level and label.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import flag, validate, whole, whole_numbers, wholes
from keras_course.diffusion._model import DiffusionModel
from keras_course.diffusion._networks import OPTIONS, condition
from keras_course.diffusion._schedules import SCHEDULES
from keras_course.layers import Conv2D, GroupNormalization, MultiHeadAttention, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._u_shape import u_shape


def check_image_shape(**arguments) -> None:
    """Raise a ValueError for an argument that is not (height, width, channels)."""
    for name, shape in arguments.items():
        whole_numbers(1, length=3, **{name: shape})


@builder(
    reference="Ho et al., 2020, https://arxiv.org/abs/2006.11239",
    presets={
        "tiny": {"input_shape": (8, 8, 1)},
        "digits": {"input_shape": (8, 8, 1), "num_classes": 10, "widths": (32, 64)},
        "mnist": {"input_shape": (28, 28, 1), "num_classes": 10, "widths": (32, 64, 128)},
    },
)
@validate(input_shape=check_image_shape, widths=wholes(1), embedding_dim=whole(1), attention=flag, **OPTIONS)
def diffusion_unet(
    input_shape,
    num_classes=0,
    *,
    widths=(16, 32),
    embedding_dim=64,
    attention=True,
    schedule="cosine",
    prediction="angular",
    weighting="simple",
    activation="silu",
    label_dropout=0.1,
    center=0.5,
    scale=0.5,
    seed=0,
    name="diffusion_unet",
) -> DiffusionModel:
    """Build a diffusion model of images, whose network is a U-Net of residual blocks that are told the noise level.

    Takes x (B, H, W, C), or {"x": x, "label": (B,)}; returns {"denoised": (B, H, W, C), "time": (B,), "loss": (B,)}. A
    block is

        r = conv(act(norm(conv(act(norm(h))) + U e))),  h <- shortcut(h) + r

    Convolutions with a stride of 2 halve the sides, and a repetition of each pixel with a convolution doubles them. The
    last level has self-attention between all its pixels.

    Args:
        input_shape: (H, W, C), with sides that can be halved once for each level but the last.
        num_classes: number of labels; 0 for a model without labels.
        widths: channels of each level.
        embedding_dim: E.
        attention: whether the last level has self-attention, with one head for each 32 channels.
        schedule, prediction, weighting: see `diffusion_mlp`.
        activation: of the blocks.
        label_dropout: fraction of the labels that training leaves out, for guidance.
        center, scale: the model works on (x - center) / scale: by default, pixels in [0, 1] become numbers in [-1, 1].
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `DiffusionModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, a choice is unknown, or the sides do not fit `widths`.

    Differences from the paper: one block for each level, attention at the last level alone, and the noise level
    log(sigma / alpha) / 4 in place of the time.

    References:
        Denoising Diffusion Probabilistic Models, Ho et al., 2020, https://arxiv.org/abs/2006.11239
        U-Net: Convolutional Networks for Biomedical Image Segmentation, Ronneberger et al., 2015,
        https://arxiv.org/abs/1505.04597

    Example:
        >>> from keras_course.diffusion import diffusion_unet
        >>> model = diffusion_unet((8, 8, 1), widths=(4, 8), embedding_dim=8)
        >>> model.sample(2, steps=2).shape == (2, 8, 8, 1)
        True
    """
    factor = 2 ** (len(widths) - 1)
    if not widths or input_shape[0] % factor or input_shape[1] % factor:
        raise ValueError(f"input_shape={tuple(input_shape)} must have sides that {factor} divides: widths={widths}")
    phi, glorot = get_activation(activation), keras.initializers.GlorotUniform(seed=seed)
    others, e = condition(num_classes, embedding_dim, phi, glorot)
    parts = _Parts(e, phi, glorot, attention)
    x = keras.Input(tuple(input_shape), name="x")
    h = parts.conv(x, widths[0], "stem")
    h = u_shape(h, widths, parts.block, down=parts.down, up=parts.up, join=parts.join)
    h = parts.normalized(h, "head_norm")
    small = keras.initializers.VarianceScaling(0.1, seed=seed)
    raw = Conv2D(input_shape[-1], 3, padding="same", kernel_initializer=small, name="head")(h)
    network = keras.Model({"x": x, **others}, raw, name="network")
    return DiffusionModel(
        network,
        SCHEDULES[schedule](),
        prediction=prediction,
        weighting=weighting,
        num_classes=num_classes,
        label_dropout=label_dropout,
        center=center,
        scale=scale,
        seed=seed,
        name=name,
    )


class _Parts:
    """The parts of the U-Net; each kernel gets initial weights of its own."""

    def __init__(self, embedding, activation, initializer, attention):
        self.embedding, self.activation, self.initializer = embedding, activation, initializer
        self.attention, self.count = attention, 2

    def _initial(self):
        self.count += 1
        return sibling(self.initializer, self.count)

    def conv(self, h, channels, name, size=3, strides=1) -> keras.KerasTensor:
        options = {"strides": strides, "padding": "same", "kernel_initializer": self._initial(), "name": name}
        return Conv2D(channels, size, **options)(h)

    def normalized(self, h, name) -> keras.KerasTensor:
        groups = max(g for g in range(1, 9) if h.shape[-1] % g == 0)
        return keras.layers.Activation(self.activation, name=f"{name}_phi")(GroupNormalization(groups, name=name)(h))

    def block(self, h, channels, name) -> keras.KerasTensor:
        r = self.conv(self.normalized(h, f"{name}_norm_0"), channels, f"{name}_conv_0")
        told = keras.layers.Dense(channels, kernel_initializer=self._initial(), name=f"{name}_condition")
        told = keras.layers.Reshape((1, 1, channels), name=f"{name}_everywhere")(told(self.embedding))
        r = keras.layers.Add(name=f"{name}_told")([r, told])
        r = self.conv(self.normalized(r, f"{name}_norm_1"), channels, f"{name}_conv_1")
        if h.shape[-1] != channels:
            h = self.conv(h, channels, f"{name}_shortcut", size=1)
        h = keras.layers.Add(name=f"{name}_add")([h, r])
        return self._attend(h) if self.attention and name == "bottom" else h

    def _attend(self, h):
        height, width, channels = h.shape[1:]
        tokens = keras.layers.Reshape((height * width, channels), name="pixels")(h)
        groups = max(g for g in range(1, 9) if channels % g == 0)
        heads = max(k for k in range(1, max(1, channels // 32) + 1) if channels % k == 0)
        attend = MultiHeadAttention(
            heads,
            kernel_initializer=self._initial(),
            projection_initializer=self._initial(),
            causal=False,
            name="attention",
        )
        r = attend(GroupNormalization(groups, name="attention_norm")(tokens))
        tokens = keras.layers.Add(name="attention_add")([tokens, r])
        return keras.layers.Reshape((height, width, channels), name="image")(tokens)

    def down(self, h, name) -> keras.KerasTensor:
        return self.conv(h, h.shape[-1], name, strides=2)

    def up(self, h, channels, name) -> keras.KerasTensor:
        repeat = keras.layers.UpSampling2D(2, data_format="channels_last", name=f"{name}_repeat")
        return self.conv(repeat(h), channels, name)

    def join(self, skipped, h, name) -> keras.KerasTensor:
        return keras.layers.Concatenate(name=name)([skipped, h])
