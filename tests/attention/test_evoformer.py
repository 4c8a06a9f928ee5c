"""The layers of the Evoformer beside plain loops of NumPy, and what invariant point attention is invariant to."""

import itertools

import keras
import numpy as np
import pytest
from frames import random_frames
from scipy.spatial.transform import Rotation

from keras_course.attention import (
    AxialAttention,
    BackboneUpdate,
    InvariantPointAttention,
    OuterProductMean,
    PairEmbedding,
    TriangleMultiplication,
    compose_frames,
    evoformer,
)
from keras_course.portable import portable_init

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)
M, Z = rng.normal(size=(2, 3, 4, 6)).astype("float32"), rng.normal(size=(2, 4, 4, 6)).astype("float32")


def built(layer, *inputs):
    """Return the layer with random weights, none of them 0, and what it returns."""
    layer(*inputs)
    for weight in layer.weights:
        weight.assign(rng.normal(0.3, 0.5, weight.shape))
    return layer, array(layer(*inputs))


def dense(layer, x):
    return x @ array(layer.kernel) + (array(layer.bias) if layer.use_bias else 0)


def norm(layer, x):
    x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    return x * array(layer.gamma) + array(layer.beta)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def outer_product_mean(layer, m):
    m = norm(layer.norm, m)
    products = np.einsum("bsic,bsjd->bijcd", dense(layer.left, m), dense(layer.right, m)) / m.shape[1]
    return dense(layer.projection, products.reshape(*products.shape[:3], -1))


def test_outer_product_mean():
    layer, y = built(OuterProductMean(5, hidden_dim=3), M)
    np.testing.assert_allclose(y, outer_product_mean(layer, M), rtol=1e-4, atol=1e-4)


def triangle_multiplication(layer, z, outgoing):
    """Algorithms 11 and 12, edge by edge."""
    z = norm(layer.norm, z)
    a, b = np.split(sigmoid(dense(layer.edge_gates, z)) * dense(layer.edges, z), 2, axis=-1)
    triangles = np.zeros_like(a, "float64")
    for i, j, k in itertools.product(range(z.shape[1]), repeat=3):
        triangles[:, i, j] += a[:, i, k] * b[:, j, k] if outgoing else a[:, k, i] * b[:, k, j]
    return sigmoid(dense(layer.gates, z)) * dense(layer.projection, norm(layer.triangle_norm, triangles))


