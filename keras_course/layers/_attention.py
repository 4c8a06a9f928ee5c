"""Attention: every query takes a mean of values, with weights that depend on the keys.

Notation: x (B, T, C) tokens; context (B, N, E) the tokens that x looks at, which is x itself in self-attention. H heads
of width D = C / H: queries q (B, T, H, D), keys and values k, v (B, N, G, D), where a group of H / G heads shares one
head of k and v (G = H but for grouped queries); weights A (B, H, T, N).
"""

from typing import Any

import keras
from keras import ops

from keras_course.checks import choice, flag, fraction, positive, validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.layers._activations import softmax
from keras_course.layers._dense import Dense
from keras_course.layers._initializers import get_initializer, sibling
from keras_course.layers._masks import both, causal_mask, check_heads, four_axes, plus, window_blocks, window_mask
from keras_course.layers._positions import alibi_slopes, rotate
from keras_course.ops import write_at
from keras_course.ops._attention import fused_attention
from keras_course.ops._types import Tensor


@on_tensors(q=4, k=4, v=4, mask=4, bias=4)
@validate(causal=flag, window=whole(1))
def attention(q, k, v, *, mask=None, bias=None, causal=False, window=None) -> Tensor:
    """Scaled dot-product attention, by the fastest exact way of the backend.

    Takes q `(B, T, H, D)` and k, v `(B, N, G, D)`, where G divides H; returns `(B, T, H, D)`:

        A = softmax(q k' / sqrt(D) + bias),  y = A v

    Args:
        q, k, v: queries, keys and values; H / G heads of q share one head of k and v.
        mask: booleans that broadcast to `(B, H, T, N)`, true where a query may see a key. A query that may see no key
            has weights and output 0.
        bias: numbers that broadcast to `(B, H, T, N)`, added to the scores.
        causal: whether query t sees the keys up to t only; this needs T = N, as `window` does.
        window: how far a query sees: keys at a distance below this number only, or None for all.

    Returns:
        The output y. `attention_weights` returns A.

    Raises:
        ValueError: a tensor has not four axes, the shapes do not fit each other, or `mask` is not boolean.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> import keras
        >>> from keras_course.layers import attention
        >>> q = keras.ops.ones((1, 3, 2, 4))
        >>> attention(q, q, q, causal=True).shape == q.shape
        True
    """
    check_heads(q, k, v, mask, bias, causal, window)
    if causal and mask is None and bias is None and window and 2 * window < (q.shape[1] or 0):
        return _in_window(q, k, v, window)
    if window or (causal and (mask is not None or bias is not None)):  # kernels know the causal mask only by itself
        mask, causal = both(mask, _seen(q, causal, window)), False
    y = fused_attention(q, k, v, mask=mask, bias=bias, causal=bool(causal))
    return weighted_mean(_weights(q, k, mask, bias, causal), v) if y is None else y


@on_tensors(q=4, k=4, mask=4, bias=4)
@validate(causal=flag, window=whole(1))
def attention_weights(q, k, *, mask=None, bias=None, causal=False, window=None) -> Tensor:
    """Return the weights A `(B, H, T, N)` of `attention`, whose arguments these are.

    Example:
        >>> import keras
        >>> from keras_course.layers import attention_weights
        >>> q = keras.ops.ones((1, 3, 2, 4))
        >>> [round(float(weight), 2) for weight in attention_weights(q, q, causal=True)[0, 0, 1]]
        [0.5, 0.5, 0.0]
    """
    check_heads(q, k, k, mask, bias, causal, window)
    return _weights(q, k, mask, bias, causal, window)


def _weights(q, k, mask, bias, causal, window=None):
    scores = ops.cast(_products(q * q.shape[-1] ** -0.5, k), "float32")
    if bias is not None:
        scores = scores + ops.cast(bias, "float32")
    seen = both(mask, _seen(q, causal, window))
    if seen is not None:
        scores = ops.where(seen, scores, -1e30)
    weights = ops.cast(softmax(scores), q.dtype)
    return weights if mask is None else weights * ops.cast(ops.any(seen, axis=-1, keepdims=True), weights.dtype)


def _seen(q, causal, window):
    """Return the mask `(1, 1, T, T)` that the positions alone decide, or None."""
    here = ops.arange(ops.shape(q)[1], dtype="int32")
    return both(causal_mask(here, here) if causal else None, window_mask(here, here, window))


def _in_window(q, k, v, window):
    """Return causal attention in a window, in time proportional to T `window` instead of T^2."""
    first = attention(*(x[:, :window] for x in (q, k, v)), causal=True)
    blocks, mask = window_blocks(q, k, v, window)
    others = q.shape[1] - window
    rest = ops.reshape(attention(*blocks, mask=mask), (-1, others + -others % window, q.shape[2], v.shape[-1]))
    return ops.concatenate([first, rest[:, :others]], axis=1)


