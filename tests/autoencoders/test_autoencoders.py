"""Auto-encoders beside principal component analysis, known densities and filters of SciPy."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import ndimage, stats

from keras_course.autoencoders import (
    AddNoise,
    Autoencoder,
    ErasePixels,
    GaussianBlur,
    autoencoder,
    denoising_autoencoder,
    denoising_field,
    gaussian_latent_sampler,
    interpolate,
    latent_grid,
    latent_traversal,
    linear_autoencoder,
    pca,
    vae,
)
from keras_course.portable import portable_init

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
ROTATION = np.linalg.qr(rng.normal(size=(6, 6)))[0]
X = (rng.normal(size=(300, 6)) * [3.0, 2.0, 0.6, 0.5, 0.4, 0.3] @ ROTATION + 1.0).astype("float32")


def test_pca_is_the_closest_subspace():
    """The error of PCA is the variance that it leaves out, and its likelihood equals the likelihood of the Gaussian."""
    found = pca(X, 2)
    values, vectors = np.linalg.eigh(np.cov(X.astype("float64").T, bias=True))
    np.testing.assert_allclose(found.variances, values[:-3:-1], rtol=1e-6)
    np.testing.assert_allclose(found.components.T @ found.components, vectors[:, -2:] @ vectors[:, -2:].T, atol=1e-8)
    assert ((found.reconstruct(X) - X) ** 2).sum(axis=1).mean() == pytest.approx(values[:-2].sum(), rel=1e-6)
    w = found.components.T * np.sqrt(found.variances - found.residual)
    gaussian = stats.multivariate_normal(found.mean, w @ w.T + found.residual * np.eye(6))
    np.testing.assert_allclose(found.log_likelihood(X), gaussian.logpdf(X), rtol=1e-8)
    images = pca(X.reshape(-1, 2, 3), 6)
    np.testing.assert_allclose(images.reconstruct(X.reshape(-1, 2, 3)), X.reshape(-1, 2, 3), atol=1e-6)
    assert images.residual == 0.0


@pytest.mark.parametrize("tied", [True, False])
def test_linear_autoencoder_spans_the_subspace_of_pca(tied):
    model = linear_autoencoder((6,), 2, tied=tied, seed=1)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 200)))
    model.fit(np.tile(X, (200, 1)), batch_size=300, epochs=1, shuffle=False, verbose=0)
    closest = pca(X, 2)
    np.testing.assert_allclose(array(model.subspace()), closest.components.T @ closest.components, atol=0.05)
    assert model.evaluate(X, verbose=0) == pytest.approx(np.mean((closest.reconstruct(X) - X) ** 2), rel=0.02)
    if tied:
        kernel = array(model.code.kernel)
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(2), atol=0.01)


def test_denoising_autoencoder_is_the_score_of_the_noisy_density():
    """On two clusters, (h(x~) - x~) / s^2 approaches the derivative of log p(x~): Tweedie's formula."""
    s, spread = 0.5, 0.2
    x = rng.choice([-1.0, 1.0], size=(200 * 512, 1)) + spread * rng.normal(size=(200 * 512, 1))
    model = denoising_autoencoder((1,), 32, strength=s, hidden_dims=(64,), activation="tanh")
    portable_init(model, seed=2).compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, 200)))
    model.fit(x.astype("float32"), batch_size=512, epochs=1, verbose=0)
    points = np.linspace(-1.5, 1.5, 61)[:, None]
    variance = spread**2 + s**2
    weight = np.exp(-((points - 1) ** 2) / (2 * variance)), np.exp(-((points + 1) ** 2) / (2 * variance))
    score = (weight[0] * (1 - points) + weight[1] * (-1 - points)) / (sum(weight) * variance)
    found = array(denoising_field(model, points, s))
    assert np.sqrt(np.mean((found - score) ** 2)) < 0.2 * score.std()