@pytest.mark.parametrize("outgoing", [True, False])
def test_triangle_multiplication(outgoing):
    layer, y = built(TriangleMultiplication(5, outgoing=outgoing), Z)
    np.testing.assert_allclose(y, triangle_multiplication(layer, Z, outgoing), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("along", ["rows", "columns"])
def test_triangle_attention(along):
    """One head, edge by edge."""
    layer, y = built(AxialAttention(1, along=along), Z, Z)
    q, k, v = np.split(dense(layer.attention.qkv, norm(layer.norm, Z)), 3, axis=-1)
    bias = dense(layer.pair_bias, norm(layer.pair_norm, Z))[..., 0]
    expected = np.zeros_like(y)
    for i in range(4):
        for j in range(4):
            if along == "rows":  # around the starting node i
                scores = (q[:, i, j, None] * k[:, i]).sum(axis=-1) / 6**0.5 + bias[:, j]
                values = v[:, i]
            else:  # around the ending node j
                scores = (q[:, i, j, None] * k[:, :, j]).sum(axis=-1) / 6**0.5 + bias[:, :, i]
                values = v[:, :, j]
            expected[:, i, j] = (softmax(scores)[..., None] * values).sum(axis=1)
    np.testing.assert_allclose(y, dense(layer.attention.projection, expected), rtol=1e-3, atol=1e-4)


def test_sequences_attend_with_a_bias_of_the_pairs():
    layer, y = built(AxialAttention(2), M, Z)
    for s in range(3):  # each sequence by itself
        alone = array(layer(M[:, s : s + 1], Z))
        np.testing.assert_allclose(y[:, s : s + 1], alone, rtol=1e-4, atol=1e-4)
    assert np.abs(array(layer(M, 0 * Z)) - y).max() > 1e-3  # the bias counts
    columns = built(AxialAttention(2, along="columns"), M)[0]
    order = [2, 0, 1]
    np.testing.assert_allclose(array(columns(M[:, order])), array(columns(M))[:, order], rtol=1e-4, atol=1e-4)


def test_pair_embedding():
    letters = np.array([[2, 0, 1, 1]])
    layer, y = built(PairEmbedding(3, 5, max_distance=2), letters)
    left, right, distances = (array(w) for w in (layer.left, layer.right, layer.distances))
    for i in range(4):
        for j in range(4):
            row = distances[2 + min(max(i - j, -2), 2)]
            np.testing.assert_allclose(y[0, i, j], left[letters[0, i]] + right[letters[0, j]] + row, rtol=1e-5)


def points_by_loop(layer, s, z, frames):
    """Invariant point attention of one chain, residue by residue, in float64."""
    (length, width), heads, count = s.shape, layer.num_heads, layer.num_points
    q, k, v = dense(layer.qkv, s).reshape(length, 3, heads, width // heads).swapaxes(0, 1)
    local = dense(layer.points, s).reshape(length, 3, heads, count, 3)
    rotations, moves = frames[..., :3].astype(float), frames[..., 3] / layer.unit
    q_points, k_points, v_points = (
        np.array([local[i, n] @ rotations[i].T + moves[i] for i in range(length)]) for n in range(3)
    )
    bias, scales = dense(layer.pair_bias, z), np.log1p(np.exp(array(layer.head_scales)))
    rows = []
    for i in range(length):
        features, pairs, seen = [], [], []
        for h in range(heads):
            squares = ((q_points[i, h] - k_points[:, h]) ** 2).sum(axis=(1, 2))
            scores = k[:, h] @ q[i, h] / np.sqrt(width // heads) + bias[i, :, h]
            weights = softmax((scores - scales[h] / 2 * np.sqrt(2 / (9 * count)) * squares) / np.sqrt(3))
            features.append(weights @ v[:, h])
            pairs.append(weights @ z[i])
            seen.append((np.tensordot(weights, v_points[:, h], 1) - moves[i]) @ rotations[i])
        lengths = np.linalg.norm(seen, axis=-1)
        rows.append(np.concatenate([np.ravel(x) for x in (features, pairs, seen, lengths)]))
    return dense(layer.projection, np.array(rows))


def test_invariant_point_attention_is_what_a_loop_computes():
    s, z, frames = rng.normal(size=(2, 4, 8)).astype("float32"), Z, random_frames(rng, 2, 4)
    layer, y = built(InvariantPointAttention(2, num_points=3), s, z, frames)
    expected = [points_by_loop(layer, s[b], z[b], frames[b]) for b in range(2)]
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3)


def test_invariant_point_attention_is_invariant():
    s, z, frames = rng.normal(size=(2, 4, 8)).astype("float32"), Z, random_frames(rng, 2, 4)
    layer, y = built(InvariantPointAttention(2, num_points=3), s, z, frames)
    moved = array(compose_frames(random_frames(rng, 2, 1), frames))  # one motion for each chain
    np.testing.assert_allclose(array(layer(s, z, moved)), y, rtol=2e-4, atol=2e-4)
    mirrored = frames * np.array([1, 1, -1], "float32")[:, None] * np.array([1, 1, -1, 1], "float32")
    assert np.abs(array(layer(s, z, mirrored)) - y).max() > 0.1  # but not to reflections


def backbone_moves(layer, s):
    """Algorithm 23: the rotation of the quaternion (1, b, c, d), and a translation in units of 10 Angstrom."""
    turn = dense(layer.update, s)
    rotations = Rotation.from_quat(np.insert(turn[..., :3], 3, 1, axis=-1).reshape(-1, 4)).as_matrix()
    return np.concatenate([rotations.reshape(*s.shape[:2], 3, 3), 10 * turn[..., 3:, None]], axis=-1)


def composed(frames, others):
    """Return the products of frames as matrices (4, 4), without their last row."""
    square = [np.concatenate([x, np.tile([[0, 0, 0, 1]], (*x.shape[:2], 1, 1))], axis=-2) for x in (frames, others)]
    return (square[0] @ square[1])[..., :3, :]


def test_backbone_update_moves_with_the_frames():
    s, frames, motion = rng.normal(size=(2, 4, 8)).astype("float32"), random_frames(rng, 2, 4), random_frames(rng, 2, 1)
    layer, y = built(BackboneUpdate(), s, frames)
    moves = backbone_moves(layer, s)
    np.testing.assert_allclose(y, composed(frames, moves), rtol=1e-4, atol=1e-3)
    moved = array(layer(s, compose_frames(motion, frames)))
    np.testing.assert_allclose(moved, array(compose_frames(motion, y)), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(array(layer(s)), moves, rtol=1e-4, atol=1e-4)
    still = BackboneUpdate(initializer="zeros", dtype="mixed_bfloat16")  # frames are not rounded to half precision
    np.testing.assert_allclose(array(still(s, frames)), frames, rtol=1e-5)


# Whole networks, after the algorithms of the paper --------------------------------------------------------------------

LETTERS = rng.integers(0, 4, (2, 3, 6))
SIZES = {"num_sequences": 3, "hidden_dim": 8, "pair_dim": 8, "num_heads": 2, "num_bins": 5}


def network(**options):
    """Return a model with weights none of which is 0 or 1, and its embeddings of the alignment and of the pairs."""
    model = portable_init(evoformer(6, 4, **SIZES, **options), seed=1)
    for weight in model.weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape))
    letters, first = (array(model.get_layer(name).embeddings) for name in ("letters", "first_letters"))
    m = letters[LETTERS] + first[LETTERS[:, 0]][:, None]
    return model, m.astype("float64"), array(model.get_layer("pairs")(LETTERS[:, 0])).astype("float64")


def row_attention(layer, x, z=None):
    """Algorithms 7 and 13: each row attends to itself, with a bias from the pairs."""
    qkv = np.split(dense(layer.attention.qkv, norm(layer.norm, x)), 3, axis=-1)
    q, k, v = (y.reshape(*y.shape[:-1], layer.num_heads, -1) for y in qkv)
    scores = np.einsum("bsihd,bsjhd->bshij", q, k) / q.shape[-1] ** 0.5
    if z is not None:
        scores += np.moveaxis(dense(layer.pair_bias, norm(layer.pair_norm, z)), -1, 1)[:, None]
    y = np.einsum("bshij,bsjhd->bsihd", softmax(scores), v)
    return dense(layer.attention.projection, y.reshape(x.shape))


def column_attention(layer, x, z=None):
    """Algorithms 8 and 14."""
    return row_attention(layer, x.swapaxes(1, 2), None if z is None else z.swapaxes(1, 2)).swapaxes(1, 2)


def transition(get, name, x):
    """Algorithms 9 and 15, with the residual connection."""
    h = dense(get(f"{name}_in"), norm(get(f"{name}_norm"), x))
    return x + dense(get(f"{name}_out"), np.maximum(h, 0))


def test_a_block_is_algorithm_6():
    model, m, z = network(num_blocks=1, triangle_attention=True)

    def get(name):
        return model.get_layer(f"block_0_{name}")

    m = m + row_attention(get("rows"), m, z)
    m = m + column_attention(get("columns"), m)
    m = transition(get, "transition", m)
    z = z + outer_product_mean(get("outer_product_mean"), m)
    z = z + triangle_multiplication(get("outgoing"), z, outgoing=True)
    z = z + triangle_multiplication(get("incoming"), z, outgoing=False)
    z = z + row_attention(get("starting"), z, z)
    z = z + column_attention(get("ending"), z, z)
    z = transition(get, "pair_transition", z)
    logits = dense(model.get_layer("distogram"), norm(model.get_layer("pair_norm"), z))
    np.testing.assert_allclose(array(model(LETTERS)), logits + logits.swapaxes(1, 2), rtol=1e-4, atol=1e-4)


def test_the_structure_module_is_algorithm_20():
    """Its weights are the same in each of three iterations. See `evoformer` for how it differs from the paper."""
    model, m, z = network(num_blocks=0, structure_layers=3)
    get = model.get_layer
    z = norm(get("pair_norm"), z)
    s = dense(get("residues"), norm(get("residue_norm"), m[:, 0])) + array(get("residue_positions").embeddings)
    frames = backbone_moves(get("backbone"), s)
    found = array(model(LETTERS)["frames"])
    for n in range(3):
        rows = zip(norm(get("structure_norm"), s), z, frames, strict=True)
        s = s + np.array([points_by_loop(get("invariant_points"), *row) for row in rows])
        s = transition(get, "structure_transition", s)
        frames = composed(frames, backbone_moves(get("backbone"), s))
        np.testing.assert_allclose(found[:, n], frames, rtol=1e-4, atol=1e-4)


def test_evoformer():
    model = portable_init(evoformer(6, 4, num_blocks=1, structure_layers=2, **SIZES), seed=1)
    outputs, others = (
        {name: array(y) for name, y in model(LETTERS[:, rows]).items()} for rows in ([0, 1, 2], [0, 2, 1])
    )
    assert outputs["distogram"].shape == (2, 6, 6, 5)
    assert outputs["frames"].shape == (2, 2, 6, 3, 4)
    np.testing.assert_allclose(outputs["distogram"], outputs["distogram"].swapaxes(1, 2), atol=1e-5)
    rotations = outputs["frames"][..., :3]
    np.testing.assert_allclose(rotations @ rotations.swapaxes(-1, -2), np.tile(np.eye(3), (2, 2, 6, 1, 1)), atol=1e-5)
    for name, y in outputs.items():  # all sequences but the first one are a set
        np.testing.assert_allclose(others[name], y, rtol=1e-3, atol=1e-3)
    blind = portable_init(evoformer(6, 4, num_blocks=0, **SIZES), seed=1)
    y, other = (array(blind(x)) for x in (LETTERS, np.concatenate([LETTERS[:, :1], 3 - LETTERS[:, 1:]], axis=1)))
    np.testing.assert_array_equal(other, y)  # without blocks it sees the first sequence only


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: evoformer(6, 4, num_heads=3), "hidden_dim=32 or pair_dim=32 is not divisible by num_heads=3"),
        (lambda: evoformer(6, 4, triangle_attention=True, pair_dim=6), "pair_dim=6"),
        (lambda: evoformer(2, 4), "num_positions=2"),
        (lambda: evoformer(6, 4, structure_layers=-1), "structure_layers=-1"),
        (lambda: evoformer(6, 4, activation="wavy"), "activation='wavy'"),
        (lambda: AxialAttention(2, along="rings"), "along='rings'"),
        (lambda: AxialAttention(4)(M), "num_heads=4"),
        (lambda: InvariantPointAttention(4)(M[:, 0], Z, random_frames(rng, 2, 4)), "num_heads=4"),
        (lambda: InvariantPointAttention(2, unit=0.0), "unit=0.0"),
        (lambda: OuterProductMean(0), "pair_dim=0"),
        (lambda: TriangleMultiplication(outgoing=2), "outgoing=2"),
    ],
)
def test_bad_arguments(call, named):
    with pytest.raises(ValueError, match=named):
        call()
