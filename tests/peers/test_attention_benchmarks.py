"""The benchmarks of the lecture run, and the peers are the same networks and do the same work."""

import functools
import operator
import pathlib
import sys

import keras
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_attention, common
from benchmarks.peers import attention as peers
from benchmarks.peers import turns
from benchmarks.peers.transformers_of_others import (
    copy_marian,
    torch_transformer,
    transformers_marian,
    transformers_vit,
)
from keras_course import backend
from keras_course.attention import transformer, translate, vit

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("drawn_by_numpy")

SHAPE = {"vocab_size": 40, "context_length": 16, "hidden_dim": 16, "num_layers": 2, "num_heads": 4}
PAIRS = peers.Work("translation_training", "tokens", SHAPE, batch_size=3, length=6, steps=2)
VIT = {**peers.VIT, "input_shape": (16, 16, 3), "patch_size": 8, "hidden_dim": 12, "num_layers": 1, "num_classes": 5}
IMAGES = peers.Work("vit_small_training", "images", VIT, batch_size=2)
LAYER = peers.Work("attention_8", "tokens", {"hidden_dim": 8, "num_heads": 2}, 1, length=8, steps=2)


def test_sizes_of_the_peers():
    def count(module):
        return sum(weight.numel() for weight in module.parameters())

    assert count(torch_transformer(**SHAPE)) == transformer(**SHAPE).count_params()
    assert count(transformers_marian(**SHAPE)) == transformer(**SHAPE).count_params() + 2 * 16 * 16  # positions
    assert count(transformers_vit(**VIT)) == vit(**VIT).count_params()
    with torch.device("meta"):
        assert count(transformers_vit(**peers.VIT)) == vit.presets["vit_small_16"]["parameters"]


def test_beam_search_writes_what_generate_writes():
    model = transformer(**SHAPE)
    marian = transformers_marian(**SHAPE).eval()
    with torch.no_grad():
        marian.model.shared.weight[peers.STOP] = 0
    copy_marian({name: value.numpy() for name, value in marian.state_dict().items()}, model)
    sources = peers.pairs_of(PAIRS)[0][:3]
    texts = torch.from_numpy(sources).long()
    settings = {"num_beams": 5, "do_sample": False, "max_new_tokens": 8, "min_new_tokens": 8}
    theirs = marian.generate(texts, attention_mask=torch.ones_like(texts), **settings)[:, 1:].tolist()
    options = {"start": peers.START, "stop": peers.STOP, "beams": 5, "max_length": 8}
    assert [text.tolist() for text in translate(model, list(sources), **options)] == theirs


def test_peers_and_ours_do_the_work_that_they_are_timed_for():
    loss = peers.torch_translation_training(PAIRS)()
    assert abs(loss - np.log(40)) < 2
    assert abs(peers.torch_vit_training(IMAGES)() - np.log(5)) < 1
    peers.our_translation_training(PAIRS, backend.current())()
    peers.our_vit_training(IMAGES, backend.current())()
    searching = PAIRS._replace(length=5, steps=1)
    peers.transformers_beam_search(searching)()  # raises where a beam ended early
    peers.our_beam_search(searching, backend.current())()
    assert np.isfinite(peers.torch_attention(LAYER)())
    peers.our_attention(LAYER, backend.current())()
    with pytest.raises(RuntimeError, match="ended before 5 tokens"):
        peers.check_lengths([np.zeros(4)], 5)


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    monkeypatch.setattr(peers, "peak_memory", lambda *maker: 1.0)
    for arguments, gpu in (([], False), (["--gpu", "--compile"], True)):
        seen.clear()
        peers.main(arguments)
        expected = [(name, work) for name, some in peers.works(gpu).items() for work in some]
        assert len(seen) == len(expected) == 3 + len(peers.LENGTHS)
        for (name, work), (title, amount, unit, theirs, ours, rounds) in zip(expected, seen, strict=True):
            fused = gpu and peers.MAKERS[name][3]
            assert (title, amount, unit, rounds) == (work.title + "_compiled" * fused, work.amount, work.unit, 5)
            assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
            assert len(theirs) == 1 + fused


def test_memory_is_that_of_the_calls():
    """A text of 80 MiB is written in a process of its own."""
    assert 60 < peers.peak_memory(functools.partial, operator.mul, "a", 80 * 2**20) < 140
    assert peers.peak_memory(functools.partial, operator.mul, "a", 8) < 20


@pytest.mark.parametrize(
    ("suite", "name", "parameters"),
    [
        ("Attention", "track_forward", (16,)),
        ("Translation", "track_fit", ()),
        ("Variants", "track_training", ("experts",)),
        ("Variants", "track_training", ("encoder_only",)),
        ("Images", "track_forward", ()),
    ],
)
def test_benchmarks_run(monkeypatch, suite, name, parameters):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    monkeypatch.setattr(bench_attention, "SIZES", {"hidden_dim": 8, "num_layers": 1, "num_heads": 2})
    monkeypatch.setattr(bench_attention, "VOCABULARY", 50)
    monkeypatch.setattr(bench_attention, "BATCH", 2)
    monkeypatch.setattr(bench_attention, "STEPS", 1)
    suite = getattr(bench_attention, suite)()
    suite.setup(backend.current(), *parameters)
    assert getattr(suite, name)(backend.current(), *parameters) > 0
    assert keras.backend.backend() == backend.current()
