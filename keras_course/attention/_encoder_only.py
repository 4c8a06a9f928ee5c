"""The encoder-only transformer, trained to fill in masked tokens.

Notation: x (B, T) tokens out of a vocabulary of V, of which token 0 is padding; C = `hidden_dim`. The logits at
position t belong to token t itself, and depend on all tokens of the sequence.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.attention._blocks import EncoderDecoderBlock
from keras_course.attention._transformer import PaddingMask
from keras_course.checks import fraction, instance, validate, whole
from keras_course.checks.models import check_built_by
from keras_course.checks.tokens import check_tokens, vocab_size
from keras_course.layers import Dense, PositionEmbedding, sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor

_EPSILON = 1e-12


@keras.saving.register_keras_serializable("keras_course")
class TokenBias(keras.layers.Layer):
    """Adds a learned number for each token to logits `(B, T, V)`; it is 0 initially.

    Example:
        >>> import keras
        >>> from keras_course.attention import TokenBias
        >>> TokenBias()(keras.ops.ones((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    def build(self, input_shape) -> None:
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, logits) -> Tensor:
        return logits + ops.cast(ops.convert_to_tensor(self.bias), logits.dtype)

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape


@builder(
    reference="Devlin et al., 2019, https://arxiv.org/abs/1810.04805",
    presets={
        "tiny": {"vocab_size": 104, "context_length": 32},
        "bert_base": {"vocab_size": 30_522, "context_length": 512, "hidden_dim": 768, "num_layers": 12,
                      "num_heads": 12, "num_segments": 2, "dropout": 0.1, "parameters": 109_514_298},
        "bert_large": {"vocab_size": 30_522, "context_length": 512, "hidden_dim": 1024, "num_layers": 24,
                       "num_heads": 16, "num_segments": 2, "dropout": 0.1, "parameters": 335_174_458},
    },
)  # fmt: skip
@validate(
    vocab_size=whole(2),
    context_length=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    mlp_dim=whole(1),
    num_segments=whole(2),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def encoder_only_lm(
    vocab_size,
    context_length,
    *,
    hidden_dim=64,
    num_layers=2,
    num_heads=4,
    mlp_dim=None,
    activation="gelu",
    num_segments=None,
    dropout=0.0,
    seed=0,
    name="encoder_only_lm",
) -> keras.Model:
    """Build BERT, an encoder with a head that predicts masked tokens.

    Takes tokens `(B, T)`, int32, padded at the end with token 0, T up to `context_length`; returns logits `(B, T, V)`
    of the token at each position:

        h = norm(E[x] + P),  h <- block_l(h) for l = 1..L,  logits = norm(gelu(h W + b)) E' + c

    The blocks are the encoder's blocks of `transformer`, post-norm. No mask hides later tokens: the model is trained on
    sequences in which some tokens were replaced (see `keras_course.datasets.masked_batches`).

    Args:
        vocab_size: number V of tokens.
        context_length: longest sequence, in tokens.
        hidden_dim: width C of a token's features.
        num_layers: number L of blocks.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        mlp_dim: width of the MLP in a block; 4 C by default.
        activation: activation of the MLPs and of the head, as in `keras_course.language.gpt`.
        num_segments: number of segments, such as 2 for pairs of sentences: the input is then a dict of tokens and
            segments, both `(B, T)`, and each segment has an embedding. None for tokens alone.
        dropout: rate in [0, 1) on the embeddings, the attention weights and the output of each branch.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. Input and output share the embedding E.

    Raises:
        ValueError: an argument is out of its range, `num_heads` does not divide `hidden_dim`, or an unknown
            `activation`.

    Differences from the paper: the head for the next sentence is left out. The presets have as many parameters as
    `transformers.BertForMaskedLM`.

    References:
        BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, Devlin et al., 2019,
        https://arxiv.org/abs/1810.04805

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import encoder_only_lm
        >>> model = encoder_only_lm(vocab_size=10, context_length=8, hidden_dim=16)
        >>> model(np.array([[3, 4, 0]])).shape == (1, 3, 10)
        True
    """
    act = get_activation(activation)
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    small = keras.initializers.TruncatedNormal(stddev=0.02, seed=seed)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedding = keras.layers.ReversibleEmbedding(
        vocab_size,
        hidden_dim,
        embeddings_initializer=sibling(small, 0),
        reverse_dtype=keras.config.dtype_policy().compute_dtype,
        name="token_embedding",
    )
    h, inputs = embedding(tokens), tokens  # (B, T, C)
    if num_segments is not None:
        segments = keras.Input((None,), dtype="int32", name="segments")
        inputs = {"tokens": tokens, "segments": segments}
        table = {"embeddings_initializer": sibling(small, 2), "name": "segment_embedding"}
        h = h + keras.layers.Embedding(num_segments, hidden_dim, **table)(segments)
    h = PositionEmbedding(context_length, initializer=sibling(small, 1), name="position_embedding")(h)
    h = keras.layers.LayerNormalization(epsilon=_EPSILON, name="embedding_norm")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    mask = PaddingMask(name="mask")(tokens)
    for i in range(num_layers):
        h = EncoderDecoderBlock(
            num_heads,
            mlp_dim or 4 * hidden_dim,
            activation=act,
            epsilon=_EPSILON,
            dropout=dropout,
            seed=seed + 10 * i + 3,
            kernel_initializer=sibling(small, i + 4),
            name=f"block_{i}",
        )(h, attention_mask=mask)
    h = Dense(hidden_dim, activation=act, kernel_initializer=sibling(small, 3), name="head")(h)
    h = keras.layers.LayerNormalization(epsilon=_EPSILON, name="head_norm")(h)
    logits = TokenBias(name="head_bias")(embedding(h, reverse=True))  # (B, T, V)
    return keras.Model(inputs, logits, name=name)


@validate(model=instance(keras.Model), mask_token=whole(1))
def fill_masks(model, tokens, *, mask_token) -> np.ndarray:
    """Replace each mask token by the most likely token at its position.

    Args:
        model: a model built by `encoder_only_lm` without segments.
        tokens: `(B, T)` tokens.
        mask_token: token that stands for a masked one; it is never predicted, nor is padding.

    Returns:
        The tokens `(B, T)`, int32, without masks.

    Raises:
        ValueError: `model` was built by another builder or with segments, or `tokens` has not two axes or an unknown
            token.

    Example:
        >>> from keras_course.attention import encoder_only_lm, fill_masks
        >>> filled = fill_masks(encoder_only_lm(10, 8, hidden_dim=16), [[3, 1, 4]], mask_token=1)
        >>> filled[0, [0, 2]].tolist(), bool(filled[0, 1] > 1)
        ([3, 4], True)
    """
    check_built_by("encoder_only_lm without segments", model, ["head_bias"], without=["segment_embedding"])
    size = vocab_size(model)
    check_tokens("mask_token", [mask_token], size)
    tokens = check_tokens("tokens", tokens, size, ndim=2)
    logits = ops.convert_to_numpy(ops.cast(model(tokens), "float32")).copy()
    logits[..., [0, mask_token]] = -np.inf
    return np.where(tokens == mask_token, logits.argmax(axis=-1), tokens).astype("int32")
