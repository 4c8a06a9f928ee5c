"""The generative pre-trained transformer, from a bigram table to GPT-2.

Notation: x (B, T) tokens out of a vocabulary of V; C = `hidden_dim`; N = `context_length`. The logits at position t
belong to token t + 1, and depend on the tokens up to t only.
"""

import keras

from keras_course._registry import builder
from keras_course.checks import choice, flag, fraction, validate, whole, whole_number
from keras_course.layers import Dense, MultiHeadAttention, PositionEmbedding, TransformerBlock, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._transformer import normalization

_HIGHEST_SEED = 2_000_000_000  # each dropout adds a small number to it, and has a sign bit and 31 more

_STAGE = {"vocab_size": 104, "activation": "relu", "qkv_bias": False, "head_bias": True}
_NANOGPT = {"vocab_size": 65, "use_bias": False, "tie_embeddings": True}
_GPT2 = {"vocab_size": 50_257, "context_length": 1024, "activation": "gelu_tanh", "tie_embeddings": True}


def _check_width(hidden_dim):
    if hidden_dim is not None:
        whole_number(1, hidden_dim=hidden_dim)


def _check_seed(seed):
    whole_number(0, seed=seed)
    if seed > _HIGHEST_SEED:
        raise ValueError(f"seed={seed} must be at most {_HIGHEST_SEED}: a backend keeps it in 32 bits")


