"""More weights than points: double descent in closed form and by training, the wide network."""

import math

import keras
import numpy as np
import pytest

from keras_course import datasets
from keras_course.fundamentals import DoubleDescent, mlp_sweep, random_features, random_features_sweep, wide_mlp
from keras_course.fundamentals._double_descent import _train_to_the_end
from keras_course.perceptron import mlp
from keras_course.portable import portable_init

RNG = np.random.default_rng(0)
SLOPE = RNG.normal(size=10)


def noisy_line(num_points, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_points, 10))
    return x, x @ SLOPE + rng.normal(size=num_points)


# Random features -----------------------------------------------------------------------------------------------------


def test_features_are_rectified_sums():
    x = RNG.normal(size=(4, 3))
    units = np.random.default_rng(5).standard_normal((6, 4))
    expected = np.array([[max(0, row @ v[:3] / math.sqrt(3) + v[3] / 2) for v in units] for row in x])
    np.testing.assert_allclose(random_features(x, 6, seed=5), expected, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_peak_is_where_parameters_meet_equations(seed):
    sweep = random_features_sweep(noisy_line(60, seed), noisy_line(500, 99), [10, 20, 40, 60, 90, 200, 1000], seed=seed)
    assert sweep.threshold == 60 == sweep.peak
    assert sweep.test_risk[3] > 3 * max(sweep.test_risk[1], sweep.test_risk[-1])
    assert (np.diff(sweep.train_risk) <= 1e-9).all()
    assert sweep.train_risk[3:].max() < 1e-9  # interpolation from the threshold on
    assert np.isnan(sweep.test_error).all()


def test_the_peak_is_no_stiff_model():
    """A model that is too small may be worse than any at the threshold, and is not a peak; alone it has none."""
    sizes, risk, none = np.array([1, 20, 60]), np.array([9.0, 1.0, 5.0]), np.full(3, np.nan)
    assert DoubleDescent(sizes, sizes, 60, np.zeros(3), risk, none, none).peak == 60
    with pytest.raises(ValueError, match=r"widths=\[1\] all have under a third of 60 parameters"):
        _ = DoubleDescent(*(array[:1] for array in (sizes, sizes)), 60, *(4 * [risk[:1]])).peak


def test_sweep_has_the_features_of_its_seed():
    (x, y), test = noisy_line(20, 0), noisy_line(50, 1)
    found = [random_features_sweep((x, y), test, [8], seed=seed).train_risk[0] for seed in (0, 3)]
    for seed, risk in zip((0, 3), found, strict=True):
        features = random_features(x, 8, seed=seed)
        assert risk == pytest.approx(np.mean((features @ np.linalg.pinv(features) @ y - y) ** 2))
    assert found[0] != found[1]


def test_a_penalty_removes_the_peak():
    data = noisy_line(60, 0), noisy_line(500, 99)
    bare, ridge = (random_features_sweep(*data, [20, 60, 1000], penalty=p) for p in (0.0, 1.0))
    assert ridge.test_risk[1] < 0.3 * bare.test_risk[1]


def test_classes_share_the_features():
    x, y = datasets.blobs(300, num_classes=3, spread=4.0, seed=0)
    x = x / 10
    sweep = random_features_sweep((x[:50], y[:50]), (x[50:], y[50:]), [5, 50, 800], num_classes=3)
    assert sweep.parameters.tolist() == [15, 150, 2400]
    assert sweep.threshold == 150
    assert sweep.train_error[2] == 0 < sweep.train_error[0]
    features, test_features = (random_features(part, 800) for part in (x[:50], x[50:]))
    f = test_features @ np.linalg.pinv(features) @ np.eye(3)[y[:50]]
    assert sweep.test_error[2] == np.mean(f.argmax(axis=1) != y[50:])
    assert sweep.test_risk[2] == pytest.approx(np.mean((f - np.eye(3)[y[50:]]) ** 2), rel=1e-6)


# Networks ------------------------------------------------------------------------------------------------------------


def test_network_risks_are_those_of_its_training():
    x, y = datasets.two_moons(80, noise=0.2, seed=0)
    sweep = mlp_sweep((x[:40], y[:40]), (x[40:], y[40:]), [3, 40], num_classes=2, num_steps=100)
    assert sweep.parameters.tolist() == [3 * 3 + 4 * 2, 3 * 40 + 41 * 2]
    assert sweep.threshold == 80
    assert sweep.train_risk[1] < sweep.train_risk[0] < 0.25  # 0.25 is the risk of always saying 1/2


def test_the_network_is_trained_to_a_minimum_from_its_first_weights():
    """By hand: risk and gradient of a perceptron of four rectifiers, before and after."""
    x, y = noisy_line(30, 0)
    model = portable_init(mlp((10,), 1, hidden_dims=(4,)), 7)

    def risk_and_gradient():
        w1, b1, w2, b2 = model.get_weights()
        h = np.maximum(0, x @ w1 + b1)
        f = (h @ w2 + b2)[:, 0]
        outer = 2 * (f - y)[:, None] / len(y)
        inner = outer @ w2.T * (h > 0)
        parts = (x.T @ inner, inner.sum(axis=0), h.T @ outer, outer.sum(axis=0))
        return np.mean((f - y) ** 2), np.sqrt(sum(np.sum(g**2) for g in parts))

    first, first_gradient = risk_and_gradient()
    _train_to_the_end(model, x.astype("float32"), y[:, None].astype("float32"), 300)
    last, last_gradient = risk_and_gradient()
    assert last < 0.1 * first
    assert last_gradient < 0.01 * first_gradient
    sweep = mlp_sweep((x, y), (x, y), [4], num_steps=300, seed=7)
    assert sweep.test_risk[0] == pytest.approx(last, rel=1e-3)


def test_the_test_risk_of_a_network_rises_and_falls_again():
    """Sixty noisy values of a line in ten dimensions: 1, 5 and 200 units have 13, 61 and 2,401 parameters."""
    sweep = mlp_sweep(noisy_line(60, 0), noisy_line(1000, 9), [1, 5, 200], num_steps=200)
    assert (sweep.parameters.tolist(), sweep.threshold) == ([13, 61, 2401], 60)
    stiff, peak, wide = sweep.test_risk
    assert peak > 1.2 * max(stiff, wide)
    assert sweep.train_risk[2] < 1e-3


@pytest.mark.parametrize("sweep", [random_features_sweep, mlp_sweep])
def test_sweeps_refuse(sweep):
    x, y = noisy_line(6, 0)
    good = x, y
    with pytest.raises(ValueError, match=r"widths\[1\]=0 must be a whole number, at least 1"):
        sweep(good, good, [1, 0])
    for widths in ([], 5):
        with pytest.raises(ValueError, match=r"widths=.* must be a list of whole numbers, at least one"):
            sweep(good, good, widths)
    with pytest.raises(ValueError, match=r"test must be a pair \(x, y\); it is a ndarray"):
        sweep(good, x, [1])
    with pytest.raises(ValueError, match="y must be an array of numbers"):
        sweep((x, ["a"] * 6), good, [1], num_classes=2)
    with pytest.raises(ValueError, match="seed=-1 must be a whole number, at least 0"):
        sweep(good, good, [1], seed=-1)
    with pytest.raises(ValueError, match="num_classes=1 must be a whole number, at least 2"):
        sweep(good, good, [1], num_classes=1)
    with pytest.raises(ValueError, match=r"train has the classes .* they must be 0 to 1"):
        sweep((x, np.full(6, 2)), (x, np.zeros(6)), [1], num_classes=2)
    with pytest.raises(ValueError, match=r"test has x of shape \(6, 10\) and y of shape \(5,\)"):
        sweep(good, (x, y[:5]), [1])
    with pytest.raises(ValueError, match="train has 10 columns and test 9"):
        sweep(good, (x[:, :9], y), [1])
    with pytest.raises(ValueError, match="not finite"):
        sweep((x * np.nan, y), good, [1])


def test_sweeps_refuse_their_own_arguments():
    good = noisy_line(6, 0)
    with pytest.raises(ValueError, match="penalty=-1"):
        random_features_sweep(good, good, [1], penalty=-1)
    with pytest.raises(ValueError, match=r"num_steps=1\.5"):
        mlp_sweep(good, good, [1], num_steps=1.5)
    with pytest.raises(ValueError, match="num_steps=0"):
        mlp_sweep(good, good, [1], num_steps=0)
    huge = good[0], good[1] * 1e30
    with pytest.raises(
        FloatingPointError, match="the risk is inf at the first weights: the data are too large for float32"
    ):
        mlp_sweep(huge, huge, [2], num_steps=2)
    with pytest.raises(ValueError, match="seed=-1"):
        random_features(good[0], 3, seed=-1)


# The wide network ----------------------------------------------------------------------------------------------------


def test_wide_mlp_written_out():
    model = wide_mlp((2, 3), 2, width=50, seed=4)
    x = RNG.normal(size=(5, 2, 3)).astype("float32")
    w1, b1, w2, b2 = model.get_weights()
    expected = 1 / (1 + np.exp(-(x.reshape(5, 6) @ w1 + b1))) @ w2 + b2
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-5)


