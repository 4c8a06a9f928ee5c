"""The benchmarks of the lecture run; PyTorch's networks with our weights have our losses and gradients."""

import dataclasses
import pathlib
import sys

import keras
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks import bench_autoencoders, common
from benchmarks.peers import autoencoders as peers
from benchmarks.peers import autoencoders_training as training
from benchmarks.peers import turns
from keras_course import autoencoders, backend, recipes
from keras_course.recipes._part import build_model, compile_model
from keras_course.records import check_row

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(backend.current() != "torch", reason="compares tensors of PyTorch")
SHAPE = (8, 8, 1)
SIZES = {
    "vae_training": {"latent_dim": 3, "hidden_dims": (7, 6)},
    "vae_convolutional_training": {"latent_dim": 3, "hidden_dims": (9,), "filters": (4, 5)},
    "vq_vae_training": {"num_codes": 6, "code_dim": 3, "filters": (4, 5)},
}
X = np.random.default_rng(0).random((5, *SHAPE), dtype="float32")


@pytest.mark.parametrize("name", SIZES)
def test_pytorch_with_our_weights_has_our_losses_and_gradients(name):
    work, options = peers.WORKS[name], SIZES[name]
    model = getattr(autoencoders, work.builder)(SHAPE, **options)
    quantized = work.builder == "vq_vae"
    *parts, codebook = peers.torch_vq_vae(SHAPE, **options) if quantized else (*peers.torch_vae(SHAPE, **options), None)
    pairs = training.copy_into(parts, model)
    x = torch.from_numpy(X).movedim(-1, 1) if "filters" in options else torch.from_numpy(X).flatten(1)
    outputs = model(X, training=True)
    if quantized:
        codebook.data = torch.from_numpy(keras.ops.convert_to_numpy(model.quantizer.codebook))
        pairs.append((codebook, model.quantizer.codebook, keras.ops.convert_to_numpy))  # a table: not transposed
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
    for their_slope, our_slope, (_, weight, convert) in zip(theirs, ours, pairs, strict=True):
        expected = convert(our_slope.detach())
        gap = np.abs(their_slope.numpy() - expected).max()
        assert gap <= 1e-4 * np.abs(expected).max() + 1e-6, weight.path


def test_losses_are_those_of_torch_distributions():
    """The reconstruction is a log-density, and the divergence is `kl_divergence`, of each likelihood."""
    model = autoencoders.vae(SHAPE, 3)
    raw = torch.from_numpy(np.random.default_rng(1).normal(size=(5, 8, 8, 2)).astype("float32"))
    x, (first, second) = torch.from_numpy(X), raw.split(1, dim=-1)
    classes = torch.nn.functional.one_hot(raw.argmax(-1), 2).float()
    distributions = torch.distributions
    for likelihood, examples, outputs, distribution in (
        ("Bernoulli", x.round(), first, distributions.Bernoulli(logits=first)),
        ("SquaredError", x, first, distributions.Normal(first, 1.0)),
        ("Gaussian", x, raw, distributions.Normal(first, 0.01 + torch.nn.functional.softplus(second))),
        ("Categorical", classes, raw, distributions.OneHotCategorical(logits=raw)),
    ):
        found = getattr(autoencoders, f"{likelihood}Likelihood")()(examples, outputs)
        expected = -distribution.log_prob(examples).flatten(1).sum(dim=1)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    q, prior = distributions.Normal(*model.encode(X)), distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(model(X)["kl"], distributions.kl_divergence(q, prior).sum(dim=1), rtol=1e-4, atol=1e-5)


class Losses(keras.callbacks.Callback):
    """The loss of each step, from the mean over the steps so far."""

    def on_train_begin(self, logs=None):
        self.found, self.sum = [], 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = (batch + 1) * logs["loss"]
        self.found.append(total - self.sum)
        self.sum = total


@pytest.mark.parametrize("options", [{"hidden_dims": (7, 6)}, {"hidden_dims": (9,), "filters": (4, 5)}])
def test_plain_pytorch_trained_alike_has_our_losses(options):
    """The same initial weights, order of the images, noise and optimizer: the same loss at each of eight steps."""
    recipe = dataclasses.replace(
        recipes.RECIPES["digits_vae"], steps=8, batch_size=16, preset="tiny", overrides={"latent_dim": 3, **options}
    )
    data, parts = training.prepare(recipe, seed=1)
    model, losses = compile_model(build_model(recipe, data, seed=1), recipe, data), Losses()
    state = keras.ops.convert_to_numpy(model.get_layer("latent").seed_generator.state)
    generator = keras.random.SeedGenerator(0)  # at the state of ours
    generator.state.assign(state)
    batches = data.batches(recipe.batch_size, recipe.steps, 1, 0)
    model.fit(batches, steps_per_epoch=recipe.steps, shuffle=False, callbacks=[losses], verbose=0)

    def noise(step, shape):
        return keras.random.normal(shape, dtype="float32", seed=generator)

    expected = training.train(recipe, data, parts, 1, noise)
    np.testing.assert_allclose(losses.found, expected, rtol=1e-4)
    trained = [weight.detach().clone() for part in parts for weight in part.parameters()]
    for before, (ours, *_) in zip(trained, training.copy_into(parts, model), strict=True):
        torch.testing.assert_close(before, ours.data, rtol=1e-3, atol=1e-3)  # Adam divides by small slopes


def test_row_of_plain_pytorch(monkeypatch):
    recipe = dataclasses.replace(recipes.RECIPES["digits_vae"], steps=2)
    monkeypatch.setitem(training.RECIPES, "mnist_vae", recipe)
    row = training.row("mnist_vae", seed=0)
    check_row(row)
    assert (row["backend"], row["parameters"]) == (
        "plain PyTorch",
        build_model(recipe, recipe.task.load(), 0).count_params(),
    )
    assert 24 < row["value"] < 60


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
    for name in ("wgan_gp", "gan_r1"):
        games = bench_autoencoders.Games()
        games.setup(backend.current(), name)
        assert games.track_training(backend.current(), name) > 0
    assert games.track_sampling(backend.current(), name) > 0
    strings = bench_autoencoders.Strings()
    strings.setup(backend.current())
    assert strings.track_training(backend.current()) > 0
    assert strings.track_decoding(backend.current()) > 0
    bound = bench_autoencoders.Bound()
    bound.setup(backend.current(), 2)
    assert bound.track_bound(backend.current(), 2) > 0
