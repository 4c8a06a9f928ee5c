"""The encoder-decoder transformer: what its output depends on, and writing with and without the cache."""

import keras
import numpy as np
import pytest
from draws import weights_by_numpy
from programs import program

from keras_course.attention import NoamSchedule, SmoothedCrossEntropy, cross_attention_maps, transformer, translate
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy
START, STOP = 1, 2
SOURCES = [[3, 4, 5], [6, 7, 8, 9, 10]]
SEARCH = {"start": START, "stop": STOP, "length_penalty": 0.0, "max_length": 6}


@pytest.fixture(scope="module", params=[False, True], ids=["post_norm", "pre_norm"])
def model(request):
    positions = "learned" if request.param else "sinusoidal"
    options = {"hidden_dim": 16, "norm_first": request.param, "positions": positions, "num_layers": 1 + request.param}
    with weights_by_numpy():
        return portable_init(transformer(12, 10, **options), seed=3)


once_by_default = pytest.mark.parametrize(
    "model", [pytest.param(False, marks=pytest.mark.full), True], ids=["post_norm", "pre_norm"], indirect=True
)


def logits(model, source, target, length=6):
    """Return the logits of a source and a target, which are padded to one shape, so that it is compiled once."""
    source, padded = (np.pad(x, [(0, 0), (0, n - len(x[0]))]) for x, n in ((source, length), (target, 10)))
    return array(model({"source": source, "target": padded}))[:, : len(target[0])]


def test_padding_of_the_source_changes_nothing(model):
    unpadded = logits(model, [[3, 4, 5]], [[1, 6, 7]], length=3)
    np.testing.assert_allclose(logits(model, [[3, 4, 5, 0, 0, 0]], [[1, 6, 7]]), unpadded, atol=1e-5)
    assert np.isfinite(logits(model, [[0, 0, 0]], [[1, 6, 7]])).all()


def test_a_position_sees_the_target_up_to_itself_and_the_whole_source(model):
    before = logits(model, [[3, 4, 5]], [[1, 6, 7, 8]])
    after = logits(model, [[3, 4, 5]], [[1, 6, 9, 8]])
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-5)
    assert (np.abs(after - before).max(axis=-1)[:, 2:] > 1e-4).all()
    assert (np.abs(logits(model, [[3, 4, 6]], [[1, 6, 7, 8]]) - before).max(axis=-1) > 1e-4).all()


def test_translation_is_the_most_likely_token_each_time(model):
    for source, written in zip(SOURCES, translate(model, SOURCES, beams=1, **SEARCH), strict=True):
        target = [START]
        while len(target) < 7 and target[-1] != STOP:
            target.append(int(logits(model, [source], [target])[0, -1].argmax()))
        assert [START, *written.tolist()] == [token for token in target if token != STOP]


@once_by_default
def test_beams_find_a_text_that_is_at_least_as_likely(model):
    def log_likelihood(source, written):
        target = [START, *written.tolist(), *([STOP] if len(written) < 6 else [])]
        rows = logits(model, [source], [target[:-1]])[0].astype("float64")
        rows = rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))
        return rows[np.arange(len(target) - 1), target[1:]].sum()

    one, many = (translate(model, SOURCES, beams=beams, **SEARCH) for beams in (1, 12))
    for source, *texts in zip(SOURCES, one, many, strict=True):
        likely, likelier = (log_likelihood(source, text) for text in texts)
        assert likelier >= likely - 1e-4


@once_by_default
def test_cross_attention_maps(model):
    maps = cross_attention_maps(model, [[3, 4, 5, 0], [6, 7, 8, 9]], [[1, 6], [1, 7]])
    num_layers = 2 if "decoder_1" in [layer.name for layer in model.layers] else 1
    assert maps.shape == (num_layers, 2, 4, 2, 4)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    assert not maps[:, 0, ..., 3].any()


def test_smoothed_labels_are_a_distribution_over_all_tokens():
    z, y, e = np.random.default_rng(0).normal(size=(2, 3, 5)), np.array([[0, 4, 2], [1, 1, 3]]), 0.3
    expected = []
    for logits_of_one, label in zip(z.reshape(6, 5), y.reshape(6), strict=True):
        p = np.exp(logits_of_one) / np.exp(logits_of_one).sum()
        smoothed = [1 - e + e / 5 if v == label else e / 5 for v in range(5)]
        expected.append(-sum(q * np.log(p[v]) for v, q in enumerate(smoothed)))
    assert float(program(SmoothedCrossEntropy(e))(y, z)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_learning_rate_rises_linearly_then_falls_with_the_root():
    schedule, highest = NoamSchedule(64, warmup=10, factor=2.0), 2 / (64 * 10) ** 0.5
    for n in range(1, 31):  # Keras counts from 0
        expected = highest * (n / 10 if n < 10 else (10 / n) ** 0.5)
        assert float(schedule(n - 1)) == pytest.approx(expected, rel=1e-5)


@once_by_default
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sources": [[3, 0, 4]]}, "no padding"),
        ({"sources": [[]]}, r"sources\[0\]"),
        ({"sources": [[3, 99]]}, r"sources\[0\]"),
        ({"sources": [list(range(1, 12))]}, "at most 10 tokens"),
        ({"sources": [[3]], "max_length": 10}, "max_length=10 must be at most 9"),
        ({"sources": [[3]], "beams": 0}, "beams=0"),
        ({"sources": [[3], [-1]]}, r"sources\[1\] holds token -1"),
        ({"sources": [[3]], "stop": 12}, "start and stop holds token 12"),
    ],
)
def test_bad_translations(model, options, named):
    with pytest.raises(ValueError, match=named):
        translate(model, **{"start": START, "stop": STOP, **options})


@once_by_default
@pytest.mark.parametrize(("bad", "named"), [([[3, 12]], "holds token 12"), ([[-1, 3]], "holds token -1")])
def test_maps_of_unknown_tokens(model, bad, named):
    with pytest.raises(ValueError, match=f"source {named}"):
        cross_attention_maps(model, bad, [[1, 6]])
    with pytest.raises(ValueError, match=f"target {named}"):
        cross_attention_maps(model, [[3, 4]], bad)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hidden_dim": 15, "num_heads": 3}, "hidden_dim=15 must be even"),
        ({"hidden_dim": 16, "num_heads": 3}, "not divisible by num_heads=3"),
        ({"positions": "rotary"}, "positions='rotary'"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"num_layers": 0}, "num_layers=0"),
    ],
)
def test_bad_transformers(options, named):
    with pytest.raises(ValueError, match=named):
        transformer(12, 10, **options)
