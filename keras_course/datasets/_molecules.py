"""Molecules as SMILES strings, with their solubility in water.

Notation: N molecules; the solubility S is in mol/l, and log S is its decimal logarithm.
"""

import csv
import io
import os
from typing import NamedTuple

import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.datasets._dataset import Dataset, File, Source
from keras_course.datasets._fetch import fetch
from keras_course.datasets._molecule_grammar import sample_molecule


class Molecules(NamedTuple):
    """N molecules.

    Args:
        smiles: N strings.
        solubility: (N,) float32, log S.
        active: (N,) booleans, whether a molecule acts on a bacterium; None where nobody measured it.
    """

    smiles: tuple[str, ...]
    solubility: np.ndarray
    active: np.ndarray | None = None


@validate(seed=numpy_seed)
def esol(data_dir: str | os.PathLike | None = None, *, seed: int = 0) -> tuple[Molecules, Molecules, Molecules]:
    """Return 1,128 molecules with measured solubility, split at random: 80 % to train, 10 % to validate, 10 % to test.

    Args:
        data_dir: a folder with `esol/delaney-processed.csv`; by default the one that the environment variable
            KERAS_COURSE_DATA names. Without it the file is downloaded (94 kB).
        seed: of the split.

    Returns:
        (train, validation, test), with 902, 113 and 113 molecules.

    Raises:
        FileNotFoundError: the file is nowhere, and cannot be downloaded.
        ValueError: the file is another one, or `seed` is out of its range.

    References:
        ESOL: Estimating Aqueous Solubility Directly from Molecular Structure, Delaney, 2004,
        https://doi.org/10.1021/ci034243x
        MoleculeNet: A Benchmark for Molecular Machine Learning, Wu et al., 2018, https://arxiv.org/abs/1703.00564
    """
    smiles, solubility = fetch(_ESOL, data_dir)
    order = np.random.default_rng(seed).permutation(len(smiles))
    first, second = round(0.8 * len(smiles)), round(0.9 * len(smiles))
    return tuple(
        Molecules(tuple(smiles[k] for k in part), solubility[part])
        for part in (order[:first], order[first:second], order[second:])
    )


@validate(num_train=whole(1, 100_000), num_test=whole(1, 100_000), seed=numpy_seed)
def toy_molecules(
    num_train: int = 1_000, *, num_test: int = 200, seed: int = 0
) -> tuple[Molecules, Molecules, Molecules]:
    """Return molecules of a small grammar, with a solubility by a formula and an activity by a substructure.

    A molecule is a tree of rings, links and end groups with 8 to 36 atoms. Its solubility follows the
    general solubility equation, with noise of standard deviation 0.2:

        log S = 0.5 - log P - 0.01 (T - 25)

    The partition coefficient log P is a sum over the groups. The melting point T in degrees Celsius is not: every pair
    of rings, and every pair of a donor and an acceptor of hydrogen bonds, raises it, wherever the two are.

    A molecule is active if a benzene ring has an amine and, on the opposite side, a sulfonamide, as the first sulfa
    drugs do. The same groups side by side do not act.

    Different strings can spell the same molecule, so the parts overlap: with the default arguments, 28 of the 200 test
    molecules are in the training set, too, in another spelling and with other noise.

    Args:
        num_train: number of training molecules.
        num_test: number of validation molecules and of test molecules.
        seed: of the random numbers.

    Returns:
        (train, validation, test); no two strings are equal.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Solubility and partitioning I: Solubility of nonelectrolytes in water, Yalkowsky and Valvani, 1980,
        https://doi.org/10.1002/jps.2600690814

    Example:
        >>> from keras_course import datasets
        >>> train, validation, test = datasets.toy_molecules(10, num_test=5)
        >>> len(train.smiles), test.solubility.shape, test.active.dtype
        (10, (5,), dtype('bool'))
    """
    rng, found = np.random.default_rng(seed), {}
    while len(found) < num_train + 2 * num_test:
        smiles, solubility, active = sample_molecule(rng)
        found[smiles] = solubility + 0.2 * rng.standard_normal(), active
    rows, parts, begin = list(found.items()), [], 0
    for count in (num_train, num_test, num_test):
        part = rows[begin : begin + count]
        solubility, active = (np.array([row[1][k] for row in part]) for k in range(2))
        parts.append(Molecules(tuple(row[0] for row in part), solubility.astype("float32"), active))
        begin += count
    return tuple(parts)


def _parse(content):
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
    smiles = tuple(row["smiles"].strip() for row in rows)
    return smiles, np.array([row["measured log solubility in mols per litre"] for row in rows]).astype("float32")


_ESOL = Dataset(
    name="esol",
    kind="molecules",
    size="902 + 113 + 113 molecules with their solubility in water",
    license="MIT, as MoleculeNet",
    origin="MoleculeNet, Wu et al. 2018; Delaney 2004",
    load=esol,
    offline="toy_molecules",
    sources=(
        Source(
            files=(
                File(
                    path="esol/delaney-processed.csv",
                    num_bytes=94_115,
                    sha256="c6cc074d0174cac8c6604ce3a2dbecceb576d1e8e922f4d1f42c5b19c1b95c02",
                    url="https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/delaney-processed.csv",
                ),
            ),
            parse=_parse,
        ),
    ),
)

MOLECULES = (
    _ESOL,
    Dataset(
        name="toy_molecules",
        kind="molecules",
        size="1,000 + 200 + 200 molecules of a small grammar",
        license="MIT",
        origin="sampled here",
        load=toy_molecules,
        offline="toy_molecules",
    ),
)
