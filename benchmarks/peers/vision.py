"""Our U-Net beside the same network in plain PyTorch, timed in turn.

    python -m benchmarks.peers.vision [WORK ...] [--rounds 5] [--compile] [--record]

A step of Adam on random crops of 128 x 128 gray pixels, `steps` times, with the cross-entropy of two classes:

- unet_small_training: four levels of 16 to 128 channels, batches of 16.
- unet_course_training: the network of the lecture's notebook, with 7,693,377 parameters, batches of 4.

PyTorch runs eagerly, channels last, and with --compile through `torch.compile`, too.
"""

import functools
from typing import NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers import command


class Work(NamedTuple):
    """What one call does."""

    title: str
    widths: tuple[int, ...]
    rows: int
    steps: int
    side: int = 128


WORKS = {
    "unet_small_training": Work("unet_small_training", (16, 32, 64, 128), 16, 4),
    "unet_course_training": Work("unet_course_training", (64, 128, 256, 512), 4, 2),
}


def data_of(work):
    rng = np.random.default_rng(0)
    x = rng.random((work.steps * work.rows, work.side, work.side, 1), dtype="float32")
    return x, rng.integers(2, size=x.shape[:3])


def torch_unet(widths, channels=1, outputs=1):
    """Return the U-Net as a module: images are (B, C, H, W); convolutions of blocks have no biases."""
    import torch
    from torch import nn

    def block(inputs, width):
        layers = [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.ReLU()]
        return nn.Sequential(*layers, nn.Conv2d(width, width, 3, padding=1, bias=False), nn.ReLU())

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            inputs = (channels, *widths[:-1])
            self.down = nn.ModuleList(block(a, b) for a, b in zip(inputs, widths, strict=True))
            pairs = list(zip(widths[1:], widths[:-1], strict=True))[::-1]
            self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in pairs)
            self.merge = nn.ModuleList(block(2 * b, b) for _, b in pairs)
            self.head = nn.Conv2d(widths[0], outputs, 1)

        def forward(self, h):
            skipped = []
            for level, layers in enumerate(self.down):
                h = layers(nn.functional.max_pool2d(h, 2) if level else h)
                skipped.append(h)
            for up, merge, features in zip(self.up, self.merge, skipped[-2::-1], strict=True):
                h = merge(torch.cat([features, up(h)], dim=1))
            return self.head(h)

    return UNet()


def torch_call(work, compiled=False):
    """Return the call that does `work` in plain PyTorch."""
    import torch

    torch.manual_seed(0)
    device = common.torch_device()
    x, y = map(torch.from_numpy, data_of(work))
    x = x.movedim(-1, 1).to(device, memory_format=torch.channels_last)
    y = y[:, None].float().to(device)
    network = torch_unet(work.widths).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    logits_of = torch.compile(network) if compiled else network

    def train():
        total = torch.zeros((), device=device)
        for batch, goal in zip(x.split(work.rows), y.split(work.rows), strict=True):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits_of(batch), goal)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return float(total) / work.steps

    return train


def our_call(work, name):
    """Return the call that does `work` with our builder and `fit`."""
    common.select(name)
    import keras

    from keras_course.ops import jit_training
    from keras_course.vision import SegmentationLoss, unet

    model = unet((work.side, work.side, 1), 1, widths=work.widths, use_bias=False)
    model.compile(keras.optimizers.Adam(1e-3), SegmentationLoss(), jit_compile="auto" if name == "jax" else False)
    jit_training(model)
    fit = common.fit_examples(model, *data_of(work), work.rows)

    def train():
        common.synchronize(fit())
        return float(model.metrics[0].result())

    return train


comparison = functools.partial(command.beside_torch, torch_call, our_call)


def amount(work):
    """Return how much one call does, and its unit."""
    return work.steps * work.rows, "images"


def main(arguments=None):
    command.run("vision", __doc__, WORKS, comparison, amount, ("torch",), arguments)


if __name__ == "__main__":
    main()
