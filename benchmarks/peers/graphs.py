"""Our graph networks beside torch_geometric and sparse matrices of PyTorch: the same networks and work, timed in turn.

    python -m benchmarks.peers.graphs [WORK ...] [--rounds 5] [--compile] [--record]

One call makes `steps` times a forward and a backward pass over a whole graph, without dropout. The works:

- gcn_cora, gat_cora: the networks of the papers on Cora, 2,708 nodes with 1,433 features and 10,556 edges. Ours
  multiply only the words that a paper has (`sparse=True`); the peers multiply all features.
- gcn_cora_dense, gat_cora_dense: the same, where ours multiply all features, too.
- gcn_large, gat_large: the same with 64 hidden features on a random graph of 100,000 nodes with 64 features and
  1,000,000 edges.

torch_geometric runs eagerly, and with --compile through `torch.compile`, too. For gcn there is a third peer, which
multiplies by the normalized adjacency matrix in PyTorch's CSR format. Ours is a jitted `value_and_grad`. On the large
graph our first graph convolution sums before it multiplies, which needs no sum backward; the peers multiply first.
"""

import warnings
from typing import NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers import command
from keras_course import backend, datasets


class Work(NamedTuple):
    """What one call does: a network in the words of our builders, on a graph."""

    title: str
    builder: str
    options: dict
    data: str = "random"
    num_nodes: int = 100_000
    num_edges: int = 1_000_000
    num_features: int = 64
    num_outputs: int = 16
    steps: int = 2
    sparse: bool = False  # whether ours take the features as `sparse_features` returns them


GCN, GAT = {"hidden_dim": 16}, {"hidden_dim": 64, "num_heads": 8}
WORKS = {
    **{
        f"{builder}_cora{suffix}": Work(
            f"{builder}_cora{suffix}", builder, options, "cora", 2_708, 10_556, 1_433, 7, steps=10, sparse=not suffix
        )
        for builder, options in (("gcn", GCN), ("gat", GAT))
        for suffix in ("", "_dense")
    },
    "gcn_large": Work("gcn_large", "gcn", {"hidden_dim": 64}),
    "gat_large": Work("gat_large", "gat", GAT),
}


def arrays_of(work):
    """Return features, senders, receivers and labels."""
    if work.data != "random":
        return datasets.get_dataset(work.data).load()[:4]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(work.num_nodes, work.num_features)).astype("float32")
    senders, receivers = rng.integers(0, work.num_nodes, (2, work.num_edges)).astype("int32")
    return x, senders, receivers, rng.integers(0, work.num_outputs, work.num_nodes).astype("int32")


# The peers -----------------------------------------------------------------------------------------------------------


def torch_geometric_network(work):
    """Return the network of torch_geometric, a module of features and edges."""
    import torch
    from torch_geometric import nn

    width, heads = work.options["hidden_dim"], work.options.get("num_heads", 1)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if work.builder == "gcn":
                self.first = nn.GCNConv(work.num_features, width, cached=True)
                self.second = nn.GCNConv(width, work.num_outputs, cached=True)
            else:
                self.first = nn.GATConv(work.num_features, width // heads, heads)
                self.second = nn.GATConv(width, work.num_outputs, 1, concat=False)
            self.activation = torch.relu if work.builder == "gcn" else torch.nn.functional.elu

        def forward(self, x, edges):
            return self.second(self.activation(self.first(x, edges)), edges)

    return Network()


def torch_geometric_passes(work, compiled=False):
    """Return the call that makes the passes of `work` with torch_geometric."""
    import torch

    device = common.torch_device()
    x, senders, receivers, labels = arrays_of(work)
    edges = torch.from_numpy(np.stack([senders, receivers])).long().to(device)
    network = torch_geometric_network(work).to(device)
    network = torch.compile(network) if compiled else network
    return _torch_call(work, network, torch.from_numpy(x).to(device), edges, labels)


def torch_csr_passes(work):
    """Return the call that makes the passes of a graph convolutional network with a sparse matrix of PyTorch."""
    import scipy.sparse
    import torch

    device = common.torch_device()
    x, senders, receivers, labels = arrays_of(work)
    nodes = np.arange(len(x))
    others = senders != receivers  # every node gets one self-loop, as in torch_geometric
    senders, receivers = (np.concatenate([ids[others], nodes]) for ids in (senders, receivers))
    scale = np.bincount(receivers, minlength=len(x)) ** -0.5
    values = (scale[senders] * scale[receivers]).astype("float32")
    matrix = scipy.sparse.coo_array((values, (receivers, senders)), shape=(len(x), len(x))).tocsr()
    parts = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        adjacency = torch.sparse_csr_tensor(*parts, size=matrix.shape, check_invariants=True).to(device)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(work.num_features, work.options["hidden_dim"], bias=False)
            self.second = torch.nn.Linear(work.options["hidden_dim"], work.num_outputs, bias=False)
            sizes = work.options["hidden_dim"], work.num_outputs
            self.biases = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(size)) for size in sizes])

        def forward(self, x, adjacency):
            h = torch.relu(adjacency @ self.first(x) + self.biases[0])
            return adjacency @ self.second(h) + self.biases[1]

    return _torch_call(work, Network().to(device), torch.from_numpy(x).to(device), adjacency, labels)


def _torch_call(work, network, x, edges, labels):
    import torch

    labels = torch.from_numpy(labels).long().to(x.device)

    def call():
        for _ in range(work.steps):
            network.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(network(x, edges), labels)
            loss.backward()
        return loss.item()

    return call


# Ours ----------------------------------------------------------------------------------------------------------------


def our_passes(work, name):
    """Return the call that makes the passes of `work` with our builder."""
    common.select(name)
    import keras

    from keras_course import graphs, ops

    x, senders, receivers, labels = arrays_of(work)
    options = {**work.options, "dropout": 0.0, "sparse": work.sparse}
    model = getattr(graphs, work.builder)(work.num_features, work.num_outputs, **options)
    batch = graphs.batch_graphs([graphs.Graph(x, senders, receivers)])
    batch = graphs.sparse_features(batch) if work.sparse else batch
    inputs = [keras.ops.convert_to_tensor(batch[tensor.name]) for tensor in model.inputs]
    labels = keras.ops.convert_to_tensor(labels[None])
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.trainable_variables
    passes = ops.jit(
        ops.value_and_grad(lambda y, *inputs: loss_of(y, model(inputs, training=True)), variables=weights),
        variables=model.variables,
    )

    def call():
        for _ in range(work.steps):
            loss, gradients = passes(labels, *inputs)
        common.synchronize(gradients[-1])
        return float(loss)

    return call


# The comparison ------------------------------------------------------------------------------------------------------


def comparison(work, with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`."""
    peers = {"torch_geometric": (torch_geometric_passes, work)}
    if with_compile:
        peers["torch_geometric, torch.compile"] = (torch_geometric_passes, work, True)
    if work.builder == "gcn":
        peers["torch, sparse CSR"] = (torch_csr_passes, work)
    return peers, {each: (our_passes, work, each) for each in backend.available()}


def amount(work):
    """Return how much one call does, and its unit."""
    return work.steps, "passes"


def main(arguments=None):
    command.run("graphs", __doc__, WORKS, comparison, amount, ("torch", "torch_geometric"), arguments)


if __name__ == "__main__":
    main()