def test_corruptions():
    x = rng.random((2, 9, 7, 3)).astype("float32")
    blurred = array(GaussianBlur(1.5)(x))
    filtered = ndimage.gaussian_filter(x, (0, 1.5, 1.5, 0), mode="constant", truncate=9)
    inside = ndimage.gaussian_filter(np.ones_like(x), (0, 1.5, 1.5, 0), mode="constant", truncate=9)
    np.testing.assert_allclose(blurred, filtered / inside, atol=1e-5)
    ones = np.ones((40, 20, 20, 3), "float32")
    left = array(ErasePixels(0.9)(ones))
    assert (left.min(axis=-1) == left.max(axis=-1)).all()
    assert left.mean() == pytest.approx(0.1, abs=0.01)
    layer = AddNoise(0.3)
    noise = array(layer(ones)) - 1
    assert (noise.std(), noise.mean()) == (pytest.approx(0.3, rel=0.02), pytest.approx(0, abs=0.01))
    assert not np.allclose(array(layer(ones)) - 1, noise)


def test_a_denoising_autoencoder_is_trained_and_measured_on_corrupted_examples():
    model = denoising_autoencoder((4, 4, 1), 3, corruption="erase", strength=0.9)
    x = np.ones((200, 4, 4, 1), "float32")
    clean = np.mean((array(model.reconstruct(x)) - x) ** 2)
    model.compile("sgd")
    assert abs(model.evaluate(x, verbose=0) - clean) > 1e-3
    assert autoencoder((4, 4, 1), 3).corruption is None


def test_gaussian_of_codes():
    """Decoded by the identity, its samples have mean and covariance of the codes."""
    model = linear_autoencoder((6,), 6, tied=False)
    model.set_weights([np.zeros(6), np.eye(6), np.eye(6)])
    samples = array(gaussian_latent_sampler(model, X).sample(20_000, seed=1))
    np.testing.assert_allclose(samples.mean(axis=0), X.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(X.T), atol=0.3)


def test_walks_through_the_latent_space():
    assert interpolate(np.zeros((2, 2)), np.ones((2, 2)), 3)[1].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    model = vae((4,), 2, hidden_dims=())
    kernel = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 10.0, 0.0, 0.0]])
    model.decoder.set_weights([kernel, np.zeros(4)])
    logits = np.log(1 / (1 / latent_traversal(model, [0.5, 0.1], (-1.0, 1.0)) - 1))
    np.testing.assert_allclose(logits[..., :2], [[[-1, 1], [1, 1]], [[0.5, -10], [0.5, 10]]], rtol=1e-3)
    grid = latent_grid(model, 4)
    assert (np.diff(grid[0, :, 0]) > 0).all()  # z_1 grows along a row
    assert (np.diff(grid[:, 0, 1]) < 0).all()  # and z_2 from the last row to the first


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: autoencoder((8, 8, 1), 0), "latent_dim=0"),
        (lambda: autoencoder((10, 8, 1), filters=(4, 4)), r"input_shape=\(10, 8, 1\).*4 divides"),
        (lambda: linear_autoencoder((8,), tied=1), "tied=1"),
        (lambda: denoising_autoencoder((8,), corruption="salt"), "corruption='salt'"),
        (lambda: denoising_autoencoder((8,), corruption="erase", strength=1.0), "strength=1.0"),
        (lambda: denoising_autoencoder((8,), corruption="blur"), r"x has shape \(None, 8\)"),
        (lambda: denoising_field(autoencoder((8,)), np.zeros((1, 8)), 0.0), "deviation=0.0"),
        (lambda: Autoencoder(autoencoder((8,), 2).encoder, autoencoder((8,), 3).decoder), "decoder takes"),
        (lambda: autoencoder((8,)).encode(np.full((1, 8), np.nan)), "x has 8 entries that are not finite"),
        (lambda: autoencoder((8,)).reconstruct(np.zeros((1, 7))), r"x has shape \(1, 7\)"),
        (lambda: autoencoder((8,)).decode(np.zeros((1, 3))), r"z has shape \(1, 3\)"),
        (lambda: pca(X, 7), "num_components=7"),
        (lambda: pca(X, 2).encode(X[:, :5]), "x has shape"),
        (lambda: pca(X, 2).log_likelihood(X, 100.0), "noise_variance=100"),
        (lambda: gaussian_latent_sampler(autoencoder((6,)), X[:1]), "x has 1 example"),
        (lambda: interpolate([0.0], [0.0, 1.0]), "end has shape"),
        (lambda: latent_grid(vae((8,), 3)), "model has 3 latent variables"),
        (lambda: latent_traversal(vae((8,), 3), [0.0]), "z has 1 numbers"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
