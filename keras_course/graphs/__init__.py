"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._convolution import GraphConvolution, gcn
from keras_course.graphs._directed_bonds import BondMessages, bond_messages, dmpnn
from keras_course.graphs._graph import Graph, batch_graphs, union
from keras_course.graphs._inputs import (
    EdgeEnds,
    FlattenFeatures,
    FlattenIds,
    Readout,
    SelfLoops,
    SplitGraphs,
    SplitRows,
)
from keras_course.graphs._message_passing import EdgeNetwork, GatedMessages, Set2Set, mpnn
from keras_course.graphs._molecules import molecule_graph
from keras_course.graphs._smiles import Molecule, parse_smiles

__all__ = [
    "BondMessages",
    "EdgeEnds",
    "EdgeNetwork",
    "FlattenFeatures",
    "FlattenIds",
    "GatedMessages",
    "Graph",
    "GraphConvolution",
    "Molecule",
    "Readout",
    "SelfLoops",
    "Set2Set",
    "SplitGraphs",
    "SplitRows",
    "batch_graphs",
    "bond_messages",
    "dmpnn",
    "gcn",
    "molecule_graph",
    "mpnn",
    "parse_smiles",
    "union",
]
