"""The Mark I: it learns what one threshold on the pixels cannot, by random features that never learn."""

import numpy as np
import pytest

from keras_course.perceptron import MarkOne, rosenblatt


def bar(place, upright):
    """Return an image of a bar of 20 x 4 cells at a place from 0 to 16."""
    image = np.zeros((20, 20))
    image[:, place : place + 4] = 1
    return image if upright else image.T


BARS = np.stack([bar(place, upright) for upright in (0, 1) for place in range(17)])
UPRIGHT = np.repeat([0, 1], 17)


def test_it_tells_upright_bars_from_lying_ones():
    """No unit on the cells can: five upright bars cover the retina once, and so do five lying ones."""
    machine = MarkOne(seed=1).fit(BARS, UPRIGHT, max_epochs=500)
    assert machine.response.converged
    assert (machine.predict(BARS) == UPRIGHT).all()
    assert not rosenblatt(BARS.reshape(34, -1), UPRIGHT, max_epochs=500).converged


def test_it_forgives_broken_cells():
    """What it has learned holds for the bars that it saw with a few cells flipped."""
    flips = np.random.default_rng(0).random((20, 34, 20, 20)) < 0.01  # four cells of an image
    machine = MarkOne(seed=1).fit(BARS, UPRIGHT, max_epochs=500)
    rights = [np.mean(machine.predict(np.where(flip, 1 - BARS, BARS)) == UPRIGHT) for flip in flips]
    assert np.mean(rights) > 0.85


def test_association_units_are_threshold_units_of_their_wires():
    machine, images = MarkOne(30, size=5, fan_in=4, seed=2), np.random.default_rng(3).integers(0, 2, (6, 5, 5))
    assert (np.abs(machine.wires).sum(axis=0) == 8).all()
    assert (machine.wires.sum(axis=0) == 0).all()
    expected = [
        [int(sum(w * cell for w, cell in zip(unit, image.ravel(), strict=True)) >= 1) for unit in machine.wires.T]
        for image in images
    ]
    assert machine.associate(images).tolist() == expected
    response = rosenblatt(np.array(expected), [0, 1] * 3).predict(np.array(expected))
    assert machine.fit(images, [0, 1] * 3).predict(images).tolist() == response.tolist()


def test_it_is_a_function_of_its_seed():
    one, again, other = (MarkOne(seed=seed).wires for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()


def test_bad_arguments():
    with pytest.raises(ValueError, match="num_association_units=0 must be"):
        MarkOne(0)
    with pytest.raises(ValueError, match="fan_in=20 needs 40 cells; a retina of size=6 has 36"):
        MarkOne(size=6)
    with pytest.raises(ValueError, match=r"images has shape \(2, 3, 3\)"):
        MarkOne().fit(np.zeros((2, 3, 3)), [0, 1])
    with pytest.raises(ValueError, match="of 0 and 1"):
        MarkOne().fit(np.full((2, 20, 20), 0.5), [0, 1])
    with pytest.raises(ValueError, match="has not seen images yet"):
        MarkOne().predict(np.zeros((2, 20, 20)))
