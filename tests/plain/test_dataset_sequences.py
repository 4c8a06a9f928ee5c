"""Data for sequence-to-sequence models: signals with shapes, and pairs of sentences."""

import gzip

import numpy as np
import pytest

from keras_course.datasets import _translations, mask_tokens, pair_batches, phrases, shape_signals


def shapes(signal):
    """Return (first position, width, height, whether a rectangle) of each shape in a signal without its axis."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], signal > 0, [0]])))
    return [
        (a, b - a, signal[a:b].max(), np.ptp(signal[a:b]) < 1e-4) for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def height(shape):
    """Return the height of a shape: a triangle of even width has no sample at its tip."""
    _, width, highest, is_rectangle = shape
    return highest if is_rectangle or width % 2 else highest / (1 - 1 / width)


@pytest.mark.parametrize("pairs", ["shape", "position"])
def test_targets_have_the_mean_heights_of_pairs(pairs):
    x, y = shape_signals(300, pairs=pairs, seed=1)
    checked = 0
    for signal, target in zip(x[..., 0], y[..., 0], strict=True):
        before, after = shapes(signal), shapes(target)
        if len(before) != 4:  # neighbors touch
            continue
        checked += 1
        assert [row[:2] for row in before] == [row[:2] for row in after]
        for i, row in enumerate(after):
            same = [j for j in range(4) if (before[j][3] == row[3] if pairs == "shape" else j // 2 == i // 2)]
            assert len(same) == 2
            assert height(row) == pytest.approx(np.mean([height(before[j]) for j in same]), rel=1e-4)
    assert checked > 100


def test_signals_do_not_depend_on_the_backend_and_differ_by_seed():
    (x, _), (other, _) = shape_signals(2, seed=0), shape_signals(2, seed=1)
    assert x.sum() == pytest.approx(shape_signals(2, seed=0)[0].sum()) != pytest.approx(other.sum())
    assert (shape_signals(500, length=44)[0] > 0).any(axis=(0, 2)).all()


def test_of_the_chosen_tokens_most_are_masked_and_some_are_kept():
    tokens = np.tile(np.where(np.arange(50) < 40, 2 + np.arange(50) % 8, 0), (400, 1))
    x, weights = mask_tokens(tokens, 10, mask_token=1, rate=0.2)
    chosen = weights > 0
    assert not chosen[tokens == 0].any()
    assert chosen[tokens != 0].mean() == pytest.approx(0.2, abs=0.01)
    assert weights.mean() == pytest.approx(1, abs=1e-4)
    assert len(set(weights[chosen])) == 1
    np.testing.assert_array_equal(x[~chosen], tokens[~chosen])
    masked, kept = x == 1, x == tokens
    assert masked[chosen].mean() == pytest.approx(0.8, abs=0.02)
    assert kept[chosen].mean() == pytest.approx(0.1 + 0.1 / 8, abs=0.02)  # a random token may be the right one
    assert set(x[chosen & ~masked & ~kept]) == set(range(2, 10))


def test_phrases_are_translated_word_by_word_but_for_their_order():
    """German articles and adjectives agree with the noun, the finite verb stands second, an infinitive last."""
    parts = phrases(200, seed=3)
    assert [len(part.en) for part in parts] == [200, 1000, 1000]
    assert len({sentence for part in parts for sentence in part.en}) == 2200
    articles = {"Mann": {"der", "ein"}, "Frau": {"die", "eine"}, "Kind": {"das", "ein"}}
    for english, german in zip(parts[0].en, parts[0].de, strict=True):
        words = german.split()
        assert english[-2:] == german[-2:] == " ."
        if (modal := {"can": "kann", "must": "muss", "may": "darf", "wants": "will"}.get(_modal(english))) is not None:
            assert words[-2].islower()
            assert words[-2].endswith("n")
            assert modal in words
        for noun in articles.keys() & set(words):
            assert set(words[: words.index(noun)][-2:]) & articles[noun]
    assert phrases(200, seed=3) == parts


def _modal(english):
    return next((word for word in english.split() if word in ("can", "must", "may", "wants")), None)


def test_files_of_multi30k_are_paired_by_lines():
    files = [gzip.compress(text.encode()) for text in ("A cat.\nA dog.\n", "Eine Katze.\nEin Hund.\n")]
    train, validation, test = _translations._parse(*files, *files, *files)
    assert train == validation == test == (("A cat.", "A dog."), ("Eine Katze.", "Ein Hund."))
    with pytest.raises(ValueError, match="different numbers of lines"):
        _translations._parse(files[0], gzip.compress(b"Eine Katze.\n"))


def test_pair_batches_shift_pad_and_use_each_pair_once_in_a_pass():
    rng = np.random.default_rng(0)
    sources = [rng.integers(3, 9, size=rng.integers(1, 20)) for _ in range(10)]
    targets = [np.array([1, *source, 2]) for source in sources]
    batches = pair_batches(sources, targets, 3, steps_per_epoch=2, seed=5)
    seen = []
    for k in range(3):
        x, y, weights = batches[k]
        assert x["source"].shape == x["target"].shape == y.shape == weights.shape
        assert y.shape[1] % 16 == 0
        for source, target, label in zip(x["source"], x["target"], y, strict=True):
            tokens = source[source > 0].tolist()
            assert target[target > 0].tolist() == [1, *tokens]
            assert label[label > 0].tolist() == [*tokens, 2]
        np.testing.assert_allclose(weights, (y != 0) / (y != 0).mean(), rtol=1e-6)
        seen += [tuple(row[row > 0]) for row in x["source"]]
    assert len(seen) == len({*seen}) == 9
    again = pair_batches(sources, targets, 3, steps_per_epoch=2, seed=5, start_epoch=1)
    np.testing.assert_array_equal(again[0][1], batches[2][1])


def test_first_pair_batches_of_an_epoch_differ_in_length():
    """Without it Keras on TensorFlow refuses the first longer batch: it takes the shapes from two batches."""
    rng = np.random.default_rng(0)
    sources = [np.full(size, 3 + k) for k, size in enumerate(rng.integers(1, 48, 100))]
    for start in range(8):
        batches = pair_batches(sources, sources, 4, steps_per_epoch=10, start_epoch=start)
        first, second = (batches[k][1].shape[1] for k in range(2))
        assert first == 48 > second
    batches = pair_batches(sources, sources, 4, steps_per_epoch=10)
    rows = [tuple(row[row > 0]) for k in range(25) for row in batches[k][0]["source"]]
    assert len(rows) == len({*rows}) == 100


@pytest.mark.parametrize(
    ("sources", "targets", "named"),
    [
        ([[3]], [[1, 2], [1, 2]], "as many"),
        ([[3, 0]], [[1, 2]], "no padding"),
        ([], [], "list of sequences"),
        ([[3]], [[1, 2]], "batch_size=2"),
    ],
)
def test_bad_pairs(sources, targets, named):
    with pytest.raises(ValueError, match=named):
        pair_batches(sources, targets, 1 + (named == "batch_size=2"), steps_per_epoch=1)
