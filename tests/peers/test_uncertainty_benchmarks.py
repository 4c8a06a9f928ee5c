"""The benchmarks of the lecture run."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_uncertainty, common
from keras_course import backend


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    for name, value in {"FEATURES": 2, "EXAMPLES": 16, "BATCH": 8, "STEPS": 2}.items():
        monkeypatch.setattr(bench_uncertainty, name, value)
    suite = bench_uncertainty.Flows()
    suite.setup(backend.current(), "realnvp")
    assert suite.track_log_prob(backend.current(), "realnvp") > 0
    assert suite.track_training(backend.current(), "realnvp") > 0
    assert suite.track_sampling(backend.current(), "realnvp") > 0
