"""Lecture 9: graph neural networks."""

from keras_course import backend

backend.require()

from keras_course.graphs._application_figures import plot_birds_eye
from keras_course.graphs._attention import (
    DotProductGraphAttention,
    EdgeAttention,
    EdgeAttentionLayer,
    GraphAttention,
    GraphAttentionV2,
    edge_attention,
)
from keras_course.graphs._attention_networks import gat, gatv2
from keras_course.graphs._batches import GraphBatches, dense_batch
from keras_course.graphs._boxes import BoxLoss, average_precision, decode_boxes, encode_boxes, merge_boxes
from keras_course.graphs._conversions import (
    from_networkx,
    from_scipy,
    from_torch_geometric,
    to_networkx,
    to_scipy,
    to_torch_geometric,
)
from keras_course.graphs._convolution import GraphConvolution, gcn
from keras_course.graphs._directed_bonds import BondMessages, bond_messages, dmpnn
from keras_course.graphs._dot_attention import dot_attention_gnn
from keras_course.graphs._figures import (
    layout,
    plot_adjacency,
    plot_edge_attention,
    plot_graph_network,
    plot_graphs,
    plot_message_passing,
    plot_receptive_field,
)
from keras_course.graphs._gns import ParticleGraph, accelerations, gns, random_walk_noise
from keras_course.graphs._graph import Graph, batch_graphs, union
from keras_course.graphs._graphcast import graphcast
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
from keras_course.graphs._isomorphism import GraphIsomorphism, gin
from keras_course.graphs._linear_forecast import LinearForecast, LocalForecast
from keras_course.graphs._mesh import Mesh, icosahedral_mesh, multi_mesh
from keras_course.graphs._message_passing import EdgeNetwork, GatedMessages, Set2Set, mpnn
from keras_course.graphs._molecule_figures import (
    plot_molecule_histograms,
    plot_molecules,
    plot_mpnn,
    plot_predicted_solubility,
    plot_screening,
)
from keras_course.graphs._molecules import molecule_graph
from keras_course.graphs._neighbors import NeighborSample, knn_graph, neighbor_sample, radius_graph
from keras_course.graphs._orders import paired_edges, permute_graph
from keras_course.graphs._physics_figures import (
    plot_encode_process_decode,
    plot_forecast,
    plot_globes,
    plot_meshes,
    plot_trajectories,
)
from keras_course.graphs._point_gnn import PointMessages, RelativePositions, point_gnn
from keras_course.graphs._roll_out import LatitudeError, forecast_errors, roll_out
from keras_course.graphs._sage import SampleAndAggregate, graph_sage
from keras_course.graphs._sets import deep_sets
from keras_course.graphs._smiles import Molecule, parse_smiles
from keras_course.graphs._sparse import SparseProjection, sparse_features
from keras_course.graphs._special_cases import cnn_as_gnn, complete_graph, grid_graph, transformer_as_gnn
from keras_course.graphs._sphere import GridNodes, GridToMesh, MeshProcessor, MeshToGrid, NodesToGrid
from keras_course.graphs._supersegment import GraphNetwork, eta_supersegment

__all__ = [
    "MLP",
    "BondMessages",
    "BoxLoss",
    "DotProductGraphAttention",
    "EdgeAttention",
    "EdgeAttentionLayer",
    "EdgeEnds",
    "EdgeNetwork",
    "FlattenFeatures",
    "FlattenIds",
    "GatedMessages",
    "Graph",
    "GraphAttention",
    "GraphAttentionV2",
    "GraphBatches",
    "GraphConvolution",
    "GraphIsomorphism",
    "GraphNetwork",
    "GridNodes",
    "GridToMesh",
    "InteractionNetwork",
    "LatitudeError",
    "LinearForecast",
    "LocalForecast",
    "Mesh",
    "MeshProcessor",
    "MeshToGrid",
    "Molecule",
    "NeighborSample",
    "NodesToGrid",
    "ParticleGraph",
    "PointMessages",
    "Readout",
    "RelativePositions",
    "SampleAndAggregate",
    "SelfLoops",
    "Set2Set",
    "SparseProjection",
    "SplitGraphs",
    "SplitRows",
    "accelerations",
    "average_precision",
    "batch_graphs",
    "bond_messages",
    "cnn_as_gnn",
    "complete_graph",
    "decode_boxes",
    "deep_sets",
    "dense_batch",
    "dmpnn",
    "dot_attention_gnn",
    "edge_attention",
    "encode_boxes",
    "eta_supersegment",
    "forecast_errors",
    "from_networkx",
    "from_scipy",
    "from_torch_geometric",
    "gat",
    "gatv2",
    "gcn",
    "gin",
    "gns",
    "graph_sage",
    "graphcast",
    "grid_graph",
    "icosahedral_mesh",
    "knn_graph",
    "layout",
    "merge_boxes",
    "molecule_graph",
    "mpnn",
    "multi_mesh",
    "neighbor_sample",
    "paired_edges",
    "parse_smiles",
    "permute_graph",
    "plot_adjacency",
    "plot_birds_eye",
    "plot_edge_attention",
    "plot_encode_process_decode",
    "plot_forecast",
    "plot_globes",
    "plot_graph_network",
    "plot_graphs",
    "plot_meshes",
    "plot_message_passing",
    "plot_molecule_histograms",
    "plot_molecules",
    "plot_mpnn",
    "plot_predicted_solubility",
    "plot_receptive_field",
    "plot_screening",
    "plot_trajectories",
    "point_gnn",
    "radius_graph",
    "random_walk_noise",
    "roll_out",
    "sparse_features",
    "to_networkx",
    "to_scipy",
    "to_torch_geometric",
    "transformer_as_gnn",
    "union",
]
