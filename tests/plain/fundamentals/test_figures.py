"""The drawings of fits, of splits of a data set and of a projection."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from keras_course.fundamentals import bias_variance_decomposition, noisy_cubic, plot_fits, plot_resamples, plot_splits

PROBLEM = noisy_cubic()
X, Y = PROBLEM.sample(5, seed=0)


def mean(x, y):
    return lambda points: np.full_like(points, y.mean())


def test_fits_have_a_panel_each_or_one_panel():
    fits = {title: (mean(X, Y + shift), X, Y) for title, shift in (("a", 0), ("b", 1), ("c", 2))}
    apart, together = plot_fits(PROBLEM, fits), plot_fits(PROBLEM, fits, together=True, ylim=(-5, 5))
    assert [ax.get_title() for ax in apart.axes] == ["a", "b", "c"]
    labels = [line.get_label() for line in together.axes[0].lines]
    assert labels == ["true function g", "a", "b", "c"]
    assert together.axes[0].get_ylim() == (-5, 5)
    tall = plot_fits(PROBLEM, {"tall": (lambda points: 1000 + points, X, Y)}).axes[0]
    assert tall.get_ylim()[1] > 1000  # by default all of the function is shown
    heights = [line.get_ydata()[0] for line in together.axes[0].lines[1:]]
    np.testing.assert_allclose(np.diff(heights), [1, 1])


def test_resamples_show_all_fits():
    parts = bias_variance_decomposition(mean, PROBLEM, num_sets=7, at=11)
    lines = plot_resamples({"mean": parts}).axes[0].lines
    np.testing.assert_allclose(lines[7].get_ydata(), parts.predictions.mean(axis=0))
    np.testing.assert_allclose(lines[8].get_ydata(), PROBLEM.function(parts.x))


def test_parts_of_one_kind_have_one_color():
    figure = plot_splits({"one": [("training: fit", 3), ("test", 1)], "two": [("training", 2), ("validation", 2)]})
    colors = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches]
    assert colors[0] == colors[2]
    assert len(set(colors)) == 3


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plot_fits(PROBLEM, {"a": (X, Y)}), r"fits\['a'\] must be a tuple \(function, x, y\)"),
        (lambda: plot_fits(PROBLEM, {"a": (mean, X, Y)}, ylim=(1, 0)), r"ylim=\(1, 0\) must be a pair"),
        (lambda: plot_resamples({"a": 1}), r"decompositions\['a'\]=1 must be a BiasVariance"),
        (lambda: plot_splits({"a": ["training"]}), r"rows\['a'\]\[0\]='training' must be a pair"),
        (lambda: plot_splits({"a": [("training", 0)]}), r"rows\['a'\]\[0\]\[1\]=0 must be a whole number"),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
