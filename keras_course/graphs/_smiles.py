"""Reading SMILES: a line of text that names the atoms and the bonds of a molecule.

    molecule   atoms in a row are bonded: CCO is ethanol, C-C-O
    branch     in parentheses: CC(C)C; the next atom bonds to the atom before the parenthesis
    ring       two atoms with the same digit (or %10 to %99) are bonded: C1CCCCC1
    bond       - = # : in front of an atom or a digit; single or aromatic by default; a dot separates two molecules
    aromatic   lower case: c1ccccc1 is benzene
    bracket    [NH4+]: isotope, symbol, hydrogens, charge; without a bracket hydrogens fill up the valence

Notation: N atoms, M bonds.
"""

import re
from typing import NamedTuple

import numpy as np

from keras_course.checks import string
from keras_course.graphs._elements import AROMATIC, NUMBERS, VALENCES, outer_electrons

AROMATIC_BOND = 1.5
_ORDERS = {"-": 1.0, "/": 1.0, "\\": 1.0, "=": 2.0, "#": 3.0, ":": AROMATIC_BOND}
_TOKEN = re.compile(
    r"\[(?P<isotope>\d*)(?P<symbol>[A-Z][a-z]?|se|as|[bcnops])(?P<chiral>@{0,2})(?P<hydrogens>H\d*)?"
    r"(?P<charge>\++|-+|[+-]\d+)?(?::\d+)?\]"
    r"|(?P<atom>Cl|Br|[BCNOPSFIbcnops])|(?P<bond>[-=#:/\\])|(?P<ring>%\d\d|\d)|(?P<other>[().])"
)


class Molecule(NamedTuple):
    """The atoms and bonds of a molecule.

    Args:
        elements: N symbols.
        charges: `(N,)` formal charges.
        hydrogens: `(N,)`, hydrogens of each atom that are not atoms themselves.
        radicals: `(N,)` unpaired electrons.
        aromatic: `(N,)` booleans.
        bonds: `(M, 2)`, the atoms of each bond.
        orders: `(M,)`: 1, 2, 3, or 1.5 for an aromatic bond.
        ring_bonds: `(M,)` booleans, whether a bond is part of a ring.
    """

    elements: tuple[str, ...]
    charges: np.ndarray
    hydrogens: np.ndarray
    radicals: np.ndarray
    aromatic: np.ndarray
    bonds: np.ndarray
    orders: np.ndarray
    ring_bonds: np.ndarray

    @property
    def degrees(self) -> np.ndarray:
        """The number of bonds of each atom, `(N,)`, without those to its hydrogens."""
        return np.bincount(self.bonds.ravel(), minlength=len(self.elements))

    @property
    def ring_atoms(self) -> np.ndarray:
        """Whether an atom is part of a ring, `(N,)`."""
        return np.isin(np.arange(len(self.elements)), self.bonds[self.ring_bonds])

    @property
    def num_rings(self) -> int:
        """The number of independent rings: bonds less atoms, plus the connected parts."""
        return _cycles(len(self.elements), self.bonds)[1]


