"""Every builder passes conformance, and computes on this backend what it computes on another one."""

import contextlib
import functools
import math
import os
import pathlib
import subprocess
import sys
import threading
import time

import conformance
import keras
import numpy as np
import pytest
import reference
import toys

import keras_course
from keras_course import backend

META = keras.config.backend() == "torch"  # whose device "meta" has shapes but no numbers
HERE = pathlib.Path(__file__).parent
RING = ("jax", "torch", "tensorflow", "jax", "torch")  # each reads what the next one wrote
_NEXT = RING.index(keras.config.backend()) + 1
OTHERS = [name for name in RING[_NEXT : _NEXT + 2] if name in backend.available()]


def pytest_generate_tests(metafunc):
    """Compare with the next backend, which over all runs compares every two; with --full directly with both others."""
    if "other" in metafunc.fixturenames:
        others = OTHERS if metafunc.config.getoption("--full") else OTHERS[:1]
        metafunc.parametrize("other", others, indirect=True, scope="session")


@pytest.fixture(scope="session")
def other(request, tmp_path_factory):
    """A folder that fills with what another backend computes; the first worker that asks for it starts the process."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if parallel else root) / f"computed-on-{request.param}"
    try:
        folder.mkdir()
    except FileExistsError:  # another worker was first
        yield folder
        return
    tests = [item.callspec.params for item in request.session.items if "other" in item.fixturenames]
    names = sorted({parameters["name"] for parameters in tests if "name" in parameters})
    paths = [str(HERE), str(pathlib.Path(keras_course.__file__).parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "KERAS_BACKEND": request.param}
    command = [sys.executable, str(HERE / "reference.py"), str(folder), *names]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    threading.Thread(target=lambda: (process.wait(), (folder / "ended").touch()), daemon=True).start()
    yield folder
    if not parallel:  # else the other workers may need it still
        process.kill()
    process.wait()


def wait_for(path):
    """Return what the file holds as soon as the other process has written it."""
    while not path.exists():
        if (path.parent / "ended").exists() and not path.exists():
            raise AssertionError((path.parent / "log.txt").read_text(encoding="utf-8", errors="replace")[-4000:])
        time.sleep(0.1)
    return np.load(path)


def test_three_backends_are_compared():
    assert len(OTHERS) == 2, f"install all backends to compare them; missing here: {set(backend.BACKENDS) - {*OTHERS}}"


def differing(found, expected):
    """Return the names of those arrays that differ by more than rounding."""
    gaps = {key: np.abs(found[key] - expected[key]).max() for key in expected}
    scales = {key: np.abs(expected[key]).max() for key in expected}
    zero = 1e-6 * max((scales[key] for key in expected if key.startswith("gradient")), default=0)
    limits = {  # of two kinds relative: gradients that are zero, as before a normalization, are rounding themselves
        "output": lambda scale: 1e-5 * max(1.0, scale),
        "gradient": lambda scale: 1e-4 * scale + zero,
        "losses": lambda scale: 1e-5,
        "prediction": lambda scale: 1e-4,
    }
    return [key for key in expected if not gaps[key] <= limits[key.split("_")[0]](scales[key])]  # NaN differs


def differing_in_inference(subject, other, name):
    """Return the differing outputs, and for each sample of the inputs the differing gradients."""
    expected = wait_for(other / f"{name}.npz")
    keys = differing(reference.measure(subject), expected)
    kinds = "output", *(f"gradient_{sample}" for sample in range(reference.SAMPLES))
    return tuple([key for key in keys if key.startswith(kind)] for kind in kinds)


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize("name", [name for name in reference.MODELS if "skewed" not in name])
def test_builder(name, other, full):
    """The builder passes every check; another backend saved the same model, and computed and sampled the same."""
    subject = conformance.check_builder(reference.MODELS[name], thorough=full or META)
    outputs, *gradients = differing_in_inference(subject, other, name)
    assert not outputs
    assert [] in gradients  # they jump where the input of a ReLU is zero within rounding: one sample is free of that
    loaded = keras.models.load_model(other / f"{name}.keras")
    for here, there in zip(subject.model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(here, there)
    conformance.check_same_outputs(loaded, subject)
    samples = reference.samples_of(loaded)
    assert not differing(samples, {key: wait_for(other / f"{name}.npz")[key] for key in samples})


def test_toy_sampler_passes():
    conformance.check_function(toys.ToySampler(3), np.zeros((2, 3), "float32"))


# Training on two backends --------------------------------------------------------------------------------------------

trained = functools.cache(reference.train)


@pytest.mark.parametrize("name", ["small_gpt", *toys.BUILDERS])
def test_training_is_the_same(other, name):
    losses = trained(name)["losses"]
    assert losses[-5:].mean() < 0.9 * losses[:5].mean()  # it did learn: equality of nothing proves nothing
    assert differing(trained(name), wait_for(other / f"{name} training.npz")) == []


def test_sampler_gives_the_same(other):
    assert differing(reference.sample("toy_sampler"), wait_for(other / "toy_sampler.npz")) == []


# Planted differences: each must be found, and nothing else -----------------------------------------------------------


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize(
    ("name", "kinds"),
    [("skewed_inference", {"output"}), ("skewed_gradient", {"gradient"}), ("skewed_loss", set())],
)
def test_planted_difference_is_found_in_inference(other, name, kinds):
    subject = conformance.Subject(reference.MODELS[name])
    outputs, *gradients = differing_in_inference(subject, other, name)
    for keys in gradients:
        assert {key.split("_")[0] for key in outputs + keys} == kinds


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("skewed_inference", {"prediction"}),
        ("skewed_gradient", {"losses", "prediction"}),
        ("skewed_loss", {"losses"}),
    ],
)
def test_planted_difference_is_found_in_training(other, name, kinds):
    keys = differing(trained(name), wait_for(other / f"{name} training.npz"))
    assert {key.split("_")[0] for key in keys} == kinds


def test_planted_difference_is_found_in_a_sampler(other):
    assert differing(reference.sample("skewed_sampler"), wait_for(other / "skewed_sampler.npz")) == ["output"]


def test_not_a_number_is_a_difference():
    nothing = {"gradient_0": np.array([np.nan])}
    assert differing(nothing, {"gradient_0": np.ones(1)}) == differing({"gradient_0": np.ones(1)}, nothing) != []


# Published parameter counts ------------------------------------------------------------------------------------------


def published(full):
    """Yield (row of the builder, preset) wherever a count is published; large ones only where weights cost nothing.

    Presets of one builder are a family that differs in a few numbers: without `full` the first and the last will do.
    """
    for row in keras_course.list_builders():
        counts = {preset: given["parameters"] for preset, given in row.build.presets.items() if "parameters" in given}
        presets = [preset for preset, count in counts.items() if META or count < 1_000_000]
        yield from ((row, preset) for preset in (presets if full else {*presets[:1], *presets[-1:]}))


@pytest.mark.usefixtures("full" if META else "drawn_by_numpy")  # on "meta" nothing is drawn, at any size
def test_published_parameter_counts(full):
    for row, preset in published(full):
        with keras.device("meta") if META else contextlib.nullcontext():
            model = row.build.from_preset(preset)
        count = sum(math.prod(weight.shape) for weight in model.trainable_weights)  # papers leave out moving averages
        assert count == row.build.presets[preset]["parameters"], f"{row.name}, {preset}"
