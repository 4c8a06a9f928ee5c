"""Frames, the frame aligned point error, and measures of structures beside closed forms and SciPy."""

import keras
import numpy as np
import pytest
from frames import random_frames
from programs import program
from scipy.spatial.transform import Rotation

from keras_course import datasets
from keras_course.attention import (
    DistogramLoss,
    StructureLoss,
    apply_frames,
    compose_frames,
    expected_distances,
    frame_aligned_point_error,
    invert_frames,
    point_frames,
)
from keras_course.metrics import distance_error, lddt, pairwise_distances, superpose, tm_score

array, rng = keras.ops.convert_to_numpy, np.random.default_rng(0)
frames_of, error_of, composed = map(program, (point_frames, frame_aligned_point_error, compose_frames))
CHAIN = datasets.toy_chains(2, num_test=1, num_sequences=1)[0].positions[0]
MIRROR = CHAIN * np.array([1, 1, -1], "float32")
MOTION = Rotation.from_rotvec([0.3, -1.1, 2.0]).as_matrix().astype("float32")
SHIFT = np.array([4.0, -7.0, 1.0], "float32")
MOVED = CHAIN @ MOTION.T + SHIFT
LINE = np.array([[0.0, 0, 0], [3, 0, 0], [6, 0, 0]])


def test_frames_apply_compose_and_invert_as_matrices():
    frames, others, points = (
        random_frames(rng, 2, 5, scale=1),
        random_frames(rng, 2, 5, scale=1),
        rng.normal(size=(2, 5, 3)).astype("float32"),
    )
    square = [np.concatenate([x, np.broadcast_to([[0, 0, 0, 1]], (2, 5, 1, 4))], axis=-2) for x in (frames, others)]
    np.testing.assert_allclose(array(compose_frames(frames, others)), (square[0] @ square[1])[..., :3, :], atol=1e-5)
    np.testing.assert_allclose(array(invert_frames(frames)), np.linalg.inv(square[0])[..., :3, :], atol=1e-5)
    expected = np.einsum("bixy,biy->bix", frames[..., :3], points) + frames[..., 3]
    np.testing.assert_allclose(array(apply_frames(frames, points)), expected, atol=1e-5)


