"""The benchmarks of the lecture run on the backend in use."""

import pathlib
import sys

import pytest

from keras_course import backend

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_training, common


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))


def run(suite, name, *parameters, **short):
    suite.setup(backend.current(), *parameters)
    return getattr(suite, name)(backend.current(), *parameters, **short)


def test_benchmarks_run():
    for optimizer in bench_training.OPTIMIZERS:
        assert run(bench_training.Steps(), "track_step", optimizer, steps=2) > 0
    assert run(bench_training.Minimize(), "track_trajectory", steps=2) > 0
    for name in ("track_activations", "track_gradients"):
        assert run(bench_training.Probes(), name) > 0
    for kind in bench_training.Normalizations.params[1]:
        assert run(bench_training.Normalizations(), "track_both_ways", kind, rounds=2) > 0
    for suite in (bench_training.Steps, bench_training.Minimize, bench_training.Probes, bench_training.Normalizations):
        assert suite.params[0] is common.BACKENDS or suite.params == (common.BACKENDS,)
