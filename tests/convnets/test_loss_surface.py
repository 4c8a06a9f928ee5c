"""The loss on a plane through the weights equals a closed form, and the weights stay; gradients of the kernels."""

import keras
import numpy as np
import pytest
from keras import layers as L

from keras_course.convnets import gradient_norms, loss_surface, random_direction

RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(20, n)).astype("float32") for n in (5, 3))
IMAGES, LABELS = RNG.normal(size=(6, 8, 8, 2)).astype("float32"), np.arange(6) % 4
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def chain(*layers, shape=(5,)):
    return keras.Sequential([keras.Input(shape), *layers])


def convnet():
    convolutions = [L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU(), L.DepthwiseConv2D(3, depth_multiplier=2)]
    return chain(*convolutions, L.Conv2DTranspose(3, 3), L.Flatten(), L.Dropout(0.5), L.Dense(4), shape=(8, 8, 2))


def test_filters_of_a_direction_are_as_long_as_those_of_the_model():
    model = convnet()
    found = random_direction(model, seed=1)
    axes = [(0, 1, 2), None, None, None, (0, 1), None, (0, 1, 3), None, (0,), None]
    assert len(found) == len(axes) == len(model.trainable_variables)
    for d, variable, over in zip(found, model.trainable_variables, axes, strict=True):
        w = keras.ops.convert_to_numpy(variable.value)
        assert d.shape == w.shape
        if over is None:
            assert (d == 0).all()
        else:
            np.testing.assert_allclose(np.sqrt((d**2).sum(axis=over)), np.sqrt((w**2).sum(axis=over)), rtol=1e-5)
    np.testing.assert_array_equal(found[0], random_direction(model, seed=1)[0])
    assert not np.allclose(found[0], random_direction(model, seed=2)[0])


def test_a_separable_convolution_has_two_kinds_of_filters():
    model = chain(L.SeparableConv2D(3, 3), shape=(8, 8, 2))
    for d, variable, over in zip(random_direction(model)[:2], model.trainable_variables, [(0, 1), (0, 1, 2)], strict=0):
        w = keras.ops.convert_to_numpy(variable.value)
        np.testing.assert_allclose(np.sqrt((d**2).sum(axis=over)), np.sqrt((w**2).sum(axis=over)), rtol=1e-5)


def test_the_surface_of_a_quadratic():
    """Of a linear model with squared error it is mean((X (W + alpha D + beta E) - Y)^2)."""
    model = chain(L.Dense(3, use_bias=False))
    weights = model.get_weights()[0]
    surface = loss_surface(model, X, Y, "mean_squared_error", span=2.0, num=5, seed=3)
    D, E = (random_direction(model, seed=seed)[0] for seed in (6, 7))
    np.testing.assert_allclose(surface.alphas, [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(surface.alphas, surface.betas)
    expected = [[np.mean((X @ (weights + a * D + b * E) - Y) ** 2) for b in surface.betas] for a in surface.alphas]
    np.testing.assert_allclose(surface.losses, expected, rtol=1e-4)


def test_its_centre_is_the_model_in_inference_and_the_model_stays():
    model = convnet()
    model(IMAGES, training=True)  # averages of the normalization other than those it is born with
    before = [keras.ops.convert_to_numpy(v.value).copy() for v in model.variables]
    surface = loss_surface(model, IMAGES, LABELS, CROSS_ENTROPY, num=3)
    expected = float(keras.ops.convert_to_numpy(CROSS_ENTROPY(LABELS, model(IMAGES, training=False))))
    assert abs(surface.losses[1, 1] / expected - 1) < 1e-4
    assert np.ptp(surface.losses) > 0
    alone = loss_surface(model, IMAGES, LABELS, CROSS_ENTROPY, num=1)
    np.testing.assert_allclose(alone.losses, surface.losses[1:2, 1:2], rtol=1e-5)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable.value), value)


def test_the_model_stays_after_an_error():
    model = chain(L.Dense(3))
    before = model.get_weights()

    def broken(y, output):
        raise RuntimeError("no loss today")

    with pytest.raises(RuntimeError, match="no loss today"):
        loss_surface(model, X, Y, broken)
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gradient_norms_of_a_linear_model():
    model = chain(L.Dense(4, use_bias=False, name="lower"), L.Dense(3, name="upper"))
    A, B, bias = model.get_weights()
    slope = 2 * (X @ A @ B + bias - Y) / Y.size
    found = gradient_norms(model, X, Y, "mean_squared_error")
    assert list(found) == ["lower/kernel", "upper/kernel"]
    expected = [np.linalg.norm(X.T @ slope @ B.T), np.linalg.norm((X @ A).T @ slope)]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-4)


def test_skips_keep_up_the_gradients_of_deep_networks():
    def deep(skips):
        image = x = keras.Input((8, 8, 2))
        for _ in range(12):
            y = L.Conv2D(2, 3, padding="same", activation="tanh", kernel_initializer="zeros")(x)
            x = L.Add()([x, y]) if skips else y
        model = keras.Model(image, L.Dense(4)(L.GlobalAveragePooling2D()(x)))
        noise = np.random.default_rng(0)
        for kernel in (v for v in model.trainable_variables if len(v.shape) > 1):
            kernel.assign(noise.normal(scale=0.1, size=kernel.shape))
        return list(gradient_norms(model, IMAGES, LABELS, CROSS_ENTROPY).values())[:-1]

    assert max(deep(skips=False)) < 1e-2 * min(deep(skips=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: loss_surface(m, X, Y, "mse", span=0.0), r"span=0\.0 must be a finite number above 0"),
        (lambda m: loss_surface(m, X, Y, "mse", num=0), "num=0 must be a whole number, at least 1"),
        (lambda m: loss_surface(m, X, Y, "mse", seed=-1), "seed=-1"),
        (lambda m: loss_surface(m, X, Y[:3], "mse"), r"x and y hold \[3, 20\] examples"),
        (lambda m: loss_surface(m, X[:0], Y[:0], "mse"), r"x and y hold \[0\] examples"),
        (lambda m: loss_surface(m, X, Y, "mean_sqared_error"), "mean_sqared_error"),
        (lambda m: loss_surface(m, X * np.nan, Y, "mse"), "x holds numbers that are not finite"),
        (lambda m: loss_surface(m, X, Y, None), "loss=None must be a Keras loss"),
        (lambda m: gradient_norms(m, X, Y[:3], "mse"), r"x and y hold \[3, 20\] examples"),
        (lambda m: gradient_norms(chain(L.ReLU(), L.BatchNormalization()), X, Y, "mse"), "with trainable kernels"),
        (lambda m: random_direction("vgg"), "model='vgg' must be a built keras.Model"),
        (lambda m: random_direction(m, seed=1.5), r"seed=1\.5"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(chain(L.Dense(3)))
