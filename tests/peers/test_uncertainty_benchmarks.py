"""The benchmarks of the lecture run, and zuko's flow is the same network and does the same work."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_uncertainty, common
from benchmarks.peers import turns
from benchmarks.peers import uncertainty as peers
from keras_course import backend, uncertainty

SMALL = {"rows": 16, "steps": 2, "num_features": 3, "num_layers": 2, "hidden_dims": (8,)}


@pytest.mark.parametrize("name", peers.WORKS)
def test_peers_and_ours_do_the_work_that_they_are_timed_for(name):
    pytest.importorskip("zuko")
    work = peers.WORKS[name]._replace(**SMALL)
    size = sum(weight.numel() for weight in peers.zuko_flow(work).parameters())
    options = {"conditioner": "autoregressive", "num_layers": 2, "hidden_dims": (8,)}
    assert size == uncertainty.neural_spline_flow(3, **options).count_params()
    expected = {"spline_training": 1.5 * np.log(2 * np.pi * np.e), "spline_sampling": 1.0}[name]
    for call in (peers.our_call(work, backend.current()), peers.zuko_call(work)):
        assert call() == pytest.approx(expected, rel=0.6)  # zuko does not start as the identity


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    pytest.importorskip("zuko")
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    peers.main(["--compile"])
    for work, (title, size, unit, theirs, ours, rounds) in zip(peers.WORKS.values(), seen, strict=True):
        assert (title, size, unit, rounds) == (work.title, work.steps * work.rows, "examples", 5)
        assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
        assert len(theirs) == 2


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    for name, value in {"FEATURES": 2, "EXAMPLES": 16, "BATCH": 8, "STEPS": 2}.items():
        monkeypatch.setattr(bench_uncertainty, name, value)
    suite = bench_uncertainty.Flows()
    suite.setup(backend.current(), "realnvp")
    assert suite.track_log_prob(backend.current(), "realnvp") > 0
    assert suite.track_training(backend.current(), "realnvp") > 0
    assert suite.track_sampling(backend.current(), "realnvp") > 0
    heads = bench_uncertainty.Heads()
    heads.setup(backend.current(), "mdn")
    assert heads.track_training(backend.current(), "mdn") > 0
