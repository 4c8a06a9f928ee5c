"""Contrastive losses beside loops, and a dual encoder that learns to name colors."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_course.portable import portable_init
from keras_course.vision import ContrastiveModel, clip, info_nce, sigmoid_contrast

array, RNG = ops.convert_to_numpy, np.random.default_rng(0)


def test_losses_are_those_of_loops():
    u, v = RNG.normal(size=(2, 5, 3)).astype("float32")
    logits = 2.5 * u @ v.T
    expected, pairs = np.zeros((2, 5))
    for i in range(5):
        rows, columns = np.exp(logits[i]), np.exp(logits[:, i])
        expected[i] = -0.5 * (np.log(rows[i] / rows.sum()) + np.log(columns[i] / columns.sum()))
        pairs[i] = sum(np.log1p(np.exp(-(1 if i == j else -1) * (logits[i, j] - 1.0))) for j in range(5))
    np.testing.assert_allclose(array(info_nce(u, v, 2.5)), expected, rtol=1e-4)
    np.testing.assert_allclose(array(sigmoid_contrast(u, v, 2.5, -1.0)), pairs, rtol=1e-4)
    with pytest.raises(ValueError, match="text has shape"):
        info_nce(u, v[:4], 1.0)


def test_zero_shot_names_colors_and_shades_that_it_saw_apart():
    """Tokens: 1 to 3 are colors, 4 and 5 are dark and bright; "bright red" is in no training pair."""
    colors, shades = RNG.integers(3, size=600), RNG.integers(2, size=600)
    colors, shades = (part[(colors != 0) | (shades != 1)] for part in (colors, shades))

    def pairs(colors, shades):
        image = 0.1 * RNG.normal(size=(len(colors), 16, 16, 3)) + 0.05
        image[np.arange(len(colors)), :, :, colors] += 0.4 + 0.5 * shades[:, None, None]
        return image.astype("float32"), np.stack([4 + shades, 1 + colors, 0 * colors], axis=1).astype("int32")

    x, tokens = pairs(colors, shades)
    model = portable_init(clip((16, 16, 3), 6, 3, widths=(8, 8), embedding_dim=8, hidden_dim=16), seed=0)
    assert isinstance(model, ContrastiveModel)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit({"image": x, "text": tokens}, batch_size=50, epochs=6, verbose=0)
    texts = np.array([[4 + s, 1 + c, 0] for c in range(3) for s in range(2)])
    new, _ = pairs(np.tile(np.arange(3), 10), np.repeat([0, 1], 15))
    goal = 2 * np.tile(np.arange(3), 10) + np.repeat([0, 1], 15)
    found = model.zero_shot(new, texts).argmax(axis=1)
    seen = goal != 1
    assert np.mean(found[seen] == goal[seen]) > 0.7
    with pytest.raises(ValueError, match="texts has shape"):
        model.zero_shot(new, texts[:, :2])
