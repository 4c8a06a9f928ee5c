"""The benchmarks of the lecture run."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_diffusion, common
from keras_course import backend


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    for name, value in {"EXAMPLES": 16, "BATCH": 4, "STEPS": 2, "NETWORK": {"hidden_dim": 4, "num_layers": 1}}.items():
        monkeypatch.setattr(bench_diffusion, name, value)
    points = bench_diffusion.Points()
    points.setup(backend.current(), "rectified", 2)
    for track in (points.track_denoising, points.track_training, points.track_log_prob):
        assert track(backend.current(), "rectified") > 0
    sampling = bench_diffusion.Sampling()
    sampling.setup(backend.current(), "ddim")
    assert sampling.track_sampling(backend.current(), "ddim") > 0


@pytest.mark.parametrize("sampler", bench_diffusion.SAMPLERS)
def test_samplers_exist(sampler):
    from keras_course import diffusion

    assert callable(getattr(diffusion, sampler))
