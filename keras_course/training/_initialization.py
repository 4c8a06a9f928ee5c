"""Initialization as propagation of variance.

Notation: a layer computes a = W h + b for h in R^q (q = `fan_in`), then h' = phi(a) in R^q' (q' = `fan_out`). Weights
are independent with mean 0 and variance V, biases are 0. M = E[h^2] is the second moment of the input of a layer, and
D = E[(dL/da)^2] is the second moment of the gradient with respect to its pre-activations.

    forward    Var[a] = q V M              each a sums q products
    backward   D = q' V D' E[phi'(a)^2]    each h goes into q' sums of the layer above, whose gradients have D'

A layer keeps M where q V E[phi(a)^2] / Var[a] = 1: for the identity V = 1 / q; for ReLU, which drops half of a^2,
V = 2 / q. It keeps D where the same holds of q'. Glorot's rule is between the two.
"""

import math
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_course.checks import (
    choice,
    not_negative,
    numpy_seed,
    positive,
    validate,
    whole,
    wholes,
)
from keras_course.layers._activations import get_activation
from keras_course.ops import jvp

VARIANCES = {
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
    "glorot": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he": lambda fan_in, fan_out: 2 / fan_in,
}


@validate(fan_in=whole(1), fan_out=whole(1), rule=choice(*VARIANCES))
def variance_of(rule, fan_in, fan_out) -> float:
    """Return the variance V that a rule gives the weights of a layer.

    Args:
        rule: "lecun" (1 / q, for the identity and tanh near 0), "glorot" (2 / (q + q'), a compromise between forward
            and backward) or "he" (2 / q, for ReLU).
        fan_in: q, number of inputs of each unit.
        fan_out: q', number of units that each input goes to.

    Returns:
        A number.

    Raises:
        ValueError: an unknown rule, or a fan below 1.

    References:
        Efficient BackProp, LeCun et al., 1998, https://doi.org/10.1007/3-540-49430-8_2;
        Understanding the Difficulty of Training Deep Feedforward Neural Networks, Glorot and Bengio, 2010,
        https://proceedings.mlr.press/v9/glorot10a.html;
        Delving Deep into Rectifiers, He et al., 2015, https://arxiv.org/abs/1502.01852

    Example:
        >>> from keras_course.training import variance_of
        >>> [variance_of(rule, 4, 12) for rule in ("lecun", "glorot", "he")]
        [0.25, 0.125, 0.5]
    """
    return VARIANCES[rule](fan_in, fan_out)


@validate(distribution=choice("normal", "uniform"), seed=numpy_seed)
def draw_weights(rule, shape, *, distribution="normal", seed=0) -> np.ndarray:
    """Draw the weights of a layer by a rule.

    Args:
        rule: "lecun", "glorot" or "he", see `variance_of`.
        shape: shape of the kernel, `(..., C_in, C_out)`; what comes before the last two axes is the receptive field of
            a convolution, whose r positions make the fans r C_in and r C_out.
        distribution: "normal", N(0, V), or "uniform", U(-sqrt(3 V), sqrt(3 V)), which has variance V as well.
        seed: seed of the generator; the same numbers on every backend.

    Returns:
        A float32 NumPy array.

    Raises:
        ValueError: an unknown rule or distribution, a shape with fewer than two axes, or a `seed` < 0.

    Differences from Keras: it truncates normal distributions at two standard deviations, and widens them to variance V.

    Example:
        >>> from keras_course.training import draw_weights
        >>> w = draw_weights("he", (200, 300), distribution="uniform")
        >>> bool(abs(w).max() <= (6 / 200) ** 0.5), round(float(w.var() * 200), 1)
        (True, 2.0)
    """
    fan_in, fan_out = _fans(shape)
    variance, rng = variance_of(rule, fan_in, fan_out), np.random.default_rng(seed)
    if distribution == "normal":
        return rng.normal(0, math.sqrt(variance), shape).astype("float32")
    limit = math.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape).astype("float32")


