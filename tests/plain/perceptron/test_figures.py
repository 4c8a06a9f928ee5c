"""The drawings of lecture 2: what they show, and what they refuse."""

import numpy as np
import pytest

from keras_course.perceptron import (
    double_well,
    plot_backpropagation,
    plot_boundaries,
    plot_clouds,
    plot_network,
    plot_surrogates,
    plot_unit,
    plot_xor,
)

SQUARE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_diagrams():
    for figure in (plot_unit(), plot_xor(), plot_backpropagation()):
        assert len(figure.axes[0].patches) > 5
    arrows = len(plot_network((3, 4, 2)).axes[0].patches) - 9 - 3  # circles and titles
    assert arrows == 3 * 4 + 4 * 2
    with pytest.raises(ValueError, match="two to six numbers"):
        plot_network((3,))


def test_boundary_has_the_given_weights():
    figure = plot_boundaries(SQUARE, [0, 0, 1, 1], {"line": ([2.0, -1.0], 0.5)}, covariance=np.eye(2))
    line = figure.axes[0].lines[0]
    x1, x2 = line.get_data()
    np.testing.assert_allclose(2 * np.array(x1) - x2 + 0.5, 0, atol=1e-9)
    ellipse = np.array(figure.axes[0].lines[1].get_data()) - np.array([[0.0], [0.5]])
    np.testing.assert_allclose(np.linalg.norm(ellipse, axis=0), 2)


def test_step_ends_at_the_minimum_of_the_parabola():
    figure = plot_surrogates(double_well, -5.0, (0.05, 0.2), low=-6.0, high=1.5)
    for ax in figure.axes:
        parabola, end = ax.lines[1], ax.lines[-1]
        lowest = parabola.get_xdata()[np.argmin(parabola.get_ydata())]
        assert abs(lowest - float(np.ravel(end.get_xdata())[0])) < 0.05


def test_clouds_have_two_panels_in_a_row():
    assert len(plot_clouds({"a": SQUARE, "b": SQUARE, "c": SQUARE}, [0, 1, 2, 3]).axes) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_boundaries(SQUARE, [0, 0, 1, 1], {"line": ([0.0, 0.0], 0.5)}), "not both 0"),
        (lambda: plot_boundaries(SQUARE, [0, 0, 1, 1], {"line": 3}), r"must be \(w, b\)"),
        (lambda: plot_boundaries(SQUARE, [0, 0, 1, 1], {"l": ([1, 1], 0)}, covariance=-np.eye(2)), "positive definite"),
        (lambda: plot_surrogates(double_well, 1.0, (0.1,), low=1.0, high=0.0), "low=1.0 must be below"),
        (lambda: plot_surrogates(double_well, 1.0, (0.0,), low=0.0, high=1.0), "learning_rates=0.0 must be"),
        (lambda: plot_clouds({"a": SQUARE}, [0, 1]), "must have 2 points"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
