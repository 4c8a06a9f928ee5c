"""Layers of torch_geometric with the same weights: equal outputs.

PyTorch runs in a process of its own, so that it need not live beside another backend.
"""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_course.graphs import (
    GraphAttention,
    GraphAttentionV2,
    GraphConvolution,
    GraphIsomorphism,
    SampleAndAggregate,
    SelfLoops,
)

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch_geometric") is None, reason="needs torch_geometric")

ORACLE = """
import sys
import numpy as np, torch
from torch_geometric import nn
torch.manual_seed(0)
x = torch.randn(9, 5)
edges = torch.randint(0, 8, (2, 20))  # node 8 has no neighbors
edges = edges[:, edges[0] != edges[1]]
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
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "layers.npz"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", ORACLE, str(path)], capture_output=True, text=True, env=environment)
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
