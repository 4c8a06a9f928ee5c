"""Wrong values for one argument at a time, and what becomes of the call.

A verdict is one of:
    clear      a ValueError, a TypeError or the error of a file, which names the argument
    unclear    any other error
    silent     accepted, although the value cannot be right, or numbers that are not finite come out
    valid      accepted, and it may be right
    refused    an error, although the value is another form of the right one: a NumPy number, a list for an array
    hang       no end after `LIMIT` seconds of the processor
"""

import contextlib
import dataclasses
import io
import re
import signal
import warnings

import keras
import numpy as np

LIMIT = 20.0  # far above what any good call takes, also on a slow machine
NAN = float("nan")
WRONG = {
    "None": None, "True": True, "NaN": NAN, "inf": float("inf"), "-1": -1, "0": 0, "1.5": 1.5, "10**20": 10**20,
    "''": "", "'x'": "x", "[]": [], "empty array": np.zeros(0), "array": np.arange(1.0, 7.0).reshape(2, 3), "1j": 1j,
    "object": np.array([object(), None]), "lambda": lambda: None, "dict": {"x": 1}, "strings": np.array(["a", "b"]),
}  # fmt: skip

# What may be right for an argument whose good value is of this kind; everything else is wrong, wherever it is accepted.
SOMETIMES = {
    "flag": {"True", "0"},
    "integer": {"-1", "0", "10**20"},
    "number": {"-1", "0", "1.5", "10**20"},
    "choice": {"None", "-1", "0", "lambda", "'x'"},
    "text": {"''", "'x'"},
    "name": {"''", "'x'", "None"},  # Keras finds one
    "array": {"True", "-1", "0", "1.5", "10**20", "array", "other rank", "10**6 in it", "-1 in it"},
    "tensor": WRONG.keys() - {"None", "''", "'x'", "object", "lambda", "dict", "strings"} | {"other rank", "NaN in it"},
    "structure": WRONG.keys() - {"None", "''", "'x'", "object", "lambda", "strings"} | {"other rank", "NaN in it"},
    "integers": {"-1", "0", "10**20", "[]", "array"},
    "function": {"lambda"},
    "model": set(),
}  # fmt: skip


class Hang(BaseException):
    """A call did not end in time."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of one call with one wrong value."""

    argument: str
    value: str
    verdict: str
    error: str = ""


def kind_of(value):
    """Return what kind of value an argument takes, told by a value that is right; None for what cannot be told."""
    if isinstance(value, bool | int | float):
        return {bool: "flag", int: "integer", float: "number"}[type(value)]
    if isinstance(value, str):
        return "choice"
    if isinstance(value, keras.Model):
        return "model"
    if isinstance(value, np.ndarray):
        return "array"
    if isinstance(value, tuple | list) and value and {type(part) for part in value} <= {int, float}:
        return "integers" if all(type(part) is int for part in value) else "array"
    return "function" if callable(value) else None


def other_forms(value):
    """Yield what stands for the same value: numbers of NumPy, and a list for an array or a tuple."""
    if isinstance(value, bool):
        yield "np.bool_", np.bool_(value)
    elif isinstance(value, int):
        yield "np.int64", np.int64(value)
    elif isinstance(value, float):
        yield "np.float32", np.float32(value)
    elif isinstance(value, np.ndarray) and value.ndim:
        yield "list", value.tolist()
    elif isinstance(value, tuple) and kind_of(value) == "integers":
        yield "list", list(value)
        yield "np.int64 in it", tuple(map(np.int64, value))


def wrong_values(value):
    """Yield (name, wrong value): those of `WRONG`, and arrays like the right one with another rank or entry."""
    yield from WRONG.items()
    if isinstance(value, np.ndarray) and value.ndim:
        yield "other rank", value[None]
        first = np.arange(value.size).reshape(value.shape) == 0
        strange = {"NaN in it": NAN} if value.dtype.kind == "f" else {"10**6 in it": 10**6, "-1 in it": -1}
        for name, entry in strange.items():
            yield name, np.where(first, entry, value).astype(value.dtype)


def attempt(act, limit=None):
    """Return (result, None), or (None, the error) of a call that is ended after `limit` seconds of the processor."""

    def stop(*_):
        raise Hang

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit or LIMIT, 0.5)  # repeated, as a callback of a library may swallow one
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return act(), None
    except (Exception, SystemExit, Hang) as error:
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def judge(error, argument):
    """Return the verdict on an error."""
    if isinstance(error, Hang):
        return "hang"
    if "<lambda>()" in str(error):  # Python names the function that was given
        return "clear"
    usual = ValueError | TypeError | FileNotFoundError | FileExistsError | ModuleNotFoundError
    named = re.search(rf"(?<![A-Za-z_]){re.escape(argument)}(?![A-Za-z])", str(error))
    return "clear" if isinstance(error, usual) and named else "unclear"


def is_finite(result):
    """Return whether all numbers that a call returns are finite; what holds none is."""
    if keras.ops.is_tensor(result):
        result = keras.ops.convert_to_numpy(result)
    if isinstance(result, np.ndarray | np.generic | float):
        array = np.asarray(result)
        return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())
    if isinstance(result, dict):
        return all(map(is_finite, result.values()))
    if isinstance(result, tuple | list):
        return all(map(is_finite, result))
    if dataclasses.is_dataclass(result):
        return all(is_finite(getattr(result, field.name)) for field in dataclasses.fields(result))
    return True


def fuzz(run, good, *, kinds=None, allowed=None, known=lambda value: value, full=True):
    """Yield a `Verdict` for each argument and value of a function.

    Args:
        run: function of a dict of arguments.
        good: arguments with which it works.
        kinds: `{argument: kind}`, where the kind is not that of the good value.
        allowed: `{argument: names of values}` that look wrong and are right.
        known: what makes a value of an entry of `good`.
        full: also try what may be right, and does its work then.
    """
    result, error = attempt(lambda: run(good), 120)
    if error is not None:
        yield Verdict("", "good call", "refused", f"{type(error).__name__}: {error}")
        return
    finite = is_finite(result)
    for argument, entry in good.items():
        right = known(entry)
        kind = (kinds or {}).get(argument, kind_of(right))
        for label, wrong in wrong_values(right):
            if not full and kind is not None and label in SOMETIMES[kind]:
                continue
            result, error = attempt(lambda a=argument, v=wrong: run(good | {a: v}))
            if label in (allowed or {}).get(argument, ()) or (wrong is None and right is None):
                verdict = "hang" if isinstance(error, Hang) else "valid"
            elif error is not None:
                verdict = judge(error, argument)
            elif kind is not None and label not in SOMETIMES[kind]:
                verdict = "silent"
            else:
                verdict = "valid" if kind in ("tensor", "structure") or not finite or is_finite(result) else "silent"
            yield Verdict(argument, label, verdict, f"{type(error).__name__}: {error}" if error else "")
        for label, form in () if kind == "structure" else other_forms(right):  # a list is a structure itself
            _, error = attempt(lambda a=argument, v=form: run(good | {a: v}))
            verdict = "refused" if error else "valid"
            yield Verdict(argument, label, verdict, f"{type(error).__name__}: {error}" if error else "")
