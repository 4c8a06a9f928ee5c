"""The register of builders: what `@builder` adds to a function, and the list of all of them.

A builder is a function that returns an uncompiled, built `keras.Model`. Its first arguments describe the data, the
keyword-only ones the network. A preset is a named set of arguments, with the parameter count that its paper gives.
"""

import ast
import dataclasses
import inspect
import pathlib
from collections.abc import Callable, Iterator, Mapping

from keras_course._lectures import LECTURES, lecture_of
from keras_course.checks import checked, instead_of

_BUILDERS = {}


@dataclasses.dataclass(frozen=True)
class Row:
    """One builder, as `keras_course.list_builders()` lists it."""

    name: str
    lecture: int
    topic: str
    presets: tuple[str, ...]
    reference: str
    build: object = dataclasses.field(repr=False, default=None)


def builder(*, reference, presets, example=None) -> Callable:
    """Register a builder, whose arguments are `checked`, with `presets`, `reference`, `example` and `from_preset`.

    Args:
        reference: authors, year and URL of the source.
        presets: `{name: arguments}`. An entry `parameters` is not an argument but the published count of parameters,
            which the tests compare. Each builder has a preset "tiny", equal to its defaults.
        example: `(model, batch_size, rng) -> inputs`, a function that samples valid inputs of the model as NumPy
            arrays, in the structure that the model takes. Needed only where sampling from the shapes and types of the
            model's inputs would not give valid ones, as for the edges of a graph.
    """
    if "tiny" not in presets:
        raise ValueError(f"presets={sorted(presets)} has no 'tiny', the preset that the tests build")

    def register(function):
        function = checked(function)

        def from_preset(preset, **overrides):
            if preset not in presets:
                raise ValueError(
                    f"preset={preset!r} is not a preset of {function.__name__}; {instead_of(preset, presets)}"
                )
            check_arguments(function, overrides)
            arguments = {key: value for key, value in presets[preset].items() if key != "parameters"}
            return function(**{**arguments, **overrides})

        from_preset.__doc__ = f"Build a preset of `{function.__name__}`, with some arguments overridden."
        function.presets, function.reference, function.example = presets, reference, example
        function.from_preset = from_preset
        _BUILDERS[function.__name__] = function
        return function

    return register


def parameters_of(build) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a builder, or of a function like one, by name."""
    if not callable(build):
        raise ValueError(f"build={build!r} must be a builder, such as `mlp`, or a function like one")
    return inspect.signature(build).parameters


def check_arguments(build, names) -> None:
    """Raise a ValueError for the first of `names` that is not an argument of a builder."""
    known = parameters_of(build)
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"{unknown[0]} is not an argument of {_name_of(build)}; {instead_of(unknown[0], known)}")


def data_arguments(build, input_shape, num_outputs) -> dict:
    """Return what a builder is told of labeled examples: a dict of its first two arguments.

    Args:
        build: a builder, or a function like one, that begins with `input_shape` or `num_features`, then `num_outputs`
            or `num_classes`.
        input_shape: shape of an example.
        num_outputs: number of classes, or of values in a regression.

    Raises:
        ValueError: the builder begins with other arguments, or takes rows of features and the examples are none.
    """
    first, second = (*parameters_of(build), "", "")[:2]
    if first not in ("input_shape", "num_features") or second not in ("num_outputs", "num_classes"):
        raise ValueError(
            f"build={_name_of(build)} begins with the arguments {first!r} and {second!r}; for labeled examples it "
            "must begin with input_shape or num_features, then num_outputs or num_classes"
        )
    if first == "input_shape":
        return {first: tuple(input_shape), second: num_outputs}
    if len(input_shape) != 1:
        raise ValueError(
            f"build={_name_of(build)} takes rows of features, and an example here has the shape {tuple(input_shape)}: "
            "make each one a row"
        )
    return {first: input_shape[0], second: num_outputs}


def _name_of(build):
    return getattr(build, "__name__", repr(build))


def rows() -> tuple[Row, ...]:
    """Return a `Row` for each builder that was imported, in the order of the lectures."""
    found = []
    for name, function in _BUILDERS.items():
        lecture = lecture_of(function.__module__)
        number, topic = (lecture.number, lecture.topic) if lecture else (0, "")
        found.append(Row(name, number, topic, tuple(function.presets), function.reference, function))
    return _in_order(found)


def rows_in_source() -> tuple[Row, ...]:
    """Return the rows of all lectures without their functions, as the source says, which takes no import of Keras.

    What a decorator `@builder(reference="...", presets={"...": ...})` writes out is enough: its string and its keys.
    """
    found = []
    for lecture in LECTURES:
        for path in sorted((pathlib.Path(__file__).parent / lecture.topic).glob("*.py")):
            source = path.read_text(encoding="utf-8")
            if "@builder(" in source:
                found += (Row(name, lecture.number, lecture.topic, *rest) for name, *rest in _decorated(source))
    return _in_order(found)


def _decorated(source) -> Iterator[tuple]:
    """Yield (name, presets, reference) of each function under `@builder`."""
    for function in ast.parse(source).body:
        for call in getattr(function, "decorator_list", ()):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "builder":
                given = {keyword.arg: keyword.value for keyword in call.keywords}
                presets = tuple(ast.literal_eval(key) for key in given["presets"].keys)
                yield function.name, presets, ast.literal_eval(given["reference"])


def _in_order(found):
    return tuple(sorted(found, key=lambda row: (row.lecture, row.name)))
