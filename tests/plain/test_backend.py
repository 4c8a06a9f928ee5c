"""Choosing a backend, and what importing the package loads; each in a process of its own."""

import os
import subprocess
import sys

import keras
import pytest

from keras_course import backend


def run_python(code, **environment):
    """Run a program in a fresh process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Choosing ------------------------------------------------------------------------------------------------------------


def test_unknown_backend():
    with pytest.raises(ValueError, match=r"name='theano' is not a backend; choose one of tensorflow, jax, torch"):
        backend.use("theano")


def test_backend_cannot_change_once_keras_runs():
    with pytest.raises(RuntimeError, match="already imported with the backend"):
        backend.use(next(name for name in backend.BACKENDS if name != keras.config.backend()))


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
    message = run_python(code)
    assert "The backend 'jax' is not installed" in message
    assert "pip install jax" in message


def test_environment_names_an_unknown_backend():
    code = "try:\n    import keras_course.language\nexcept ValueError as error:\n    print(error)"
    assert "KERAS_BACKEND='theano' is not a backend" in run_python(code, KERAS_BACKEND="theano")


@pytest.mark.parametrize(
    ("settings", "expected"), [("[]", "tensorflow"), ("{", "tensorflow"), ('{"backend": "torch"}', "torch")]
)
def test_settings_of_keras_are_read_and_may_be_broken(settings, expected, tmp_path):
    (tmp_path / "keras.json").write_text(settings)
    code = "from keras_course import backend; print(backend.current())"
    assert run_python(code, KERAS_HOME=str(tmp_path), KERAS_BACKEND="").strip() == expected


# Importing -----------------------------------------------------------------------------------------------------------


def test_import_is_light():
    code = """
import sys, time
start = time.process_time()
import keras_course
print(time.process_time() - start)
print([name for name in ("keras", "numpy", "tensorflow", "jax", "torch", "sklearn") if name in sys.modules])
"""
    seconds, modules = run_python(code).splitlines()
    assert modules == "[]"
    assert float(seconds) < 0.3


@pytest.mark.once
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
    assert run_python(code, KERAS_BACKEND=name).split() == ["4", "True"]
