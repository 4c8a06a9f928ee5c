"""Recurrent layers written out beside those of Keras, and what the recurrent models depend on."""

import keras
import numpy as np
import pytest
from draws import weights_by_numpy
from programs import program

from keras_course.attention import (
    AdditiveAttention,
    ForgetGateBias,
    additive_attention,
    cross_attention_maps,
    elman,
    gru,
    lstm,
    recurrent_network,
    seq2seq,
    transformer,
    translate,
    translate_sentences,
)
from keras_course.datasets import palindromes
from keras_course.language import BPETokenizer
from keras_course.portable import portable_init

RNG = np.random.default_rng(0)
array = keras.ops.convert_to_numpy
START, STOP = 1, 2


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize(("cell", "gates"), [("elman", 1), ("lstm", 4), ("gru", 3)])
def test_equal_to_the_layer_of_keras(cell, gates):
    """Weights, biases and first states are copied; the update gate of Keras is 1 - z, so its columns change sign."""
    x, w_x, w_h, b = normal(2, 4, 3), normal(3, 5 * gates), normal(5, 5 * gates), normal(5 * gates)
    states = [normal(2, 5) for _ in range(2 if cell == "lstm" else 1)]
    options = {"return_sequences": True, "return_state": True}
    layer = {"elman": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell](
        5, **options, **({"reset_after": False} if cell == "gru" else {})
    )
    layer.build(x.shape)
    sign = np.repeat([-1, 1, 1], 5).astype("float32") if cell == "gru" else 1
    layer.set_weights([w_x * sign, w_h * sign, b * sign])
    expected = layer(x, initial_state=states)
    found = program({"elman": elman, "lstm": lstm, "gru": gru}[cell])(x, w_x, w_h, b, *states)
    for here, there in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(here), array(there), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: elman(x, normal(2, 5), normal(5, 5), normal(5)), r"w_x has shape \(2, 5\); it must be \(3, 5\)"),
        (lambda x: lstm(x, normal(3, 20), normal(5, 15), normal(20)), r"w_h has shape \(5, 15\)"),
        (lambda x: gru(x, normal(3, 15), normal(5, 15), normal(20)), r"b has shape \(20,\)"),
        (lambda x: gru(x, normal(3, 15), normal(5, 15), normal(15), normal(1, 5)), r"h has shape \(1, 5\)"),
        (lambda x: elman(x[:, :0], normal(3, 5), normal(5, 5), normal(5)), "at least one position"),
        (lambda x: recurrent_network((3,), 2), r"must be \(T, D\)"),
        (lambda x: recurrent_network((None, 3), 2, cell="rnn"), "cell='rnn'"),
        (lambda x: seq2seq(10, 8, attention="multi-head"), "attention='multi-head'"),
        (lambda x: seq2seq(10, 8, cell="elman"), "cell='elman'"),
        (lambda x: ForgetGateBias()((6,)), r"must be \(4 H,\)"),
    ],
)
def test_bad_arguments(call, named):
    with pytest.raises(ValueError, match=named):
        call(normal(2, 4, 3))


@pytest.mark.parametrize(
    "options",
    [{"cell": "elman", "bidirectional": True, "dropout": 0.5}, {"cell": "lstm", "num_layers": 2}],
    ids=["elman", "lstm"],
)
def test_padding_changes_nothing_and_every_position_counts(options):
    model = portable_init(recurrent_network((None, 3), 2, hidden_dim=4, **options), seed=1)
    x = normal(1, 5, 3)
    y = array(model(x))
    np.testing.assert_allclose(array(model(np.pad(x, [(0, 0), (0, 2), (0, 0)]))), y, atol=1e-5)
    for t in range(5):
        changed = x.copy()
        changed[0, t] += 1
        assert np.abs(array(model(changed)) - y).max() > 1e-4


def test_initial_weights():
    """Rows of recurrent matrices are orthonormal, the forget gate is open, and portable weights keep both."""
    built = recurrent_network((None, 3), 2, cell="lstm", hidden_dim=4)
    for model in (built, portable_init(built, seed=0)):
        _, recurrent, bias = model.get_layer("lstm_0").get_weights()
        np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(4), atol=1e-5)
        np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 4))


