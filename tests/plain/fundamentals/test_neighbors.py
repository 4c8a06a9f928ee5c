"""Nearest neighbors against scikit-learn, and what is known of one neighbour; what they refuse."""

import numpy as np
import pytest

from keras_course.fundamentals import NearestNeighbors, empirical_risk, noisy_cubic

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_neighbors_equal_scikit_learn(k):
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    x, at = RNG.normal(size=(60, 2)), RNG.normal(size=(25, 2))
    y, classes = RNG.normal(size=60), RNG.integers(3, size=60)
    np.testing.assert_allclose(NearestNeighbors(k).fit(x, y).predict(at), KNeighborsRegressor(k).fit(x, y).predict(at))
    ours = NearestNeighbors(k, task="classification").fit(x, classes)
    peer = KNeighborsClassifier(k).fit(x, classes)
    assert (ours.predict(at) == peer.predict(at)).all()
    np.testing.assert_array_equal(ours.neighbors(at), peer.kneighbors(at, return_distance=False))


def test_the_earlier_of_equally_near_points_is_nearer():
    x = np.tile([0.0, 1.0, -1.0], 30)
    found = NearestNeighbors(40).fit(x, np.arange(90.0)).neighbors([0.0])[0]
    assert found.tolist() == [*range(0, 90, 3), 1, 2, 4, 5, 7, 8, 10, 11, 13, 14]


def test_classes_need_not_be_consecutive():
    model = NearestNeighbors(2, task="classification").fit([0.0, 1.0, 5.0, 6.0], [10**12, 10**12, 7, 3])
    assert model.predict([0.0, 6.0]).tolist() == [10**12, 3]  # of 7 and 3 the smaller


def test_neighbors_in_blocks_are_the_same(monkeypatch):
    x, y = RNG.normal(size=(60, 2)), RNG.normal(size=60)
    whole = NearestNeighbors(3).fit(x, y).predict(x)
    monkeypatch.setattr("keras_course.fundamentals._neighbors._BLOCK", 500)
    np.testing.assert_array_equal(NearestNeighbors(3).fit(x, y).predict(x), whole)


def test_one_neighbor_repeats_all_say_the_mean():
    x, y = noisy_cubic().sample(20, seed=0)
    np.testing.assert_array_equal(NearestNeighbors(1).fit(x, y).predict(x), y)
    np.testing.assert_allclose(NearestNeighbors(20).fit(x, y).predict([0.0, 9.0]), y.mean())


def test_one_neighbor_errs_at_most_twice_as_often_as_bayes():
    """Cover and Hart: with many points R <= 2 R_B (1 - R_B); here two overlapping clouds in one dimension."""
    from scipy.stats import norm

    def sample(n, seed):
        rng = np.random.default_rng(seed)
        y = rng.integers(2, size=n)
        return rng.normal(2.0 * y), y

    bayes = norm.cdf(-1.0)
    model = NearestNeighbors(1, task="classification").fit(*sample(2000, 0))
    risk = empirical_risk(model.predict, *sample(4000, 1), loss="zero_one")
    assert bayes < risk < 2 * bayes * (1 - bayes) + 0.02


def test_neighbors_refuse():
    with pytest.raises(ValueError, match="num_neighbors=0"):
        NearestNeighbors(0)
    with pytest.raises(ValueError, match="task='ranking' is none of 'regression', 'classification'"):
        NearestNeighbors(1, task="ranking")
    with pytest.raises(ValueError, match="x has 2 points, fewer than num_neighbors=3"):
        NearestNeighbors(3).fit([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"call fit\(x, y\) first"):
        NearestNeighbors(1).predict([0.0])
    with pytest.raises(ValueError, match="classes must be whole numbers from 0 on"):
        NearestNeighbors(1, task="classification").fit([0.0, 1.0], [0, -1])
    with pytest.raises(ValueError, match="y must be an array of numbers"):
        NearestNeighbors(1, task="classification").fit([0.0, 1.0], ["a", "b"])
    with pytest.raises(ValueError, match="it must hold 2 finite numbers"):
        NearestNeighbors(1).fit([0.0, 1.0], [0.0, np.nan])
    with pytest.raises(ValueError, match=r"x has shape \(1, 2\); it must have 1 columns"):
        NearestNeighbors(1).fit([0.0, 1.0], [0.0, 1.0]).predict([[0.0, 1.0]])