@pytest.mark.parametrize("portable", [False, True])
def test_first_weights_have_the_law_of_pytorch(portable):
    model = wide_mlp((4,), 3, width=20_000, seed=1)
    weights = (portable_init(model, 1) if portable else model).get_weights()
    for weight, num_inputs in zip(weights, (4, 4, 20_000, 20_000), strict=True):
        bound = num_inputs**-0.5
        assert np.abs(weight).max() <= bound
        if weight.size > 1000:
            assert weight.std() == pytest.approx(bound / 3**0.5, rel=0.02)  # U(-a, a) has the variance a^2 / 3
            assert np.abs(weight).max() > 0.99 * bound


def test_first_weights_are_independent_of_each_other():
    w1, b1, w2, _ = wide_mlp((1,), 1, width=20_000, seed=1).get_weights()
    correlations = np.corrcoef([w1.ravel(), b1, w2.ravel()])
    assert np.abs(correlations - np.eye(3)).max() < 0.05


def test_wide_mlp_equals_torch_nn():
    torch = pytest.importorskip("torch")
    model = wide_mlp((3,), 2, width=40, seed=0)
    peer = torch.nn.Sequential(torch.nn.Linear(3, 40), torch.nn.Sigmoid(), torch.nn.Linear(40, 2))
    w1, b1, w2, b2 = map(torch.tensor, model.get_weights())
    with torch.no_grad():
        for layer, weight, bias in ((peer[0], w1, b1), (peer[2], w2, b2)):
            layer.weight.copy_(weight.T)
            layer.bias.copy_(bias)
        x = RNG.normal(size=(7, 3)).astype("float32")
        expected = peer(torch.tensor(x)).numpy()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": 1}, r"input_shape=1 must be a tuple of whole numbers"),
        ({"input_shape": (0,)}, r"input_shape\[0\]=0 must be a whole number, at least 1"),
        ({"num_outputs": 0}, "num_outputs=0"),
        ({"width": 1.5}, "width=1.5 must be a whole number, at least 1"),
        ({"activation": "zigzag"}, "zigzag"),
        ({"seed": -1}, "seed=-1 must be a whole number, at least 0"),
    ],
)
def test_wide_mlp_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        wide_mlp(**{"input_shape": (1,), "num_outputs": 1, **arguments})
