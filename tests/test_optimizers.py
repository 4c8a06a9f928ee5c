"""The optimizers of the recipes: what their settings come to, step by step."""

import keras
import numpy as np
from tiny_recipe import recipe

from keras_course._tasks import LanguageTask
from keras_course._training import build_model
from keras_course.recipes import AdamW, Muon


def built(text, optimizer, steps=100):
    row = recipe(text, optimizer=optimizer, steps=steps)
    return build_model(row, LanguageTask(row, text), steps, 0)


def moved(model, gradients):
    """Return {path of a weight: (before, after)} for one step with the given gradients."""
    before = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.optimizer.apply(gradients, model.trainable_variables)
    after = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    return {v.path: pair for v, *pair in zip(model.trainable_variables, before, after, strict=True)}


def test_schedule(text):
    rate = built(text, AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=10)).optimizer._learning_rate
    rates = np.array([float(rate(step)) for step in range(101)])
    np.testing.assert_allclose(rates[:10], 1e-3 * (np.arange(10) + 1) / 11, rtol=1e-5)
    cosine = 1e-4 + 9e-4 * (1 + np.cos(np.pi * np.arange(91) / 90)) / 2
    np.testing.assert_allclose(rates[10:], cosine, rtol=1e-4)


def test_only_matrices_decay(text):
    model = built(text, AdamW(peak_rate=0.1, final_rate=0.1, warmup=0, weight_decay=0.5))
    zeros = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    pairs = moved(model, zeros)
    assert any(before.ndim == 1 for before, _ in pairs.values())
    for path, (before, after) in pairs.items():
        expected = before * (1 - 0.1 * 0.5) if before.ndim > 1 else before
        np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-8, err_msg=path)


def test_muon_moves_matrices_along_an_orthogonal_one_and_the_rest_as_adam_does(text):
    model = built(text, Muon(peak_rate=0.02, final_rate=0.02, adam_rate=0.001, warmup=0))
    random = np.random.default_rng(0)
    gradients = [keras.ops.convert_to_tensor(random.normal(size=v.shape), "float32") for v in model.trainable_variables]
    for path, (before, after) in moved(model, gradients).items():
        step = after - before
        if path.endswith("kernel") and "block" in path:
            sizes = np.linalg.svd(step, compute_uv=False)
            assert 0.5 * 0.02 < sizes.min() <= sizes.max() < 1.3 * 0.02, path
        else:
            np.testing.assert_allclose(abs(step), 0.001, rtol=1e-2, err_msg=path)
