"""Wrong values are refused by an error that names the argument, in every public function and class."""

import collections
import time

import fuzz
import good_calls
import keras
import numpy as np
import pytest

import keras_course

MODULES = sorted({*keras_course._MODULES, "backend"})
UNCLEAR = 0.02  # the largest share of values whose error does not name the argument


@pytest.mark.parametrize("module", MODULES)
def test_wrong_values_are_refused(module, full, tmp_path, monkeypatch, drawn_by_numpy):
    monkeypatch.chdir(tmp_path)  # some of the values are names of files
    counts, bad = collections.Counter(), []
    for name, function in good_calls.public_callables(module).items():
        for verdict in good_calls.verdicts(name, function, full):
            counts[verdict.verdict] += 1
            if verdict.verdict not in ("clear", "valid"):
                bad.append(f"{name}: {verdict.argument}={verdict.value}: {verdict.verdict} {verdict.error[:200]}")
    allowed = counts["unclear"] <= UNCLEAR * counts.total()
    bad = [line for line in bad if not (allowed and ": unclear " in line)]
    assert not bad, "\n".join([f"{counts}", *bad])


def halve(x, *, scale=1.0, seed=0, name="halve"):
    """What is right, to compare the planted faults with."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise ValueError(f"x={x!r} must be a row of finite numbers")
    if isinstance(scale, bool) or not isinstance(scale, float | int | np.floating) or not abs(scale) < 1e6:
        raise ValueError(f"scale={scale!r} must be a number")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ValueError(f"seed={seed!r} must be a whole number")
    if not isinstance(name, str | None):
        raise ValueError(f"name={name!r} must be a string")
    return x * scale / 2


def takes_nan(x, **options):
    return halve(np.nan_to_num(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x, **options)


def gives_nan(x, *, scale=1.0, **options):
    return halve(x, scale=scale, **options) / np.sqrt(np.sign(scale))


def names_nothing(x, **options):
    return halve(np.ones(3) * x, **options)


def hangs(x, *, seed=0, **options):
    while seed == -1:
        time.process_time()
    return halve(x, seed=seed, **options)


def takes_no_numpy(x, *, seed=0, **options):
    if type(seed) is not int:
        raise ValueError(f"seed={seed!r} must be a whole number")
    return halve(x, seed=seed, **options)


def takes_true(x, *, seed=0, **options):
    return halve(x, seed=int(seed) if isinstance(seed, bool) else seed, **options)


@pytest.mark.parametrize(
    ("function", "verdict"),
    [
        (takes_nan, ("x", "NaN in it", "silent")),
        (gives_nan, ("scale", "-1", "silent")),
        (names_nothing, ("x", "None", "unclear")),
        (hangs, ("seed", "-1", "hang")),
        (takes_no_numpy, ("seed", "np.int64", "refused")),
        (takes_true, ("seed", "True", "silent")),
    ],
)
def test_planted_faults_are_found(function, verdict, monkeypatch):
    monkeypatch.setattr(fuzz, "LIMIT", 0.2)
    good = {"x": np.ones(3), "scale": 1.0, "seed": 0, "name": "a"}
    right, wrong = (
        {
            (v.argument, v.value, v.verdict)
            for v in fuzz.fuzz(lambda arguments, act=act: act(**arguments), good, kinds={"name": "name"})
        }
        for act in (halve, function)
    )
    assert verdict in wrong - right


def test_good_values_pass():
    """The function that is right has no verdict but clear and valid, and a list for its array is found refused."""
    good = {"x": np.ones(3), "scale": 1.0, "seed": 0, "name": "a"}
    found = fuzz.fuzz(lambda arguments: halve(**arguments), good, kinds={"name": "name"})
    assert {v.value for v in found if v.verdict not in ("clear", "valid")} == {"list"}


def test_non_finite_results_are_seen():
    assert fuzz.is_finite({"a": [1.0, np.ones(2)], "b": "text"})
    assert not fuzz.is_finite((keras.ops.convert_to_tensor([np.nan]),))
