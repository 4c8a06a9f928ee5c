"""The transformer block. Notation: x (B, T, C) tokens; F = `mlp_dim` the width of the hidden layer of the MLP."""

import keras

from keras_course.checks import flag, one_of, positive, whole_number
from keras_course.layers._activations import get_activation
from keras_course.layers._attention import CausalSelfAttention, check_attention
from keras_course.layers._dense import Dense
from keras_course.layers._initializers import get_initializer, sibling


def normalization(kind, *, use_bias, epsilon, dtype=None, name=None):
    """Return the normalization layer "layer" (with or without its bias) or "rms" (which has none)."""
    one_of(("layer", "rms"), norm=kind)
    if kind == "rms":
        return keras.layers.RMSNormalization(epsilon=epsilon, dtype=dtype, name=name)
    return keras.layers.LayerNormalization(epsilon=epsilon, center=use_bias, dtype=dtype, name=name)


@keras.saving.register_keras_serializable("keras_course")
class TransformerBlock(keras.layers.Layer):
    """The pre-norm transformer block: attention moves information between tokens, the MLP works on each.

    Takes and gives `(B, T, C)`:

        x <- x + attention(norm(x)),  x <- x + W2 act(W1 norm(x) + b1) + b2

    Args:
        num_heads: number of attention heads.
        mlp_dim: width F of the MLP's hidden layer.
        context_length: longest sequence that is accepted, in tokens; None for no limit.
        activation: activation of the MLP, a Keras name or a registered function.
        use_bias: whether the dense layers and the normalization have biases.
        qkv_bias: whether queries, keys and values have one.
        rotary: whether attention uses rotary positions.
        norm: "layer" or "rms".
        epsilon: added to the variance.
        dropout: rate on attention weights and on both branches.
        seed: integer seed of the dropouts.
        kernel_initializer: initializer of the kernels that read the stream.
        residual_initializer: initializer of the two kernels that write to it.

    Raises:
        ValueError: a size is no whole number of at least 1, `norm` is unknown, `epsilon` is not positive, `dropout`
            lies outside [0, 1), `seed` is no whole number, or (when built) C is not divisible by `num_heads`.

    References:
        Language Models are Unsupervised Multitask Learners, Radford et al., 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> import keras
        >>> from keras_course.layers import TransformerBlock
        >>> TransformerBlock(2, 16)(keras.ops.ones((1, 3, 4))).shape == (1, 3, 4)
        True
    """

    def __init__(
        self,
        num_heads,
        mlp_dim,
        *,
        context_length=None,
        activation="gelu",
        use_bias=True,
        qkv_bias=True,
        rotary=False,
        norm="layer",
        epsilon=1e-5,
        dropout=0.0,
        seed=0,
        kernel_initializer="glorot_uniform",
        residual_initializer="glorot_uniform",
        **kwargs,
    ):
        check_attention(num_heads, context_length, dropout, seed)
        whole_number(1, mlp_dim=mlp_dim)
        flag(use_bias=use_bias, qkv_bias=qkv_bias, rotary=rotary)
        one_of(("layer", "rms"), norm=norm)
        positive(epsilon=epsilon)
        super().__init__(**kwargs)
        self.activation = get_activation(activation)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.residual_initializer = get_initializer(residual_initializer=residual_initializer)
        self._config = {
            "num_heads": int(num_heads),
            "mlp_dim": int(mlp_dim),
            "context_length": context_length and int(context_length),
            "use_bias": use_bias,
            "qkv_bias": qkv_bias,
            "rotary": rotary,
            "norm": norm,
            "epsilon": float(epsilon),
            "dropout": float(dropout),
            "seed": int(seed),
        }

    def build(self, input_shape):
        c, width, policy = self._config, input_shape[-1], self.dtype_policy
        norm = {"use_bias": c["use_bias"], "epsilon": c["epsilon"], "dtype": policy}
        self.attention_norm = normalization(c["norm"], name="attention_norm", **norm)
        self.attention = CausalSelfAttention(
            c["num_heads"],
            context_length=c["context_length"],
            use_bias=c["use_bias"],
            qkv_bias=c["qkv_bias"],
            rotary=c["rotary"],
            dropout=c["dropout"],
            seed=c["seed"],
            kernel_initializer=sibling(self.kernel_initializer, 0),
            projection_initializer=sibling(self.residual_initializer, 1),
            dtype=policy,
            name="attention",
        )
        self.mlp_norm = normalization(c["norm"], name="mlp_norm", **norm)
        dense = {"use_bias": c["use_bias"], "dtype": policy}
        self.mlp_in = Dense(
            c["mlp_dim"], kernel_initializer=sibling(self.kernel_initializer, 2), name="mlp_in", **dense
        )
        self.mlp_out = Dense(width, kernel_initializer=sibling(self.residual_initializer, 3), name="mlp_out", **dense)
        for layer in (self.attention_norm, self.attention, self.mlp_norm, self.mlp_in):
            layer.build(input_shape)
        self.mlp_out.build((*input_shape[:-1], c["mlp_dim"]))
        self.attention_dropout = keras.layers.Dropout(c["dropout"], seed=c["seed"] + 1, dtype=policy)
        self.mlp_dropout = keras.layers.Dropout(c["dropout"], seed=c["seed"] + 2, dtype=policy)

    def call(self, x, training=None):
        y = self.attention(self.attention_norm(x), training=training)
        x = x + self.attention_dropout(y, training=training)
        return x + self.mlp_dropout(self._mlp(x), training=training)

    def decode(self, x, cache, index):
        """Continue a sequence with the tokens x `(B, S, C)` at positions `index`, ...; see `CausalSelfAttention`."""
        y, cache = self.attention.decode(self.attention_norm(x), cache, index)
        x = x + y
        return x + self._mlp(x), cache

    @property
    def context_length(self):
        return self._config["context_length"]

    def empty_cache(self, batch_size):
        return self.attention.empty_cache(batch_size)

    def attention_weights(self, x):
        """Return the attention weights `(B, H, T, T)` inside this block for its input x `(B, T, C)`."""
        return self.attention.attention_weights(self.attention_norm(x))

    def _mlp(self, x):
        return self.mlp_out(self.activation(self.mlp_in(self.mlp_norm(x))))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            **self._config,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "residual_initializer": keras.initializers.serialize(self.residual_initializer),
        }
