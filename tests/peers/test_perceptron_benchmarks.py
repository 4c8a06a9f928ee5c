"""The benchmarks of the lecture run, and the peers do the same work as ours."""

import importlib.util
import pathlib
import sys

import keras
import numpy as np
import pytest

from keras_course import backend
from keras_course.records import _machine, read_rows

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))  # also for the processes that are started here

from benchmarks import bench_perceptron, common
from benchmarks.peers import perceptron as peers
from benchmarks.peers import turns

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the peer needs torch")
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="the peer needs jax")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    monkeypatch.setattr(common.backend, "available", lambda: (backend.current(),))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(peers, "ROWS", 256)  # two batches


def test_benchmarks_run(quick, monkeypatch):
    monkeypatch.setattr(bench_perceptron, "STEPS", {64: 2})
    name = backend.current()
    for suite, arguments in ((bench_perceptron.Training, (name, 64)), (bench_perceptron.Descent, (name,))):
        assert suite.params[0] == ("tensorflow", "jax", "torch")
        suite().setup(*arguments)
    assert bench_perceptron.Training().track_fit(name, 64) > 0
    assert bench_perceptron.Descent().track_sgd(name, rows=64) > 0
    closed = bench_perceptron.Closed()
    closed.setup()
    assert closed.track_logistic_regression(rows=200) > 0
    assert closed.track_lda(rows=200) > 0


def trained(model, x, y):
    """Return loss before and weights after one step on one batch, in Keras."""
    before = model.train_on_batch(x, y)
    return float(before), model.get_weights()


@needs_torch
def test_torch_peer_makes_the_same_step(small):
    import torch

    ours, peer = peers.compile_mlp(backend.current()), peers.torch_mlp()
    assert ours.count_params() == sum(w.numel() for w in peer.parameters()) == 669_706
    x, y = peers.rows_and_labels()
    with torch.no_grad():
        for theirs, value in zip(peer.parameters(), ours.get_weights(), strict=True):
            theirs.copy_(torch.tensor(value.T))
    epsilon = 1e-7 / 0.001**0.5  # PyTorch adds it after the bias correction, Keras before: this is equal at step 1
    optimizer = torch.optim.Adam(peer.parameters(), lr=1e-3, eps=epsilon)
    loss = torch.nn.functional.cross_entropy(peer(torch.tensor(x)), torch.tensor(y).long())
    loss.backward()
    optimizer.step()
    before, weights = trained(ours, x, y)
    assert before == pytest.approx(loss.item(), rel=1e-5)
    for theirs, value in zip(peer.parameters(), weights, strict=True):
        close = np.abs(theirs.detach().numpy().T - value) < 2e-4  # a gradient near 0 may have either sign
        assert close.mean() > 0.99


@needs_jax
def test_jax_peer_makes_the_same_step(small):
    import jax

    ours, (x, y) = peers.compile_mlp(backend.current()), peers.rows_and_labels()
    arrays = ours.get_weights()
    weights = list(zip(arrays[::2], arrays[1::2], strict=True))
    zeros = jax.tree.map(np.zeros_like, weights)
    (_, after, _, _), loss = peers.jax_adam((0.0, weights, zeros, zeros), x, y)
    before, expected = trained(ours, x, y)
    assert before == pytest.approx(float(loss), rel=1e-5)
    for theirs, value in zip(jax.tree.leaves(after), expected, strict=True):
        assert (np.abs(np.asarray(theirs) - value) < 2e-4).mean() > 0.99


def test_all_do_the_work_that_they_are_timed_for(small, monkeypatch):
    models, original = [], peers.compile_mlp
    monkeypatch.setattr(peers, "compile_mlp", lambda *arguments: models.append(original(*arguments)) or models[-1])
    peers.our_training(backend.current())()
    assert int(keras.ops.convert_to_numpy(models[0].optimizer.iterations)) == 2


@needs_torch
def test_torch_peer_does_the_work(small, monkeypatch):
    import torch

    steps, original = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *rest: steps.append(self) or original(self, *rest))
    for fused in (False, True):
        assert abs(peers.torch_training(fused)() - np.log(10)) < 1
    assert len(steps) == 4


@needs_jax
def test_jax_peer_does_the_work(small, monkeypatch):
    import jax

    steps, original = [], peers.jax_adam
    monkeypatch.setattr(peers, "jax_adam", lambda state, x, y: original(state, x, y))
    monkeypatch.setattr(jax, "jit", lambda fn, **options: lambda *args: steps.append(len(args[1])) or fn(*args))
    assert abs(peers.jax_training()() - np.log(10)) < 3
    assert steps == [128, 128]


def test_ratio_is_ours_over_the_fastest_peer_and_is_recorded(monkeypatch, tmp_path, capsys):
    seconds = {"jax, slow": [4.0, 4.0, 8.0], "fast": [2.0, 2.0, 4.0], "keras_course, jax": [1.0, 1.0, 2.0]}
    monkeypatch.setattr(turns, "take_turns", lambda makers, rounds: seconds)
    monkeypatch.setattr(peers, "comparison", lambda with_compile: ({"jax, slow": (), "fast": ()}, {"jax": ()}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(peers.records, "docs_of_checkout", lambda: tmp_path)
    monkeypatch.setattr(_machine, "commit", lambda: "0" * 40)
    peers.main(["--rounds", "3", "--record"])
    row, own = read_rows(tmp_path)["perceptron"]
    assert (row["benchmark"], row["value"], row["peer"], row["ratio"]) == ("mlp_epoch", 7936, "fast", 2.0)
    assert (own["peer"], own["ratio"]) == ("jax, slow", 4.0)  # its name says that it is written in JAX
    assert "2.00" in capsys.readouterr().out


def test_arguments(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        peers.main(["--rounds", "0"])
    assert "--rounds 0 must be at least 1" in capsys.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"needs torch\. Install"):
        peers.main([])
