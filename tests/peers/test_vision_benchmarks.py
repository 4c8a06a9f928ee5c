"""The benchmarks of the lecture run; PyTorch's U-Net with our weights has our loss and gradients."""

import pathlib
import sys

import keras
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_vision, common
from benchmarks.peers import turns
from benchmarks.peers import vision as peers
from keras_course import backend
from keras_course.vision import SegmentationLoss, unet

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(backend.current() != "torch", reason="compares tensors of PyTorch")
SMALL = {"widths": (3, 4, 5), "side": 16, "rows": 4, "steps": 2}


def of_torch(value):
    """Return a kernel of Keras, as an array, in PyTorch's order of axes, which is one for both kinds of convolution."""
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value


def test_pytorch_with_our_weights_has_our_loss_and_gradients():
    model, network = unet((16, 16, 1), 1, widths=SMALL["widths"], use_bias=False), peers.torch_unet(SMALL["widths"])
    names = {**{f"down.{k}.{2 * j}": f"down_{k}_conv_{j}" for k in range(2) for j in range(2)}}
    names |= {f"down.2.{2 * j}": f"bottom_conv_{j}" for j in range(2)}
    names |= {f"merge.{k}.{2 * j}": f"merge_{1 - k}_conv_{j}" for k in range(2) for j in range(2)}
    names |= {f"up.{k}": f"up_{1 - k}" for k in range(2)} | {"head": "head"}
    pairs = []
    for name, theirs in network.named_parameters():
        path, kind = name.rsplit(".", 1)
        layer = model.get_layer(names[path])
        ours = layer.bias if kind == "bias" else layer.kernel
        pairs.append((theirs, ours))
        theirs.data = torch.from_numpy(of_torch(keras.ops.convert_to_numpy(ours)).copy())
    assert len(pairs) == len(model.trainable_weights)
    x, y = peers.data_of(peers.WORKS["unet_small_training"]._replace(**SMALL))
    logits = network(torch.from_numpy(x).movedim(-1, 1))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(y)[:, None].float())
    ours = SegmentationLoss()(y, model(x, training=True))
    assert loss.item() == pytest.approx(ours.item(), rel=1e-5)
    expected = torch.autograd.grad(ours, [weight.value for _, weight in pairs])
    found = torch.autograd.grad(loss, [weight for weight, _ in pairs])
    for (_, weight), a, b in zip(pairs, found, expected, strict=True):
        b = of_torch(b.detach().numpy())
        assert np.abs(a.numpy() - b).max() <= 1e-4 * np.abs(b).max() + 1e-6, weight.path


def test_peers_and_ours_do_the_work_that_they_are_timed_for():
    work = peers.WORKS["unet_small_training"]._replace(**SMALL)
    for call in (peers.our_call(work, backend.current()), peers.torch_call(work)):
        assert call() == pytest.approx(np.log(2), rel=0.3)


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    peers.main(["--compile"])
    for work, (title, size, unit, theirs, ours, rounds) in zip(peers.WORKS.values(), seen, strict=True):
        assert (title, size, unit, rounds) == (work.title, work.steps * work.rows, "images", 5)
        assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    for name, value in {"STEPS": 1, "OBJECTS": 3, "CANDIDATES": 20, "QUERIES": 5, "KEPT": 3}.items():
        monkeypatch.setattr(bench_vision, name, value)
    small = {
        "unet": ("unet", {"input_shape": (16, 16, 1), "num_classes": 1, "widths": (2, 3)}, 2),
        "yolo": ("yolo", {"input_shape": (32, 32, 3), "num_classes": 5, "widths": (4, 4, 4)}, 2),
    }
    monkeypatch.setattr(bench_vision, "BUILDERS", small)
    for name in small:
        suite = bench_vision.Networks()
        suite.setup(backend.current(), name)
        assert suite.track_forward(backend.current(), name) > 0
        assert suite.track_training(backend.current(), name) > 0
    parts = bench_vision.Parts()
    parts.setup(backend.current())
    for name in ("suppression", "roi_align", "matching", "dice"):
        assert getattr(parts, f"track_{name}")(backend.current()) > 0
