"""A grammar of molecules: rings, links and end groups, joined to trees, in which every atom has its valence."""

# SMILES behind a bond, contribution to log P, donors and acceptors of hydrogen bonds
_ENDS = {
    "C": (0.5, 0, 0), "CC": (1.0, 0, 0), "C(C)C": (1.4, 0, 0), "O": (-1.1, 1, 1), "N": (-1.2, 1, 1), "F": (0.2, 0, 0),
    "Cl": (0.8, 0, 0), "Br": (1.0, 0, 0), "OC": (-0.1, 0, 1), "C#N": (-0.5, 0, 1), "C(=O)O": (-0.7, 1, 2),
    "C(N)=O": (-1.6, 1, 1), "S(N)(=O)=O": (-1.7, 1, 2), "[N+](=O)[O-]": (-0.2, 0, 2), "C(F)(F)F": (0.9, 0, 0),
}  # fmt: skip
_LINKS = {
    "C": (0.5, 0, 0), "CC": (1.0, 0, 0), "CCC": (1.5, 0, 0), "O": (-0.5, 0, 1), "N": (-0.8, 1, 1), "S": (0.3, 0, 0),
    "C(=O)": (-0.8, 0, 1), "C(=O)N": (-1.4, 1, 1), "C=C": (0.8, 0, 0), "OCC": (0.2, 0, 1),
}  # fmt: skip
_RINGS = (  # atoms in order, contributions as above
    (("c",) * 6, (1.9, 0, 0)),
    (("C",) * 6, (2.4, 0, 0)),
    (("c", "c", "c", "n", "c", "c"), (0.6, 0, 1)),
    (("c", "c", "s", "c", "c"), (1.7, 0, 0)),
    (("C", "C", "O", "C", "C"), (0.4, 0, 1)),
    (("C",) * 5, (2.0, 0, 0)),
)
_RING_CHANCES = (0.55, 0.12, 0.13, 0.08, 0.05, 0.07)
ATOMS = range(8, 37)  # atoms of a molecule, without hydrogens
AMINE, SULFONAMIDE = "N", "S(N)(=O)=O"


def sample_molecule(rng) -> tuple[str, float, bool]:
    """Return a molecule as SMILES, its log solubility without noise, and whether it is active."""
    while True:
        smiles, facts = _molecule(rng)
        if sum(letter.isalpha() and letter not in "lrH" for letter in smiles) in ATOMS:  # Cl and Br are one atom
            break
    rings = facts["rings"]
    melting_point = 25 + 15 * rings * (rings - 1) + 6 * facts["donors"] * facts["acceptors"]
    return smiles, 0.5 - facts["log P"] - 0.01 * (melting_point - 25), facts["active"]


def _molecule(rng):
    facts = {"log P": 0.0, "donors": 0, "acceptors": 0, "rings": 0, "active": False}
    smiles = _ring(rng, facts, 1, 0) if rng.random() < 0.85 else _pick(rng, facts, _LINKS) + _side(rng, facts, 1, 0)
    return smiles, facts


def _count(facts, contributions):
    for name, value in zip(("log P", "donors", "acceptors"), contributions, strict=True):
        facts[name] += value


def _pick(rng, facts, groups):
    smiles = list(groups)[rng.integers(len(groups))]
    _count(facts, groups[smiles])
    return smiles


def _side(rng, facts, number, depth):
    """Return a side group: an end group, or a link to another ring."""
    if depth < 2 and rng.random() < 0.4:
        return _pick(rng, facts, _LINKS) + _ring(rng, facts, number, depth + 1)
    return _pick(rng, facts, _ENDS)


def _ring(rng, facts, number, depth):
    """Return a ring with side groups; rings that are open at the same time have different numbers."""
    atoms, contributions = _RINGS[rng.choice(len(_RINGS), p=_RING_CHANCES)]
    _count(facts, contributions)
    facts["rings"] += 1
    size, sides = len(atoms), {}
    free = [k for k, atom in enumerate(atoms) if atom in "cC" and (k or not depth)]
    rng.shuffle(free)
    if atoms == ("c",) * 6 and rng.random() < 0.25:  # both groups of an active molecule, in any positions
        for k, group in zip((free.pop(), free.pop()), (AMINE, SULFONAMIDE), strict=True):
            sides[k] = group
            _count(facts, _ENDS[group])
    for k in free[: rng.integers(0, 3)]:
        sides[k] = _side(rng, facts, number + 1, depth)
    amines, sulfonamides = ({k for k, side in sides.items() if side == group} for group in (AMINE, SULFONAMIDE))
    facts["active"] |= atoms == ("c",) * 6 and any((k + 3) % 6 in sulfonamides for k in amines)
    rows = [
        atom + (str(number) if k in (0, size - 1) else "") + (f"({sides[k]})" if k in sides else "")
        for k, atom in enumerate(atoms)
    ]
    return "".join(rows)
