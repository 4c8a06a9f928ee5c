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
        layers.LayerScale(dtype=policy),
    ):
        y = layer(x, training=True) if isinstance(layer, layers.BatchNormalization) else layer(x)
        assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"


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
    ],
)
def test_what_would_be_ignored_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
