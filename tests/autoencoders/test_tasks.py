"""The tasks of images and strings without labels, and the figures of the lecture."""

import dataclasses

import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_course import recipes
from keras_course.autoencoders import (
    elbo_terms,
    pca,
    plot_autoencoder,
    plot_bound,
    plot_codes,
    plot_field,
    plot_latent_grid,
)
from keras_course.recipes import AdamW, Generation, MoleculeDesign, Recipe, Reconstruction
from keras_course.recipes.tasks.strings import polar_fraction

RATES = AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=1)


def short_run(task, builder, folder, **overrides):
    options = {"topic": "autoencoders", "builder": builder, "preset": "tiny", "overrides": overrides}
    recipe = Recipe("images", "images", task, optimizer=RATES, steps=4, batch_size=50, **options)
    run = recipes.train(recipe, out=folder, verbose=0)
    assert (folder / run.facts["sample"]).stat().st_size > 1000
    return run


def test_generation(tmp_path):
    """The metric is the bound of test images, whatever the weight of the divergence, and it is not the tightest."""
    run = short_run(Generation("digit_images", num_samples=20), "vae", tmp_path / "run", beta=4.0)
    metrics, data = run.facts["metrics"], Generation("digit_images").load()
    assert 0 <= data.test.min() < data.test.max() == data.x.max() == 1
    assert metrics["test -ELBO"] == run.value
    assert run.value == pytest.approx(-elbo_terms(run.model, data.test, num_samples=20).elbo.mean(), rel=0.01)
    assert run.value == pytest.approx(metrics["test reconstruction"] + metrics["test kl"], rel=0.01)
    first = elbo_terms(run.model, data.test[:200], num_samples=20).elbo.mean()
    assert metrics["test -log p by 20 importance samples, 200 images"] < -first


def test_generation_by_two_levels(tmp_path):
    metrics = short_run(Generation("digit_images"), "hierarchical_vae", tmp_path / "run").facts["metrics"]
    terms = ("test reconstruction", "test kl_1", "test kl_2")
    assert metrics["test -ELBO"] == pytest.approx(sum(metrics[term] for term in terms))


@pytest.mark.parametrize("builder", ["autoencoder", "denoising_autoencoder", "vq_vae"])
def test_reconstruction(builder, tmp_path):
    run = short_run(Reconstruction("digit_images"), builder, tmp_path / "run")
    metrics, data = run.facts["metrics"], Reconstruction("digit_images").load()
    assert metrics["test squared error"] == run.value
    if builder == "denoising_autoencoder":
        return
    decoded = ops.convert_to_numpy(run.model.reconstruct(data.test))
    assert run.value == pytest.approx(1_000 * np.mean((decoded - data.test) ** 2), rel=1e-3)
    if builder == "autoencoder":
        closest = pca(data.x, 2).reconstruct(data.test)
        assert metrics["test squared error of PCA"] == pytest.approx(1_000 * np.mean((closest - data.test) ** 2))
    else:
        used = np.bincount(ops.convert_to_numpy(run.model.encode(data.test)).ravel())
        assert metrics["perplexity of the code"] == pytest.approx(np.exp(stats.entropy(used)))


def test_molecule_design(tmp_path):
    task = MoleculeDesign(num_train=600, num_test=200, length=20)
    run = short_run(task, "string_vae", tmp_path / "run")
    metrics, data = run.facts["metrics"], task.load()
    assert run.value == pytest.approx(metrics["test reconstruction"] + metrics["test kl"], rel=1e-4)
    assert max(map(len, data.smiles)) <= 20
    assert run.tokenizer.vocab_size == data.x.shape[-1]
    assert data.decode(run.model, np.zeros((2, 8), "float32"))[0] == data.decode(run.model, np.zeros((1, 8)))[0]
    first, designed = data.design(run.model)
    properties = [polar_fraction(smiles) for smiles in first]
    assert properties == sorted(properties, reverse=True)
    assert metrics["property of the first molecules"] == pytest.approx(np.mean(properties))
    assert metrics["valid designs, %"] == pytest.approx(
        np.mean([100.0 * (polar_fraction(s) is not None) for s in designed])
    )
    assert polar_fraction("CC(N)O") == 0.5
    assert polar_fraction("C1CC(") is None


def test_other_data():
    assert Generation("digit_images").on("mnist_10k") == dataclasses.replace(Generation("mnist_10k"))
    with pytest.raises(ValueError, match="data='two_moons'"):
        Reconstruction("digit_images").on("two_moons")
    with pytest.raises(ValueError, match="num_samples=-1"):
        Generation("digit_images", num_samples=-1)


def test_figures():
    texts = [text.get_text() for text in plot_autoencoder("variational").axes[0].texts]
    assert any(r"\mu + \sigma \epsilon" in text for text in texts)
    assert len(plot_autoencoder("quantized").axes[0].patches) > len(plot_autoencoder().axes[0].patches)
    figure = plot_codes({"a": np.eye(2), "b": np.eye(2)}, [0, 1], limit=4.0)
    assert [ax.get_xlim() for ax in figure.axes] == [(-4, 4)] * 2
    grid = np.zeros((2, 2, 3, 3, 1))
    grid[0, 1] = 1.0
    (image,) = plot_latent_grid(grid).axes[0].images
    assert image.get_array()[:3, 3:].min() == 1 > image.get_array()[3:].max()
    bars = plot_bound({"ELBO": (-3.0, -2.0), "tight": (-2.5, -2.0)}).axes[0].patches
    assert [round(bar.get_width(), 6) for bar in bars[2:]] == [1.0, 0.5]
    assert len(plot_field({"a": (np.eye(2), np.eye(2))}, np.eye(2)).axes[0].collections) == 1
    for call, message in (
        (lambda: plot_autoencoder("deep"), "kind='deep'"),
        (lambda: plot_codes({"a": np.eye(2)}, [0]), "labels has 1 entries"),
        (lambda: plot_latent_grid(np.zeros((2, 3, 4, 4, 1))), "images has shape"),
        (lambda: plot_bound({"a": (1.0, 0.0)}), r"bounds\['a'\]"),
        (lambda: plot_field({"a": (np.eye(2), np.eye(3))}, np.eye(2)), r"fields\['a'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
