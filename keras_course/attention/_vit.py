"""The vision transformer: an image as a sequence of patches.

Notation: x (B, H, W, C_in) images, cut into N = HW / P^2 patches of P x P pixels; C = `hidden_dim`.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import as_floats, fraction, instance, positive, validate, whole, whole_numbers
from keras_course.checks.models import check_built_by
from keras_course.layers import Conv2D, Dense, PositionEmbedding, TransformerBlock, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class ClassToken(keras.layers.Layer):
    """Takes x `(B, N, C)` and returns `(B, 1 + N, C)`: a learned token, the same for each sequence, comes first.

    Args:
        initializer: initializer of the token, `(C,)`.

    Example:
        >>> import keras
        >>> from keras_course.attention import ClassToken
        >>> ClassToken()(keras.ops.ones((2, 3, 4))).shape == (2, 4, 4)
        True
    """

    def __init__(self, *, initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.initializer = get_initializer(initializer=initializer)

    def build(self, input_shape) -> None:
        self.token = self.add_weight(name="token", shape=(input_shape[-1],), initializer=self.initializer)

    def call(self, x) -> Tensor:
        token = ops.cast(ops.convert_to_tensor(self.token), x.dtype)
        first = ops.broadcast_to(token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([first, x], axis=1)

    def compute_output_shape(self, input_shape) -> tuple:
        batch, length, width = input_shape
        return batch, None if length is None else 1 + length, width

    def get_config(self) -> dict:
        return {**super().get_config(), "initializer": keras.initializers.serialize(self.initializer)}


_IMAGENET = {"input_shape": (224, 224, 3), "num_classes": 1000, "patch_size": 16}


@builder(
    reference="Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929",
    presets={
        "tiny": {"input_shape": (32, 32, 3), "num_classes": 10},
        "vit_tiny_16": {**_IMAGENET, "hidden_dim": 192, "num_layers": 12, "num_heads": 3, "parameters": 5_717_416},
        "vit_small_16": {**_IMAGENET, "hidden_dim": 384, "num_layers": 12, "num_heads": 6, "parameters": 22_050_664},
        "vit_base_16": {**_IMAGENET, "hidden_dim": 768, "num_layers": 12, "num_heads": 12, "parameters": 86_567_656},
        "vit_large_16": {**_IMAGENET, "hidden_dim": 1024, "num_layers": 24, "num_heads": 16, "parameters": 304_326_632},
        "vit_huge_14": {**_IMAGENET, "patch_size": 14, "hidden_dim": 1280, "num_layers": 32, "num_heads": 16,
                        "parameters": 632_045_800},
    },
)  # fmt: skip
@validate(
    num_classes=whole(1),
    patch_size=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    mlp_dim=whole(1),
    epsilon=positive,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def vit(
    input_shape,
    num_classes,
    *,
    patch_size=4,
    hidden_dim=128,
    num_layers=6,
    num_heads=4,
    mlp_dim=None,
    activation="gelu",
    epsilon=1e-6,
    dropout=0.0,
    seed=0,
    name="vit",
) -> keras.Model:
    """Build a vision transformer, a classifier of images.

    Takes x `(B, H, W, C_in)`; returns logits `(B, num_classes)`:

        h = [c, W_p patch_1 + b, ..., W_p patch_N + b] + P,  h <- block_l(h) for l = 1..L,  logits = norm(h)_0 W

    with a class token c and learned positions P. The blocks are pre-norm transformer blocks without a mask.

    Args:
        input_shape: (H, W, C_in), with H and W multiples of `patch_size`.
        num_classes: number of classes.
        patch_size: side P of a patch, in pixels.
        hidden_dim: width C of a token.
        num_layers: number L of blocks.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        mlp_dim: width of the MLP in a block; 4 C by default.
        activation: activation of the MLP, as in `keras_course.language.gpt`.
        epsilon: added to the variance in layer normalization.
        dropout: rate in [0, 1) on the embeddings, the attention weights and both branches of a block.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: `input_shape` has not three entries or is not a multiple of `patch_size`, a number is out of its
            range, or `num_heads` does not divide `hidden_dim`.

    Differences from the paper: dropout is applied to the attention weights, too, and not inside the MLP. The sizes
    tiny and small come from DeiT (Touvron et al., 2021).

    References:
        An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, Dosovitskiy et al., 2021,
        https://arxiv.org/abs/2010.11929

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import vit
        >>> vit((8, 8, 1), 10, hidden_dim=16, num_layers=1)(np.zeros((2, 8, 8, 1), "float32")).shape == (2, 10)
        True
    """
    whole_numbers(1, length=3, input_shape=input_shape)
    get_activation(activation)
    if input_shape[0] % patch_size or input_shape[1] % patch_size:
        raise ValueError(f"input_shape={input_shape} must be a multiple of patch_size={patch_size}")
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    x = keras.Input(input_shape, name="image")
    logits = classify_patches(
        x,
        num_classes,
        patch_size=patch_size,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        mlp_dim=mlp_dim,
        activation=activation,
        dropout=dropout,
        seed=seed,
        epsilon=epsilon,
    )
    return keras.Model(x, logits, name=name)


def classify_patches(
    x, num_classes, *, patch_size, hidden_dim, num_layers, num_heads, mlp_dim, activation, dropout, seed, epsilon=1e-6
) -> keras.KerasTensor:
    """Return the logits `(B, num_classes)` of images `(B, H, W, C_in)`; pixels that fill no patch are left out."""
    small = keras.initializers.TruncatedNormal(stddev=0.02, seed=seed)
    h = Conv2D(hidden_dim, patch_size, strides=patch_size, kernel_initializer=sibling(small, 0), name="patches")(x)
    patches = h.shape[1] * h.shape[2]
    h = keras.layers.Reshape((patches, hidden_dim), name="tokens")(h)  # (B, N, C)
    h = ClassToken(name="class_token")(h)
    h = PositionEmbedding(1 + patches, initializer=sibling(small, 1), name="position_embedding")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    for i in range(num_layers):
        h = TransformerBlock(
            num_heads,
            mlp_dim or 4 * hidden_dim,
            causal=False,
            activation=activation,
            epsilon=epsilon,
            dropout=dropout,
            seed=seed + 3 * i + 1,
            kernel_initializer=sibling(small, 2 * i + 2),
            residual_initializer=sibling(small, 2 * i + 3),
            name=f"block_{i}",
        )(h)
    h = keras.layers.LayerNormalization(epsilon=epsilon, name="final_norm")(h)
    head = Dense(num_classes, kernel_initializer=sibling(small, 2 * num_layers + 2), name="head")
    return head(h[:, 0])


@validate(model=instance(keras.Model))
def class_token_maps(model, images) -> np.ndarray:
    """Return which patches the class token of a vision transformer looks at, in each block and head.

    Args:
        model: a model built by `vit` or `spectrogram_transformer`, with L blocks of H heads.
        images: `(B, H, W, C_in)`, or waveforms `(B, T)`.

    Returns:
        A NumPy array `(L, B, H, rows, columns)` of attention weights: one for each patch. What is missing to a sum of 1
        is the weight of the class token itself.

    Raises:
        ValueError: `model` was built by another builder, or `images` has another shape.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import class_token_maps, vit
        >>> model = vit((8, 8, 1), 10, hidden_dim=16, num_layers=2)
        >>> class_token_maps(model, np.zeros((3, 8, 8, 1))).shape
        (2, 3, 4, 2, 2)
    """
    check_built_by("vit or spectrogram_transformer", model, ("patches", "class_token", "final_norm"))
    images = as_floats("images", images).astype("float32")
    if images.shape[1:] != tuple(model.input_shape[1:]):
        raise ValueError(
            f"images has shape {images.shape}; it must be (B, {', '.join(map(str, model.input_shape[1:]))})"
        )
    h, maps = ops.convert_to_tensor(images), []
    for layer in model.layers[1:]:
        if layer.name == "patches":
            grid = layer.compute_output_shape(h.shape)[1:3]
        if isinstance(layer, TransformerBlock):
            maps.append(ops.convert_to_numpy(layer.attention_weights(h))[:, :, 0, 1:])
        if layer.name == "final_norm":
            break
        h = layer(h)
    return np.stack([weights.reshape(*weights.shape[:2], *grid) for weights in maps])
