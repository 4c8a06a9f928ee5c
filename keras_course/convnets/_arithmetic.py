"""What a convolution computes: loops over positions, the size of its output, and the matrix that it is.

Notation: x the input and w the kernel, k its size along an axis; s stride, p padding (zeros on each side), d dilation
(distance between neighboring taps). Positions are i, j, taps are a, b. As in every library, "convolution" means the
cross-correlation: the kernel is not flipped.
"""

import numpy as np

from keras_course.checks import as_floats, validate, whole, whole_numbers


@validate(size=whole(1), kernel_size=whole(1), stride=whole(1), dilation=whole(1), padding=whole(0))
def conv_output_size(size, kernel_size, *, stride=1, padding=0, dilation=1) -> int:
    """Return how many outputs a convolution or pooling gives along one axis.

    The taps span d (k - 1) + 1 of the n + 2 p positions, and the first starts at every s-th that leaves room:

        m = floor((n + 2 p - d (k - 1) - 1) / s) + 1

    Args:
        size: n, at least 1.
        kernel_size: k, at least 1.
        stride: s, at least 1.
        padding: p, zeros on each side, at least 0.
        dilation: d, at least 1.

    Returns:
        m, an integer of at least 1.

    Raises:
        ValueError: an argument is out of range, or the kernel is larger than the padded input.

    References:
        A guide to convolution arithmetic for deep learning, Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285

    Example:
        >>> from keras_course.convnets import conv_output_size
        >>> conv_output_size(5, 3, stride=2), conv_output_size(224, 7, stride=2, padding=3)
        (2, 112)
    """
    span, room = dilation * (kernel_size - 1) + 1, size + 2 * padding
    if span > room:
        raise ValueError(
            f"kernel_size={kernel_size} with dilation={dilation} spans {span} positions, "
            f"but size={size} with padding={padding} has {room}"
        )
    return (room - span) // stride + 1


