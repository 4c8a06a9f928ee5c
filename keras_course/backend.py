"""Choosing the backend: the library that does the arithmetic under Keras.

Keras reads the environment variable `KERAS_BACKEND`, then the file `~/.keras/keras.json`, then falls to
TensorFlow, once, when it is first imported. So the choice has to be made before that:

>>> from keras_course import backend
>>> backend.use(backend.current())      # choosing again what runs already is allowed
>>> backend.current() in backend.available()
True
"""

import contextlib
import ctypes
import importlib.util
import json
import os
import pathlib
import sys
from collections.abc import Iterator

BACKENDS = ("tensorflow", "jax", "torch")


def available() -> tuple[str, ...]:
    """Return the names of the backends that are installed here, in the order of `BACKENDS`."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def named() -> str | None:
    """Return the backend that the environment variable KERAS_BACKEND names, or None where it names none."""
    return os.environ.get("KERAS_BACKEND") or None


def current() -> str:
    """Return the backend that runs, or that Keras would choose if it were imported now."""
    if "keras" in sys.modules:
        return sys.modules["keras"].config.backend()
    if name := named():
        return name
    home = pathlib.Path(os.environ.get("KERAS_HOME", pathlib.Path.home() / ".keras"))
    try:
        settings = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "tensorflow"
    return settings.get("backend", "tensorflow") if isinstance(settings, dict) else "tensorflow"


def use(name: str) -> None:
    """Select the backend. Call it before the first import of Keras.

    Args:
        name: "tensorflow", "jax" or "torch".

    Raises:
        ValueError: `name` is none of the three.
        ModuleNotFoundError: the backend is not installed; the message says how to install it.
        RuntimeError: Keras was already imported with another backend, which cannot be changed in a running process.
    """
    _check(name, "name")
    if "keras" in sys.modules and current() != name:
        raise RuntimeError(
            f"name={name!r}: Keras was already imported with the backend {current()!r}, and a running process cannot "
            f"change it. Call keras_course.backend.use({name!r}) before anything imports Keras, or start Python "
            f"with the environment variable KERAS_BACKEND={name}."
        )
    os.environ["KERAS_BACKEND"] = name


def require() -> None:
    """Check that the selected backend can be imported, with one clear sentence where it cannot.

    Raises:
        ValueError: the environment or Keras's configuration file names an unknown backend.
        ModuleNotFoundError: the backend is not installed.
    """
    if "keras" not in sys.modules:
        _check(current(), "KERAS_BACKEND")


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keep Keras from importing a TensorFlow that nobody chose, for as long as it saves a model.

    Keras compares every object that it writes with TensorFlow's types, and imports TensorFlow for that alone: seconds,
    hundreds of megabytes and a page of log. Where TensorFlow is imported already, nothing changes.
    """
    lazy = getattr(sys.modules.get("keras.src.utils.module_utils"), "tensorflow", None)  # no public name leads to it
    if lazy is None or "tensorflow" in sys.modules:
        yield
        return
    known, lazy._available = getattr(lazy, "_available", None), False
    try:
        yield
    finally:
        lazy._available = known  # so that what really needs TensorFlow still finds it


def keep_working_memory() -> None:
    """Let the C library keep large blocks that are freed, for the rest of this process; a CPU trains faster then.

    XLA and PyTorch allocate their working memory anew in every step. The GNU C library hands such large blocks back to
    the system at once, so each step of a GPT starts with ten thousand page faults, and takes a quarter longer on
    TensorFlow; LeNet-5 takes a fifth longer on PyTorch. Recipes and benchmarks call this. It does nothing elsewhere
    than on Linux, and cannot be undone: memory that your own arrays leave then stays with the process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD in malloc.h
        mallopt(-4, 0)  # M_MMAP_MAX


def _check_name(name, argument="KERAS_BACKEND"):
    if not isinstance(name, str) or name not in BACKENDS:
        raise ValueError(f"{argument}={name!r} is not a backend; choose one of {', '.join(BACKENDS)}.")


def _check(name, argument):
    _check_name(name, argument)
    if name not in available():
        have = ", ".join(available()) or "none"
        raise ModuleNotFoundError(
            f"The backend {name!r} is not installed (installed: {have}). Install it with: pip install {name}", name=name
        )
