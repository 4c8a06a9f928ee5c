"""Does a function of images move with its input (equivariance), or not notice (invariance)?

Notation: x images (B, H, W, C), T_v x the images moved by v = (rows, columns) pixels, down and to the right. Pixels
that leave on one side come back in on the other.

    equivariant    f(T_v x) = T_v f(x)
    invariant      f(T_v x) = f(x)
"""

import numpy as np
from keras import ops

from keras_course.checks import as_floats, as_real, flag, function, is_whole, numpy_seed, validate, whole
from keras_course.convnets._models import as_images


@validate(fn=function, stride=whole(1), border=whole(0))
def equivariance_error(fn, x, shift, *, stride=1, border=None) -> float:
    """Return by how much a function of images fails to move with them, away from the border.

    Takes images `(B, H, W, C)`, which `fn` turns into `(B, h, w, K)`. With strides s a move by v in the input is one
    by v / s in the output:

        max |f(T_v x) - T_{v/s} f(x)| / max |f(x)|

    over the outputs that are at least `border` positions away from all edges.

    Args:
        fn: the function, a convolutional model, say.
        x: the images.
        shift: v, a whole number of pixels or a pair (rows, columns); it may be negative.
        stride: s, the product of all strides in `fn`; it must divide the shift.
        border: number of positions of the output to leave out at each edge; they see padding, or pixels that came in on
            the other side, so that all reach of the kernels and the shift must fit in. None leaves out a quarter.

    Returns:
        The error, 0.0 where `fn` is equivariant; a float.

    Raises:
        ValueError: x or the values of `fn` have a wrong shape, `stride` does not divide the shift, or nothing is left
            inside the border.

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import equivariance_error
        >>> x = np.random.default_rng(0).normal(size=(1, 8, 8, 1))
        >>> equivariance_error(lambda x: x**2, x, shift=2), equivariance_error(lambda x: x[:, ::-1], x, shift=2) > 0.1
        (0.0, True)
    """
    x, shift = as_images(x), _pair(shift, stride)
    before, after = _values(fn, x), _values(fn, _move(x, shift))
    inside = _inside(before, border)
    moved = _move(before, [v // stride for v in shift])
    return _relative(after[inside], moved[inside])


@validate(fn=function)
def invariance_error(fn, x, shift) -> float:
    """Return by how much the values of a function change when its images move.

    Takes images `(B, H, W, C)`, which `fn` turns into an array of any shape:

        max |f(T_v x) - f(x)| / max |f(x)|

    Args:
        fn: the function, a classifier, say.
        x: the images.
        shift: v, a whole number of pixels or a pair (rows, columns); it may be negative.

    Returns:
        The error, 0.0 where `fn` is invariant; a float.

    Raises:
        ValueError: x has a wrong shape, or `shift` is not a whole number.

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import invariance_error
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> invariance_error(lambda x: x.max(axis=(1, 2)), x, shift=1), invariance_error(lambda x: x, x, shift=(2, 0))
        (0.0, 0.5333333333333333)
    """
    x, shift = as_images(x), _pair(shift)
    return _relative(_values(fn, _move(x, shift)), _values(fn, x))


@validate(seed=numpy_seed, inverse=flag)
def permute_pixels(x, seed=0, *, inverse=False) -> np.ndarray:
    """Move the pixels of all images to other places, by one permutation for all; channels move together.

    Takes images `(B, H, W)` or `(B, H, W, C)` and gives the same shape. With P drawn once for a seed and a size:

        y[n, i] = x[n, P(i)],  i = 1..H W

    A multi-layer perceptron has no notion of neighbors, and learns permuted images as well as others. A convolutional
    network loses what its kernels rely on.

    Args:
        x: the images.
        seed: of the permutation.
        inverse: whether to undo a permutation by the same seed instead.

    Returns:
        y, of the dtype of x.

    Raises:
        ValueError: x has a wrong shape, or `seed` is not a whole number of at least 0.

    Example:
        >>> import numpy as np
        >>> from keras_course.convnets import permute_pixels
        >>> x = np.arange(6).reshape(1, 2, 3)
        >>> permuted = permute_pixels(x, seed=1)
        >>> sorted(permuted.ravel().tolist()), permute_pixels(permuted, seed=1, inverse=True).tolist() == x.tolist()
        ([0, 1, 2, 3, 4, 5], True)
    """
    x = as_real("x", x)
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; it must be images (B, H, W) or (B, H, W, C), at least one")
    order = np.random.default_rng(seed).permutation(x.shape[1] * x.shape[2])
    order = np.argsort(order) if inverse else order
    return x.reshape(len(x), -1, *x.shape[3:])[:, order].reshape(x.shape)


def _pair(shift, stride=1):
    pair = tuple(shift) if isinstance(shift, tuple | list) else (shift, shift)
    if len(pair) != 2 or not all(map(is_whole, pair)):
        raise ValueError(f"shift={shift!r} must be a whole number of pixels, or a pair of them")
    if any(v % stride for v in pair):
        raise ValueError(f"stride={stride} must divide shift={pair}: a move by part of a stride is none of the output")
    return pair


def _inside(outputs, border):
    """Return the slices of outputs `(B, h, w, K)` without a border, by default a quarter on each side."""
    if outputs.ndim != 4:
        raise ValueError(f"fn(x) has shape {outputs.shape}; it must be (B, h, w, K)")
    h, w = outputs.shape[1:3]
    rows, columns = (h // 4, w // 4) if border is None else (border, border)
    if 2 * rows >= h or 2 * columns >= w:
        raise ValueError(f"border={border} leaves nothing of the {h} x {w} outputs")
    return np.s_[:, rows : h - rows, columns : w - columns]


def _move(x, shift):
    return np.roll(x, [v % n for v, n in zip(shift, x.shape[1:3], strict=True)], axis=(1, 2))


def _values(fn, x):
    return as_floats("fn(x)", ops.convert_to_numpy(fn(x)))


def _relative(found, expected):
    scale = np.abs(expected).max() or 1.0
    return float(np.abs(found - expected).max() / scale)
