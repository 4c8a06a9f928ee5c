"""Writing with an encoder-decoder: a transformer, or a recurrent one, whose part is in `_seq2seq`.

Notation: source (B, N) and target (B, T) tokens, token 0 is padding; m (B, N, C) the encoded source.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_course.attention import _seq2seq as recurrent
from keras_course.attention._blocks import EncoderDecoderBlock
from keras_course.attention._transformer import PADDING
from keras_course.checks import instance, not_negative, validate, whole
from keras_course.checks.models import check_built_by
from keras_course.checks.tokens import check_tokens
from keras_course.decoding import Decoder, generate_tokens
from keras_course.ops._types import Tensor

_MULTIPLE = 8  # to which sources are padded, so that the loop is compiled for few lengths


@validate(
    model=instance(keras.Model),
    start=whole(1),
    stop=whole(1),
    beams=whole(1),
    length_penalty=not_negative,
    max_length=whole(1),
)
def translate(model, sources, *, start, stop, beams=5, length_penalty=0.6, max_length=None) -> list[np.ndarray]:
    """Write the target of each source with an encoder-decoder, by beam search.

    Args:
        model: a model built by `transformer` or `seq2seq`.
        sources: list of B sources, each a 1-D array of tokens without padding.
        start: token that begins a target.
        stop: token that ends one.
        beams: number of beams; 1 is greedy.
        length_penalty: strength alpha of the length penalty; see `keras_course.decoding.length_penalty`.
        max_length: most tokens of a target, its stop token included. Default: the context length of the model less 1.

    Returns:
        A list of B int32 arrays, without the start and the stop token.

    Raises:
        ValueError: `model` was built by another builder; a source is empty, has an unknown or padding token or is
            longer than the context; or an argument is out of its range.

    References:
        Attention Is All You Need, Vaswani et al., 2017, section 6.1, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.attention import transformer, translate
        >>> model = transformer(vocab_size=10, context_length=8, hidden_dim=16)
        >>> [len(target) <= 7 for target in translate(model, [[3, 4, 5], [6]], start=1, stop=2)]
        [True, True]
    """
    width, size = context_length(model), model.get_layer("token_embedding").input_dim
    limit = width - 1 if max_length is None else max_length
    if limit > width - 1:
        raise ValueError(f"max_length={max_length} must be at most {width - 1}, one less than context_length={width}")
    if not isinstance(sources, list | tuple):
        raise ValueError(f"sources={sources!r} must be a list of sources")
    sources = [check_tokens(f"sources[{i}]", source, size) for i, source in enumerate(sources)]
    for i, source in enumerate(sources):
        if len(source) > width or PADDING in source:
            raise ValueError(f"sources[{i}] must have at most {width} tokens and no padding ({PADDING}), got {source}")
    if not sources:
        return []
    check_tokens("start and stop", [start, stop], size)
    if start == stop:
        raise ValueError(f"start={start} and stop={stop} must differ")
    longest = min(width, -(-max(map(len, sources)) // _MULTIPLE) * _MULTIPLE)
    source = np.full((len(sources), longest), PADDING, "int32")
    for row, tokens in zip(source, sources, strict=True):
        row[: len(tokens)] = tokens
    texts = generate_tokens(
        decoder(model),
        [[start]] * len(sources),
        limit,
        beams=beams,
        length_penalty=length_penalty,
        stop=stop,
        context=encode(model, source),
    )
    return [text[1:-1] if text[-1] == stop else text[1:] for text in texts]


def context_length(model) -> int:
    """Return the longest source and target of an encoder-decoder, in tokens; raise a ValueError for other models."""
    check_built_by("transformer or seq2seq", model, ["source_mask"])
    if recurrent.is_recurrent(model):
        return model.get_layer("source_mask").context_length
    return model.get_layer("encoder_positions").context_length


def decoder(model) -> Decoder:
    """Return an encoder-decoder as a `Decoder`, whose context is what `encode` returns; it is kept with the model."""
    if "_decoder" not in model.__dict__:
        size = model.get_layer("token_embedding").input_dim
        by = (recurrent.decode, recurrent.empty_cache) if recurrent.is_recurrent(model) else (_decode, _empty_cache)
        functions = [functools.partial(function, model) for function in by]
        model.__dict__["_decoder"] = Decoder(*functions, size, context_length(model), model.variables, model.name)
    return model.__dict__["_decoder"]


def encode(model, source) -> dict:
    """Return what the decoder needs of a source `(B, N)`: keys and values of each block, and the padding mask."""
    if recurrent.is_recurrent(model):
        return recurrent.encode(model, source)
    memory, mask = _memory(model, source)
    return {"keys_values": [block.context_cache(memory) for block in _blocks(model, True)], "mask": mask}


def _memory(model, source):
    """Return the encoded source `(B, N, C)` and its padding mask `(B, N)`."""
    source = ops.convert_to_tensor(source)
    mask = model.get_layer("source_mask")(source)
    memory = model.get_layer("encoder_positions")(model.get_layer("token_embedding")(source))
    for block in _blocks(model, is_decoder=False):
        memory = block(memory, attention_mask=mask)
    return _final_norm(model, "encoder", memory), mask


def _decode(model, tokens, cache, index, context) -> tuple[Tensor, list[Tensor]]:
    embedding = model.get_layer("token_embedding")
    h, _ = model.get_layer("decoder_positions").decode(embedding(tokens), None, index)
    old, new = iter(cache), []
    for block, keys_values in zip(_blocks(model, True), context["keys_values"], strict=True):
        h, kept = block.decode(h, (next(old), next(old)), index, keys_values, context["mask"])
        new += kept
    return embedding(_final_norm(model, "decoder", h), reverse=True), new


def _empty_cache(model, batch_size):
    return [tensor for block in _blocks(model, True) for tensor in block.empty_cache(batch_size)]


def _blocks(model, is_decoder):
    return [x for x in model.layers if isinstance(x, EncoderDecoderBlock) and x.is_decoder == is_decoder]


def _final_norm(model, side, h):
    names = [layer.name for layer in model.layers]
    return model.get_layer(f"{side}_norm")(h) if f"{side}_norm" in names else h


@validate(model=instance(keras.Model))
def cross_attention_maps(model, source, target) -> np.ndarray:
    """Return the cross-attention weights of every decoder block: which source tokens each target token looks at.

    Args:
        model: a model built by `transformer`, with L blocks of H heads, or by `seq2seq` with attention: L = H = 1.
        source: `(B, N)` tokens.
        target: `(B, T)` tokens.

    Returns:
        A NumPy array `(L, B, H, T, N)`.

    Raises:
        ValueError: an array has not two axes, or an unknown token; or `model` was built by another builder, or by
            `seq2seq` without attention.

    Example:
        >>> from keras_course.attention import cross_attention_maps, transformer
        >>> cross_attention_maps(transformer(10, 8), [[3, 4, 5]], [[1, 6]]).shape
        (2, 1, 4, 2, 3)
    """
    check_built_by("transformer or seq2seq", model, ["source_mask"])
    size = model.get_layer("token_embedding").input_dim
    source, target = (check_tokens(name, x, size, ndim=2) for name, x in (("source", source), ("target", target)))
    if recurrent.is_recurrent(model):
        return ops.convert_to_numpy(recurrent.attention_maps(model, source, target))
    (memory, mask), maps = _memory(model, source), []
    h = model.get_layer("decoder_positions")(model.get_layer("token_embedding")(target))
    for block in _blocks(model, is_decoder=True):
        maps.append(ops.convert_to_numpy(block.cross_attention_weights(h, memory, context_mask=mask)))
        h = block(h, memory, context_mask=mask)
    return np.stack(maps)
