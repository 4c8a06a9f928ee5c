"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._convolution import GraphConvolution, gcn
from keras_course.graphs._figures import (
    layout,
    plot_adjacency,
    plot_graph_network,
    plot_graphs,
    plot_message_passing,
    plot_receptive_field,
)
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

__all__ = [
    "EdgeEnds",
    "FlattenFeatures",
    "FlattenIds",
    "Graph",
    "GraphConvolution",
    "Readout",
    "SelfLoops",
    "SplitGraphs",
    "SplitRows",
    "batch_graphs",
    "gcn",
    "layout",
    "plot_adjacency",
    "plot_graph_network",
    "plot_graphs",
    "plot_message_passing",
    "plot_receptive_field",
    "union",
]
