"""Normalizations equal Keras's; the backward pass by hand equals automatic differentiation; standardization."""

import keras
import numpy as np
import pytest
from keras import ops as k
from sklearn.preprocessing import StandardScaler

from keras_course import ops
from keras_course.training import RunningStatistics, normalize, normalize_backward, standardize

RNG = np.random.default_rng(0)
C = 6
GAMMA, BETA = RNG.uniform(0.5, 2, C).astype("float32"), RNG.normal(size=C).astype("float32")
INPUTS = {2: RNG.normal(3, 2, (10, C)).astype("float32"), 4: RNG.normal(3, 2, (5, 3, 4, C)).astype("float32")}
LAYERS = {
    "batch": lambda: keras.layers.BatchNormalization(epsilon=1e-5),
    "layer": lambda: keras.layers.LayerNormalization(epsilon=1e-5),
    "group": lambda: keras.layers.GroupNormalization(2, epsilon=1e-5),
    "instance": lambda: keras.layers.GroupNormalization(-1, epsilon=1e-5),
    "rms": lambda: keras.layers.RMSNormalization(epsilon=1e-5),
}
CASES = [(kind, rank) for kind in LAYERS for rank in INPUTS if (kind, rank) != ("instance", 2)]


def groups(kind):
    return {"groups": 2} if kind == "group" else {}


def tensors(*arrays):
    return [k.convert_to_tensor(a) for a in arrays]


@pytest.mark.parametrize(("kind", "rank"), CASES)
def test_forward_equals_keras(kind, rank):
    x, layer = INPUTS[rank], LAYERS[kind]()
    layer.build(x.shape)
    layer.trainable_variables[0].assign(GAMMA)
    beta = 0.0
    if kind != "rms":
        layer.trainable_variables[1].assign(BETA)
        beta = BETA
    expected = layer(x, training=True) if kind == "batch" else layer(x)
    found = normalize(kind, *tensors(x, GAMMA), k.convert_to_tensor(beta, dtype="float32"), **groups(kind))
    np.testing.assert_allclose(k.convert_to_numpy(found), k.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
@pytest.mark.parametrize(("kind", "rank"), CASES)
def test_backward_equals_automatic_differentiation(kind, rank, epsilon):
    x, gamma, beta = tensors(INPUTS[rank], GAMMA, BETA)
    dy = k.convert_to_tensor(RNG.normal(size=INPUTS[rank].shape).astype("float32"))
    arguments = {**groups(kind), "epsilon": epsilon}
    _, pullback = ops.vjp(lambda *args: normalize(kind, *args, **arguments), x, gamma, beta)
    found = normalize_backward(kind, x, gamma, dy, **arguments)
    for mine, theirs in zip(found, pullback(dy), strict=True):
        mine, theirs = k.convert_to_numpy(mine), k.convert_to_numpy(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5 * abs(theirs).max() + 1e-6)


def test_batch_norm_in_training_has_mean_0_and_variance_1():
    for rank, x in INPUTS.items():
        y = k.convert_to_numpy(normalize("batch", x))
        axes = tuple(range(rank - 1))
        np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-5)
        np.testing.assert_allclose(y.var(axis=axes), 1, atol=1e-4)


def test_batch_norm_differs_at_test():
    """Running statistics are those of Keras's layer; they do not fit the first batches, and fit the data in the end."""
    layer, running = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5), RunningStatistics()
    for step in range(100):
        x = RNG.normal(3, 2, (64, C)).astype("float32")
        layer(x, training=True)
        running = running.update(k.convert_to_tensor(x))
        found, expected = (k.convert_to_numpy(y) for y in (running.normalize(x), layer(x, training=False)))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        if step == 0:
            assert found.mean() > 1
    assert abs(found.mean()) < 0.1
    assert abs(found.std() - 1) < 0.1
    in_training = k.convert_to_numpy(normalize("batch", x))
    assert 1e-3 < abs(found - in_training).max() < 0.5
    one = k.convert_to_numpy(running.normalize(x[:1]))
    np.testing.assert_allclose(one, found[:1], rtol=1e-5)  # an example no longer depends on its batch
    np.testing.assert_allclose(k.convert_to_numpy(normalize("batch", x[:1])), 0, atol=1e-5)


