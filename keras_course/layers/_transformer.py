"""The parts of a transformer beside attention: learned positions, normalization, and the block.

Notation: x (B, T, C) tokens; P (N, C) a table with one row for each position; F = `mlp_dim` the width of the hidden
layer of the MLP.
"""

from typing import Any

import keras
from keras import ops

from keras_course.checks import choice, flag, not_negative, one_of, positive, validate, whole
from keras_course.layers._activations import get_activation
from keras_course.layers._attention import MultiHeadAttention, check_length
from keras_course.layers._dense import Dense
from keras_course.layers._experts import MixtureOfExperts, Routing, gated_activation
from keras_course.layers._initializers import get_initializer, sibling
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class PositionEmbedding(keras.layers.Layer):
    """Learned positions: y_t = x_t + P_t.

    Takes and returns `(B, T, C)` with T up to `context_length`.

    Args:
        context_length: number N of positions.
        initializer: initializer of the table P, `(N, C)`.

    Raises:
        ValueError: `context_length` < 1 (at construction), or a sequence is longer than `context_length` (at the call).

    References:
        Convolutional Sequence to Sequence Learning, Gehring et al., 2017, https://arxiv.org/abs/1705.03122

    Example:
        >>> import keras
        >>> from keras_course.layers import PositionEmbedding
        >>> PositionEmbedding(8)(keras.ops.ones((2, 3, 4))).shape == (2, 3, 4)
        True
    """

    @validate(context_length=whole(1))
    def __init__(self, context_length, *, initializer="uniform", **kwargs):
        super().__init__(**kwargs)
        self.context_length = int(context_length)
        self.embeddings_initializer = get_initializer(initializer=initializer)

    def build(self, input_shape) -> None:
        shape = (self.context_length, input_shape[-1])
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer=self.embeddings_initializer)

    def call(self, x) -> Tensor:
        check_length(x, self.context_length)
        return x + ops.convert_to_tensor(self.embeddings)[: ops.shape(x)[1]]

    def decode(self, x, cache, index) -> tuple[Tensor, Any]:
        """Add the positions `index`, `index + 1`, ... to the tokens x `(B, S, C)`; there is nothing to cache."""
        rows = ops.take(self.embeddings, index + ops.arange(x.shape[1], dtype="int32"), axis=0)
        return x + ops.cast(rows, x.dtype), cache

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        initializer = keras.initializers.serialize(self.embeddings_initializer)
        return {**super().get_config(), "context_length": self.context_length, "initializer": initializer}


def normalization(kind, *, use_bias, epsilon, dtype=None, name=None) -> keras.layers.Layer:
    """Return the normalization layer "layer" (with or without its bias) or "rms" (which has none)."""
    one_of(("layer", "rms"), norm=kind)
    if kind == "rms":
        return keras.layers.RMSNormalization(epsilon=epsilon, dtype=dtype, name=name)
    return keras.layers.LayerNormalization(epsilon=epsilon, center=use_bias, dtype=dtype, name=name)


