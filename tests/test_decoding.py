"""Decoding on models that are tables: exhaustive search, length penalty, stop tokens, contexts, refusals."""

import itertools
import re

import numpy as np
import pytest
from keras import ops

from keras_course.decoding import Decoder, generate_tokens, length_penalty, without_cache
from keras_course.layers import MultiHeadAttention

V, STOP, LENGTH = 4, 3, 5
LENGTHS = {0.0: [2, 1], 0.6: [2, 1], 2.0: [2, 5]}  # of the best texts: what the penalty changes
TABLE = np.log(np.random.default_rng(3).dirichlet(np.full(V, 0.7), size=(2, V))).astype("float32")


def with_context(tokens, cache, index, context):
    """A Markov chain: the context (R,) says which of two tables holds the log-probabilities after each token."""
    return ops.take(TABLE.reshape(-1, V), V * context[0][:, None] + tokens, axis=0), cache


CHAIN = Decoder(with_context, lambda rows: [], V, context_length=8)


def log_probability(text, table):
    """Log P of a text, given its first token."""
    return sum(float(TABLE[table, a, b]) for a, b in itertools.pairwise(text))


def every_text(start):
    """All texts after a first token that end with the first stop token, or after `LENGTH` tokens."""
    for new in itertools.product(range(V), repeat=LENGTH):
        end = new.index(STOP) + 1 if STOP in new else LENGTH
        yield (start, *new[:end])


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_enough_beams_are_an_exhaustive_search(alpha):
    """Two prompts with contexts of their own; among all texts the best by log P / lp is found."""
    best = [
        max(set(every_text(start)), key=lambda y: log_probability(y, table) / ((5 + len(y) - 1) / 6) ** alpha)
        for start, table in ((0, 0), (2, 1))
    ]
    options = {"beams": V**LENGTH, "length_penalty": alpha, "stop": STOP, "context": [np.array([0, 1], "int32")]}
    found = generate_tokens(CHAIN, [[0], [2]], LENGTH, **options)
    assert [tuple(text.tolist()) for text in found] == best
    assert [len(text) - 1 for text in best] == LENGTHS[alpha]


def test_a_finished_text_is_not_lost_to_beams_that_fall_back_later():
    """After 0: stop (0.28) or 1 (0.6), then two of probability about 0.3 each, then four of about a quarter."""
    p = np.full((10, 10), 1e-9, "float32")
    p[0, [9, 1, 2]], p[1, [3, 4]], p[2, 5] = [0.28, 0.6, 0.12], [0.51, 0.49], 1.0
    p[3:9, 5:9], p[9, 9] = [0.28, 0.24, 0.24, 0.24], 1.0
    decoder = Decoder(lambda x, cache, index, context: (ops.take(np.log(p), x, axis=0), cache), lambda rows: [], 10, 8)
    for beams in (1, 2, 3):
        best = [0, 1, 3, 5] if beams == 1 else [0, 9]  # with a single beam the search is greedy
        assert generate_tokens(decoder, [0], 3, beams=beams, stop=9).tolist() == best


def test_length_penalty():
    np.testing.assert_allclose(ops.convert_to_numpy(length_penalty(np.array([1, 7]), 0.6)), [1, 2**0.6], rtol=1e-6)


def test_any_of_several_stop_tokens_ends_a_text():
    context, prompts = [np.zeros(8, "int32")], [[i % V] for i in range(8)]
    free = generate_tokens(CHAIN, prompts, LENGTH, seed=1, context=context)
    stopped = generate_tokens(CHAIN, prompts, LENGTH, seed=1, stop=[2, STOP], context=context)
    for text, short in zip(free, stopped, strict=True):
        ends = [t for t in range(1, len(text)) if text[t] in (2, STOP)]
        assert short.tolist() == text[: ends[0] + 1 if ends else None].tolist()
    assert len({len(text) for text in stopped}) > 2


@pytest.mark.parametrize("choice", [{"seed": 4}, {"beams": 3}], ids=["sample", "beams"])
def test_without_cache_equals_a_cache(choice):
    """A model that avoids the tokens of its text, from their counts over several windows: its cache are the counts."""
    scale = np.array([-0.9, -1.1, -1.0, -1.2], "float32")

    def counts(tokens, context):
        return ops.multiply(ops.cumsum(ops.one_hot(tokens, V), axis=1), scale)

    def decode(tokens, cache, index, context):
        sums = cache[0][:, None] + ops.cumsum(ops.one_hot(tokens, V), axis=1)
        return ops.multiply(sums, scale), [sums[:, -1]]

    cached = Decoder(decode, lambda rows: [ops.zeros((rows, V))], V, context_length=6)
    uncached = Decoder(*without_cache(counts, 6), V, context_length=6)
    texts = [generate_tokens(decoder, [[0, 1], [2] * 9], 13, **choice) for decoder in (cached, uncached)]
    for ours, theirs in zip(*texts, strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("choice", [{"seed": 4}, {"beams": 3, "length_penalty": 0.6}], ids=["sample", "beams"])
def test_a_translation_model(choice):
    """Cached self- and cross-attention write what the whole model writes, each prompt from its own padded source."""
    table, source = np.random.default_rng(0).normal(size=(V, 8)), np.random.default_rng(1).normal(size=(2, 3, 6))
    own, other = MultiHeadAttention(2, causal=True, context_length=8), MultiHeadAttention(2)
    own(table[None]), other(table[None], source[:1])
    for layer in (own, other):
        layer.set_weights([2 * np.random.default_rng(2).normal(size=w.shape) for w in layer.get_weights()])
    embeddings = ops.convert_to_tensor(table.astype("float32"))

    def forward(tokens, context):
        h = own(ops.take(embeddings, tokens, axis=0))
        return ops.matmul(h + other(h, context[0], attention_mask=context[1]), ops.transpose(embeddings))

    def decode(tokens, cache, index, context):
        h, cache = own.decode(ops.take(embeddings, tokens, axis=0), cache, index)
        y, _ = other.decode(h, context[:2], index, attention_mask=context[2])
        return ops.matmul(h + y, ops.transpose(embeddings)), list(cache)

    source, padding = source.astype("float32"), np.array([[True] * 3, [True, True, False]])
    cached = Decoder(decode, lambda rows: list(own.empty_cache(rows)), V, 8, [*own.variables, *other.variables])
    whole = Decoder(*without_cache(forward, 8), V, 8, cached.variables)
    texts = [
        generate_tokens(decoder, [[0], [0]], 6, stop=STOP, context=context, **choice)
        for decoder, context in ((cached, [*other.context_cache(source), padding]), (whole, [source, padding]))
    ]
    assert [text.tolist() for text in texts[0]] == [text.tolist() for text in texts[1]]
    assert texts[0][0].tolist() != texts[0][1].tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generate_tokens("model", [1], 2), "decoder='model' must be a Decoder"),
        (lambda: generate_tokens(CHAIN, [[0], [1]], 2, context=[np.zeros(3, "int32")]), "needs a row for each of 2"),
        (lambda: Decoder(None, list, V, 8), "decode=None must be a function"),
        (lambda: Decoder(list, list, V, 0), "context_length=0"),
        (lambda: Decoder(list, list, V, 8, variables=[1.0]), "variables=[1.0] must be a list of keras.Variable"),
        (lambda: without_cache(1, 8), "forward=1 must be a function"),
        (lambda: length_penalty(3, -1), "alpha=-1"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
