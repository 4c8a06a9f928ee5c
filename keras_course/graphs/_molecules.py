"""Molecules as graphs: atoms are nodes, and every bond is a pair of directed edges, edge 2k and its reverse 2k + 1.

Notation: N atoms with F features, M bonds, so E = 2 M edges, with D features.
"""

import numpy as np

from keras_course.checks import choice, validate
from keras_course.graphs._elements import LOWEST_VALENCES, MASSES, NUMBERS, outer_electrons
from keras_course.graphs._graph import Graph
from keras_course.graphs._smiles import AROMATIC_BOND, Molecule, parse_smiles

COURSE_ELEMENTS = ("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br")  # an eleventh feature is for all others
_ORBITALS = {2: 0, 3: 1, 4: 2, 5: 3, 6: 4}  # sp, sp2, sp3, sp3d, sp3d2
_TYPES = (1.0, 2.0, 3.0, AROMATIC_BOND)


@validate(features=choice("chemprop", "course"), parser=choice("own", "rdkit"))
def molecule_graph(smiles: str, *, features: str = "chemprop", parser: str = "own") -> Graph:
    """Return the graph of a molecule.

    The features "chemprop" are the 133 of an atom and the 14 of a bond that version 1 of chemprop uses: atomic number,
    degree, charge, chirality, hydrogens, hybridization, aromaticity and mass; type of bond, conjugation, ring and
    stereochemistry. The features "course" are 16 of an atom: 11 for the element, degree / 4, charge, unpaired
    electrons, aromaticity and ring; and 6 of a bond: its type, conjugation and ring.

    Args:
        smiles: the molecule.
        features: "chemprop" or "course".
        parser: "own", see `parse_smiles`, or "rdkit", for which `rdkit` must be installed.

    Returns:
        A `Graph`; edges 2k and 2k + 1 are bond k in both directions.

    Raises:
        ValueError: the string is not valid SMILES.
        ImportError: RDKit is asked for and not installed.

    Differences from chemprop:
        Stereochemistry is left out: all atoms and bonds have the features of an unspecified one.

    References:
        Analyzing Learned Molecular Representations for Property Prediction, Yang et al., 2019,
        https://arxiv.org/abs/1904.01561

    Example:
        >>> from keras_course.graphs import molecule_graph
        >>> benzene = molecule_graph("c1ccccc1")
        >>> benzene.nodes.shape, benzene.edges.shape, benzene.senders[:4].tolist(), benzene.receivers[:4].tolist()
        ((6, 133), (12, 14), [0, 1, 1, 2], [1, 0, 2, 1])
    """
    molecule = parse_smiles(smiles) if parser == "own" else _parse_by_rdkit(smiles)
    conjugated = _conjugated(molecule)
    if features == "course":
        nodes, bonds = _course_atoms(molecule), _bonds(molecule, conjugated)
    else:
        nodes, bonds = _chemprop_atoms(molecule, conjugated), _chemprop_bonds(molecule, conjugated)
    directed = np.stack([molecule.bonds, molecule.bonds[:, ::-1]], axis=1).reshape(-1, 2)
    return Graph(nodes, directed[:, 0], directed[:, 1], edges=np.repeat(bonds, 2, axis=0))


def _parse_by_rdkit(smiles):
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise ImportError("parser='rdkit' needs RDKit: pip install rdkit") from error
    with rdBase.BlockLogs():
        read = Chem.MolFromSmiles(smiles)
    if read is None or not read.GetNumAtoms():
        raise ValueError(f"smiles={smiles!r} is not valid, as RDKit says")
    atoms, bonds = list(read.GetAtoms()), list(read.GetBonds())
    return Molecule(
        elements=tuple(atom.GetSymbol() for atom in atoms),
        charges=np.array([atom.GetFormalCharge() for atom in atoms]),
        hydrogens=np.array([atom.GetTotalNumHs() for atom in atoms]),
        radicals=np.array([atom.GetNumRadicalElectrons() for atom in atoms]),
        aromatic=np.array([atom.GetIsAromatic() for atom in atoms]),
        bonds=np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in bonds], "int64").reshape(-1, 2),
        orders=np.array([bond.GetBondTypeAsDouble() for bond in bonds]),
        ring_bonds=np.array([bond.IsInRing() for bond in bonds], bool),
    )


def _one_hot(values, choices):
    """Return `(N, 1 + len(choices))`, with the last column for all other values."""
    found = np.array([[value == option for option in choices] for value in values], "float32")
    found = found.reshape(len(values), len(choices))
    return np.concatenate([found, 1 - found.sum(axis=1, keepdims=True)], axis=1)


def _course_atoms(molecule):
    columns = molecule.degrees / 4, molecule.charges, molecule.radicals, molecule.aromatic, molecule.ring_atoms
    return np.concatenate([_one_hot(molecule.elements, COURSE_ELEMENTS), np.stack(columns, axis=1)], axis=1)


