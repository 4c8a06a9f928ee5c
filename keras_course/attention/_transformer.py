"""The transformer of Vaswani et al.: an encoder reads the source, a decoder writes the target.

Notation: source (B, N) and target (B, T) tokens out of a joint vocabulary of V, of which token 0 is padding;
C = `hidden_dim`. The logits at position t of the target belong to token t + 1, and depend on the source and on the
target up to t.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.attention._blocks import EncoderDecoderBlock
from keras_course.attention._positions import SinusoidalPositions
from keras_course.checks import choice, flag, fraction, validate, whole
from keras_course.layers import PositionEmbedding, sibling
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor

PADDING = 0


@keras.saving.register_keras_serializable("keras_course")
class PaddingMask(keras.layers.Layer):
    """Takes tokens `(B, N)` and returns booleans `(B, N)`, true where a token is not padding, which is token 0.

    Args:
        context_length: longest sequence without its padding, which `translate` asks for where no layer of positions
            limits it; None if one does.

    Raises:
        ValueError: `context_length` is not a whole number of at least 1.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import PaddingMask
        >>> [bool(real) for real in PaddingMask()(np.array([[5, 3, 0]]))[0]]
        [True, True, False]
    """

    @validate(context_length=whole(1))
    def __init__(self, context_length=None, **kwargs):
        super().__init__(**kwargs)
        self.context_length = context_length and int(context_length)

    def call(self, tokens) -> Tensor:
        return ops.not_equal(tokens, PADDING)

    def compute_output_spec(self, tokens) -> keras.KerasTensor:
        return keras.KerasTensor(tokens.shape, dtype="bool")

    def get_config(self) -> dict:
        return {**super().get_config(), "context_length": self.context_length}


def random_pairs(model, batch_size, rng) -> dict:
    """Return random sources and targets without padding."""
    size = model.get_layer("token_embedding").input_dim
    source, target = rng.integers(1, size, (batch_size, 5)), rng.integers(1, size, (batch_size, 4))
    return {"source": source.astype("int32"), "target": target.astype("int32")}


@builder(
    reference="Vaswani et al., 2017, https://arxiv.org/abs/1706.03762",
    presets={
        "tiny": {"vocab_size": 100, "context_length": 32},
        "base": {"vocab_size": 37_000, "context_length": 512, "hidden_dim": 512, "num_layers": 6, "num_heads": 8,
                 "dropout": 0.1, "parameters": 63_082_496},
        "big": {"vocab_size": 37_000, "context_length": 512, "hidden_dim": 1024, "num_layers": 6, "num_heads": 16,
                "dropout": 0.3, "parameters": 214_245_376},
    },
    example=random_pairs,
)  # fmt: skip
@validate(
    vocab_size=whole(2),
    context_length=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    mlp_dim=whole(1),
    positions=choice("sinusoidal", "learned"),
    norm_first=flag,
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def transformer(
    vocab_size,
    context_length,
    *,
    hidden_dim=64,
    num_layers=2,
    num_heads=4,
    mlp_dim=None,
    activation="relu",
    positions="sinusoidal",
    norm_first=False,
    dropout=0.0,
    seed=0,
    name="transformer",
) -> keras.Model:
    """Build the encoder-decoder transformer.

    Takes a dict of tokens, int32: source `(B, N)` and target `(B, T)`, both padded at the end with token 0, N and T up
    to `context_length`; returns logits `(B, T, V)` of the next target token:

        m = encoder(E[source] + P),  h = decoder(E[target] + P, m),  logits = h E'

    The decoder is trained by teacher forcing: the target begins with a start token, and the label of position t is
    token t + 1.

    Args:
        vocab_size: number V of tokens of both languages together.
        context_length: longest source and longest target, in tokens.
        hidden_dim: width C of a token's features.
        num_layers: number of blocks in the encoder, and in the decoder.
        num_heads: number of attention heads; it must divide `hidden_dim`.
        mlp_dim: width of the MLP in a block; 4 C by default.
        activation: activation of the MLP, as in `keras_course.language.gpt`.
        positions: "sinusoidal" (with embeddings scaled by sqrt(C)) or "learned".
        norm_first: whether each block normalizes its input (pre-norm; both stacks then end in a normalization) or its
            output (post-norm, as in the paper).
        dropout: rate in [0, 1) on the embeddings, the attention weights and the output of each branch.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. Encoder, decoder and output layer share one embedding E.

    Raises:
        ValueError: a number is out of its range, `num_heads` does not divide `hidden_dim`, `hidden_dim` is odd with
            sinusoidal positions, or an unknown `activation` or `positions`.

    Differences from the paper: attention layers have biases and dropout on their weights, as in
    `torch.nn.Transformer`. The paper counts 65 and 213 million parameters for base and big.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import transformer
        >>> model = transformer(vocab_size=10, context_length=8, hidden_dim=16)
        >>> model({"source": np.array([[3, 4, 0]]), "target": np.array([[1, 5]])}).shape == (1, 2, 10)
        True
    """
    get_activation(activation)
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    if positions == "sinusoidal" and hidden_dim % 2:
        raise ValueError(f"hidden_dim={hidden_dim} must be even with positions='sinusoidal'")
    small = keras.initializers.RandomNormal(stddev=hidden_dim**-0.5, seed=seed)
    kernels = keras.initializers.GlorotUniform(seed=seed)

    embedding = keras.layers.ReversibleEmbedding(
        vocab_size,
        hidden_dim,
        embeddings_initializer=sibling(small, 0),
        reverse_dtype=keras.config.dtype_policy().compute_dtype,
        name="token_embedding",
    )

    def embed(tokens, side, number):
        if positions == "sinusoidal":
            layer = SinusoidalPositions(context_length, name=f"{side}_positions")
        else:
            layer = PositionEmbedding(context_length, initializer=sibling(small, number), name=f"{side}_positions")
        h = layer(embedding(tokens))
        return keras.layers.Dropout(dropout, seed=seed + number, name=f"{side}_dropout")(h) if dropout else h

    def block(side, i, **options):
        return EncoderDecoderBlock(
            num_heads,
            mlp_dim or 4 * hidden_dim,
            norm_first=norm_first,
            activation=activation,
            dropout=dropout,
            seed=seed + 10 * (2 * i + options.get("is_decoder", False)) + 3,
            kernel_initializer=sibling(kernels, 2 * i + options.get("is_decoder", False)),
            name=f"{side}_{i}",
            **options,
        )

    def final_norm(side, h):
        return keras.layers.LayerNormalization(epsilon=1e-5, name=f"{side}_norm")(h) if norm_first else h

    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    mask = PaddingMask(name="source_mask")(source)
    memory = embed(source, "encoder", 1)  # (B, N, C)
    for i in range(num_layers):
        memory = block("encoder", i)(memory, attention_mask=mask)
    memory = final_norm("encoder", memory)

    h = embed(target, "decoder", 2)  # (B, T, C)
    for i in range(num_layers):
        h = block("decoder", i, is_decoder=True, context_length=context_length)(h, memory, context_mask=mask)
    h = final_norm("decoder", h)
    return keras.Model({"source": source, "target": target}, embedding(h, reverse=True), name=name)
