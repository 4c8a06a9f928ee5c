"""Calls that tests make in one program are the calls that they stand for."""

import keras
import numpy as np

from keras_course.layers import MultiHeadAttention

array, RNG = keras.ops.convert_to_numpy, np.random.default_rng(1)


def test_a_second_call_runs_the_same_program(called_at_once):
    class Counting(keras.layers.Layer):
        calls = 0

        def call(self, x):
            Counting.calls += 1
            return x

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), Counting(), keras.layers.Dropout(0.5)])
    before = Counting.calls
    for _ in range(3):
        model(np.ones((2, 4), "float32"))
    assert Counting.calls - before == (1 if keras.config.backend() == "jax" else 3)


def test_arguments_noise_and_changed_attributes_count(called_at_once):
    x, masks = RNG.normal(size=(2, 5, 8)).astype("float32"), RNG.random((2, 2, 5, 5)) < 0.5
    layer = MultiHeadAttention(2)
    layer(x)
    for _ in range(2):
        for mask in masks:
            expected = layer.call(keras.ops.array(x), attention_mask=keras.ops.array(mask))
            np.testing.assert_allclose(array(layer(x, attention_mask=mask)), array(expected), atol=1e-5)
    model = keras.Sequential([keras.Input((50,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    ones = np.ones((1, 50), "float32")
    assert (array(model(ones, training=True)) != array(model(ones, training=True))).any()
    model.layers[0].rate = 0.0
    np.testing.assert_allclose(array(model(ones, training=True)), array(model(ones)), atol=1e-5)
    model.layers[1].kernel.assign(0 * model.layers[1].kernel)
    assert not array(model(ones)).any()