def parse_smiles(smiles: str) -> Molecule:
    """Read the atoms and bonds of a SMILES string.

    Args:
        smiles: such as "CC(=O)Oc1ccccc1C(=O)O".

    Returns:
        A `Molecule`.

    Raises:
        ValueError: the string is not valid; the message names it, the position and what is wrong there.

    Differences from RDKit:
        Atoms are aromatic where they are written in lower case, in a ring of such atoms. A ring in upper case is not
        aromatic, and a lower-case ring is not tested by Hueckel's rule. Stereochemistry and isotopes are read and left
        out. As in RDKit, nitrogen with five bonds becomes N+ with a single bond to O-.

    References:
        SMILES, a chemical language and information system, Weininger, 1988, https://doi.org/10.1021/ci00057a005

    Example:
        >>> from keras_course.graphs import parse_smiles
        >>> ethanol = parse_smiles("CCO")
        >>> ethanol.elements, ethanol.hydrogens.tolist(), ethanol.bonds.tolist()
        (('C', 'C', 'O'), [3, 2, 1], [[0, 1], [1, 2]])
    """
    string(smiles=smiles)
    atoms, bonds = _read(smiles)
    ends = np.array([bond[:2] for bond in bonds], "int64").reshape(-1, 2)
    aromatic = np.array([atom.aromatic for atom in atoms])
    both = np.flatnonzero(aromatic[ends].all(axis=1))
    in_aromatic_ring = both[_cycles(len(atoms), ends[both])[0]]
    orders = np.array([bond[2] or 1.0 for bond in bonds])
    orders[[k for k in in_aromatic_ring if bonds[k][2] is None]] = AROMATIC_BOND
    aromatic_atoms = np.isin(np.arange(len(atoms)), ends[in_aromatic_ring])
    _alternate(smiles, atoms, aromatic & ~aromatic_atoms, ends, orders)
    aromatic = aromatic_atoms
    charges = np.array([atom.charge for atom in atoms])
    _separate_charges(atoms, charges, ends, orders)
    hydrogens, radicals = _hydrogens(smiles, atoms, aromatic, charges, ends, orders)
    elements = tuple(atom.element for atom in atoms)
    return Molecule(elements, charges, hydrogens, radicals, aromatic, ends, orders, _cycles(len(elements), ends)[0])


class _Atom(NamedTuple):
    element: str
    aromatic: bool
    charge: int
    hydrogens: int | None  # None outside of a bracket
    position: int


def _error(smiles, position, rule):
    return ValueError(f"smiles={smiles!r} at position {position}: {rule}")


def _read(smiles):
    """Return the atoms, and the bonds as (first atom, second atom, order or None)."""
    atoms, bonds, branches, rings = [], [], [], {}
    last, order, position = None, None, 0
    while position < len(smiles):
        token = _TOKEN.match(smiles, position)
        if token is None:
            raise _error(smiles, position, f"{smiles[position]!r} is no atom, bond, ring, branch or complete bracket")
        text, kind = token.group(), token.lastgroup
        if token["atom"] or token["symbol"]:
            atoms.append(_atom(smiles, token))
            if last is not None:
                bonds.append((last, len(atoms) - 1, order))
            last, order = len(atoms) - 1, None
        elif last is None:
            raise _error(smiles, position, f"{text!r} must follow an atom")
        elif order is not None and kind != "ring":
            raise _error(smiles, position, f"{text!r} must not follow a bond")
        elif kind == "bond":
            order = _ORDERS[text]
        elif kind == "ring":
            _close_ring(smiles, position, rings, bonds, last, int(text.lstrip("%")), order)
            order = None
        elif text == "(":
            branches.append((last, position))
        elif text == ")":
            if not branches:
                raise _error(smiles, position, "')' has no '(' before it")
            last = branches.pop()[0]
        else:
            last = None
        position = token.end()
    if order is not None or last is None:
        raise _error(smiles, len(smiles), "an atom must follow")
    for opened, message in ((branches, "'(' has no ')'"), (rings.values(), "a ring is not closed")):
        for entry in opened:
            raise _error(smiles, entry[1], message)
    return atoms, bonds


def _atom(smiles, token):
    text = token["atom"] or token["symbol"]
    element = AROMATIC.get(text, text.capitalize())
    if element not in NUMBERS:
        raise _error(smiles, token.start(), f"{text!r} is no element")
    if token["atom"]:
        return _Atom(element, text.islower(), 0, None, token.start())
    charge = token["charge"] or ""
    charge = int(charge) if charge[1:].isdigit() else charge.count("+") - charge.count("-")
    hydrogens = 0 if token["hydrogens"] is None else int(token["hydrogens"][1:] or 1)
    return _Atom(element, text.islower(), charge, hydrogens, token.start())


def _close_ring(smiles, position, rings, bonds, atom, number, order):
    """Open ring `number` at an atom, or bond the atom to the atom where it was opened."""
    if number not in rings:
        rings[number] = atom, position, order
        return
    first, _, first_order = rings.pop(number)
    if None not in (order, first_order) and order != first_order:
        raise _error(smiles, position, f"ring {number} has another bond here than where it was opened")
    if first == atom or any({first, atom} == set(bond[:2]) for bond in bonds):
        raise _error(smiles, position, f"ring {number} must join two atoms that have no bond")
    bonds.append((first, atom, first_order if order is None else order))


