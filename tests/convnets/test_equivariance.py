"""Convolutions move with their input and dense layers do not; pooling over all positions does not notice; pixels."""

import keras
import numpy as np
import pytest
from keras import layers as L

from keras_course.convnets import equivariance_error, invariance_error, permute_pixels

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 16, 16, 3)).astype("float32")


def chain(*layers):
    return keras.Sequential([keras.Input((16, 16, 3)), *layers])


@pytest.mark.parametrize("shift", [1, (0, -2), (3, 1)])
def test_a_convolution_commutes_with_a_shift_in_the_interior(shift):
    model = chain(L.Conv2D(4, 3, padding="same", activation="relu"), L.DepthwiseConv2D(3, padding="same"))
    assert equivariance_error(model, X, shift, border=5) < 1e-5
    assert equivariance_error(model, X, shift, border=0) > 1e-2  # padding, and what came in on the other side


def test_a_dense_layer_does_not():
    model = chain(L.Flatten(), L.Dense(256), L.Reshape((16, 16, 1)))
    assert equivariance_error(model, X, 1) > 0.1


def test_strides_move_by_a_part_of_the_shift():
    model = chain(L.Conv2D(4, 3, strides=2, padding="same"), L.MaxPooling2D(2))
    assert equivariance_error(model, X, 4, stride=4, border=1) < 1e-5
    assert equivariance_error(model, X, (4, 0), stride=4) < 1e-5
    assert equivariance_error(model, X, 4, stride=2, border=1) > 0.1


def test_circular_padding_leaves_no_border():
    kernel = RNG.normal(size=(3, 3))

    def circular(x):
        return sum(kernel[a, b] * np.roll(x, (a, b), axis=(1, 2)) for a in range(3) for b in range(3))

    assert equivariance_error(circular, X, 5, border=0) < 1e-12


def test_errors_are_relative():
    mirror = lambda x: x[:, ::-1]  # noqa: E731
    for error in (equivariance_error, invariance_error):
        assert error(lambda x: 100 * mirror(x), X, 1) == pytest.approx(error(mirror, X, 1), rel=1e-6)


def test_invariance():
    image = np.zeros((1, 16, 16, 3), "float32")
    image[:, 5:10, 5:10] = RNG.normal(size=(5, 5, 3))  # far from the border
    pooled = chain(L.Conv2D(4, 3, padding="same", use_bias=False), L.GlobalMaxPooling2D())
    assert invariance_error(pooled, image, 2) < 1e-5
    assert invariance_error(chain(L.Flatten(), L.Dense(4)), image, 2) > 0.05
    assert invariance_error(lambda x: x, image, (16, -16)) == 0  # once around
    assert invariance_error(lambda x: 0 * x, image, 1) == 0


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 4, 6, 3)])
def test_one_permutation_for_all_images(shape):
    x = RNG.normal(size=shape)
    y = permute_pixels(x, seed=3)
    assert y.shape == x.shape
    assert not np.array_equal(x, y)
    np.testing.assert_array_equal(permute_pixels(y, seed=3, inverse=True), x)
    np.testing.assert_array_equal(permute_pixels(x[2:3], seed=3), y[2:3])
    pixels = [{np.array(pixel).tobytes() for pixel in image.reshape(24, -1)} for image in (x[0], y[0])]
    assert pixels[0] == pixels[1]
    assert not np.array_equal(permute_pixels(x, seed=4), y)
    assert permute_pixels(np.zeros((1, 2, 2), "uint8")).dtype == "uint8"


def test_a_perceptron_does_not_care_about_the_order_of_pixels():
    """With its first layer's rows moved alike, it gives the same outputs on permuted pixels."""
    model, other = (chain(L.Flatten(), L.Dense(8, activation="relu"), L.Dense(4)) for _ in range(2))
    kernel, *rest = model.get_weights()
    rows = np.moveaxis(kernel.reshape(16, 16, 3, 8), -1, 0)  # (8, 16, 16, 3): what each unit looks for
    moved = np.moveaxis(permute_pixels(rows, seed=1), 0, -1).reshape(kernel.shape)
    other.set_weights([moved, *rest])
    expected, found = (keras.ops.convert_to_numpy(m(x)) for m, x in ((model, X), (other, permute_pixels(X, seed=1))))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: equivariance_error(abs, X[0], 1), r"x has shape \(16, 16, 3\); it must be images \(B, H, W, C\)"),
        (lambda: equivariance_error(abs, X, 0.5), r"shift=0\.5 must be a whole number of pixels, or a pair"),
        (lambda: equivariance_error(abs, X, (1, 2, 3)), r"shift=\(1, 2, 3\)"),
        (lambda: equivariance_error(abs, X, 1, stride=2), r"stride=2 must divide shift=\(1, 1\)"),
        (lambda: equivariance_error(abs, X, 1, stride=0), "stride=0"),
        (lambda: equivariance_error(abs, X, 1, border=8), "border=8 leaves nothing of the 16 x 16 outputs"),
        (lambda: equivariance_error(abs, X, 1, border=-1), "border=-1"),
        (lambda: equivariance_error(lambda x: x[:, 0], X, 1), r"fn\(x\) has shape \(2, 16, 3\)"),
        (lambda: invariance_error(abs, X * np.nan, 1), "entries that are not finite"),
        (lambda: invariance_error(abs, X * 1j, 1), "x must be an array of numbers: it holds complex ones"),
        (lambda: invariance_error(abs, X, True), "shift=True"),
        (lambda: permute_pixels(X[0, 0]), r"x has shape \(16, 3\)"),
        (lambda: permute_pixels(X[:0]), r"x has shape \(0, 16, 16, 3\)"),
        (lambda: permute_pixels(X, seed=-1), "seed=-1"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