def test_frames_of_points_are_rotations_that_turn_with_the_points():
    frames = array(frames_of(CHAIN))
    rotations = frames[..., :3]
    np.testing.assert_allclose(rotations @ rotations.swapaxes(1, 2), np.tile(np.eye(3), (24, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-5)
    np.testing.assert_allclose(frames[..., 3], CHAIN, atol=1e-6)
    local = array(apply_frames(invert_frames(frames), np.roll(CHAIN, -1, axis=0)))[1:-1]
    np.testing.assert_allclose(local[:, 1:], 0, atol=1e-4)  # the next residue is on the first axis
    local = array(apply_frames(invert_frames(frames), np.roll(CHAIN, 1, axis=0)))[1:-1]
    np.testing.assert_allclose(local[:, 2], 0, atol=1e-4)  # the one before is in the plane of the first two
    assert (local[:, 1] > 0).all()
    turned = array(composed(np.concatenate([MOTION, SHIFT[:, None]], axis=1), frames))
    np.testing.assert_allclose(array(frames_of(MOVED)), turned, atol=1e-4)


def test_frame_aligned_point_error():
    true, moved, mirror = (array(frames_of(x)) for x in (CHAIN, MOVED, MIRROR))
    assert error_of(true, moved) < 2e-3  # the square root has 1e-6 in it
    assert error_of(true, mirror) > 0.1
    noisy = array(frames_of(CHAIN + rng.normal(size=CHAIN.shape).astype("float32")))
    motion = random_frames(rng, 1, scale=1)
    error = array(error_of(true, noisy))
    for pair in ((composed(motion, true), noisy), (true, composed(motion, noisy))):
        np.testing.assert_allclose(array(error_of(*pair)), error, rtol=1e-4)
    seen = [np.einsum("iyx,ijy->ijx", x[..., :3], x[None, :, :, 3] - x[:, None, :, 3]) for x in (true, noisy)]
    gaps = np.linalg.norm(seen[0] - seen[1], axis=-1)
    np.testing.assert_allclose(error, np.minimum(gaps, 10).mean() / 10, rtol=1e-4)
    both = np.stack([noisy, true])[None]
    expected = (error + array(error_of(true, true))) / 2
    np.testing.assert_allclose(array(program(StructureLoss(clamp=10.0))(CHAIN[None], both)), expected, rtol=1e-4)


def test_distogram_loss_and_expected_distances():
    positions = LINE[None].astype("float32")  # distances 0, 3 and 6
    logits = rng.normal(size=(1, 3, 3, 4)).astype("float32")
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(axis=-1, keepdims=True)
    bins = np.array([[0, 1, 3], [1, 0, 1], [3, 1, 0]])  # of width 2, the last one open
    expected = -np.log(np.take_along_axis(p, bins[..., None], axis=-1)).mean()
    np.testing.assert_allclose(array(program(DistogramLoss(8.0))(positions, logits)), expected, rtol=1e-5)
    np.testing.assert_allclose(expected_distances(logits[0], max_distance=8.0), p @ [1, 3, 5, 7], rtol=1e-5)


def test_superposition_is_that_of_scipy():
    noisy = MOVED + rng.normal(size=CHAIN.shape)
    rotation, translation = superpose(CHAIN, noisy)
    expected, _ = Rotation.align_vectors(noisy - noisy.mean(axis=0), CHAIN - CHAIN.mean(axis=0))
    np.testing.assert_allclose(rotation, expected.as_matrix(), atol=1e-6)
    np.testing.assert_allclose(rotation @ CHAIN.mean(axis=0) + translation, noisy.mean(axis=0), atol=1e-5)
    rotation, translation = superpose(CHAIN, MOVED)
    np.testing.assert_allclose(CHAIN @ rotation.T + translation, MOVED, atol=1e-4)
    rotation, _ = superpose(MIRROR, CHAIN)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)  # no reflection


def test_scores_of_copies_and_mirror_images():
    assert lddt(CHAIN, MOVED) == lddt(CHAIN, MIRROR) == 1
    np.testing.assert_allclose(tm_score(CHAIN, MOVED), 1, atol=1e-6)
    assert tm_score(CHAIN, MIRROR) < 0.9
    distances = pairwise_distances(CHAIN)
    np.testing.assert_allclose(distances[3, 8], np.linalg.norm(CHAIN[3] - CHAIN[8]))
    np.testing.assert_array_equal(pairwise_distances(np.stack([MIRROR, CHAIN]))[1], distances)
    assert distance_error(distances, distances) == 0


def test_scores_by_hand():
    assert lddt(LINE, 1.25 * LINE) == pytest.approx((0 + 2 / 3 + 1 + 1) / 4)  # errors 0.75, 0.75 and 1.5
    assert lddt(LINE, 1.25 * LINE, cutoff=5) == pytest.approx((0 + 1 + 1 + 1) / 4)
    stretched = LINE * 1.5  # centers agree, the ends are 1.5 too far
    assert tm_score(LINE, stretched, scale=1.5, num_rounds=1) == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    far = np.where(np.arange(24)[:, None] < 6, CHAIN + np.array([0, 0, 1e4]), CHAIN)  # 18 of 24 residues are right
    assert tm_score(CHAIN, far) == pytest.approx(18 / 24, abs=1e-4)
    true, predicted = np.zeros((1, 2, 2)), np.array([[[7.0, 2.0], [6.0, 7.0]]])
    assert distance_error(true, predicted) == 4
    assert distance_error(true, predicted, cap=3) == 2.5


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: superpose(CHAIN[:2], CHAIN[:2]), r"x has shape \(2, 3\)"),
        (lambda: superpose(CHAIN, CHAIN[:5]), "differ in length"),
        (lambda: lddt(CHAIN, CHAIN * np.nan), "predicted"),
        (lambda: lddt(CHAIN, CHAIN, cutoff=1.0), "cutoff=1.0"),
        (lambda: tm_score(CHAIN, CHAIN[:, :2]), r"predicted has shape \(24, 2\)"),
        (lambda: pairwise_distances(CHAIN[0]), r"x has shape \(3,\)"),
        (lambda: distance_error(CHAIN, CHAIN), r"true has shape \(24, 3\)"),
        (lambda: distance_error(np.zeros((3, 3)), np.zeros((4, 4))), r"predicted has shape \(4, 4\)"),
        (lambda: point_frames(CHAIN[:2]), r"points has shape \(2, 3\)"),
        (lambda: apply_frames(CHAIN, CHAIN), "frames has shape"),
        (lambda: compose_frames(np.eye(4), np.eye(3, 4)), r"frames has shape \(4, 4\)"),
        (lambda: frame_aligned_point_error(np.eye(3, 4)[None], CHAIN), "predicted has shape"),
        (lambda: frame_aligned_point_error(np.eye(3, 4)[None], np.eye(3, 4)[None], clamp=0.0), "clamp=0.0"),
        (lambda: expected_distances(3.0), "logits has shape"),
        (lambda: DistogramLoss(-1.0), "max_distance=-1.0"),
    ],
)
def test_bad_arguments(call, named):
    with pytest.raises(ValueError, match=named):
        call()
