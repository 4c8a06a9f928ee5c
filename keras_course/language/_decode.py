"""Running a GPT step by step, with a cache of keys and values.

Notation: x (B, S) the next S tokens at positions `index`, `index + 1`, ...; N the context length. A layer that looks
at other positions has `decode(x, cache, index)`, which returns its output and the cache; all others work on each token
alone and are simply called. The cache of a model is a flat list of tensors: a loop that carries them stacked runs at
half the speed.
"""

import functools

import keras
import numpy as np

from keras_course.checks.tokens import check_tokens, context_length, vocab_size
from keras_course.decoding import Decoder, without_cache
from keras_course.ops._types import Tensor


def decoder(model, cache=True) -> Decoder:
    """Return a GPT as a `Decoder`, with or without a cache; it is kept with the model for the next call."""
    size, width = vocab_size(model), context_length(model)
    kept = model.__dict__.setdefault("_decoders", {})
    key = (cache, tuple(id(variable) for variable in model.variables))
    if key not in kept:
        functions = functools.partial(decode, model), functools.partial(empty_cache, model)
        if not cache:
            functions = without_cache(lambda tokens, context: model(tokens), width)
        kept[key] = Decoder(*functions, size, width, model.variables, model.name)
    return kept[key]


def empty_cache(model, batch_size) -> list[Tensor]:
    """Return the cache of a model that has read nothing yet: a flat list of zeros."""
    return [t for layer in model.layers if hasattr(layer, "empty_cache") for t in layer.empty_cache(batch_size)]


def decode(model, tokens, cache, index, context=()) -> tuple[Tensor, list[Tensor]]:
    """Return the logits `(B, S, V)` for the tokens `(B, S)` that follow what the cache holds, and the new cache.

    Args:
        model: a GPT.
        tokens: `(B, S)` integers.
        cache: list of tensors, from `empty_cache` or an earlier call.
        index: integer scalar, the position of the first of `tokens`; the cache holds `index` positions.
        context: nothing; a GPT has none.

    Example:
        >>> import keras, numpy as np
        >>> from keras_course.language import gpt
        >>> from keras_course.language._decode import decode, empty_cache
        >>> model = gpt(10, 8, hidden_dim=16)
        >>> tokens = keras.ops.convert_to_tensor([[1, 2, 3]])
        >>> logits, cache = decode(model, tokens, empty_cache(model, 1), keras.ops.convert_to_tensor(0))
        >>> bool(keras.ops.all(keras.ops.abs(logits - model(tokens)) < 1e-5))
        True
    """
    h, old, new = tokens, iter(cache), []
    for layer in model.layers[1:]:  # the first one is the input
        if hasattr(layer, "empty_cache"):
            h, pair = layer.decode(h, (next(old), next(old)), index)
            new += pair
        elif hasattr(layer, "decode"):
            h, _ = layer.decode(h, None, index)
        else:
            h = layer(h)
    if isinstance(model.get_layer("token_embedding"), keras.layers.ReversibleEmbedding):
        h = model.get_layer("token_embedding")(h, reverse=True)
    return h, new


def attention_maps(model, tokens) -> np.ndarray:
    """Return the attention weights of every block for one batch of tokens.

    Args:
        model: a GPT with L blocks of H heads.
        tokens: `(B, T)` integers.

    Returns:
        A NumPy array `(L, B, H, T, T)`; entry `[l, b, h, t, s]` is how much position t takes from position s. Rows
        add up to one, and entries with s > t are zero.

    Raises:
        ValueError: `tokens` has not two axes, holds an unknown token, or is longer than the context.

    Example:
        >>> import numpy as np
        >>> from keras_course.language import attention_maps, gpt
        >>> attention_maps(gpt(10, 8), np.zeros((1, 5), "int32")).shape
        (2, 1, 4, 5, 5)
    """
    tokens = check_tokens("tokens", tokens, vocab_size(model), ndim=2)
    h, maps = keras.ops.convert_to_tensor(tokens), []
    for layer in model.layers[1:]:
        if hasattr(layer, "attention_weights"):
            maps.append(keras.ops.convert_to_numpy(layer.attention_weights(h)))
        h = layer(h)
    if not maps:
        raise ValueError(f"model={model.name!r} has no attention layer to look into")
    return np.stack(maps)
