"""Stochastic gradient Langevin dynamics: gradient ascent on a log-density, plus noise.

Notation: C chains of D numbers, w (C, D) positions, e_t the step size at step t, N examples, minibatches of B.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_points, fraction, function, not_negative, numpy_seed, positive, validate, whole
from keras_course.uncertainty._chains import Chains


@validate(
    log_prob=function,
    num_examples=whole(1),
    batch_size=whole(1),
    num_samples=whole(1),
    every=whole(1),
    num_burn_in=whole(0),
    step_size=positive,
    delay=positive,
    decay=fraction,
    temperature=not_negative,
    seed=numpy_seed,
)
def stochastic_gradient_langevin(
    log_prob: Callable,
    start,
    *,
    num_examples,
    batch_size=32,
    num_samples=1000,
    every=10,
    num_burn_in=200,
    step_size=1e-3,
    delay=1000.0,
    decay=0.55,
    temperature=1.0,
    seed=0,
    variables=(),
) -> Chains:
    """Sample a posterior by stochastic gradient Langevin dynamics (SGLD), several chains at once.

        w <- w + e_t / 2 grad log_prob(w, rows) + sqrt(T e_t) z,  z ~ N(0, I),  e_t = e_0 (1 + t / b)^-c

    The gradient comes from a minibatch. Its noise shrinks as e_t^2 and the noise that is added as e_t, so for small
    steps the second dominates, and the chain samples the posterior. No proposal is rejected, so a step size that does
    not shrink leaves an error.

    Args:
        log_prob: function of positions (C, D) and row numbers (B,) of a minibatch that returns unbiased estimates of
            log-densities (C,): the log-prior plus N / B times the log-likelihood of the rows, such as
            `WeightPosterior.log_prob`.
        start: first positions (C, D), one for each chain.
        num_examples: N.
        batch_size: B; all chains see the same minibatch.
        num_samples: S, the samples of each chain.
        every: steps from one sample to the next.
        num_burn_in: samples before the first one that is kept.
        step_size: e_0.
        delay: b, the number of steps after which the step size begins to shrink.
        decay: c in [0, 1); 0 for a constant step size.
        temperature: T; 1 samples the posterior, and 0 is stochastic gradient ascent.
        seed: of minibatches and noise; these are the same on every backend.
        variables: every Keras variable that log_prob reads.

    Returns:
        `Chains`, with the samples (C, S, D).

    Raises:
        ValueError: an argument is out of its range, or the chains diverge: the step size is too large.

    Differences from the paper:
        Samples have equal weights; the paper weights them by their step sizes. It takes c in (0.5, 1].

    References:
        Bayesian Learning via Stochastic Gradient Langevin Dynamics, Welling and Teh, 2011,
        https://www.stats.ox.ac.uk/~teh/research/compstats/WelTeh2011a.pdf

    Example:
        >>> from keras import ops
        >>> from keras_course.uncertainty import stochastic_gradient_langevin
        >>> normal = lambda w, rows: -ops.sum(w**2, axis=-1) / 2
        >>> chains = stochastic_gradient_langevin(normal, [[0.0], [3.0]], num_examples=1, batch_size=1, step_size=0.1)
        >>> chains.samples.shape
        (2, 1000, 1)
    """
    w, rng = as_points(start, name="start").astype("float32"), np.random.default_rng(seed)
    loop, samples = _compiled(log_prob, variables), []
    for index in range(num_burn_in + num_samples):
        rates = step_size * (1 + (index * every + np.arange(every)) / delay) ** -decay
        noise = np.sqrt(temperature * rates)[:, None, None] * rng.normal(size=(every, *w.shape))
        carry = {
            "w": w,
            "index": np.int32(0),
            "rates": rates.astype("float32"),
            "noise": noise.astype("float32"),
            "rows": rng.integers(num_examples, size=(every, batch_size), dtype="int32"),
        }
        w = ops.convert_to_numpy(loop(carry)["w"])
        if not np.isfinite(w).all():
            raise ValueError(
                f"step_size={step_size!r} is too large: a chain diverged within {(index + 1) * every} steps"
            )
        if index >= num_burn_in:
            samples.append(w)
    return Chains(np.stack(samples, axis=1), np.ones(len(w)))


def _compiled(log_prob, variables):
    """Return the compiled loop over as many steps as there are rates."""

    def step(carry):
        rate, noise, rows = (ops.take(carry[name], carry["index"], axis=0) for name in ("rates", "noise", "rows"))
        w = carry["w"]
        gradient = ops.reshape(course_ops.grad(lambda w: ops.sum(log_prob(w, rows)))(w), w.shape)
        return {**carry, "w": w + rate / 2 * gradient + noise, "index": carry["index"] + 1}

    return course_ops.jit_while(lambda carry: carry["index"] < carry["rates"].shape[0], step, variables=variables)
