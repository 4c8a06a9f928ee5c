"""Convolution, pooling and batch statistics of images, channels last for the caller on every backend.

Notation: x (B, H, W, C) features, kernel (k_h, k_w, C_in / groups, C_out).

PyTorch wants channels first. Keras copies each tensor to that layout and on to PyTorch's own channels-last memory
format, at every layer; here PyTorch gets a view of the same memory, and nothing is copied.
"""

import keras

from keras_course.checks import choice, fraction, is_whole, positive, validate, whole_numbers
from keras_course.checks.tensors import on_tensors, variable
from keras_course.ops._types import Tensor

_BACKEND = keras.config.backend()
if _BACKEND == "torch":
    import torch


@on_tensors(x=4, kernel=4, bias=1)
def conv2d(x, kernel, bias=None, *, strides=(1, 1), padding="valid", dilation=(1, 1)) -> Tensor:
    """Cross-correlate images with a kernel and add a bias: `keras.ops.conv`, without its copies on PyTorch.

    Takes x `(B, H, W, C)`, a kernel `(k_h, k_w, C / groups, K)` and a bias `(K,)` or None; returns `(B, H', W', K)`.

    Args:
        x: tensor of images or features.
        kernel: tensor of weights.
        bias: tensor, or None.
        strides: pair, the steps along height and width; an integer for both.
        padding: "valid", or "same" for as many outputs as inputs over strides, rounded up.
        dilation: pair or integer, the distances of neighboring taps.

    Raises:
        ValueError: `padding` is unknown, or an argument is not a tensor or a pair.
    """
    strides, dilation = _pairs(padding, strides=strides, dilation=dilation)
    if _BACKEND != "torch":
        y = keras.ops.conv(
            x, kernel, strides=strides, padding=padding, dilation_rate=dilation, data_format="channels_last"
        )
        return y if bias is None else keras.ops.add(y, bias)
    x, kernel = _first(x), kernel.permute(3, 2, 0, 1)
    sides = tuple(d * (k - 1) for d, k in zip(dilation, kernel.shape[2:], strict=True))
    x, sides = _padded(x, sides, strides, padding, fill=0.0)
    groups = x.shape[1] // kernel.shape[1]
    return _last(torch.nn.functional.conv2d(x, kernel, bias, strides, sides, dilation, groups))


@on_tensors(x=4, kernel=4, bias=1)
def depthwise_conv2d(x, kernel, bias=None, *, strides=(1, 1), padding="valid", dilation=(1, 1)) -> Tensor:
    """Cross-correlate each channel with kernels of its own: x `(B, H, W, C)`, kernel `(k_h, k_w, C, M)`, M each."""
    strides, dilation = _pairs(padding, strides=strides, dilation=dilation)
    if _BACKEND != "torch":
        y = keras.ops.depthwise_conv(
            x, kernel, strides=strides, padding=padding, dilation_rate=dilation, data_format="channels_last"
        )
        return y if bias is None else keras.ops.add(y, bias)
    kernel = kernel.reshape(*kernel.shape[:2], 1, -1)
    return conv2d(x, kernel, bias, strides=strides, padding=padding, dilation=dilation)


@on_tensors(x=4)
def max_pool2d(x, pool_size, *, strides, padding="valid") -> Tensor:
    """Return the largest value of each window of each channel: from `(B, H, W, C)` to `(B, H', W', C)`.

    `pool_size` and `strides` are pairs, or integers for both sides, `padding` is "valid" or "same".
    """
    pool_size, strides = _pairs(padding, pool_size=pool_size, strides=strides)
    if _BACKEND != "torch":
        return keras.ops.max_pool(x, pool_size, strides, padding, data_format="channels_last")
    least = -float("inf") if x.is_floating_point() else torch.iinfo(x.dtype).min
    x, sides = _padded(_first(x), tuple(k - 1 for k in pool_size), strides, padding, fill=least)
    return _last(torch.nn.functional.max_pool2d(x, pool_size, strides, sides))