def conv1d(x, kernel, *, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Convolve a sequence by loops over positions and taps.

    Takes x `(n,)` and a kernel `(k,)`, or with channels x `(n, C_in)` and a kernel `(k, C_in, C_out)`; gives `(m,)` or
    `(m, C_out)`. Output channel o is the sum over input channels c:

        y[i, o] = sum_a sum_c w[a, c, o] x[i s + a d - p, c]

    Args:
        x: the sequence.
        kernel: the weights.
        stride: s, at least 1.
        padding: p, zeros on each side, at least 0.
        dilation: d, at least 1.

    Returns:
        y, float64.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or an argument out of range.

    Example:
        >>> from keras_course.convnets import conv1d
        >>> conv1d([1, 2, 4, 8, 16], [-1, 1]).tolist()
        [1.0, 2.0, 4.0, 8.0]
    """
    x, kernel, (m,), plain = _prepare(x, kernel, 1, stride, padding, dilation)
    padded = np.pad(x, [(padding, padding), (0, 0)])
    y = np.zeros((m, kernel.shape[-1]))
    for i in range(m):
        for a in range(len(kernel)):
            y[i] += padded[i * stride + a * dilation] @ kernel[a]  # (C_in,) @ (C_in, C_out)
    return y[..., 0] if plain else y


def conv2d(x, kernel, *, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Convolve an image by loops over positions and taps.

    Takes x `(H, W)` and a kernel `(k_h, k_w)`, or with channels x `(H, W, C_in)` and a kernel
    `(k_h, k_w, C_in, C_out)`; gives `(h, w)` or `(h, w, C_out)`. Output channel o is the sum over input channels c:

        y[i, j, o] = sum_{a, b} sum_c w[a, b, c, o] x[i s + a d - p, j s + b d - p, c]

    Args:
        x: the image.
        kernel: the weights.
        stride: s, the same along both axes, at least 1.
        padding: p, zeros on all four sides, at least 0.
        dilation: d, the same along both axes, at least 1.

    Returns:
        y, float64.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or an argument out of range.

    Example:
        >>> from keras_course.convnets import conv2d
        >>> x = [[4, 5, 8, 7], [1, 8, 8, 8], [3, 6, 6, 4], [6, 5, 7, 8]]
        >>> conv2d(x, [[1, 4, 1], [1, 4, 3], [3, 3, 1]]).tolist()
        [[122.0, 148.0], [126.0, 134.0]]
    """
    x, kernel, (h, w), plain = _prepare(x, kernel, 2, stride, padding, dilation)
    padded = np.pad(x, [(padding, padding), (padding, padding), (0, 0)])
    y = np.zeros((h, w, kernel.shape[-1]))
    for i in range(h):
        for j in range(w):
            for a, b in np.ndindex(kernel.shape[:2]):
                y[i, j] += padded[i * stride + a * dilation, j * stride + b * dilation] @ kernel[a, b]
    return y[..., 0] if plain else y


def _check_shape(input_shape):
    whole_numbers(1, input_shape=input_shape)
    if not input_shape:
        raise ValueError("input_shape=() must have an axis, (n,) for a sequence")


@validate(input_shape=_check_shape)
def toeplitz_matrix(kernel, input_shape, *, stride=1, padding=0, dilation=1) -> np.ndarray:
    """Return the sparse matrix by which a convolution multiplies its flattened input.

    Every row holds the same few weights, moved by one stride from row to row; along a sequence the matrix is constant
    on its diagonals (a Toeplitz matrix), for an image its blocks are:

        vec(y) = T vec(x),  T[(i, o), (i s + a d - p, c)] = w[a, c, o]

    A dense layer may fill all of T with weights of their own. Locality sets most of them to zero, and one kernel for
    all positions makes the others equal.

    Args:
        kernel: `(k,)` or `(k_h, k_w)`, or with channels `(k, C_in, C_out)` or `(k_h, k_w, C_in, C_out)`.
        input_shape: shape of x: `(n,)`, `(H, W)`, `(n, C_in)` or `(H, W, C_in)`.
        stride: s, at least 1.
        padding: p, zeros on each side, at least 0.
        dilation: d, at least 1.

    Returns:
        T, `(size of y, size of x)` float64: T @ x.ravel() is the ravelled `conv1d` or `conv2d` of x.

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or an argument out of range.

    Example:
        >>> from keras_course.convnets import toeplitz_matrix
        >>> toeplitz_matrix([1, 2], (4,)).astype(int).tolist()
        [[1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]
    """
    kernel = as_floats("kernel", kernel)
    rank = 1 if kernel.ndim in (1, 3) else 2
    x = np.zeros(input_shape)
    x, kernel, out_size, _ = _prepare(x, kernel, rank, stride, padding, dilation)
    matrix = np.zeros((*out_size, kernel.shape[-1], *x.shape))
    for position in np.ndindex(out_size):
        for tap in np.ndindex(kernel.shape[:rank]):
            source = tuple(i * stride + a * dilation - padding for i, a in zip(position, tap, strict=True))
            if all(0 <= i < n for i, n in zip(source, x.shape, strict=False)):  # the others meet a zero of the padding
                matrix[(*position, slice(None), *source)] = kernel[tap].T  # (C_out, C_in)
    return matrix.reshape(-1, x.size)


@validate(stride=whole(1), dilation=whole(1), padding=whole(0))
def _prepare(x, kernel, rank, stride, padding, dilation):
    """Return x and kernel with axes for their channels, the size of the output, and whether there were none."""
    x, kernel = as_floats("x", x), as_floats("kernel", kernel)
    plain = kernel.ndim == rank
    _check_axes(x, kernel, rank, plain)
    if plain:
        x, kernel = x[..., None], kernel[..., None, None]
    size = tuple(
        conv_output_size(n, k, stride=stride, padding=padding, dilation=dilation)
        for n, k in zip(x.shape[:rank], kernel.shape[:rank], strict=True)
    )
    return x, kernel, size, plain


def _check_axes(x, kernel, rank, plain):
    if x.ndim != rank + (not plain) or kernel.ndim not in (rank, rank + 2) or 0 in kernel.shape + x.shape:
        axes = {1: ("(n,)", "(k,)", "(n, C_in)", "(k, C_in, C_out)")}.get(
            rank, ("(H, W)", "(k_h, k_w)", "(H, W, C_in)", "(k_h, k_w, C_in, C_out)")
        )
        raise ValueError(
            f"x has shape {x.shape} and kernel {kernel.shape}; they must be {axes[0]} and {axes[1]}, "
            f"or {axes[2]} and {axes[3]}"
        )
    if not plain and x.shape[-1] != kernel.shape[-2]:
        raise ValueError(f"x has {x.shape[-1]} channels, but kernel of shape {kernel.shape} takes {kernel.shape[-2]}")
    if not (np.isfinite(x).all() and np.isfinite(kernel).all()):
        raise ValueError("x and kernel must be finite numbers: they hold NaN or infinity")
