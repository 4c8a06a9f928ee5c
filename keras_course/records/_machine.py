"""What a measured value depends on besides the code: machine, versions, commit; and which backends are installed.

Nothing in this file imports Keras or a backend.
"""

import concurrent.futures
import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys

from keras_course.backend import BACKENDS, available

PACKAGE = pathlib.Path(__file__).parents[1]

_LIST_DEVICES = {  # each runs in its own process: three backends in one process disturb each other
    "tensorflow": "import tensorflow as tf; print(*[d.name for d in tf.config.list_logical_devices()], sep=', ')",
    "jax": "import jax; print(*jax.devices(), sep=', ')",
    "torch": "import torch; print(*['cpu', *[f'cuda:{i}' for i in range(torch.cuda.device_count())], "
    "*(['mps'] if torch.backends.mps.is_available() else [])], sep=', ')",
}


def origin(*packages: str) -> dict:
    """Return where, with what and when something is measured: the part that all rows of results share.

    Args:
        packages: names of packages whose versions matter, such as the backend and the peers.
    """
    return {"machine": machine(), "versions": versions(*packages), "commit": commit(), "date": today()}


def machine() -> dict:
    """Return the model of the CPU, the number of cores that this process may use, and the first GPU if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = _gpu()
    return {"cpu": _cpu(), "cores": cores, "system": platform.system(), **({"gpu": gpu} if gpu else {})}


def _cpu():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _gpu():
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else None


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, of this package, and of the named packages that are installed."""
    found = {"python": platform.python_version()}
    for package in ("keras-course", "keras", "numpy", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Return the git commit of the checkout that this package is imported from, or None if there is none."""
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git("rev-parse", "HEAD")


def uncommitted() -> list[str]:
    """Return the files of package and benchmarks that differ from the commit, as `git status` names them."""
    return (_git("status", "--porcelain", "--", ".", "../benchmarks") or "").splitlines()


def _git(*arguments):
    try:
        command = ["git", "-C", str(PACKAGE), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def today() -> str:
    """Return the date and time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def list_backends() -> list[tuple[str, str, str]]:
    """Return (name, version, devices) for each backend, in the order of `backend.BACKENDS`."""
    here = available()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        devices = dict(zip(here, pool.map(_devices, here), strict=True))
    return [
        (name, versions(name).get(name, "?"), devices[name]) if name in here else (name, "not installed", "")
        for name in BACKENDS
    ]


def _devices(name):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    try:
        command = [sys.executable, "-c", _LIST_DEVICES[name]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return "no answer within 120 seconds"
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return f"does not import: {lines[-1]}" if done.returncode and lines else (lines or ["?"])[-1]