@on_tensors(x=4)
def average_pool2d(x, pool_size, *, strides, padding="valid") -> Tensor:
    """Return the mean of each window of each channel; what is padded does not count.

    It takes the arguments of `max_pool2d`, and the output has the same shape.
    """
    pool_size, strides = _pairs(padding, pool_size=pool_size, strides=strides)
    if _BACKEND != "torch" or padding != "valid":
        return keras.ops.average_pool(x, pool_size, strides, padding, data_format="channels_last")
    return _last(torch.nn.functional.avg_pool2d(_first(x), pool_size, strides))


@on_tensors(x=None, gain=1, offset=1)
@validate(epsilon=positive)
def batch_normalize(x, gain, offset, epsilon) -> tuple[Tensor, Tensor, Tensor]:
    """Standardize each channel over batch and positions; return the mean and the variance, too.

    Takes x `(B, ..., C)`, gain and offset `(C,)`; returns `(y, mean, variance)`, shaped like x, `(C,)` and `(C,)`.
    """
    shapes = [tuple(tensor.shape) for tensor in (x, gain, offset)]
    if len(shapes[0]) < 2 or {shapes[0][-1:]} != set(shapes[1:]):
        raise ValueError(f"x, gain and offset have the shapes {shapes}; they must be (B, ..., C), (C,) and (C,)")
    if _BACKEND != "torch":
        mean, variance = keras.ops.moments(x, axes=tuple(range(len(x.shape) - 1)))
        return keras.ops.batch_normalization(x, mean, variance, -1, offset, gain, epsilon), mean, variance
    flat = torch.movedim(x, -1, 1)
    y, mean, inverse = torch.native_batch_norm(flat, gain, offset, None, None, True, 0.0, epsilon)
    return torch.movedim(y, 1, -1), mean, inverse.detach() ** -2 - epsilon


@on_tensors(now=None)
@validate(average=variable, momentum=fraction)
def move_average(average, now, momentum) -> None:
    """Update a moving average: average <- momentum average + (1 - momentum) now."""
    if tuple(now.shape) != tuple(average.shape):
        raise ValueError(f"now has shape {tuple(now.shape)}; it must be {tuple(average.shape)}, as average has")
    now = keras.ops.cast(now, average.dtype)
    if _BACKEND == "torch":  # the same in one call
        average.assign(torch.lerp(now, average.value, momentum))
    else:
        average.assign(average * momentum + now * (1.0 - momentum))


@validate(kernel=variable)
def lay_out_kernel(kernel, order=(3, 0, 1, 2)) -> None:
    """Keep a new kernel `(k_h, k_w, C, K)` in the order in which PyTorch's convolution reads it, K first, C last.

    Shape and values stay the same. Without it, every step copies all kernels and their gradients to that order. `order`
    lists the axes in the order of the memory: neighboring elements differ in the index of the last one.
    """
    if not isinstance(order, tuple | list) or sorted(map(str, order)) != ["0", "1", "2", "3"]:
        raise ValueError(f"order={order!r} must hold 0, 1, 2 and 3")
    if _BACKEND == "torch":
        weights = kernel.value
        weights.data = weights.data.permute(*order).contiguous().permute(*map(order.index, range(4)))


@validate(padding=choice("valid", "same"))
def _pairs(padding, **pairs):
    """Return pairs of whole numbers, where an integer stands for an equal pair; a ValueError for anything else."""
    pairs = {name: (value, value) if is_whole(value) else value for name, value in pairs.items()}
    whole_numbers(1, **pairs)
    for name, value in pairs.items():
        if len(value) != 2:
            raise ValueError(f"{name}={value!r} must be a pair, along height and width")
    return map(tuple, pairs.values())


def _first(x):
    return x.permute(0, 3, 1, 2)


def _last(x):
    return x.permute(0, 2, 3, 1)


def _padded(x, spare, strides, padding, fill):
    """Return x and what PyTorch pads on each side: Keras pads "same" by one more at the end where it has to be odd."""
    if padding == "valid":
        return x, (0, 0)
    total = []
    for size, extra, stride in zip(x.shape[2:], spare, strides, strict=True):  # of a window, beyond one pixel
        total.append(max((-(-size // stride) - 1) * stride + extra + 1 - size, 0))
    if all(amount % 2 == 0 for amount in total):
        return x, tuple(amount // 2 for amount in total)
    top, left = (amount // 2 for amount in total)
    return torch.nn.functional.pad(x, (left, total[1] - left, top, total[0] - top), value=fill), (0, 0)
