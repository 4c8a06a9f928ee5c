"""Figures of lecture 4: what they show, and what they refuse."""

import numpy as np
import pytest

from keras_course.training import (
    LayerProbe,
    plot_layer,
    plot_magnitudes,
    plot_momentum,
    plot_normalized_axes,
)

POINTS = np.array([[-3.0, 1.0], [-1.0, 0.5], [0.0, 0.0]])


def test_the_gradient_of_nesterov_momentum_is_drawn_at_the_end_of_the_velocity():
    momentum, nesterov = ([line.get_xydata()[0] for line in ax.lines] for ax in plot_momentum().axes)
    np.testing.assert_array_equal(momentum[0], momentum[1])
    assert np.linalg.norm(nesterov[0] - nesterov[1]) > 1


def test_a_layer_is_drawn_in_both_directions():
    texts = [text.get_text() for text in plot_layer().axes[0].texts]
    assert texts.count("$q$") == texts.count("$q'$") == 2


def test_entries_that_are_normalized_together_have_one_color():
    batch, layer, group, rms = (ax.images[0].get_array() for ax in plot_normalized_axes().axes)
    assert (batch == batch[:1]).all()
    assert len(np.unique(batch)) == batch.shape[1]
    assert (layer == layer[:, :1]).all()
    assert len(np.unique(layer)) == layer.shape[0]
    assert len(np.unique(group)) == 2 * layer.shape[0]
    np.testing.assert_array_equal(layer, rms)


def test_magnitudes_are_fractions_on_a_logarithmic_axis():
    layers = [LayerProbe("dense_1", np.array([0.1, -0.1, 0.0])), LayerProbe("dense_2", np.array([100.0, 0.1]))]
    figure = plot_magnitudes({"Glorot": {"activations": layers}, "He": {"activations": layers[:1]}})
    first, second = figure.axes[0].patches
    assert first.get_data().values.sum() == second.get_data().values.sum() == 1
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["dense 1", "dense 2"]
    with pytest.raises(ValueError, match="not all 0"):
        plot_magnitudes({"zeros": {"activations": [LayerProbe("dense_1", np.zeros(3))]}})
    with pytest.raises(ValueError, match="same quantities"):
        plot_magnitudes({"one": {"activations": layers}, "two": {"gradients": layers}})
