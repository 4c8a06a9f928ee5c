"""Weight decay, clipping, averages, early stopping, gradient noise: each beside Keras's, or in closed form."""

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import ops
from keras_course.portable import portable_init
from keras_course.training import (
    GD,
    L2,
    Adam,
    AdamW,
    CosineSchedule,
    Decoupled,
    Lion,
    average_weights,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    early_stop,
    gradient_noise,
    minimize,
)

RNG = np.random.default_rng(0)
SCALES = np.array([1e-2, 1.0, 100.0], "float32")  # of the gradients
START = np.ones(3, "float32")


def slope(w):
    return k.sum(k.convert_to_tensor(SCALES, dtype=w.dtype) * w)


def run(optimizer, num_steps=20, function=slope, start=START):
    return minimize(function, start, optimizer, num_steps).trajectory


# Weight decay ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, CosineSchedule(0.01, 20, warmup=5)])
def test_l2_and_decoupled_decay_coincide_for_gradient_descent(rate):
    np.testing.assert_allclose(run(L2(GD(rate), 0.5)), run(Decoupled(GD(rate), 0.5)), rtol=1e-5)
    assert abs(run(L2(GD(rate), 0.5))[-1] - run(GD(rate))[-1]).max() > 1e-2


def test_l2_and_decoupled_decay_do_not_coincide_for_adam():
    """Decoupled, every weight shrinks alike; as a part of the gradient, decay is lost where the gradient is large."""
    plain, coupled, decoupled = (run(o)[-1] for o in (Adam(0.01), L2(Adam(0.01), 0.5), Decoupled(Adam(0.01), 0.5)))
    np.testing.assert_allclose(plain, 1 - 20 * 0.01, atol=1e-5)
    np.testing.assert_allclose(coupled, plain, atol=4e-3)
    np.testing.assert_allclose(coupled[2], plain[2], atol=2e-5)
    shrunk = (1 - 0.005) ** 20 - 0.01 * np.sum((1 - 0.005) ** np.arange(20))
    np.testing.assert_allclose(decoupled, shrunk, rtol=1e-4)
    assert (plain - decoupled).min() > 0.05 > 10 * (coupled - plain).max()


def test_adam_with_decoupled_decay_is_adamw():
    np.testing.assert_allclose(run(Decoupled(Adam(0.01), 0.5)), run(AdamW(0.01, weight_decay=0.5)), rtol=1e-6)


@pytest.mark.parametrize("make", [keras.optimizers.SGD, keras.optimizers.Adam])
def test_l2_is_the_regularizer_of_keras(make):
    x, y = RNG.normal(size=(8, 3)).astype("float32"), RNG.normal(size=(8, 1)).astype("float32")
    layer = keras.layers.Dense(1, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.05))
    model = portable_init(keras.Sequential([keras.Input((3,)), layer]))
    start = np.array(model.get_weights()[0])
    model.compile(make(2.0**-6), "mse")
    model.fit(x, y, batch_size=8, epochs=10, verbose=0)

    def loss(w):
        return k.mean(k.square(k.matmul(k.convert_to_tensor(x), w) - k.convert_to_tensor(y)))

    mine = L2({"SGD": GD, "Adam": Adam}[make.__name__](2.0**-6), 2 * 0.05)
    np.testing.assert_allclose(run(mine, 10, loss, start)[-1], model.get_weights()[0], atol=1e-5)


def test_decay_of_keras_is_decoupled():
    w = keras.Variable(START)
    optimizer = keras.optimizers.SGD(0.125, weight_decay=0.5)
    for _ in range(5):
        optimizer.apply([k.zeros(3)], [w])
    zero = run(Decoupled(GD(0.125), 0.5), 5, lambda w: 0.0 * k.sum(w))[-1]
    np.testing.assert_allclose(zero, k.convert_to_numpy(w), rtol=1e-6)


# Clipping and averages ---------------------------------------------------------------------------------------------

G = [3 * RNG.normal(size=(2, 3)).astype("float32"), RNG.normal(size=4).astype("float32")]


