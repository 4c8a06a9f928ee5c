"""Waves beside the equation that they solve, particles beside the conservation of energy, and depth maps in space."""

import os

import numpy as np
import pytest

from keras_course import datasets
from keras_course.datasets._particles import DIAMETER, FRAME
from keras_course.datasets._weather import RADIUS, ROTATION, _legendre, angular_velocity, wave

AMPLITUDES = np.random.default_rng(0).normal(size=(5, 2))  # of degree 4


def test_wave_turns_with_the_angular_velocity_of_the_textbook():
    flow, degree = 7.848e-6, 4
    r = degree - 1
    nu = (r * (3 + r) * flow - 2 * ROTATION) / ((1 + r) * (2 + r))
    np.testing.assert_allclose(angular_velocity(degree, flow), nu)
    fields = wave(degree, flow, AMPLITUDES, [0, 6, 30], (13, 48))
    spectra = np.fft.rfft(fields, axis=2)
    for k, hours in ((1, 6), (2, 30)):
        turned = spectra[0] * np.exp(-1j * np.arange(25)[:, None] * nu * 3600 * hours)
        np.testing.assert_allclose(spectra[k], turned, atol=1e-9 * np.abs(spectra).max())


def test_wave_solves_the_vorticity_equation():
    """d zeta / dt = -(u / (a cos phi)) d zeta / d lambda - (v / a) d (zeta + 2 Omega sin phi) / d phi."""
    degree, flow, shape = 4, 1.2e-5, (1441, 64)
    seconds = 60
    before, now, after = wave(degree, flow, AMPLITUDES * 20, np.array([-1, 0, 1]) * seconds / 3600, shape)
    phi = np.radians(np.linspace(90, -90, shape[0]))[:, None]
    zeta, u, v = np.moveaxis(now, -1, 0)
    tendency = (after - before)[..., 0] / (2 * seconds)
    number = 1j * np.fft.rfftfreq(shape[1], 1 / shape[1])
    along = np.fft.irfft(number * np.fft.rfft(zeta, axis=1), n=shape[1], axis=1)
    across = np.gradient(zeta + 2 * ROTATION * np.sin(phi), phi[:, 0], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        advection = u / (RADIUS * np.cos(phi)) * along + v / RADIUS * across
    inner = slice(100, -100)
    gap = np.abs(tendency + advection)[inner].max()
    assert gap < 1e-3 * np.abs(tendency).max()


def test_legendre_functions_are_normalized_and_have_the_right_slope():
    phi = np.radians(np.linspace(90, -90, 2001))[:, None]
    for degree in (3, 5):
        for m in range(degree + 1):
            value, slope, ratio = _legendre(degree, m, phi)
            mean = np.sum(value**2 * np.cos(phi)) / np.sum(np.cos(phi)) / (2 if m else 1)
            np.testing.assert_allclose(mean, 1, rtol=1e-4)
            np.testing.assert_allclose(np.gradient(value[:, 0], phi[:, 0])[1:-1], slope[1:-1, 0], atol=1e-3)
            np.testing.assert_allclose(ratio * np.cos(phi), m * value, atol=1e-10)


def test_wave_data_have_the_form_of_the_reanalysis():
    train, test = datasets.rossby_haurwitz(3, num_test=2, num_steps=5)
    assert train.fields.shape == (3, 4, 13, 24, 3)
    assert test.fields.shape == (2, 6, 13, 24, 3)
    assert test.hours.tolist() == [0, 6, 12, 18, 24, 30]
    assert train.region is None
    again, _ = datasets.rossby_haurwitz(3, num_test=2, num_steps=5)
    np.testing.assert_array_equal(train.fields, again.fields)


@pytest.mark.skipif("KERAS_COURSE_DATA" not in os.environ, reason="needs the files of the data set")
def test_reanalysis():
    train, test = datasets.era5_uk()
    assert train.fields.shape == (1, 600, 33, 49, 1)
    assert test.fields.shape == (1, 144, 33, 49, 1)
    assert test.hours[0] - train.hours[-1] == 1
    assert train.region == (58.0, -10.0, 50.0, 2.0)
    assert 260 < train.fields.min() < train.fields.max() < 300


def test_energy_is_kept_without_damping_and_lost_with_it():
    free, _ = datasets.spring_particles(4, num_test=1, damping=0.0)
    assert np.abs(free.energies / free.energies[:, :1] - 1).max() < 1e-3
    damped, _ = datasets.spring_particles(4, num_test=1, damping=2.0)
    assert (np.diff(damped.energies, axis=1) < 1e-6).all()
    assert damped.energies[:, -1].mean() < 0.5 * damped.energies[:, 0].mean()


def test_one_particle_falls_as_a_body_does():
    particle, _ = datasets.spring_particles(20, num_test=1, num_particles=1, num_frames=8, damping=0.0, gravity=2.0)
    x = particle.positions[:, :, 0].astype("float64")
    inside = ((x > DIAMETER / 2) & (x < 1 - DIAMETER / 2)).all(axis=(1, 2))
    assert inside.any()
    second = np.diff(x[inside], 2, axis=1)
    np.testing.assert_allclose(second[..., 1], -2.0 * FRAME**2, atol=1e-6)
    np.testing.assert_allclose(second[..., 0], 0, atol=1e-6)


def test_particles_stay_in_the_box_and_apart():
    data, _ = datasets.spring_particles(4, num_test=1)
    assert data.positions.min() > 0
    assert data.positions.max() < 1
    gaps = np.linalg.norm(data.positions[:, :, :, None] - data.positions[:, :, None], axis=-1) + np.eye(10)
    assert gaps.min() > DIAMETER / 4


def test_particles_that_touch_keep_their_momentum():
    data, _ = datasets.spring_particles(60, num_test=1, num_particles=3, num_frames=8, damping=0.0, gravity=0.0)
    x = data.positions.astype("float64")
    x = x[((x > DIAMETER / 2) & (x < 1 - DIAMETER / 2)).all(axis=(1, 2, 3))]  # far from the walls
    accelerations = np.diff(x, 2, axis=1)
    assert np.abs(accelerations).max() > 5e-3
    np.testing.assert_allclose(accelerations.sum(axis=2), 0, atol=1e-6)


@pytest.mark.parametrize(("name", "value"), [("num_particles", 31), ("stiffness", 0.0), ("damping", -1.0)])
def test_wrong_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        datasets.spring_particles(2, **{name: value})


def positions(exact):
    """Return where pixels are in space (N, H, W, 3), from their depths: right, ahead and up, the camera at the origin.

    In the frame of the camera, a pixel at depth z is at z / 60 times its distance in pixels from the middle.
    """
    rows, columns = np.mgrid[:48, :64]
    camera = np.stack([exact * (columns - 31.5) / 60, exact, exact * (23.5 - rows) / 60], axis=-1)
    tilt = np.radians(-12)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    return camera @ turn.T


def test_depth_maps_show_planes_and_balls():
    """The floor is 1.5 m below the camera, the wall is upright, and balls are spheres, on the floor or in the air."""
    for scenes, balloon in zip(datasets.depth_scenes(12, num_test=6, seed=3), (False, True), strict=True):
        x = positions(scenes.exact[..., 0].astype("float64"))
        np.testing.assert_allclose(x[scenes.kinds == 0][:, 2], -1.5, atol=1e-5)
        assert {"box", "ramp", "ball"} <= {datasets.DEPTH_KINDS[kind] for kind in np.unique(scenes.kinds)}
        for points, kinds in zip(x, scenes.kinds, strict=True):
            assert np.ptp(points[kinds == 1][:, 1]) < 1e-5
            assert (kinds == 5).any() == balloon
            if balloon:
                ball = points[kinds == 5]
                (*center, _), *_ = np.linalg.lstsq(np.c_[2 * ball, np.ones(len(ball))], (ball**2).sum(axis=1))
                radii = np.linalg.norm(ball - center, axis=1)
                assert np.ptp(radii) < 1e-3
                assert center[2] - radii.mean() > -1.5 + 0.5  # it does not touch the floor


def test_noise_of_depths_grows_with_the_square():
    train, _ = datasets.depth_scenes(12, num_test=1)
    z = (train.depths - train.exact) / (datasets.DEPTH_NOISE * train.exact**2)
    for far in (train.exact < 4, train.exact > 6):
        assert abs(z[far].mean()) < 0.03
        assert z[far].std() == pytest.approx(1, abs=0.03)
    again, _ = datasets.depth_scenes(12, num_test=9)
    np.testing.assert_array_equal(again.images, train.images)
