"""The recurrent encoder-decoder, with and without attention.

Notation: source (B, N) and target (B, T) tokens out of a joint vocabulary of V, of which token 0 is padding;
H = `hidden_dim` units. The logits at position t of the target belong to token t + 1.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.attention._recurrent_network import recurrent_layer
from keras_course.attention._transformer import PaddingMask, random_pairs
from keras_course.attention._written_out import additive_attention
from keras_course.checks import choice, fraction, validate, whole
from keras_course.layers import MultiHeadAttention, sibling
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class AdditiveAttention(keras.layers.Layer):
    """Additive attention of x `(B, T, C)` on context `(B, N, E)`; returns `(B, T, E)`:

        weights = softmax(w' tanh(W_q' x + W_k' context)),  y = weights context

    Args:
        hidden_dim: number of hidden units that compare a query with a key.
        kernel_initializer: initializer of W_q, W_k and w.

    Call arguments:
        x, context: see above.
        attention_mask: booleans `(B, N)`, true where a position of the context may be seen.

    Raises:
        ValueError: `hidden_dim` is not a whole number of at least 1.

    References:
        Neural Machine Translation by Jointly Learning to Align and Translate, Bahdanau, Cho, Bengio, 2014,
        https://arxiv.org/abs/1409.0473

    Example:
        >>> import keras
        >>> from keras_course.attention import AdditiveAttention
        >>> AdditiveAttention(8)(keras.ops.ones((1, 3, 4)), keras.ops.ones((1, 5, 6))).shape == (1, 3, 6)
        True
    """

    @validate(hidden_dim=whole(1))
    def __init__(self, hidden_dim, *, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.hidden_dim = int(hidden_dim)
        self.kernel_initializer = get_initializer(kernel_initializer=kernel_initializer)

    def build(self, x_shape, context_shape) -> None:
        shapes = {"query": (x_shape[-1], self.hidden_dim), "key": (context_shape[-1], self.hidden_dim)}
        for i, (name, shape) in enumerate({**shapes, "score": (self.hidden_dim, 1)}.items()):
            initializer = sibling(self.kernel_initializer, i)
            setattr(self, f"{name}_initializer", initializer)
            setattr(self, f"{name}_kernel", self.add_weight(name=name, shape=shape, initializer=initializer))

    def call(self, x, context, attention_mask=None) -> Tensor:
        return self._attend(x, context, attention_mask)[0]

    def attention_weights(self, x, context, attention_mask=None) -> Tensor:
        """Return the weights `(B, 1, T, N)` of the only head."""
        return self._attend(x, context, attention_mask)[1][:, None]

    def _attend(self, x, context, attention_mask):
        mask = None if attention_mask is None else attention_mask[:, None]
        w = ops.convert_to_tensor(self.score_kernel)[:, 0]
        return additive_attention(x, context, context, self.query_kernel, self.key_kernel, w, mask=mask)

    def compute_output_shape(self, x_shape, context_shape) -> tuple:
        return (*x_shape[:-1], context_shape[-1])

    def get_config(self) -> dict:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "hidden_dim": self.hidden_dim, "kernel_initializer": initializer}


@builder(
    reference="Bahdanau, Cho, Bengio, 2014, https://arxiv.org/abs/1409.0473",
    presets={"tiny": {"vocab_size": 100, "context_length": 32}},
    example=random_pairs,
)
@validate(
    vocab_size=whole(2),
    context_length=whole(1),
    cell=choice("gru", "lstm"),
    attention=choice("additive", "dot"),
    hidden_dim=whole(1),
    num_layers=whole(1),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def seq2seq(
    vocab_size,
    context_length,
    *,
    cell="gru",
    attention=None,
    hidden_dim=64,
    num_layers=1,
    dropout=0.0,
    seed=0,
    name="seq2seq",
) -> keras.Model:
    """Build a recurrent encoder-decoder (sequence-to-sequence model).

    Takes what `transformer` takes: a dict of tokens, int32, source `(B, N)` and target `(B, T)`, padded at the end with
    token 0; returns logits `(B, T, V)` of the next target token:

        m, s = encoder(E[source]),  h = decoder(E[target], s),  logits = tanh([h, attention(h, m)] W) W_o

    The last state s of the encoder is the initial state of the decoder, and without attention it is all that the
    decoder knows of the source: the bottleneck. With attention each state of the decoder also looks at all states m of
    the encoder. `translate` writes with the model.

    Args:
        vocab_size: number V of tokens of both languages together.
        context_length: longest source and target of `translate`, in tokens; the network itself reads any length.
        cell: "gru" or "lstm".
        attention: None, "additive" (Bahdanau) or "dot" (scaled dot-product with one head).
        hidden_dim: number H of units of each layer, and width of an embedding.
        num_layers: number of recurrent layers in the encoder, and in the decoder.
        dropout: rate in [0, 1) on the embeddings and before the output layer.
        seed: whole number, at most 2 billion, seed of the initial weights and the dropouts.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        ValueError: a number is out of its range, or an unknown `cell` or `attention`.

    Differences from the paper: the state after token t looks at the source, as in Luong et al. (2015), so that the
    decoder reads all target tokens in one recurrent layer. In Bahdanau et al. the state before token t does, and what
    it finds is an input of the next state. The encoder reads in one direction.

    References:
        Sequence to Sequence Learning with Neural Networks, Sutskever, Vinyals, Le, 2014,
        https://arxiv.org/abs/1409.3215

        Neural Machine Translation by Jointly Learning to Align and Translate, Bahdanau, Cho, Bengio, 2014,
        https://arxiv.org/abs/1409.0473

        Effective Approaches to Attention-based Neural Machine Translation, Luong, Pham, Manning, 2015,
        https://arxiv.org/abs/1508.04025

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import seq2seq
        >>> model = seq2seq(vocab_size=10, context_length=8, attention="additive", hidden_dim=16)
        >>> model({"source": np.array([[3, 4, 0]]), "target": np.array([[1, 5]])}).shape == (1, 2, 10)
        True
    """
    kernels = keras.initializers.GlorotUniform(seed=seed)
    embedding = keras.layers.Embedding(
        vocab_size,
        hidden_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0, seed=seed),
        name="token_embedding",
    )

    def drop(h, k):
        return keras.layers.Dropout(dropout, seed=seed + k)(h) if dropout else h

    def layer(side, k):
        options = {"return_sequences": True, "return_state": True, "name": f"{side}_{k // 2}"}
        return recurrent_layer(cell, hidden_dim, seed, k, **options)

    def dense(units, k, **options):
        return keras.layers.Dense(units, kernel_initializer=sibling(kernels, 2 * num_layers + k), **options)

    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    mask = PaddingMask(context_length, name="source_mask")(source)
    memory, h = drop(embedding(source), 0), drop(embedding(target), 1)  # (B, N, H) and (B, T, H)
    for i in range(num_layers):
        memory, *states = layer("encoder", 2 * i)(memory, mask=mask)
        h, *_ = layer("decoder", 2 * i + 1)(h, initial_state=states)
    if attention:
        h = ops.concatenate(
            [h, _attention_layer(attention, hidden_dim, kernels)(h, memory, attention_mask=mask)], axis=-1
        )
    h = drop(dense(hidden_dim, 0, activation="tanh", name="readout")(h), 2)
    return keras.Model({"source": source, "target": target}, dense(vocab_size, 1, name="head")(h), name=name)


def _attention_layer(kind, hidden_dim, kernels):
    initializer = sibling(kernels, 1_000)
    if kind == "additive":
        return AdditiveAttention(hidden_dim, kernel_initializer=initializer, name="attention")
    options = {"qkv_bias": False, "project": False, "kernel_initializer": initializer}
    return MultiHeadAttention(1, **options, name="attention")


# Decoding: what `translate` needs ------------------------------------------------------------------------------------


def is_recurrent(model) -> bool:
    """Return whether a model was built by `seq2seq`."""
    return "readout" in [layer.name for layer in model.layers]


def encode(model, source) -> dict:
    """Return what the decoder needs of a source `(B, N)`: states of the encoder, its last ones, and the mask."""
    source, last = ops.convert_to_tensor(source), []
    mask = model.get_layer("source_mask")(source)
    memory = model.get_layer("token_embedding")(source)
    for layer in _layers(model, "encoder"):
        memory, *states = layer(memory, mask=mask)
        last += states
    return {"memory": memory, "last": last, "mask": mask}


def decode(model, tokens, cache, index, context) -> tuple[Tensor, list[Tensor]]:
    """Continue targets with tokens `(R, S)`; see `keras_course.decoding.Decoder`. The cache holds the states."""
    old = [ops.where(ops.equal(index, 0), *pair) for pair in zip(context["last"], cache, strict=True)]
    h, new = model.get_layer("token_embedding")(tokens), []
    for layer in _layers(model, "decoder"):
        count = len(layer.state_size)
        h, *states = layer(h, initial_state=old[len(new) : len(new) + count])
        new += states
    return _logits(model, h, context), new


def empty_cache(model, batch_size) -> list[Tensor]:
    """Return zeros in place of the states; at the first token the states of the encoder replace them."""
    layers = _layers(model, "decoder")
    return [ops.zeros((batch_size, size), dtype=layer.compute_dtype) for layer in layers for size in layer.state_size]


def attention_maps(model, source, target) -> Tensor:
    """Return the attention weights `(1, B, 1, T, N)` of the decoder."""
    attention = _attention_of(model)
    if attention is None:
        raise ValueError(f"model={model.name!r} must be built with attention")
    context = encode(model, source)
    h, states = model.get_layer("token_embedding")(target), iter(context["last"])
    for layer in _layers(model, "decoder"):
        h, *_ = layer(h, initial_state=[next(states) for _ in layer.state_size])
    return attention.attention_weights(h, context["memory"], attention_mask=context["mask"])[None]


def _logits(model, h, context):
    attention = _attention_of(model)
    if attention is not None:
        h = ops.concatenate([h, attention(h, context["memory"], attention_mask=context["mask"])], axis=-1)
    return model.get_layer("head")(model.get_layer("readout")(h))


def _attention_of(model):
    return next((layer for layer in model.layers if layer.name == "attention"), None)


def _layers(model, side):
    return [layer for layer in model.layers if layer.name.startswith(f"{side}_")]
