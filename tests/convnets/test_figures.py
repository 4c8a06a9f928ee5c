"""What the figures of lecture 5 show."""

import numpy as np
import pytest

from keras_course import convnets


def test_response_marks_the_extremes_and_their_windows():
    x = np.zeros((5, 6))
    x[1:3, 2:4] = 1
    figure = convnets.plot_response(x, np.ones((2, 2)))
    image, _, response = figure.axes[:3]
    np.testing.assert_array_equal(response.images[0].get_array(), convnets.conv2d(x, np.ones((2, 2))))
    assert image.patches[0].get_xy() == (1.5, 0.5)
    assert (image.patches[0].get_width(), response.patches[0].get_width()) == (2, 1)


def test_arithmetic_and_channels():
    assert [ax.get_title()[-5:] for ax in convnets.plot_conv_arithmetic().axes] == ["m = 4", "m = 6", "m = 3", "m = 2"]
    assert len(convnets.plot_channels().axes[0].patches) == 3 * 25 + 4 * 3 * 9 + 4 * 9


def test_pooling_shows_the_maximum_and_the_mean():
    figure = convnets.plot_pooling([[1, 2, 0, 0], [4, 5, 0, 8]])
    texts = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert texts == [["1", "2", "0", "0", "4", "5", "0", "8"], ["5", "8"], ["3", "2"]]
    with pytest.raises(ValueError, match="must be even"):
        convnets.plot_pooling(np.eye(3))


def test_cost_has_a_key_of_families_and_one_of_sizes():
    figure = convnets.plot_cost({"VGG": [(15.5e9, 138.4e6, 71.3)], "ResNet": [(3.9e9, 25.6e6, 74.9)]}, ylabel="top-1")
    (ax,) = figure.axes
    assert ax.collections[0].get_sizes().tolist() == [4 * 138.4]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["5 million", "25 million", "140 million"]
    assert ax.get_ylabel() == "top-1"
    with pytest.raises(ValueError, match="must be rows"):
        convnets.plot_cost({"VGG": [(0, 1, 2)]})


def test_diagrams():
    shapes = [text.get_text() for text in convnets.plot_lenet5().axes[0].texts]
    assert "28 x 28 x 6" in shapes
    assert "depthwise 7x7\nnorm" in [text.get_text() for text in convnets.plot_residual_blocks().axes[0].texts]