def _bonds(molecule, conjugated):
    """Return `(M, 6)`: single, double, triple, aromatic, conjugated, ring."""
    columns = [*(molecule.orders == order for order in _TYPES), conjugated, molecule.ring_bonds]
    return np.stack(columns, axis=1).astype("float32")


def _chemprop_atoms(molecule, conjugated):
    masses = np.array([MASSES[symbol] for symbol in molecule.elements])
    blocks = (
        _one_hot([NUMBERS[symbol] for symbol in molecule.elements], range(1, 101)),
        _one_hot(molecule.degrees + molecule.hydrogens, range(6)),
        _one_hot(molecule.charges, (-1, -2, 1, 2, 0)),
        _one_hot(np.zeros(len(masses)), range(4)),  # chirality: unspecified
        _one_hot(molecule.hydrogens, range(5)),
        _one_hot(_hybridizations(molecule, conjugated), range(5)),
        np.stack([molecule.aromatic, 0.01 * masses], axis=1),
    )
    return np.concatenate(blocks, axis=1)


def _chemprop_bonds(molecule, conjugated):
    """Return `(M, 14)`: whether there is no bond, the six of `_bonds`, and the stereochemistry, unspecified."""
    rows = len(molecule.bonds)
    return np.concatenate([np.zeros((rows, 1)), _bonds(molecule, conjugated), _one_hot(np.zeros(rows), range(6))], 1)


def _valences(molecule):
    """Return the bonds of each atom, double ones counted twice, and its hydrogens, `(N,)`."""
    total = np.zeros(len(molecule.elements))
    np.add.at(total, molecule.bonds, molecule.orders[:, None])
    limits = np.array([LOWEST_VALENCES.get(symbol, 0) for symbol in molecule.elements]) + np.abs(molecule.charges)
    # Half an electron too many for an aromatic atom: carbon of two rings has 4.5, nitrogen with a substituent 4.
    total = np.where(molecule.aromatic, np.minimum(total + molecule.hydrogens, limits), total + molecule.hydrogens)
    return np.floor(total).astype(int)


def _pi_electrons(molecule):
    """Return how many electrons each atom can give to a conjugated system, `(N,)`; not positive for none."""
    degrees, valences = molecule.degrees + molecule.hydrogens, _valences(molecule)
    found = np.zeros(len(molecule.elements), int)
    for i, symbol in enumerate(molecule.elements):
        lowest, outer = LOWEST_VALENCES.get(symbol, 0), outer_electrons(symbol)
        too_many = molecule.charges[i] == 0 and valences[i] > lowest  # such as sulfur of a sulfone
        third_row = NUMBERS[symbol] > 10 and (outer == 5 or (outer == 6 and degrees[i] > 1))
        if lowest > 1 and degrees[i] <= 3 and not too_many and not third_row:
            pairs = max(0, outer - lowest - molecule.charges[i])
            found[i] = lowest - degrees[i] + pairs - molecule.radicals[i]
    return found


def _conjugated(molecule):
    """Return whether each bond is conjugated, `(M,)`: aromatic, or one of two neighbors of which one is multiple.

    These are the rules of RDKit. The atoms must have electrons to give, such as a lone pair or a multiple bond.
    """
    found = molecule.orders == AROMATIC_BOND
    candidate = _pi_electrons(molecule) > 0
    degrees = molecule.degrees + molecule.hydrogens
    for i in np.flatnonzero(candidate & (degrees >= 2) & (degrees <= 3)):
        own = np.flatnonzero((molecule.bonds == i).any(axis=1))
        ends = molecule.bonds[own].sum(axis=1) - i
        fit = candidate[ends]
        for k in np.flatnonzero(fit & (molecule.orders[own] >= AROMATIC_BOND)):
            others = np.flatnonzero(fit & (degrees[ends] <= 3) & (own != own[k]))
            found[own[others]] = True
            found[own[k]] |= len(others) > 0
    return found


def _hybridizations(molecule, conjugated):
    """Return the index of sp, sp2, sp3, sp3d or sp3d2 for each atom, `(N,)`; -1 for others, as hydrogen.

    There are as many orbitals as neighbors and lone pairs. A lone pair beside a conjugated bond is not counted.
    """
    degrees, valences = molecule.degrees + molecule.hydrogens, _valences(molecule)
    beside = np.isin(np.arange(len(degrees)), molecule.bonds[conjugated])
    found = np.full(len(degrees), -1)
    for i, symbol in enumerate(molecule.elements):
        outer = outer_electrons(symbol)
        free = outer - valences[i] - molecule.charges[i]
        alone = molecule.radicals[i] if valences[i] + outer - molecule.charges[i] < 8 else 0
        orbitals = degrees[i] + (max(0, free) - alone) // 2 + alone
        orbitals -= orbitals == 4 and degrees[i] <= 3 and beside[i]
        found[i] = _ORBITALS.get(int(orbitals), -1) if NUMBERS[symbol] > 1 else -1
    return found
