"""Reading the folders that Hugging Face's `transformers` writes: `config.json` and `model.safetensors`.

Everything is checked before a model is made: the switches of the configuration, the sizes, and the name, the shape and
the type of each tensor. Nothing from a folder is executed.
"""

import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_course.checks._numbers import path as check_path
from keras_course.checks.files import read_json

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
_FLOATS = ("F64", "F32", "F16", "BF16")


def check_folder(path: str | os.PathLike) -> pathlib.Path:
    """Return the folder as a path, or raise a FileNotFoundError where one of its two files is missing."""
    folder = check_path(path=path)
    for file in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"path={str(path)!r} has no {file}; it must hold {CONFIG_FILE} and {WEIGHTS_FILE}")
    return folder


def read_config(folder: pathlib.Path, switches: Mapping[str, tuple]) -> dict[str, Any]:
    """Return the configuration of a folder.

    Args:
        folder: the folder.
        switches: for some keys the values that are allowed; the first is the default.

    Raises:
        ValueError: it is not JSON or not a table, or a switch has another value.
    """
    path = folder / CONFIG_FILE
    config = read_json(path)
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds no table of settings")
    for key, allowed in switches.items():
        if (value := config.get(key, allowed[0])) not in allowed:
            raise ValueError(f"{path}: {key}={value!r}; it must be {' or '.join(map(repr, allowed))}")
    return config


def sizes_of(folder: pathlib.Path, config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, int]:
    """Return `{symbol: size}` for the sizes `{key: symbol}` of a configuration, or raise a ValueError."""
    for key in names:
        if type(config.get(key)) is not int or config[key] < 1:
            raise ValueError(
                f"{folder / CONFIG_FILE}: {key}={config.get(key)!r}; it must be a whole number, at least 1"
            )
    return {symbol: config[key] for key, symbol in names.items()}


def dropout_of(folder: pathlib.Path, config: Mapping[str, Any], keys: tuple[str, ...], default: float) -> float:
    """Return the rate of dropout that all `keys` of a configuration have, or raise a ValueError."""
    rates = [config.get(key, default) for key in keys]
    if not isinstance(rates[0], int | float) or not 0 <= rates[0] < 1 or rates.count(rates[0]) < len(rates):
        raise ValueError(
            f"{folder / CONFIG_FILE}: {', '.join(keys)} are {rates}; the model has one rate in [0, 1) for all of them"
        )
    return rates[0]


def read_weights(
    folder: pathlib.Path, tensors: Iterable[tuple[str, tuple]], *, prefix: str = "", ignored: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """Return `{name: float32 array}` for all tensors that a model has, checked.

    Args:
        folder: the folder.
        tensors: (name, shape) of each tensor; one by one, as the number of layers in a file may be absurdly large.
        prefix: beginning of a name that is left out.
        ignored: endings of the names of tensors that are not read.

    Raises:
        ValueError: the file is malformed; a tensor is missing, is not known, or has another shape or type.
        ImportError: `safetensors` is not installed.
    """
    path, package = folder / WEIGHTS_FILE, safetensors()
    try:
        with package.safe_open(path, framework="np") as file:
            names = list(file.keys())
            stored = {name.removeprefix(prefix): file.get_slice(name) for name in names}
            if len(stored) < len(names):
                raise ValueError(f"{path} holds a tensor twice, with and without the prefix {prefix!r}")
            expected = _expected(stored, path, tensors, ignored)
            return {name: expected[name][:].astype("float32") for name in expected}
    except package.SafetensorError as error:
        raise ValueError(f"{path} is truncated, or no safetensors file: {error}") from None


def _expected(stored, path, tensors, ignored):
    """Return those of the stored tensors, by name, that a model has, after a check of all."""
    expected = {}
    for name, shape in tensors:
        if name not in stored:
            raise ValueError(f"{path} has no tensor {name!r}, which {CONFIG_FILE} asks for")
        if (found := tuple(stored[name].get_shape())) != shape:
            raise ValueError(f"{path}: the tensor {name!r} has the shape {found}; it must be {shape}")
        if (kind := stored[name].get_dtype()) not in _FLOATS:
            raise ValueError(f"{path}: the tensor {name!r} is of type {kind}; it must be one of {', '.join(_FLOATS)}")
        expected[name] = stored[name]
    for name in stored:
        if name not in expected and not name.endswith(ignored):
            raise ValueError(f"{path} has the tensor {name!r}, which no model of {CONFIG_FILE} has")
    return expected


def safetensors() -> Any:
    """Return the package that reads and writes the file of weights."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError('the package safetensors is missing: pip install "keras_course[hf]"') from error
    return safetensors
