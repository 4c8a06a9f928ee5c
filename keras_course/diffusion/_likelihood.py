"""The probability-flow ODE: an exact map between noise and data, and the likelihood that follows from it.

Notation: x_t follows dx/dt = u(x, t), from the data at t_min to noise at the time 1, or back.
"""

import math

import numpy as np
from keras import ops, tree

from keras_course.checks import choice, flag, instance, numpy_seed, positive, validate, whole
from keras_course.diffusion._denoisers import Denoiser
from keras_course.diffusion._loop import as_noise
from keras_course.ops import jvp
from keras_course.ops._solvers import adaptive_solver
from keras_course.ops._trace import exact_trace
from keras_course.ops._types import Tensor


@validate(denoiser=instance(Denoiser), steps=whole(1), tolerance=positive, encode=flag)
def probability_flow(denoiser, x, steps=1000, *, tolerance=1e-5, encode=False) -> Tensor:
    """Follow the probability-flow ODE from noise to data by the adaptive Dormand-Prince method of order 5.

    The map has no noise, so it can be inverted: with `encode` it leads from data to their noise.

    Args:
        denoiser: a `Denoiser`.
        x: x_T (B, ...), or data to encode.
        steps: the largest number of steps.
        tolerance: of the error of a step; see `keras_course.ops.dormand_prince`.
        encode: whether to go from data to noise.

    Returns:
        Samples, or noise, (B, ...).

    Raises:
        ValueError: an argument is out of its range.
        RuntimeError: the method needs more steps.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, probability_flow
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[3.0]], [[[0.25]]])
        >>> x = probability_flow(denoiser, np.array([[-1.0], [0.0], [1.0]]))
        >>> [round(float(value), 2) for value in x[:, 0]]
        [2.5, 3.0, 3.5]
        >>> [round(float(value), 2) for value in probability_flow(denoiser, x, encode=True)[:, 0]]
        [-1.0, 0.0, 1.0]
    """
    x, times = as_noise("x", x), (1.0, denoiser.schedule.t_min)
    if "flow" not in denoiser.programs:
        denoiser.programs["flow"] = adaptive_solver(
            lambda t, y, given: (denoiser.given(given).velocity(y[0], t),), variables=denoiser.variables
        )
    (x,), _ = denoiser.programs["flow"](
        (x,), *(reversed(times) if encode else times), tolerance=tolerance, max_steps=int(steps), given=denoiser.context
    )
    return x


@validate(
    denoiser=instance(Denoiser),
    tolerance=positive,
    max_steps=whole(1),
    trace=choice("exact", "hutchinson"),
    seed=numpy_seed,
)
def log_likelihood(denoiser, x, *, tolerance=1e-5, max_steps=1000, trace="exact", seed=0) -> Tensor:
    """Return the log-likelihood of data by the probability-flow ODE, a continuous-time normalizing flow:

        log p_0(x_0) = log p_1(x_1) + integral over t of the trace of du/dx,  p_1 = N(0, sigma_1^2 I)

    Args:
        denoiser: a `Denoiser`.
        x: data (B, ...) of D numbers each.
        tolerance, max_steps: of the adaptive method; see `keras_course.ops.dormand_prince`.
        trace: "exact", by D derivatives for each call; or "hutchinson", by an estimate without bias from one of them.
        seed: of the estimate.

    Returns:
        (B,), in nats.

    Raises:
        ValueError: an argument is out of its range.
        RuntimeError: the method needs more steps.

    References:
        Score-Based Generative Modeling through Stochastic Differential Equations, Song et al., 2021,
        https://arxiv.org/abs/2011.13456

    Example:
        >>> import numpy as np
        >>> from keras_course.diffusion import CosineNoise, MixtureDenoiser, log_likelihood
        >>> denoiser = MixtureDenoiser(CosineNoise(), [[3.0]], [[[0.25]]])
        >>> round(float(log_likelihood(denoiser, np.array([[3.0]]))[0]), 2)  # -log(0.5 sqrt(2 pi))
        -0.23
    """
    x = as_noise("x", x)
    signs = np.sign(np.random.default_rng(seed).normal(size=x.shape)).astype("float32")
    if trace not in denoiser.programs:
        change = _exact_change if trace == "exact" else _estimated_change
        denoiser.programs[trace] = adaptive_solver(
            lambda t, y, given: change(denoiser.given(given["context"]), t, y[0], given["signs"]),
            variables=denoiser.variables,
        )
    (noise, log_det), _ = denoiser.programs[trace](
        (x, ops.zeros((x.shape[0],))),
        denoiser.schedule.t_min,
        1.0,
        tolerance=tolerance,
        max_steps=int(max_steps),
        given={"context": denoiser.context, "signs": ops.convert_to_tensor(signs)},
    )
    sigma = float(denoiser.schedule.sigma(ops.ones(())))
    noise = ops.reshape(noise, (x.shape[0], -1))
    return log_det - ops.sum(0.5 * ops.square(noise / sigma) + math.log(sigma * math.sqrt(2 * math.pi)), axis=-1)


def _exact_change(denoiser, t, x, signs):
    """Return the velocity, and the trace of its Jacobian by a derivative for each number, all in one batch."""
    shape, copies = x.shape, math.prod(x.shape[1:])
    many = denoiser.given(_repeated(denoiser.context, copies))

    def velocity(flat, _):
        return ops.reshape(many.velocity(ops.reshape(flat, (-1, *shape[1:])), t), (-1, copies))

    u, trace = exact_trace(velocity, ops.reshape(x, (shape[0], -1)))
    return ops.reshape(u, shape), trace


def _repeated(context, copies):
    def repeat(part):
        return ops.tile(part, (copies, *(1,) * (len(part.shape) - 1))) if len(part.shape) else part

    return tree.map_structure(repeat, context)


def _estimated_change(denoiser, t, x, signs):
    u, product = jvp(lambda x: denoiser.velocity(x, t), (x,), (signs,))
    return u, ops.sum(ops.reshape(signs * product, (x.shape[0], -1)), axis=-1)
