"""SMILES and molecule graphs: what is written, by hand, and what RDKit and chemprop read in the same strings."""

import importlib.util

import numpy as np
import pytest

from keras_course import datasets
from keras_course.graphs import (
    Graph,
    layout,
    molecule_graph,
    parse_smiles,
    plot_molecule_histograms,
    plot_molecules,
    plot_screening,
)

TOYS = datasets.toy_molecules(150, num_test=50)
needs_rdkit = pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs rdkit")
FUSED = {  # one bond between aromatic rings that RDKit calls single, as the ring of five that it closes is not aromatic
    "c1ccc2c(c1)c3cccc4cccc2c34",
    "c1ccc2c(c1)c3cccc4c3c2cc5ccccc54",
    "c1ccc2cc3c4cccc5cccc(c3cc2c1)c45",
    "c1ccc2c3c(ccc2c1)c4cccc5cccc3c45",
    "Cc3cc2nc1c(=O)[nH]c(=O)nc1n(CC(O)C(O)C(O)CO)c2cc3C",
}


@pytest.mark.parametrize(
    ("smiles", "hydrogens", "charges", "rings"),
    [
        ("CCO", [3, 2, 1], [0, 0, 0], 0),
        ("C1CC1", [2, 2, 2], [0, 0, 0], 1),
        ("C%12CC%12", [2, 2, 2], [0, 0, 0], 1),
        ("C1CC=1", [1, 2, 1], [0, 0, 0], 1),
        ("c1cc[nH]c1", [1, 1, 1, 1, 1], [0] * 5, 1),
        ("Cn1ccnc1", [3, 0, 1, 1, 0, 1], [0] * 6, 1),
        ("CN(=O)=O", [3, 0, 0, 0], [0, 1, -1, 0], 0),
        ("[NH4+].[Cl-]", [4, 0], [1, -1], 0),
        ("F/C=C/F", [0, 1, 1, 0], [0] * 4, 0),
        ("[13CH3][C@@H](Br)I", [3, 1, 0, 0], [0] * 4, 0),
        ("OS(=O)(=O)O", [1, 0, 0, 0, 1], [0] * 5, 0),
        ("c1cC2C(=O)NC(=O)C2cc1", [1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 11, 2),
        ("C12C3C4C1C5C2C3C45", [1] * 8, [0] * 8, 5),
    ],
)
def test_smiles(smiles, hydrogens, charges, rings):
    molecule = parse_smiles(smiles)
    assert molecule.hydrogens.tolist() == hydrogens
    assert molecule.charges.tolist() == charges
    assert molecule.num_rings == rings
    assert not molecule.radicals.any()


@pytest.mark.parametrize(
    ("smiles", "position", "rule"),
    [
        ("", 0, "an atom must follow"),
        ("C1CC", 1, "a ring is not closed"),
        ("CC)", 2, "has no '\\('"),
        ("C(C", 1, "has no '\\)'"),
        ("C==C", 2, "must not follow a bond"),
        ("CXC", 1, "'X' is no atom"),
        ("[Xy]", 0, "'Xy' is no element"),
        ("[CH4", 0, "complete bracket"),
        ("cC", 0, "aromatic ring"),
        ("CC(C)(C)(C)C", 1, "C has 5 bonds, at most 4"),
        ("C11", 2, "two atoms that have no bond"),
        ("C-1CC=1", 6, "another bond"),
        ("C=", 2, "an atom must follow"),
        ("=C", 0, "must follow an atom"),
        ("C C", 1, "' ' is no atom"),
    ],
)
def test_invalid_smiles(smiles, position, rule):
    with pytest.raises(ValueError, match=f"at position {position}: .*{rule}") as error:
        molecule_graph(smiles)
    assert repr(smiles) in str(error.value)


@needs_rdkit
def test_what_rdkit_reads():
    """All of ESOL, or toy molecules where it cannot be had: elements, hydrogens, charges, rings, aromaticity, bonds."""
    from rdkit import Chem

    try:
        parts = datasets.esol()
    except FileNotFoundError:
        parts = TOYS
    for smiles in {smiles for part in parts for smiles in part.smiles}:
        ours, theirs = parse_smiles(smiles), Chem.MolFromSmiles(smiles)
        atoms, bonds = list(theirs.GetAtoms()), list(theirs.GetBonds())
        assert list(ours.elements) == [atom.GetSymbol() for atom in atoms]
        assert ours.hydrogens.tolist() == [atom.GetTotalNumHs() for atom in atoms]
        assert ours.charges.tolist() == [atom.GetFormalCharge() for atom in atoms]
        assert ours.radicals.tolist() == [atom.GetNumRadicalElectrons() for atom in atoms]
        assert ours.aromatic.tolist() == [atom.GetIsAromatic() for atom in atoms]
        assert ours.ring_atoms.tolist() == [atom.IsInRing() for atom in atoms]
        assert ours.num_rings == len(bonds) - len(atoms) + 1 + smiles.count(".")
        found = {(*sorted(pair), order) for pair, order in zip(ours.bonds.tolist(), ours.orders.tolist(), strict=True)}
        pairs = [sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in bonds]
        expected = {(*pair, bond.GetBondTypeAsDouble()) for pair, bond in zip(pairs, bonds, strict=True)}
        assert found == expected or smiles in FUSED, smiles


@needs_rdkit
def test_both_parsers_make_the_same_graph():
    for smiles in TOYS[1].smiles[:20]:
        for features in ("course", "chemprop"):
            ours, theirs = (molecule_graph(smiles, features=features, parser=parser) for parser in ("own", "rdkit"))
            np.testing.assert_array_equal(ours.nodes, theirs.nodes)
            rows = [np.column_stack([graph.senders, graph.receivers, graph.edges]) for graph in (ours, theirs)]
            np.testing.assert_array_equal(*(np.unique(row, axis=0) for row in rows))


@pytest.mark.skipif(importlib.util.find_spec("chemprop") is None, reason="needs chemprop")
def test_features_of_chemprop():
    from chemprop.featurizers import MultiHotAtomFeaturizer, SimpleMoleculeMolGraphFeaturizer
    from rdkit import Chem

    featurizer = SimpleMoleculeMolGraphFeaturizer(atom_featurizer=MultiHotAtomFeaturizer.v1())
    others = ["C=CC#N", "C[S+](C)[O-]", "CP(=O)(O)O", "CN=[N+]=[N-]", "O=C=O", "C[Si](C)(C)C", "CB(O)O", "[CH3]"]
    for smiles in [*TOYS[1].smiles, *others]:
        ours, theirs = molecule_graph(smiles), featurizer(Chem.MolFromSmiles(smiles))
        np.testing.assert_allclose(ours.nodes, theirs.V, atol=2e-4)  # the mass is given in fewer digits
        edges = {(s, r): e for s, r, e in zip(ours.senders, ours.receivers, ours.edges, strict=True)}
        for s, r, e in zip(*theirs.edge_index, theirs.E, strict=True):
            np.testing.assert_array_equal(edges[s, r], e)


def test_edges_are_pairs_and_features_say_what_the_course_has():
    graph = molecule_graph("C[N+](=O)[O-]", features="course")
    assert graph.nodes.shape == (4, 16)
    assert graph.edges.shape == (6, 6)
    np.testing.assert_array_equal(graph.senders[::2], graph.receivers[1::2])
    np.testing.assert_array_equal(graph.edges[::2], graph.edges[1::2])
    assert graph.nodes[1].tolist() == [0, 0, 1, *[0] * 8, 0.75, 1, 0, 0, 0]  # nitrogen, three bonds, a charge
    assert graph.edges[2].tolist() == [0, 1, 0, 0, 1, 0]  # double, conjugated


def test_toy_molecules_are_molecules():
    train, validation, test = TOYS
    assert [len(part.smiles) for part in TOYS] == [150, 50, 50]
    assert len({smiles for part in TOYS for smiles in part.smiles}) == 250
    for part in TOYS:
        assert all(8 <= len(parse_smiles(smiles).elements) <= 36 for smiles in part.smiles)
    again = datasets.toy_molecules(150, num_test=50)[0]
    assert again.smiles == train.smiles
    np.testing.assert_array_equal(again.solubility, train.solubility)
    assert 0.01 < np.mean([*train.active, *validation.active, *test.active]) < 0.2


@needs_rdkit
def test_activity_is_a_substructure():
    from rdkit import Chem

    pattern = Chem.MolFromSmarts("[NH2]c1ccc(S(=O)(=O)[NH2])cc1")
    found = [Chem.MolFromSmiles(smiles).HasSubstructMatch(pattern) for smiles in TOYS[0].smiles]
    assert found == TOYS[0].active.tolist()


def test_layout_is_regular():
    ring = np.arange(6)
    positions = layout(Graph(np.zeros((6, 1)), ring, (ring + 1) % 6))
    sides = np.linalg.norm(positions - np.roll(positions, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, sides.mean(), rtol=1e-2)
    assert np.isfinite(layout(Graph(np.zeros((2, 1)), [], []))).all()  # two components
    assert layout(Graph(np.zeros((1, 1)), [], [])).shape == (1, 2)


def test_figures_refuse():
    with pytest.raises(ValueError, match="at position 1"):
        plot_molecules({"none": "CX"})
    with pytest.raises(ValueError, match="smiles has 1 strings, and solubility has 2 values"):
        plot_molecule_histograms(["C"], [1.0, 2.0])
    with pytest.raises(ValueError, match="top=4 must be a whole number, at most 3"):
        plot_screening([True, False, True], {"a": [1.0, 2.0, 3.0]}, top=4)
