"""Schedules equal Keras's, and go into its optimizers."""

import fractions
import math

import keras
import numpy as np
import pytest
from keras import ops as k

from keras_course import ops
from keras_course.training import (
    SGD,
    CosineSchedule,
    ExponentialSchedule,
    InverseTimeSchedule,
    RestartSchedule,
    StepSchedule,
    minimize,
)

theirs = keras.optimizers.schedules
AGREE = {
    "step": (StepSchedule(0.3, 30), theirs.ExponentialDecay(0.3, 30, 0.1, staircase=True)),
    "exponential": (ExponentialSchedule(0.3, 30, 0.5), theirs.ExponentialDecay(0.3, 30, 0.5)),
    "1/t": (InverseTimeSchedule(0.3, 40), theirs.InverseTimeDecay(0.3, 40, 1.0)),
    "cosine": (CosineSchedule(0.3, 200), theirs.CosineDecay(0.3, 200)),
    "warm-up": (
        CosineSchedule(0.3, 200, warmup=50, final=0.03),
        theirs.CosineDecay(0.3 / 51, 150, 0.1, warmup_target=0.3, warmup_steps=50),
    ),
    "restarts": (RestartSchedule(0.3, 10), theirs.CosineDecayRestarts(0.3, 10)),
    "equal restarts": (RestartSchedule(0.3, 10, 1.0), theirs.CosineDecayRestarts(0.3, 10, 1.0)),
    "shrinking restarts": (RestartSchedule(0.3, 9, 3, 0.8), theirs.CosineDecayRestarts(0.3, 9, 3.0, 0.8)),
    "restarts with a floor": (RestartSchedule(0.3, 10, final=0.03), theirs.CosineDecayRestarts(0.3, 10, alpha=0.1)),
}


