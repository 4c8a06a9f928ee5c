"""The audio spectrogram transformer: a sound as an image of frequencies over time, cut into patches.

Notation: waveforms x (B, T) of T samples; frames of L = `frame_length` samples, one every `frame_step` samples, N in
all; F = L / 2 frequencies.
"""

import keras
from keras import ops

from keras_course._registry import builder
from keras_course.attention._vit import classify_patches
from keras_course.checks import fraction, positive, validate, whole, whole_numbers
from keras_course.layers._activations import get_activation
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class LogSpectrogram(keras.layers.Layer):
    """The logarithm of the magnitude of the short-time Fourier transform (STFT).

    Takes waveforms `(B, T)` and returns `(B, N, F)` with N = ceil(T / frame_step) and F = L / 2:

        y_nf = log(epsilon + 2 / (w_0 + ... + w_{L-1}) |sum_t w_t x_{n s + t} exp(-2 pi i f t / L)|)

    with the Hann window w_t = (1 - cos(2 pi t / L)) / 2 and the step s. Zeros before and after the waveform make room
    for the first and last frames. A sine wave of amplitude a with the frequency of bin f has the magnitude a there.

    Args:
        frame_length: number L of samples in a frame, even.
        frame_step: number s of samples from one frame to the next, at most L.
        epsilon: magnitude that is added, so that silence has a logarithm.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> import keras
        >>> from keras_course.attention import LogSpectrogram
        >>> LogSpectrogram(64, 32)(keras.ops.zeros((1, 320))).shape == (1, 10, 32)
        True
    """

    @validate(frame_length=whole(2), frame_step=whole(1), epsilon=positive)
    def __init__(self, frame_length=256, frame_step=128, *, epsilon=1e-3, **kwargs):
        super().__init__(autocast=False, **kwargs)  # the transform needs float32
        if frame_length % 2 or frame_step > frame_length:
            raise ValueError(f"frame_length={frame_length} must be even, and at least frame_step={frame_step}")
        self.frame_length, self.frame_step, self.epsilon = int(frame_length), int(frame_step), float(epsilon)

    def call(self, x) -> Tensor:
        if len(x.shape) != 2:
            raise ValueError(f"x has shape {tuple(x.shape)}; it must be (B, T), a row of samples for each sound")
        frames = -(-x.shape[1] // self.frame_step)
        missing = (frames - 1) * self.frame_step + self.frame_length - x.shape[1]
        x = ops.pad(ops.cast(x, "float32"), ((0, 0), (missing // 2, missing - missing // 2)))
        real, imaginary = ops.stft(x, self.frame_length, self.frame_step, self.frame_length, "hann", center=False)
        scale = 4 / self.frame_length  # 2 divided by the sum of the window
        power = ops.maximum(ops.square(real) + ops.square(imaginary), 1e-20)  # sqrt is not differentiable at 0
        magnitudes = scale * ops.sqrt(power)[..., : self.frame_length // 2]  # without the Nyquist frequency
        return ops.cast(ops.log(self.epsilon + magnitudes), self.compute_dtype)

    def compute_output_shape(self, x_shape) -> tuple:
        return x_shape[0], -(-x_shape[1] // self.frame_step), self.frame_length // 2

    def get_config(self) -> dict:
        ours = ("frame_length", "frame_step", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in ours}}


@builder(
    reference="Gong et al., 2021, https://arxiv.org/abs/2104.01778",
    presets={"tiny": {"input_shape": (4096,), "num_classes": 7}},
)
@validate(
    num_classes=whole(1),
    frame_length=whole(2),
    frame_step=whole(1),
    patch_size=whole(1),
    hidden_dim=whole(1),
    num_layers=whole(1),
    num_heads=whole(1),
    mlp_dim=whole(1),
    dropout=fraction,
    seed=whole(0, 2_000_000_000),
)
def spectrogram_transformer(
    input_shape,
    num_classes,
    *,
    frame_length=256,
    frame_step=128,
    patch_size=16,
    hidden_dim=64,
    num_layers=2,
    num_heads=4,
    mlp_dim=None,
    activation="gelu",
    dropout=0.0,
    seed=0,
    name="spectrogram_transformer",
) -> keras.Model:
    """Build an audio spectrogram transformer (AST), a classifier of sounds.

    Takes waveforms x `(B, T)`; returns logits `(B, num_classes)`. The log-spectrogram of x, an image of N frames and F
    frequencies (see `LogSpectrogram`), is scaled to numbers near [-1, 1] and classified as `vit` classifies an image.

    Args:
        input_shape: (T,), the number of samples.
        num_classes: number of classes.
        frame_length: number of samples in a frame of the STFT, even.
        frame_step: number of samples from one frame to the next.
        patch_size: side P of a patch, in frames and in frequencies; frames and frequencies that fill no patch are left
            out.
        hidden_dim, num_layers, num_heads, mlp_dim, activation, dropout, seed: as for `vit`.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. `class_token_maps` returns where its class token looks.

    Raises:
        ValueError: `input_shape` has not one entry or gives fewer than `patch_size` frames or frequencies, a number is
            out of its range, or `num_heads` does not divide `hidden_dim`.

    Differences from the paper: frequencies are equally spaced, in place of 128 mel bands; patches do not overlap; the
    weights are not pretrained on images.

    References:
        AST: Audio Spectrogram Transformer, Gong, Chung, Glass, 2021, https://arxiv.org/abs/2104.01778

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import spectrogram_transformer
        >>> model = spectrogram_transformer((1024,), 7, frame_length=64, frame_step=32, hidden_dim=16, num_layers=1)
        >>> model(np.zeros((2, 1024), "float32")).shape == (2, 7)
        True
    """
    whole_numbers(1, length=1, input_shape=input_shape)
    get_activation(activation)
    if hidden_dim % num_heads:
        raise ValueError(f"hidden_dim={hidden_dim} is not divisible by num_heads={num_heads}")
    x = keras.Input(input_shape, name="waveform")
    h = LogSpectrogram(frame_length, frame_step, name="spectrogram")(x)  # (B, N, F)
    if min(h.shape[1:]) < patch_size:
        raise ValueError(
            f"input_shape={input_shape} gives {h.shape[1]} frames and {h.shape[2]} frequencies; both must be at least "
            f"patch_size={patch_size}"
        )
    h = keras.layers.Rescaling(1 / 3.5, 1.0, name="scale")(h)  # log(0.001) becomes -1, log(1) becomes 1
    h = keras.layers.Reshape((*h.shape[1:], 1), name="image")(h)
    logits = classify_patches(
        h,
        num_classes,
        patch_size=patch_size,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        mlp_dim=mlp_dim,
        activation=activation,
        dropout=dropout,
        seed=seed,
    )
    return keras.Model(x, logits, name=name)
