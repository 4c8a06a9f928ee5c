"""Rules for arguments, which stand above a function instead of in its body."""

import functools
import inspect
from collections.abc import Callable

from keras_course.checks._numbers import HIGHEST, number, one_of, whole_number, whole_numbers


def validate(**rules: Callable[..., object]) -> Callable[[Callable], Callable]:
    """Return a decorator that checks arguments before a function or a method runs.

    An argument whose default is None may be None. Otherwise its rule is called as `rule(argument=value)`, and raises a
    ValueError that names the argument, the value and what is allowed.

    Args:
        rules: a rule for each argument: a check of this package, such as `positive`, `flag` or `numpy_seed`; `whole`
            or `choice`; or another function of one keyword argument.

    Example:
        >>> from keras_course.checks import choice, validate, whole
        >>> repeat = validate(times=whole(1), end=choice(".", "!"))(lambda text, times, end=None: text * times)
        >>> repeat("ab", 2)
        'abab'
        >>> repeat("ab", times=0)
        Traceback (most recent call last):
        ValueError: times=0 must be a whole number, at least 1
        >>> repeat("ab", 1, "?")
        Traceback (most recent call last):
        ValueError: end='?' is none of '.', '!'
    """

    def decorate(function):
        signature = inspect.signature(function)
        optional = {name for name in rules if signature.parameters[name].default is None}
        kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
        positional = [p.name for p in signature.parameters.values() if p.kind in kinds]

        @functools.wraps(function)
        def call(*args, **kwargs):
            given = dict(zip(positional, args, strict=False)) | kwargs
            for name, rule in rules.items():
                if name in given and not (given[name] is None and name in optional):
                    rule(**{name: given[name]})
            return function(*args, **kwargs)

        call.__signature__ = signature  # Keras does not follow `__wrapped__` when it asks for a layer's arguments
        return call

    return decorate


def whole(lowest: int, at_most: float = HIGHEST) -> Callable[..., None]:
    """Return the rule for an integer from `lowest` to `at_most`."""
    return functools.partial(whole_number, lowest, at_most=at_most)


def wholes(lowest: int, length: int | None = None) -> Callable[..., None]:
    """Return the rule for a tuple or list of integers of at least `lowest`, and of a length if it is given."""
    return functools.partial(whole_numbers, lowest, length=length)


def within(**bounds: float) -> Callable[..., None]:
    """Return the rule for a finite number, with the bounds `above`, `at_least` or `at_most`."""
    return functools.partial(number, **bounds)


def instance(*types: type) -> Callable[..., None]:
    """Return the rule for an instance of one of some classes."""

    def check(**arguments):
        for name, value in arguments.items():
            if not isinstance(value, types):
                raise ValueError(f"{name}={value!r} must be a {' or '.join(kind.__name__ for kind in types)}")

    return check


def choice(*choices: object) -> Callable[..., None]:
    """Return the rule for one of some values."""
    return functools.partial(one_of, choices)
