"""The optimizers of the recipes: what their settings come to, step by step."""

import keras
import numpy as np
import pytest
from tiny_recipe import recipe

from keras_course.recipes import RECIPES, SGD, AdamW, Muon
from keras_course.recipes._part import build_model, compile_model


def built(text, optimizer, steps=100):
    row = recipe(text, optimizer=optimizer, steps=steps, overrides={"hidden_dim": 16, "num_layers": 1, "num_heads": 2})
    data = row.task.load()
    return compile_model(build_model(row, data, 0), row, data)


def moved(model, gradients):
    """Return {path of a weight: (before, after)} for one step with the given gradients."""
    before = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.optimizer.apply(gradients, model.trainable_variables)
    after = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    return {v.path: pair for v, *pair in zip(model.trainable_variables, before, after, strict=True)}


SETTINGS = {  # of recipes
    "nanogpt_shakespeare_cpu": {"beta_1": 0.9, "beta_2": 0.99, "weight_decay": 0.1, "global_clipnorm": 1.0},
    "cifar10_12k_ablation_resnet": {"beta_1": 0.9, "beta_2": 0.999, "weight_decay": 0.05, "global_clipnorm": 1.0},
    "cifar10_12k_resnet_20": {"momentum": 0.9, "weight_decay": 5e-3, "nesterov": False, "global_clipnorm": None},
    "shakespeare_cpu": {
        "momentum": 0.95,
        "weight_decay": 0.0,
        "adam_lr_ratio": 0.3,
        "adam_beta_1": 0.9,
        "adam_beta_2": 0.99,
        "adam_weight_decay": 0.0,
        "rms_rate": None,
    },
}
UNUSUAL = [  # values that are not defaults of Keras
    (
        AdamW(0.1, 0.1, 0, betas=(0.8, 0.7), weight_decay=0.3, clip=0.5),
        {"beta_1": 0.8, "beta_2": 0.7, "weight_decay": 0.3, "global_clipnorm": 0.5},
    ),
    (
        Muon(0.1, 0.1, 0.02, 0, betas=(0.8, 0.7), momentum=0.6),
        {"momentum": 0.6, "adam_lr_ratio": 0.2, "adam_beta_1": 0.8, "adam_beta_2": 0.7},
    ),
    (SGD(0.1, 0.1, 0, momentum=0.6, weight_decay=0.3), {"momentum": 0.6, "weight_decay": 0.3}),
]


@pytest.mark.parametrize(
    ("ours", "settings"), [*((RECIPES[name].optimizer, row) for name, row in SETTINGS.items()), *UNUSUAL]
)
def test_settings_reach_the_optimizer(ours, settings):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    optimizer = ours.build(model, ours.peak_rate)
    assert {key: getattr(optimizer, key) for key in settings} == pytest.approx(settings)
    assert float(optimizer.learning_rate) == pytest.approx(ours.peak_rate)


def test_schedule(text):
    rate = built(text, AdamW(peak_rate=1e-3, final_rate=1e-4, warmup=10)).optimizer._learning_rate
    rates = np.array([float(rate(step)) for step in range(101)])
    np.testing.assert_allclose(rates[:10], 1e-3 * (np.arange(10) + 1) / 11, rtol=1e-5)
    cosine = 1e-4 + 9e-4 * (1 + np.cos(np.pi * np.arange(91) / 90)) / 2
    np.testing.assert_allclose(rates[10:], cosine, rtol=1e-4)


@pytest.mark.parametrize("kind", [AdamW, SGD])
def test_only_matrices_decay(text, kind):
    model = built(text, kind(peak_rate=0.1, final_rate=0.1, warmup=0, weight_decay=0.5))
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
