"""A training step of our convolutional networks beside the same networks in plain PyTorch, JAX and TensorFlow.

    python -m benchmarks.peers.convnets [NETWORK ...] [--rounds 9] [--compile] [--gpu] [--record]

Notation: x (B, H, W, C) images; K classes. The networks are LeNet-5 (28 x 28 gray pixels, batches of 128, 248 steps a
call: four epochs of 7,936), ResNet-20 (32 x 32 in color, batches of 128, six steps, with --gpu 62) and ResNet-50 (224
x 224 in color, batches of 8, two steps, with --gpu batches of 64, four steps), trained with SGD at 0.1, momentum 0.9,
and the cross-entropy. `keras.applications` has the last one, too; it takes part without --compile. Keras gets batches
as in our recipes, drawn anew, on TensorFlow without the tuner of Keras's pipeline; the plain loops take their batches
in order.
"""

import argparse
import dataclasses
import importlib.util
import sys

import numpy as np

from benchmarks import common
from benchmarks.peers import turns
from benchmarks.peers.kits import NETWORKS, JaxKit, TensorFlowKit, TorchKit
from benchmarks.peers.perceptron import origin
from keras_course import backend, records


@dataclasses.dataclass(frozen=True)
class Work:
    """What one call does: a network, its images, and the number of steps."""

    name: str  # of the network in `kits`
    builder: str
    preset: str
    shape: tuple[int, int, int]
    num_classes: int
    batch_size: int
    steps: int
    xla: bool = False  # whether `fit` on TensorFlow is compiled with it: where it is faster, without a GPU

    def data(self):
        """Return random x `(N, H, W, C)` and y `(N,)`: the content of an image does not change its time."""
        rng = np.random.default_rng(0)
        size = self.batch_size * self.steps
        x = rng.normal(size=(size, *self.shape)).astype("float32")
        return x, rng.integers(self.num_classes, size=size, dtype=np.int32)


ON_CPU = {
    "lenet5": Work("lenet5", "lenet5", "lenet5", (28, 28, 1), 10, 128, 248, xla=True),
    "resnet_20": Work("resnet_20", "cifar_resnet", "resnet_20", (32, 32, 3), 10, 128, 6),
    "resnet_50": Work("resnet_50", "resnet", "resnet_50", (224, 224, 3), 1000, 8, 2),
}
ON_GPU = {
    "lenet5": dataclasses.replace(ON_CPU["lenet5"], xla=False),
    "resnet_20": dataclasses.replace(ON_CPU["resnet_20"], steps=62),
    "resnet_50": dataclasses.replace(ON_CPU["resnet_50"], batch_size=64, steps=4),
}

# Training with them --------------------------------------------------------------------------------------------------


