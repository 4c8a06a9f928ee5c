"""Message passing along edges with weights copied from torch_geometric and chemprop."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_course.graphs import BondMessages, EdgeNetwork, Set2Set

GEOMETRIC = """
import sys
import numpy as np, torch
from torch_geometric.nn import NNConv
from torch_geometric.nn.aggr import Set2Set

torch.manual_seed(0)
given, found = np.load(sys.argv[1]), {}
tensors = {name: torch.from_numpy(given[name]) for name in given.files}
network = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 20))
convolution = NNConv(4, 5, network, aggr="add", root_weight=False, bias=False)
found["convolution"] = convolution(tensors["x"], torch.stack([tensors["senders"], tensors["receivers"]]), tensors["e"])
readout = Set2Set(4, processing_steps=3)
found["readout"] = readout(tensors["x"], tensors["graph_ids"])
found |= {f"convolution.{name}": value for name, value in network.state_dict().items()}
found |= {f"readout.{name}": value for name, value in readout.lstm.state_dict().items()}
np.savez(sys.argv[2], **{name: value.detach().numpy() for name, value in found.items()})
"""
CHEMPROP = """
import sys
import numpy as np, torch
from chemprop.data import BatchMolGraph, MolGraph
from chemprop.nn import BondMessagePassing

torch.manual_seed(0)
given = np.load(sys.argv[1])
pairs = np.stack([given["senders"], given["receivers"]])
reverse = np.arange(pairs.shape[1]).reshape(-1, 2)[:, ::-1].ravel()
batch = BatchMolGraph([MolGraph(V=given["x"], E=given["e"], edge_index=pairs, rev_edge_index=reverse)])
layer = BondMessagePassing(d_v=4, d_e=3, d_h=7, depth=4)
found = {"nodes": layer(batch)} | layer.state_dict()
np.savez(sys.argv[2], **{name: value.detach().numpy() for name, value in found.items()})
"""


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(0)
    ends = np.array([[0, 1], [1, 2], [2, 0], [3, 4]])
    directed = np.stack([ends, ends[:, ::-1]], axis=1).reshape(-1, 2)
    graph = {"x": rng.normal(size=(6, 4)), "e": rng.normal(size=(8, 3))}
    graph = {name: array.astype("float32") for name, array in graph.items()}
    ids = {"senders": directed[:, 0], "receivers": directed[:, 1], "graph_ids": np.array([0, 0, 0, 1, 1, 2])}
    return graph | ids


@pytest.fixture(scope="module")
def peer(tmp_path_factory, graph):
    """Return what a script that runs in a process of its own found for the graph."""

    def run(module, script):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
        folder = tmp_path_factory.mktemp(module)
        np.savez(folder / "given.npz", **graph)
        paths = [str(folder / name) for name in ("given.npz", "found.npz")]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return dict(np.load(paths[1]))

    return run


def run(layer, graph, *names):
    return keras.ops.convert_to_numpy(layer(*(graph[name] for name in names)))


def test_edge_network_and_set2set_of_torch_geometric(peer, graph):
    found = peer("torch_geometric", GEOMETRIC)
    layer = EdgeNetwork(5, hidden_dim=6)
    run(layer, graph, "x", "e", "senders", "receivers")
    layer.set_weights([found[f"convolution.{k}.{name}"].T for k in (0, 2) for name in ("weight", "bias")])
    y = run(layer, graph, "x", "e", "senders", "receivers")
    np.testing.assert_allclose(y, found["convolution"], atol=1e-5)

    readout, rows = Set2Set(num_graphs=3), graph["graph_ids"][None]
    readout(graph["x"], graph["graph_ids"], rows)
    kernels = [found[f"readout.weight_{name}_l0"].T for name in ("ih", "hh")]
    readout.set_weights([*kernels, found["readout.bias_ih_l0"] + found["readout.bias_hh_l0"]])
    y = keras.ops.convert_to_numpy(readout(graph["x"], graph["graph_ids"], rows))
    np.testing.assert_allclose(y, found["readout"], atol=1e-5)


def test_bond_messages_of_chemprop(peer, graph):
    found = peer("chemprop", CHEMPROP)
    layer = BondMessages(7, num_steps=4)
    run(layer, graph, "x", "e", "senders", "receivers")
    layer.set_weights([*(found[f"W_{name}.weight"].T for name in "iho"), found["W_o.bias"]])
    y = run(layer, graph, "x", "e", "senders", "receivers")
    np.testing.assert_allclose(y, found["nodes"], atol=1e-5)
