"""The register of builders: what `@builder` adds to a function, and the list of all of them.

A builder is a function that returns an uncompiled, built `keras.Model`. Its first arguments describe the data, the
keyword-only ones the network. A preset is a named set of arguments, with the parameter count that its paper gives.
"""

import dataclasses
import inspect

from keras_course._lectures import lecture_of

_BUILDERS = {}


@dataclasses.dataclass(frozen=True)
class Row:
    """One builder, as `keras_course.list_builders()` lists it."""

    name: str
    lecture: int
    topic: str
    presets: tuple[str, ...]
    reference: str
    build: object = dataclasses.field(repr=False)


def builder(*, reference, presets):
    """Register a builder and give it `presets`, `reference` and `from_preset`.

    Args:
        reference: authors, year and URL of the source.
        presets: `{name: arguments}`. An entry `parameters` is no argument but the published count of parameters,
            which the tests compare. Each builder has a preset "tiny", equal to its defaults.
    """
    if "tiny" not in presets:
        raise ValueError(f"presets={sorted(presets)} has no 'tiny', the preset that the tests build")

    def register(function):
        def from_preset(preset, **overrides):
            if preset not in presets:
                raise ValueError(f"preset={preset!r} is not a preset of {function.__name__}: {', '.join(presets)}")
            known = inspect.signature(function).parameters
            if unknown := sorted(set(overrides) - set(known)):
                raise ValueError(f"{unknown[0]} is not an argument of {function.__name__}: {', '.join(known)}")
            arguments = {key: value for key, value in presets[preset].items() if key != "parameters"}
            return function(**{**arguments, **overrides})

        from_preset.__doc__ = f"Build a preset of `{function.__name__}`, with some arguments overridden."
        function.presets, function.reference, function.from_preset = presets, reference, from_preset
        _BUILDERS[function.__name__] = function
        return function

    return register


def rows():
    """Return a `Row` for each builder that was imported, in the order of the lectures."""
    found = []
    for name, function in _BUILDERS.items():
        lecture = lecture_of(function.__module__)
        number, topic = (lecture.number, lecture.topic) if lecture else (0, "")
        found.append(Row(name, number, topic, tuple(function.presets), function.reference, function))
    return tuple(sorted(found, key=lambda row: (row.lecture, row.name)))
