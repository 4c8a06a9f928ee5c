"""The network of the toy problem: what its layer in the middle can see."""

import keras
import numpy as np

from keras_course.attention import BinaryPositions, signal_network
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy


def test_only_attention_sees_far():
    x = np.zeros((1, 100, 1), "float32")
    far = x.copy()
    far[0, 90] = 5.0
    for attention in (False, True):
        model = portable_init(signal_network((100, 1), hidden_dim=8, attention=attention), seed=0)
        change = np.abs(array(model(far)) - array(model(x)))[0, :, 0]
        assert (change[:70].max() > 1e-6) == attention


def test_attention_without_positions_does_not_see_the_order():
    """Two shapes change places: so do the outputs, unless positions are known."""
    x = np.zeros((1, 100, 1), "float32")
    x[0, 20:26, 0], x[0, 70:76, 0] = 1.0, np.arange(6)
    swapped = x.copy()
    swapped[0, 20:26], swapped[0, 70:76] = x[0, 70:76], x[0, 20:26]
    for positions in (False, True):
        model = portable_init(signal_network((100, 1), hidden_dim=8, positions=positions), seed=0)
        y, other = array(model(x))[0], array(model(swapped))[0]
        assert np.allclose(y[20:26], other[70:76], atol=1e-5) != positions


def test_binary_positions_count():
    digits = array(BinaryPositions(7)(np.zeros((1, 100, 2), "float32")))[0, :, 2:]
    np.testing.assert_array_equal(digits @ 2.0 ** np.arange(7), np.arange(100))
