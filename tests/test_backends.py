"""One code, three backends, equal numbers: inference, gradients, training, and what each needs to be imported."""

import functools
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import reference
import toys
import variants

from keras_course import backend

TESTS = pathlib.Path(__file__).parent
RING = ("jax", "torch", "tensorflow", "jax", "torch")  # each reads what the next one wrote
_NEXT = RING.index(keras.config.backend()) + 1
OTHERS = [name for name in RING[_NEXT : _NEXT + 2] if name in backend.available()]
MODELS = [*variants.builders(), *toys.BUILDERS]


def run_python(code, **environment):
    """Run a program in a fresh process and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **environment}
    done = subprocess.run([sys.executable, *code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pytest_generate_tests(metafunc):
    """Compare with the next backend, which over all runs compares every two; with --full directly with both others."""
    if "other" in metafunc.fixturenames:
        others = OTHERS if metafunc.config.getoption("--full") else OTHERS[:1]
        metafunc.parametrize("other", others, indirect=True, scope="module")


@pytest.fixture(scope="module")
def other(request, tmp_path_factory):
    """A folder with models and numbers that another backend saved."""
    folder = tmp_path_factory.mktemp(request.param)
    run_python([str(TESTS / "reference.py"), str(folder)], KERAS_BACKEND=request.param)
    return folder


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


def differing_in_inference(other, name):
    """Return, for each of two draws of the inputs, the names of the outputs and gradients that differ."""
    model = keras.models.load_model(other / f"{name}.keras")
    draws = [dict(np.load(other / f"{name} {number}.npz")) for number in range(2)]
    found = reference.measure(model, [draw.pop("x") for draw in draws])
    return [differing(*pair) for pair in zip(found, draws, strict=True)]


@pytest.mark.usefixtures("drawn_by_numpy")
@pytest.mark.parametrize("name", MODELS)
def test_saved_model_gives_equal_outputs_and_gradients(other, name):
    """Gradients jump where a rectifier's input is zero within rounding: one of two draws has to be free of that."""
    rows = differing_in_inference(other, name)
    assert not [key for row in rows for key in row if key.startswith("output")]
    assert [] in rows


trained = functools.cache(reference.train)


@pytest.mark.parametrize("name", ["small_gpt", *toys.BUILDERS])
def test_training_is_the_same(other, name):
    losses = trained(name)["losses"]
    assert losses[-5:].mean() < 0.9 * losses[:5].mean()  # it did learn: equality of nothing proves nothing
    assert differing(trained(name), np.load(other / f"{name} training.npz")) == []


def test_sampler_gives_the_same(other):
    assert differing(reference.sample("toy_sampler"), np.load(other / "toy_sampler.npz")) == []


# Planted differences: each must be found, and nothing else -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("skewed_inference", {"output"}), ("skewed_gradient", {"gradient"}), ("skewed_loss", set())],
)
def test_planted_difference_is_found_in_inference(other, name, kinds):
    for row in differing_in_inference(other, name):
        assert {key.split("_")[0] for key in row} == kinds


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("skewed_inference", {"prediction"}),
        ("skewed_gradient", {"losses", "prediction"}),
        ("skewed_loss", {"losses"}),
    ],
)
def test_planted_difference_is_found_in_training(other, name, kinds):
    keys = differing(trained(name), np.load(other / f"{name} training.npz"))
    assert {key.split("_")[0] for key in keys} == kinds


def test_planted_difference_is_found_in_a_sampler(other):
    assert differing(reference.sample("skewed_sampler"), np.load(other / "skewed_sampler.npz")) == ["output"]


def test_not_a_number_is_a_difference():
    nothing = {"gradient_0": np.array([np.nan])}
    assert differing(nothing, {"gradient_0": np.ones(1)}) == differing({"gradient_0": np.ones(1)}, nothing) != []


# Choosing ------------------------------------------------------------------------------------------------------------


def test_unknown_backend():
    with pytest.raises(ValueError, match=r"name='theano' is not a backend; choose one of tensorflow, jax, torch"):
        backend.use("theano")


def test_backend_cannot_change_once_keras_runs():
    with pytest.raises(RuntimeError, match="already imported with the backend"):
        backend.use(OTHERS[0])


def test_backend_in_use_may_be_chosen_again():
    backend.use(keras.config.backend())
    assert backend.current() == keras.config.backend()


@pytest.mark.parametrize("call", ["backend.use('jax')", "import keras_course.language"])
def test_missing_backend_is_one_sentence(call):
    code = f"""
import importlib.util, os
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "jax" else found(name, *rest)
os.environ["KERAS_BACKEND"] = "jax"
from keras_course import backend
try:
    {call}
except ModuleNotFoundError as error:
    print(error)
"""
    message = run_python(["-c", code])
    assert "The backend 'jax' is not installed" in message
    assert "pip install jax" in message


def test_environment_names_an_unknown_backend():
    code = "try:\n    import keras_course.language\nexcept ValueError as error:\n    print(error)"
    assert "KERAS_BACKEND='theano' is not a backend" in run_python(["-c", code], KERAS_BACKEND="theano")


@pytest.mark.parametrize(
    ("settings", "expected"), [("[]", "tensorflow"), ("{", "tensorflow"), ('{"backend": "torch"}', "torch")]
)
def test_settings_of_keras_are_read_and_may_be_broken(settings, expected, tmp_path):
    (tmp_path / "keras.json").write_text(settings)
    code = "from keras_course import backend; print(backend.current())"
    assert run_python(["-c", code], KERAS_HOME=str(tmp_path), KERAS_BACKEND="").strip() == expected


# Importing -----------------------------------------------------------------------------------------------------------


def test_import_is_light():
    code = """
import sys, time
start = time.process_time()
import keras_course
print(time.process_time() - start)
print([name for name in ("keras", "numpy", "tensorflow", "jax", "torch", "sklearn") if name in sys.modules])
"""
    seconds, modules = run_python(["-c", code]).splitlines()
    assert modules == "[]"
    assert float(seconds) < 0.3


@pytest.mark.parametrize("name", [name for name in backend.BACKENDS if name != "tensorflow"])
def test_nothing_needs_tensorflow(name):
    """On a machine without TensorFlow: build, train, generate, list."""
    code = """
import sys
for absent in ("tensorflow", "tensorflow_datasets"):
    sys.modules[absent] = None
import numpy as np
import keras_course
from keras_course import datasets, metrics, ops, plots, portable, recipes
from keras_course.language import generate, gpt
model = gpt(10, 8, hidden_dim=8, num_layers=1)
model.compile("sgd", "mse")
model.fit(np.zeros((2, 8), "int32"), np.zeros((2, 8, 10)), verbose=0)
print(len(generate(model, np.array([1]), 3)), len(keras_course.list_builders()) > 0, datasets.text("python_docs")[:0])
"""
    assert run_python(["-c", code], KERAS_BACKEND=name).split() == ["4", "True"]