@keras.saving.register_keras_serializable("keras_course")
class TransformerBlock(keras.layers.Layer):
    """The pre-norm transformer block: attention moves information between tokens, the MLP works on each token.

    Takes and returns `(B, T, C)`; for an `attention_mask` see `MultiHeadAttention`:

        x <- x + attention(norm(x)),  x <- x + W2 act(W1 norm(x) + b1) + b2

    Args:
        num_heads: number of attention heads.
        mlp_dim: width F of the MLP's hidden layer.
        num_kv_heads, causal, window, positions, rotary_base, context_length, qkv_bias: of attention; see
            `MultiHeadAttention`.
        activation: activation of the MLP, a Keras name or a registered function.
        gated: whether the MLP is W2 (act(U x) * V x) with W1 = [U, V] `(C, 2 F)`; "silu" then makes it SwiGLU.
        num_experts: number of MLPs, of which a router chooses `top_k` for each token; None for one without a router.
        top_k, capacity_factor, balance_weight: of the router; see `MixtureOfExperts`. The experts have no biases.
        use_bias: whether the dense layers and the normalization have biases.
        norm: "layer" or "rms".
        epsilon: added to the variance.
        dropout: rate on attention weights and on both branches.
        seed: integer seed of the dropouts.
        kernel_initializer: initializer of the kernels that read the stream.
        residual_initializer: initializer of the two kernels that write to it.

    Raises:
        ValueError: a number is out of its range, `norm` or `positions` is unknown, or (when built) C is not divisible
            by `num_heads`.

    References:
        Language Models are Unsupervised Multitask Learners, Radford et al., 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

        GLU Variants Improve Transformer (gated MLPs), Shazeer, 2020, https://arxiv.org/abs/2002.05202

    Example:
        >>> import keras
        >>> from keras_course.layers import TransformerBlock
        >>> TransformerBlock(2, 16)(keras.ops.ones((1, 3, 4))).shape == (1, 3, 4)
        True
    """

    @validate(
        mlp_dim=whole(1),
        gated=flag,
        top_k=whole(1),
        capacity_factor=positive,
        balance_weight=not_negative,
        use_bias=flag,
        norm=choice("layer", "rms"),
        epsilon=positive,
    )
    def __init__(
        self,
        num_heads,
        mlp_dim,
        *,
        num_kv_heads=None,
        causal=True,
        window=None,
        positions=None,
        rotary_base=10_000.0,
        context_length=None,
        activation="gelu",
        gated=False,
        num_experts=None,
        top_k=2,
        capacity_factor=None,
        balance_weight=0.01,
        use_bias=True,
        qkv_bias=True,
        norm="layer",
        epsilon=1e-5,
        dropout=0.0,
        seed=0,
        kernel_initializer="glorot_uniform",
        residual_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.residual_initializer = get_initializer(residual_initializer=residual_initializer)
        self.mlp_dim, self.use_bias, self.norm, self.epsilon = int(mlp_dim), use_bias, norm, float(epsilon)
        options = {"use_bias": use_bias, "epsilon": self.epsilon, "dtype": self.dtype_policy}
        self.attention_norm = normalization(norm, name="attention_norm", **options)
        self.attention = MultiHeadAttention(
            num_heads,
            num_kv_heads=num_kv_heads,
            causal=causal,
            window=window,
            positions=positions,
            rotary_base=rotary_base,
            context_length=context_length,
            use_bias=use_bias,
            qkv_bias=qkv_bias,
            dropout=dropout,
            seed=seed,
            kernel_initializer=sibling(self.kernel_initializer, 0),
            projection_initializer=sibling(self.residual_initializer, 1),
            dtype=self.dtype_policy,
            name="attention",
        )
        self.mlp_norm = normalization(norm, name="mlp_norm", **options)
        self.gated, self.experts = bool(gated), None
        if num_experts is not None:
            self.experts = MixtureOfExperts(
                num_experts,
                mlp_dim,
                top_k=top_k,
                capacity_factor=capacity_factor,
                balance_weight=balance_weight,
                activation=self.activation,
                gated=gated,
                kernel_initializer=sibling(self.kernel_initializer, 2),
                residual_initializer=sibling(self.residual_initializer, 3),
                dtype=self.dtype_policy,
                name="experts",
            )

    def build(self, input_shape) -> None:
        seed = self.attention.seed
        for layer in (self.attention_norm, self.attention, self.mlp_norm):
            layer.build(input_shape)
        if self.experts is None:
            self._build_mlp(input_shape)
        else:
            self.experts.build(input_shape)
        self.attention_dropout = keras.layers.Dropout(self.attention.rate, seed=seed + 1, dtype=self.dtype_policy)
        self.mlp_dropout = keras.layers.Dropout(self.attention.rate, seed=seed + 2, dtype=self.dtype_policy)

    def routing(self, x) -> Routing:
        """Return where the router of this block sends the tokens of its input x `(B, T, C)`."""
        return self.experts.route(self.mlp_norm(x + self.attention(self.attention_norm(x))))

    def _build_mlp(self, input_shape):
        dense = {"use_bias": self.use_bias, "dtype": self.dtype_policy}
        units, first, second = (1 + self.gated) * self.mlp_dim, self.kernel_initializer, self.residual_initializer
        self.mlp_in = Dense(units, kernel_initializer=sibling(first, 2), name="mlp_in", **dense)
        self.mlp_out = Dense(input_shape[-1], kernel_initializer=sibling(second, 3), name="mlp_out", **dense)
        self.mlp_in.build(input_shape)
        self.mlp_out.build((*input_shape[:-1], self.mlp_dim))

    def call(self, x, attention_mask=None, training=None) -> Tensor:
        y = self.attention(self.attention_norm(x), attention_mask=attention_mask, training=training)
        x = x + self.attention_dropout(y, training=training)
        return x + self.mlp_dropout(self._mlp(x, training), training=training)

    def decode(self, x, cache, index) -> tuple[Tensor, Any]:
        """Continue a sequence with the tokens x `(B, S, C)` at positions `index`, ...; see `MultiHeadAttention`."""
        y, cache = self.attention.decode(self.attention_norm(x), cache, index)
        x = x + y
        return x + self._mlp(x), cache

    @property
    def context_length(self) -> int | None:
        return self.attention.context_length

    def empty_cache(self, batch_size) -> tuple[Tensor, Tensor]:
        return self.attention.empty_cache(batch_size)

    def attention_weights(self, x) -> Tensor:
        """Return the attention weights `(B, H, T, T)` inside this block for its input x `(B, T, C)`."""
        return self.attention.attention_weights(self.attention_norm(x))

    def _mlp(self, x, training=None):
        x = self.mlp_norm(x)
        if self.experts is not None:
            return self.experts(x, training=training)
        h = self.mlp_in(x)
        return self.mlp_out(gated_activation(self.activation, h) if self.gated else self.activation(h))

    def compute_output_shape(self, input_shape) -> tuple:
        return input_shape

    def get_config(self) -> dict:
        ours = ("num_heads", "num_kv_heads", "causal", "window", "positions", "rotary_base", "context_length")
        routing = ("num_experts", "top_k", "capacity_factor", "balance_weight") if self.experts is not None else ()
        return {
            **super().get_config(),
            **{name: getattr(self.attention, name) for name in (*ours, "qkv_bias", "seed")},
            **{name: getattr(self.experts, name) for name in routing},
            "gated": self.gated,
            "dropout": self.attention.rate,
            "mlp_dim": self.mlp_dim,
            "use_bias": self.use_bias,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }
