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


@pytest.mark.parametrize("name", ["spline_training", "spline_sampling"])
def test_peers_and_ours_do_the_work_that_they_are_timed_for(name):
    pytest.importorskip("zuko")
    work = peers.WORKS[name]._replace(**SMALL)
    size = sum(weight.numel() for weight in peers.zuko_flow(work).parameters())
    options = {"conditioner": "autoregressive", "num_layers": 2, "hidden_dims": (8,)}
    assert size == uncertainty.neural_spline_flow(3, **options).count_params()
    expected = {"spline_training": 1.5 * np.log(2 * np.pi * np.e), "spline_sampling": 1.0}[name]
    for call in (peers.our_call(work, backend.current()), peers.zuko_call(work)):
        assert call() == pytest.approx(expected, rel=0.6)  # zuko does not start as the identity


def test_ensemble_and_members_in_sequence_do_the_same_work():
    """Both train as many weights for as many steps; the losses are sums over two members, of different weights."""
    work = peers.WORKS["ensemble_training"]._replace(**SMALL, num_members=2)
    losses = [maker(work, backend.current())() for maker in (peers.ensemble_call, peers.members_call)]
    for loss in losses:
        assert 2 < loss < 8  # 2.8 for the distribution of the targets
    member = uncertainty.gaussian_network((3,), 1, hidden_dims=(8,)).count_params()
    assert uncertainty.deep_ensemble((3,), 1, num_members=2, hidden_dims=(8,)).count_params() == 2 * member


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    pytest.importorskip("zuko")
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    peers.main(["--compile"])
    for work, (title, size, unit, theirs, ours, rounds) in zip(peers.WORKS.values(), seen, strict=True):
        assert (title, size, unit, rounds) == (work.title, work.steps * work.rows, "examples", 5)
        assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
        assert len(theirs) == (len(backend.available()) if work.title == "ensemble_training" else 2)


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
    heads.setup(backend.current(), "deep_ensemble")
    assert heads.track_forward(backend.current(), "deep_ensemble") > 0
    assert heads.track_training(backend.current(), "deep_ensemble") > 0
    for builder in ("mdn", "bayesian_gaussian_network"):
        samples = bench_uncertainty.Samples()
        samples.setup(backend.current(), builder)
        assert samples.track_sampling(backend.current(), builder) > 0