def torch_training(work, memory_format, compiled=False):
    """Return the call that trains in a plain PyTorch loop."""
    import torch

    network, kit = NETWORKS[work.name], TorchKit(memory_format)
    x, y = map(torch.from_numpy, work.data())
    x, y = x.permute(0, 3, 1, 2).to(memory_format=kit.format), y.long()
    network(kit, x[:2].to(kit.device))  # makes the weights
    optimizer = torch.optim.SGD(kit.weights.values(), lr=0.1, momentum=0.9)
    logits_of = torch.compile(lambda x: network(kit, x), dynamic=False) if compiled else lambda x: network(kit, x)

    def call():
        for rows in torch.arange(len(x)).split(work.batch_size):
            logits = logits_of(x[rows].to(kit.device))
            loss = torch.nn.functional.cross_entropy(logits, y[rows].to(kit.device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.item()

    return call


def jax_training(work):
    """Return the call that trains with a jitted step in plain JAX."""
    import jax

    network, kit = NETWORKS[work.name], JaxKit()
    x, y = work.data()
    network(kit, x[:2])  # makes the weights

    def loss_of(weights, averages, x, y):
        kit = JaxKit(weights, averages)
        logs = jax.nn.log_softmax(network(kit, x))
        return -jax.numpy.mean(jax.numpy.take_along_axis(logs, y[:, None], axis=1)), kit.new

    def step(weights, averages, speed, x, y):
        (loss, averages), g = jax.value_and_grad(loss_of, has_aux=True)(weights, averages, x, y)
        speed = jax.tree.map(lambda v, g: 0.9 * v - 0.1 * g, speed, g)
        return jax.tree.map(jax.numpy.add, weights, speed), averages, speed, loss

    state = kit.weights, kit.averages, jax.tree.map(jax.numpy.zeros_like, kit.weights)
    step = jax.jit(step, donate_argnums=(0, 1, 2))

    def call():
        nonlocal state
        for start in range(0, len(x), work.batch_size):
            rows = slice(start, start + work.batch_size)
            *state, loss = step(*state, x[rows], y[rows])
        return float(loss)

    return call


def tensorflow_training(work, xla):
    """Return the call that trains with a `tf.function` in plain TensorFlow."""
    import tensorflow as tf

    network, kit = NETWORKS[work.name], TensorFlowKit()
    x, y = work.data()
    network(kit, tf.constant(x[:2]))  # makes the weights
    weights = list(kit.weights.values())
    speeds = [tf.Variable(tf.zeros_like(w), trainable=False) for w in weights]

    @tf.function(jit_compile=xla)
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = network(kit, x)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for w, v, g in zip(weights, speeds, tape.gradient(loss, weights), strict=True):
            v.assign(0.9 * v - 0.1 * g)
            w.assign_add(v)
        return loss

    def call():
        for start in range(0, len(x), work.batch_size):
            rows = slice(start, start + work.batch_size)
            loss = step(tf.constant(x[rows]), tf.constant(y[rows]))
        return float(loss)

    return call


def keras_training(work, backend_name, compiled=False, application=None):
    """Return the call that trains our network, or one of `keras.applications`, in `fit`."""
    common.select(backend_name)
    import keras

    from keras_course import convnets, ops

    if application:
        model = getattr(keras.applications, application)(weights=None, classifier_activation=None)
    else:
        model = getattr(convnets, work.builder).from_preset(work.preset)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    jit_compile = True if work.xla and backend_name == "tensorflow" else "auto"
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, jit_compile=jit_compile)
    model = model if application else ops.jit_training(model, fuse=compiled)
    epoch = common.fit_examples(model, *work.data(), work.batch_size)
    return lambda: common.synchronize(epoch())


# The comparison ------------------------------------------------------------------------------------------------------


def comparison(work, with_compile=False):
    """Return `({peer: maker}, {backend: maker})` for `turns.compare`."""
    peers = {
        "torch": (torch_training, work, "contiguous_format"),
        "torch, channels last": (torch_training, work, "channels_last"),
    }
    if with_compile:
        peers["torch.compile"] = (torch_training, work, "contiguous_format", True)
        peers["torch.compile, channels last"] = (torch_training, work, "channels_last", True)
    if importlib.util.find_spec("jax") is not None:
        peers["jax, jitted step"] = (jax_training, work)
    if importlib.util.find_spec("tensorflow") is not None:
        peers["tensorflow, tf.function"] = (tensorflow_training, work, False)
        peers["tensorflow, XLA"] = (tensorflow_training, work, True)
    if work.name == "resnet_50" and not with_compile:  # or there would be too many of them for 24 GiB
        for each in backend.available():
            peers[f"keras.applications, {each}"] = (keras_training, work, each, False, "ResNet50")
    return peers, {each: (keras_training, work, each, with_compile) for each in backend.available()}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.convnets", description=__doc__.split("\n")[0])
    parser.add_argument("network", nargs="*", help=f"some of {', '.join(ON_CPU)} (default all)")
    parser.add_argument("--rounds", type=int, default=9, help="timed calls of each implementation (default 9)")
    parser.add_argument("--compile", action="store_true", help="torch.compile for peers and for ours on PyTorch")
    parser.add_argument("--gpu", action="store_true", help="more of each work, which would be too long for a CPU")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if unknown := set(options.network) - set(ON_CPU):
        parser.error(f"network {', '.join(sorted(unknown))} is none of {', '.join(ON_CPU)}")
    if importlib.util.find_spec("torch") is None:
        sys.exit("This comparison needs torch. Install with: pip install 'keras_course[torch]'")
    docs = records.docs_of_checkout() if options.record else None  # before minutes are spent on it
    works = ON_GPU if options.gpu else ON_CPU
    for name in options.network or works:
        size, title = works[name].batch_size * works[name].steps, f"{name}_step" + "_compiled" * options.compile
        peers, ours = comparison(works[name], options.compile)
        rows = turns.compare(title, size, "images", peers, ours, options.rounds)
        if docs is not None:
            records.record_speeds([{**row, **origin(row["backend"])} for row in rows], "convnets", docs)


if __name__ == "__main__":
    main()
