"""Random networks of infinite width are Gaussian processes: the arcsine kernel, and regression with a kernel.

Notation: f(x) = b + sum_j v_j phi(a_j + u_j' x) is a network with H hidden units, x (N, D) inputs. Its weights are
independent and Gaussian; their variances are sigma_b^2 (b), omega_v^2 / H (v_j), sigma_a^2 (a_j) and sigma_u^2 (u_j).
"""

from collections.abc import Callable

import numpy as np
from keras import ops
from scipy import special

from keras_course.checks import (
    as_floats,
    as_points,
    choice,
    finite,
    function,
    not_negative,
    numpy_seed,
    positive,
    validate,
    whole,
)
from keras_course.ops._types import Tensor
from keras_course.uncertainty._scores import Uncertainty

VARIANCES = {
    "weight_variance": not_negative,
    "bias_variance": not_negative,
    "output_variance": positive,
    "output_bias_variance": not_negative,
}
_ACTIVATIONS = {"erf": special.erf, "tanh": np.tanh}


@validate(**VARIANCES)
def arcsine_kernel(
    x1, x2, *, weight_variance=1.0, bias_variance=1.0, output_variance=1.0, output_bias_variance=0.0
) -> Tensor:
    """Return the covariance of the outputs of a random network with error functions as hidden units, (N, M).

        k(x, z) = sigma_b^2 + omega_v^2 V(x, z),  V(x, z) = E[erf(a + u' x) erf(a + u' z)]
        V(x, z) = 2/pi arcsin(2 s(x, z) / sqrt((1 + 2 s(x, x)) (1 + 2 s(z, z)))),  s(x, z) = sigma_a^2 + sigma_u^2 x' z

    It is the covariance at every width H. As H grows, the outputs become Gaussian: a Gaussian process with this kernel.

    Args:
        x1: rows x (N, D).
        x2: rows z (M, D).
        weight_variance: sigma_u^2.
        bias_variance: sigma_a^2.
        output_variance: omega_v^2.
        output_bias_variance: sigma_b^2.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a variance is out of its range.

    References:
        Computing with Infinite Networks, Williams, 1997,
        https://proceedings.neurips.cc/paper/1996/hash/ae5e3ce40e0404a45ecacaaf05e5f735-Abstract.html
        Bayesian Learning for Neural Networks, Neal, 1995, https://www.cs.toronto.edu/~radford/bnn.book.html

    Example:
        >>> from keras_course.uncertainty import arcsine_kernel
        >>> k = arcsine_kernel([[0.0]], [[0.0], [1.0]])
        >>> k.shape == (1, 2), round(float(k[0, 0]), 4)  # 2/pi arcsin(2/3)
        (True, 0.4646)
    """
    x1 = as_points(x1, name="x1")
    x2 = as_points(x2, columns=x1.shape[1], name="x2")
    x1, x2 = (ops.convert_to_tensor(x, dtype="float32") for x in (x1, x2))
    products = bias_variance + weight_variance * ops.matmul(x1, ops.transpose(x2))
    lengths = [1 + 2 * (bias_variance + weight_variance * ops.sum(ops.square(x), axis=1)) for x in (x1, x2)]
    cosines = 2 * products / ops.sqrt(lengths[0][:, None] * lengths[1])
    return output_bias_variance + output_variance * (2 / np.pi) * ops.arcsin(cosines)


@validate(**VARIANCES, width=whole(1), num_samples=whole(1), activation=choice(*_ACTIVATIONS), seed=numpy_seed)
def nn_gp_prior_samples(
    x,
    width,
    num_samples=1,
    *,
    activation="erf",
    weight_variance=1.0,
    bias_variance=1.0,
    output_variance=1.0,
    output_bias_variance=0.0,
    seed=0,
) -> np.ndarray:
    """Sample functions from the prior of a network with one hidden layer, and return their values at x: (S, N).

        f(x) = b + sum_j v_j phi(a_j + u_j' x),  v_j ~ N(0, omega_v^2 / H)

    The prior has the mean 0 and the variance sigma_b^2 + omega_v^2 E[phi(a + u' x)^2] at every width. By the central
    limit theorem it is a Gaussian process for large H.

    Args:
        x: (N, D).
        width: H.
        num_samples: S.
        activation: phi, "erf" or "tanh".
        weight_variance, bias_variance, output_variance, output_bias_variance: as in `arcsine_kernel`.
        seed: of the weights; the samples are the same on every backend.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Bayesian Learning for Neural Networks, Neal, 1995, https://www.cs.toronto.edu/~radford/bnn.book.html

    Example:
        >>> from keras_course.uncertainty import nn_gp_prior_samples
        >>> nn_gp_prior_samples([[0.0], [1.0]], width=50, num_samples=3).shape
        (3, 2)
    """
    x, rng, phi = as_points(x), np.random.default_rng(seed), _ACTIVATIONS[activation]
    functions = []
    for _ in range(num_samples):
        u = np.sqrt(weight_variance) * rng.normal(size=(x.shape[1], width))
        a, v = np.sqrt(bias_variance) * rng.normal(size=width), rng.normal(size=width)
        b = np.sqrt(output_bias_variance) * rng.normal()
        functions.append(b + np.sqrt(output_variance / width) * phi(x @ u + a) @ v)
    return np.stack(functions)


