"""Windows of tokens through `fit`, tables and generators: what comes out of `datasets` as arrays."""

import keras
import numpy as np
import pytest

from keras_course import datasets

V, B, T, STEPS = 7, 3, 5, 4  # vocabulary, batch size, context length, steps per epoch


def windows(tokens=None, context_length=T, batch_size=B, **keywords):
    tokens = np.random.default_rng(0).integers(0, V, 60) if tokens is None else tokens
    return datasets.token_windows(tokens, context_length, batch_size, **({"steps_per_epoch": STEPS} | keywords))


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_windows_are_pieces_of_the_text_and_their_successors():
    stream = windows(np.arange(1000, dtype=np.uint16), batch_size=500)
    x, y = stream[0]
    assert x.shape == y.shape == (500, T)
    assert x.dtype == y.dtype == np.int32
    np.testing.assert_array_equal(x, x[:, :1] + np.arange(T))
    np.testing.assert_array_equal(y, x + 1)


def test_every_start_is_drawn_and_none_beyond_the_end():
    starts = np.concatenate([windows(np.arange(T + 3), seed=s)[0][0][:, 0] for s in range(40)])
    assert set(starts.tolist()) == {0, 1, 2}
    assert same(windows(np.arange(T + 1))[5], (np.tile(np.arange(T), (B, 1)), np.tile(np.arange(1, T + 1), (B, 1))))


def test_batch_is_a_pure_function_of_seed_epoch_and_index():
    one, other = windows(seed=3), windows(seed=3)
    backwards = [other[k] for k in reversed(range(3 * STEPS))][::-1]
    assert all(same(one[k], backwards[k]) for k in range(3 * STEPS))
    resumed = windows(seed=3, start_epoch=2)
    assert all(same(resumed[k], one[2 * STEPS + k]) for k in range(STEPS))
    other.start_epoch = 1
    assert same(other[0], one[STEPS])
    assert not same(one[0], windows(seed=4)[0])
    assert len({one[k][0].tobytes() for k in range(3 * STEPS)}) == 3 * STEPS


def test_memory_map(tmp_path):
    tokens = np.random.default_rng(0).integers(0, V, 60).astype(np.uint16)
    tokens.tofile(tmp_path / "tokens.bin")
    mapped = np.memmap(tmp_path / "tokens.bin", dtype=np.uint16, mode="r")
    assert same(windows(mapped)[1], windows(tokens)[1])


def descend(batches, momentum=0.5):
    """Gradient descent with momentum on the mean of an embedding's outputs, in NumPy: it remembers the
    order."""
    weight, velocity = np.zeros(V), np.zeros(V)
    for x, _ in batches:
        velocity = momentum * velocity - np.bincount(x.ravel(), minlength=V) / x.size
        weight += velocity
    return weight


def counter():
    model = keras.Sequential([keras.Input((T,), dtype="int32"), keras.layers.Embedding(V, 1, "zeros")])
    model.compile(keras.optimizers.SGD(1.0, momentum=0.5), loss=lambda y, output: keras.ops.mean(output))
    return model


def fit(model, stream, **keywords):
    model.fit(stream, steps_per_epoch=stream.steps_per_epoch, shuffle=False, verbose=0, **keywords)
    every_token = np.tile(np.arange(V)[:, None], T)  # (V, T)
    return keras.ops.convert_to_numpy(model(every_token))[:, 0, 0]


@pytest.mark.parametrize("steps", [1, STEPS])
def test_fit_sees_the_batches_in_order(steps):
    stream = windows(steps_per_epoch=steps, seed=1)
    batches = [stream[k] for k in range(3 * steps)]
    assert abs(descend(batches) - descend(batches[::-1])).max() > 1e-3, "these batches do not tell the order"
    np.testing.assert_allclose(fit(counter(), stream, epochs=3), descend(batches), atol=1e-5)


def test_fit_goes_on_where_it_was_interrupted():
    model = counter()
    fit(model, windows(), epochs=1)
    resumed = fit(model, windows(start_epoch=1), initial_epoch=1, epochs=3)
    np.testing.assert_array_equal(resumed, fit(counter(), windows(), epochs=3))


