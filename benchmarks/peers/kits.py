"""LeNet-5, ResNet-20 and ResNet-50 in plain PyTorch, JAX and TensorFlow, for `benchmarks.peers.convnets`.

Each network is written once, as a function of a *kit*: the weights, and what one framework does with them.
Notation: x images or features, (B, C, H, W) in PyTorch and (B, H, W, C) in the others.
"""

import numpy as np

from benchmarks import common


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
        self.device = common.torch_device()
        self.torch, self.f = torch, torch.nn.functional
        self.format = getattr(torch, memory_format)
        self.relu, self.tanh = self.f.relu, torch.tanh

    def variable(self, value, trainable):
        tensor = self.torch.tensor(value, dtype=self.torch.float32, device=self.device)
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
        x = self.tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=x.dtype.min)  # XLA pads by itself only so
        return self.tf.nn.max_pool2d(x, 3, 2, "VALID")

    def subsample_and_pad(self, x):
        half = x.shape[3] // 2
        return self.tf.pad(x[:, ::2, ::2], [[0, 0], [0, 0], [0, 0], [half, half]])

    def flat(self, x):
        return self.tf.reshape(x, (x.shape[0], -1))

    def mean(self, x):
        return self.tf.reduce_mean(x, (1, 2))
