"""Rows of results: what a row holds, and what a row must hold to be recorded.

A row is a dict. Its `kind` says which: "recipe" is the result of a training run, of ours or of a peer on the same data,
whose name then replaces the name of the backend; "speed" is our speed beside the speed of a named peer, with `ratio` =
our speed / the peer's speed, so that a ratio above 1 means that ours is faster. The name of a peer begins with
the name of the backend if the peer is written in that framework itself.
"""

import math

from keras_course.checks import one_of

_NUMBER, _OPTIONAL = int | float, int | float | None
_COMMON = {"kind": str, "backend": str, "value": _NUMBER, "machine": dict, "versions": dict, "commit": str, "date": str}
_REQUIRED = {
    "recipe": {
        **{"recipe": str, "seed": int, "metric": str, "expected": _OPTIONAL, "tolerance": _OPTIONAL},
        **{"published": _OPTIONAL, "source": str | None, "data": str, "size": str},
        **{"steps": int, "parameters": int, "device": str, "minutes": _NUMBER, **_COMMON},
    },
    "speed": {
        **{"benchmark": str, "unit": str, "peer": str, "peer_value": _NUMBER, "ratio": _NUMBER, "rounds": int},
        **_COMMON,
    },
}
_ALLOWED = {  # a metric without `higher_is_better` is better when lower; a run without `parts` has one
    "recipe": {"higher_is_better": bool, "parts": int, "deviation": _NUMBER},
    "speed": {},
}
_MACHINE = {"cpu": str, "cores": int, "gpu": str | None}


def check_row(row: dict) -> None:
    """Raise a ValueError if a row lacks a key, has an unknown one, or has a value of another type."""
    kind = row.get("kind")
    one_of(_REQUIRED, kind=kind)
    types = _REQUIRED[kind] | {key: value for key, value in _ALLOWED[kind].items() if key in row}
    if missing := sorted(types.keys() - row.keys()):
        raise ValueError(f"row of kind {kind!r} lacks {', '.join(missing)}.")
    if unknown := sorted(row.keys() - types.keys()):
        raise ValueError(f"row of kind {kind!r} has {', '.join(unknown)}; its keys are {', '.join(sorted(types))}.")
    _check_types(row, types)
    _check_types(row["machine"], _MACHINE)
    _check_types(row["versions"], dict.fromkeys(row["versions"], str))


def _check_types(values, types):
    for key, kind in types.items():
        value = values.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{key}={value!r} of a row must be of type {getattr(kind, '__name__', kind)}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}={value!r} of a row must be a finite number.")


def recipe_row(facts: dict) -> dict:
    """Return the row of a complete run.

    Args:
        facts: what the run's `run.json` holds.
    """
    keys = _REQUIRED["recipe"] | _ALLOWED["recipe"]
    return {"kind": "recipe", **{key: facts[key] for key in keys if key in facts}, "date": facts["finished"]}
