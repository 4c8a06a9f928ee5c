"""Causal self-attention with its key-value cache.

Notation: x (B, T, C) tokens; H heads of width D = C / H; q, k, v (B, T, H, D) queries, keys and values;
A (B, H, T, T) attention weights. The cache of a layer is the pair (k, v) of all positions so far, (B, N, H, D) each.
"""

import keras
from keras import ops

from keras_course.checks import flag, fraction, whole_number
from keras_course.layers._dense import Dense
from keras_course.layers._embeddings import check_length, rotate
from keras_course.layers._initializers import get_initializer
from keras_course.ops import attention, attention_weights, write_at


def check_attention(num_heads, context_length, dropout, seed):
    """Raise a ValueError for an argument of attention that is none."""
    whole_number(1, num_heads=num_heads, **({} if context_length is None else {"context_length": context_length}))
    whole_number(0, seed=seed)
    fraction(dropout=dropout)


@keras.saving.register_keras_serializable("keras_course")
class CausalSelfAttention(keras.layers.Layer):
    """Multi-head self-attention in which a token sees itself and the tokens before it.

    Takes and gives `(B, T, C)`:

        A = softmax(q k' / sqrt(D) + mask),  y = concat_h(A v) W + b

    Args:
        num_heads: number H of heads; it must divide C.
        context_length: longest sequence that is accepted, in tokens; None for no limit.
        use_bias: whether the output projection has a bias.
        qkv_bias: whether queries, keys and values have one.
        project: whether there is an output projection; a single bare head needs none.
        rotary: whether queries and keys are rotated by their positions (see `rotate`).
        dropout: fraction of the attention weights that are dropped in training.
        seed: integer seed of the dropout.
        kernel_initializer: initializer of the kernel for q, k and v, `(C, 3 C)`.
        projection_initializer: initializer of the output kernel, `(C, C)`.

    Raises:
        ValueError: `num_heads` or `context_length` is no whole number of at least 1, `dropout` lies outside [0, 1),
            `seed` is no whole number, C is not divisible by `num_heads` (when built), or a sequence is longer than
            `context_length`.

    Differences from the paper: q, k and v come from one kernel, as in GPT-2.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> import keras
        >>> from keras_course.layers import CausalSelfAttention
        >>> CausalSelfAttention(2)(keras.ops.ones((1, 3, 4))).shape == (1, 3, 4)
        True
    """

    def __init__(
        self,
        num_heads,
        *,
        context_length=None,
        use_bias=True,
        qkv_bias=True,
        project=True,
        rotary=False,
        dropout=0.0,
        seed=0,
        kernel_initializer="glorot_uniform",
        projection_initializer="glorot_uniform",
        **kwargs,
    ):
        check_attention(num_heads, context_length, dropout, seed)
        flag(use_bias=use_bias, qkv_bias=qkv_bias, project=project, rotary=rotary)
        super().__init__(**kwargs)
        self.num_heads, self.context_length = int(num_heads), context_length and int(context_length)
        self.use_bias, self.qkv_bias = use_bias, qkv_bias
        self.has_projection, self.rotary, self.rate, self.seed = project, rotary, float(dropout), int(seed)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.projection_initializer = get_initializer(projection_initializer=projection_initializer)
        self.dropout = keras.layers.Dropout(self.rate, seed=self.seed, dtype=self.dtype_policy)

    def build(self, input_shape):
        width = input_shape[-1]
        if width % self.num_heads:
            raise ValueError(f"hidden_dim={width} is not divisible by num_heads={self.num_heads}")
        self.head_dim = width // self.num_heads
        self.qkv = Dense(
            3 * width,
            use_bias=self.qkv_bias,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="qkv",
        )
        self.qkv.build(input_shape)
        if self.has_projection:
            self.projection = Dense(
                width,
                use_bias=self.use_bias,
                kernel_initializer=self.projection_initializer,
                dtype=self.dtype_policy,
                name="projection",
            )
            self.projection.build(input_shape)

    def call(self, x, training=None):
        q, k, v = self._heads(x, ops.arange(ops.shape(x)[1]))
        if self.rate and training:
            return self._merge(ops.einsum("bhts,bshd->bthd", self.dropout(attention_weights(q, k), training=True), v))
        return self._merge(attention(q, k, v))

    def attention_weights(self, x):
        """Return the attention weights A `(B, H, T, T)` for the tokens x `(B, T, C)`."""
        q, k, _ = self._heads(x, ops.arange(ops.shape(x)[1]))
        return attention_weights(q, k)

    def empty_cache(self, batch_size):
        """Return a cache for N = `context_length` positions: zeros `(B, N, H, D)` for keys and for values.

        Raises:
            ValueError: `context_length` is None: a cache has a length.
        """
        if self.context_length is None:
            raise ValueError("context_length=None sets no limit; a cache needs one")
        shape = (batch_size, self.context_length, self.num_heads, self.head_dim)
        return ops.zeros(shape, dtype=self.compute_dtype), ops.zeros(shape, dtype=self.compute_dtype)

    def decode(self, x, cache, index):
        """Continue a sequence: attend from the tokens x `(B, S, C)` at positions `index`, ... to all before them.

        Inside a compiled function nobody can see whether `index + S` is at most N; the caller must (see `write_at`).

        Returns:
            `(y, cache)`: y `(B, S, C)`, and the cache with the keys and values of x written into it.
        """
        positions = index + ops.arange(x.shape[1], dtype="int32")
        q, k, v = self._heads(x, positions)
        keys, values = write_at(cache[0], index, k, axis=1), write_at(cache[1], index, v, axis=1)
        seen = ops.arange(keys.shape[1], dtype="int32")[None, :] <= positions[:, None]  # (S, N)
        return self._merge(attention(q, keys, values, mask=seen)), (keys, values)

    def _heads(self, x, positions):
        check_length(x, self.context_length)
        steps = ops.shape(x)[1]
        qkv = ops.reshape(self.qkv(x), (-1, steps, 3 * self.num_heads, self.head_dim))
        q, k, v = ops.split(qkv, 3, axis=2)
        return (rotate(q, positions), rotate(k, positions), v) if self.rotary else (q, k, v)

    def _merge(self, y):
        y = ops.reshape(y, (-1, ops.shape(y)[1], self.num_heads * self.head_dim))
        return self.projection(y) if self.has_projection else y

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "context_length": self.context_length,
            "use_bias": self.use_bias,
            "qkv_bias": self.qkv_bias,
            "project": self.has_projection,
            "rotary": self.rotary,
            "dropout": self.rate,
            "seed": self.seed,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "projection_initializer": keras.initializers.serialize(self.projection_initializer),
        }
