"""Pulse waves of a smart watch: a heart, the arteries as a Windkessel, a finger, and a sensor of unknown amplitude.

Notation: theta (N, 6) parameters, x (N, T, 1) waves; times in seconds.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_course.checks import numpy_seed, positive, validate, whole
from keras_course.datasets._simulators import Simulator, in_pieces

RATE = 40  # samples in a second
BEAT = 48  # samples in a beat of the slowest heart
SUBSTEPS = 2  # of the solver from a sample to the next one
VARIABILITY = 0.05  # standard deviation of the length of a beat, as a fraction of its mean
HARMONICS = 40


@dataclasses.dataclass(frozen=True)
class Windkessel(Simulator):
    """Pulse waves (photoplethysmograms, PPG) of a finger, from six parameters of the heart and the vessels.

    The heart pumps the flow Q into the arteries, which store blood like a capacitor C and lose it through a resistor R.
    Their pressure P fills the finger with a delay:

        C dP/dt = Q - P / R,  tau_f dV/dt = P - V
        Q = Q_max sin(pi t / t_e) in the first t_e seconds of a beat, else 0; its integral is the stroke volume
        x = (V - mean V) / deviation of V + noise e,  e ~ N(0, 1)

    The recording starts with a beat. Beats have the mean length 60 / heart rate, with a standard deviation of 5 %. The
    lengths are unknown, so the likelihood p(x | theta) is an integral without a closed form.

    What a wave tells: both equations are low-pass filters, of the time constants R C and tau_f. Filters commute, so
    that (R C, tau_f) = (a, b) and (b, a) cause the same waves: the posterior has two modes where the prior admits both.
    R and C themselves appear only as their product, and the stroke volume not at all, because the amplitude is unknown.

    Args:
        num_beats: number of beats of the slowest heart, 50 beats per minute, that fit into a recording; a faster heart
            has more. A beat is 48 samples at 40 Hz.
        noise: standard deviation of the noise; the wave has the standard deviation 1.

    References:
        Simulation-based Inference for Cardiovascular Models, Wehenkel et al., 2023, https://arxiv.org/abs/2307.13918
        The arterial Windkessel, Westerhof, Lankhaar and Westerhof, 2009, https://doi.org/10.1007/s11517-008-0359-2

    Example:
        >>> from keras_course.datasets import Windkessel
        >>> Windkessel(num_beats=4).simulate([[70.0, 80.0, 1.0, 1.2, 0.3, 0.2]]).shape
        (1, 192, 1)
    """

    num_beats: int = 4
    noise: float = 0.02

    names: ClassVar = (
        "heart rate", "stroke volume", "resistance", "compliance", "ejection time", "finger time constant",
    )  # fmt: skip
    units: ClassVar = ("1/min", "mL", "mmHg s/mL", "mL/mmHg", "s", "s")
    low: ClassVar = (50.0, 50.0, 0.5, 0.1, 0.2, 0.05)
    high: ClassVar = (110.0, 110.0, 2.0, 2.0, 0.4, 1.0)

    def __post_init__(self):
        whole(1, 1000)(num_beats=self.num_beats)
        positive(noise=self.noise)

    @validate(seed=numpy_seed)
    def signals(self, theta, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the flow Q in mL/s, the pressure P and the volume V in mmHg, each (N, T), that cause `simulate`."""
        signals = self._signals(self._parameters(theta), np.random.default_rng(seed))
        return tuple(np.moveaxis(signals, 1, 0))

    def _observe(self, theta, rng):
        volume = self._signals(theta, rng)[:, 2]
        wave = volume - volume.mean(axis=1, keepdims=True)
        wave /= wave.std(axis=1, keepdims=True)
        return (wave + self.noise * rng.standard_normal(wave.shape))[..., None]

    def _signals(self, theta, rng):
        """Return Q, P and V, (N, 3, T)."""
        mean = 60 / theta[:, :1]
        count = int(self.num_beats * BEAT / RATE / (0.8 * 60 / self.high[0])) + 2
        periods = mean * (1 + VARIABILITY * np.clip(rng.standard_normal((len(theta), count)), -3, 3))
        return in_pieces(lambda *rows: _solve(*rows, self.num_beats * BEAT), theta, periods)


