"""Layers of torch_geometric and of chemprop with the same weights: equal outputs.

Both run in one process of their own, so that PyTorch need not live beside another backend. chemprop, which takes
seconds to import, runs on PyTorch or with --full only.
"""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_course.graphs import (
    BondMessages,
    EdgeNetwork,
    GraphAttention,
    GraphAttentionV2,
    GraphConvolution,
    GraphIsomorphism,
    SampleAndAggregate,
    SelfLoops,
    Set2Set,
)

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch_geometric") is None, reason="needs torch_geometric")

ORACLE = """
import importlib.util, sys
import numpy as np, torch
from torch_geometric import nn
torch.manual_seed(0)
x = torch.randn(9, 5)
edges = torch.randint(0, 8, (2, 20))  # node 8 has no neighbors
edges = torch.cat([edges, torch.tensor([[3, 3], [3, 3]])], dim=1)  # self-loops, two of them at one node
mlp = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4))
layers = {
    "gcn": nn.GCNConv(5, 4), "gcn_row": nn.SimpleConv("mean"), "gat": nn.GATConv(5, 4, heads=3),
    "gat_mean": nn.GATConv(5, 4, heads=3, concat=False), "gatv2": nn.GATv2Conv(5, 4, heads=3),
    "sage": nn.SAGEConv(5, 4),
    "sage_max": nn.SAGEConv(5, 4, aggr="max", project=True, normalize=True), "gin": nn.GINConv(mlp, train_eps=True),
}
found = {"x": x.numpy(), "edges": edges.numpy()}
for name, layer in layers.items():
    with torch.no_grad():
        for key, weight in layer.named_parameters():  # so that biases are not zeros
            weight.add_(0.2 * torch.randn_like(weight))
            if name == "gatv2" and key in ("lin_l.bias", "lin_r.bias"):  # ours has none
                weight.zero_()
        found[name] = layer(x, edges).numpy()
    found |= {f"{name}.{key}": weight.detach().numpy() for key, weight in layer.named_parameters()}

bonds = np.array([[0, 1], [1, 2], [2, 0], [3, 4]])  # of three molecules; each bond is an edge and its reverse
pairs = np.stack([bonds, bonds[:, ::-1]], axis=1).reshape(-1, 2).T
graph_ids, atoms, features = np.array([0, 0, 0, 1, 1, 2]), torch.randn(6, 4), torch.randn(8, 3)
network = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 20))
convolution = nn.NNConv(4, 5, network, aggr="add", root_weight=False, bias=False)
readout = nn.aggr.Set2Set(4, processing_steps=3)
rows = {"graph_ids": graph_ids, "pairs": pairs, "atoms": atoms, "features": features}
rows |= {"network": convolution(atoms, torch.tensor(pairs), features)}
rows |= {"readout": readout(atoms, torch.tensor(graph_ids))}
rows |= {f"network.{key}": value for key, value in network.state_dict().items()}
rows |= {f"readout.{key}": value for key, value in readout.lstm.state_dict().items()}
if sys.argv[2] == "chemprop" and importlib.util.find_spec("chemprop"):
    from chemprop.data import BatchMolGraph, MolGraph
    from chemprop.nn import BondMessagePassing

    reverse = np.arange(8).reshape(-1, 2)[:, ::-1].ravel()
    molecules = MolGraph(V=atoms.numpy(), E=features.numpy(), edge_index=pairs, rev_edge_index=reverse)
    layer = BondMessagePassing(d_v=4, d_e=3, d_h=7, depth=4)
    rows |= {"bonds": layer(BatchMolGraph([molecules]))}
    rows |= {f"bonds.{key}": value for key, value in layer.state_dict().items()}
found |= {key: value.detach().numpy() if torch.is_tensor(value) else value for key, value in rows.items()}
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory, full):
    path = tmp_path_factory.mktemp("torch") / "layers.npz"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    others = "chemprop" if full or keras.config.backend() == "torch" else ""
    command = [sys.executable, "-c", ORACLE, str(path), others]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


def gcn(w):
    return GraphConvolution(4), [w["lin.weight"].T, w["bias"]]


def gat(w, **options):
    heads = [w["att_dst"][0], w["att_src"][0]]
    return GraphAttention(4, num_heads=3, **options), [w["lin.weight"].T, *heads, w["bias"]]


def gatv2(w):
    matrices = [w["lin_r.weight"].T, w["lin_l.weight"].T, w["att"][0]]
    return GraphAttentionV2(4, num_heads=3), [*matrices, w["bias"]]


def sage(w, **options):
    pool = [w["lin.weight"].T, w["lin.bias"]] if options else []
    weights = [w["lin_r.weight"].T, w["lin_l.weight"].T, w["lin_l.bias"]]
    return SampleAndAggregate(4, **options), [*weights, *pool]


def gin(w):
    matrices = [w[f"nn.{k}.{kind}"].T for k in (0, 2) for kind in ("weight", "bias")]
    return GraphIsomorphism(4), [w["eps"].reshape(()), *matrices]


CASES = {  # the function that builds the layer, its options, and whether it takes self-loops
    "gcn": (gcn, {}, True),
    "gat": (gat, {}, True),
    "gat_mean": (gat, {"concat": False}, True),
    "gatv2": (gatv2, {}, True),
    "sage": (sage, {}, False),
    "sage_max": (sage, {"aggregator": "max", "normalize": True}, False),
    "gin": (gin, {}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_equal_outputs(name, oracle):
    make, options, loops = CASES[name]
    weights = {key.removeprefix(f"{name}."): value for key, value in oracle.items() if key.startswith(f"{name}.")}
    layer, values = make(weights, **options)
    x, (senders, receivers) = oracle["x"], oracle["edges"].astype("int32")
    layer.build(x.shape)
    layer.set_weights(values)
    if loops:
        senders, receivers = SelfLoops()(x, senders, receivers)
    y = keras.ops.convert_to_numpy(layer(x, senders, receivers))
    np.testing.assert_allclose(y, oracle[name], atol=1e-5)


def test_a_mean_of_the_neighbors(oracle):
    layer = GraphConvolution(5, normalization="row", use_bias=False, use_kernel=False)
    y = layer(oracle["x"], *oracle["edges"].astype("int32"))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(y), oracle["gcn_row"], atol=1e-5)


def test_edge_network(oracle):
    layer = EdgeNetwork(5, hidden_dim=6)
    inputs = oracle["atoms"], oracle["features"], *oracle["pairs"]
    layer(*inputs)
    layer.set_weights([oracle[f"network.{k}.{name}"].T for k in (0, 2) for name in ("weight", "bias")])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(*inputs)), oracle["network"], atol=1e-5)


def test_set2set(oracle):
    layer, inputs = Set2Set(num_graphs=3), (oracle["atoms"], oracle["graph_ids"], oracle["graph_ids"][None])
    layer(*inputs)
    kernels = [oracle[f"readout.weight_{name}_l0"].T for name in ("ih", "hh")]
    layer.set_weights([*kernels, oracle["readout.bias_ih_l0"] + oracle["readout.bias_hh_l0"]])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(*inputs)), oracle["readout"], atol=1e-5)


@pytest.mark.once
def test_bond_messages(oracle):
    if "bonds" not in oracle:
        pytest.skip("needs chemprop")
    layer, inputs = BondMessages(7, num_steps=4), (oracle["atoms"], oracle["features"], *oracle["pairs"])
    layer(*inputs)
    layer.set_weights([*(oracle[f"bonds.W_{name}.weight"].T for name in "iho"), oracle["bonds.W_o.bias"]])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(*inputs)), oracle["bonds"], atol=1e-5)
