"""The network of a Gaussian for each pixel beside its convolutions by SciPy, its task and its figure."""

import numpy as np
import pytest
from keras import ops
from scipy import signal

from keras_course import recipes
from keras_course.portable import portable_init
from keras_course.recipes import AdamW, DepthMaps, Recipe
from keras_course.uncertainty import depth_network, monte_carlo_prediction, plot_depth, split_variance

array = ops.convert_to_numpy
SMALL = {"filters": (3, 4), "dropout": 0.5}


def convolved(h, kernel, bias, strides):
    """Return relu(conv(h)) of an image (H, W, C) by SciPy; of even sizes, stride 2 begins with the second pixel."""
    out = np.stack(
        [
            sum(signal.correlate2d(h[..., c], kernel[..., c, k], mode="same") for c in range(h.shape[-1])) + bias[k]
            for k in range(len(bias))
        ],
        axis=-1,
    )
    return np.maximum(out[strides - 1 :: strides, strides - 1 :: strides], 0)


def test_network_is_that_of_its_equations():
    model = portable_init(depth_network((8, 12, 2), 1, **SMALL), seed=1)
    x = np.random.default_rng(0).normal(size=(8, 12, 2))
    weights = iter(model.get_weights())
    first = convolved(x, next(weights), next(weights), 2)
    h = convolved(first, next(weights), next(weights), 2)
    for skipped in (first, x):
        h = np.concatenate([h.repeat(2, axis=0).repeat(2, axis=1), skipped], axis=-1)
        h = convolved(h, next(weights), next(weights), 1)
    raw = h @ next(weights)[0, 0] + next(weights)
    prediction = model.distribution(x[None].astype("float32"))
    np.testing.assert_allclose(array(prediction.mean)[0], raw[..., :1], atol=1e-5)
    deviation = 1e-3 + np.log1p(np.exp(raw[..., 1:]))
    np.testing.assert_allclose(array(prediction.variance)[0], deviation**2, rtol=1e-4)


def test_dropout_removes_whole_feature_maps():
    """Of the deepest four layers; without dropout all passes are the same."""
    model = portable_init(depth_network((8, 8, 1), 1, filters=(3, 4, 5), dropout=0.5), seed=1)
    dropped = [layer for layer in model.network.layers if "dropout" in layer.name]
    assert [layer.name for layer in dropped] == ["dropout_down_1", "dropout_down_2", "dropout_up_2", "dropout_up_1"]
    maps = array(dropped[0](np.ones((9, 4, 4, 4), "float32"), training=True))
    assert set(np.unique(maps)) == {0.0, 2.0}
    assert (np.ptp(maps, axis=(1, 2)) == 0).all()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 1))
    assert array(monte_carlo_prediction(model, x, 4).means).std(axis=-2).max() > 1e-3
    alike = portable_init(depth_network((8, 8, 1), 1, filters=(3,), dropout=0.0), seed=1)
    assert array(monte_carlo_prediction(alike, x, 3).means).std(axis=-2).max() < 1e-6


def test_a_run(tmp_path):
    """The metrics are in meters, and the metrics of the exact distribution follow from the noise alone."""
    rates = AdamW(peak_rate=1e-2, final_rate=1e-3, warmup=1)
    options = {"topic": "uncertainty", "builder": "depth_network", "preset": "tiny", "overrides": SMALL}
    task = DepthMaps(num_train=8, num_test=2, num_passes=3)
    recipe = Recipe("depth", "depth", task, optimizer=rates, steps=2, batch_size=4, **options)
    run = recipes.train(recipe, out=tmp_path / "run", verbose=0)
    metrics, test = run.facts["metrics"], task.load().test
    assert run.value == metrics["test NLL"] > metrics["test NLL of the exact distribution"]
    known = test.exact[..., 0][test.kinds < 5].astype("float64")
    entropy = 0.5 * np.log(2 * np.pi * np.e) + np.log(0.01 * known**2).mean()
    assert metrics["test NLL of the exact distribution"] == pytest.approx(entropy, abs=1e-3)
    assert 0.5 < metrics["RMSE of background in m"] < 6
    assert metrics["epistemic deviation of balloons in m"] > 0
    assert (tmp_path / "run" / "sample.png").stat().st_size > 1000


def test_figure_and_refusals():
    maps = np.ones((2, 3, 4, 6))
    figure = plot_depth(maps[0][..., None], maps[0], split_variance(maps, maps))
    assert [ax.get_title() for ax in figure.axes[:5]] == ["image", "truth", "prediction", "aleatoric", "epistemic"]
    assert {ax.get_xlabel() for ax in figure.axes[15:]} == {"gray value", "depth (m)", "deviation (m)"}
    parts = split_variance(maps, maps)
    for call, message in (
        (lambda: plot_depth(maps[0], maps[0][:1], parts), r"truth has shape \(1, 4, 6\)"),
        (lambda: plot_depth(maps, maps[0], parts), r"images has shape \(2, 3, 4, 6\)"),
        (lambda: plot_depth(maps[0], maps[0], parts._replace(mean=maps[0] * np.nan)), "prediction.mean has 72"),
        (lambda: depth_network((16, 20, 1), 1), r"input_shape=\(16, 20, 1\) .* divisible by 8"),
        (lambda: depth_network((16, 16), 1), "input_shape="),
        (lambda: depth_network((16, 16, 1), 1, filters=()), "at least one"),
        (lambda: DepthMaps(num_passes=0), "num_passes=0"),
        (lambda: DepthMaps().on("digits"), "makes its own data"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