def _solve(theta, periods, length):
    """Return Q, P and V (N, 3, T) of beats with some periods (N, K).

    Within a step the flow is constant, at its mean, which conserves the stroke volume, and the pressure that fills the
    finger is linear. Given these, both equations are solved exactly.
    """
    _, stroke, resistance, compliance, ejection, finger = theta.T
    h, rows, beat = 1 / (RATE * SUBSTEPS), np.arange(len(theta)), np.zeros(len(theta), int)
    keeps, tissue = np.exp(-h / (resistance * compliance)), _lag(h, finger)
    period, since, ejected = periods[:, 0], np.zeros(len(theta)), np.zeros(len(theta))
    pressure, volume = _steady_state(period, stroke, resistance, resistance * compliance, ejection, finger)
    found = [(since, pressure, volume)]
    for step in range(1, (length - 1) * SUBSTEPS + 1):
        since = since + h
        over = since >= period
        since, beat = since - over * period, beat + over
        period = periods[rows, beat]
        earlier, ejected = ejected, _ejected(since, stroke, ejection)
        before, pumped = pressure, (ejected - earlier + over * stroke) * resistance / h
        pressure = keeps * pressure + (1 - keeps) * pumped
        volume = tissue[0] * volume + tissue[1] * before + tissue[2] * pressure
        if step % SUBSTEPS == 0:
            found.append((since, pressure, volume))
    since, pressure, volume = (np.stack(signal, axis=1) for signal in zip(*found, strict=True))
    flow = (np.pi * stroke / (2 * ejection))[:, None] * np.sin(np.pi * np.minimum(since / ejection[:, None], 1))
    return np.stack([flow, pressure, volume], axis=1)


def _ejected(since, stroke, ejection):
    """Return the integral of Q since the beginning of a beat."""
    return stroke / 2 * (1 - np.cos(np.pi * np.minimum(since / ejection, 1)))


def _lag(h, tau):
    """Return the weights of V(t), P(t) and P(t + h) in V(t + h), for tau dV/dt = P - V and a linear P."""
    decay = np.exp(-h / tau)
    mean = (1 - decay) * tau / h
    return decay, mean - decay, 1 - mean


def _steady_state(period, stroke, resistance, tau, ejection, finger):
    """Return P and V (N,) at the beginning of a periodic beat, by the Fourier series of Q."""
    frequency = 2 * np.pi * np.arange(HARMONICS + 1) / period[:, None]
    turns = frequency * ejection[:, None] / (2 * np.pi)  # of the half sine: its transform is two sinc functions
    series = stroke[:, None] * np.pi / 4 * (np.sinc(turns - 0.5) + np.sinc(turns + 0.5)) / period[:, None]
    series = series * np.exp(-1j * frequency * ejection[:, None] / 2) * resistance[:, None]
    series[:, 1:] *= 2  # a real signal: the harmonic k and -k
    pressure = series / (1 + 1j * frequency * tau[:, None])
    volume = pressure / (1 + 1j * frequency * finger[:, None])
    return pressure.real.sum(axis=1), volume.real.sum(axis=1)


@validate(num_simulations=whole(1), num_beats=whole(1, 1000), noise=positive, seed=numpy_seed)
def pulse_waves(
    num_simulations: int = 1000, *, num_beats: int = 4, noise: float = 0.02, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return pulse waves and parameters of the simulator `Windkessel`.

    Args:
        num_simulations: N.
        num_beats: number of beats of the slowest heart that fit into a recording of T = 48 num_beats samples.
        noise: standard deviation of the noise; the wave has the standard deviation 1.
        seed: of the random numbers.

    Returns:
        x (N, T, 1), theta (N, 6), both float32: heart rate in 1/min, stroke volume in mL, resistance in mmHg s/mL,
        compliance in mL/mmHg, ejection time and finger time constant in s.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        >>> from keras_course import datasets
        >>> x, theta = datasets.pulse_waves(5, num_beats=2)
        >>> x.shape, theta.shape
        ((5, 96, 1), (5, 6))
    """
    return Windkessel(num_beats, noise).pairs(num_simulations, seed)
