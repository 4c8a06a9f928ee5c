"""One epoch of our MLP in `fit` beside plain PyTorch and plain JAX: the same network, the same work, timed in turn.

    python -m benchmarks.peers.perceptron [--rounds 9] [--compile] [--record]

The network has D = 784 inputs, two layers of 512 rectifiers and K = 10 outputs (669,706 weights). An epoch visits
7,936 rows in an order drawn anew, B = 128 at a time, with Adam at 1e-3 and the cross-entropy. Every implementation
draws the order and picks the rows in its own way, inside the time that is measured; Keras gets batches as in our
recipes, on TensorFlow without the tuner of Keras's pipeline.
"""

import argparse
import importlib.util
import itertools
import sys

import numpy as np

from benchmarks import common
from benchmarks.peers import turns
from keras_course import backend, records

WIDTHS, BATCH, ROWS = (784, 512, 512, 10), 128, 7_936


def rows_and_labels(seed=0):
    """Return x `(ROWS, 784)` float32 and y `(ROWS,)` int32: what a row is makes no difference to the time it takes."""
    rng = np.random.default_rng(seed)
    x = rng.random((ROWS, WIDTHS[0]), dtype=np.float32)
    return x, rng.integers(WIDTHS[-1], size=ROWS, dtype=np.int32)


# The peers ---------------------------------------------------------------------------------------------------------


def torch_mlp():
    """Return the network as one writes it in plain PyTorch."""
    from torch import nn

    linears = [nn.Linear(n, m) for n, m in itertools.pairwise(WIDTHS)]
    hidden = [layer for linear in linears[:-1] for layer in (linear, nn.ReLU())]
    return nn.Sequential(*hidden, linears[-1])


def torch_training(fused, compiled=False):
    """Return the call that trains for an epoch in a plain PyTorch loop."""
    import torch

    model = torch_mlp()
    logits_of = torch.compile(model, dynamic=False) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=fused)
    x, y = map(torch.from_numpy, rows_and_labels())
    y = y.long()

    def call():
        for rows in torch.randperm(ROWS).split(BATCH):
            loss = torch.nn.functional.cross_entropy(logits_of(x[rows]), y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.item()

    return call


def jax_loss(weights, x, y):
    """The mean cross-entropy of the network, a function of its weights `[(kernel, bias), ...]`, in plain JAX."""
    import jax

    for kernel, bias in weights[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    logits = x @ weights[-1][0] + weights[-1][1]
    return -jax.numpy.mean(jax.nn.log_softmax(logits)[jax.numpy.arange(len(y)), y])


def jax_adam(state, x, y):
    """One step of Adam, written out; `state` is (step, weights, first moments, second moments)."""
    import jax

    t, weights, m, v = state
    loss, g = jax.value_and_grad(jax_loss)(weights, x, y)
    t = t + 1
    rate = 1e-3 * jax.numpy.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jax.numpy.sqrt(v) + 1e-7), weights, m, v)
    return (t, weights, m, v), loss


def jax_training():
    """Return the call that trains for an epoch with a jitted step in plain JAX."""
    import jax

    rng = np.random.default_rng(0)
    shapes = itertools.pairwise(WIDTHS)
    weights = [(rng.normal(0, (2 / n) ** 0.5, (n, m)).astype("float32"), np.zeros(m, "float32")) for n, m in shapes]
    weights = jax.tree.map(jax.numpy.asarray, weights)
    zeros = lambda: jax.tree.map(jax.numpy.zeros_like, weights)  # noqa: E731
    state = (jax.numpy.zeros(()), weights, zeros(), zeros())
    step = jax.jit(jax_adam, donate_argnums=0)
    x, y = rows_and_labels()

    def call():
        nonlocal state
        order = rng.permutation(ROWS)
        for start in range(0, ROWS, BATCH):
            rows = order[start : start + BATCH]
            state, loss = step(state, x[rows], y[rows])
        return float(loss)

    return call


# Ours --------------------------------------------------------------------------------------------------------------


def compile_mlp(name, compiled=False):
    """Return the compiled model on the backend `name`, which has been selected."""
    import keras

    from keras_course import ops
    from keras_course.perceptron import mlp, output_head

    model = mlp(WIDTHS[:1], WIDTHS[-1], hidden_dims=WIDTHS[1:-1])
    xla = "auto" if name == "jax" else False  # it is slower on TensorFlow, for dense networks on a CPU
    model.compile(keras.optimizers.Adam(1e-3), output_head("multiclass").loss, jit_compile=xla)
    return ops.jit_training(model, fuse=compiled)


def our_training(name, compiled=False):
    """Return the call that trains for an epoch in `model.fit` on one backend."""
    common.select(name)
    epoch = common.fit_examples(compile_mlp(name, compiled), *rows_and_labels(), BATCH)
    return lambda: common.synchronize(epoch())


# The comparison ----------------------------------------------------------------------------------------------------


def comparison(with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`."""
    peers = {"torch loop, Adam": (torch_training, False), "torch loop, fused Adam": (torch_training, True)}
    if importlib.util.find_spec("jax") is not None:
        peers["jax, jitted step"] = (jax_training,)
    if with_compile:
        peers["torch.compile, fused Adam"] = (torch_training, True, True)
    return peers, {name: (our_training, name, with_compile) for name in backend.available()}


def origin(name):
    """Return the part of a row that says where, with what and when a backend was measured."""
    found = [package for package in ("torch", "jax") if importlib.util.find_spec(package) is not None]
    return records.origin(*dict.fromkeys((name, *found)))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.perceptron", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="timed calls of each implementation (default 9)")
    parser.add_argument("--compile", action="store_true", help="torch.compile for a peer and for ours on PyTorch")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if importlib.util.find_spec("torch") is None:
        sys.exit("This comparison needs torch. Install with: pip install 'keras_course[torch]'")
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    peers, ours = comparison(options.compile)
    title = "mlp_epoch_compiled" if options.compile else "mlp_epoch"
    rows = turns.compare(title, ROWS, "examples", peers, ours, options.rounds)
    if docs is not None:
        records.record_speeds([{**row, **origin(row["backend"])} for row in rows], "perceptron", docs)


if __name__ == "__main__":
    main()
