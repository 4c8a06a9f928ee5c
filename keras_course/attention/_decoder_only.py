"""The decoder-only transformer as in Llama, Mistral and Mixtral, with or without mixtures of experts.

Notation: x (B, T) tokens out of a vocabulary of V; C = `hidden_dim`; N = `context_length`; G heads of keys and values.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.attention._positions import SinusoidalPositions
from keras_course.checks import choice, flag, fraction, instance, not_negative, positive, validate, whole
from keras_course.checks.tokens import check_tokens, vocab_size
from keras_course.layers import Dense, PositionEmbedding, TransformerBlock, sibling
from keras_course.layers._transformer import normalization

_LLAMA = {"vocab_size": 32_000, "context_length": 4096, "hidden_dim": 4096, "num_layers": 32, "num_heads": 32}
_MISTRAL = {**_LLAMA, "context_length": 32_768, "num_kv_heads": 8, "mlp_dim": 14_336}


@builder(
    reference="Touvron et al., 2023, https://arxiv.org/abs/2307.09288",
    presets={
        "tiny": {"vocab_size": 104, "context_length": 32, "num_kv_heads": 2},
        "tinyllama": {**_LLAMA, "context_length": 2048, "hidden_dim": 2048, "num_layers": 22, "num_kv_heads": 4,
                      "mlp_dim": 5632, "parameters": 1_100_048_384},
        "llama2_7b": {**_LLAMA, "mlp_dim": 11_008, "parameters": 6_738_415_616},
        "mistral_7b": {**_MISTRAL, "window": 4096, "parameters": 7_241_732_096},
        "mixtral_8x7b": {**_MISTRAL, "num_experts": 8, "rotary_base": 1_000_000.0, "parameters": 46_702_792_704},
    },
)  # fmt: skip
@validate(
    vocab_size=whole(1),
    context_length=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    num_kv_heads=whole(1),
    window=whole(1),
    mlp_dim=whole(1),
    positions=choice("rotary", "alibi", "relative", "learned", "sinusoidal", None),
    rotary_base=positive,
    num_experts=whole(2),
    top_k=whole(1),
    capacity_factor=positive,
    balance_weight=not_negative,
    tie_embeddings=flag,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def decoder_only_lm(
    vocab_size,
    context_length,
    *,
    hidden_dim=64,
    num_layers=2,
    num_heads=4,
    num_kv_heads=None,
    window=None,
    mlp_dim=None,
    positions="rotary",
    rotary_base=10_000.0,
    num_experts=None,
    top_k=2,
    capacity_factor=None,
    balance_weight=0.01,
    tie_embeddings=False,
    dropout=0.0,
    seed=0,
    name="decoder_only_lm",
) -> keras.Model:
    """Build a decoder-only language model of the Llama family.

    Takes tokens `(B, T)`, int32, T up to `context_length`; returns logits `(B, T, V)` of the next token:

        h = E[x],  h <- h + attention(norm(h)),  h <- h + W2 (silu(U norm(h)) * V norm(h)),  logits = norm(h) W

    It differs from GPT-2 (lecture 8) in four parts: RMS normalization in place of layer normalization, rotary in place
    of learned positions, SwiGLU in place of a GELU MLP, and queries that share heads of keys and values. No
    layer has biases. `keras_course.language.generate` writes text with it.

    Args:
        vocab_size: number V of tokens.
        context_length: number N of tokens that it can look back on, itself included.
        hidden_dim: width C of a token's features.
        num_layers: number of blocks.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        num_kv_heads: number G of heads of keys and values (grouped queries); it must divide `num_heads`, its default.
        window: how many tokens a block looks back on, itself included (sliding window); all by default.
        mlp_dim: width of the hidden layer of an MLP; by default 8/3 C, rounded up to a multiple of 8.
        positions: "rotary", "alibi" or "relative" (in attention), "learned" or "sinusoidal" (added to the embeddings),
            or None.
        rotary_base: base of the rotations; see `keras_course.layers.rotate`.
        num_experts: number of MLPs in a block, of which a router chooses `top_k` for each token; one MLP by default.
        top_k, capacity_factor, balance_weight: of the router; see `keras_course.layers.MixtureOfExperts`.
        tie_embeddings: whether the output layer is the transpose of the embedding.
        dropout: rate in [0, 1) on the embedding, the attention weights and both branches of a block.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. The weights are sampled from a normal distribution with standard deviation 0.02,
        or 0.02 / sqrt(2 L) for L layers where a branch adds to the residual stream.

    Raises:
        ValueError: an argument is out of its range, `num_heads` does not divide `hidden_dim`, `num_kv_heads` does not
            divide `num_heads`, or the width does not fit `positions`.

    Differences from the papers: none in the network of the presets, which have as many parameters as the published
    weights. A cache holds all N positions, also with a sliding window.

    References:
        Llama 2: Open Foundation and Fine-Tuned Chat Models, Touvron et al., 2023, https://arxiv.org/abs/2307.09288

        TinyLlama: An Open-Source Small Language Model, Zhang et al., 2024, https://arxiv.org/abs/2401.02385

        Mistral 7B, Jiang et al., 2023, https://arxiv.org/abs/2310.06825

        Mixtral of Experts, Jiang et al., 2024, https://arxiv.org/abs/2401.04088

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import decoder_only_lm
        >>> model = decoder_only_lm(vocab_size=10, context_length=8, hidden_dim=16)
        >>> model(np.zeros((1, 8), "int32")).shape == (1, 8, 10)
        True
    """
    if hidden_dim % num_heads or num_heads % (num_kv_heads or num_heads):
        raise ValueError(
            f"num_heads={num_heads} must divide hidden_dim={hidden_dim}"
            + (f", and num_kv_heads={num_kv_heads} must divide num_heads" if num_kv_heads else "")
        )
    if (hidden_dim % 2 and positions == "sinusoidal") or (hidden_dim // num_heads % 2 and positions == "rotary"):
        raise ValueError(
            f"hidden_dim={hidden_dim} and num_heads={num_heads}: positions={positions!r} needs an even width "
            + ("of a head, hidden_dim / num_heads" if positions == "rotary" else "hidden_dim")
        )
    small = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    residual = keras.initializers.RandomNormal(stddev=0.02 / (2 * num_layers) ** 0.5, seed=seed)

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    table = {"embeddings_initializer": sibling(small, 0), "name": "token_embedding"}
    if tie_embeddings:
        compute_dtype = keras.config.dtype_policy().compute_dtype
        embedding = keras.layers.ReversibleEmbedding(vocab_size, hidden_dim, reverse_dtype=compute_dtype, **table)
    else:
        embedding = keras.layers.Embedding(vocab_size, hidden_dim, **table)
    h = embedding(tokens)  # (B, T, C)
    if positions == "learned":
        h = PositionEmbedding(context_length, initializer=sibling(small, 1), name="position_embedding")(h)
    if positions == "sinusoidal":
        h = SinusoidalPositions(context_length, name="position_embedding")(h)
    if dropout:
        h = keras.layers.Dropout(dropout, seed=seed, name="dropout")(h)
    for i in range(num_layers):
        h = TransformerBlock(
            num_heads,
            mlp_dim or 8 * -(-hidden_dim // 3),
            num_kv_heads=num_kv_heads,
            window=window,
            positions=positions if positions in ("rotary", "alibi", "relative") else None,
            rotary_base=rotary_base,
            context_length=context_length,
            activation="silu",
            gated=True,
            num_experts=num_experts,
            top_k=top_k,
            capacity_factor=capacity_factor,
            balance_weight=balance_weight,
            use_bias=False,
            qkv_bias=False,
            norm="rms",
            dropout=dropout,
            seed=seed + 3 * i + 1,
            kernel_initializer=sibling(small, i + 3),
            residual_initializer=sibling(residual, i + 3),
            name=f"block_{i}",
        )(h)
    h = normalization("rms", use_bias=False, epsilon=1e-5, name="final_norm")(h)
    if tie_embeddings:
        logits = embedding(h, reverse=True)
    else:
        logits = Dense(vocab_size, use_bias=False, kernel_initializer=sibling(small, 2), name="head")(h)  # (B, T, V)
    return keras.Model(tokens, logits, name=name)


@validate(model=instance(keras.Model))
def expert_loads(model, tokens) -> np.ndarray:
    """Return how the tokens are spread over the experts of each block.

    Args:
        model: a model built by `decoder_only_lm`, with L blocks of E experts.
        tokens: `(B, T)` tokens.

    Returns:
        A NumPy array `(L, E)`; each row adds up to 1.

    Raises:
        ValueError: `model` was built without experts, `tokens` has not two axes, or an unknown token.

    Example:
        >>> from keras_course.attention import decoder_only_lm, expert_loads
        >>> expert_loads(decoder_only_lm(10, 8, num_experts=4), [[1, 2, 3]]).shape
        (2, 4)
    """
    blocks = [layer for layer in model.layers if getattr(layer, "experts", None) is not None]
    if not blocks:
        raise ValueError(f"model={model.name!r} must be built by decoder_only_lm with num_experts")
    h, loads = ops.convert_to_tensor(check_tokens("tokens", tokens, vocab_size(model), ndim=2)), []
    for layer in model.layers[1:]:
        if layer in blocks:
            loads.append(ops.convert_to_numpy(layer.routing(h).load))
        if layer is blocks[-1]:
            break
        h = layer(h)
    return np.stack(loads)


@validate(
    num_layers=whole(1),
    num_kv_heads=whole(1),
    head_dim=whole(1),
    length=whole(1),
    batch_size=whole(1),
    bytes_per_number=whole(1),
)
def kv_cache_bytes(num_layers, num_kv_heads, head_dim, length, *, batch_size=1, bytes_per_number=2) -> int:
    """Return the memory that the keys and values of a sequence take, in bytes.

        2 L G D T B bytes per number, for keys and values of L layers, G heads of width D, T tokens, B sequences

    Args:
        num_layers: number L of layers.
        num_kv_heads: number G of heads of keys and values.
        head_dim: width D of a head.
        length: number T of tokens.
        batch_size: number B of sequences.
        bytes_per_number: 2 for half precision, 4 for float32.

    Returns:
        The number of bytes.

    Raises:
        ValueError: an argument is not a whole number of at least 1.

    Example:
        64 heads in 80 layers need 10.7 GB for 4,096 tokens, and with 8 heads of keys and values an eighth of it:

        >>> from keras_course.attention import kv_cache_bytes
        >>> [round(kv_cache_bytes(80, heads, 128, 4096) / 1e9, 1) for heads in (64, 8)]
        [10.7, 1.3]
    """
    return 2 * num_layers * num_kv_heads * head_dim * length * batch_size * bytes_per_number
