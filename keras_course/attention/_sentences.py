"""Translating sentences: from text to tokens, and back.

Both languages share one byte-pair encoding, whose tokens are moved by three: token 0 is padding, token 1 begins a
target, token 2 ends it.
"""

import keras

from keras_course.attention._translate import context_length, translate
from keras_course.checks import instance, not_negative, validate, whole

START, STOP, SPECIAL = 1, 2, 3
_BATCH = 100  # sentences that are translated at once


def encode_sentence(tokenizer, sentence) -> list[int]:
    """Return the tokens of a sentence."""
    return [SPECIAL + int(i) for i in tokenizer.encode(sentence)]


def decode_sentence(tokenizer, tokens) -> str:
    """Return the sentence of tokens; special tokens are left out."""
    return tokenizer.decode([int(token) - SPECIAL for token in tokens if token >= SPECIAL])


@validate(model=instance(keras.Model), beams=whole(1), length_penalty=not_negative)
def translate_sentences(model, tokenizer, sentences, *, beams=5, length_penalty=0.6) -> list[str]:
    """Translate sentences with an encoder-decoder and the tokenizer that it was trained with.

    Args:
        model: a model built by `transformer` or `seq2seq`, trained on tokens as this module describes them.
        tokenizer: such as `keras_course.language.BPETokenizer`; `encode` and `decode` map between text and tokens.
        sentences: list of sentences. A sentence of more tokens than the context of the model is cut.
        beams, length_penalty: as in `translate`.

    Returns:
        A list of as many sentences.

    Raises:
        ValueError: `model` was built by another builder, a sentence is empty or no text, `tokenizer` is none,
            or a number is out of its range.

    Example:
        >>> from keras_course.attention import transformer, translate_sentences
        >>> from keras_course.language import BPETokenizer
        >>> tokenizer = BPETokenizer.train("A dog runs.", 256)
        >>> model = transformer(3 + tokenizer.vocab_size, 16)
        >>> len(translate_sentences(model, tokenizer, ["A dog runs."], beams=1))
        1
    """
    if isinstance(tokenizer, str) or not (hasattr(tokenizer, "encode") and hasattr(tokenizer, "decode")):
        raise ValueError(f"tokenizer={tokenizer!r} must have the methods encode and decode")
    if not isinstance(sentences, list | tuple):
        raise ValueError(f"sentences={sentences!r} must be a list of sentences")
    for i, sentence in enumerate(sentences):
        if not isinstance(sentence, str) or not sentence:
            raise ValueError(f"sentences[{i}]={sentence!r} must be a text of at least one character")
    width = context_length(model)
    sources = [encode_sentence(tokenizer, sentence)[:width] for sentence in sentences]
    found = [""] * len(sources)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for begin in range(0, len(order), _BATCH):
        rows = order[begin : begin + _BATCH]
        options = {"start": START, "stop": STOP, "beams": beams, "length_penalty": length_penalty}
        for row, target in zip(rows, translate(model, [sources[i] for i in rows], **options), strict=True):
            found[row] = decode_sentence(tokenizer, target)
    return found
