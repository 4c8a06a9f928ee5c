"""The benchmarks of the lecture run."""

import pathlib
import sys

import pytest

from keras_course import backend

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_fundamentals, common


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    monkeypatch.setattr(common.backend, "available", lambda: (backend.current(),))


def test_benchmarks_run(quick, monkeypatch):
    monkeypatch.setattr(bench_fundamentals, "STEPS", 2)
    wide = bench_fundamentals.Wide()
    assert wide.params[0] == ("tensorflow", "jax", "torch")
    wide.setup(backend.current(), 100)
    assert wide.track_fit(backend.current(), 100) > 0
    closed = bench_fundamentals.Closed()
    closed.setup()
    assert closed.track_polynomial(num_points=50) > 0
    assert closed.track_bias_variance(num_sets=2) > 0
    assert closed.track_double_descent(num_points=8) > 0
