"""The drawings of a tape and of a chain of steps."""

import types

import pytest

from keras_course.autodiff import plot_chain, plot_tape


def step(name, formula, value, adjoint=1.0, parents=()):
    return types.SimpleNamespace(name=name, formula=formula, value=value, adjoint=adjoint, parents=list(parents))


def shown(figure):
    return [text.get_text().strip() for text in figure.axes[0].texts if text.get_text()]


def test_tape_with_two_uses_in_one_step():
    """The square of 3: the derivatives of both uses are one number on one arrow."""
    x = step("x", "input", 3.0, 6.0)
    figure = plot_tape([x, step("y", "x * x", 9.0, parents=[(x, 3.0), (x, 3.0)])])
    assert shown(figure) == ["x = input\nvalue 3", "y = x * x\nvalue 9", "6", "adjoint 6", "adjoint 1"]


def test_tape_that_branches_shows_the_sum_over_children():
    """y = 2 x + 5 x, with the constant 7 that is not drawn."""
    x, seven = step("x", "input", 3.0, 7.0), step("c", "7", 7.0)
    a, b = step("a", "2 * x", 6.0, parents=[(x, 2.0), (seven, 0.0)]), step("b", "5 * x", 15.0, parents=[(x, 5.0)])
    figure = plot_tape([x, a, b, step("y", "a + b", 21.0, parents=[(a, 1.0), (b, 1.0)])])
    assert shown(figure)[4:8] == ["2", "5", "1", "1"]
    assert [text for text in shown(figure) if " + " in text] == ["y = a + b\nvalue 21", "1 · 2 + 1 · 5 = 7"]
    (box_of_a, box_of_b) = figure.axes[0].patches[1:3]
    assert box_of_a.get_x() + box_of_a.get_width() < box_of_b.get_x()
    assert box_of_a.get_y() == box_of_b.get_y() > figure.axes[0].patches[0].get_y()


def test_tape_refuses():
    x = step("x", "input", 3.0)
    with pytest.raises(ValueError, match=r"steps=\[\] must be a list of steps"):
        plot_tape([])
    with pytest.raises(ValueError, match=r"must have the attributes name, formula"):
        plot_tape([types.SimpleNamespace(name="x", value=1.0)])
    with pytest.raises(ValueError, match=r"steps\[0\], 'y', must stand after its parent steps\[1\]"):
        plot_tape([step("y", "2 * x", 6.0, parents=[(x, 2.0)]), x])


def test_chain():
    """Each of two steps reads m and sends it a part of the gradient: four arrows, beside those along the chain."""
    figure = plot_chain(2)
    assert [text for text in shown(figure) if "u" in text] == ["$u_2$", "$u_1$", "$u_0$"]
    arrows = [text for text in figure.axes[0].texts if not text.get_text()]
    assert len(arrows) == 2 * 5 + 2 * 2
    with pytest.raises(ValueError, match="num_steps"):
        plot_chain(0)
