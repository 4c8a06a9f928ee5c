"""Noise in recorded programs, on PyTorch.

Keras draws noise with a `torch.Generator`, which it makes from the state of a `SeedGenerator`. A recorded program has
tensors only, so it would repeat the noise of its recording. While a function is recorded, its draws are therefore
replaced by operations that take the seed as a tensor and make the generator when the program runs. Then the state of a
`SeedGenerator` is a variable like any other, and the noise is, bit for bit, the noise of Keras's own step.
"""

import contextlib
import functools
from collections.abc import Iterator

import torch
from keras import tree
from keras.src.backend.torch import random  # where Keras draws; no public name leads to it
from keras.src.random.seed_generator import SeedGenerator, draw_seed
from torch.overrides import TorchFunctionMode

_DRAWS = {  # what Keras calls with a generator, and `torch.bernoulli` in its dropout
    torch.multinomial: "(Tensor p, int num_samples, bool replacement, *, Tensor seed) -> Tensor",
    torch.normal: "(float mean, float std, int[] size, *, Tensor seed, ScalarType? dtype=None) -> Tensor",
    torch.rand: "(int[] size, *, Tensor seed, ScalarType? dtype=None) -> Tensor",
    torch.randint: "(int low, int high, int[] size, *, Tensor seed, ScalarType? dtype=None) -> Tensor",
}


def _draw(function, *args, seed, **kwargs):
    generator = torch.Generator(seed.device).manual_seed(int(seed.sum()) & 0xFFFFFFFF)  # as Keras does it
    with seed.device:
        return function(*args, generator=generator, **kwargs)


def _shape_alone(function, *args, seed, **kwargs):
    with seed.device:
        return function(*args, **kwargs)


_OPERATIONS = torch.library.Library("keras_course", "FRAGMENT")
for _function, _schema in _DRAWS.items():
    _name = _function.__name__
    _OPERATIONS.define(_name + _schema)
    _OPERATIONS.impl(_name, functools.partial(_draw, _function), "CompositeExplicitAutograd")
    torch.library.register_fake(f"keras_course::{_name}", functools.partial(_shape_alone, _function), lib=_OPERATIONS)


class CannotRecord(Exception):
    """A draw that a recorded program could only repeat."""


@contextlib.contextmanager
def seeds_as_tensors() -> Iterator[None]:
    """Inside, draws of Keras are operations on seeds. Where there is none for a draw, it raises `CannotRecord`."""
    with _Draws() as draws:
        replaced = {"torch_seed_generator": draws.generator, "draw_seed": _refuse, "dropout": _dropout}
        originals = {name: getattr(random, name) for name in replaced}
        try:
            vars(random).update(replaced)
            yield
        finally:
            vars(random).update(originals)


def _refuse(seed):
    raise CannotRecord("Keras draws from a gamma, beta or binomial distribution by seeding PyTorch as a whole")


def _dropout(inputs, rate, noise_shape=None, seed=None, *, by_keras=random.dropout):
    """Return Keras's dropout by cheaper calls: `rand` for `bernoulli`, and a product, as in PyTorch, for `where`."""
    of_layer = isinstance(seed, SeedGenerator) and seed.get_config()["seed"] is None
    if rate in (0, 1) or (noise_shape is None and (seed is None or of_layer)):  # Keras calls PyTorch's dropout
        return by_keras(inputs, rate, noise_shape, seed)
    shape = random._get_concrete_noise_shape(inputs, noise_shape)
    kept = torch.rand(shape, generator=random.torch_seed_generator(seed)) < 1 - rate
    return inputs / (1 - rate) * kept.to(inputs.dtype)


class _Draws(TorchFunctionMode):
    """Replaces a call that takes a generator by our operation; each generator stands for a seed."""

    def __init__(self):
        super().__init__()
        self.seeds = {}

    def generator(self, seed):
        generator = torch.Generator()
        self.seeds[generator] = draw_seed(seed)
        return generator

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        seed = self.seeds.get(kwargs.get("generator"))
        if seed is None:
            return function(*args, **kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name not in ("generator", "device")}
        numbers = (args[1:] if function is torch.multinomial else args, kwargs)
        if any(map(torch.is_tensor, tree.flatten(numbers))):
            raise CannotRecord("PyTorch reads the value of a tensor that stands for a number of a distribution")
        return getattr(torch.ops.keras_course, function.__name__)(*args, seed=seed, **kwargs)