@pytest.mark.parametrize("length", [T + 1, 2 * T, 2 * T + 1, 2 * T + 2, 53])
def test_validation_windows_cover_the_text_once(length):
    tokens = np.arange(1, length + 1, dtype=np.int64)
    x, y, weights = datasets.validation_windows(tokens, T)
    assert x.dtype == y.dtype == np.int32
    assert x.shape == y.shape == weights.shape == (-(-(length - 1) // T), T)
    counted = weights > 0
    np.testing.assert_array_equal(x[counted], tokens[:-1])
    np.testing.assert_array_equal(y[counted], tokens[1:])
    assert not x[~counted].any()
    assert not counted.ravel()[length - 1 :].any()
    np.testing.assert_allclose(weights[counted], x.size / (length - 1), rtol=1e-6)


BAD_TOKENS = [
    ([], "empty"),
    (np.arange(99) + 2**32, "holds token 4294967394"),
    (np.arange(99) - 1, "holds token -1"),
    ([1, 2**64], "type object"),
    (np.arange(T), rf"length {T}.*context_length={T}.*{T + 1}"),
    (np.zeros((9, 9), int), r"\(9, 9\)"),
    (np.zeros(99), "float64"),
    ("a text of characters", "integer tokens"),
]


@pytest.mark.parametrize(("tokens", "message"), BAD_TOKENS)
def test_bad_tokens(tokens, message):
    with pytest.raises(ValueError, match=message):
        windows(tokens)
    with pytest.raises(ValueError, match=message):
        datasets.TokenWindows(tokens, T, B, steps_per_epoch=STEPS)
    with pytest.raises(ValueError, match=message):
        datasets.validation_windows(tokens, T)


@pytest.mark.parametrize(
    "bad",
    [
        {"context_length": 0},
        {"batch_size": 0},
        {"steps_per_epoch": 0},
        {"seed": -1},
        {"start_epoch": -1},
        {"seed": 0.5},
        {"seed": None},
        {"seed": True},
    ],
)
def test_bad_numbers(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        windows(**bad)


TABLES = [
    (datasets.digits, (1797, 64), 10),
    (datasets.diabetes, (442, 10), None),
    (datasets.breast_cancer, (569, 30), 2),
    (datasets.iris, (150, 4), 3),
]


@pytest.mark.parametrize(("load", "shape", "classes"), TABLES)
def test_tables(load, shape, classes):
    table = load()
    assert table.x.shape == shape
    assert table.x.dtype == np.float32
    assert len(table.feature_names) == shape[1]
    assert table.y.shape == shape[:1]
    if classes is None:
        assert table.y.dtype == np.float32
        assert (table.y.min(), table.y.max(), len(table.target_names)) == (25, 346, 1)
    else:
        assert table.y.dtype == np.int32
        assert sorted(set(table.y.tolist())) == list(range(classes))
        assert len(table.target_names) == classes


def test_table_split():
    table = datasets.digits()
    marked = table._replace(y=np.arange(len(table.y)))
    train, test = marked.split(0.9, seed=1)
    assert (len(train.y), len(test.y)) == (1617, 180)
    assert sorted([*train.y, *test.y]) == list(range(1797))
    np.testing.assert_array_equal(test.x, table.x[test.y])
    np.testing.assert_array_equal(train.y, marked.split(0.9, seed=1)[0].y)
    assert not np.array_equal(train.y, marked.split(0.9, seed=2)[0].y)
    assert train.feature_names == table.feature_names
    for fraction in (0, 1.0, 1e-9, -1, None, "half"):
        with pytest.raises(ValueError, match="fraction="):
            table.split(fraction)
    for seed in (None, True, -1, 0.5):
        with pytest.raises(ValueError, match=f"seed={seed}"):
            table.split(0.5, seed)


def test_spiral_follows_its_equation():
    x, y = datasets.spiral(101, num_classes=2, noise=0)
    assert x.dtype == np.float32
    assert y.dtype == np.int32
    np.testing.assert_array_equal(y, np.repeat([0, 1], 101))
    np.testing.assert_allclose(x[[0, 25, 50, 100]], [[0, 0], [0.25, 0], [0, -0.5], [0, 1]], atol=1e-6)
    np.testing.assert_allclose(x[101:], -x[:101], atol=1e-6)  # the second arm is the first, turned by half a turn


def test_spiral_noise_turns_the_points_and_keeps_their_radius():
    clean, noisy = (datasets.spiral(20_000, noise=noise)[0] @ [1j, 1] for noise in (0, 0.2))
    np.testing.assert_allclose(abs(noisy), abs(clean), atol=1e-6)
    turned = np.angle(noisy[clean != 0] / clean[clean != 0])
    assert abs(turned.mean()) < 0.01
    assert abs(turned.std() - 0.2) < 0.005


def test_two_moons_are_half_circles():
    x, y = datasets.two_moons(300, noise=0)
    assert (len(x), y.sum()) == (300, 150)
    np.testing.assert_allclose(np.linalg.norm(x - np.array([[0, 0], [1, 0.5]])[y], axis=1), 1, atol=1e-6)
    assert 0.04 < (datasets.two_moons(2000, noise=0.05)[0] - datasets.two_moons(2000, noise=0)[0]).std() < 1


def test_blobs_have_the_spread_asked_for():
    x, y = datasets.blobs(30_000, num_classes=4, spread=0.5)
    for label in range(4):
        np.testing.assert_allclose(x[y == label].std(axis=0), 0.5, atol=0.02)


def test_gaussian_classes_have_the_moments_that_are_given():
    covariances = np.array([[[1.0, 0.5], [0.5, 2.0]], [[0.01, 0.2], [0.2, 5.0]]])
    x, y = datasets.gaussian_classes(40_000, means=[[0, 0], [1, -3]], covariances=covariances)
    for k, mean in enumerate(((0, 0), (1, -3))):
        cloud = x[y == k].astype("float64")
        assert len(cloud) == 40_000
        np.testing.assert_allclose(cloud.mean(axis=0), mean, atol=0.05)
        np.testing.assert_allclose(np.cov(cloud.T), covariances[k], rtol=0.05, atol=0.005)
    shared, _ = datasets.gaussian_classes(40_000, covariances=covariances[1])
    np.testing.assert_allclose(np.cov(shared[40_000:].T), covariances[1], rtol=0.05, atol=0.005)
    assert sorted(set(datasets.gaussian_classes(5, means=[[0, 0], [1, 1], [2, 2]])[1])) == [0, 1, 2]


@pytest.mark.parametrize(
    "bad",
    [
        {"means": [[0.0, float("nan")], [1.0, 0.0]]},
        {"means": [0.0, 1.0]},
        {"means": np.zeros((0, 2))},
        {"means": "origin"},
        {"covariances": [1.0, 1.0]},
        {"covariances": [[1.0, 2.0], [2.0, 1.0]]},
        {"covariances": [[1.0, 0.5], [0.0, 1.0]]},
        {"covariances": [[[1.0, 0.0], [0.0, 1.0]]] * 3},
    ],
)
def test_gaussian_classes_that_there_are_not(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"^{name}"):
        datasets.gaussian_classes(5, **bad)


def test_points_of_densities_lie_where_they_should():
    x, square = datasets.checkerboard(2000, seed=1)
    column, row = np.floor(x.T / 2).astype(int) + 2
    assert ((column + row) % 2 == 0).all()
    assert np.abs(np.bincount(square) / 2000 - 1 / 8).max() < 0.03
    x, ring = datasets.rings(500, noise=0.0)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 0.75 * (1 + ring), rtol=1e-5)
    x, _ = datasets.eight_gaussians(500, noise=0.0)
    assert len(np.unique(x.round(4), axis=0)) == 8
    x, arm = datasets.two_spirals(500, noise=0.0)
    assert np.linalg.norm(x, axis=1).max() < 3.31
    assert np.linalg.norm(x[arm == 0].mean(axis=0) + x[arm == 1].mean(axis=0)) < 0.5
    x, _ = datasets.pinwheel(2000)
    assert np.linalg.norm(x.mean(axis=0)) < 0.15


def test_entropy_of_two_moons():
    """The density of two moons is a mean of Gaussians along half circles; its entropy is about 0.283 nats."""
    x, _ = datasets.two_moons(10_000, noise=0.05)
    angles = np.linspace(0, np.pi, 200)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    squares = ((x[:, None] - np.concatenate([upper, [1.0, 0.5] - upper])) ** 2).sum(axis=-1) / 0.05**2
    log_density = np.log(np.exp(-squares / 2).mean(axis=1) / (2 * np.pi * 0.05**2))
    assert -log_density.mean() == pytest.approx(0.283, abs=0.02)


PLANAR = [getattr(datasets, name) for name in ("two_spirals", "pinwheel", "checkerboard", "rings", "eight_gaussians")]
NOISY = [datasets.varying_noise, datasets.inverse_sine]


@pytest.mark.parametrize(
    "draw", [datasets.two_moons, datasets.blobs, datasets.spiral, datasets.gaussian_classes, *PLANAR, *NOISY]
)
def test_generators_are_functions_of_their_seed(draw):
    assert same(draw(seed=5), draw(seed=5))
    assert not same(draw(seed=5), draw(seed=6))
    x, y = draw()
    assert (x.dtype, y.dtype) == (np.float32, np.float32 if draw in NOISY else np.int32)


def test_noisy_regressions():
    """The noise is what the equations say."""
    for x, gap, scale in (
        ((xy := datasets.varying_noise(20_000))[0], xy[1] - np.sin(2 * np.pi * xy[0]), 0.05 * (1 + 9 * xy[0])),
        ((xy := datasets.inverse_sine(20_000))[1], xy[0] - xy[1] - 0.3 * np.sin(2 * np.pi * xy[1]), 0.05),
    ):
        assert x.shape == (20_000, 1)
        assert x.mean() == pytest.approx(0.5, abs=0.01)
        assert (gap / scale).std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("draw", "bad"),
    [
        (datasets.two_moons, {"num_points": 1}),
        (datasets.two_moons, {"noise": -0.1}),
        (datasets.blobs, {"num_classes": 0}),
        (datasets.blobs, {"num_points": 2}),
        (datasets.blobs, {"spread": -1}),
        (datasets.gaussian_classes, {"points_per_class": 0}),
        (datasets.spiral, {"points_per_class": 1}),
        (datasets.spiral, {"num_classes": 0}),
        (datasets.spiral, {"noise": float("nan")}),
        (datasets.spiral, {"seed": -1}),
        (datasets.spiral, {"seed": None}),
        (datasets.spiral, {"points_per_class": 2.5}),
        *((draw, {"seed": True}) for draw in (datasets.two_moons, datasets.blobs, datasets.gaussian_classes)),
        *((draw, {"noise": float("inf")}) for draw in (datasets.two_moons, datasets.spiral)),
        (datasets.blobs, {"spread": float("inf")}),
        *((draw, {"num_points": 0}) for draw in (*PLANAR, *NOISY)),
        *((draw, {"noise": -1.0}) for draw in (*PLANAR, *NOISY)),
    ],
)
def test_bad_arguments_of_generators(draw, bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        draw(**bad)


def test_uci_splits_are_the_published_ones():
    """The first rows of test parts of the yachts, from the files `index_test_0.txt`, `_1.txt` and `_10.txt`."""
    rows = np.arange(308, dtype="float32")
    table = datasets.Table(rows[:, None], rows, ("x",), ("y",))
    for part, first in ((0, [121, 115, 286]), (1, [212, 106, 115]), (10, [245, 222, 138])):
        train, test = datasets.uci_split(table, part)
        assert test.y[:3].tolist() == first
        assert sorted([*train.y, *test.y]) == rows.tolist()
        assert (len(train.x), len(test.x)) == (277, 31)
    with pytest.raises(ValueError, match="part=20"):
        datasets.uci_split(table, 20)
