"""Upsampling: the transposed convolution, and what can be used in its place.

Notation: a convolution is a matrix, vec(y) = T vec(x); the transposed convolution is the product with its transpose,
vec(x') = T^t vec(y). It has the shapes of the inverse, but it is not the inverse.
"""

import numpy as np

from keras_course.checks import as_floats, finite, validate, whole


@validate(stride=whole(1, 100), padding=whole(0, 1_000))
def transposed_conv2d(y, kernel, *, stride=1, padding=0) -> np.ndarray:
    """Return the transposed convolution of an image, by loops: each element of y adds a scaled kernel to the output.

    The output begins with zeros, and for each i, j, a, b and c:

        x[i s + a - p, j s + b - p, c] += sum_o w[a, b, c, o] y[i, j, o]

    It is the transpose of `keras_course.convnets.conv2d` with the same kernel: <conv(x), y> = <x, transposed(y)>, and
    its matrix is `toeplitz_matrix(kernel, shape of x).T`.

    Args:
        y: (h, w), or (h, w, C_out) with channels.
        kernel: (k_h, k_w), or (k_h, k_w, C_in, C_out) with channels.
        stride: s of the convolution; here it puts s - 1 empty rows and columns between the kernels.
        padding: p of the convolution; here it cuts p rows and columns off each side.

    Returns:
        An array ((h - 1) s + k_h - 2 p, (w - 1) s + k_w - 2 p), with C_in channels, float64.

    Raises:
        ValueError: shapes do not fit, numbers are not finite, nothing is left of the output, or an argument is out of
            range.

    References:
        A guide to convolution arithmetic for deep learning, Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> from keras_course.vision import transposed_conv2d
        >>> transposed_conv2d([[1, 2]], [[1, 10], [100, 1000]], stride=2).astype(int).tolist()
        [[1, 10, 2, 20], [100, 1000, 200, 2000]]
    """
    y, kernel = as_floats("y", y), as_floats("kernel", kernel)
    plain = kernel.ndim == 2
    if (y.ndim, kernel.ndim) not in ((2, 2), (3, 4)) or 0 in y.shape + kernel.shape:
        raise ValueError(
            f"y has shape {y.shape} and kernel {kernel.shape}; they must be (h, w) and (k_h, k_w), or (h, w, C_out) "
            "and (k_h, k_w, C_in, C_out)"
        )
    y, kernel = (y[..., None], kernel[..., None, None]) if plain else (y, kernel)
    if y.shape[-1] != kernel.shape[-1]:
        raise ValueError(f"y has {y.shape[-1]} channels, but kernel of shape {kernel.shape} takes {kernel.shape[-1]}")
    finite(y=y, kernel=kernel)
    size = [(n - 1) * stride + k for n, k in zip(y.shape, kernel.shape[:2], strict=False)]
    if min(size) <= 2 * padding:
        raise ValueError(f"padding={padding} leaves nothing of an output of {size[0]} x {size[1]}")
    x = np.zeros((*size, kernel.shape[2]))
    for i, j in np.ndindex(y.shape[:2]):
        for a, b in np.ndindex(kernel.shape[:2]):
            x[i * stride + a, j * stride + b] += kernel[a, b] @ y[i, j]
    x = x[padding : size[0] - padding, padding : size[1] - padding]
    return x[..., 0] if plain else x
