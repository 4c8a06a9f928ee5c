"""Figures of lecture 4: what they show."""

import numpy as np

from keras_course.training import plot_layer, plot_momentum, plot_normalized_axes


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
