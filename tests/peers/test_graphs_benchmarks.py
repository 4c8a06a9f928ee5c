"""The benchmarks of the lecture run, and the peers are the same networks and do the same work."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_graphs, common
from benchmarks.peers import graphs as peers
from benchmarks.peers import turns
from keras_course import backend, graphs, recipes

torch = pytest.importorskip("torch")
pytest.importorskip("torch_geometric")

SMALL = {"num_nodes": 30, "num_edges": 80, "num_features": 5, "num_outputs": 3, "steps": 1}


def sine(shape):
    return np.sin(np.arange(np.prod(shape))).astype("float32").reshape(shape)


@pytest.mark.parametrize("name", ["gcn_large", "gat_large"])
def test_peers_and_ours_do_the_work_that_they_are_timed_for(name, monkeypatch):
    """With the same weights, filled in with a sine, all of them have the same loss."""
    work = peers.WORKS[name]._replace(**SMALL)
    build, torch_call = getattr(graphs, work.builder), peers._torch_call
    size = sum(weight.numel() for weight in peers.torch_geometric_network(work).parameters())
    assert size == getattr(graphs, work.builder)(5, 3, **work.options).count_params()

    def ours(*sizes, **options):
        model = build(*sizes, **options)
        model.set_weights([sine(weight.shape) for weight in model.get_weights()])
        return model

    def theirs(work, network, *inputs):
        for weight in network.parameters():  # a matrix of PyTorch is transposed
            weight.data = torch.from_numpy(sine(weight.shape[::-1]).T if weight.ndim == 2 else sine(weight.shape))
        return torch_call(work, network, *inputs)

    monkeypatch.setattr(graphs, work.builder, ours)
    monkeypatch.setattr(peers, "_torch_call", theirs)
    calls = [peers.our_passes(work, backend.current()), peers.torch_geometric_passes(work)]
    calls += [peers.torch_csr_passes(work)] if work.builder == "gcn" else []
    losses = [call() for call in calls]
    assert abs(losses[0] - np.log(3)) > 1e-2  # the weights matter
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)


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
    suite = bench_graphs.Applications()
    suite.setup(backend.current(), "gns")
    assert suite.track_forward(backend.current(), "gns") > 0
    assert suite.track_training(backend.current(), "gns") > 0
    assert all(recipes.RECIPES[row].builder == name for name, row in bench_graphs.RECIPES.items())
    suite = bench_graphs.Rollouts()
    suite.setup(backend.current(), "gns")
    assert suite.track_roll_out(backend.current(), "gns") > 0
    suite = bench_graphs.Neighbors()
    suite.setup(100)
    assert suite.track_radius_graph(100) > 0
    assert suite.track_neighbor_sample(100) > 0
