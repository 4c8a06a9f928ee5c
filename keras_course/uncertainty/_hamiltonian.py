"""Hamiltonian Monte Carlo: samples of a density that is known up to a constant factor, with the help of its gradient.

Notation: C chains of D numbers; w (C, D) positions, p (C, D) momenta, h the step size (one for all numbers or one for
each), L the number of steps, and H(w, p) = -log_prob(w) + norm(p)^2 / 2 the energy.
"""

from collections.abc import Callable

import numpy as np
from keras import ops

from keras_course import ops as course_ops
from keras_course.checks import as_points, as_row, function, is_number, numpy_seed, positive, validate, whole
from keras_course.uncertainty._chains import Chains


def _check_step_size(step_size):
    if is_number(step_size):
        positive(step_size=step_size)
    elif (as_row("step_size", step_size) <= 0).any():
        raise ValueError(f"step_size={step_size!r} must be a positive number, or a row of them")


@validate(log_prob=function, step_size=_check_step_size, num_steps=whole(1))
def leapfrog(
    log_prob: Callable, position, momentum, *, step_size, num_steps, variables=()
) -> tuple[np.ndarray, np.ndarray]:
    """Follow Hamiltonian dynamics, dw/dt = p and dp/dt = grad log_prob(w), for L steps of the size h:

        p <- p + h/2 grad log_prob(w),  w <- w + h p,  p <- p + h/2 grad log_prob(w)

    Each line moves one variable by a function of the other one, so a step keeps volumes, and a step with -p leads back.
    The error of the energy is of the order h^2, and does not grow with L.

    Args:
        log_prob: function of positions (C, D) that returns log-densities (C,), up to a constant.
        position: w (C, D).
        momentum: p (C, D).
        step_size: h, a number or a row (D,), as in `hamiltonian_monte_carlo`.
        num_steps: L.
        variables: every Keras variable that log_prob reads.

    Returns:
        Position and momentum after the last step, each (C, D).

    Raises:
        ValueError: an argument is out of its range, shapes do not fit, or log_prob is not finite at `position`.

    References:
        MCMC using Hamiltonian dynamics, Neal, 2011, https://arxiv.org/abs/1206.1901

    Example:
        >>> from keras import ops
        >>> from keras_course.uncertainty import leapfrog
        >>> w, p = leapfrog(lambda w: -ops.sum(w**2, axis=-1) / 2, [[1.0]], [[0.0]], step_size=0.1, num_steps=31)
        >>> round(float(w[0, 0]), 2)  # half an oscillation
        -1.0
    """
    position = as_points(position, name="position").astype("float32")
    momentum = as_points(momentum, name="momentum").astype("float32")
    if momentum.shape != position.shape:
        raise ValueError(f"momentum has shape {momentum.shape}; it must be {position.shape}, as position")
    move = _compiled(log_prob, variables)
    h = _steps(step_size, position)
    return move(position, momentum, *_at(log_prob, position), h, num_steps)[:2]


