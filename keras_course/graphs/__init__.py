"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._convolution import GraphConvolution, gcn
from keras_course.graphs._graph import Graph, batch_graphs, union
from keras_course.graphs._graphcast import GridNodes, GridToMesh, MeshProcessor, MeshToGrid, NextState, graphcast
from keras_course.graphs._inputs import (
    EdgeEnds,
    FlattenFeatures,
    FlattenIds,
    Readout,
    SelfLoops,
    SplitGraphs,
    SplitRows,
)
from keras_course.graphs._interaction import MLP, InteractionNetwork
from keras_course.graphs._linear_forecast import LinearForecast
from keras_course.graphs._mesh import Mesh, icosahedral_mesh, multi_mesh
from keras_course.graphs._roll_out import LatitudeError, ScaledError, forecast_errors, roll_out

__all__ = [
    "MLP",
    "EdgeEnds",
    "FlattenFeatures",
    "FlattenIds",
    "Graph",
    "GraphConvolution",
    "GridNodes",
    "GridToMesh",
    "InteractionNetwork",
    "LatitudeError",
    "LinearForecast",
    "Mesh",
    "MeshProcessor",
    "MeshToGrid",
    "NextState",
    "Readout",
    "ScaledError",
    "SelfLoops",
    "SplitGraphs",
    "SplitRows",
    "batch_graphs",
    "forecast_errors",
    "gcn",
    "graphcast",
    "icosahedral_mesh",
    "multi_mesh",
    "roll_out",
    "union",
]
