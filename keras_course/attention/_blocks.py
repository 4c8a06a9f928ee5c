"""The blocks of the encoder-decoder transformer.

Notation: x (B, T, C) target or source positions; context (B, N, C) the encoded source; F = `mlp_dim`.
"""

from typing import Any

import keras

from keras_course.checks import flag, positive, validate, whole
from keras_course.layers import Dense, MultiHeadAttention, sibling
from keras_course.layers._activations import get_activation
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class EncoderDecoderBlock(keras.layers.Layer):
    """A block of an encoder (self-attention, MLP) or of a decoder (causal self-attention, cross-attention, MLP).

    Takes x `(B, T, C)`, in a decoder also context `(B, N, C)`; returns `(B, T, C)`. Each branch f is a residual branch:

        post-norm:  x <- norm(x + f(x)),   pre-norm:  x <- x + f(norm(x))

    Args:
        num_heads: number of attention heads.
        mlp_dim: width F of the hidden layer of the MLP.
        is_decoder: whether self-attention is causal and cross-attention follows it.
        norm_first: whether normalization comes before each branch (pre-norm) or after the sum (post-norm).
        context_length: longest sequence that a decoder's cache holds, in tokens.
        activation: activation of the MLP.
        epsilon: added to the variance in layer normalization.
        dropout: rate on attention weights and on the output of each branch.
        seed: integer seed of the dropouts.
        kernel_initializer: initializer of all kernels.

    Call arguments:
        x, context: see above.
        attention_mask: booleans `(B, T)`, true where a position of x may be seen.
        context_mask: booleans `(B, N)`, the same for the context.

    Raises:
        ValueError: a number is out of its range, or (when built) C is not divisible by `num_heads`.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

        On Layer Normalization in the Transformer Architecture (pre-norm), Xiong et al., 2020,
        https://arxiv.org/abs/2002.04745

    Example:
        >>> import keras
        >>> from keras_course.attention import EncoderDecoderBlock
        >>> x, context = keras.ops.ones((1, 3, 4)), keras.ops.ones((1, 5, 4))
        >>> EncoderDecoderBlock(2, 16, is_decoder=True)(x, context).shape == (1, 3, 4)
        True
    """

    @validate(mlp_dim=whole(1), is_decoder=flag, norm_first=flag, epsilon=positive)
    def __init__(
        self,
        num_heads,
        mlp_dim,
        *,
        is_decoder=False,
        norm_first=False,
        context_length=None,
        activation="relu",
        epsilon=1e-5,
        dropout=0.0,
        seed=0,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.mlp_dim, self.is_decoder, self.norm_first = int(mlp_dim), bool(is_decoder), bool(norm_first)
        self.epsilon, self.activation = float(epsilon), get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        options = {"dropout": dropout, "context_length": context_length, "dtype": self.dtype_policy}
        self.self_attention = MultiHeadAttention(
            num_heads, causal=self.is_decoder, seed=seed, name="self_attention", **self._kernels(0), **options
        )
        if self.is_decoder:
            options["context_length"] = None
            self.cross_attention = MultiHeadAttention(
                num_heads, seed=seed + 1, name="cross_attention", **self._kernels(2), **options
            )
        branches = ("self_attention", "cross_attention", "mlp") if self.is_decoder else ("self_attention", "mlp")
        self.norms, self.dropouts = {}, {}
        for i, branch in enumerate(branches):
            self.norms[branch] = keras.layers.LayerNormalization(
                epsilon=self.epsilon, dtype=self.dtype_policy, name=f"{branch}_norm"
            )
            self.dropouts[branch] = keras.layers.Dropout(dropout, seed=seed + 2 + i, dtype=self.dtype_policy)

    def _kernels(self, number):
        """Return initializers of their own for the two kinds of kernels of an attention layer."""
        names = ("kernel_initializer", "projection_initializer")
        return {name: sibling(self.kernel_initializer, number + i) for i, name in enumerate(names)}

    def build(self, x_shape, context_shape=None) -> None:
        self.mlp_in, self.mlp_out = (
            Dense(units, kernel_initializer=sibling(self.kernel_initializer, i), dtype=self.dtype_policy, name=name)
            for units, i, name in ((self.mlp_dim, 4, "mlp_in"), (x_shape[-1], 5, "mlp_out"))
        )
        self.self_attention.build(x_shape)
        if self.is_decoder:
            self.cross_attention.build(x_shape, context_shape)
        self.mlp_in.build(x_shape)
        self.mlp_out.build((*x_shape[:-1], self.mlp_dim))
        for norm in self.norms.values():
            norm.build(x_shape)

    def _add(self, branch, x, function, training=None):
        """Return x with a branch added to it and normalized."""
        norm, dropout = self.norms[branch], self.dropouts[branch]
        if self.norm_first:
            return x + dropout(function(norm(x)), training=training)
        return norm(x + dropout(function(x), training=training))

    def _mlp(self, x):
        return self.mlp_out(self.activation(self.mlp_in(x)))

    def call(self, x, context=None, attention_mask=None, context_mask=None, training=None) -> Tensor:
        def attend(x):
            return self.self_attention(x, attention_mask=attention_mask, training=training)

        def look_up(x):
            return self.cross_attention(x, context, attention_mask=context_mask, training=training)

        x = self._add("self_attention", x, attend, training)
        if self.is_decoder:
            x = self._add("cross_attention", x, look_up, training)
        return self._add("mlp", x, self._mlp, training)

    def decode(self, x, cache, index, context_cache, context_mask=None) -> tuple[Tensor, Any]:
        """Continue a target with the tokens x `(B, S, C)` at positions `index`, ...; see `MultiHeadAttention.decode`.

        Args:
            x: the new tokens.
            cache: keys and values of the target so far.
            index: position of the first of them.
            context_cache: keys and values of the source, from `context_cache`.
            context_mask: booleans `(B, N)`.
        """
        kept = []

        def attend(x):
            y, new = self.self_attention.decode(x, cache, index)
            kept.extend(new)
            return y

        def look_up(x):
            return self.cross_attention.decode(x, context_cache, index, attention_mask=context_mask)[0]

        x = self._add("self_attention", x, attend)
        x = self._add("cross_attention", x, look_up)
        return self._add("mlp", x, self._mlp), kept

    def empty_cache(self, batch_size) -> tuple[Tensor, Tensor]:
        return self.self_attention.empty_cache(batch_size)

    def context_cache(self, context) -> tuple[Tensor, Tensor]:
        return self.cross_attention.context_cache(context)

    def cross_attention_weights(self, x, context, attention_mask=None, context_mask=None) -> Tensor:
        """Return the weights `(B, H, T, N)` of cross-attention for the input x `(B, T, C)` of this block."""
        x = self._add("self_attention", x, lambda x: self.self_attention(x, attention_mask=attention_mask))
        x = self.norms["cross_attention"](x) if self.norm_first else x
        return self.cross_attention.attention_weights(x, context, attention_mask=context_mask)

    def compute_output_shape(self, x_shape, context_shape=None) -> tuple:
        return x_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.self_attention.num_heads,
            "mlp_dim": self.mlp_dim,
            "is_decoder": self.is_decoder,
            "norm_first": self.norm_first,
            "context_length": self.self_attention.context_length,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
            "dropout": self.self_attention.rate,
            "seed": self.self_attention.seed,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
