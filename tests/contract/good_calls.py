"""A call that works for every public function and class: where the tests of bad input start from.

An argument that is not required keeps its default, unless `examples_of_fuzz` has an example of it.
"""

import importlib
import inspect
import os

import fuzz
import keras
import numpy as np
from examples_of_fuzz import EXAMPLES, USES, Make
from exceptions_of_fuzz import ALLOWED, DOWNLOADED, KINDS, PEERS, RESULTS, SLOW, SLOWEST


def public_callables(module_name):
    """Return {"module.name": callable} for what a module offers: its `__all__`, or all that it defines itself."""
    module = importlib.import_module(f"keras_course.{module_name}")
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    found = {f"{module_name}.{name}": getattr(module, name) for name in sorted(names)}
    return {name: thing for name, thing in found.items() if callable(thing) and name not in RESULTS}


def parameters_of(function):
    """Return the parameters of a function or a class. Before Python 3.11.4, `Layer.__new__` hides inherited ones."""
    for base in getattr(function, "__mro__", ()):
        if "__init__" in vars(base) and issubclass(base, keras.Layer) and base.__module__.startswith("keras_course"):
            _, *parameters = inspect.signature(base.__init__).parameters.items()
            return dict(parameters)
    return inspect.signature(function).parameters


def good_call(name, function):
    """Return the arguments of a call that works, {parameter: value}, those with a default included."""
    found = {}
    parameters = parameters_of(function)
    own = EXAMPLES.get(name, {})
    for parameter in parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD or (
            parameter.kind is parameter.VAR_POSITIONAL and parameter.name not in ("primals", "others")
        ):
            continue
        examples = (
            [own]
            if parameter.default is not parameter.empty
            else [own, EXAMPLES.get(name.split(".")[0], {}), EXAMPLES[""]]
        )
        values = [table[parameter.name] for table in examples if parameter.name in table]
        if values:
            found[parameter.name] = values[0]
        elif parameter.default is not parameter.empty:
            found[parameter.name] = parameter.default
        else:
            raise LookupError(
                f"{name}: tests/contract/examples_of_fuzz.py has no example of its argument {parameter.name!r}"
            )
    return found | {key: value for key, value in own.items() if key not in found}


def call(function, arguments):
    """Call a function by the names of its arguments, some of which may be positional."""
    positional, named = [], {}
    parameters = parameters_of(function)
    for key, value in arguments.items():
        value = made(value)
        kind = parameters[key].kind if key in parameters else None
        if kind is inspect.Parameter.VAR_POSITIONAL:
            positional += value if isinstance(value, (tuple, list)) else [value]
        elif kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) and any(
            p.kind is p.VAR_POSITIONAL for p in parameters.values()
        ):
            positional.append(value)
        else:
            named[key] = value
    return function(*positional, **named)


def verdicts(name, function, full=True):
    """Yield what becomes of a public callable with each wrong value for each of its arguments."""

    def run(arguments):
        return USES.get(name, lambda result: result)(call(function, arguments))

    once = PEERS if keras.config.backend() != "torch" else set()
    if (name in SLOWEST | once and not full) or (name in DOWNLOADED and "KERAS_COURSE_DATA" not in os.environ):
        return
    good = good_call(name, function)
    kinds = {key: KINDS[f"{name}.{key}"] for key in good if f"{name}.{key}" in KINDS} | {"name": "name"}
    if name.split(".")[0] in ("ops", "autodiff"):
        kinds = {key: "tensor" for key, value in good.items() if isinstance(value, np.ndarray)} | kinds
    allowed = {key: ALLOWED.get(f"{name}.{key}", ()) for key in good}
    full = full or (name not in SLOW and keras.config.backend() == "torch")  # the others compile what a call does
    yield from fuzz.fuzz(run, good, kinds=kinds, allowed=allowed, known=made, full=full)


def made(entry):
    return entry() if isinstance(entry, Make) else entry
