"""The loop of all samplers: one compiled program that takes x from each time to the next.

Notation: x (B, ...) the sample, from x_T, which is noise, to x_0; a step leads from a time t to an earlier time s.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_course.checks import as_real, finite, instance, numpy_seed
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._parameterizations import Scales, scales_at
from keras_course.ops._random import normal_at
from keras_course.ops._types import Tensor


class Step(NamedTuple):
    """What a step is told.

    Attributes:
        t, s: the times before and after the step; scalars.
        at_t, at_s: the `Scales` there.
        noise: function of k = 0, 1, ... that returns new standard normal noise, shaped like x.
        first: whether this is the first step.
        options: numbers of the sampler.
        memory: what the last step kept, {} unless the sampler keeps something.
    """

    t: Tensor
    s: Tensor
    at_t: Scales
    at_s: Scales
    noise: Callable
    first: Tensor
    options: dict
    memory: dict


def run(denoiser, step, x, steps, *, seed=0, noise=None, memory=(), draws=1, repeats=1, **options) -> Tensor:
    """Return x after the steps of a sampler.

    Args:
        denoiser: a `Denoiser`.
        step: function of the denoiser, x and a `Step` that returns the next x; with `memory`, x and the new memory. One
            function of a module, as the compiled program belongs to it.
        x: x_T (B, ...).
        steps: number of steps, or times that fall.
        seed: of the noise.
        noise: noise (steps, B, ...) in place of new noise.
        memory: names of tensors shaped like x that a step keeps for the next one.
        draws: how often a step asks for noise, at most.
        repeats: how often each step is made; all but the last one of them stay at the same time.
        options: numbers of the sampler.
    """
    instance(Denoiser)(denoiser=denoiser)
    numpy_seed(seed=seed)
    x, times = as_noise("x", x), denoiser.schedule.grid(steps)
    times = np.concatenate([np.repeat(times[:-1], repeats), times[-1:]])
    count = len(times) - 1
    padded = np.pad(times, (0, max(64, 1 << count.bit_length()) + 1 - len(times)), mode="edge")
    carry = {
        "x": x,
        "index": ops.zeros((), "int32"),
        "count": ops.convert_to_tensor(count, dtype="int32"),
        "times": ops.convert_to_tensor(padded),  # so one program serves many numbers of steps
        "seed": ops.convert_to_tensor(np.random.default_rng(seed).integers(2**31), dtype="uint32"),
        "options": {name: ops.convert_to_tensor(value, dtype="float32") for name, value in options.items()},
        "memory": {name: ops.zeros_like(x) for name in memory},
        "context": denoiser.context,
        "noise": () if noise is None else _given(noise, (count, *x.shape)),
        "draws": ops.convert_to_tensor(draws, dtype="int32"),
    }
    return denoiser.loop(_unfinished, _body(step))(carry)["x"]


def _unfinished(carry):
    return carry["index"] < carry["count"]


_BODIES = {}


def _body(step):
    """Return the body of the loop of a step, always the same one for the same step."""

    def body(denoiser, carry):
        x, index = carry["x"], carry["index"]
        t, s = (ops.take(carry["times"], index + k) for k in (0, 1))

        def noise(k=0):
            if not isinstance(carry["noise"], tuple):
                return ops.take(carry["noise"], index, axis=0)
            return normal_at(x.shape, carry["seed"], index * carry["draws"] + k)

        scales = (scales_at(denoiser.schedule, time, x) for time in (t, s))
        told = Step(t, s, *scales, noise, index == 0, carry["options"], carry["memory"])
        x, memory = step(denoiser, x, told) if carry["memory"] else (step(denoiser, x, told), {})
        return {**carry, "x": x, "index": index + 1, "memory": memory}

    return _BODIES.setdefault(step, body)


def as_noise(name, x) -> Tensor:
    """Return x (B, ...) as a float32 tensor, or raise a ValueError."""
    if not ops.is_tensor(x):
        x = as_real(name, x).astype("float32")
        finite(**{name: x})
    if len(x.shape) < 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (B, ...), at least one example")
    return ops.cast(ops.convert_to_tensor(x), "float32")


def _given(noise, shape):
    if tuple(np.shape(noise)) != shape:
        raise ValueError(f"noise has shape {tuple(np.shape(noise))}; it must be {shape}: one for each step and number")
    return as_noise("noise", noise)