def _cycles(num_atoms, bonds):
    """Return which bonds are part of a ring `(M,)`, and the number of independent rings.

    Every bond outside of a spanning tree closes one ring, together with the paths to the common ancestor of its ends.
    """
    neighbors = [[] for _ in range(num_atoms)]
    for k, (i, j) in enumerate(bonds.tolist()):
        neighbors[i].append((j, k))
        neighbors[j].append((i, k))
    up, depth, tree = [None] * num_atoms, [None] * num_atoms, set()
    for root in range(num_atoms):
        stack = [root] if depth[root] is None else []
        depth[root] = depth[root] or 0
        while stack:
            i = stack.pop()
            for j, k in neighbors[i]:
                if depth[j] is None:
                    depth[j], up[j] = depth[i] + 1, (i, k)
                    tree.add(k)
                    stack.append(j)
    inside = np.zeros(len(bonds), bool)
    for k, (i, j) in enumerate(bonds.tolist()):
        if k in tree:
            continue
        inside[k] = True
        while i != j:
            i, j = (i, j) if depth[i] >= depth[j] else (j, i)
            i, crossed = up[i]
            inside[crossed] = True
    return inside, len(bonds) - len(tree)


def _alternate(smiles, atoms, alone, ends, orders):
    """Join lower-case atoms outside of aromatic rings by double bonds, in pairs. They form trees; begin at a leaf."""
    left = set(np.flatnonzero(alone).tolist())
    while left:
        bonds = {i: [k for k, bond in enumerate(ends.tolist()) if i in bond and left.issuperset(bond)] for i in left}
        leaf = min(left, key=lambda i: len(bonds[i]))
        if not bonds[leaf]:
            raise _error(smiles, atoms[leaf].position, "an aromatic atom must be part of an aromatic ring")
        orders[bonds[leaf][0]] = 2.0
        left -= set(ends[bonds[leaf][0]].tolist())


def _separate_charges(atoms, charges, ends, orders):
    """Turn a neutral nitrogen with five bonds, one of them double to oxygen, into N+ with a single bond to O-."""
    for i, atom in enumerate(atoms):
        own = np.flatnonzero((ends == i).any(axis=1))
        if atom.element != "N" or charges[i] or orders[own].sum() + (atom.hydrogens or 0) != 5:
            continue
        for k in own[orders[own] == 2]:
            j = int(ends[k].sum()) - i
            if atoms[j].element == "O" and charges[j] == 0 and atoms[j].hydrogens is None:
                charges[i], charges[j], orders[k] = 1, -1, 1.0
                break


def _hydrogens(smiles, atoms, aromatic, charges, ends, orders):
    """Return hydrogens and unpaired electrons of each atom."""
    hydrogens, radicals = np.zeros((2, len(atoms)), "int64")
    for i, atom in enumerate(atoms):
        bonded = orders[(ends == i).any(axis=1)]
        used = int(np.where(bonded == AROMATIC_BOND, 1, bonded).sum()) + (AROMATIC_BOND in bonded)
        if atom.hydrogens is not None:
            hydrogens[i] = atom.hydrogens
            radicals[i] = _unpaired(atom.element, charges[i], used + atom.hydrogens)
            continue
        if charges[i]:  # N+ and O- of a separated charge have all their bonds
            continue
        allowed = [number for number in VALENCES[atom.element] if number >= used]
        if allowed:
            hydrogens[i] = 0 if aromatic[i] and atom.element != "C" else allowed[0] - used
        elif not aromatic[i]:
            raise _error(
                smiles, atom.position, f"{atom.element} has {used} bonds, at most {VALENCES[atom.element][-1]}"
            )
    return hydrogens, radicals


def _unpaired(element, charge, bonds):
    """Return the unpaired electrons of an atom in a bracket: what it lacks to a full shell, or has left over."""
    outer = outer_electrons(element) - charge
    shell = 2 if element in ("H", "He") else 8
    return max(0, min(shell - outer - bonds, outer - bonds))
