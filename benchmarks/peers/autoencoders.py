"""Our auto-encoders beside the same networks in plain PyTorch, timed in turn.

    python -m benchmarks.peers.autoencoders [WORK ...] [--rounds 5] [--compile] [--record]

A step of Adam on batches of 128 images of 28 x 28 pixels, `steps` times. The works:

- vae_training: the course's VAE, 784-100-100-32, with 187,648 parameters.
- vae_convolutional_training: convolutions of 32 and 64 channels, a dense layer of 128, and the mirror image of these.
- vq_vae_training: convolutions of 32 and 64 channels, and a codebook of 64 entries of 16 features, with its loss.

PyTorch runs eagerly, and with --compile the networks and the loss go through `torch.compile`, too. Both sides sum up
the terms of the loss, as `fit` reports them.
"""

import functools
from typing import NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers import command


class Work(NamedTuple):
    """What one call does."""

    title: str
    builder: str
    arguments: dict
    rows: int = 128
    steps: int = 10
    input_shape: tuple[int, int, int] = (28, 28, 1)


PERCEPTRON = {"latent_dim": 32, "hidden_dims": (100, 100)}
CONVOLUTIONAL = {"latent_dim": 32, "hidden_dims": (128,), "filters": (32, 64)}
QUANTIZED = {"num_codes": 64, "code_dim": 16, "filters": (32, 64)}
WORKS = {
    "vae_training": Work("vae_training", "vae", PERCEPTRON, steps=20),
    "vae_convolutional_training": Work("vae_convolutional_training", "vae", CONVOLUTIONAL),
    "vq_vae_training": Work("vq_vae_training", "vq_vae", QUANTIZED),
}


def data_of(work):
    return np.random.default_rng(0).random((work.steps * work.rows, *work.input_shape), dtype="float32")


def dense(widths):
    """Return dense layers with rectifiers between them."""
    from torch import nn

    layers = []
    for i in range(len(widths) - 1):
        layers += [nn.Linear(widths[i], widths[i + 1]), nn.ReLU()]
    return layers[:-1]


def down(channels):
    """Return convolutions that halve the sides, padded after the image as Keras pads them."""
    from torch import nn

    layers = []
    for i in range(len(channels) - 1):
        layers += [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels[i], channels[i + 1], 3, stride=2), nn.ReLU()]
    return layers


def up(channels):
    """Return transposed convolutions that double the sides, cropped as Keras crops them; none after the last one."""
    from torch import nn

    layers = []
    for i in range(len(channels) - 1):
        layers += [
            nn.ConvTranspose2d(channels[i], channels[i + 1], 3, stride=2),
            nn.ZeroPad2d((0, -1, 0, -1)),
            nn.ReLU(),
        ]
    return layers[:-1]


def torch_vae(input_shape, latent_dim, hidden_dims, filters=()):
    """Return encoder and decoder of a VAE, as modules; images are (B, C, H, W), and vectors (B, D) without filters."""
    from torch import nn

    height, width, channels = input_shape
    if not filters:
        size = height * width * channels
        return (
            nn.Sequential(*dense([size, *hidden_dims, 2 * latent_dim])),
            nn.Sequential(*dense([latent_dim, *hidden_dims[::-1], size])),
        )
    grid = (filters[-1], height >> len(filters), width >> len(filters))
    size = int(np.prod(grid))
    encoder = nn.Sequential(*down([channels, *filters]), nn.Flatten(), *dense([size, *hidden_dims, 2 * latent_dim]))
    decoder = nn.Sequential(
        *dense([latent_dim, *hidden_dims[::-1], size]),
        nn.ReLU(),
        nn.Unflatten(1, grid),
        *up([*filters[::-1], channels]),
    )
    return encoder, decoder


def vae_terms(encoder, decoder, x, noise):
    """Return the mean reconstruction and the mean divergence of a VAE with a Bernoulli likelihood."""
    import torch
    from torch.nn import functional

    mean, log_variance = encoder(x).chunk(2, dim=1)
    logits = decoder(mean + torch.exp(0.5 * log_variance) * noise)
    reconstruction = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum() / len(x)
    return reconstruction, kl


