"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._convolution import GraphConvolution, gcn
from keras_course.graphs._gns import ParticleGraph, accelerations, gns, random_walk_noise
from keras_course.graphs._graph import Graph, batch_graphs, union
from keras_course.graphs._graphcast import GridNodes, GridToMesh, MeshProcessor, MeshToGrid, NodesToGrid, graphcast
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
from keras_course.graphs._physics_figures import plot_forecast, plot_meshes, plot_trajectories
from keras_course.graphs._roll_out import LatitudeError, forecast_errors, roll_out

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
    "NodesToGrid",
    "ParticleGraph",
    "Readout",
    "SelfLoops",
    "SplitGraphs",
    "SplitRows",
    "accelerations",
    "batch_graphs",
    "forecast_errors",
    "gcn",
    "gns",
    "graphcast",
    "icosahedral_mesh",
    "multi_mesh",
    "plot_forecast",
    "plot_meshes",
    "plot_trajectories",
    "random_walk_noise",
    "roll_out",
    "union",
]
