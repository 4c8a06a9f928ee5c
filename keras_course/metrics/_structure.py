"""How close a predicted structure is to the true one.

Notation: positions x, y (L, 3) of L residues in Angstrom; distances d_ij = norm(x_i - x_j). All functions take NumPy
arrays.
"""

import numpy as np

from keras_course.checks import as_chain, as_floats, finite, positive, validate, whole


def pairwise_distances(x) -> np.ndarray:
    """Return the distances d_ij = norm(x_i - x_j) `(..., L, L)` of positions x `(..., L, D)`.

    Raises:
        ValueError: `x` has fewer than two axes, or a number in it is not finite.

    Example:
        >>> from keras_course.metrics import pairwise_distances
        >>> pairwise_distances([[0.0, 0, 0], [3, 4, 0]]).tolist()
        [[0.0, 5.0], [5.0, 0.0]]
    """
    x = as_floats("x", x)
    finite(x=x)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"x has shape {x.shape}; it must be (..., L, D)")
    return np.linalg.norm(x[..., :, None, :] - x[..., None, :, :], axis=-1)


def _chains(**arguments):
    """Return chains (L, 3) of the same length as float64."""
    found = {name: as_chain(name, x) for name, x in arguments.items()}
    if len({x.shape for x in found.values()}) != 1:
        shapes = " and ".join(f"{name} {x.shape}" for name, x in found.items())
        raise ValueError(f"{shapes} differ in length; both must have as many residues")
    return found.values()


@validate(cap=positive)
def distance_error(true, predicted, *, cap=None) -> float:
    """Return the mean absolute error of the distances between different residues, in Angstrom.

    Args:
        true: distances (L, L) or (N, L, L), in Angstrom.
        predicted: as true.
        cap: an error above this number of Angstrom counts as this number; None for no cap.

    Raises:
        ValueError: the shapes differ or are not maps of distances, or `cap` is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import distance_error
        >>> distance_error(np.zeros((3, 3)), np.array([[9.0, 1.0, 1.0], [1.0, 9.0, 4.0], [1.0, 4.0, 9.0]]))
        2.0
    """
    true, predicted = as_floats("true", true), as_floats("predicted", predicted)
    if true.ndim not in (2, 3) or true.shape[-1] != true.shape[-2] or true.shape[-1] < 2 or not true.size:
        raise ValueError(f"true has shape {true.shape}; it must be (L, L) or (N, L, L) with L of at least 2")
    if predicted.shape != true.shape:
        raise ValueError(f"predicted has shape {predicted.shape}; it must be that of true, {true.shape}")
    finite(true=true, predicted=predicted)
    errors = np.abs(true - predicted)
    errors = errors if cap is None else np.minimum(errors, cap)
    return float(errors[..., ~np.eye(true.shape[-1], dtype=bool)].mean())


