"""A training step of our convolutional networks beside the same networks in plain PyTorch, JAX and TensorFlow.

    python -m benchmarks.peers.convnets [NETWORK ...] [--rounds 9] [--compile] [--record]

Notation: x (B, H, W, C) pictures; K classes. The networks are LeNet-5 (28 x 28 grey pixels, batches of 128, eight steps
a call), ResNet-20 (32 x 32 in colour, batches of 128, one step) and ResNet-50 (224 x 224 in colour, batches of 8, one
step), trained with SGD at 0.1, momentum 0.9, and the cross-entropy. `keras.applications` has the last one, too.

Each network is written once, as a function of a *kit*: the weights, and what one framework does with them.
"""

import argparse
import dataclasses
import importlib.util
import sys

import numpy as np

from benchmarks import common
from benchmarks.peers.perceptron import origin
from keras_course import _results, backend


@dataclasses.dataclass(frozen=True)
class Work:
    """What one call does: a network, its pictures, and how many steps."""

    builder: str
    preset: str
    shape: tuple[int, int, int]
    num_classes: int
    batch_size: int
    steps: int

    def data(self):
        """Return random x `(N, H, W, C)` and y `(N,)`: what is in a picture makes no difference to its time."""
        rng = np.random.default_rng(0)
        size = self.batch_size * self.steps
        x = rng.normal(size=(size, *self.shape)).astype("float32")
        return x, rng.integers(self.num_classes, size=size, dtype=np.int32)


WORKS = {
    "lenet5": Work("lenet5", "lenet5", (28, 28, 1), 10, 128, 8),
    "resnet_20": Work("cifar_resnet", "resnet_20", (32, 32, 3), 10, 128, 1),
    "resnet_50": Work("resnet", "resnet_50", (224, 224, 3), 1000, 8, 1),
}

# The networks, each a function of a kit and pictures -----------------------------------------------------------------


def lenet5(kit, x):
    x = kit.average_pool(kit.tanh(kit.conv(x, "c1", 6, 5, pad=2, bias=True)))
    x = kit.flat(kit.average_pool(kit.tanh(kit.conv(x, "c3", 16, 5, bias=True))))
    for name, units in (("c5", 120), ("f6", 84)):
        x = kit.tanh(kit.dense(x, name, units))
    return kit.dense(x, "head", 10)


def resnet_20(kit, x):
    x = kit.relu(kit.conv_norm(x, "stem", 16, 3, pad=1))
    for stage, channels in enumerate((16, 32, 64)):
        for i in range(3):
            name, stride = f"{stage}_{i}", 2 if stage and not i else 1
            f = kit.relu(kit.conv_norm(x, f"{name}_0", channels, 3, stride, pad=1))
            f = kit.conv_norm(f, f"{name}_1", channels, 3, pad=1)
            x = kit.relu(f + (kit.subsample_and_pad(x) if stride == 2 else x))
    return kit.dense(kit.mean(x), "head", 10)


def resnet_50(kit, x):
    x = kit.max_pool(kit.relu(kit.conv_norm(x, "stem", 64, 7, 2, pad=3)))
    for stage, count in enumerate((3, 4, 6, 3)):
        for i in range(count):
            name, stride, inner = f"{stage}_{i}", 2 if stage and not i else 1, 64 * 2**stage
            f = kit.relu(kit.conv_norm(x, f"{name}_0", inner, 1, stride))
            f = kit.relu(kit.conv_norm(f, f"{name}_1", inner, 3, pad=1))
            f = kit.conv_norm(f, f"{name}_2", 4 * inner, 1)
            x = kit.relu(f + (x if i else kit.conv_norm(x, f"{name}_3", 4 * inner, 1, stride)))
    return kit.dense(kit.mean(x), "head", 1000)


NETWORKS = {"lenet5": lenet5, "resnet_20": resnet_20, "resnet_50": resnet_50}


class Kit:
    """Weights by name, made at the first use; below, what each framework does with them."""

    def __init__(self):
        self.weights, self.averages = {}, {}
        self.rng = np.random.default_rng(0)

    def weight(self, name, shape, fan_in):
        if name not in self.weights:
            self.weights[name] = self.variable(self.rng.normal(0, (2 / max(1, fan_in)) ** 0.5, shape), True)
        return self.weights[name]

    def constant(self, store, name, channels, value):
        if name not in store:
            store[name] = self.variable(np.full(channels, value), store is self.weights)
        return store[name]

    def conv_norm(self, x, name, *window, **options):
        return self.norm(self.conv(x, name, *window, **options), name)

    def dense(self, x, name, units):
        kernel = self.weight(f"{name}_kernel", (x.shape[-1], units), x.shape[-1])
        return x @ kernel + self.constant(self.weights, f"{name}_bias", units, 0.0)


