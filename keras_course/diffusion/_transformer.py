"""A diffusion transformer (DiT): a vision transformer that is told the noise level by its normalizations.

Notation: x (B, H, W, C) noisy images, h (B, T, F) tokens of T patches, e (B, E) the embedding of level and label.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.checks import validate, whole
from keras_course.diffusion._model import DiffusionModel
from keras_course.diffusion._networks import OPTIONS, condition
from keras_course.diffusion._schedules import SCHEDULES
from keras_course.diffusion._unet import check_image_shape
from keras_course.layers import Conv2D, Dense, MultiHeadAttention, PositionEmbedding, sibling
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class AdaptiveBlock(keras.layers.Layer):
    """A transformer block whose normalizations and branches are scaled by what an embedding says.

    Takes h (B, T, F) and e (B, E), and returns (B, T, F):

        (s_1, b_1, g_1, s_2, b_2, g_2) = W e + b
        h <- h + g_1 attention((1 + s_1) norm(h) + b_1),  h <- h + g_2 MLP((1 + s_2) norm(h) + b_2)

    Args:
        num_heads: number of attention heads.
        mlp_dim: width of the hidden layer of the MLP.
        seed: of the initial weights.

    Raises:
        ValueError: a number is out of its range, or (when built) F is not divisible by `num_heads`.

    Differences from the paper: W starts with small weights in place of zeros.

    References:
        Scalable Diffusion Models with Transformers, Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748

    Example:
        >>> import keras
        >>> from keras_course.diffusion import AdaptiveBlock
        >>> AdaptiveBlock(2, 16)(keras.ops.ones((1, 3, 4)), keras.ops.ones((1, 5))).shape == (1, 3, 4)
        True
    """

    @validate(num_heads=whole(1), mlp_dim=whole(1), seed=whole(0, 2_000_000_000))
    def __init__(self, num_heads, mlp_dim, *, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.mlp_dim, self.seed = int(num_heads), int(mlp_dim), int(seed)
        glorot = keras.initializers.GlorotUniform(seed=self.seed)
        norm = {"center": False, "scale": False, "epsilon": 1e-6, "dtype": self.dtype_policy}
        self.norms = [keras.layers.LayerNormalization(**norm, name=f"norm_{k}") for k in range(2)]
        self.attention = MultiHeadAttention(
            self.num_heads,
            causal=False,
            kernel_initializer=sibling(glorot, 0),
            projection_initializer=sibling(glorot, 1),
            dtype=self.dtype_policy,
            name="attention",
        )
        self.read = Dense(
            self.mlp_dim,
            activation="gelu",
            kernel_initializer=sibling(glorot, 2),
            dtype=self.dtype_policy,
            name="mlp_in",
        )

    def build(self, h_shape, embedding_shape) -> None:
        glorot = keras.initializers.GlorotUniform(seed=self.seed)
        small = keras.initializers.VarianceScaling(0.1, seed=self.seed)
        options = {"dtype": self.dtype_policy}
        self.write = Dense(h_shape[-1], kernel_initializer=sibling(glorot, 3), name="mlp_out", **options)
        self.modulation = Dense(6 * h_shape[-1], kernel_initializer=sibling(small, 4), name="modulation", **options)
        self.modulation.build(embedding_shape)
        for layer in (*self.norms, self.attention, self.read):
            layer.build(h_shape)
        self.write.build((*h_shape[:-1], self.mlp_dim))
        self.built = True

    def call(self, h, embedding) -> Tensor:
        s_1, b_1, g_1, s_2, b_2, g_2 = ops.split(self.modulation(embedding)[:, None], 6, axis=-1)
        h = h + g_1 * self.attention((1 + s_1) * self.norms[0](h) + b_1)
        return h + g_2 * self.write(self.read((1 + s_2) * self.norms[1](h) + b_2))

    def compute_output_shape(self, h_shape, embedding_shape) -> tuple:
        return h_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "num_heads": self.num_heads, "mlp_dim": self.mlp_dim, "seed": self.seed}


@builder(
    reference="Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748",
    presets={
        "tiny": {"input_shape": (8, 8, 1)},
        "digits": {"input_shape": (8, 8, 1), "num_classes": 10, "hidden_dim": 96, "num_layers": 4},
        "mnist": {"input_shape": (28, 28, 1), "num_classes": 10, "patch_size": 4, "hidden_dim": 128, "num_layers": 6},
    },
)
@validate(
    input_shape=check_image_shape,
    patch_size=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    **OPTIONS,
)
def diffusion_transformer(
    input_shape,
    num_classes=0,
    *,
    patch_size=2,
    hidden_dim=32,
    num_layers=2,
    num_heads=2,
    schedule="cosine",
    prediction="angular",
    weighting="simple",
    label_dropout=0.1,
    center=0.5,
    scale=0.5,
    seed=0,
    name="diffusion_transformer",
) -> DiffusionModel:
    """Build a diffusion model of images, whose network is a transformer of patches that is told the noise level (DiT).

    Takes x (B, H, W, C), or {"x": x, "label": (B,)}; returns {"denoised": (B, H, W, C), "time": (B,), "loss": (B,)}.
    Its blocks are of the class `AdaptiveBlock`, with an MLP of 4 F hidden units; a dense layer makes each token P x P
    pixels.

    Args:
        input_shape: (H, W, C), with sides that `patch_size` divides.
        num_classes: number of labels; 0 for a model without labels.
        patch_size: P, side of a patch in pixels.
        hidden_dim: F, width of the tokens and of the embedding.
        num_layers: number of blocks.
        num_heads: attention heads; the number must divide F.
        schedule, prediction, weighting: see `diffusion_mlp`.
        label_dropout: fraction of the labels that training leaves out, for guidance.
        center, scale: the model works on (x - center) / scale: by default, pixels in [0, 1] become numbers in [-1, 1].
        seed: whole number, at most 2 billion, seed of the initial weights and of the noise.
        name: name of the model.

    Returns:
        An uncompiled `DiffusionModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, a choice is unknown, or the sides do not fit `patch_size`.

    Differences from the paper: images in place of codes of an auto-encoder, learned positions, and a last
    normalization that does not see the embedding.

    References:
        Scalable Diffusion Models with Transformers, Peebles and Xie, 2023, https://arxiv.org/abs/2212.09748

    Example:
        >>> from keras_course.diffusion import diffusion_transformer
        >>> model = diffusion_transformer((8, 8, 1), hidden_dim=8, num_layers=1)
        >>> model.sample(2, steps=2).shape == (2, 8, 8, 1)
        True
    """
    height, width, channels = input_shape
    if height % patch_size or width % patch_size:
        raise ValueError(f"input_shape={tuple(input_shape)} must have sides that patch_size={patch_size} divides")
    if hidden_dim % num_heads:
        raise ValueError(f"num_heads={num_heads} must divide hidden_dim={hidden_dim}")
    rows, columns = height // patch_size, width // patch_size
    phi, glorot = keras.activations.silu, keras.initializers.GlorotUniform(seed=seed)
    others, e = condition(num_classes, hidden_dim, phi, glorot)
    x = keras.Input(tuple(input_shape), name="x")
    patches = Conv2D(hidden_dim, patch_size, strides=patch_size, kernel_initializer=sibling(glorot, 3), name="patches")(
        x
    )
    h = keras.layers.Reshape((rows * columns, hidden_dim), name="tokens")(patches)
    h = PositionEmbedding(rows * columns, name="positions")(h)
    for i in range(num_layers):
        block_seed = int(seed + 1 + i) % 2_000_000_000
        h = AdaptiveBlock(num_heads, 4 * hidden_dim, seed=block_seed, name=f"block_{i}")(h, e)
    h = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(h)
    small = keras.initializers.VarianceScaling(0.1, seed=seed)
    h = Dense(patch_size**2 * channels, kernel_initializer=small, name="head")(h)
    h = keras.layers.Reshape((rows, columns, patch_size, patch_size, channels), name="split")(h)
    h = keras.layers.Permute((1, 3, 2, 4, 5), name="sort")(h)
    raw = keras.layers.Reshape(tuple(input_shape), name="image")(h)
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
