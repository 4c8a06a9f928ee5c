"""Layers of convolutional networks, with the numbers and arguments of Keras's, without its copies on PyTorch.

Notation: x (B, H, W, C) features, channels last on every backend. `keras_course.ops` says what Keras's own layers copy.
"""

import keras
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import (
    flag,
    fraction,
    is_whole,
    number,
    one_of,
    plain,
    positive,
    validate,
    whole_number,
    whole_numbers,
)
from keras_course.ops._types import Tensor


def _last_axis(axis):
    if not is_whole(axis) or axis != -1:
        raise ValueError(f"axis={axis!r} must be -1: channels are last")


def _off(**arguments):
    flag(**arguments)
    for name, value in arguments.items():
        if value:
            raise ValueError(f"{name}={value!r} must be False")


def _groups(groups):
    if groups != -1:
        whole_number(1, groups=groups)


class _ChannelsLast:
    """A layer that has its channels last, whatever the configuration of Keras says; another order is refused.

    NumPy numbers, which Keras refuses, are accepted. `positional` names the first arguments of the layer.
    """

    positional = ("pool_size", "strides")

    def __init__(self, *args, data_format="channels_last", **kwargs):
        one_of(("channels_last",), data_format=data_format)
        given = dict(zip(self.positional, args, strict=False)) | kwargs
        for name in {"filters", "kernel_size", "pool_size", "strides", "dilation_rate"} & given.keys():
            check = whole_numbers if isinstance(given[name], tuple | list) and name != "filters" else whole_number
            if name != "strides" or given[name] is not None:
                check(1, **{name: given[name]})
        super().__init__(*plain(args), data_format=data_format, **plain(kwargs))


class _Convolution(_ChannelsLast):
    """A convolution by the function `convolve` of `keras_course.ops`, and a non-linearity."""

    positional = ("filters", "kernel_size", "strides")

    def call(self, x):
        y = self.convolve(
            x,
            ops.convert_to_tensor(self.kernel),
            ops.convert_to_tensor(self.bias) if self.use_bias else None,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
        )
        return self.activation(y) if self.activation is not None else y


@keras.saving.register_keras_serializable("keras_course")
class Conv2D(_Convolution, keras.layers.Conv2D):
    """`keras.layers.Conv2D` without copies on PyTorch: y = x * W + b, with * the cross-correlation.

    Takes `(B, H, W, C)` and returns `(B, H', W', filters)`. Arguments are as in `keras.layers.Conv2D`.

    Example:
        >>> import keras
        >>> from keras_course.layers import Conv2D
        >>> Conv2D(5, 3, strides=2, padding="same")(keras.ops.ones((2, 8, 8, 3))).shape == (2, 4, 4, 5)
        True
    """

    convolve = staticmethod(course_ops.conv2d)

    def build(self, input_shape) -> None:
        super().build(input_shape)
        course_ops.lay_out_kernel(self._kernel)