@pytest.mark.parametrize("limit", [0.1, 1.0, 5.0, 100.0])
@pytest.mark.parametrize(
    ("clip", "argument"),
    [(clip_by_value, "clipvalue"), (clip_by_norm, "clipnorm"), (clip_by_global_norm, "global_clipnorm")],
)
@pytest.mark.parametrize("size", [1.0, 0.0])
def test_clipping_equals_keras(clip, argument, limit, size):
    variables = [keras.Variable(np.zeros_like(g)) for g in G]
    g = [size * part for part in G]
    keras.optimizers.SGD(1.0, **{argument: limit}).apply([k.convert_to_tensor(part) for part in g], variables)
    for mine, variable in zip(clip(g, limit), variables, strict=True):
        np.testing.assert_allclose(k.convert_to_numpy(mine), -k.convert_to_numpy(variable), rtol=1e-5)


def test_clipping_turns_or_keeps_directions():
    flat = lambda parts: np.concatenate([k.convert_to_numpy(p).ravel() for p in parts])  # noqa: E731
    g, whole, parts, entries = map(flat, (G, *(f(G, 1.0) for f in (clip_by_global_norm, clip_by_norm, clip_by_value))))
    cosine = lambda a: a @ g / np.linalg.norm(a) / np.linalg.norm(g)  # noqa: E731
    assert np.linalg.norm(whole) == pytest.approx(1, rel=1e-5)
    assert cosine(whole) == pytest.approx(1, rel=1e-5)
    assert max(cosine(parts), cosine(entries)) < 0.995
    assert abs(entries).max() == 1


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_global_norm])
def test_clipping_where_the_norm_is_no_number_of_the_type(clip):
    for g in ([300.0, 400.0], "float16"), ([3e20, 4e20], "float32"), ([3e-30, 4e-30], "float32"):
        g = np.array(*g)
        limit = float(g[0]) / 3
        (found,) = clip([g], limit)
        np.testing.assert_allclose(k.convert_to_numpy(found) / limit, [0.6, 0.8], rtol=1e-3)
        assert keras.backend.standardize_dtype(found.dtype) == g.dtype.name
    half = 2**-0.5
    np.testing.assert_allclose(k.convert_to_numpy(clip([np.full(2, 3e38, "float32")], 1.0)[0]), half, rtol=1e-5)
    assert k.convert_to_numpy(clip([np.zeros(2, "float16")], 1.0)[0]).tolist() == [0.0, 0.0]
    assert clip([np.zeros((0, 2), "float32")], 1.0)[0].shape == (0, 2)
    for bad in (np.inf, -np.inf, np.nan):
        assert np.isnan(k.convert_to_numpy(clip([np.array([1.0, bad], "float32")], 1.0)[0])).all()


def test_clipping_of_arrays_of_several_types():
    found = clip_by_global_norm({"half": np.ones(1, "float16"), "single": np.ones(1, "float32")}, 1.0)
    assert [keras.backend.standardize_dtype(found[name].dtype) for name in ("half", "single")] == ["float16", "float32"]
    np.testing.assert_allclose([float(part[0]) for part in found.values()], 2**-0.5, rtol=1e-3)


def test_average_equals_keras():
    optimizer = keras.optimizers.SGD(0.125, use_ema=True, ema_momentum=0.75)
    w = keras.Variable(G[1])
    average = None
    for step in range(20):
        optimizer.apply([k.convert_to_tensor(np.sin(step + G[1]))], [w])
        now = [np.array(k.convert_to_numpy(w))]
        average = now if average is None else average_weights(average, now, 0.75)
    optimizer.finalize_variable_values([w])
    np.testing.assert_allclose(k.convert_to_numpy(average[0]), k.convert_to_numpy(w), rtol=1e-5, atol=1e-6)
    assert abs(k.convert_to_numpy(average[0]) - now[0]).max() > 1e-2


@pytest.mark.parametrize("patience", [1, 2, 5])
@pytest.mark.parametrize("min_delta", [0.0, 0.3])
def test_early_stopping_equals_keras(patience, min_delta):
    for seed in range(20):
        losses = np.random.default_rng(seed).normal(size=15) + 3 / np.arange(1, 16)
        callback = keras.callbacks.EarlyStopping("val_loss", min_delta, patience, restore_best_weights=True, mode="min")
        callback.set_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
        callback.on_train_begin()
        callback.model.stop_training = False
        for last, loss in enumerate(losses):
            callback.on_epoch_end(last, {"val_loss": loss})
            if callback.model.stop_training:
                break
        assert early_stop(losses, patience, min_delta=min_delta) == (last, callback.best_epoch)


