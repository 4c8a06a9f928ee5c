"""Simulators beside solvers of SciPy, integrals, and the symmetries that they must have."""

import numpy as np
import pytest
from scipy import integrate, stats

from keras_course import datasets
from keras_course.datasets import InverseMoons, LotkaVolterra, Simulator, Windkessel
from keras_course.datasets._pulse import RATE, _solve

THETA = np.array([[70.0, 80.0, 1.0, 0.6, 0.3, 0.2]])  # heart rate, stroke volume, R, C, ejection and finger time


@pytest.mark.parametrize(
    ("draw", "simulator", "shape"),
    [
        (datasets.pulse_waves, Windkessel(), (192, 1)),
        (datasets.lotka_volterra, LotkaVolterra(), (10, 2)),
        (datasets.inverse_moons, InverseMoons(), (2,)),
    ],
)
def test_pairs(draw, simulator, shape):
    """Pairs follow from the seed, parameters fill the box of the prior, and observations depend on the noise."""
    x, theta = draw(300, seed=1)
    assert x.dtype == theta.dtype == np.float32
    assert x.shape == (300, *shape)
    assert theta.shape == (300, len(simulator.names)) == (300, len(simulator.units))
    low, high = np.float32(simulator.low), np.float32(simulator.high)
    assert ((theta >= low) & (theta <= high)).all()
    np.testing.assert_array_equal(x, draw(300, seed=1)[0])
    assert (draw(300, seed=2)[1] != theta).all()
    once, again, other = (simulator.simulate(theta, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any(axis=tuple(range(1, once.ndim))).all()
    assert simulator.log_prior(theta).shape == (300,)


def test_the_base_class_is_abstract():
    with pytest.raises(NotImplementedError, match="Simulator must define names, units, low, high"):
        Simulator()


# The Windkessel -------------------------------------------------------------------------------------------------------


def test_pulse_waves_solve_their_equations():
    """Pressure and volume of periodic beats are what a solver of SciPy finds after many beats from rest."""
    theta, period = THETA[0], 60 / 70
    _, stroke, resistance, compliance, ejection, finger = theta

    def flow(t):
        since = t % period
        return np.pi * stroke / (2 * ejection) * np.sin(np.pi * since / ejection) * (since < ejection)

    def slopes(t, state):
        pressure, volume = state
        return (flow(t) - pressure / resistance) / compliance, (pressure - volume) / finger

    start = 20 * period  # 17 s, and the time constants are 0.6 and 0.2 s
    times = start + np.arange(96) / RATE
    solved = integrate.solve_ivp(slopes, (0, times[-1]), (0.0, 0.0), t_eval=times, max_step=0.005, rtol=1e-6)
    found = _solve(THETA, np.full((1, 9), period), 96)[0]
    np.testing.assert_allclose(found[0], flow(times), atol=1e-6 * stroke / ejection)
    np.testing.assert_allclose(found[1:], solved.y, rtol=3e-3)
    assert solved.y[0].min() > 50  # mmHg
    assert solved.y[0].max() < 150


def test_mean_pressure_is_that_of_the_resistance():
    """The capacitor loses what it stores: mean P = mean V = R * stroke volume * heart rate, over many beats."""
    flow, pressure, volume = Windkessel(num_beats=100).signals(THETA, seed=0)
    assert pressure.mean() == pytest.approx(80 * 70 / 60, rel=0.02)
    assert volume.mean() == pytest.approx(80 * 70 / 60, rel=0.02)
    assert flow.mean() == pytest.approx(80 * 70 / 60, rel=0.02)


def test_what_a_pulse_wave_cannot_tell():
    """Waves stay the same if the time constants are swapped, if R C is the same, and for any stroke volume."""
    quiet = Windkessel(noise=1e-6)
    others = {"resistance": (2, 1.5), "compliance": (3, 0.4), "stroke volume": (1, 55.0)}
    wave = quiet.simulate(THETA)[0]
    same = THETA.repeat(3, axis=0)
    same[0, [3, 5]] = 0.2 / 0.5, 0.6  # R C = 0.2 s with R = 0.5, and 0.6 s for the finger
    same[0, 2] = 0.5
    same[1, [2, 3]] = 1.5, 0.4
    same[2, 1] = 55.0
    for row in same:
        np.testing.assert_allclose(quiet.simulate(row[None])[0], wave, atol=2e-3)
    for column, value in others.values():
        changed = THETA.copy()
        changed[0, column] = value
        assert np.abs(quiet.simulate(changed)[0] - wave).max() > 0.02 or column == 1
    assert wave.mean() == pytest.approx(0, abs=1e-4)
    assert wave.std() == pytest.approx(1, abs=1e-4)


def test_beats_differ_in_length():
    """A long recording has as many beats as the heart rate says, and its periods have a deviation of 5 %."""
    flow, *_ = Windkessel(num_beats=100).signals(THETA, seed=0)
    onsets = np.flatnonzero((flow[0, 1:] > 1e-6) & (flow[0, :-1] < 1e-6))
    periods = np.diff(onsets) / RATE
    assert periods.mean() == pytest.approx(60 / 70, rel=0.015)
    assert periods.std() == pytest.approx(0.05 * 60 / 70, rel=0.2)


# The benchmarks -------------------------------------------------------------------------------------------------------


def test_populations_solve_their_equations():
    theta = LotkaVolterra().prior(4, seed=0).astype("float64")
    found = LotkaVolterra(noise=1e-9).simulate(theta)
    for (alpha, beta, gamma, delta), x in zip(theta, found, strict=True):

        def slopes(t, z, a=alpha, b=beta, c=gamma, d=delta):
            return a * z[0] - b * z[0] * z[1], d * z[0] * z[1] - c * z[1]

        solved = integrate.solve_ivp(slopes, (0, 19), (30, 1), t_eval=2.1 * np.arange(10), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(x, np.clip(solved.y.T, 1e-10, 1e4), rtol=2e-3)


def test_likelihood_and_prior_of_populations():
    simulator, clean = LotkaVolterra(), LotkaVolterra(noise=1e-9)
    x, theta = simulator.pairs(5, seed=0)
    expected = stats.lognorm.logpdf(x, 0.1, scale=clean.simulate(theta)).sum(axis=(1, 2))
    np.testing.assert_allclose(simulator.log_likelihood(x, theta), expected, rtol=1e-3)
    log_normal = [stats.norm(mean, 0.5).logpdf(np.log(theta[:, k])) for k, mean in enumerate((-0.125, -3) * 2)]
    np.testing.assert_allclose(
        simulator.log_prior(theta), (np.array(log_normal).T - np.log(theta)).sum(axis=1), atol=1e-3
    )
    logs = np.log(simulator.prior(20_000, seed=1))
    np.testing.assert_allclose(logs.mean(axis=0), (-0.125, -3, -0.125, -3), atol=0.02)
    np.testing.assert_allclose(logs.std(axis=0), 0.5, atol=0.02)


def test_posterior_of_moons_is_exact():
    """The likelihood adds up to 1 over x, the posterior over theta; samples have the moments of its density."""
    moons = InverseMoons()
    theta = np.array([[0.3, 0.4]])
    x = moons.simulate(theta, seed=1)
    fine = np.linspace(-0.15, 0.15, 301)
    center = np.array([0.25 - 0.7 / np.sqrt(2), 0.1 / np.sqrt(2)])
    grid = np.stack(np.meshgrid(fine, fine), axis=-1).reshape(-1, 2) + center
    likelihood = np.exp(moons.log_likelihood(grid, theta.repeat(len(grid), axis=0)))
    assert likelihood.sum() * 1e-6 == pytest.approx(1, abs=0.01)
    axis = (np.arange(800) + 0.5) / 400 - 1
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    values = moons.log_likelihood(x.repeat(len(grid), axis=0), grid)
    likely = grid[values > -20]
    density = np.exp(moons.log_posterior(x.repeat(len(likely), axis=0), likely)) / 400**2
    assert density.sum() == pytest.approx(1, abs=0.02)
    samples = moons.posterior(x, 20_000)[0]
    np.testing.assert_allclose(samples.mean(axis=0), density @ likely, atol=0.02)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(likely.T, aweights=density), atol=0.01)
    assert np.mean(samples.sum(axis=1) > 0) == pytest.approx(0.5, abs=0.02)  # both crescents


def test_posterior_of_moons_at_the_edge_of_the_prior():
    """Parts of a crescent beyond the square are cut off, and the density still adds up to 1."""
    moons, x = InverseMoons(), np.array([[-0.95, 0.1]])
    axis = (np.arange(1_000) + 0.5) / 500 - 1
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    likely = grid[moons.log_likelihood(x.repeat(len(grid), axis=0), grid) > -20]
    density = np.exp(moons.log_posterior(x.repeat(len(likely), axis=0), likely)) / 500**2
    assert density.sum() == pytest.approx(1, abs=0.02)
    inside = np.exp(moons.log_likelihood(x.repeat(len(likely), axis=0), likely)).sum() / 500**2
    assert inside < 1.9  # of 2, one for each crescent
    samples = moons.posterior(x, 5_000)[0]
    np.testing.assert_allclose(samples.mean(axis=0), density @ likely, atol=0.03)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: datasets.pulse_waves(0), "num_simulations=0"),
        (lambda: datasets.pulse_waves(3, num_beats=0), "num_beats=0"),
        (lambda: Windkessel(noise=0.0), "noise=0.0"),
        (lambda: LotkaVolterra(noise=-1.0), "noise=-1.0"),
        (lambda: Windkessel().simulate(np.ones((2, 5))), "theta has shape"),
        (lambda: Windkessel().simulate(THETA + 50), "theta has 6 entries outside the prior; the heart rate must lie"),
        (lambda: InverseMoons().log_likelihood(np.ones((2, 2)), np.ones((3, 2))), "theta has 3 rows, and x has 2"),
        (lambda: InverseMoons().posterior([[5.0, 5.0]], 10), "x has the row"),
        (lambda: LotkaVolterra().log_likelihood(np.ones((2, 10, 3)), np.full((2, 4), 0.3)), "x has shape"),
        (lambda: LotkaVolterra().log_likelihood(-np.ones((2, 10, 2)), np.full((2, 4), 0.3)), "x has shape"),
    ],
)
def test_wrong_arguments_are_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act()