@keras.saving.register_keras_serializable("keras_course")
class DepthwiseConv2D(_Convolution, keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` without copies on PyTorch: each channel has kernels of its own.

    Takes `(B, H, W, C)` and returns `(B, H', W', depth_multiplier C)`. Arguments are as in
    `keras.layers.DepthwiseConv2D`.

    Raises:
        ValueError: the strides along both axes differ, which TensorFlow cannot do.

    Example:
        >>> import keras
        >>> from keras_course.layers import DepthwiseConv2D
        >>> DepthwiseConv2D(3, padding="same")(keras.ops.ones((2, 8, 8, 3))).shape == (2, 8, 8, 3)
        True
    """

    convolve = staticmethod(course_ops.depthwise_conv2d)
    positional = ("kernel_size", "strides")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if len(set(self.strides)) > 1:
            raise ValueError(f"strides={self.strides} must be the same along both axes: TensorFlow does no others")

    def build(self, input_shape) -> None:
        super().build(input_shape)
        course_ops.lay_out_kernel(self.kernel, order=(2, 3, 0, 1))  # each of its own: no sum over channels


@keras.saving.register_keras_serializable("keras_course")
class MaxPooling2D(_ChannelsLast, keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` without copies on PyTorch: the largest value of each window of each channel.

    Takes `(B, H, W, C)` and returns `(B, H', W', C)`. Arguments are as in `keras.layers.MaxPooling2D`.

    Example:
        >>> import keras
        >>> from keras_course.layers import MaxPooling2D
        >>> MaxPooling2D(2)(keras.ops.ones((2, 8, 8, 3))).shape == (2, 4, 4, 3)
        True
    """

    def call(self, x) -> Tensor:
        return course_ops.max_pool2d(x, self.pool_size, strides=self.strides, padding=self.padding)


@keras.saving.register_keras_serializable("keras_course")
class AveragePooling2D(_ChannelsLast, keras.layers.AveragePooling2D):
    """`keras.layers.AveragePooling2D` without copies on PyTorch: the mean of each window of each channel.

    Takes `(B, H, W, C)` and returns `(B, H', W', C)`. Arguments are as in `keras.layers.AveragePooling2D`.

    Example:
        >>> import keras
        >>> from keras_course.layers import AveragePooling2D
        >>> AveragePooling2D(2)(keras.ops.ones((2, 8, 8, 3))).shape == (2, 4, 4, 3)
        True
    """

    def call(self, x) -> Tensor:
        return course_ops.average_pool2d(x, self.pool_size, strides=self.strides, padding=self.padding)


@keras.saving.register_keras_serializable("keras_course")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` of the last axis, in one pass on PyTorch.

    Takes and returns `(B, ..., C)`; mean m and variance v are of the batch in training, of a moving average else:

        y = (x - m) / sqrt(v + epsilon) * gain + offset

    The defaults are from the papers and PyTorch: Keras's average over a hundred steps makes short runs look
    broken when they are measured.

    Args:
        momentum: fraction of the old moving average that a training step keeps, in [0, 1).
        epsilon: number above 0 that is added to the variance.
        kwargs: all other arguments of `keras.layers.BatchNormalization`; it has no mask, another `axis`, `renorm` or
            `synchronized`.

    Raises:
        ValueError: one of these is asked for, or a number is out of range.

    References:
        Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift, Ioffe and
        Szegedy, 2015, https://arxiv.org/abs/1502.03167

    Example:
        >>> import keras
        >>> from keras_course.layers import BatchNormalization
        >>> y = BatchNormalization()(keras.random.normal((64, 3), mean=5.0, seed=0), training=True)
        >>> bool(keras.ops.all(keras.ops.abs(keras.ops.mean(y, axis=0)) < 1e-5))
        True
    """

    @validate(momentum=fraction, epsilon=positive, axis=_last_axis, renorm=_off, synchronized=_off)
    def __init__(self, momentum=0.9, epsilon=1e-5, axis=-1, renorm=False, synchronized=False, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, x, training=None) -> Tensor:
        if not (training and self.trainable):
            return super().call(x, training=False)
        dtype = "float64" if self.compute_dtype == "float64" else "float32"  # many terms: never in half precision
        y, mean, variance = course_ops.batch_normalize(
            ops.cast(x, dtype), self._gain(dtype), self._offset(dtype), self.epsilon
        )
        course_ops.move_average(self.moving_mean, mean, self.momentum)
        course_ops.move_average(self.moving_variance, variance, self.momentum)
        return ops.cast(y, self.compute_dtype)

    def _gain(self, dtype):
        return ops.cast(self.gamma, dtype) if self.scale else ops.ones(self.moving_mean.shape, dtype)

    def _offset(self, dtype):
        return ops.cast(self.beta, dtype) if self.center else ops.zeros(self.moving_mean.shape, dtype)


@keras.saving.register_keras_serializable("keras_course")
class GroupNormalization(keras.layers.GroupNormalization):
    """`keras.layers.GroupNormalization` of the last axis, exact where the mean is large beside the deviation.

    Takes and returns `(B, ..., C)`; the mean m and the variance v are taken over all positions of an example and the
    channels of a group:

        y = (x - m) / sqrt(v + epsilon) * gain + offset,  v = E[(x - m)^2]

    Keras's v on PyTorch is E[x^2] - m^2, a difference of two large numbers, which rounding may make negative: NaN.

    Args:
        groups: number of groups of channels; it must divide C. -1 makes each channel a group of its own.
        epsilon: number above 0 that is added to the variance.
        kwargs: all other arguments of `keras.layers.GroupNormalization`; it has no other `axis`.

    Raises:
        ValueError: another `axis`, or a number is out of range.

    Differences from Keras: `epsilon` is 1e-5 by default, as in PyTorch, in place of 1e-3, and all arguments after
    `groups` are given by name.

    References:
        Group Normalization, Wu and He, 2018, https://arxiv.org/abs/1803.08494

    Example:
        >>> import keras
        >>> from keras_course.layers import GroupNormalization
        >>> GroupNormalization(2)(keras.ops.arange(1000.0, 1004.0)[None]).shape == (1, 4)
        True
    """

    @validate(groups=_groups, epsilon=positive, axis=_last_axis)
    def __init__(self, groups=32, *, epsilon=1e-5, axis=-1, **kwargs):
        super().__init__(int(groups), epsilon=epsilon, **kwargs)

    def call(self, x) -> Tensor:
        shape, dtype = ops.shape(x), "float64" if self.compute_dtype == "float64" else "float32"
        groups = ops.reshape(ops.cast(x, dtype), (shape[0], -1, self.groups, x.shape[-1] // self.groups))
        centered = groups - ops.mean(groups, axis=(1, 3), keepdims=True)
        variance = ops.mean(ops.square(centered), axis=(1, 3), keepdims=True)
        y = ops.reshape(centered * ops.rsqrt(variance + self.epsilon), shape)
        y = y * ops.cast(self.gamma, dtype) if self.scale else y
        y = y + ops.cast(self.beta, dtype) if self.center else y
        return ops.cast(y, self.compute_dtype)


@keras.saving.register_keras_serializable("keras_course")
class LayerScale(keras.layers.Layer):
    """Multiply each channel by a factor that is learned: y = x * gain. A deep residual branch starts near nothing so.

    Takes and returns `(..., C)`.

    Args:
        start: the value of all factors before training.

    Raises:
        ValueError: `start` is not a finite number.

    References:
        Going deeper with Image Transformers, Touvron et al., 2021, https://arxiv.org/abs/2103.17239

    Example:
        >>> import keras
        >>> from keras_course.layers import LayerScale
        >>> bool(keras.ops.all(LayerScale(start=0.5)(keras.ops.ones((2, 3))) == 0.5))
        True
    """

    def __init__(self, start=1e-6, **kwargs):
        number(start=start)
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape) -> None:
        initializer = keras.initializers.Constant(self.start)
        self.gain = self.add_weight(shape=shape[-1:], initializer=initializer, name="gain")

    def call(self, x) -> Tensor:
        return ops.multiply(x, self.gain)

    def get_config(self) -> dict:
        return {**super().get_config(), "start": self.start}
