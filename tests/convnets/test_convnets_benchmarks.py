"""The benchmarks of the lecture run on the backend in use."""

import pathlib
import sys

import pytest

from keras_course import backend

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent))

from benchmarks import bench_convnets, common


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    monkeypatch.setattr(bench_convnets, "NETWORKS", {"lenet5": ("lenet5", "lenet5", 4, 1)})


def run(suite, name, *parameters, **short):
    suite.setup(backend.current(), *parameters)
    return getattr(suite, name)(backend.current(), *parameters, **short)


def test_benchmarks_run():
    for name in ("track_forward", "track_training"):
        assert run(bench_convnets.Networks(), name, "lenet5") > 0
    assert run(bench_convnets.Inside(), "track_feature_maximisation", steps=2) > 0
    for suite in (bench_convnets.Networks, bench_convnets.Memory, bench_convnets.Inside):
        assert suite.params[0] is common.BACKENDS or suite.params == (common.BACKENDS,)


def test_networks_are_presets():
    from keras_course import convnets

    for builder, preset, *sizes in bench_convnets.NETWORKS.values():
        assert preset in getattr(convnets, builder).presets
        assert min(sizes) >= 1
