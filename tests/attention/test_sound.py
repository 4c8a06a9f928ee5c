"""The spectrogram beside SciPy's, a pure tone, and the transformer on it beside `vit`."""

import keras
import numpy as np
import pytest
from scipy.signal import stft

from keras_course.attention import LogSpectrogram, class_token_maps, spectrogram_transformer, vit
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy


def test_spectrogram_equals_that_of_scipy():
    x = np.random.default_rng(0).normal(size=(3, 200)).astype("float32")
    padded = np.pad(x, ((0, 0), (12, 12)))  # 13 frames of 32 samples, one every 16
    expected = np.abs(stft(padded, window="hann", nperseg=32, noverlap=16, boundary=None, padded=False)[2])
    expected = np.log(1e-3 + 2 * expected[:, :16]).swapaxes(1, 2)  # SciPy divides by the sum of the window
    spectrogram = array(LogSpectrogram(32, 16)(x))
    assert spectrogram.shape == (3, 13, 16)
    np.testing.assert_allclose(spectrogram, expected, atol=1e-4)


def test_a_tone_has_its_amplitude_at_its_bin():
    x = 0.7 * np.sin(2 * np.pi * 20 / 256 * np.arange(4096) + 0.3)[None].astype("float32")
    magnitudes = np.exp(array(LogSpectrogram()(x)))[0, 1:-1] - 1e-3  # frames without the zeros before and after
    np.testing.assert_allclose(magnitudes[:, 20], 0.7, atol=1e-4)
    np.testing.assert_allclose(magnitudes[:, [19, 21]], 0.35, atol=1e-4)  # the Hann window is three bins wide
    assert (magnitudes[:, np.r_[:18, 23:128]] < 1e-4).all()


def test_it_is_a_vit_on_the_spectrogram():
    sizes = {"patch_size": 8, "hidden_dim": 16, "num_layers": 1}
    model = portable_init(spectrogram_transformer((512,), 3, frame_length=32, frame_step=16, **sizes), seed=1)
    images = portable_init(vit((32, 16, 1), 3, **sizes), seed=2)
    images.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 512)).astype("float32")
    expected = array(images(1 + array(LogSpectrogram(32, 16)(x))[..., None] / 3.5))
    np.testing.assert_allclose(array(model(x)), expected, atol=1e-5)
    assert class_token_maps(model, x).shape == (1, 2, 4, 4, 2)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: LogSpectrogram(31, 16), "frame_length=31 must be even"),
        (lambda: LogSpectrogram(32, 33), "frame_step=33"),
        (lambda: spectrogram_transformer((100,), 3), r"input_shape=\(100,\) gives 1 frames"),
        (lambda: spectrogram_transformer((4096, 2), 3), "input_shape"),
        (lambda: spectrogram_transformer((4096,), 3, num_heads=5), "not divisible by num_heads=5"),
    ],
)
def test_bad_arguments(call, named):
    with pytest.raises(ValueError, match=named):
        call()
