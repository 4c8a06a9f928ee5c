"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._convolution import GraphConvolution, gcn
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
from keras_course.graphs._neighbors import NeighborSample, knn_graph, neighbor_sample, radius_graph

__all__ = [
    "EdgeEnds",
    "FlattenFeatures",
    "FlattenIds",
    "Graph",
    "GraphConvolution",
    "NeighborSample",
    "Readout",
    "SelfLoops",
    "SplitGraphs",
    "SplitRows",
    "batch_graphs",
    "gcn",
    "knn_graph",
    "neighbor_sample",
    "radius_graph",
    "union",
]