@validate(
    log_prob=function,
    num_samples=whole(1),
    step_size=_check_step_size,
    num_steps=whole(1),
    num_burn_in=whole(0),
    seed=numpy_seed,
)
def hamiltonian_monte_carlo(
    log_prob: Callable,
    start,
    *,
    num_samples=1000,
    step_size=0.1,
    num_steps=20,
    num_burn_in=200,
    seed=0,
    variables=(),
) -> Chains:
    """Sample a density that is known up to a constant factor by Hamiltonian Monte Carlo (HMC), several chains at once.

    Each iteration samples a momentum p ~ N(0, I), follows the leapfrog method to the proposal (w', p'), and accepts it
    with the Metropolis probability, which corrects the error of the method:

        P(accept) = min(1, exp(H(w, p) - H(w', p')))

    The step size of each iteration is h times a number between 0.8 and 1.2, so that no trajectory is a full period.
    The steps are one compiled program. Choose h so that 60 to 90 % of the proposals are accepted.

    Args:
        log_prob: function of positions (C, D) that returns log-densities (C,), up to a constant.
        start: first positions (C, D), one for each chain.
        num_samples: S, the samples of each chain.
        step_size: h, a number, or a row (D,) where the D numbers have other scales, such as a fraction of the
            deviations of a prior.
        num_steps: L.
        num_burn_in: iterations before the first sample, which are dropped.
        seed: of momenta and decisions; these are the same on every backend.
        variables: every Keras variable that log_prob reads.

    Returns:
        `Chains`, with the samples (C, S, D) and the acceptance rate (C,).

    Raises:
        ValueError: an argument is out of its range, or log_prob is not finite at `start`.

    References:
        Hybrid Monte Carlo, Duane et al., 1987, https://doi.org/10.1016/0370-2693(87)91197-X
        MCMC using Hamiltonian dynamics, Neal, 2011, https://arxiv.org/abs/1206.1901

    Example:
        >>> from keras import ops
        >>> from keras_course.uncertainty import hamiltonian_monte_carlo
        >>> normal = lambda w: -ops.sum(w**2, axis=-1) / 2
        >>> chains = hamiltonian_monte_carlo(normal, [[0.0], [3.0]], num_samples=500, step_size=0.5, num_steps=4)
        >>> chains.samples.shape, bool(abs(chains.merged.var() - 1) < 0.2)
        ((2, 500, 1), True)
    """
    w, rng = as_points(start, name="start").astype("float32"), np.random.default_rng(seed)
    move, (value, gradient) = _compiled(log_prob, variables), _at(log_prob, w, "start")
    steps, samples, accepted = _steps(step_size, w), [], np.zeros(len(w))
    for index in range(num_burn_in + num_samples):
        momentum = rng.normal(size=w.shape).astype("float32")
        h, threshold = steps * rng.uniform(0.8, 1.2), -rng.exponential(size=len(w))  # the second is ln u, u in [0, 1]
        new_w, new_momentum, new_value, new_gradient = move(w, momentum, value, gradient, h, num_steps)
        with np.errstate(all="ignore"):  # a trajectory may diverge; then it is rejected
            kinetic = (np.sum(momentum**2, axis=1) - np.sum(new_momentum**2, axis=1)) / 2
            accept = (new_value - value + kinetic > threshold) & np.isfinite(new_gradient).all(axis=1)
        w, gradient = (np.where(accept[:, None], new, old) for new, old in ((new_w, w), (new_gradient, gradient)))
        value = np.where(accept, new_value, value)
        if index >= num_burn_in:
            samples.append(w)
            accepted += accept
    return Chains(np.stack(samples, axis=1), accepted / num_samples)


def _compiled(log_prob, variables):
    """Return the compiled leapfrog method: a function of w, p, log_prob(w), its gradient, h and L to the first four."""

    def step(carry):
        h, momentum = carry["h"], carry["momentum"] + carry["h"] / 2 * carry["gradient"]
        w = carry["w"] + h * momentum
        value, gradient = _with_gradient(log_prob, w)
        value, gradient = ops.reshape(value, w.shape[:1]), ops.reshape(gradient, w.shape)  # TensorFlow forgets C = 1
        new = {"w": w, "momentum": momentum + h / 2 * gradient, "value": value, "gradient": gradient}
        return {**carry, **new, "index": carry["index"] + 1}

    loop = course_ops.jit_while(lambda carry: carry["index"] < carry["num_steps"], step, variables=variables)
    names = ("w", "momentum", "value", "gradient")

    def move(*state_and_sizes):
        *state, h, num_steps = state_and_sizes
        sizes = {"h": h.astype("float32"), "num_steps": np.int32(num_steps), "index": np.int32(0)}
        carry = loop({**dict(zip(names, state, strict=True)), **sizes})
        return [ops.convert_to_numpy(carry[name]) for name in names]

    return move


def _steps(step_size, w):
    """Return the step size of each number, (D,), or raise a ValueError where there is another number of them."""
    if np.size(step_size) not in (1, w.shape[1]):
        raise ValueError(f"step_size has {np.size(step_size)} entries; it must be a number, or {w.shape[1]} of them")
    return np.broadcast_to(np.asarray(step_size, "float64"), w.shape[1])


def _with_gradient(log_prob, w):
    """Return log_prob(w) (C,) and its gradient (C, D): one pull-back, as a chain's density depends on its own w."""
    value, pullback = course_ops.vjp(log_prob, w)
    return value, pullback(ops.ones_like(value))[0]


def _at(log_prob, w, name="position"):
    """Return what `_with_gradient` does, as arrays, or raise a ValueError where log_prob is not a row of numbers."""
    value, gradient = map(ops.convert_to_numpy, _with_gradient(log_prob, ops.convert_to_tensor(w)))
    if value.shape != (len(w),):
        raise ValueError(f"log_prob returns the shape {value.shape}; it must be ({len(w)},), one number for each chain")
    if not (np.isfinite(value).all() and np.isfinite(gradient).all()):
        raise ValueError(f"log_prob is not finite at {name}, or its gradient is not")
    return value, gradient