def test_a_loss_that_is_no_number_is_no_improvement():
    """As for Keras's callback: a training that has become NaN stops."""
    assert early_stop([np.nan] * 5, patience=2) == (2, 0)
    assert early_stop([1.0, np.nan, np.nan, 0.5], patience=2) == (2, 0)
    assert early_stop([np.nan, 3.0, 2.0, np.nan], patience=2) == (3, 2)


# Gradient noise ----------------------------------------------------------------------------------------------------


def regression(n=200):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, 3)).astype("float32")
    y = (x @ [[1.0], [2.0], [3.0]] + rng.normal(size=(n, 1))).astype("float32")
    model = portable_init(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)]))
    model.compile("sgd", "mse")
    return model, x, y


def test_noise_falls_as_one_over_the_batch_size():
    """Measured beside trace(Sigma) / B, from the gradients of single examples in closed form."""
    model, x, y = regression()
    before = model.get_weights()[0].copy()
    single = 2 * (x @ before - y) * x
    trace = np.sum(np.var(single, axis=0))
    sizes = (1, 4, 16)
    found = gradient_noise(model, x, y, batch_sizes=sizes, num_batches=2000)
    np.testing.assert_allclose(found * sizes, trace, rtol=0.25)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    once, again = (gradient_noise(model, x, y, batch_sizes=(4,), num_batches=5, seed=1) for _ in range(2))
    assert once == again


def test_gradients_over_a_partition_average_to_the_full_one():
    model, x, y = regression()
    variables = model.trainable_variables
    gradient = ops.grad(lambda x, y: k.mean(k.square(model(x) - y)), variables=variables)
    parts = [k.convert_to_numpy(gradient(x[i : i + 20], y[i : i + 20])[0]) for i in range(0, 200, 20)]
    np.testing.assert_allclose(np.mean(parts, axis=0), k.convert_to_numpy(gradient(x, y)[0]), rtol=1e-4)


# Bad input ---------------------------------------------------------------------------------------------------------


def test_bad_arguments():
    model, x, y = regression(4)
    cases = [
        (lambda: L2(GD(0.1), -1), "strength=-1"),
        (lambda: Decoupled(Lion(0.1), float("nan")), "strength=nan"),
        (lambda: L2(GD(0.1), 0.1).step(START, np.ones(1), (0, [()])), r"shape \(3,\), but that of g has shape \(1,\)"),
        (lambda: clip_by_value(G, 0), "limit=0 must be a finite number above 0"),
        (lambda: clip_by_norm(G, -1), "limit=-1"),
        (lambda: clip_by_global_norm(G, float("inf")), "limit=inf"),
        (lambda: average_weights(G, G, 1.0), r"momentum=1\.0 must be in \[0, 1\)"),
        (lambda: average_weights(G, G[::-1]), r"array 0 of average has shape \(2, 3\), but that of w has shape \(4,\)"),
        (lambda: L2(0.1, 0.1), "optimizer=0.1 must be an optimizer"),
        (lambda: Decoupled(L2(GD(0.1), 0.1), 0.1), "must be an optimizer"),
        (lambda: L2(GD(0.1), "weak"), "strength='weak'"),
        (lambda: early_stop([], 1), r"losses has shape \(0,\)"),
        (lambda: early_stop([[1.0, 2.0]], 1), r"losses has shape \(1, 2\)"),
        (lambda: early_stop([1.0], 0), "patience=0"),
        (lambda: early_stop([1.0], 1, min_delta=-1), "min_delta=-1"),
        (lambda: gradient_noise(model, x, y, num_batches=0), "num_batches=0"),
        (lambda: gradient_noise(model, x, y, seed=None), "seed=None"),
        (lambda: gradient_noise(model, x, y, batch_sizes=(4, 0)), "batch_sizes=0"),
        (lambda: gradient_noise(model, x, y, batch_sizes=4), "batch_sizes=4 must be a series"),
        (lambda: gradient_noise(model, x, y[:3]), r"x and y hold \[3, 4\] examples"),
        (lambda: gradient_noise(model, x[:0], y[:0]), r"x and y hold \[0\] examples"),
        (lambda: gradient_noise(model, x, np.full_like(y, np.nan)), "y holds numbers that are not finite"),
        (lambda: gradient_noise(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), x, y), "not compiled"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
