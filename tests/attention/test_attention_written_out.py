"""Attention written out beside the layers of Keras and of this package, and positions."""

import keras
import numpy as np
import pytest

from keras_course import layers
from keras_course.attention import (
    SinusoidalPositions,
    additive_attention,
    multi_head_attention,
    scaled_dot_attention,
    sinusoidal_positions,
)

RNG = np.random.default_rng(0)
array = keras.ops.convert_to_numpy


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_additive_attention_equals_that_of_keras():
    q, k, v, w_q, w_k, w = (normal(*s) for s in ((2, 3, 5), (2, 4, 6), (2, 4, 7), (5, 8), (6, 8), (8,)))
    mask = np.array([[True, True, True, False], [True, False, True, True]])
    y, weights = additive_attention(q, k, v, w_q, w_k, w, mask=mask[:, None])
    layer = keras.layers.AdditiveAttention()
    layer.build([(2, 3, 8), (2, 4, 7), (2, 4, 8)])
    layer.scale.assign(w)
    expected = layer([q @ w_q, v, k @ w_k], mask=[None, mask], return_attention_scores=True)
    np.testing.assert_allclose(array(y), array(expected[0]), atol=1e-5)
    np.testing.assert_allclose(array(weights), array(expected[1]), atol=1e-5)


def test_multi_head_attention_equals_the_layer():
    x, context = normal(2, 5, 8), normal(2, 4, 6)
    layer = layers.MultiHeadAttention(2, use_bias=False, qkv_bias=False)
    mask = RNG.random((2, 5, 4)) < 0.7
    mask[0, 0] = False
    expected, weights = layer(x, context, attention_mask=mask, return_weights=True)
    w_q, (w_k, w_v) = array(layer.query.kernel), np.split(array(layer.key_value.kernel), 2, axis=1)
    args = (x, context, w_q, w_k, w_v, layer.projection.kernel)
    y, found = multi_head_attention(*args, num_heads=2, mask=mask)
    np.testing.assert_allclose(array(found), array(weights), atol=1e-5)
    np.testing.assert_allclose(array(y), array(expected), atol=1e-5)
    assert not array(found)[0, :, 0].any()
    assert np.isfinite(array(y)).all()
    one, same = (multi_head_attention(*args, num_heads=2, mask=m)[0] for m in (mask[1], mask[1:].repeat(2, axis=0)))
    np.testing.assert_array_equal(array(one), array(same))  # a mask (T, N) is the same for all sequences


def test_attention_does_not_see_the_order_of_keys_and_keeps_that_of_queries():
    q, k, v, order = normal(1, 4, 8), normal(1, 6, 8), normal(1, 6, 3), RNG.permutation(6)
    y, weights = map(array, scaled_dot_attention(q, k, v))
    shuffled, weights_shuffled = map(array, scaled_dot_attention(q, k[:, order], v[:, order]))
    np.testing.assert_allclose(shuffled, y, atol=1e-5)
    np.testing.assert_allclose(weights_shuffled, weights[:, :, order], atol=1e-6)
    np.testing.assert_allclose(array(scaled_dot_attention(q[:, ::-1], k, v)[0]), y[:, ::-1], atol=1e-5)


def test_sinusoidal_positions_turn_by_the_distance():
    table = sinusoidal_positions(50, 16).astype("float64").reshape(50, 8, 2)
    for k in (1, 7):
        angles = k * 10_000.0 ** (-np.arange(8) / 8)
        turn = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])  # of (sin, cos)
        np.testing.assert_allclose(table[k:], np.einsum("abi,tib->tia", turn, table[:-k]), atol=1e-5)
    layer, x = SinusoidalPositions(50), normal(1, 50, 16)
    np.testing.assert_allclose(array(layer(x))[0], 4 * x[0] + table.reshape(50, 16), atol=1e-5)
    np.testing.assert_allclose(
        array(layer.decode(keras.ops.array(x[:, 3:5]), None, 3)[0]), array(layer(x))[:, 3:5], atol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: scaled_dot_attention(x, x[:, :2], x), "as many positions"),
        (lambda x: scaled_dot_attention(x, x[..., :2], x), "last axes must be equal"),
        (lambda x: additive_attention(x, x, x, normal(4, 8), normal(4, 8), normal(7)), "w_q has shape"),
        (lambda x: multi_head_attention(x, x, *[normal(4, 4)] * 4, num_heads=3), "num_heads=3 must divide"),
        (lambda x: multi_head_attention(x, x, *[normal(4, 5)] * 4, num_heads=2), "w_q has shape"),
        (lambda x: scaled_dot_attention(x, x, x, mask=np.ones((1, 3, 2), bool)), "mask must be booleans"),
        (
            lambda x: scaled_dot_attention(x, x, x, mask=np.ones((4, 5), bool)),
            r"mask must be booleans that broadcast to \(B, T, N\) = \(2, 3, 3\), got bool \(4, 5\)",
        ),
        (lambda x: scaled_dot_attention(x, x, x, mask=np.ones((1, 1, 3, 3), bool)), r"got bool \(1, 1, 3, 3\)"),
        (lambda x: scaled_dot_attention(x, x, x, mask=np.zeros((1, 3, 3))), "mask must be booleans"),
        (lambda x: sinusoidal_positions(4, 3), "hidden_dim=3 must be even"),
        (lambda x: SinusoidalPositions(2)(x), "longer than context_length=2"),
    ],
)
def test_shapes_that_do_not_fit(call, named):
    with pytest.raises(ValueError, match=named):
        call(normal(2, 3, 4))
