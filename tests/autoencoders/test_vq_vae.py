"""Vector quantization: the closest entries, the straight-through gradient, and both ways to move a codebook."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from keras_course import ops as course_ops
from keras_course.autoencoders import VectorQuantizer, vq_vae

array = ops.convert_to_numpy
rng = np.random.default_rng(0)
Z = rng.normal(size=(3, 4, 4, 5)).astype("float32")


def quantizer(**options):
    layer = VectorQuantizer(7, **options)
    layer.build(Z.shape)
    return layer


def nearest(layer):
    entries = array(layer.entries())
    return ((Z[..., None, :] - entries) ** 2).sum(axis=-1).argmin(axis=-1), entries


def test_entries_are_the_closest_and_losses_their_distances():
    layer = quantizer()
    quantized, ids, codebook, commitment = (array(part) for part in layer(Z))
    expected, entries = nearest(layer)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(quantized, entries[expected], atol=1e-6)
    distances = ((Z - entries[expected]) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(codebook, distances, rtol=1e-5)
    np.testing.assert_allclose(commitment, distances, rtol=1e-5)


def test_gradients():
    """They pass straight through to the features; the commitment moves only these."""
    layer = quantizer()
    slopes = rng.normal(size=Z.shape).astype("float32")
    expected, entries = nearest(layer)
    found = [
        array(course_ops.grad(loss)(Z))
        for loss in (
            lambda z: ops.sum(layer(z)[0] * ops.convert_to_tensor(slopes)),
            lambda z: ops.sum(layer(z)[2]),
            lambda z: ops.sum(layer(z)[3]),
        )
    ]
    np.testing.assert_allclose(found[0], slopes, rtol=1e-5)
    np.testing.assert_array_equal(found[1], np.zeros_like(Z))
    np.testing.assert_allclose(found[2], 2 * (Z - entries[expected]) / (4 * 4 * 5), rtol=1e-4, atol=1e-6)


def test_moving_averages():
    layer = quantizer(decay=0.9)
    expected, entries = nearest(layer)
    chosen = np.eye(7)[expected.ravel()]
    counts, sums = chosen.sum(axis=0), chosen.T @ Z.reshape(-1, 5)
    layer(Z, training=False)
    np.testing.assert_array_equal(array(layer.entries()), entries)
    assert float(array(layer(Z, training=True)[2]).max()) == 0.0  # the codebook has no loss
    moved = (0.9 * entries + 0.1 * sums) / (0.9 + 0.1 * counts)[:, None]
    np.testing.assert_allclose(array(layer.entries()), moved, atol=1e-3)
    assert not layer.trainable_weights


@pytest.mark.parametrize("decay", [0.0, 0.8])
def test_training_lowers_the_loss(decay):
    x = rng.random((64, 4, 4, 1)).round().astype("float32")
    model = vq_vae((4, 4, 1), 16, code_dim=4, filters=(16,), decay=decay)
    model.compile(keras.optimizers.Adam(0.01))
    first, last = (model.fit(x, epochs=epochs, verbose=0).history["reconstruction"][-1] for epochs in (1, 25))
    assert last < 0.8 * first
    usage = model.code_usage(x)
    assert usage.counts.sum() == 64 * 2 * 2
    assert usage.perplexity == pytest.approx(np.exp(stats.entropy(usage.counts)))
    assert usage.perplexity > 1.5


def test_decoding_indices():
    model = vq_vae((8, 8, 1), num_codes=4)
    x = rng.random((3, 8, 8, 1))
    ids = array(model.encode(x))
    np.testing.assert_array_equal(array(model.decode(ids)), array(model.reconstruct(x)))
    np.testing.assert_allclose(array(model.reconstruct(x)), array(model(x)["decoded"]), atol=1e-5)


MODEL = vq_vae((4, 4, 1), num_codes=4)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: vq_vae((4, 4, 1), num_codes=0), "num_codes=0"),
        (lambda: vq_vae((4, 4, 1), filters=()), r"filters=\(\)"),
        (lambda: vq_vae((6, 4, 1), filters=(2, 2)), r"input_shape=\(6, 4, 1\)"),
        (lambda: vq_vae((4, 4, 1), decay=1.0), "decay=1.0"),
        (lambda: vq_vae((4, 4, 1), commitment=-1), "commitment=-1"),
        (lambda: MODEL.decode(np.full((1, 2, 2), 4)), "ids holds 4 to 4.*entries 0 to 3"),
        (lambda: MODEL.decode(np.full((1, 2, 2), -1)), "ids holds -1"),
        (lambda: MODEL.decode(np.zeros((1, 2, 2))), "ids has shape .* of float64"),
        (lambda: MODEL.encode(np.full((1, 4, 4, 1), np.nan)), "x has 16 entries that are not finite"),
    ],
)
def test_bad_input(act, message):
    with pytest.raises(ValueError, match=message):
        act()
