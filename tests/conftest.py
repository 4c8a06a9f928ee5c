"""What all tests share: the option `--full`, and a header that says on what they run."""

import os

import pytest
import tiny_recipe

from keras_course import backend


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also run what takes minutes, and write the figures")


def pytest_configure(config):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MPLBACKEND", "Agg")
    if data := os.environ.get("KERAS_COURSE_DATA"):
        os.environ["KERAS_COURSE_DATA"] = os.path.abspath(data)  # tutorials run in their own folder
    if config.getoption("--full"):
        os.environ["KERAS_COURSE_FULL"] = "1"


def pytest_report_header():
    data = os.environ.get("KERAS_COURSE_DATA", "none: the offline twins stand in for the real sets")
    return [f"backend: {backend.current()} of {', '.join(backend.available())}", f"real data: {data}"]


@pytest.fixture(scope="session")
def full(pytestconfig):
    """Whether the long runs were asked for."""
    return pytestconfig.getoption("--full")


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """A text file that is long enough for the tiny recipe."""
    path = tmp_path_factory.mktemp("text") / "roses.txt"
    path.write_text(tiny_recipe.TEXT, encoding="utf-8")
    return path


@pytest.fixture
def drawn_by_numpy(monkeypatch):
    """First weights are drawn by NumPy; for tests that do not look at the law of a draw."""
    import draws
    import keras

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", draws.by_numpy())
