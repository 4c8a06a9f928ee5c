"""The memory network and the transformer for stories: what they compute, and what it depends on."""

import keras
import numpy as np
import pytest

from keras_course.attention import SentenceEmbedding, hop_attention, memory_network, story_transformer
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy
RNG = np.random.default_rng(0)
STORY = RNG.integers(1, 12, (2, 4, 3))
STORY[0, :2], STORY[1, :, 2] = 0, 0  # two rows of padding, and short sentences
QUESTION = RNG.integers(1, 12, (2, 3))


def logits(model, story=STORY, question=QUESTION):
    return array(model({"story": story, "question": question}))


def by_hand(model, tying, linear, hops):
    """Return logits and weights of the first story, written out with loops."""
    table = {weight.path.split("/")[-2]: array(weight) for weight in model.weights}
    C = table["embedding_0"].shape[1]

    def embed(name, words):
        W, y = len(words), np.zeros(C)
        for j, word in enumerate(words, 1):
            for c in range(C):
                weight = (1 - j / W) - (c + 1) / C * (1 - 2 * j / W)
                y[c] += weight * table[name][word, c] * (word != 0)
        return y

    u = embed("embedding_0" if tying == "adjacent" else "embedding_2", QUESTION[0])
    found = []
    for k in range(hops):
        a, b = (k, k + 1) if tying == "adjacent" else (0, 1)
        m, c = (
            [embed(f"embedding_{n}", STORY[0, i]) + table[f"sentence_positions_{n}"][i] for i in (2, 3)] for n in (a, b)
        )
        scores = np.array([u @ row for row in m])
        p = scores if linear else np.exp(scores) / np.exp(scores).sum()
        u = (u if tying == "adjacent" else u @ table["mix"]) + p[0] * c[0] + p[1] * c[1]
        found.append([0, 0, *p])
    return u @ (table[f"embedding_{hops}"].T if tying == "adjacent" else table["answer"]), np.array(found)


@pytest.mark.parametrize(("tying", "linear"), [("adjacent", False), ("adjacent", True), ("layer", False)])
def test_memory_network_is_what_its_equations_say(tying, linear):
    options = {"hidden_dim": 5, "num_hops": 2, "tying": tying, "linear": linear}
    model = portable_init(memory_network(4, 3, 12, **options), seed=1)
    for weight in model.weights:
        weight.assign(5 * array(weight))
    expected, weights = by_hand(model, tying, linear, hops=2)
    np.testing.assert_allclose(logits(model)[0], expected, atol=1e-5)
    np.testing.assert_allclose(hop_attention(model, STORY, QUESTION)[:, 0], weights, atol=1e-5)


def test_what_knows_the_order_of_words_and_of_sentences():
    words, sentences = STORY[:, :, [1, 0, 2]], STORY[:, [0, 1, 3, 2]]
    for known in (False, True):
        model = portable_init(memory_network(4, 3, 12, word_positions=known, sentence_positions=known), seed=1)
        for other in (words, sentences):
            assert (np.abs(logits(model, other) - logits(model)).max() > 1e-5) == known
    ones = SentenceEmbedding(12, 4, positions=False, initializer="ones")(STORY)
    np.testing.assert_array_equal(array(ones), np.repeat((STORY != 0).sum(axis=-1)[..., None], 4, axis=-1))


def test_transformer_looks_at_every_sentence_but_not_at_padding():
    model = portable_init(story_transformer(4, 3, 12, hidden_dim=16, num_layers=1, positions="learned"), seed=1)
    before = logits(model)
    for row in (2, 3):
        other = STORY.copy()
        other[:, row] = other[:, row] % 11 + 1
        assert (np.abs(logits(model, other) - before).max(axis=-1) > 1e-4).all()
    positions = model.get_layer("position_embedding").embeddings
    positions.assign(
        array(positions) + RNG.normal(size=(5, 16)) * (np.arange(5) < 2)[:, None]
    )  # those of the padding of the first story
    change = np.abs(logits(model) - before).max(axis=-1)
    assert change[0] < 1e-5 < change[1]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda model: hop_attention(model, STORY[:, :2], QUESTION), "story and question have shapes"),
        (lambda model: hop_attention(model, STORY, QUESTION[:1]), "story and question have shapes"),
        (lambda model: hop_attention(model, STORY + 1, QUESTION), "story holds token 12"),
        (lambda model: hop_attention(model, STORY, -QUESTION), "question holds token -"),
        (
            lambda model: hop_attention(story_transformer(4, 3, 12, hidden_dim=8, num_layers=1), STORY, QUESTION),
            "must be built by memory_network",
        ),
        (lambda model: memory_network(4, 3, 12, tying="all"), "tying='all'"),
        (lambda model: story_transformer(4, 3, 12, num_heads=5), "not divisible by num_heads=5"),
    ],
)
def test_bad_arguments(call, named):
    with pytest.raises(ValueError, match=named):
        call(memory_network(4, 3, 12, num_hops=1))
