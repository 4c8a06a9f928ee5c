"""What all tests share: the option `--full`, and a header that says on what they run."""

import gc
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tiny_recipe

from keras_course import backend


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="also run what takes minutes, and write the figures")


# Programs here are small and run once, so XLA compiles them without optimizing, in a third of the time; not with
# `--full`, which trains.
XLA_FLAGS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
)


def pytest_configure(config):
    """Set the environment before anything imports a backend; worker processes inherit it."""
    config.addinivalue_line("markers", "full: takes long, and runs with --full only")
    config.addinivalue_line("markers", "once: the same on every backend, and runs on PyTorch or with --full only")
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # else PyTorch's compiler starts processes of its own
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the cores run tests side by side
    if "XLA_FLAGS" not in os.environ and not config.getoption("--full"):
        os.environ["XLA_FLAGS"] = XLA_FLAGS if _xla_knows(XLA_FLAGS) else ""
    os.environ.setdefault("MPLBACKEND", "Agg")
    if data := os.environ.get("KERAS_COURSE_DATA"):
        os.environ["KERAS_COURSE_DATA"] = os.path.abspath(data)  # tutorials run in their own folder
    if config.getoption("--full"):
        os.environ["KERAS_COURSE_FULL"] = "1"


def pytest_collection_modifyitems(config, items):
    """Run pages first, as they take longest; leave out what is marked `full`, or `once` on a backend but PyTorch.

    The networks of other libraries and the benchmarks, in tests/peers, are the same on every backend, too.
    """
    items.sort(key=lambda item: item.name.split("[")[0] != "test_page_runs")
    if config.getoption("--full"):
        return
    once = backend.current() != "torch"
    left_out = {
        item
        for item in items
        if item.get_closest_marker("full")
        or (once and (item.get_closest_marker("once") or item.path.parent.name == "peers"))
    }
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _xla_knows(flags):
    """Return whether the XLA of this JAX takes the flags; a version that does not know one ends the process."""
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", "import jax; jax.devices()"]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


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
def short(monkeypatch, text, tmp_path):
    """An empty working folder, in which the default recipe is tiny."""
    from keras_course import recipes

    tiny = tiny_recipe.recipe(text, name=recipes.DEFAULT, steps=2)
    monkeypatch.setitem(recipes.RECIPES, recipes.DEFAULT, tiny)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def memory():
    """The memory, in KiB, that a process may have used before JAX forgets the programs that it compiled."""
    return {"limit": 3_000_000}


@pytest.fixture(autouse=True, scope="module")
def forgotten_programs(memory):
    """Clear JAX's cache when it fills gigabytes, which slow the process down."""
    yield
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if used > memory["limit"] and (jax := sys.modules.get("jax")):
        memory["limit"] = used + 1_000_000
        jax.clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def fresh_rng(request, monkeypatch):
    """Give each test its own random numbers, which do not depend on the tests that ran before it in its process."""
    if hasattr(request.module, "RNG"):
        monkeypatch.setattr(request.module, "RNG", np.random.default_rng(1))


@pytest.fixture
def traced_once(monkeypatch):
    """Optimizers and metrics have their variables before TensorFlow traces a step, as on the other backends.

    Keras lets TensorFlow create them while it traces the first step, which makes it trace that step a second time.
    """
    if backend.current() == "tensorflow":
        from keras.src.backend.tensorflow.trainer import TensorFlowTrainer

        def build(model, iterator=None, data_batch=None):
            model._symbolic_build(data_batch=iterator._distributed_dataset.element_spec if iterator else data_batch)

        monkeypatch.setattr(TensorFlowTrainer, "_maybe_symbolic_build", build)


@pytest.fixture
def drawn_by_numpy():
    """Initial weights are sampled by NumPy, for tests that do not look at their distribution."""
    import draws

    with draws.weights_by_numpy():
        yield


@pytest.fixture
def called_at_once(monkeypatch):
    """On JAX a layer or model is one program, also when it is called outside of one; else each operation in it is."""
    if backend.current() == "jax":
        import keras
        import programs

        monkeypatch.setattr(keras.Layer, "__call__", programs.at_once(keras.Layer.__call__))
