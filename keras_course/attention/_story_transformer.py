"""A transformer that answers questions about stories, with a token for each sentence.

Notation: a story of S sentences of W words, tokens (B, S, W), and a question (B, W), of a vocabulary of V tokens, of
which token 0 is padding; C = `hidden_dim`.
"""

import keras

from keras_course._registry import builder
from keras_course.attention._memory import example_stories
from keras_course.attention._transformer import PaddingMask
from keras_course.checks import choice, fraction, validate, whole
from keras_course.layers import Dense, PositionEmbedding, TransformerBlock, sibling
from keras_course.layers._activations import get_activation


@builder(
    reference="Vaswani et al., 2017, https://arxiv.org/abs/1706.03762",
    presets={"tiny": {"num_sentences": 15, "num_words": 7, "vocab_size": 30}},
    example=example_stories,
)
@validate(
    num_sentences=whole(1),
    num_words=whole(1),
    vocab_size=whole(2),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    mlp_dim=whole(1),
    positions=choice("relative", "learned"),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def story_transformer(
    num_sentences,
    num_words,
    vocab_size,
    *,
    hidden_dim=64,
    num_layers=3,
    num_heads=4,
    mlp_dim=None,
    activation="gelu",
    positions="relative",
    dropout=0.0,
    seed=0,
    name="story_transformer",
) -> keras.Model:
    """Build a transformer encoder that answers a question about a story with one word.

    Takes a dict of tokens, int32: story `(B, S, W)` and question `(B, W)`, in which token 0 is padding; returns logits
    `(B, V)` of the answer. A sentence is treated as `vit` treats a patch: the embeddings E of its words, side by side,
    are multiplied by a matrix. The question is the last one, and the answer is read from it:

        h_i = W_s [E[x_i1], ..., E[x_iW]] + b for i = 1..S + 1,  h <- block_l(h) for l = 1..L,
        logits = norm(h)_{S+1} W

    Args:
        num_sentences, num_words, vocab_size: S, W and V, as for `memory_network`.
        hidden_dim: width C of a word and of a sentence.
        num_layers: number L of blocks.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        mlp_dim: width of the MLP in a block; 4 C by default.
        activation: activation of the MLP, as in `keras_course.language.gpt`.
        positions: "relative" (a learned number for each head and distance is added to the scores of attention) or
            "learned" (a vector for each position is added to h).
        dropout: rate in [0, 1) on the sentences, the attention weights and both branches of a block.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, `num_heads` does not divide `hidden_dim`, or an unknown `activation`
            or `positions`.

    Differences from the paper: the encoder alone, pre-norm, with a token for each sentence in place of each word, which
    makes attention W^2 times cheaper.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

        Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer (relative positions), Raffel
        et al., 2020, https://arxiv.org/abs/1910.10683

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import story_transformer
        >>> model = story_transformer(10, 5, 20, hidden_dim=16, num_layers=1)
        >>> model({"story": np.ones((2, 10, 5)), "question": np.ones((2, 5))}).shape == (2, 20)
        True
    """
    get_activation(activation)
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    small = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    kernels = keras.initializers.GlorotUniform(seed=seed)

    story = keras.Input((num_sentences, num_words), dtype="int32", name="story")
    question = keras.Input((num_words,), dtype="int32", name="question")
    last = keras.layers.Reshape((1, num_words), name="last")(question)
    x = keras.layers.Concatenate(axis=1, name="sentences")([story, last])  # (B, S + 1, W)
    mask = PaddingMask(name="in_use")(x[:, :, 0])
    words = keras.layers.Embedding(vocab_size, hidden_dim, embeddings_initializer=sibling(small, 0), name="words")(x)
    h = keras.layers.Reshape((num_sentences + 1, num_words * hidden_dim), name="patches")(words)
    h = Dense(hidden_dim, kernel_initializer=sibling(kernels, 0), name="sentence_embedding")(h)  # (B, S + 1, C)
    if positions == "learned":
        h = PositionEmbedding(num_sentences + 1, initializer=sibling(small, 1), name="position_embedding")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    for i in range(num_layers):
        h = TransformerBlock(
            num_heads,
            mlp_dim or 4 * hidden_dim,
            causal=False,
            positions="relative" if positions == "relative" else None,
            context_length=num_sentences + 1,
            activation=activation,
            dropout=dropout,
            seed=seed + 3 * i + 1,
            kernel_initializer=sibling(kernels, 2 * i + 1),
            residual_initializer=sibling(kernels, 2 * i + 2),
            name=f"block_{i}",
        )(h, attention_mask=mask)
    h = keras.layers.LayerNormalization(epsilon=1e-5, name="final_norm")(h)
    head = Dense(vocab_size, kernel_initializer=sibling(kernels, 2 * num_layers + 1), name="answer")
    return keras.Model({"story": story, "question": question}, head(h[:, -1]), name=name)
