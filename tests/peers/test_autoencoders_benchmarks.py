"""The benchmarks of the lecture run; PyTorch's networks with our weights have our losses and gradients."""

import pathlib
import sys

import keras
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_autoencoders, common
from benchmarks.peers import autoencoders as peers
from benchmarks.peers import turns
from keras_course import autoencoders, backend

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(backend.current() != "torch", reason="compares tensors of PyTorch")
SHAPE = (8, 8, 1)
SIZES = {
    "vae_training": {"latent_dim": 3, "hidden_dims": (7, 6)},
    "vae_convolutional_training": {"latent_dim": 3, "hidden_dims": (9,), "filters": (4, 5)},
    "vq_vae_training": {"num_codes": 6, "code_dim": 3, "filters": (4, 5)},
}
X = np.random.default_rng(0).random((5, *SHAPE), dtype="float32")


def of_torch(weight):
    """Return a weight of Keras in PyTorch's order of axes."""
    value = keras.ops.convert_to_numpy(weight)
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T


def copy_into(parts, model):
    """Copy the weights of encoder and decoder; return pairs of weights (PyTorch's, ours).

    Dense layers next to images have their pixels in another order: channels are last here, and first in PyTorch.
    """
    pairs = []
    for part, network in zip(parts, (model.encoder, model.decoder), strict=True):
        for theirs, ours in zip(part.parameters(), network.weights, strict=True):
            pairs.append((theirs, ours, reordered(model, network, ours)))
            theirs.data = torch.from_numpy(pairs[-1][2](of_torch(ours)).copy())
    return pairs


def reordered(model, network, weight):
    """Return the function that brings pixels of a dense layer from channels last to channels first."""
    shapes = {layer.name: layer.output.shape[1:] for layer in network.layers}
    images = [shape for shape in shapes.values() if len(shape) == 3]
    small = min(images, key=lambda shape: shape[0]) if len(images) > 1 else None
    if small is None or isinstance(model, autoencoders.VQVAE) or len(weight.shape) == 4:
        return lambda value: value
    order = np.arange(np.prod(small)).reshape(small).transpose(2, 0, 1).ravel()
    if network is model.encoder and weight.shape[0] == len(order):
        return lambda value: value[:, order]
    if network is model.decoder and weight.shape[-1] == len(order):
        return lambda value: value[order]
    return lambda value: value


@pytest.mark.parametrize("name", SIZES)
def test_pytorch_with_our_weights_has_our_losses_and_gradients(name):
    work, options = peers.WORKS[name], SIZES[name]
    model = getattr(autoencoders, work.builder)(SHAPE, **options)
    quantized = work.builder == "vq_vae"
    *parts, codebook = peers.torch_vq_vae(SHAPE, **options) if quantized else (*peers.torch_vae(SHAPE, **options), None)
    pairs = copy_into(parts, model)
    x = torch.from_numpy(X).movedim(-1, 1) if "filters" in options else torch.from_numpy(X).flatten(1)
    outputs = model(X, training=True)
    if quantized:
        codebook.data = torch.from_numpy(keras.ops.convert_to_numpy(model.quantizer.codebook))
        pairs.append((codebook, model.quantizer.codebook, lambda value: value.T))  # a table: not transposed
        found = peers.vq_terms(*parts, codebook, x)
        factors, names = (1.0, 1.0, 0.25), ("reconstruction", "codebook", "commitment")
    else:
        mean, deviation = model.encode(X)
        found = peers.vae_terms(*parts, x, (outputs["z"] - mean) / deviation)
        factors, names = (1.0, 1.0), ("reconstruction", "kl")
    for term, key in zip(found, names, strict=True):
        assert term.item() == pytest.approx(outputs[key].mean().item(), rel=1e-4)
    theirs = torch.autograd.grad(
        sum(f * t for f, t in zip(factors, found, strict=True)), [pair[0] for pair in pairs], retain_graph=True
    )
    ours = torch.autograd.grad(model.compute_loss(X, None, outputs), [pair[1].value for pair in pairs])
    for their_slope, our_slope, (_, weight, reorder) in zip(theirs, ours, pairs, strict=True):
        expected = reorder(of_torch(our_slope.detach()))
        gap = np.abs(their_slope.numpy() - expected).max()
        assert gap <= 1e-4 * np.abs(expected).max() + 1e-6, weight.path


@pytest.mark.parametrize("name", SIZES)
def test_peers_and_ours_do_the_work_that_they_are_timed_for(name):
    work = peers.WORKS[name]._replace(rows=8, steps=2, input_shape=SHAPE, arguments=SIZES[name])
    expected = 64 * np.log(2) if work.builder == "vae" else 0.25
    for call in (peers.our_call(work, backend.current()), peers.torch_call(work)):
        assert call() == pytest.approx(expected, rel=0.3 if expected > 1 else 0.8)


def test_every_implementation_of_a_comparison_does_the_same_work(monkeypatch):
    seen = []
    monkeypatch.setattr(turns, "compare", lambda *arguments: seen.append(arguments) or [])
    peers.main(["--compile"])
    for work, (title, size, unit, theirs, ours, rounds) in zip(peers.WORKS.values(), seen, strict=True):
        assert (title, size, unit, rounds) == (work.title, work.steps * work.rows, "images", 5)
        assert all(maker[1] == work for maker in (*theirs.values(), *ours.values()))
        assert len(theirs) == 2


def test_benchmarks_run(monkeypatch):
    monkeypatch.setattr(common, "median_seconds", lambda call, **repeats: common.seconds(call))
    for name, value in {"BATCH": 4, "STEPS": 2, "SAMPLES": 2, "BOUND_EXAMPLES": 2}.items():
        monkeypatch.setattr(bench_autoencoders, name, value)
    for name in ("vae", "vq_vae"):
        suite = bench_autoencoders.Models()
        suite.setup(backend.current(), name)
        tracked = (suite.track_forward, suite.track_training, suite.track_decoding)
        assert all(track(backend.current(), name) > 0 for track in tracked)
    bound = bench_autoencoders.Bound()
    bound.setup(backend.current(), 2)
    assert bound.track_bound(backend.current(), 2) > 0
