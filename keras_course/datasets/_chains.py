"""Chains of residues that fold into a sheet, each with an alignment of sequences that share the fold.

Notation: N chains of L residues; an alignment (N, S, L) int32 has S sequences of letters 0 to 3; positions (N, L, 3)
float32 in Angstrom. A fold is the tuple of the lengths of its strands.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from keras_course.checks import fraction, numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset

LETTERS = 4
PARTNERS = np.array([1, 0, 3, 2])  # the letter that pairs with each letter
STRANDS = range(3, 9)  # residues in a strand
RISE, PLEAT, SPACING, TWIST = 3.3, 0.94, 4.8, 0.03  # Angstrom along, above and between strands; radians per Angstrom
BOND = 3.8  # Angstrom from one residue to the next


class Chains(NamedTuple):
    """N chains.

    Args:
        alignment: (N, S, L) int32, the letters of S sequences of each chain.
        positions: (N, L, 3) float32, where the residues are, in Angstrom.
        partners: (N, L) int32, for each residue the one of the strand before that it pairs with; -1 for none.
    """

    alignment: np.ndarray
    positions: np.ndarray
    partners: np.ndarray


@validate(
    num_train=whole(1, 100_000),
    num_test=whole(1, 100_000),
    num_sequences=whole(1, 1_000),
    num_positions=whole(12, 40),
    coupling=fraction,
    seed=numpy_seed,
)
def toy_chains(
    num_train: int = 4_096,
    *,
    num_test: int = 256,
    num_sequences: int = 32,
    num_positions: int = 24,
    coupling: float = 0.9,
    seed: int = 0,
) -> tuple[Chains, Chains, Chains]:
    """Return chains whose fold only the covariation of their sequences tells; no two parts share a fold.

    A chain is a sheet of antiparallel strands of 3 to 8 residues, with one residue at each turn. Neighboring residues
    are about 3.8 Angstrom apart, neighboring strands 4.8 Angstrom. The sheet is twisted, so its mirror image is another
    structure. A chain is rotated at random, and its center is the origin.

    All sequences of an alignment have the same fold. The letter of a residue that pairs with a residue of the strand
    before is the partner of that residue's letter (0 and 1, 2 and 3 are partners) with probability `coupling`, and a
    random letter otherwise. All other letters are random. So each letter alone is uniformly distributed, and a single
    sequence tells little: two columns that pair covary.

    Args:
        num_train: number of training chains.
        num_test: number of validation chains and of test chains.
        num_sequences: S, sequences of an alignment.
        num_positions: L, residues of a chain.
        coupling: probability in [0, 1) that a pair determines a letter.
        seed: of the random numbers.

    Returns:
        (train, validation, test). Four of five folds are for training.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Direct-coupling analysis of residue coevolution captures native contacts across many protein families, Morcos
        et al., 2011, https://doi.org/10.1073/pnas.1111471108

    Example:
        >>> from keras_course import datasets
        >>> train, validation, test = datasets.toy_chains(10, num_test=5)
        >>> train.alignment.shape, train.positions.shape, test.positions.shape
        ((10, 32, 24), (10, 24, 3), (5, 24, 3))
    """
    rng = np.random.default_rng(seed)
    folds = [_folds(num_positions)[k] for k in rng.permutation(len(_folds(num_positions)))]
    first, second = (len(folds) * n // 10 for n in (8, 9))
    parts = (num_train, folds[:first]), (num_test, folds[first:second]), (num_test, folds[second:])
    return tuple(_chains(rng, n, options, num_sequences, coupling) for n, options in parts)


@functools.cache
def _folds(num_positions):
    """Return all tuples of lengths of strands that fill a chain, with one residue between two strands."""
    found = [(num_positions,)] if num_positions in STRANDS else []
    for n in STRANDS:
        if num_positions - n - 1 >= STRANDS[0]:
            found += [(n, *rest) for rest in _folds(num_positions - n - 1)]
    return found


def _chains(rng, num_chains, folds, num_sequences, coupling):
    chosen = rng.integers(0, len(folds), num_chains)
    shapes = {k: _fold(folds[k]) for k in set(chosen.tolist())}
    positions = np.stack([shapes[k][0] for k in chosen.tolist()])
    partners = np.stack([shapes[k][1] for k in chosen.tolist()])
    turns = np.linalg.qr(rng.standard_normal((num_chains, 3, 3)))[0]
    turns *= np.linalg.det(turns)[:, None, None]  # a rotation, not a reflection
    alignment = _letters(rng, partners, num_sequences, coupling)
    return Chains(alignment, (positions @ turns).astype("float32"), partners)


def _fold(strands):
    """Return the positions (L, 3) and the partners (L,) of a fold, with the center at the origin."""
    points, cells = [], {}  # (strand, row) to the residue there
    partners, row, direction = [], 0, 1
    for k, length in enumerate(strands):
        if k:  # the turn is as far from the end of a strand as from the start of the next one
            reach = math.sqrt(BOND**2 - (SPACING / 2) ** 2 - PLEAT**2)
            points.append(((k - 0.5) * SPACING, row * RISE + direction * reach, 0.0))
            partners.append(-1)
            direction = -direction
            row -= direction  # the first step leads back to the row where the strand before ends
        for _ in range(length):
            row += direction
            partners.append(cells.get((k - 1, row), -1))
            cells[k, row] = len(points)
            points.append((k * SPACING, row * RISE, PLEAT if row % 2 else -PLEAT))
    points = np.array(points)
    points -= points.mean(axis=0)
    x, y, z = points.T
    angle = TWIST * x
    twisted = np.stack([x, y * np.cos(angle) - z * np.sin(angle), y * np.sin(angle) + z * np.cos(angle)], axis=1)
    return twisted - twisted.mean(axis=0), np.array(partners, "int32")


def _letters(rng, partners, num_sequences, coupling):
    """Return alignments (N, S, L), letter by letter along the chain: a partner is always an earlier residue."""
    num_chains, num_positions = partners.shape
    letters = rng.integers(0, LETTERS, (num_chains, num_sequences, num_positions))
    follows = (rng.random(letters.shape) < coupling) & (partners >= 0)[:, None]
    for i in range(num_positions):
        earlier = np.take_along_axis(letters, partners[:, None, i, None], axis=2)[..., 0]
        letters[..., i] = np.where(follows[..., i], PARTNERS[earlier], letters[..., i])
    return letters.astype("int32")


CHAINS = (
    Dataset(
        name="toy_chains",
        kind="chains",
        size="4,096 + 256 + 256 chains of 24 residues, with 32 sequences each",
        license="MIT",
        origin="sampled here",
        load=toy_chains,
        offline="toy_chains",
    ),
)