class TorchKit(Kit):
    """Channels first, in the plain or in the channels-last memory format."""

    def __init__(self, memory_format="contiguous_format"):
        import torch

        super().__init__()
        self.torch, self.f = torch, torch.nn.functional
        self.format = getattr(torch, memory_format)
        self.relu, self.tanh = self.f.relu, torch.tanh

    def variable(self, value, trainable):
        tensor = self.torch.tensor(value, dtype=self.torch.float32)
        tensor = tensor.to(memory_format=self.format) if tensor.ndim == 4 else tensor
        return tensor.requires_grad_(trainable)

    def conv(self, x, name, channels, size, stride=1, *, pad=0, bias=False):
        kernel = self.weight(name, (channels, x.shape[1], size, size), x.shape[1] * size * size)
        b = self.constant(self.weights, f"{name}_bias", channels, 0.0) if bias else None
        return self.f.conv2d(x, kernel, b, stride, pad)

    def norm(self, x, name):
        mean, variance = (self.constant(self.averages, f"{name}_{i}", x.shape[1], float(i)) for i in range(2))
        offset, gain = (self.constant(self.weights, f"{name}_{i}", x.shape[1], float(i)) for i in range(2))
        return self.f.batch_norm(x, mean, variance, gain, offset, True, 0.1, 1e-5)

    def average_pool(self, x):
        return self.f.avg_pool2d(x, 2)

    def max_pool(self, x):
        return self.f.max_pool2d(x, 3, 2, 1)

    def subsample_and_pad(self, x):
        half = x.shape[1] // 2
        return self.f.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))

    def flat(self, x):
        return x.flatten(1)

    def mean(self, x):
        return x.mean((2, 3))


class JaxKit(Kit):
    """Channels last; the new moving averages are handed out."""

    def __init__(self, weights=None, averages=None):
        import jax

        super().__init__()
        self.jax, self.np = jax, jax.numpy
        self.weights, self.averages, self.new = weights or {}, averages or {}, {}
        self.relu, self.tanh = jax.nn.relu, jax.numpy.tanh

    def variable(self, value, trainable):
        return self.np.asarray(value, "float32")

    def conv(self, x, name, channels, size, stride=1, *, pad=0, bias=False):
        kernel = self.weight(name, (size, size, x.shape[3], channels), x.shape[3] * size * size)
        x = self.jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return x + self.constant(self.weights, f"{name}_bias", channels, 0.0) if bias else x

    def norm(self, x, name):
        moments = x.mean((0, 1, 2)), x.var((0, 1, 2))
        for i, now in enumerate(moments):
            old = self.constant(self.averages, f"{name}_{i}", x.shape[3], float(i))
            self.new[f"{name}_{i}"] = 0.9 * old + 0.1 * now
        offset, gain = (self.constant(self.weights, f"{name}_{i}", x.shape[3], float(i)) for i in range(2))
        return (x - moments[0]) * (self.jax.lax.rsqrt(moments[1] + 1e-5) * gain) + offset

    def average_pool(self, x):
        return self.jax.lax.reduce_window(x, 0.0, self.jax.lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4

    def max_pool(self, x):
        pads = ((0, 0), (1, 1), (1, 1), (0, 0))
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), pads)

    def subsample_and_pad(self, x):
        half = x.shape[3] // 2
        return self.np.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (half, half)))

    def flat(self, x):
        return x.reshape(len(x), -1)

    def mean(self, x):
        return x.mean((1, 2))