def _products(q, k):
    """Return q k' for each head, `(B, H, T, N)`."""
    (steps, heads), groups = ops.shape(q)[1:3], k.shape[2]
    if heads == groups:
        return ops.einsum("bthd,bnhd->bhtn", q, k)
    grouped = ops.reshape(q, (-1, steps, groups, heads // groups, q.shape[-1]))
    return ops.reshape(ops.einsum("btgrd,bngd->bgrtn", grouped, k), (-1, heads, steps, ops.shape(k)[1]))


def weighted_mean(weights, v) -> Tensor:
    """Return A v for each head, `(B, T, H, D)`, from weights A `(B, H, T, N)` and values v `(B, N, G, D)`."""
    (heads, steps), groups = ops.shape(weights)[1:3], v.shape[2]
    if heads == groups:
        return ops.einsum("bhtn,bnhd->bthd", weights, v)
    grouped = ops.reshape(weights, (-1, groups, heads // groups, steps, ops.shape(weights)[-1]))
    return ops.reshape(ops.einsum("bgrtn,bngd->btgrd", grouped, v), (-1, steps, heads, v.shape[-1]))


@keras.saving.register_keras_serializable("keras_course")
class MultiHeadAttention(keras.layers.Layer):
    """Multi-head attention: H heads attend side by side, and one matrix mixes what they found.

    Takes x `(B, T, C)` and, in cross-attention, context `(B, N, E)`; returns `(B, T, C)`:

        q = x W_q,  (k, v) = context (W_k, W_v),  y = concat_h(softmax(q_h k_h' / sqrt(D) + bias_h) v_h) W + b

    Without a context it is self-attention: q, k and v come from x, by one kernel `(C, C + 2 G D)`. The first call
    decides which of the two the layer is.

    Args:
        num_heads: number H of heads; it must divide C.
        num_kv_heads: number G of heads of keys and values (grouped queries); it must divide H, which is the default. 1
            is multi-query attention.
        causal: whether a token sees itself and the tokens before it only; in self-attention, as the next two.
        window: a token sees tokens at a distance below this number only (sliding window); None for all.
        positions: what attention knows of positions: None; "rotary" turns queries and keys (see `rotate`); "alibi"
            subtracts `m_h |t - s|` from the scores (see `alibi_slopes`); "relative" adds a learned number for each head
            and each t - s, which is 0 initially.
        rotary_base: base of the rotations; see `rotate`.
        context_length: longest sequence that is accepted, in tokens; None for no limit.
        use_bias: whether the output projection has a bias.
        qkv_bias: whether queries, keys and values have one.
        project: whether there is an output projection W; without one the heads are returned side by side.
        dropout: fraction of the attention weights that are dropped in training.
        seed: integer seed of the dropout.
        kernel_initializer: initializer of the kernels for q, k and v.
        projection_initializer: initializer of the output kernel, `(C, C)`.

    Call arguments:
        x, context: see above.
        attention_mask: booleans, true where a key may be seen: `(B, N)` for padding, `(B, T, N)` or `(B, H, T, N)`.
            Where a query may see no key, its weights are 0, and its output is the bias b. Masks that Keras passes on
            implicitly (`mask_zero=True` of an embedding) are not used.
        bias: numbers `(B, H, T, N)`, or 1 in place of B or H, that are added to the scores.
        return_weights: whether to return the weights `(B, H, T, N)` as well, as a pair (y, A).

    Raises:
        ValueError: a number is out of its range, C is not divisible by `num_heads` (when built), a sequence is longer
            than `context_length`, or an option does not fit the others.

    Differences from the paper: in self-attention q, k and v come from one kernel, as in GPT-2. The relative positions
    have one number for each distance, where T5 shares one among large distances.

    References:
        Attention Is All You Need, Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

        GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints, Ainslie et al., 2023,
        https://arxiv.org/abs/2305.13245

        Mistral 7B (sliding window), Jiang et al., 2023, https://arxiv.org/abs/2310.06825

        Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer (relative positions), Raffel
        et al., 2020, https://arxiv.org/abs/1910.10683

    Example:
        >>> import keras
        >>> from keras_course.layers import MultiHeadAttention
        >>> x, context = keras.ops.ones((1, 3, 4)), keras.ops.ones((1, 5, 6))
        >>> MultiHeadAttention(2, causal=True)(x).shape == (1, 3, 4)
        True
        >>> y, weights = MultiHeadAttention(2)(x, context, return_weights=True)
        >>> weights.shape == (1, 2, 3, 5)
        True
    """

    @validate(
        num_heads=whole(1),
        num_kv_heads=whole(1),
        causal=flag,
        window=whole(1),
        positions=choice("rotary", "alibi", "relative"),
        rotary_base=positive,
        context_length=whole(1),
        use_bias=flag,
        qkv_bias=flag,
        project=flag,
        dropout=fraction,
        seed=whole(0),
    )
    def __init__(
        self,
        num_heads,
        *,
        num_kv_heads=None,
        causal=False,
        window=None,
        positions=None,
        rotary_base=10_000.0,
        context_length=None,
        use_bias=True,
        qkv_bias=True,
        project=True,
        dropout=0.0,
        seed=0,
        kernel_initializer="glorot_uniform",
        projection_initializer="glorot_uniform",
        **kwargs,
    ):
        if num_heads % (num_kv_heads or num_heads):
            raise ValueError(f"num_kv_heads={num_kv_heads} must divide num_heads={num_heads}")
        if positions == "relative" and context_length is None:
            raise ValueError("positions='relative' has a number for each distance: it needs a context_length")
        super().__init__(**kwargs)
        self.num_heads, self.num_kv_heads = int(num_heads), int(num_kv_heads or num_heads)
        self.causal, self.window, self.positions = bool(causal), window and int(window), positions
        self.rotary_base, self.context_length = float(rotary_base), context_length and int(context_length)
        self.use_bias, self.qkv_bias, self.project = map(bool, (use_bias, qkv_bias, project))
        self.rate, self.seed = float(dropout), int(seed)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)
        self.projection_initializer = get_initializer(projection_initializer=projection_initializer)
        self.dropout = keras.layers.Dropout(self.rate, seed=self.seed, dtype=self.dtype_policy)

    def build(self, x_shape, context_shape=None) -> None:
        width = x_shape[-1]
        if width % self.num_heads:
            raise ValueError(f"hidden_dim={width} is not divisible by num_heads={self.num_heads}")
        self.head_dim, self.is_cross = width // self.num_heads, context_shape is not None
        if self.is_cross and (self.causal or self.window or self.positions):
            raise ValueError(
                f"causal={self.causal}, window={self.window} and positions={self.positions!r} compare positions in one "
                "sequence; cross-attention has two"
            )
        if self.positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"positions='rotary' turns features in pairs; heads of width {self.head_dim} are odd")
        shared = 2 * self.num_kv_heads * self.head_dim
        qkv = {"use_bias": self.qkv_bias, "kernel_initializer": self.kernel_initializer}
        if self.is_cross:
            self.query = self._dense("query", width, x_shape, **qkv)
            qkv["kernel_initializer"] = sibling(self.kernel_initializer, 0)
            self.key_value = self._dense("key_value", shared, context_shape, **qkv)
        else:
            self.qkv = self._dense("qkv", width + shared, x_shape, **qkv)
        if self.project:
            options = {"use_bias": self.use_bias, "kernel_initializer": self.projection_initializer}
            self.projection = self._dense("projection", width, x_shape, **options)
        if self.positions == "relative":
            distances = self.context_length if self.causal else 2 * self.context_length - 1
            self.relative_embedding = self.add_weight(
                name="relative_embedding", shape=(distances, self.num_heads), initializer="zeros"
            )

    def _dense(self, name, units, shape, **options):
        layer = Dense(units, dtype=self.dtype_policy, name=name, **options)
        layer.build(shape)
        return layer

    def call(self, x, context=None, attention_mask=None, bias=None, return_weights=False, training=None) -> Any:
        if (context is not None) != self.is_cross:
            kind = "cross-attention: it needs" if self.is_cross else "self-attention: it takes no"
            raise ValueError(f"the layer {self.name!r} was built for {kind} context")
        check_length(x, self.context_length)
        mask = four_axes(attention_mask)
        if self.is_cross:
            q, (k, v) = self._heads(self.query(x)), self.context_cache(context)
        else:
            here = ops.arange(ops.shape(x)[1], dtype="int32")
            q, k, v = self._queries_keys_values(x, here)
            bias = plus(bias, self._distance_bias(here, here))
        options = {"mask": mask, "bias": bias, "causal": self.causal, "window": self.window}
        if not return_weights and not (self.rate and training):
            return self._merge(attention(q, k, v, **options))
        weights = attention_weights(q, k, **options)
        y = self._merge(weighted_mean(self.dropout(weights, training=training), v))
        return (y, weights) if return_weights else y

    def attention_weights(self, x, context=None, attention_mask=None, bias=None) -> Tensor:
        """Return the attention weights A `(B, H, T, N)`."""
        return self(x, context, attention_mask, bias, return_weights=True)[1]

    # Continuing a sequence -------------------------------------------------------------------------------------------

    def empty_cache(self, batch_size) -> tuple[Tensor, Tensor]:
        """Return a cache for N = `context_length` positions: zeros `(B, N, G, D)` for keys and for values.

        Raises:
            ValueError: the layer is not causal self-attention, or `context_length` is None.
        """
        if not self.causal or self.context_length is None:
            raise ValueError(
                f"causal={self.causal} and context_length={self.context_length}: a cache needs causal=True and a length"
            )
        shape = (batch_size, self.context_length, self.num_kv_heads, self.head_dim)
        return ops.zeros(shape, dtype=self.compute_dtype), ops.zeros(shape, dtype=self.compute_dtype)

    def context_cache(self, context) -> tuple[Tensor, Tensor]:
        """Return the keys and values `(B, N, G, D)` of the context `(B, N, E)` of cross-attention."""
        return ops.split(self._heads(self.key_value(context)), 2, axis=2)

    def decode(self, x, cache, index, attention_mask=None) -> tuple[Tensor, Any]:
        """Continue a sequence with the tokens x `(B, S, C)` at positions `index`, `index + 1`, ...

        Self-attention writes their keys and values into the cache and looks at all positions up to each token.
        Cross-attention looks at the keys and values of `context_cache`, and the index does not matter.

        Inside a compiled function nobody can see whether `index + S` is at most N; the caller must (see `write_at`).

        Returns:
            `(y, cache)`: y `(B, S, C)`, and the cache with the keys and values of x.
        """
        mask, bias = four_axes(attention_mask), None
        if self.is_cross:
            q = self._heads(self.query(x))
        else:
            here, there = index + ops.arange(x.shape[1], dtype="int32"), ops.arange(cache[0].shape[1], dtype="int32")
            q, k, v = self._queries_keys_values(x, here)
            cache = write_at(cache[0], index, k, axis=1), write_at(cache[1], index, v, axis=1)
            past = causal_mask(here, there)  # later positions are not written yet
            mask = both(both(mask, past), window_mask(here, there, self.window))
            bias = self._distance_bias(here, there)
        return self._merge(attention(q, *cache, mask=mask, bias=bias)), cache

    # Parts -----------------------------------------------------------------------------------------------------------

    def _heads(self, features):
        """Return features `(B, T, n D)` as n heads, `(B, T, n, D)`."""
        return ops.reshape(features, (-1, ops.shape(features)[1], features.shape[-1] // self.head_dim, self.head_dim))

    def _queries_keys_values(self, x, positions):
        """Return q, k and v of self-attention for tokens at these positions."""
        sections = self.num_heads // self.num_kv_heads + 2  # of G heads each; the gradient of a slice would be slower
        *q, k, v = ops.split(self._heads(self.qkv(x)), sections, axis=2)
        q = q[0] if len(q) == 1 else ops.concatenate(q, axis=2)
        if self.positions == "rotary":
            q, k = (rotate(x, positions, base=self.rotary_base) for x in (q, k))
        return q, k, v

    def _distance_bias(self, queries, keys):
        """Return what the distances between positions add to the scores, `(1, H, T, N)`, or None."""
        if self.positions not in ("alibi", "relative"):
            return None
        distances = queries[:, None] - keys[None, :]  # (T, N)
        if self.positions == "alibi":
            slopes = ops.convert_to_tensor(alibi_slopes(self.num_heads))[:, None, None]
            bias = -slopes * ops.cast(ops.abs(distances), "float32")
        else:
            lowest = 0 if self.causal else 1 - self.context_length  # the distance of the first row of the table
            rows = ops.maximum(distances - lowest, 0)  # a distance below it is masked
            bias = ops.transpose(ops.take(self.relative_embedding, rows, axis=0), (2, 0, 1))
        return bias[None]

    def _merge(self, y):
        y = ops.reshape(y, (-1, ops.shape(y)[1], self.num_heads * self.head_dim))
        return self.projection(y) if self.project else y

    def compute_output_shape(self, x_shape, context_shape=None) -> tuple:
        return x_shape

    def compute_output_spec(
        self, x, context=None, attention_mask=None, bias=None, return_weights=False, training=None
    ) -> Any:
        y = keras.KerasTensor(x.shape, dtype=self.compute_dtype)
        keys = (x if context is None else context).shape[1]
        weights = keras.KerasTensor((x.shape[0], self.num_heads, x.shape[1], keys), dtype=self.compute_dtype)
        return (y, weights) if return_weights else y

    def get_config(self) -> dict:
        sizes = ("num_heads", "num_kv_heads", "causal", "window", "positions", "rotary_base", "context_length")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*sizes, "use_bias", "qkv_bias", "project", "seed")},
            "dropout": self.rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "projection_initializer": keras.initializers.serialize(self.projection_initializer),
        }


def check_length(x, context_length) -> None:
    """Raise a ValueError where the sequences x `(B, T, ...)` are known to be longer than `context_length`."""
    if context_length is not None and x.shape[1] is not None and x.shape[1] > context_length:
        raise ValueError(f"a sequence of {x.shape[1]} tokens is longer than context_length={context_length}")
