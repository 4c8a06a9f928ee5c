"""Convolutions from loops equal Keras's and a product with their Toeplitz matrix; the size of what they give."""

import itertools

import numpy as np
import pytest
from keras import ops

from keras_course.convnets import conv1d, conv2d, conv_output_size, toeplitz_matrix

RNG = np.random.default_rng(0)
SETTINGS = [(1, 0, 1), (2, 0, 1), (1, 2, 1), (1, 0, 2), (3, 1, 1), (2, 3, 2)]
X = [[4, 5, 8, 7], [1, 8, 8, 8], [3, 6, 6, 4], [6, 5, 7, 8]]
KERNEL = [[1, 4, 1], [1, 4, 3], [3, 3, 1]]
Y = [[122, 148], [126, 134]]


def settings(stride, padding, dilation):
    return {"stride": stride, "padding": padding, "dilation": dilation}


def native(x, kernel, stride, padding, dilation):
    """Keras strides and dilates at once only on some backends, so the dilated kernel is written out."""
    rank = kernel.ndim - 2
    wide = np.zeros((*((k - 1) * dilation + 1 for k in kernel.shape[:rank]), *kernel.shape[rank:]))
    wide[tuple([slice(None, None, dilation)] * rank)] = kernel
    padded = np.pad(x, [(padding, padding)] * rank + [(0, 0)])[None]
    return ops.convert_to_numpy(ops.conv(padded.astype("float32"), wide.astype("float32"), strides=stride))[0]


def test_the_example_of_the_lecture():
    np.testing.assert_array_equal(conv2d(X, KERNEL), Y)
    matrix = toeplitz_matrix(KERNEL, (4, 4))
    np.testing.assert_array_equal(matrix @ np.ravel(X), np.ravel(Y))
    assert matrix.shape == (4, 16)
    assert np.count_nonzero(matrix) == 4 * 9


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("shape", [(2, 3), (4, 2)])
def test_loops_equal_keras_and_toeplitz_in_two_dimensions(setting, shape):
    x, kernel = RNG.normal(size=(8, 11, 3)), RNG.normal(size=(*shape, 3, 2))
    y = conv2d(x, kernel, **settings(*setting))
    np.testing.assert_allclose(y, native(x, kernel, *setting), rtol=1e-4, atol=1e-4)
    matrix = toeplitz_matrix(kernel, x.shape, **settings(*setting))
    np.testing.assert_allclose(matrix @ x.ravel(), y.ravel(), atol=1e-12)
    plain = conv2d(x[..., 0], kernel[..., 0, 0], **settings(*setting))
    np.testing.assert_allclose(plain, conv2d(x[..., :1], kernel[..., :1, :1], **settings(*setting))[..., 0])


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("width", [1, 3, 4])
def test_loops_equal_keras_and_toeplitz_in_one_dimension(setting, width):
    x, kernel = RNG.normal(size=(12, 3)), RNG.normal(size=(width, 3, 2))
    y = conv1d(x, kernel, **settings(*setting))
    np.testing.assert_allclose(y, native(x, kernel, *setting), rtol=1e-4, atol=1e-4)
    matrix = toeplitz_matrix(kernel, x.shape, **settings(*setting))
    np.testing.assert_allclose(matrix @ x.ravel(), y.ravel(), atol=1e-12)


def test_without_flipping_it_is_a_correlation():
    x, kernel = RNG.normal(size=20), RNG.normal(size=5)
    np.testing.assert_allclose(conv1d(x, kernel), np.correlate(x, kernel, mode="valid"), atol=1e-12)
    np.testing.assert_allclose(conv1d(x, kernel[::-1]), np.convolve(x, kernel, mode="valid"), atol=1e-12)


def test_a_matrix_of_toeplitz_is_constant_on_its_diagonals():
    matrix = toeplitz_matrix(RNG.normal(size=3), (8,), padding=1)
    for offset in range(-7, 8):
        assert len(set(np.diagonal(matrix, offset))) == 1


def test_output_size_counts_the_positions():
    for n, k, s, p, d in itertools.product(range(1, 9), range(1, 5), range(1, 4), range(3), range(1, 3)):
        starts = [i for i in range(0, n + 2 * p, s) if i + d * (k - 1) < n + 2 * p]
        if starts:
            assert conv_output_size(n, k, stride=s, padding=p, dilation=d) == len(starts)
        else:
            with pytest.raises(ValueError, match=f"kernel_size={k} .* size={n} with padding={p}"):
                conv_output_size(n, k, stride=s, padding=p, dilation=d)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv_output_size(0, 3), "size=0 must be a whole number, at least 1"),
        (lambda: conv_output_size(5, 3, stride=0), "stride=0"),
        (lambda: conv_output_size(5, 3, padding=-1), "padding=-1 must be a whole number, at least 0"),
        (lambda: conv_output_size(5, 3, dilation=1.5), r"dilation=1\.5"),
        (lambda: conv_output_size(5, 3, dilation=3), "spans 7 positions, but size=5 with padding=0 has 5"),
        (lambda: conv2d(X, np.ones((5, 2))), "kernel_size=5 with dilation=1 spans 5"),
        (lambda: conv2d(X, [1, 2]), r"x has shape \(4, 4\) and kernel \(2,\); they must be \(H, W\)"),
        (lambda: conv2d(X, np.ones((2, 2, 1, 1))), r"x has shape \(4, 4\)"),
        (lambda: conv2d(X, np.ones((0, 2))), r"kernel \(0, 2\)"),
        (lambda: conv2d(np.ones((4, 4, 3)), np.ones((2, 2, 1, 5))), "x has 3 channels, but kernel"),
        (lambda: conv2d([[np.nan]], [[1]]), "must be finite"),
        (lambda: conv2d([["a"]], [[1]]), "x must be an array of numbers"),
        (lambda: conv2d([[1]], [[1j]]), "kernel must be an array of numbers: it holds complex ones"),
        (lambda: conv1d(X, [1, 2]), r"they must be \(n,\) and \(k,\)"),
        (lambda: conv1d([1, 2, 3], [1, 2], stride=True), "stride=True"),
        (lambda: conv1d([1, 2, 3], [1, 2], padding=-1), "padding=-1"),
        (lambda: toeplitz_matrix([1, 2], (4, 4)), r"x has shape \(4, 4\) and kernel \(2,\)"),
        (lambda: toeplitz_matrix([1, 2], (0,)), r"input_shape\[0\]=0"),
        (lambda: toeplitz_matrix([1, 2], 4), "input_shape=4 must be a tuple"),
        (lambda: toeplitz_matrix(1.0, (4,)), r"kernel \(\)"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
