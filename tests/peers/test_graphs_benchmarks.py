"""The benchmarks of the lecture run, and the peers are the same networks and do the same work."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_graphs, common
from benchmarks.peers import graphs as peers
from benchmarks.peers import turns
from keras_course import backend, graphs

pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

SMALL = {"num_nodes": 30, "num_edges": 80, "num_features": 5, "num_outputs": 3, "steps": 1}


@pytest.mark.parametrize("name", ["gcn_large", "gat_large"])
def test_peers_and_ours_do_the_work_that_they_are_timed_for(name):
    work = peers.WORKS[name]._replace(**SMALL)
    size = sum(weight.numel() for weight in peers.torch_geometric_network(work).parameters())
    assert size == getattr(graphs, work.builder)(5, 3, **work.options).count_params()
    calls = [peers.our_passes(work, backend.current()), peers.torch_geometric_passes(work)]
    calls += [peers.torch_csr_passes(work)] if work.builder == "gcn" else []
    for call in calls:
        assert abs(call() - np.log(3)) < 1


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    peers.main(["--compile"])
    for work, (title, steps, unit, theirs, ours, rounds) in zip(peers.WORKS.values(), seen, strict=True):
        assert (title, steps, unit, rounds) == (work.title, work.steps, "passes", 5)
        assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
        assert len(theirs) == 2 + (work.builder == "gcn")


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    monkeypatch.setattr(bench_graphs, "NODES", 20)
    suite = bench_graphs.Networks()
    for name in ("gcn", "gin"):
        suite.setup(backend.current(), name)
        assert suite.track_forward(backend.current(), name) > 0
        assert suite.track_training(backend.current(), name) > 0
    suite = bench_graphs.Neighbors()
    suite.setup(100)
    assert suite.track_radius_graph(100) > 0
    assert suite.track_neighbor_sample(100) > 0