def test_palindromes():
    x, y = palindromes(2000, min_length=2, max_length=9, seed=1)
    real = [row[row > 0] for row in x]
    differing = np.array([(row != row[::-1]).sum() // 2 for row in real])
    np.testing.assert_array_equal(differing, 1 - y)  # one pair of symbols differs, or none
    assert {len(row) for row in real} == set(range(2, 10))
    assert {*np.unique(x)} == set(range(6))
    assert abs(y.mean() - 0.5) < 0.05
    assert palindromes(20, max_length=1)[1].all()


# Encoder and decoder -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[("lstm", "dot"), ("gru", "additive")], ids=str)
def model(request):
    cell, attention = request.param
    options = {"cell": cell, "attention": attention, "hidden_dim": 8, "num_layers": 2 if cell == "lstm" else 1}
    with weights_by_numpy():
        return portable_init(seq2seq(12, 10, **options), seed=3)


def logits(model, source, target, length=5):
    """Return the logits of a source and a target, which are padded to one shape, so that it is compiled once."""
    source, padded = (np.pad(x, [(0, 0), (0, n - len(x[0]))]) for x, n in ((source, length), (target, 6)))
    return array(model({"source": source, "target": padded}))[:, : len(target[0])]


def test_a_target_sees_its_past_and_the_source_without_padding(model):
    y = logits(model, [[3, 4, 5]], [[1, 6, 7, 8]], length=3)
    np.testing.assert_allclose(logits(model, [[3, 4, 5, 0, 0]], [[1, 6, 7, 8]]), y, atol=1e-5)
    changed = logits(model, [[3, 4, 5]], [[1, 6, 9, 8]])
    np.testing.assert_allclose(changed[:, :2], y[:, :2], atol=1e-5)
    assert (np.abs(changed - y).max(axis=-1)[:, 2:] > 1e-4).all()
    assert (np.abs(logits(model, [[6, 4, 5]], [[1, 6, 7, 8]]) - y).max(axis=-1) > 1e-4).all()


def test_translation_with_states_equals_reading_everything_anew(model):
    sources = [[3, 4, 5], [6, 7, 8, 9, 10]]
    written = translate(model, sources, start=START, stop=STOP, beams=1, max_length=5)
    for source, tokens in zip(sources, written, strict=True):
        assert tokens.tolist() == greedily(model, source)


def greedily(model, source):
    """Return the target of at most 5 tokens with the likeliest token each time, without the states."""
    target = [START]
    while len(target) < 6 and target[-1] != STOP:
        target.append(int(logits(model, [source], [target])[0, -1].argmax()))
    return [token for token in target[1:] if token != STOP]


def test_sentences_are_translated_without_attention():
    tokenizer = BPETokenizer.train("a dog", 256)
    model = portable_init(seq2seq(259, 6, hidden_dim=8, attention=None), seed=3)
    sentences = ["a dog", "cat"]
    for sentence, found in zip(sentences, translate_sentences(model, tokenizer, sentences, beams=1), strict=True):
        tokens = greedily(model, [3 + int(i) for i in tokenizer.encode(sentence)])
        assert found == tokenizer.decode([token - 3 for token in tokens if token >= 3])


def test_attention_maps(model):
    source, target = [[3, 4, 5, 0], [6, 7, 8, 9]], [[1, 6], [1, 7]]
    with pytest.raises(ValueError, match="must be built with attention"):
        cross_attention_maps(seq2seq(12, 10, hidden_dim=4, attention=None), source, target)
    maps = cross_attention_maps(model, source, target)
    assert maps.shape == (1, 2, 1, 2, 4)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    assert not maps[:, 0, ..., 3].any()


def test_a_source_longer_than_the_context_is_refused(model):
    with pytest.raises(ValueError, match="at most 10 tokens"):
        translate(model, [[3] * 11], start=START, stop=STOP)
    with pytest.raises(ValueError, match="max_length=10 must be at most 9"):
        translate(model, [[3]], start=START, stop=STOP, max_length=10)


def test_additive_attention_is_that_of_the_lecture():
    layer, x, context = AdditiveAttention(6), normal(2, 3, 4), normal(2, 5, 7)
    mask = np.arange(5) < np.array([[3], [5]])
    y = layer(x, context, attention_mask=mask)
    w_q, w_k, w = layer.get_weights()
    expected, weights = additive_attention(x, context, context, w_q, w_k, w[:, 0], mask=mask[:, None])
    np.testing.assert_allclose(array(y), array(expected), atol=1e-6)
    np.testing.assert_allclose(array(layer.attention_weights(x, context, mask))[:, 0], array(weights), atol=1e-6)


def test_inputs_are_those_of_the_transformer():
    models = [build(12, 10, num_layers=1, hidden_dim=8) for build in (seq2seq, transformer)]
    shapes = [{k: v.shape for k, v in model.input.items()} for model in models]
    assert shapes[0] == shapes[1]
