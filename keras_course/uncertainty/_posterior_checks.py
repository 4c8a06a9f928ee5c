"""Checks of posteriors that were inferred from simulations. All take and return NumPy arrays.

Notation: N simulations with true parameters theta (N, P), S samples of the posterior of each.
"""

import numpy as np

from keras_course.checks import as_array, finite


def simulation_based_calibration(theta, samples) -> np.ndarray:
    """Return the rank of each true parameter among the samples of its posterior, (N, P), from 0 to S.

        rank_ni = number of samples s with theta_nsi < theta_ni

    If theta came from the prior, x from the simulator and the samples from the exact posterior given x, all S + 1 ranks
    are equally likely. A posterior that is too narrow has too many ranks near 0 and S, one that is too wide has too
    many in the middle, and a shifted one has too many at one end.

    Args:
        theta: true parameters (N, P).
        samples: (N, S, P).

    Raises:
        ValueError: the shapes do not fit, or a number is not finite.

    References:
        Validating Bayesian Inference Algorithms with Simulation-Based Calibration, Talts et al., 2018,
        https://arxiv.org/abs/1804.06788

    Example:
        >>> from keras_course.uncertainty import simulation_based_calibration
        >>> simulation_based_calibration([[0.5]], [[[0.1], [0.2], [0.9]]]).tolist()
        [[2]]
    """
    theta, samples = as_array("theta", theta), as_array("samples", samples)
    if theta.ndim != 2 or samples.ndim != 3 or theta.shape != samples.shape[::2] or 0 in samples.shape:
        raise ValueError(f"samples has shape {samples.shape}, and theta {theta.shape}; they must be (N, S, P), (N, P)")
    finite(theta=theta, samples=samples)
    return (samples < theta[:, None]).sum(axis=1)


def expected_coverage(log_prob, sample_log_prob, levels) -> np.ndarray:
    """Return how often the highest-density region of each level contains the true parameters: (L,).

    The highest-density region of the level c is the smallest set with the posterior probability c. It contains theta
    if samples of a higher density than theta have less than this probability:

        coverage(c) = mean over n of [(k_n + 1/2) / (S + 1) <= c],  k_n = number of s with log q_ns > log q_n

    The exact posterior has the coverage c. A smaller one means that the posterior is **overconfident**.

    Args:
        log_prob: log q(theta_n | x_n) of the true parameters (N,).
        sample_log_prob: log q of S samples of q(theta | x_n), (N, S).
        levels: probabilities from 0 to 1, (L,).

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a level is not between 0 and 1.

    References:
        A Trust Crisis in Simulation-Based Inference? Your Posterior Approximations Can Be Unfaithful, Hermans et al.,
        2022, https://arxiv.org/abs/2110.06581

    Example:
        >>> from keras_course.uncertainty import expected_coverage
        >>> expected_coverage([-1.0, -9.0], [[-2.0, -3.0], [-2.0, -3.0]], [0.5, 1.0]).tolist()
        [0.5, 1.0]
    """
    log_prob, samples = as_array("log_prob", log_prob), as_array("sample_log_prob", sample_log_prob)
    levels = as_array("levels", levels)
    if log_prob.ndim != 1 or samples.ndim != 2 or len(log_prob) != len(samples) or not samples.size:
        raise ValueError(
            f"sample_log_prob has shape {samples.shape}, and log_prob {log_prob.shape}; they must be (N, S) and (N,)"
        )
    if levels.ndim != 1 or not len(levels) or not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"levels={levels.tolist()} must be a row of probabilities from 0 to 1, at least one")
    finite(log_prob=log_prob, sample_log_prob=samples)
    denser = (samples > log_prob[:, None]).sum(axis=1)
    mass = (denser + 0.5) / (samples.shape[1] + 1)
    return np.searchsorted(np.sort(mass), levels, side="right") / len(mass)


def effective_sample_size(log_weights) -> np.ndarray:
    """Return how many independent samples S weighted ones are worth, for each row of log-weights (N, S): (N,).

        (sum_s w_s)^2 / sum_s w_s^2

    With w = p(x | theta) p(theta) / q(theta | x) it compares q with the exact posterior: it is S where both agree, and
    1 where a single sample has all the weight.

    Args:
        log_weights: (N, S), up to a constant of each row; -infinity is a weight of 0.

    Raises:
        ValueError: `log_weights` has another shape or holds NaN or infinity, or a row has only weights of 0.

    References:
        Survey Sampling, Kish, 1965, Wiley
        Neural Importance Sampling for Rapid and Reliable Gravitational-Wave Inference, Dax et al., 2023,
        https://arxiv.org/abs/2210.05686

    Example:
        >>> import numpy as np
        >>> from keras_course.uncertainty import effective_sample_size
        >>> effective_sample_size([[0.0, 0.0, -np.inf]]).tolist()
        [2.0]
    """
    log_weights = as_array("log_weights", log_weights).astype("float64")
    if log_weights.ndim != 2 or not log_weights.size:
        raise ValueError(f"log_weights has shape {log_weights.shape}; it must be (N, S)")
    largest = log_weights.max(axis=1, keepdims=True)
    finite(log_weights=largest)
    weights = np.exp(log_weights - largest)
    return weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