@pytest.mark.parametrize("name", AGREE)
def test_equals_keras(name):
    mine, keras_one = AGREE[name]
    steps = np.array([0, 1, 5, 9, 10, 11, 29, 30, 31, 35, 36, 49, 50, 51, 70, 117, 199, 250])
    expected = [float(keras_one(int(t))) for t in steps]
    np.testing.assert_allclose(k.convert_to_numpy(mine(steps)), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([float(mine(int(t))) for t in steps[::4]], expected[::4], rtol=1e-4, atol=1e-6)
    assert len(set(expected)) > 5


def test_piecewise_constant_decay_drops_one_step_later():
    mine, keras_one = StepSchedule(1.0, 30, 0.5), theirs.PiecewiseConstantDecay([30, 60], [1.0, 0.5, 0.25])
    assert [float(mine(t)) for t in (29, 30, 31)] == [1.0, 0.5, 0.5]
    assert [float(keras_one(t)) for t in (29, 30, 31)] == [1.0, 1.0, 0.5]


def test_rates_are_exact():
    rise = CosineSchedule(1.0, 1000, warmup=100)
    np.testing.assert_allclose(k.convert_to_numpy(rise(np.arange(100))), np.arange(1, 101) / 101, rtol=1e-6)
    assert float(rise(100)) == 1
    np.testing.assert_allclose([float(rise(t)) for t in (550, 1000, 5000)], [0.5, 0, 0], atol=1e-6)
    waves = RestartSchedule(1.0, 8)
    assert [float(waves(t)) for t in (0, 8, 24, 56)] == [1.0] * 4
    assert float(InverseTimeSchedule(1.0, 7)(7)) == 0.5
    for first, start, length in ((100_000, 0, 100_000), (1000, 511_000, 512_000)):  # to the last step of a long stretch
        long = RestartSchedule(1.0, first)
        assert float(long(start)) == float(long(start + length)) == 1.0
        assert [float(long(start + length - before)) for before in (1, 2, 5)] < [1e-4] * 3
    for stretch in (1.001, 1.1, 1.5, 3.0):  # never late: at the step after a stretch's end the next one has begun
        waves, ends = RestartSchedule(1.0, 1000, stretch), 1000 * np.cumsum(stretch ** np.arange(12))
        assert min(float(waves(math.ceil(end + 0.01))) for end in ends) > 0.99


def test_compiled_rates_are_those_of_exact_arithmetic():
    """Under XLA t / 41 is t times a rounded 1 / 41: its floor is one too small at t = 41, 82 and 164."""
    t = np.arange(500)
    periods = range(1, 61)
    stretched = [(1, 1.5), (2, 2), (7, 1.1), (10, 3), (41, 1.25), (1000, 1.1)]
    ours = [StepSchedule(1.0, every, 0.9) for every in periods]
    ours += [RestartSchedule(1.0, first, 1) for first in periods]
    ours += [RestartSchedule(1.0, first, stretch, 0.9) for first, stretch in stretched]
    right = [0.9 ** (t // every) for every in periods]
    right += [(1 + np.cos(np.pi * (t % first) / first)) / 2 for first in periods]
    for first, stretch in stretched:
        starts, length = [fractions.Fraction(0)], fractions.Fraction(first)
        for _ in range(30):
            starts.append(starts[-1] + length)
            length *= fractions.Fraction(str(stretch))
        i = np.searchsorted(np.array(starts, float), t, side="right") - 1
        done = [float((int(a) - starts[j]) / (starts[j + 1] - starts[j])) for a, j in zip(t, i, strict=True)]
        right.append(0.9**i * (1 + np.cos(np.pi * np.array(done))) / 2)
    rates = ops.jit(lambda t: k.stack([schedule(t) for schedule in ours]))
    for steps in (t, t.astype("float32")):
        np.testing.assert_allclose(k.convert_to_numpy(rates(steps)), right, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        [[float(s(int(a))) for a in t[40:500:123]] for s in ours[::7]],
        np.array(right)[::7, 40:500:123],
        rtol=1e-4,
        atol=1e-5,
    )
    late = StepSchedule(1.0, 2**30 + 1, 0.5)  # where float32 tells every 64th step only
    assert [float(late(a)) for a in (2**30, 2**30 + 1)] == [1.0, 0.5]
    assert [float(RestartSchedule(1.0, 1, 1.5)(a)) for a in (2.4, 2.5)] == pytest.approx([0.0109, 1.0], abs=1e-3)


@pytest.mark.parametrize("name", AGREE)
def test_in_optimizers_of_keras_and_ours(name):
    schedule = AGREE[name][0]
    optimizer, w = keras.optimizers.SGD(schedule), keras.Variable(0.0)
    for _ in range(12):
        optimizer.apply([k.ones(())], [w])
    run = minimize(lambda w: 1.0 * w, np.zeros((), "float32"), SGD(schedule), 12)
    end = k.convert_to_numpy(w)
    np.testing.assert_allclose(run.trajectory[-1], end, rtol=1e-5)
    np.testing.assert_allclose(-end, np.sum(k.convert_to_numpy(schedule(np.arange(12)))), rtol=1e-5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again._learning_rate == schedule


def test_bad_schedules():
    for make in (lambda **a: StepSchedule(0.1, **a), lambda **a: InverseTimeSchedule(0.1, **a)):
        for bad in (0, -5, 1.5):
            with pytest.raises(ValueError, match=f"every={bad} must be a whole number"):
                make(every=bad)
    cases = [
        (lambda: CosineSchedule(0.1, -1), "num_steps=-1"),
        (lambda: CosineSchedule(0.1, 10, warmup=-1), "warmup=-1"),
        (lambda: CosineSchedule(0.1, 10, warmup=10), "warmup=10 must be less than num_steps=10"),
        (lambda: CosineSchedule(0.1, 10, final=0.2), r"final=0.2 must be from 0 to learning_rate=0.1"),
        (lambda: CosineSchedule(0.0, 10), "learning_rate=0.0"),
        (lambda: RestartSchedule(0.1, -3), "first=-3"),
        (lambda: RestartSchedule(0.1, 3, 0.5), "stretch=0.5"),
        (lambda: RestartSchedule(0.1, 3, shrink=0), "shrink=0"),
        (lambda: StepSchedule(0.1, 3, float("nan")), "factor=nan"),
        (lambda: StepSchedule(float("inf"), 3), "learning_rate=inf"),
        (lambda: StepSchedule("0.1", 3), "learning_rate='0.1'"),
        (lambda: RestartSchedule(0.1, 3, "2"), "stretch='2'"),
        (lambda: RestartSchedule(0.1, 3, shrink="1"), "shrink='1'"),
        (lambda: CosineSchedule(0.1, 3, final="0"), "final='0'"),
        (lambda: StepSchedule(0.1, 3)(float("nan")), "step=nan must not be negative"),
        (lambda: RestartSchedule(0.1, 3, 1 + 1e-9), "stretch=1.000000001 gives over 65536 restarts"),
        (lambda: StepSchedule(0.1, 3)(2**31), "step=2147483648 must not be negative, and less than 2147483647"),
        (lambda: CosineSchedule(0.1, 3)(float("inf")), "step=inf must not be negative"),
        (lambda: StepSchedule(0.1, 3)(-1), "step=-1 must not be negative"),
        (lambda: StepSchedule(0.1, 3)(np.array([0, -2])), "must not be negative"),
    ]
    for make, message in cases:
        with pytest.raises(ValueError, match=message):
            make()
