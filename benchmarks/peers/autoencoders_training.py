"""What a VAE in plain PyTorch reaches on the data of a recipe, trained alike: a line beside ours in the results.

    python -m benchmarks.peers.autoencoders_training [RECIPE ...] [--seeds 1] [--record]

The networks begin with the initial weights of the recipe, see the same images in the same order, and are trained by
PyTorch's AdamW with the same rates. Only the noise of the latent variables is another one.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import common
from benchmarks.peers.autoencoders import torch_vae, vae_terms
from keras_course import records
from keras_course.recipes import RECIPES

PEERS = ("mnist_vae", "mnist_vae_convolutional")
SAMPLES = 10  # of each test image, as the recipe takes them


class Pair(NamedTuple):
    """A weight of PyTorch, ours, and the function that brings axes and pixels of ours into PyTorch's order."""

    theirs: Any
    ours: Any
    convert: Callable


def copy_into(parts, model) -> list[Pair]:
    """Copy our weights of encoder and decoder into PyTorch's, and return the pairs."""
    import torch

    pairs = []
    for part, network in zip(parts, (model.encoder, model.decoder), strict=True):
        for theirs, ours in zip(part.parameters(), network.weights, strict=True):
            pairs.append(Pair(theirs, ours, _converter(network, ours, network is model.decoder)))
            theirs.data = torch.from_numpy(pairs[-1].convert(ours).copy()).to(theirs.device)
    return pairs


def in_torch_order(weight) -> np.ndarray:
    """Return a weight of Keras with its axes in PyTorch's order: outputs first."""
    from keras import ops

    value = ops.convert_to_numpy(weight)
    return value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T


def _converter(network, weight, decoder):
    """Return the function to PyTorch's order. Next to images, rows of a dense layer are sorted by channels first."""
    flat = [layer for layer in network.layers if layer.name in ("flatten", "reshape")]
    images = flat[0].output.shape[1:] if decoder and flat else flat[0].input.shape[1:] if flat else ()
    if len(images) != 3 or not any(len(other.shape) == 4 for other in network.weights):
        return in_torch_order
    order = np.arange(np.prod(images)).reshape(images).transpose(2, 0, 1).ravel()
    if not decoder and weight.shape[0] == len(order):
        return lambda value: in_torch_order(value)[:, order]
    if decoder and weight.shape[-1] == len(order):
        return lambda value: in_torch_order(value)[order]  # of a bias, too
    return in_torch_order


def prepare(recipe, seed):
    """Return the data of a recipe, and encoder and decoder of PyTorch with its initial weights."""
    from keras_course.recipes._part import build_model

    data = recipe.task.load()
    model = build_model(recipe, data, seed)
    arguments = recipe.build.presets[recipe.preset] | recipe.overrides | {"input_shape": data.x.shape[1:]}
    arguments = {name: value for name, value in arguments.items() if name not in ("parameters", "seed")}
    parts = [part.to(common.torch_device()) for part in torch_vae(**arguments)]
    copy_into(parts, model)
    return data, parts


def as_torch(parts, images):
    """Return images as the networks take them: flat for perceptrons, channels first for convolutions."""
    import torch

    x = torch.from_numpy(np.ascontiguousarray(images)).to(common.torch_device())
    convolutional = any(weight.ndim == 4 for weight in parts[0].parameters())
    return x.movedim(-1, 1).contiguous() if convolutional else x.flatten(1)


def train(recipe, data, parts, seed, noise) -> list[float]:
    """Train as the recipe does, with noise(step, shape) for the latent variables; return the loss of each step."""
    import torch

    from keras_course.recipes._loop import plan
    from keras_course.recipes._optimizers import cosine_schedule

    settings, schedule = recipe.optimizer, cosine_schedule(recipe.optimizer, recipe.steps)
    weights = [weight for part in parts for weight in part.parameters()]
    options = {"betas": settings.betas, "eps": 1e-7, "weight_decay": settings.weight_decay}  # Keras's epsilon
    optimizer = torch.optim.AdamW(weights, lr=settings.peak_rate, **options)
    batches, losses = data.batches(recipe.batch_size, plan(recipe.steps)[1], seed, 0), []
    for step in range(recipe.steps):
        x = as_torch(parts, next(batches)[0])
        loss = sum(vae_terms(*parts, x, noise(step, (len(x), parts[1][0].in_features))))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        optimizer.param_groups[0]["lr"] = float(schedule(step))
        optimizer.step()
        losses.append(loss.item())
    return losses


def measure(name, seed):
    """Train and return the -ELBO of the test images, the size of the data, the number of parameters and the minutes."""
    import torch

    recipe = RECIPES[name]
    data, parts = prepare(recipe, seed)
    generator = torch.Generator(common.torch_device()).manual_seed(seed)

    def noise(step, shape):
        return torch.randn(shape, generator=generator, device=common.torch_device())

    start = time.perf_counter()
    train(recipe, data, parts, seed, noise)
    minutes = (time.perf_counter() - start) / 60
    x = as_torch(parts, data.test)
    with torch.no_grad():
        shape = len(x), parts[1][0].in_features
        bounds = [sum(vae_terms(*parts, x, noise(0, shape))).item() for _ in range(SAMPLES)]
    return statistics.fmean(bounds), data.size, sum(w.numel() for part in parts for w in part.parameters()), minutes


def row(name, seed):
    """Return the row for `docs/results`: the row of the recipe, with the peer in place of the backend."""
    recipe, (value, size, parameters, minutes) = RECIPES[name], measure(name, seed)
    return {
        "kind": "recipe",
        "recipe": name,
        "backend": "plain PyTorch",
        "seed": seed,
        "metric": str(recipe.task.metric),
        "value": value,
        **{key: getattr(recipe, key) for key in ("expected", "tolerance", "published", "source")},
        "data": recipe.task.data,
        "size": size,
        "steps": recipe.steps,
        "parameters": parameters,
        "device": str(common.torch_device()),
        "minutes": round(minutes, 2),
        **records.origin("torch"),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.autoencoders_training", description=__doc__.split("\n")[0]
    )
    parser.add_argument("recipe", nargs="*", default=PEERS[:1], help=f"some of {', '.join(PEERS)} (default: the first)")
    parser.add_argument("--seeds", type=int, default=1, help="initial weights and orders to try (default 1)")
    parser.add_argument("--record", action="store_true", help="append the result to docs/results")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.recipe) - set(PEERS)):
        parser.error(f"{unknown[0]} is not among {', '.join(PEERS)}")
    if options.seeds < 1:
        parser.error(f"--seeds {options.seeds} must be at least 1")
    docs = records.docs_of_checkout() if options.record else None
    common.select("torch")
    for name in options.recipe:
        rows = [row(name, seed) for seed in range(options.seeds)]
        values = [found["value"] for found in rows]
        print(f"{name}: plain PyTorch {statistics.fmean(values):.2f}, {', '.join(f'{v:.2f}' for v in values)}")
        if docs is not None:
            records.record_results(rows, "autoencoders", docs, RECIPES)


if __name__ == "__main__":
    main()
