"""Layers for pictures give the numbers of Keras's own, also where PyTorch takes another way to them."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_course import layers
from keras_course import ops as course_ops

WINDOWS = list(itertools.product((1, 2, 3, 4, 5), (1, 2, 3), ("same", "valid")))


def both(ours, keras_layer, shape, **call):
    """Return outputs and weights of two layers after a call with the same weights and inputs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    results = []
    for layer in (ours, keras_layer):
        layer.build(shape)
    weights = [rng.uniform(0.5, 1.5, w.shape) for w in ours.get_weights()]
    for layer in (ours, keras_layer):
        layer.set_weights(weights)
        results.append([ops.convert_to_numpy(layer(ops.convert_to_tensor(x), **call)), *layer.get_weights()])
    return results


def assert_same(ours, keras_layer, shape=(2, 11, 12, 4), **call):
    for one, other in zip(*both(ours, keras_layer, shape, **call), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-5 * max(1.0, np.abs(other).max()))


@pytest.mark.parametrize(("size", "strides", "padding"), WINDOWS)
def test_convolution_and_pooling(size, strides, padding):
    window = {"strides": strides, "padding": padding}
    assert_same(layers.Conv2D(6, size, **window), keras.layers.Conv2D(6, size, **window))
    assert_same(layers.DepthwiseConv2D(size, **window), keras.layers.DepthwiseConv2D(size, **window))
    assert_same(layers.MaxPooling2D(size, **window), keras.layers.MaxPooling2D(size, **window))
    assert_same(layers.AveragePooling2D(size, **window), keras.layers.AveragePooling2D(size, **window))


@pytest.mark.parametrize(
    ("layer", "order"), [(layers.Conv2D(6, 3), (3, 0, 1, 2)), (layers.DepthwiseConv2D(3), (2, 3, 0, 1))]
)
def test_kernel_lies_as_pytorch_reads_it(layer, order):
    layer.build((None, 8, 8, 4))
    copy = type(layer).from_config(layer.get_config())
    copy.build((None, 8, 8, 4))
    copy.set_weights(layer.get_weights())
    for one, other in zip(copy.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    if keras.config.backend() == "torch":
        for each in (layer, copy):
            assert each.kernel.value.permute(*order).is_contiguous()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_dilation_groups_multiplier_activation_and_bias(padding):
    options = {"dilation_rate": 2, "padding": padding, "activation": "relu"}
    assert_same(layers.Conv2D(6, 3, groups=2, **options), keras.layers.Conv2D(6, 3, groups=2, **options))
    options |= {"depth_multiplier": 2, "use_bias": False}
    assert_same(layers.DepthwiseConv2D(3, **options), keras.layers.DepthwiseConv2D(3, **options))
    uneven = {"strides": (1, 2), "padding": padding}
    assert_same(layers.Conv2D(2, (3, 2), **uneven), keras.layers.Conv2D(2, (3, 2), **uneven))
    assert_same(layers.MaxPooling2D((3, 2), **uneven), keras.layers.MaxPooling2D((3, 2), **uneven))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}, {"momentum": 0.7, "epsilon": 0.1}])
def test_batch_normalization(training, options):
    theirs = keras.layers.BatchNormalization(**{"momentum": 0.9, "epsilon": 1e-5, **options})
    assert_same(layers.BatchNormalization(**options), theirs, training=training)
    theirs = keras.layers.BatchNormalization(**{"momentum": 0.9, "epsilon": 1e-5, **options})
    assert_same(layers.BatchNormalization(**options), theirs, shape=(5, 4), training=training)


@pytest.mark.parametrize("options", [{}, {"center": False, "scale": False, "groups": -1}])
@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (5, 4)])
def test_group_normalization(options, shape):
    options = {"groups": 2, "epsilon": 1e-5, **options}
    assert_same(layers.GroupNormalization(**options), keras.layers.GroupNormalization(**options), shape=shape)


def test_normalization_of_large_means():
    """Features such as years or pressures in hPa: E[x^2] - E[x]^2 in float32 is -0.2 where the variance is 0.01."""
    x = np.random.default_rng(0).normal(1000, 0.1, (64, 8)).astype("float32")
    for layer, axis, options in (
        (layers.BatchNormalization(), 0, {"training": True}),
        (layers.GroupNormalization(1), 1, {}),
        (keras.layers.LayerNormalization(epsilon=1e-5), 1, {}),
    ):
        exact = x.astype("float64") - x.mean(axis=axis, keepdims=True, dtype="float64")
        exact /= np.sqrt(np.mean(exact**2, axis=axis, keepdims=True) + 1e-5)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(x, **options)), exact, atol=0.02)