@validate(kernel=function, noise=positive)
def gaussian_process_posterior(kernel: Callable, x, y, x_new, noise) -> Uncertainty:
    """Return the prediction of exact Gaussian-process regression at new inputs, of M numbers each.

        L L' = k(x, x) + sigma^2 I,  A = L^-1 k(x, x_new),  z = L^-1 y
        mean = A' z,  epistemic variance = k(x_new, x_new) - sum of A^2 over the examples

    The Cholesky factor L takes N^3 / 3 multiplications.

    Args:
        kernel: function of (N, D) and (M, D) that returns covariances (N, M), such as `arcsine_kernel`.
        x: inputs (N, D).
        y: targets (N,).
        x_new: inputs (M, D) of the prediction.
        noise: sigma.

    Returns:
        An `Uncertainty`, whose aleatoric variance is sigma^2.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or the noise is too small for the Cholesky factor in
            float32: sigma^2 must be at least 1e-7 times the trace of k(x, x).

    References:
        Gaussian Processes for Machine Learning, Rasmussen and Williams, 2006, algorithm 2.1, https://gaussianprocess.org/gpml/

    Example:
        >>> from keras_course.uncertainty import arcsine_kernel, gaussian_process_posterior
        >>> prediction = gaussian_process_posterior(arcsine_kernel, [[0.0], [1.0]], [0.0, 1.0], [[1.0], [9.0]], 0.1)
        >>> bool(prediction.epistemic[0] < prediction.epistemic[1])  # it knows more near the data
        True
    """
    x = as_points(x)
    x_new, y = as_points(x_new, columns=x.shape[1], name="x_new"), as_floats("y", y)
    if y.shape != (len(x),) or not np.isfinite(y).all():
        raise ValueError(f"y has shape {y.shape}; it must be ({len(x)},), one finite number for each row of x")
    covariance = _covariances(kernel, x, x)
    if noise**2 < 1e-7 * (trace := np.trace(ops.convert_to_numpy(covariance))):
        raise ValueError(f"noise={noise!r} must be at least {np.sqrt(1e-7 * trace):.2g} for these {len(x)} examples")
    factor = ops.cholesky(covariance + noise**2 * ops.eye(len(x)))
    solved = ops.solve_triangular(factor, _covariances(kernel, x, x_new), lower=True)  # A (N, M)
    z = ops.solve_triangular(factor, ops.convert_to_tensor(y[:, None], dtype="float32"), lower=True)
    prior = ops.diagonal(_covariances(kernel, x_new, x_new))
    variance = ops.maximum(prior - ops.sum(ops.square(solved), axis=0), 0.0)
    mean, variance = (ops.convert_to_numpy(part) for part in (ops.matmul(ops.transpose(solved), z)[:, 0], variance))
    return Uncertainty(mean, np.full(len(mean), noise**2, mean.dtype), variance)


def _covariances(kernel, x1, x2):
    """Return covariances (N, M) in float32, or raise a ValueError where the kernel returns something else."""
    covariances = ops.cast(ops.convert_to_tensor(kernel(x1, x2)), "float32")
    if tuple(covariances.shape) != (len(x1), len(x2)):
        raise ValueError(
            f"kernel returns the shape {tuple(covariances.shape)} for {len(x1)} and {len(x2)} inputs; it must be "
            f"({len(x1)}, {len(x2)})"
        )
    finite(**{"the result of kernel": ops.convert_to_numpy(covariances)})
    return covariances
