"""Contrastive learning of images and texts: an image and its caption get similar embeddings.

Notation: B pairs of an image and a text; u_i, v_i (E,) their embeddings of length 1; a scale s = exp(t), the inverse of
a temperature.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import as_floats, as_real, instance, validate, whole, wholes
from keras_course.checks.tensors import on_tensors
from keras_course.convnets._parts import conv_norm, images
from keras_course.layers import Dense, PositionEmbedding, TransformerBlock, sibling
from keras_course.ops._types import Tensor

LARGEST, START, PADDING = np.log(100.0), np.log(1 / 0.07), 0


@on_tensors(image=2, text=2, scale=None)
def info_nce(image, text, scale) -> Tensor:
    """Return the contrastive loss of CLIP for each pair of a batch: cross-entropies over the rows and the columns.

    Each image has to find its text among all texts of the batch, and each text its image:

        l_ij = s u_i . v_j,  L_i = -(ln softmax_j(l_ij)[i] + ln softmax_j(l_ji)[i]) / 2

    Args:
        image: u (B, E).
        text: v (B, E).
        scale: s, a number or a tensor (B, 1).

    Returns:
        A tensor (B,); ln B if all logits are equal.

    Raises:
        ValueError: shapes do not fit.

    References:
        Learning Transferable Visual Models From Natural Language Supervision, Radford et al., 2021,
        https://arxiv.org/abs/2103.00020

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import info_nce
        >>> round(float(info_nce(np.ones((4, 2)), np.ones((4, 2)), 10.0)[0]), 4)       # ln 4
        1.3863
    """
    logits = _logits(image, text, scale)
    rows, columns = ops.log_softmax(logits, axis=1), ops.log_softmax(logits, axis=0)
    return -0.5 * (ops.diagonal(rows) + ops.diagonal(columns))


@on_tensors(image=2, text=2, scale=None, bias=None)
def sigmoid_contrast(image, text, scale, bias=-10.0) -> Tensor:
    """Return the contrastive loss of SigLIP for each image of a batch: a logistic regression of each pair.

    With z_ij = 1 for i = j, and -1 otherwise:

        L_i = -sum_j ln sigmoid(z_ij (s u_i . v_j + b))

    No pair needs the others for a normalization, so a large batch can be split.

    Args:
        image: u (B, E).
        text: v (B, E).
        scale: s.
        bias: b.

    Returns:
        A tensor (B,).

    Raises:
        ValueError: shapes do not fit.

    References:
        Sigmoid Loss for Language Image Pre-Training, Zhai et al., 2023, https://arxiv.org/abs/2303.15343

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import sigmoid_contrast
        >>> round(float(sigmoid_contrast(np.eye(2), np.eye(2), 0.0, 0.0)[0]), 4)       # 2 ln 2
        1.3863
    """
    logits = _logits(image, text, scale) + ops.cast(bias, "float32")
    signs = 2.0 * ops.eye(logits.shape[0] or ops.shape(logits)[0], dtype="float32") - 1.0
    return ops.sum(ops.softplus(-signs * logits), axis=1)


def _logits(image, text, scale):
    if tuple(image.shape) != tuple(text.shape):
        raise ValueError(f"text has shape {tuple(text.shape)}; it must be {tuple(image.shape)}, as image has")
    image, text = ops.cast(image, "float32"), ops.cast(text, "float32")
    return ops.cast(scale, "float32") * ops.matmul(image, ops.transpose(text))


@keras.saving.register_keras_serializable("keras_course")
class UnitLength(keras.layers.Layer):
    """Takes and returns (B, E): each row is divided by its length.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import UnitLength
        >>> [round(float(part), 2) for part in UnitLength()(np.array([[3.0, 4.0]]))[0]]
        [0.6, 0.8]
    """

    def call(self, x) -> Tensor:
        y = ops.cast(x, "float32")
        return ops.cast(y * ops.rsqrt(ops.sum(ops.square(y), axis=-1, keepdims=True) + 1e-12), self.compute_dtype)

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape


@keras.saving.register_keras_serializable("keras_course")
class LearnedScale(keras.layers.Layer):
    """Takes x (B, ...) and returns one learned scale exp(t), at most 100, for each row (B, 1); it starts at 1 / 0.07.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_course.vision import LearnedScale
        >>> scales = keras.ops.convert_to_numpy(LearnedScale()(np.ones((2, 3))))
        >>> round(float(scales[1, 0]), 2)
        14.29
    """

    def build(self, input_shape) -> None:
        initializer = keras.initializers.Constant(float(START))
        self.logarithm = self.add_weight(shape=(), initializer=initializer, name="logarithm")

    def call(self, x) -> Tensor:
        scale = ops.exp(ops.minimum(ops.convert_to_tensor(self.logarithm), float(LARGEST)))
        return ops.cast(scale, self.compute_dtype) + ops.zeros_like(x[:, :1])

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape[0], 1


@keras.saving.register_keras_serializable("keras_course")
class MeanOfWords(keras.layers.Layer):
    """Takes h (B, T, C) and tokens (B, T); returns the mean (B, C) over the tokens that are not padding (0).

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import MeanOfWords
        >>> MeanOfWords()(np.array([[[2.0], [4.0], [9.0]]]), np.array([[5, 7, 0]])).shape == (1, 1)
        True
    """

    def call(self, h, tokens) -> Tensor:
        there = ops.cast(ops.not_equal(tokens, PADDING), h.dtype)[..., None]
        return ops.sum(h * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1.0)

    def compute_output_shape(self, h_shape, tokens_shape) -> tuple:
        return h_shape[0], h_shape[-1]


@keras.saving.register_keras_serializable("keras_course")
class ContrastiveModel(keras.Model):
    """Two encoders whose embeddings of an image and of its text are to be similar.

    Takes {"image": (B, H, W, C), "text": tokens (B, T)}; returns {"image": u (B, E), "text": v (B, E), "scale": s (B,
    1)}. The model owns its loss, the mean of `info_nce`; compile it with an optimizer only, and `fit` it with the dict.

    Args:
        image_encoder: a `keras.Model` from images to u.
        text_encoder: a `keras.Model` from tokens to v; token 0 is padding.
        name: name of the model.

    Raises:
        ValueError: the encoders have embeddings of other sizes.

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import clip
        >>> model = clip((16, 16, 3), 10, 4)
        >>> p = model.zero_shot(np.zeros((2, 16, 16, 3)), np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 6, 0]]))
        >>> p.shape, p.sum(axis=1).round(4).tolist()
        ((2, 3), [1.0, 1.0])
    """

    @validate(image_encoder=instance(keras.Model), text_encoder=instance(keras.Model))
    def __init__(self, image_encoder, text_encoder, *, name="clip"):
        if image_encoder.output_shape != text_encoder.output_shape:
            raise ValueError(
                f"text_encoder returns {text_encoder.output_shape}; it must return {image_encoder.output_shape}, as "
                "image_encoder does"
            )
        image = keras.Input(image_encoder.input_shape[1:], name="image")
        text = keras.Input(text_encoder.input_shape[1:], dtype="int32", name="text")
        u, v = image_encoder(image), text_encoder(text)
        outputs = {"image": u, "text": v, "scale": LearnedScale(name="scale")(u)}
        super().__init__({"image": image, "text": text}, outputs, name=name)
        self.image_encoder, self.text_encoder = image_encoder, text_encoder

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Tensor:
        """Return the mean of `info_nce` over the pairs."""
        return ops.mean(info_nce(y_pred["image"], y_pred["text"], y_pred["scale"]))

    def zero_shot(self, images, texts) -> np.ndarray:
        """Return the probability (N, M) of each of M texts, such as names of classes, for N images (N, H, W, C)."""
        images, texts = as_floats("images", images).astype("float32"), as_real("texts", texts)
        for name, array, encoder in (("images", images, self.image_encoder), ("texts", texts, self.text_encoder)):
            if array.shape[1:] != encoder.input_shape[1:] or not len(array):
                raise ValueError(f"{name} has shape {array.shape}; it must be (N, ...) with {encoder.input_shape[1:]}")
        u = self.image_encoder.predict(images, batch_size=64, verbose=0)
        v = self.text_encoder.predict(texts.astype("int32"), batch_size=64, verbose=0)
        scale = np.exp(min(float(ops.convert_to_numpy(self.get_layer("scale").logarithm)), LARGEST))
        logits = scale * u.astype("float64") @ v.astype("float64").T
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def get_config(self) -> dict:
        parts = {"image_encoder": self.image_encoder, "text_encoder": self.text_encoder}
        return {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()} | {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None) -> "ContrastiveModel":
        names = ("image_encoder", "text_encoder")
        parts = [keras.saving.deserialize_keras_object(config[name], custom_objects) for name in names]
        return cls(*parts, name=config["name"])


def _example(model, batch_size, rng):
    tokens = rng.integers(1, 6, (batch_size, *model.text_encoder.input_shape[1:])).astype("int32")
    tokens[1:, -1] = PADDING
    image = rng.normal(size=(batch_size, *model.image_encoder.input_shape[1:])).astype("float32")
    return {"image": image, "text": tokens}


@builder(
    reference="Radford et al., 2021, https://arxiv.org/abs/2103.00020",
    presets={"tiny": {"input_shape": (16, 16, 3), "vocab_size": 10, "context_length": 5}},
    example=_example,
)
@validate(
    input_shape=images(8),
    vocab_size=whole(2),
    context_length=whole(1),
    embedding_dim=whole(1),
    widths=wholes(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    seed=whole(0, 2_000_000_000),
)
def clip(
    input_shape,
    vocab_size,
    context_length,
    *,
    embedding_dim=32,
    widths=(16, 32, 64),
    hidden_dim=32,
    num_layers=1,
    num_heads=2,
    seed=0,
    name="clip",
) -> ContrastiveModel:
    """Build a dual encoder of images and texts: CLIP.

    Takes {"image": (B, H, W, C), "text": tokens (B, T)}; returns {"image": (B, E), "text": (B, E), "scale": (B, 1)}:

        u = unit(W_u mean(convolutions(image))),  v = unit(W_v mean(transformer(text))),  s = exp(t) learned
        loss = mean of the cross-entropies over the rows and the columns of s u v^T

    Args:
        input_shape: (H, W, C) of images.
        vocab_size: number of tokens; token 0 is padding.
        context_length: T.
        embedding_dim: E.
        widths: channels of the stages of the image encoder, each of which halves the sides.
        hidden_dim: width of the text encoder.
        num_layers: its transformer blocks.
        num_heads: its attention heads; it must divide `hidden_dim`.
        seed: whole number, at most 2 billion, seed of the initial weights of the text encoder.
        name: name of the model.

    Returns:
        An uncompiled `ContrastiveModel`, which owns its loss.

    Raises:
        ValueError: a number is out of its range, or `num_heads` does not divide `hidden_dim`.

    Differences from the paper:
        A small convolutional encoder in place of a ResNet-50 or a vision transformer; the text is averaged over its
        tokens, where the paper takes the last one of a causal transformer.

    References:
        Learning Transferable Visual Models From Natural Language Supervision, Radford et al., 2021,
        https://arxiv.org/abs/2103.00020

    Example:
        >>> import numpy as np
        >>> from keras_course.vision import clip
        >>> model = clip((16, 16, 3), 10, 4)
        >>> model.compile("adam")
        >>> pairs = {"image": np.zeros((4, 16, 16, 3)), "text": np.ones((4, 4), int)}
        >>> round(model.fit(pairs, verbose=0).history["loss"][0], 4)                     # equal pairs: ln 4
        1.3863
    """
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    glorot = keras.initializers.GlorotUniform(seed)
    h = image = keras.Input(tuple(input_shape), name="image")
    for i, width in enumerate(widths):
        h = conv_norm(h, width, 3, strides=2, name=f"stage_{i}_down")
        h = conv_norm(h, width, 3, name=f"stage_{i}")
    h = keras.layers.GlobalAveragePooling2D(data_format="channels_last", name="pool")(h)
    u = UnitLength(name="unit")(Dense(embedding_dim, use_bias=False, kernel_initializer=glorot, name="project")(h))
    text = keras.Input((context_length,), dtype="int32", name="text")
    normal = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    h = keras.layers.Embedding(vocab_size, hidden_dim, embeddings_initializer=sibling(normal, 0), name="words")(text)
    h = PositionEmbedding(context_length, initializer=sibling(normal, 1), name="positions")(h)
    for i in range(num_layers):
        options = {"kernel_initializer": sibling(glorot, 2 * i + 1), "residual_initializer": sibling(glorot, 2 * i + 2)}
        block = TransformerBlock(num_heads, 4 * hidden_dim, causal=False, seed=seed, name=f"block_{i}", **options)
        h = block(h)
    h = MeanOfWords(name="mean")(keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(h), text)
    last = Dense(embedding_dim, use_bias=False, kernel_initializer=sibling(glorot, 99), name="project")
    v = UnitLength(name="unit")(last(h))
    encoders = keras.Model(image, u, name="image_encoder"), keras.Model(text, v, name="text_encoder")
    return ContrastiveModel(*encoders, name=name)
