"""Rules above a function: which arguments they see, and what is left of the function."""

import inspect

import pytest

from keras_course.checks import choice, flag, instance, validate, whole, wholes, within


class Sum:
    """A method and a constructor with rules."""

    @validate(start=whole(0))
    def __init__(self, start=0):
        self.total = start

    @validate(values=wholes(1, length=2), scale=within(above=0, at_most=2))
    def add(self, *values_before, values=(1, 1), scale=1.0):
        """Add whole numbers."""
        self.total += scale * (sum(values_before) + sum(values))
        return self.total


@validate(kind=choice("a", "b"), loud=flag, parts=instance(list, tuple))
def call(x, /, kind="a", *, loud=False, parts=None, **others):
    """Return everything."""
    return x, kind, loud, parts, others


def test_what_is_right_passes_as_it_is():
    assert call(1) == (1, "a", False, None, {})
    assert call(1, "b", loud=True, parts=[], more=2) == (1, "b", True, [], {"more": 2})
    assert call(1, parts=None) == call(1), "an argument whose default is None may be None"
    assert Sum(2).add(3, values=(1, 1), scale=0.5) == 4.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: call(1, "c"), "kind='c' is none of 'a', 'b'"),
        (lambda: call(1, kind=None), "kind=None is none of"),
        (lambda: call(1, loud=1), "loud=1 must be True or False"),
        (lambda: call(1, parts="ab"), "parts='ab' must be a list or tuple"),
        (lambda: Sum(-1), "start=-1 must be a whole number, at least 0"),
        (lambda: Sum(start=1.5), "start=1.5"),
        (lambda: Sum().add(values=(1,)), r"values=\(1,\) must have 2 entries"),
        (lambda: Sum().add(values=(1, 0)), r"values\[1\]=0"),
        (lambda: Sum().add(scale=3), "scale=3 must be a finite number above 0, at most 2"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_python_still_refuses_what_does_not_fit_the_signature():
    for wrong in (lambda: call(), lambda: call(1, "a", "b"), lambda: call(1, "a", kind="b")):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(KeyError, match="absent"):
        validate(absent=flag)(call)


def test_name_docstring_and_signature_stay():
    assert (call.__name__, call.__doc__) == ("call", "Return everything.")
    assert list(inspect.signature(call).parameters) == ["x", "kind", "loud", "parts", "others"]
    assert inspect.getfullargspec(Sum.__init__).args == ["self", "start"], "Keras asks this way"