def torch_vq_vae(input_shape, num_codes, code_dim, filters):
    """Return encoder, decoder and codebook of a vector-quantized auto-encoder."""
    import torch
    from torch import nn

    channels = input_shape[-1]
    encoder = nn.Sequential(*down([channels, *filters]), nn.Conv2d(filters[-1], code_dim, 1))
    decoder = nn.Sequential(nn.Conv2d(code_dim, filters[-1], 3, padding=1), nn.ReLU(), *up([*filters[::-1], channels]))
    return encoder, decoder, nn.Parameter((2 * torch.rand(num_codes, code_dim) - 1) / num_codes)


def vq_terms(encoder, decoder, codebook, x):
    """Return the squared error, the codebook loss and the commitment loss."""
    from torch.nn import functional

    z = encoder(x).movedim(1, -1)
    rows = z.reshape(-1, z.shape[-1])
    distances = codebook.square().sum(1) - 2 * rows @ codebook.T
    chosen = codebook[distances.argmin(1)].reshape(z.shape)
    codebook_loss, commitment = functional.mse_loss(chosen, z.detach()), functional.mse_loss(z, chosen.detach())
    decoded = decoder((z + (chosen - z).detach()).movedim(-1, 1))
    return functional.mse_loss(decoded, x), codebook_loss, commitment


def torch_call(work, compiled=False):
    """Return the call that does `work` in plain PyTorch."""
    import torch

    torch.manual_seed(0)
    device = common.torch_device()
    x = torch.from_numpy(data_of(work)).to(device)
    x = x.flatten(1) if work.builder == "vae" and "filters" not in work.arguments else x.movedim(-1, 1).contiguous()
    if work.builder == "vae":
        parts = [part.to(device) for part in torch_vae(work.input_shape, **work.arguments)]
        latent_dim = work.arguments["latent_dim"]

        def terms(batch):
            return vae_terms(*parts, batch, torch.randn(len(batch), latent_dim, device=device))
    else:
        *parts, codebook = torch_vq_vae(work.input_shape, **work.arguments)
        parts, codebook = [part.to(device) for part in parts], torch.nn.Parameter(codebook.detach().to(device))

        def terms(batch):
            return vq_terms(*parts, codebook, batch)

    weights = [weight for part in parts for weight in part.parameters()]
    weights += [] if work.builder == "vae" else [codebook]
    optimizer = torch.optim.Adam(weights, 1e-3)
    of_batch = torch.compile(terms) if compiled else terms
    factors = (1.0, 1.0) if work.builder == "vae" else (1.0, 1.0, 0.25)

    def train():
        sums = torch.zeros(len(factors), device=device)
        for batch in x.split(work.rows):
            optimizer.zero_grad(set_to_none=True)
            found = of_batch(batch)
            sum(factor * term for factor, term in zip(factors, found, strict=True)).backward()
            optimizer.step()
            sums += torch.stack(found).detach()
        return float(sums[0]) / work.steps

    return train


def our_call(work, name):
    """Return the call that does `work` with our builder and `fit`."""
    common.select(name)
    import keras

    from keras_course import autoencoders
    from keras_course.ops import jit_training

    model = getattr(autoencoders, work.builder)(work.input_shape, **work.arguments)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile="auto" if name == "jax" else False)
    jit_training(model)
    x = data_of(work)
    fit = common.fit_examples(model, x, x[:, 0, 0, 0], work.rows)

    def train():
        common.synchronize(fit())
        return float(model.trackers[0].result())

    return train


comparison = functools.partial(command.beside_torch, torch_call, our_call)


def amount(work):
    """Return how much one call does, and its unit."""
    return work.steps * work.rows, "images"


def main(arguments=None):
    command.run("autoencoders", __doc__, WORKS, comparison, amount, ("torch",), arguments)


if __name__ == "__main__":
    main()
