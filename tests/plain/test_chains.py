"""Toy chains: their geometry, and what their letters tell."""

import numpy as np
import pytest

from keras_course import datasets

TRAIN, VALIDATION, TEST = datasets.toy_chains(600, num_test=100, seed=3)


def folds(chains):
    return {row.tobytes() for row in chains.partners}


def test_chains_are_sheets():
    x = TRAIN.positions.astype(float)
    steps = np.linalg.norm(np.diff(x, axis=1), axis=-1)
    assert 3.6 < steps.min() < steps.mean() < 3.9 < steps.max() < 4.5
    distances = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)
    apart = np.abs(np.subtract.outer(np.arange(24), np.arange(24))) > 1
    assert distances[:, apart].min() > 4.7  # no two residues are at one point
    n, i = np.nonzero(TRAIN.partners >= 0)
    pairs = distances[n, i, TRAIN.partners[n, i]]
    assert 4.79 < pairs.min() < pairs.max() < 6
    np.testing.assert_allclose(x.mean(axis=1), 0, atol=1e-5)
    a, b, c = (np.diff(x[:, k : 22 + k], axis=1) for k in range(3))
    assert np.linalg.det(np.stack([a, b, c], axis=-2)).mean() != pytest.approx(0, abs=0.1)  # handed


def test_parts_have_folds_and_sequences_of_their_own():
    parts = [folds(part) for part in (TRAIN, VALIDATION, TEST)]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert min(map(len, parts)) > 15
    again = datasets.toy_chains(600, num_test=100, seed=3)[2]
    assert all((a == b).all() for a, b in zip(TEST, again, strict=True))


def test_pairs_covary_and_letters_are_uniform():
    counts = np.bincount(TRAIN.alignment.ravel(), minlength=4) / TRAIN.alignment.size
    np.testing.assert_allclose(counts, 0.25, atol=0.01)
    n, i = np.nonzero(TRAIN.partners >= 0)
    ours, theirs = TRAIN.alignment[n, :, i], TRAIN.alignment[n, :, TRAIN.partners[n, i]]
    assert np.mean(ours == np.array([1, 0, 3, 2])[theirs]) == pytest.approx(0.9 + 0.1 / 4, abs=0.01)
    letters = np.eye(4)[TRAIN.alignment] - 0.25
    covariance = np.einsum("nsia,nsjb->nijab", letters, letters) / TRAIN.alignment.shape[1]
    size = np.sqrt((covariance**2).sum(axis=(-2, -1)))
    i, j = np.triu_indices(24, 2)
    paired = TRAIN.partners[:, j] == i
    size = size[:, i, j]
    assert np.quantile(size[paired], 0.02) > np.quantile(size[~paired], 0.9)  # the others have indirect pairs


def test_without_coupling_nothing_covaries():
    chains = datasets.toy_chains(200, num_test=1, coupling=0.0)[0]
    n, i = np.nonzero(chains.partners >= 0)
    ours, theirs = chains.alignment[n, :, i], chains.alignment[n, :, chains.partners[n, i]]
    assert np.mean(ours == np.array([1, 0, 3, 2])[theirs]) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("num_positions", 11), ("num_sequences", 0), ("coupling", 1.5), ("num_test", 0), ("seed", -1)],
)
def test_bad_arguments(argument, value):
    with pytest.raises(ValueError, match=f"{argument}={value}"):
        datasets.toy_chains(3, **{argument: value})
