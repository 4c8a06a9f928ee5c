"""The benchmarks of the lecture run, and the peer does the same work as ours."""

import importlib.util
import pathlib
import sys

import numpy as np
import pytest

from keras_course.autodiff import count_operations
from keras_course.records import _machine, read_rows

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))  # also for the processes that are started here

from benchmarks import bench_autodiff, common
from benchmarks.peers import autodiff as peers
from benchmarks.peers import turns

needs_autograd = pytest.mark.skipif(importlib.util.find_spec("autograd") is None, reason="the peer needs autograd")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call: common.seconds(call))
    monkeypatch.setattr(bench_autodiff, "select_any", lambda: None)


def test_benchmarks_run():
    assert bench_autodiff.Tape().track_gradient(gradients=1) > 0
    assert bench_autodiff.Tape().track_gradient_cost(n=10, rounds=1) > 0
    for suite in (bench_autodiff.Tape(), bench_autodiff.Checkpoints()):
        suite.setup()
    for shape in bench_autodiff.Jacobian.params[0]:
        for mode in bench_autodiff.Jacobian.params[1]:
            bench_autodiff.Jacobian().setup(shape, mode)
            assert bench_autodiff.Jacobian().track_jacobian(shape, mode) > 0
    assert 16 <= bench_autodiff.Checkpoints().track_peak() < 22
    assert bench_autodiff.Checkpoints().track_peak(segments=64) > 64


@needs_autograd
def test_the_peer_computes_the_same_gradient():
    work = peers.weights_and_batch()
    assert sum(w.size for layer in work[0] for w in layer) == 89_610
    (ours, our_gradient), (theirs, their_gradient) = peers.our_gradient()(*work), peers.their_gradient()(*work)
    assert ours == pytest.approx(theirs, rel=1e-14)
    for a, b in zip(sum(our_gradient, ()), sum(their_gradient, ()), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


@needs_autograd
def test_gradients_are_computed_as_often_as_is_said(monkeypatch):
    calls = []
    peers.gradients(lambda: lambda *work: calls.append(len(work)))()
    assert calls == [3] * peers.GRADIENTS


@pytest.mark.parametrize("n", peers.INPUTS)
def test_cost_of_a_gradient_is_a_ratio_to_the_same_function(monkeypatch, n):
    """By a clock of our own, and by counting operations: seconds of a busy machine prove nothing."""
    function, x = peers.scalar_function(n, products=20_000)
    assert x.shape == (n,)
    clock = iter([1.0, 3.0, 2.0, 8.0, 4.0, 8.0])  # function and gradient in turn: ratios 3, 4 and 2
    monkeypatch.setattr(peers, "_seconds", lambda call: call() and next(clock))
    assert peers.gradient_cost(n, rounds=3, products=20_000) == (2.0, 3.0)
    once = count_operations(function, x).operations
    assert once < count_operations(function, x, mode="reverse").operations <= 5 * once


@needs_autograd
def test_ratio_is_ours_over_the_peer_and_is_recorded(monkeypatch, tmp_path, capsys):
    seconds = {"autograd": [4.0, 4.0, 8.0], "keras_course": [2.0, 2.0, 4.0]}
    monkeypatch.setattr(turns, "take_turns", lambda makers, rounds: seconds)
    monkeypatch.setattr(peers, "INPUTS", (1,))
    monkeypatch.setattr(peers, "gradient_cost", lambda n, rounds: (0.001, 2.5))
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(peers.records, "docs_of_checkout", lambda: tmp_path)
    monkeypatch.setattr(_machine, "commit", lambda: "0" * 40)
    peers.main(["--rounds", "3", "--record"])
    row, cost = read_rows(tmp_path)["autodiff"]
    assert (row["backend"], row["value"], row["peer_value"], row["ratio"]) == ("numpy", 50, 25, 2.0)
    assert (cost["benchmark"], cost["value"], cost["peer_value"], cost["ratio"]) == (
        "tape_gradient_of_1_inputs",
        400,
        1000,
        0.4,
    )
    assert "2.50" in capsys.readouterr().out


def test_arguments(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        peers.main(["--rounds", "0"])
    assert "--rounds 0 must be at least 1" in capsys.readouterr().err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"needs autograd\. Install"):
        peers.main([])
