"""Arguments that work, for what lecture 9 offers; `examples_of_fuzz` says how an argument is looked up."""

import types

import networkx
import numpy as np
from models_of_fuzz import Make, attention_on_graphs, forecaster

from keras_course.graphs import Graph, batch_graphs, to_scipy

GRAPH = Graph(np.eye(3), senders=[0, 1], receivers=[1, 2])
TOKENS = np.random.default_rng(0).normal(size=(3, 2, 4)).astype("float32")
BOXES = np.ones((2, 7))

GRAPHS = {
    # of the module
    "graphs": {"smiles": "CCO", "num_edge_features": 3, "units": 4, "molecules": {"ethanol": "CCO"},
               "graph": GRAPH, "graphs": [GRAPH, GRAPH], "points": np.array([[0.0], [1.0], [3.0]]),
               "num_graphs": 2, "num_nodes": 3, "height": 2,
               "grid_shape": (5, 8), "region": None, "mesh_level": 0, "hidden_dim": 4, "num_layers": 1},
    # of one callable
    "graphs.InteractionNetwork": {"hidden_dim": 4},
    "graphs.LatitudeError": {"grid_shape": (5, 8)},
    "graphs.LinearForecast": {"num_components": 2},
    "graphs.LocalForecast": {"reach": 1},
    "graphs.MLP": {"hidden_dim": 4, "units": 3},
    "graphs.ParticleGraph": {"radius": 0.2, "box": ((0.0, 1.0), (0.0, 1.0))},
    "graphs.accelerations": {"positions": np.ones((1, 3, 2))},
    "graphs.forecast_errors": {"true": np.zeros((1, 2, 3, 4, 1)), "predicted": np.ones((1, 2, 3, 4, 1)),
                               "grid_shape": (3, 4)},
    "graphs.gns": {"num_particles": 4, "hidden_dim": 4},
    "graphs.graphcast": {"grid_shape": (5, 8), "num_channels": 1, "mesh_level": 0, "hidden_dim": 4},
    "graphs.icosahedral_mesh": {"level": 1},
    "graphs.multi_mesh": {"level": 1},
    "graphs.plot_forecast": {"true": np.eye(4), "predicted": np.ones((4, 4))},
    "graphs.plot_globes": {"contents": {"a": np.eye(4), "b": 1}},
    "graphs.plot_meshes": {"levels": (0, 1)},
    "graphs.plot_trajectories": {"paths": {"a": np.zeros((3, 2, 2))}},
    "graphs.random_walk_noise": {"shape": (1, 3, 2, 2), "scale": 0.1, "rng": Make(np.random.default_rng)},
    "graphs.roll_out": {"model": Make(forecaster), "states": np.zeros((1, 2, 3)), "steps": 2},
    "graphs.GraphNetwork": {"hidden_dim": 4},
    "graphs.PointMessages": {"hidden_dim": 4},
    "graphs.average_precision": {"true": [BOXES], "found": [BOXES], "scores": [np.ones(2)]},
    "graphs.decode_boxes": {"points": np.ones((2, 3)), "codes": np.ones((2, 8))},
    "graphs.encode_boxes": {"points": np.ones((2, 3)), "boxes": BOXES},
    "graphs.eta_supersegment": {"num_globals": 2, "num_horizons": 2, "hidden_dim": 4},
    "graphs.merge_boxes": {"boxes": BOXES, "scores": np.ones(2), "distance": 1.0},
    "graphs.plot_birds_eye": {"scenes": {"a": (np.eye(3), np.array([1, 1, 0]), {1: BOXES})},
                              "class_names": ("ground", "car")},
    "graphs.point_gnn": {"hidden_dim": 4},
    "graphs.Graph": {"nodes": np.eye(3, dtype="float32"), "senders": np.array([0, 1]), "receivers": np.array([1, 2]),
                     "edges": np.ones((2, 1), "float32"), "globals": np.ones((1, 2), "float32"),
                     "graph_ids": np.zeros(3, int)},
    "graphs.GraphBatches": {"y": np.zeros(2), "batch_size": 2},
    "graphs.cnn_as_gnn": {"image": np.ones((8, 8, 1), "float32"), "kernel": np.ones((3, 3, 1, 2), "float32")},
    "graphs.edge_attention": {"model": Make(attention_on_graphs), "inputs": Make(lambda: batch_graphs([GRAPH]))},
    "graphs.from_networkx": {"other": Make(lambda: networkx.path_graph(3))},
    "graphs.from_scipy": {"adjacency": Make(lambda: to_scipy(GRAPH)), "nodes": np.eye(3)},
    "graphs.from_torch_geometric": {
        "data": types.SimpleNamespace(x=np.eye(3), edge_index=np.array([[0, 1], [1, 2]]))},
    "graphs.knn_graph": {"k": 1},
    "graphs.neighbor_sample": {"seeds": np.array([2]), "fanouts": (2, 2)},
    "graphs.permute_graph": {"order": np.array([2, 0, 1]), "edge_order": np.array([1, 0])},
    "graphs.paired_edges": {"graph": Graph(np.eye(3), senders=[0, 1], receivers=[1, 0])},
    "graphs.plot_adjacency": {"matrices": {"a": np.eye(3)}},
    "graphs.plot_graphs": {"graphs": {"a": GRAPH}, "values": {"a": np.arange(3)}, "weights": {"a": np.ones(2)},
                           "positions": np.ones((3, 2))},
    "graphs.plot_receptive_field": {"node": 2, "depth": 2},
    "graphs.radius_graph": {"radius": 1.5},
    "graphs.sparse_features": {"batch": Make(lambda: batch_graphs([GRAPH]))},
    "graphs.transformer_as_gnn": {x: TOKENS for x in "qkv"},
    **{f"ops.segment_{name}": {"scores" if name == "softmax" else "data": np.ones((3, 2), "float32"),
                               "ids": np.array([0, 2, 2]), "num_segments": 3}
       for name in ("max", "mean", "softmax", "sum")},
    "ops.segment_count": {"ids": np.array([0, 2, 2]), "num_segments": 3},
    "graphs.bond_messages": {"h": np.ones((2, 3), "float32"), "senders": np.array([0, 1]),
                             "receivers": np.array([1, 0]), "num_nodes": 2},
    "graphs.plot_molecule_histograms": {"smiles": ["CCO", "C"], "solubility": np.array([0.5, 0.2])},
    "graphs.plot_predicted_solubility": {"measured": np.ones(2), "predicted": {"mean": np.ones(2)}},
    "graphs.plot_screening": {"active": np.array([True, False]), "scores": {"a": np.arange(2.0)}, "top": 2},
}  # fmt: skip