@validate(gain=positive, seed=numpy_seed)
def orthogonal(shape, *, gain=1.0, seed=0) -> np.ndarray:
    """Draw a matrix with orthogonal columns (or rows, if these are fewer), which keeps lengths exactly.

    All its singular values are `gain`, so a deep linear network stays well conditioned. A square matrix of independent
    numbers from N(0, 1/n) has singular values from near 0 to 2.

    Args:
        shape: shape of the kernel; all axes but the last are taken as one.
        gain: factor; sqrt(2) makes up for ReLU.
        seed: seed of the generator; the same numbers on every backend.

    Returns:
        A float32 NumPy array.

    Raises:
        ValueError: a shape with fewer than two axes, a `gain` that is not above 0, or a `seed` < 0.

    References:
        Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural Networks, Saxe et al., 2014,
        https://arxiv.org/abs/1312.6120

    Example:
        >>> import numpy as np
        >>> from keras_course.training import orthogonal
        >>> q = orthogonal((3, 3))
        >>> np.allclose(q.T @ q, np.eye(3), atol=1e-6)
        True
    """
    _fans(shape)
    rows, columns = math.prod(shape[:-1]), shape[-1]
    normal = np.random.default_rng(seed).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(normal)
    q = q * np.sign(np.diag(r))  # without this, not all orthogonal matrices would be equally likely
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype("float32")


class VariancePath(NamedTuple):
    """What `propagate_variance` predicts.

    Args:
        activations: M = E[h^2] of the input and after each layer, `(L + 1,)`.
        pre_activations: Var[a] in each layer, `(L,)`.
        gradients: E[(dL/da)^2] in each layer, in units of its value in the last layer, `(L,)`.
    """

    activations: np.ndarray
    pre_activations: np.ndarray
    gradients: np.ndarray


@validate(width=whole(1), num_layers=whole(1), variance=not_negative, first=not_negative)
def propagate_variance(variance, width, num_layers, *, activation="relu", first=1.0) -> VariancePath:
    """Predict how large activations and gradients are in a deep network of equal, wide layers.

        Var[a_l] = q V M_{l-1},  M_l = E[phi(sqrt(Var[a_l]) z)^2],  D_l = D_{l+1} q V E[phi'(sqrt(Var[a_l]) z)^2]

    with z normal, as a sum of many independent terms is; expectations by sums over a fine grid.

    Args:
        variance: V of each weight, as from `variance_of`.
        width: q, of every layer and of the input.
        num_layers: number L of layers.
        activation: phi, a Keras name or a function of tensors.
        first: M_0 = E[h^2] of the input.

    Returns:
        A `VariancePath`.

    Raises:
        ValueError: `width` or `num_layers` < 1, a `variance` or `first` that is negative or not finite, or an unknown
            `activation`.

    References:
        Exponential Expressivity in Deep Neural Networks through Transient Chaos, Poole et al., 2016,
        https://arxiv.org/abs/1606.05340

    Example:
        >>> from keras_course.training import propagate_variance, variance_of
        >>> [propagate_variance(variance_of(rule, 64, 64), 64, 3).activations.round(3).tolist()
        ...  for rule in ("he", "glorot")]
        [[1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 0.25, 0.125]]
    """
    z = np.linspace(-8, 8, 4000)  # an even number: none is at 0, where ReLU has no slope
    chances = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    phi = get_activation(activation)
    moments, spreads, slopes = [first], [], []
    for _ in range(num_layers):
        spread = width * variance * moments[-1]
        a = ops.convert_to_tensor(math.sqrt(spread) * z, dtype="float32")
        h, slope = (ops.convert_to_numpy(t).astype(float) for t in jvp(phi, (a,), (ops.ones_like(a),)))
        spreads.append(spread)
        moments.append(float(chances @ h**2))
        slopes.append(width * variance * float(chances @ slope**2))
    back = np.cumprod([1.0, *slopes[-2::-1]])[::-1]  # the last layer's own slope is not passed on the way back to it
    return VariancePath(np.array(moments), np.array(spreads), back)


@validate(shape=wholes(1))
def _fans(shape):
    if len(shape) < 2:
        raise ValueError(f"shape={shape} must have at least two axes: (..., inputs, outputs)")
    receptive = math.prod(shape[:-2])
    return receptive * shape[-2], receptive * shape[-1]
