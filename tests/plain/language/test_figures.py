"""The drawing of next-token probabilities at several temperatures."""

import numpy as np
import pytest

from keras_course.language import plot_temperatures


def test_temperatures():
    logits = np.log([0.5, 0.3, 0.2])
    figure = plot_temperatures(logits, ["a", " ", "\n"], (0.5, 1.0), top=2)
    heights = [[bar.get_height() for bar in ax.patches] for ax in figure.axes]
    squares = np.array([0.25, 0.09]) / (0.25 + 0.09 + 0.04)
    np.testing.assert_allclose(heights, [squares, [0.5, 0.3]])
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["a", "␣"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], "ab"), r"must be \(2,\)"),
        (([1.0], "a", (0.0,)), "temperatures=0.0 must be a finite number above 0"),
        (([1.0], "a", ()), r"temperatures has shape \(0,\)"),
    ],
)
def test_bad_temperatures(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_temperatures(*arguments)
