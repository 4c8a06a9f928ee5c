"""The tasks of forecasts and of particles: their windows, their noise, and what stands beside a model."""

import numpy as np
import pytest

from keras_course import datasets, recipes
from keras_course.graphs import gns
from keras_course.recipes.tasks.forecast import Normalization

RNG = np.random.default_rng(0)
HOURS = np.arange(110) + 7


@pytest.fixture
def hourly(monkeypatch):
    """Hours of a field with a daily cycle, in place of the reanalysis: 80 to train on and validate, 30 to test on."""
    cycle = np.cos(2 * np.pi * HOURS / 24)[None, :, None, None, None]
    fields = (280 + 3 * cycle + RNG.normal(size=(1, 110, 5, 8, 1))).astype("float32")

    def part(hours):
        return datasets.Weather(fields[:, hours], HOURS[hours], ("temperature in K",), (58.0, -10.0, 50.0, 2.0))

    row = datasets.get_dataset("era5_uk")._replace(load=lambda: (part(slice(80)), part(slice(80, None))))
    monkeypatch.setattr(datasets, "get_dataset", lambda name: row)
    return fields


def test_windows_are_states_at_the_right_hours(hourly):
    data = recipes.Forecast("era5_uk", step=2, steps=3, num_states=2, time_of_day=True).load()
    assert len(data.test["states"]) == 30 - 4 * 2
    k, deviation = 5, hourly[:, :64].std(dtype="float64")  # of the first four fifths of the training hours
    for name, first, count in (("states", 80 + k, 2), ("targets", 80 + k + 4, 3)):
        fields = data.norm.undo(data.test[name][k], HOURS[first + 2 * np.arange(count)])
        np.testing.assert_allclose(fields, hourly[0, first + 2 * np.arange(count)], rtol=1e-5)
    angles = np.arctan2(*data.test["forcings"][k].T) * 24 / (2 * np.pi)
    gaps = (angles - HOURS[80 + k + 4 + 2 * np.arange(3)] + 12) % 24 - 12
    np.testing.assert_allclose(gaps, 0, atol=1e-4)
    np.testing.assert_allclose(data.norm.deviation, [deviation])
    undone = data.norm.undo(data._persistence(data.test)[k], HOURS[80 + k + 4 + 2 * np.arange(3)])
    np.testing.assert_allclose(undone, np.broadcast_to(hourly[0, 80 + k + 2], undone.shape), rtol=1e-5)
    assert data.arguments(None)["num_forcings"] == 2


def test_a_noisy_window_leads_to_the_same_target(hourly):
    data = recipes.Forecast("era5_uk", step=2, steps=1, noise=0.5).load()
    plain = {"states": data.train["states"][:4], "targets": data.train["targets"][:4]}
    states, changes = data._add_noise(plain["states"], data._changes(plain), RNG)
    assert np.abs(states - plain["states"]).mean() > 0.1
    reached = states[:, -1] + data.change_scale * changes
    np.testing.assert_allclose(reached, plain["targets"][:, 0], atol=1e-5)
    first = next(iter(data.batches(4, steps_per_epoch=2, seed=0, start_epoch=1)))
    again = [x for x, _ in zip(data.batches(4, steps_per_epoch=2, seed=0, start_epoch=0), range(3), strict=False)]
    np.testing.assert_array_equal(first[0], again[2][0])  # a resumed run sees the same batches


def test_normalization_is_read_back(tmp_path):
    norm = Normalization(np.zeros(2), np.ones(2), np.full(2, 0.5))
    norm.save(tmp_path)
    np.testing.assert_array_equal(recipes.Forecast().read(tmp_path)["normalization"].change, norm.change)


def test_too_many_steps_are_refused(hourly):
    with pytest.raises(ValueError, match="steps=99"):
        recipes.Forecast("era5_uk", step=2, steps=99).load()
    with pytest.raises(ValueError, match="data="):
        recipes.Forecast().on("digits")


def test_particles_beside_extrapolations():
    data = recipes.Particles(num_train=3, num_test=2, num_particles=4, num_frames=12).load()
    x, y = data.x[7], data.y[7]
    positions = datasets.spring_particles(3, num_test=2, num_particles=4, num_frames=12)[0].positions
    np.testing.assert_array_equal(x, positions[1, 1:7])
    np.testing.assert_allclose(x[-1] + (x[-1] - x[-2]) + data.scale * y, positions[1, 7], atol=1e-6)
    noisy, change = data._add_noise(x[None], y[None], RNG)
    velocity = noisy[0, -1] - noisy[0, -2] + data.scale * change[0]
    np.testing.assert_allclose(velocity, positions[1, 7] - x[-1], atol=1e-6)  # the next velocity is right again
    model = gns(4, velocity_scale=data.velocity_scale, hidden_dim=4, num_layers=1)
    paths = data.rollouts(model)
    assert {path.shape for path in paths.values()} == {(2, 6, 4, 2)}
    first = data.test[:, :6]
    np.testing.assert_allclose(
        paths["constant velocity"][:, 1], np.clip(3 * first[:, -1] - 2 * first[:, -2], 0, 1), atol=1e-6
    )
    expected = np.clip(3 * first[:, -1] - 3 * first[:, -2] + first[:, -3], 0, 1)
    np.testing.assert_allclose(paths["constant acceleration"][:, 0], expected, atol=1e-6)
    metrics = data.measure(model, {"val_loss": 0.25}, seed=0)
    assert metrics["error of an acceleration"] == 0.5
    assert not np.array_equal(next(iter(data.validation))[0][0], data.test[0, :6])
    image, table = data.sample(model, seed=0)
    assert image.dtype == np.uint8
    assert len(table["frame"]) == len(table["model"]) == 6
