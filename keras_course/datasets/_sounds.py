"""Synthetic sounds: tones, chirps, noise and vowels.

Notation: x (N, T) float32, N sounds of T samples at `SOUND_RATE` samples a second; y (N,) int32 classes.
"""

import numpy as np

from keras_course.checks import not_negative, numpy_seed, validate, whole

SOUND_RATE = 8_000  # Hz
SOUND_CLASSES = ("tone", "rising chirp", "falling chirp", "noise", "vowel a", "vowel i", "vowel u")
FORMANTS = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240)}  # Hz, of an adult man
BANDWIDTHS = (60, 90, 150)  # Hz


@validate(num_sounds=whole(1, 100_000), num_samples=whole(1_000, 100_000), noise=not_negative, seed=numpy_seed)
def sounds(
    num_sounds: int = 1_000, *, num_samples: int = 4_096, noise: float = 0.3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return sounds of seven classes, at 8,000 samples a second: half a second each.

    A tone has one frequency; a chirp sweeps from one frequency to another; noise has random samples. A vowel is a train
    of low-pass pulses, as of vocal cords, that goes through three resonances, its formants. A sound lasts between a
    third and the whole of the time, with a level of 1 (root mean square), in white noise.

    Args:
        num_sounds: number N of sounds.
        num_samples: number T of samples.
        noise: standard deviation of the white noise.
        seed: of the random numbers.

    Returns:
        x (N, T) float32, y (N,) int32 in {0, ..., 6}; `SOUND_CLASSES` has the names.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Control Methods Used in a Study of the Vowels (the formants), Peterson and Barney, 1952,
        https://doi.org/10.1121/1.1906875

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.sounds(5)
        >>> x.shape, y.shape
        ((5, 4096), (5,))
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(SOUND_CLASSES), num_sounds)
    x = noise * rng.standard_normal((num_sounds, num_samples))
    for i, label in enumerate(y):
        length = int(rng.uniform(1 / 3, 1) * num_samples)
        start = rng.integers(0, num_samples - length + 1)
        sound = _sound(rng, SOUND_CLASSES[label], length) * np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 0.5
        x[i, start : start + length] += sound / np.sqrt(np.mean(sound**2))
    return x.astype("float32"), y.astype("int32")


def _sound(rng, name, length):
    """Return the samples of one sound, of any level."""
    if name == "noise":
        return rng.standard_normal(length)
    if name.startswith("vowel"):
        return _vowel(FORMANTS[name[-1]], pitch=rng.uniform(90, 220), scale=rng.uniform(0.9, 1.15), length=length)
    low, high = rng.uniform(200, 1_500), rng.uniform(2_000, 3_500)  # Hz
    if name == "tone":
        low = high = rng.uniform(200, 3_500)
    first, last = (high, low) if name == "falling chirp" else (low, high)
    phase = 2 * np.pi * np.cumsum(np.linspace(first, last, length)) / SOUND_RATE
    return np.sin(phase + rng.uniform(0, 2 * np.pi))


def _vowel(formants, pitch, scale, length):
    """Return pulses at a pitch in Hz, filtered by one resonance for each formant; the formants are scaled.

    A resonance at f Hz, b Hz wide: y_t = x_t + 2 r cos(2 pi f / rate) y_{t-1} - r^2 y_{t-2}, r = exp(-pi b / rate).
    """
    from scipy.signal import lfilter

    pulses = np.diff(np.floor(np.arange(length + 1) * pitch / SOUND_RATE))  # 1 where a period begins
    y = lfilter([1.0], [1.0, -0.95], pulses - pulses.mean())  # vocal cords have strong low frequencies
    for f, b in zip(formants, BANDWIDTHS, strict=True):
        r = np.exp(-np.pi * b / SOUND_RATE)
        y = lfilter([1.0], [1.0, -2 * r * np.cos(2 * np.pi * scale * f / SOUND_RATE), r * r], y)
    return y