@builder(
    reference="Radford et al., 2019, https://cdn.openai.com/better-language-models/"
    "language_models_are_unsupervised_multitask_learners.pdf",
    presets={
        "tiny": {"vocab_size": 104, "context_length": 32},
        "v1": {**_STAGE, "context_length": 8, "hidden_dim": None, "num_layers": 0, "positions": None,
               "head_bias": False, "parameters": 10_816},
        "v2": {**_STAGE, "context_length": 8, "hidden_dim": 32, "num_layers": 0, "parameters": 7_016},
        "v3": {**_STAGE, "context_length": 8, "hidden_dim": 32, "num_layers": 1, "num_heads": 1, "block": "head",
               "parameters": 10_088},
        "v4": {**_STAGE, "context_length": 8, "hidden_dim": 32, "num_layers": 3, "parameters": 44_904},
        "v5": {**_STAGE, "context_length": 256, "hidden_dim": 384, "num_layers": 6, "num_heads": 6, "dropout": 0.2,
               "parameters": 10_818_920},
        "v6": {**_STAGE, "context_length": 512, "hidden_dim": 512, "num_layers": 12, "num_heads": 8, "dropout": 0.2,
               "activation": "gelu", "parameters": 38_179_944},
        "nanogpt_shakespeare_cpu": {**_NANOGPT, "context_length": 64, "hidden_dim": 128, "num_layers": 4,
                                    "num_heads": 4, "parameters": 804_096},
        "nanogpt_shakespeare": {**_NANOGPT, "context_length": 256, "hidden_dim": 384, "num_layers": 6,
                                "num_heads": 6, "dropout": 0.2, "parameters": 10_745_088},
        # GPT-1 in the pre-norm form; its 116,534,784 weights and the 1,536 of the normalization at the end
        "gpt1": {**_GPT2, "vocab_size": 40_478, "context_length": 512, "hidden_dim": 768, "num_layers": 12,
                 "num_heads": 12, "parameters": 116_536_320},
        "gpt2_small": {**_GPT2, "hidden_dim": 768, "num_layers": 12, "num_heads": 12, "parameters": 124_439_808},
        "gpt2_medium": {**_GPT2, "hidden_dim": 1024, "num_layers": 24, "num_heads": 16, "parameters": 354_823_168},
        "gpt2_large": {**_GPT2, "hidden_dim": 1280, "num_layers": 36, "num_heads": 20, "parameters": 774_030_080},
        "gpt2_xl": {**_GPT2, "hidden_dim": 1600, "num_layers": 48, "num_heads": 25, "parameters": 1_557_611_200},
    },
)  # fmt: skip
@validate(
    vocab_size=whole(1),
    context_length=whole(1),
    hidden_dim=_check_width,
    num_layers=whole(0),
    num_heads=whole(1),
    num_kv_heads=whole(1),
    window=whole(1),
    mlp_dim=whole(1),
    positions=choice("learned", "rotary", "alibi", "relative", None),
    norm=choice("layer", "rms"),
    qkv_bias=flag,
    block=choice("transformer", "head"),
    dropout=fraction,
    seed=_check_seed,
)
def gpt(
    vocab_size,
    context_length,
    *,
    hidden_dim=64,
    num_layers=2,
    num_heads=4,
    num_kv_heads=None,
    window=None,
    mlp_dim=None,
    activation="gelu",
    positions="learned",
    norm="layer",
    use_bias=True,
    qkv_bias=None,
    head_bias=False,
    tie_embeddings=False,
    block="transformer",
    dropout=0.0,
    seed=0,
    name="gpt",
) -> keras.Model:
    """Build a GPT: a stack of causal transformer blocks that predicts the next token at every position.

    Takes tokens `(B, T)`, int32, T up to `context_length`; returns logits `(B, T, V)`:

        h = E[x] + P,  h <- block_l(h) for l = 1..L,  logits = norm(h) W

    With the loss `SparseCategoricalCrossentropy(from_logits=True)` it is trained by maximum likelihood: the mean of
    -log p(x_{t+1} | x_1..x_t), in nats per token.

    Args:
        vocab_size: number V of tokens.
        context_length: number N of tokens that it can look back on, itself included.
        hidden_dim: width C of a token's features. None makes a bigram table: row x of the embedding is the logits
            that follow x, and nothing else is there (`num_layers=0`, `positions=None`).
        num_layers: number L of blocks.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        num_kv_heads: number of heads of keys and values (grouped queries); it must divide `num_heads`, its default.
        window: how many tokens a block looks back on, itself included (sliding window); all by default.
        mlp_dim: width of the MLP in a block; 4 C by default.
        activation: activation of the MLP: a Keras name, or "gelu_tanh" (GPT-2's) or "relu_squared".
        positions: "learned" (a table), "rotary", "alibi" or "relative" (in attention), or None.
        norm: "layer" or "rms" (without bias).
        use_bias: whether blocks and normalization have biases.
        qkv_bias: whether queries, keys and values have biases; as `use_bias` by default.
        head_bias: whether the output layer has one.
        tie_embeddings: whether the output layer is the transpose of the embedding.
        block: "transformer", or "head": one bare attention head a layer, without projection, MLP, norm and residual.
        dropout: rate in [0, 1) on the embedding, the attention weights and both branches of a block.
        seed: whole number, at most 2 billion, seed of the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. Its weights are drawn from N(0, 0.02), those that write into the residual stream
        from N(0, 0.02 / sqrt(2 L)).

    Raises:
        ValueError: a size below 1, a number of heads that does not divide, a `dropout` outside [0, 1), an
            unknown `positions`, `norm` or `block`, a `seed` out of range, a bias or layers where there is no room for
            them.

    Differences from the paper: biases, tying, activation and positions are arguments. The presets v1 to v6 are the
    stages of the lecture; they drop embeddings too, as GPT-2 does.

    References:
        Language Models are Unsupervised Multitask Learners, Radford et al., 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

        nanoGPT, Karpathy, 2022, https://github.com/karpathy/nanoGPT

    Example:
        >>> import numpy as np
        >>> from keras_course.language import gpt
        >>> model = gpt(vocab_size=10, context_length=8, hidden_dim=16)
        >>> model(np.zeros((1, 8), "int32")).shape == (1, 8, 10)
        True
    """
    get_activation(activation)
    _check_heads(hidden_dim, num_layers, num_heads, num_kv_heads, positions)
    _check_table(hidden_dim, num_layers, positions, head_bias, tie_embeddings)
    small = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    residual = keras.initializers.RandomNormal(stddev=0.02 / (2 * max(num_layers, 1)) ** 0.5, seed=seed)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    table = {"embeddings_initializer": sibling(small, 0), "name": "token_embedding"}
    if tie_embeddings:  # without its `reverse_dtype` it would give float32 logits under a policy of bfloat16
        compute_dtype = keras.config.dtype_policy().compute_dtype
        embedding = keras.layers.ReversibleEmbedding(vocab_size, hidden_dim, reverse_dtype=compute_dtype, **table)
    else:
        embedding = keras.layers.Embedding(vocab_size, hidden_dim or vocab_size, **table)
    h = embedding(tokens)  # (B, T, C)
    if positions == "learned":
        h = PositionEmbedding(context_length, initializer=sibling(small, 1), name="position_embedding")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    for i in range(num_layers):
        attention = {
            "num_kv_heads": num_kv_heads,
            "causal": True,
            "window": window,
            "positions": None if positions == "learned" else positions,
            "context_length": context_length,
            "qkv_bias": use_bias if qkv_bias is None else qkv_bias,
            "dropout": dropout,
            "seed": seed + 3 * i + 1,
            "kernel_initializer": sibling(small, i + 3),
            "name": f"block_{i}",
        }
        if block == "head":
            h = MultiHeadAttention(num_heads, project=False, **attention)(h)
            continue
        h = TransformerBlock(
            num_heads,
            mlp_dim or 4 * hidden_dim,
            activation=activation,
            use_bias=use_bias,
            norm=norm,
            residual_initializer=sibling(residual, i + 3),
            **attention,
        )(h)
    if num_layers and block == "transformer":
        h = normalization(norm, use_bias=use_bias, epsilon=1e-5, name="final_norm")(h)
    if tie_embeddings:
        h = embedding(h, reverse=True)
    elif hidden_dim is not None:
        h = Dense(vocab_size, use_bias=head_bias, kernel_initializer=sibling(small, 2), name="head")(h)  # (B, T, V)
    return keras.Model(tokens, h, name=name)


def _check_heads(hidden_dim, num_layers, num_heads, num_kv_heads, positions):
    if num_layers and hidden_dim and hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    if num_heads % (num_kv_heads or num_heads):
        raise ValueError(f"num_kv_heads={num_kv_heads} must divide num_heads={num_heads}")
    if positions == "rotary" and num_layers and hidden_dim and hidden_dim // num_heads % 2:
        raise ValueError(
            f"hidden_dim={hidden_dim} and num_heads={num_heads} give heads of odd width {hidden_dim // num_heads}, "
            "which positions='rotary' cannot turn in pairs"
        )


def _check_table(hidden_dim, num_layers, positions, head_bias, tie_embeddings):
    if hidden_dim is None and (num_layers or positions or head_bias or tie_embeddings):
        raise ValueError(
            "hidden_dim=None is a bigram table: it needs num_layers=0, positions=None, head_bias=False and "
            "tie_embeddings=False"
        )
    if tie_embeddings and head_bias:
        raise ValueError("head_bias=True has no place where tie_embeddings=True: the tied output layer has no bias")
