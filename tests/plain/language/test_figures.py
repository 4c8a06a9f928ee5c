"""The figures of lecture 8 show what they are made of."""

import numpy as np
import pytest

from keras_course.language import plot_kv_cache, plot_temperatures, plot_window


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


def test_a_window_has_a_row_for_each_example():
    texts = [text.get_text() for text in plot_window("abc").axes[0].texts]
    assert texts[:5] == ["a", "b", "a", "b", "c"]


def test_the_cache_grows_by_one_token():
    before, after = plot_kv_cache(["a", "b"]).axes
    assert [text.get_text() for text in before.texts if text.get_text()] == ["a", "$k_{1}$", "$v_{1}$"]
    assert {"b", "$q_{2}$", "$k_{2}$", "$v_{2}$"} <= {text.get_text() for text in after.texts}
    assert len(after.lines) == 2  # from the query to both keys


@pytest.mark.parametrize("plot", [plot_window, plot_kv_cache])
def test_one_token_has_no_example_and_no_past(plot):
    with pytest.raises(ValueError, match="at least 2 strings, got 1"):
        plot(["a"])
