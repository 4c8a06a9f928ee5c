"""The benchmarks of the lecture run on the backend in use."""

import dataclasses
import math
import pathlib
import sys

import numpy as np
import pytest

from keras_course import backend

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_convnets, common
from benchmarks.peers import convnets as peers
from benchmarks.peers import kits, turns

pytestmark = pytest.mark.usefixtures("drawn_by_numpy")  # the networks have many shapes


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
    assert run(bench_convnets.Inside(), "track_feature_maximization", steps=2) > 0
    for suite in (bench_convnets.Networks, bench_convnets.Memory, bench_convnets.Inside):
        assert suite.params[0] is common.BACKENDS or suite.params == (common.BACKENDS,)


def test_networks_are_presets():
    from keras_course import convnets

    for builder, preset, *sizes in bench_convnets.NETWORKS.values():
        assert preset in getattr(convnets, builder).presets
        assert min(sizes) >= 1


KITS = {"torch": kits.TorchKit, "jax": kits.JaxKit, "tensorflow": kits.TensorFlowKit}


@pytest.mark.parametrize("kit", [kit for name, kit in KITS.items() if name in backend.available()])
@pytest.mark.parametrize("name", ["lenet5", "resnet_20"])
def test_peers_are_the_same_networks(kit, name):
    import keras

    from keras_course import convnets, ops

    work, kit = peers.ON_CPU[name], kit()
    images = x = np.random.default_rng(0).normal(size=(2, *work.shape)).astype("float32")
    torch = isinstance(kit, kits.TorchKit)
    if torch:
        x = kit.torch.from_numpy(x).permute(0, 3, 1, 2)
    elif isinstance(kit, kits.TensorFlowKit):
        x = kit.tf.constant(x)
    assert tuple(kits.NETWORKS[name](kit, x).shape) == (2, work.num_classes)
    model = getattr(convnets, work.builder).from_preset(work.preset)
    ours = sorted(math.prod(weight.shape) for weight in model.trainable_weights)
    assert sorted(math.prod(tuple(weight.shape)) for weight in kit.weights.values()) == ours
    forward = ops.jit(lambda x: model(x, training=True), variables=model.variables)
    expected = keras.ops.convert_to_numpy(forward(images))
    weights = [layer.get_weights() for layer in model.layers if layer.weights]
    weights = [w for own in weights for w in (own[1::-1] if len(own) == 4 else own)]  # a kit has offset before gain
    for key, w in zip(kit.weights, weights, strict=True):
        w = w.transpose(3, 2, 0, 1) if torch and w.ndim == 4 else w
        w = w.reshape(5, 5, 16, -1).transpose(2, 0, 1, 3).reshape(400, -1) if torch and key == "c5_kernel" else w
        kit.weights[key] = kit.variable(w, False)
    np.testing.assert_allclose(np.asarray(kits.NETWORKS[name](kit, x)), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("kit", [kit for name, kit in KITS.items() if name in backend.available()])
def test_peers_pool_as_ours_do(kit):
    import keras

    kit = kit()
    images = np.random.default_rng(0).normal(-5, 1, (2, 7, 7, 3)).astype("float32")  # zeros would win
    if isinstance(kit, kits.TorchKit):
        found = kit.max_pool(kit.torch.from_numpy(images).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    elif isinstance(kit, kits.TensorFlowKit):
        found = kit.tf.function(kit.max_pool, jit_compile=True)(kit.tf.constant(images))
    else:
        found = kit.jax.jit(kit.max_pool)(images)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    expected = keras.ops.convert_to_numpy(keras.ops.max_pool(padded, 3, 2, data_format="channels_last"))
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_our_side_of_the_comparison():
    work = dataclasses.replace(peers.ON_CPU["lenet5"], batch_size=2, steps=1)
    peers.keras_training(work, backend.current())()
    makers, ours = peers.comparison(work)
    assert set(ours) == set(backend.available())
    for name, (function, *arguments) in makers.items():
        if name.split(",")[0] == backend.current():
            assert np.isfinite(function(*arguments)())


def test_those_of_keras_take_part_where_pytorch_does_not_compile():
    peer_names, compiled = (list(peers.comparison(peers.ON_CPU["resnet_50"], flag)[0]) for flag in (False, True))
    theirs = [f"keras.applications, {name}" for name in backend.available()]
    assert [name for name in peer_names if name not in compiled] == theirs
    assert [name for name in compiled if name not in peer_names] == ["torch.compile", "torch.compile, channels last"]


def test_every_implementation_of_a_comparison_trains_the_same_work(monkeypatch):
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    for arguments, works in (([], peers.ON_CPU), (["--gpu"], peers.ON_GPU)):
        seen.clear()
        peers.main([*arguments, "--compile"])
        assert [benchmark for benchmark, *_ in seen] == [f"{name}_step_compiled" for name in works]
        for work, (_, images, unit, theirs, ours, rounds) in zip(works.values(), seen, strict=True):
            assert (images, unit, rounds) == (work.batch_size * work.steps, "images", 9)
            assert all(maker[1] is work for maker in (*theirs.values(), *ours.values()))