def test_frozen_batch_normalization_does_not_learn():
    layer = layers.BatchNormalization()
    layer.build((4, 3))
    layer.trainable = False
    before = layer.get_weights()
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    y = layer(ops.convert_to_tensor(x), training=True)
    np.testing.assert_allclose(ops.convert_to_numpy(y), x / np.sqrt(1 + 1e-5), rtol=1e-5)
    for one, other in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_of_batch_normalization_are_those_of_keras():
    x = np.random.default_rng(0).normal(size=(6, 5, 4, 3)).astype("float32")
    gradients = []
    for layer in (layers.BatchNormalization(), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)):
        layer.build(x.shape)

        def loss(x, layer=layer):
            return ops.sum(ops.sin(layer(x, training=True)))

        of_tensors = course_ops.functional(loss, [])  # drops the new moving averages
        gradients.append(ops.convert_to_numpy(course_ops.grad(lambda x, f=of_tensors: f([], x))(x)))
    np.testing.assert_allclose(*gradients, atol=1e-5)


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_half_precision(policy):
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 6, 6, 3)), dtype="bfloat16")
    for layer in (
        layers.Conv2D(4, 3, dtype=policy),
        layers.DepthwiseConv2D(3, dtype=policy),
        layers.MaxPooling2D(2, dtype=policy),
        layers.BatchNormalization(dtype=policy),
        layers.GroupNormalization(3, dtype=policy),
        layers.LayerScale(dtype=policy),
    ):
        y = layer(x, training=True) if isinstance(layer, layers.BatchNormalization) else layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"


def test_statistics_of_a_batch_are_not_summed_in_half_precision():
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(20, 1, (500, 3)), dtype="bfloat16")
    exact = ops.convert_to_numpy(ops.cast(x, "float32")).astype("float64")
    expected = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + 1e-5)
    y = ops.cast(layers.BatchNormalization(dtype="bfloat16")(x, training=True), "float32")
    np.testing.assert_allclose(ops.convert_to_numpy(y), expected, atol=0.02)


@pytest.mark.skipif(keras.config.backend() == "jax", reason="JAX has no float64 unless it is told so")
def test_double_precision_stays_double():
    x = np.random.default_rng(0).normal(1e4, 1, (50, 3))
    layer = layers.BatchNormalization(dtype="float64")
    y = ops.convert_to_numpy(layer(ops.convert_to_tensor(x, dtype="float64"), training=True))
    assert y.dtype == "float64"
    np.testing.assert_allclose(y, (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5), atol=1e-9)


@pytest.fixture
def channels_first():
    """Keras, told to have channels first, as a user's keras.json may."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


def test_channels_are_last_whatever_keras_is_told(channels_first):
    x = ops.ones((1, 9, 7, 3))
    for layer, shape in (
        (layers.Conv2D(2, 3), (1, 7, 5, 2)),
        (layers.DepthwiseConv2D(3), (1, 7, 5, 3)),
        (layers.MaxPooling2D(2), (1, 4, 3, 3)),
        (layers.AveragePooling2D(2, padding="same"), (1, 5, 4, 3)),
    ):
        assert tuple(layer(x).shape) == tuple(layer.compute_output_shape(x.shape)) == shape


def test_integers_for_pairs_and_in_a_padded_window():
    x = ops.convert_to_tensor(np.full((1, 3, 3, 1), -5, "int32"))
    y = course_ops.max_pool2d(x, 2, strides=2, padding="same")
    assert ops.convert_to_numpy(y).ravel().tolist() == [-5] * 4
    assert course_ops.conv2d([[[[1.0]] * 4] * 4], ops.ones((2, 2, 1, 1)), strides=2, dilation=1).shape == (1, 2, 2, 1)


def test_layer_scale():
    layer = layers.LayerScale(start=0.25)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(ops.ones((2, 3)))), np.full((2, 3), 0.25))
    assert [w.shape for w in layer.trainable_weights] == [(3,)]
    assert layers.LayerScale.from_config(layer.get_config()).start == 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(2, 3, data_format="channels_first"), "data_format='channels_first' is none of"),
        (lambda: layers.MaxPooling2D(2, data_format="channels_first"), "data_format='channels_first' is none of"),
        (lambda: layers.BatchNormalization(axis=1), "axis=1 must be -1"),
        (lambda: layers.BatchNormalization(renorm=True), "renorm=True"),
        (lambda: layers.BatchNormalization(momentum=1.5), r"momentum=1\.5 must be in \[0, 1\)"),
        (lambda: layers.BatchNormalization(epsilon=0.0), r"epsilon=0\.0 must be a finite number above 0"),
        (lambda: layers.GroupNormalization(2, axis=1), "axis=1 must be -1"),
        (lambda: layers.GroupNormalization(0), "groups=0 must be a whole number"),
        (lambda: layers.GroupNormalization(2, epsilon=float("nan")), "epsilon=nan must be a finite number above 0"),
        (lambda: layers.DepthwiseConv2D(3, strides=(1, 2)), r"strides=\(1, 2\) must be the same along both"),
        (lambda: layers.LayerScale(start=None), "start=None must be a finite number"),
    ],
)
def test_what_would_be_ignored_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
