"""The drawing of a tape."""

import types

import pytest

from keras_course.autodiff import plot_tape


def step(value, adjoint=1.0, parents=()):
    return types.SimpleNamespace(name="s", value=value, adjoint=adjoint, parents=list(parents))


def test_tape():
    """The square of 3: both shares of the derivative are shown as one."""
    x = step(3.0, 6.0)
    figure = plot_tape([x, step(9.0, parents=[(x, 3.0), (x, 3.0)])])
    texts = [text.get_text() for text in figure.axes[0].texts if text.get_text()]
    assert texts == [
        "value",
        "derivative of the step",
        "adjoint",
        "s",
        "3.000",
        "6.000",
        "6.000",
        "s",
        "9.000",
        "1.000",
    ]
    with pytest.raises(ValueError, match=r"steps=\[\] must be a list of steps"):
        plot_tape([])
    with pytest.raises(ValueError, match=r"steps\[1\], 's', is not computed from the one before"):
        plot_tape([step(1.0), step(2.0)])