class TensorFlowKit(Kit):
    """Channels last; the moving averages are variables."""

    def __init__(self):
        import tensorflow

        super().__init__()
        self.tf = tensorflow
        self.relu, self.tanh = tensorflow.nn.relu, tensorflow.tanh

    def variable(self, value, trainable):
        return self.tf.Variable(value.astype("float32"), trainable=trainable)

    def conv(self, x, name, channels, size, stride=1, *, pad=0, bias=False):
        kernel = self.weight(name, (size, size, x.shape[3], channels), x.shape[3] * size * size)
        x = self.tf.nn.conv2d(x, kernel, stride, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
        return self.tf.nn.bias_add(x, self.constant(self.weights, f"{name}_bias", channels, 0.0)) if bias else x

    def norm(self, x, name):
        offset, gain = (self.constant(self.weights, f"{name}_{i}", x.shape[3], float(i)) for i in range(2))
        y, *moments = self.tf.compat.v1.nn.fused_batch_norm(x, gain, offset, epsilon=1e-5, is_training=True)
        for i, now in enumerate(moments):
            old = self.constant(self.averages, f"{name}_{i}", x.shape[3], float(i))
            old.assign(0.9 * old + 0.1 * now)
        return y

    def average_pool(self, x):
        return self.tf.nn.avg_pool2d(x, 2, 2, "VALID")

    def max_pool(self, x):
        return self.tf.nn.max_pool2d(x, 3, 2, [[0, 0], [1, 1], [1, 1], [0, 0]])

    def subsample_and_pad(self, x):
        half = x.shape[3] // 2
        return self.tf.pad(x[:, ::2, ::2], [[0, 0], [0, 0], [0, 0], [half, half]])

    def flat(self, x):
        return self.tf.reshape(x, (x.shape[0], -1))

    def mean(self, x):
        return self.tf.reduce_mean(x, (1, 2))


# Training with them --------------------------------------------------------------------------------------------------


def torch_training(name, memory_format, compiled=False):
    """Return the call that trains in a plain PyTorch loop."""
    import torch

    work, network, kit = WORKS[name], NETWORKS[name], TorchKit(memory_format)
    x, y = map(torch.from_numpy, work.data())
    x, y = x.permute(0, 3, 1, 2).to(memory_format=kit.format), y.long()
    network(kit, x[:2])  # makes the weights
    optimizer = torch.optim.SGD(kit.weights.values(), lr=0.1, momentum=0.9)
    logits_of = torch.compile(lambda x: network(kit, x), dynamic=False) if compiled else lambda x: network(kit, x)

    def call():
        for rows in torch.arange(len(x)).split(work.batch_size):
            loss = torch.nn.functional.cross_entropy(logits_of(x[rows]), y[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return loss.item()

    return call


def jax_training(name):
    """Return the call that trains with a jitted step in plain JAX."""
    import jax

    work, network, kit = WORKS[name], NETWORKS[name], JaxKit()
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


def tensorflow_training(name, xla):
    """Return the call that trains with a `tf.function` in plain TensorFlow."""
    import tensorflow as tf

    work, network, kit = WORKS[name], NETWORKS[name], TensorFlowKit()
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


def keras_training(name, backend_name, application=None):
    """Return the call that trains our network, or one of `keras.applications`, in `fit`."""
    common.select(backend_name)
    import keras

    from keras_course import convnets

    work = WORKS[name]
    if application:
        model = getattr(keras.applications, application)(weights=None, classifier_activation=None)
    else:
        model = getattr(convnets, work.builder).from_preset(work.preset)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss)
    x, y = work.data()

    def call():
        model.fit(x, y, batch_size=work.batch_size, epochs=1, verbose=0)
        common.synchronise(model.optimizer.iterations.value)

    return call


# The comparison ------------------------------------------------------------------------------------------------------


def comparison(name, with_compile=False):
    """Return `({peer: maker}, {backend: maker}, {backend: its own peers})` for `common.compare`."""
    peers = {
        "torch": (torch_training, name, "contiguous_format"),
        "torch, channels last": (torch_training, name, "channels_last"),
    }
    if with_compile:
        peers["torch.compile"] = (torch_training, name, "contiguous_format", True)
        peers["torch.compile, channels last"] = (torch_training, name, "channels_last", True)
    native = {"torch": tuple(peers)}
    if importlib.util.find_spec("jax") is not None:
        peers["jax, jitted step"] = (jax_training, name)
        native["jax"] = ("jax, jitted step",)
    if importlib.util.find_spec("tensorflow") is not None:
        peers["tensorflow, tf.function"] = (tensorflow_training, name, False)
        peers["tensorflow, XLA"] = (tensorflow_training, name, True)
        native["tensorflow"] = ("tensorflow, tf.function", "tensorflow, XLA")
    if name == "resnet_50":
        for each in backend.available():
            peers[f"keras.applications, {each}"] = (keras_training, name, each, "ResNet50")
    return peers, {each: (keras_training, name, each) for each in backend.available()}, native


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.convnets", description=__doc__.split("\n")[0])
    parser.add_argument("network", nargs="*", help=f"some of {', '.join(WORKS)} (default all)")
    parser.add_argument("--rounds", type=int, default=9, help="timed calls of each implementation (default 9)")
    parser.add_argument("--compile", action="store_true", help="torch.compile as two more peers")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results.json")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} must be at least 1")
    if unknown := set(options.network) - set(WORKS):
        parser.error(f"network {', '.join(sorted(unknown))} is none of {', '.join(WORKS)}")
    if importlib.util.find_spec("torch") is None:
        sys.exit("This comparison needs torch. Install with: pip install 'keras_course[torch]'")
    path = _results.results_file() if options.record else None  # no minute is spent on what cannot be recorded
    for name in options.network or WORKS:
        work = WORKS[name]
        size = work.batch_size * work.steps
        peers, ours, native = comparison(name, options.compile)
        for row in common.compare(f"{name}_step", size, "pictures", peers, ours, options.rounds, native=native):
            if path is not None:
                _results.record_result({**row, **origin(row["backend"])}, path)


if __name__ == "__main__":
    main()
