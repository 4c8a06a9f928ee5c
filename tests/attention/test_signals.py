"""The toy problem: its data, and what the network in the middle can see."""

import keras
import numpy as np
import pytest

from keras_course.attention import BinaryPositions, signal_network
from keras_course.datasets import shape_signals
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy


def shapes(signal):
    """Return (first position, width, height, whether a rectangle) of each shape in a signal without its axis."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], signal > 0, [0]])))
    return [
        (a, b - a, signal[a:b].max(), np.ptp(signal[a:b]) < 1e-4) for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def height(shape):
    """Return the height of a shape: a triangle of even width has no sample at its tip."""
    _, width, highest, is_rectangle = shape
    return highest if is_rectangle or width % 2 else highest / (1 - 1 / width)


@pytest.mark.parametrize("pairs", ["shape", "position"])
def test_targets_have_the_mean_heights_of_pairs(pairs):
    x, y = shape_signals(300, pairs=pairs, seed=1)
    checked = 0
    for signal, target in zip(x[..., 0], y[..., 0], strict=True):
        before, after = shapes(signal), shapes(target)
        if len(before) != 4:  # neighbors touch
            continue
        checked += 1
        assert [row[:2] for row in before] == [row[:2] for row in after]
        for i, row in enumerate(after):
            same = [j for j in range(4) if (before[j][3] == row[3] if pairs == "shape" else j // 2 == i // 2)]
            assert len(same) == 2
            assert height(row) == pytest.approx(np.mean([height(before[j]) for j in same]), rel=1e-4)
    assert checked > 100


def test_signals_do_not_depend_on_the_backend_and_differ_by_seed():
    (x, _), (other, _) = shape_signals(2, seed=0), shape_signals(2, seed=1)
    assert x.sum() == pytest.approx(shape_signals(2, seed=0)[0].sum()) != pytest.approx(other.sum())
    assert (shape_signals(500, length=44)[0] > 0).any(axis=(0, 2)).all()


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