def superpose(x, y) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotation R and the translation t that bring a structure as near to another as possible (Kabsch).

    They minimize the sum of the squared lengths of x_i R' + t - y_i. With the means m and n of the positions
    and the singular value decomposition U D V' = sum_i (x_i - m)(y_i - n)', R = V diag(1, 1, det(V U')) U'; the sign
    excludes reflections.

    Args:
        x: positions (L, 3) that move.
        y: positions (L, 3) that stay.

    Returns:
        R (3, 3) and t (3,); the superposed structure is `x @ R.T + t`.

    Raises:
        ValueError: a structure is not (L, 3) with L of at least 3, is not finite, or they differ in length.

    References:
        A solution for the best rotation to relate two sets of vectors, Kabsch, 1976,
        https://doi.org/10.1107/S0567739476001873

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import superpose
        >>> x = np.eye(3)
        >>> rotation, translation = superpose(x, x + 2)
        >>> bool(np.allclose(rotation, np.eye(3))), bool(np.allclose(translation, 2))
        (True, True)
    """
    x, y = _chains(x=x, y=y)
    u, _, vt = np.linalg.svd((x - x.mean(axis=0)).T @ (y - y.mean(axis=0)))
    sign = np.sign(np.linalg.det(u @ vt))
    rotation = vt.T @ np.diag([1.0, 1.0, sign]) @ u.T
    return rotation, y.mean(axis=0) - rotation @ x.mean(axis=0)


@validate(cutoff=positive)
def lddt(true, predicted, *, cutoff=15.0) -> float:
    """Return the local distance difference test (lDDT) of a structure of one point per residue, from 0 to 1.

    Of all pairs of different residues that are nearer than the cutoff in the true structure, it is the fraction whose
    distance is right within 0.5, 1, 2 and 4 Angstrom, averaged over the four. It needs no superposition. A mirror image
    has the same distances, so lDDT cannot tell it from the structure.

    Args:
        true: positions (L, 3), in Angstrom.
        predicted: as true.
        cutoff: in Angstrom.

    Raises:
        ValueError: as for `superpose`, `cutoff` is not positive, or no pair is nearer than it.

    Differences from the paper: the score is the mean over all pairs, not first for each residue.

    References:
        lDDT: a local superposition-free score for comparing protein structures and models using distance difference
        tests, Mariani et al., 2013, https://doi.org/10.1093/bioinformatics/btt473

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import lddt
        >>> x = np.array([[0.0, 0, 0], [3, 0, 0], [6, 0, 0]])
        >>> lddt(x, x + 10), lddt(x, 1.25 * x)    # distances that are 0.75 and 1.5 too long
        (1.0, 0.6666666666666666)
    """
    true, predicted = _chains(true=true, predicted=predicted)
    distances = pairwise_distances(true)
    near = (distances < cutoff) & ~np.eye(len(true), dtype=bool)
    if not near.any():
        raise ValueError(f"cutoff={cutoff}: no two residues of true are that near; the nearest pair must be")
    errors = np.abs(distances - pairwise_distances(predicted))[near]
    return float(np.mean([(errors < limit).mean() for limit in (0.5, 1.0, 2.0, 4.0)]))


@validate(scale=positive, num_rounds=whole(1, 1_000))
def tm_score(true, predicted, *, scale=None, num_rounds=20) -> float:
    """Return the template modeling score (TM-score) of a structure, from above 0 to 1.

    With the distance e_i of residue i after a superposition of the prediction on the true structure it is

        1/L sum_i 1 / (1 + (e_i / d_0)^2),  d_0 = 1.24 (L - 15)^(1/3) - 1.8, and at least 0.5 Angstrom

    The superposition that maximizes the sum is searched for. The search begins with those of the whole chain and of its
    pieces of half and of a quarter of the length, and repeats with the residues that are then near each other.

    Args:
        true: positions (L, 3), in Angstrom.
        predicted: as true.
        scale: d_0 in Angstrom; None for the formula.
        num_rounds: largest number of superpositions from each start.

    Raises:
        ValueError: as for `superpose`, or a number is out of its range.

    References:
        Scoring function for automated assessment of protein structure template quality, Zhang and Skolnick, 2004,
        https://doi.org/10.1002/prot.20264

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import tm_score
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> round(tm_score(x, x @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + 5), 6)
        1.0
    """
    true, predicted = _chains(true=true, predicted=predicted)
    length = len(true)
    if scale is None:
        scale = max(0.5, 1.24 * np.cbrt(length - 15) - 1.8)
    sizes = {size for size in (length, length // 2, length // 4) if size >= 3}
    starts = [range(i, i + size) for size in sorted(sizes) for i in range(0, length - size + 1, max(1, size // 2))]
    return max(_best_score(true, predicted, list(start), scale, num_rounds) for start in starts)


def _best_score(true, predicted, chosen, scale, num_rounds):
    """Return the best score of repeated superpositions, the first one of the residues that are chosen."""
    best = 0.0
    for _ in range(num_rounds):
        rotation, translation = superpose(predicted[chosen], true[chosen])
        gaps = np.linalg.norm(predicted @ rotation.T + translation - true, axis=1)
        best = max(best, float(np.mean(1 / (1 + (gaps / scale) ** 2))))
        near = np.flatnonzero(gaps < max(scale, np.sort(gaps)[2] + 1e-9) + 1)
        if near.tolist() == list(chosen):
            break
        chosen = near.tolist()
    return best