def test_layer_norm_does_not_depend_on_the_batch_and_rms_norm_not_on_scale():
    x = INPUTS[2]
    for kind in ("layer", "group", "rms"):
        many, one = (k.convert_to_numpy(normalize(kind, part, **groups(kind))) for part in (x, x[:1]))
        np.testing.assert_allclose(many[:1], one, rtol=1e-5)
        np.testing.assert_allclose(k.convert_to_numpy(normalize(kind, 50 * x, **groups(kind))), many, atol=1e-4)


def test_plain_lists_are_taken():
    np.testing.assert_allclose(k.convert_to_numpy(normalize("layer", [[1, 3]])), [[-1, 1]], atol=1e-4)


def test_bad_normalizations():
    x = INPUTS[2]
    cases = [
        (lambda: normalize("power", x), "kind='power' is none of 'batch', 'layer'"),
        (lambda: normalize("group", x, groups=4), "groups=4 does not divide the 6 features"),
        (lambda: normalize("group", x, groups=0), "groups=0"),
        (lambda: normalize("instance", x), r"needs positions, but x has shape \(10, 6\)"),
        (lambda: normalize_backward("layer", x, GAMMA, x[:3]), r"x has shape \(10, 6\), but dy has shape \(3, 6\)"),
        (lambda: normalize("batch", np.ones(3)), r"x has shape \(3,\); it must be \(B, ..., C\)"),
        (lambda: normalize("layer", x[:0]), r"x has shape \(0, 6\)"),
        (lambda: normalize("batch", x, np.ones((10, 1))), r"gamma has shape \(10, 1\); it must be a number, or \(6,\)"),
        (lambda: normalize("batch", x, 1.0, np.ones(10)), r"beta has shape \(10,\)"),
        (lambda: normalize("batch", x, epsilon=-1.0), "epsilon=-1.0"),
        (lambda: RunningStatistics(mean=np.ones(5)).normalize(x), r"mean has shape \(5,\)"),
        (lambda: RunningStatistics().update(np.ones(3)), r"x has shape \(3,\)"),
        (lambda: RunningStatistics(momentum=1.0), r"momentum=1\.0 must be in"),
        (lambda: RunningStatistics(variance=-1.0), "variance=-1.0 must not be negative"),
        (lambda: RunningStatistics(variance=np.nan), "variance=nan must be finite"),
        (lambda: RunningStatistics(mean=np.array([0.0, np.inf])), r"mean=\[ 0. inf\] must be finite"),
        (lambda: RunningStatistics().normalize(x, epsilon=-2.0), "epsilon=-2.0"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()


# Standardization ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_standardize_equals_scikit_learn(dtype):
    train, test = (RNG.normal(50, [1, 10, 100], (n, 3)).astype(dtype) for n in (40, 9))
    train[:, 0] = 7  # a constant feature
    scaler = StandardScaler().fit(train)
    for found, raw in zip(standardize(train, test), (train, test), strict=True):
        np.testing.assert_allclose(found, scaler.transform(raw), rtol=1e-4, atol=1e-4)
        assert found.dtype == (dtype if dtype != "int32" else "float64")


def test_standardize_keeps_other_axes():
    images, one = standardize(RNG.uniform(0, 255, (30, 4, 4, 2)), RNG.uniform(0, 255, (1, 4, 4, 2)))
    np.testing.assert_allclose(images.mean(axis=0), 0, atol=1e-12)
    assert one.shape == (1, 4, 4, 2)
    (constant,) = standardize(np.full((7, 1), 0.1))
    np.testing.assert_allclose(constant, 0, atol=1e-12)


def test_bad_data():
    good = np.ones((3, 2))
    for bad in (np.nan, np.inf):
        broken = good.copy()
        broken[1, 1] = bad
        with pytest.raises(ValueError, match="train holds 1 numbers that are not finite"):
            standardize(broken)
        with pytest.raises(ValueError, match=r"others\[0\] holds 1 numbers that are not finite"):
            standardize(good, broken)
    with pytest.raises(ValueError, match=r"others\[1\] has features of shape \(3,\), but train has \(2,\)"):
        standardize(good, good, np.ones((3, 3)))
    for words in ([["a"]], np.array([[1j]])):
        with pytest.raises(ValueError, match=r"train has dtype .* it must hold real numbers"):
            standardize(words)
    with pytest.raises(ValueError, match=r"train has shape \(0, 2\): there are no examples"):
        standardize(np.ones((0, 2)))
