"""Normalization layers written out, forward and backward.

Notation: x (B, ..., C) features, y the output, mu and v mean and variance over a set S of axes, gamma and beta (C) the
scale and the shift that are learned, dy = dL/dy and so on. All kinds are one formula, and differ in S alone:

    z = (x - mu) / sqrt(v + epsilon),  y = gamma z + beta

    "batch"     S = all axes but the last: each feature, over all examples and positions
    "layer"     S = the last axis: each example and position, over all features
    "group"     S = positions, and the features of a group
    "instance"  S = positions: each feature of each example (a group for each feature)
    "rms"       as "layer", but with mu = 0, so that v = mean(x^2), and without beta
"""

import dataclasses
from typing import Any, Self

import numpy as np
from keras import ops

from keras_course.checks import choice, fraction, not_negative, tensor, validate, whole
from keras_course.ops._types import Tensor
from keras_course.training._optimizer import floats

KINDS = ("batch", "layer", "group", "instance", "rms")


def normalize(kind, x, gamma=1.0, beta=0.0, *, groups=1, epsilon=1e-5) -> Tensor:
    """Normalize by the statistics of x itself, as in training.

    Args:
        kind: "batch", "layer", "group", "instance" or "rms".
        x: tensor `(B, ..., C)`.
        gamma: scale `(C,)`, or a number.
        beta: shift `(C,)`, or a number; 0 for "rms" as it was published.
        groups: number of groups of features of "group"; it must divide C.
        epsilon: added to the variance, inside of the root.

    Returns:
        A tensor shaped like x.

    Raises:
        ValueError: an unknown kind, an x with less than two axes or without examples, a gamma or beta that is neither
            a number nor `(C,)`, `groups` that does not divide C, "instance" where x has no positions, or a negative
            `epsilon`.

    References:
        Batch Normalization, Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167;
        Layer Normalization, Ba et al., 2016, https://arxiv.org/abs/1607.06450;
        Group Normalization, Wu and He, 2018, https://arxiv.org/abs/1803.08494;
        Instance Normalization, Ulyanov et al., 2016, https://arxiv.org/abs/1607.08022;
        Root Mean Square Layer Normalization, Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467

    Example:
        >>> import numpy as np
        >>> from keras_course.training import normalize
        >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
        >>> np.array(normalize("batch", x)).round(2).tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
        >>> np.array(normalize("layer", x)).round(2).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """
    x = _features(x)
    gamma, beta = _like(x, gamma=gamma, beta=beta)
    z, _, _ = _standard(kind, x, groups, epsilon)
    return ops.reshape(z, ops.shape(x)) * gamma + beta


@validate(dy=tensor)
def normalize_backward(kind, x, gamma, dy, *, groups=1, epsilon=1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """Pull the gradient dy of a loss back through `normalize`, by hand.

    x enters z three times: by itself, through mu and through v. With dz = gamma dy, and means over S:

        dx = (dz - mean(dz) - z mean(dz z)) / sqrt(v + epsilon)

    The two means are what mu and v send back: the part of dz that shifts z as a whole, and the part that stretches it.
    Neither can change z, so neither reaches x. Without mu ("rms") the first is absent.

    Args:
        kind: as in `normalize`.
        x: as in `normalize`.
        gamma: scale `(C,)`.
        dy: tensor like x, the gradient with respect to the output.
        groups: as in `normalize`.
        epsilon: as in `normalize`.

    Returns:
        `(dx, dgamma, dbeta)`, the gradients with respect to x, gamma and beta.

    Raises:
        ValueError: as in `normalize`; or x and dy differ in shape.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import normalize_backward
        >>> x, dy = np.array([[1.0, 10.0], [3.0, 30.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])
        >>> dx, dgamma, dbeta = normalize_backward("batch", x, np.ones(2), dy)
        >>> bool(np.abs(np.array(dx)).max() < 1e-3)      # two values per feature: whatever they do, z stays -1 and 1
        True
        >>> np.array(dgamma).round(3).tolist(), np.array(dbeta).tolist()
        ([0.0, 1.0], [2.0, 3.0])
    """
    x = _features(x)
    (gamma,), dy = _like(x, gamma=gamma), ops.convert_to_tensor(dy, dtype=x.dtype)
    if tuple(x.shape) != tuple(dy.shape):
        raise ValueError(f"x has shape {tuple(x.shape)}, but dy has shape {tuple(dy.shape)}")
    z, scale, axes = _standard(kind, x, groups, epsilon)
    dz = ops.reshape(gamma * dy, ops.shape(z))
    through_variance = z * ops.mean(dz * z, axis=axes, keepdims=True)
    through_mean = 0.0 if kind == "rms" else ops.mean(dz, axis=axes, keepdims=True)
    dx = (dz - through_mean - through_variance) / scale
    others = tuple(range(len(x.shape) - 1))
    return (
        ops.reshape(dx, ops.shape(x)),
        ops.sum(dy * ops.reshape(z, ops.shape(x)), axis=others),
        ops.sum(dy, axis=others),
    )


@dataclasses.dataclass(frozen=True)
class RunningStatistics:
    """Running averages of mean and variance, which batch normalization uses at test time.

    With them the output for an example does not depend on the rest of its batch. In training it does.

        mu <- momentum mu + (1 - momentum) mu_batch,  v <- momentum v + (1 - momentum) v_batch

    Args:
        mean: mu `(C,)`, or a number.
        variance: v `(C,)`, or a number, not negative.
        momentum: weight of the past, in [0, 1). Keras has 0.99: hundreds of steps until the first values are
            forgotten. PyTorch's momentum 0.1 is 1 - 0.9; it also multiplies v_batch by n / (n - 1).

    Example:
        >>> import numpy as np
        >>> from keras_course.training import RunningStatistics
        >>> running = RunningStatistics().update(np.array([[10.0], [30.0]]))
        >>> float(running.mean[0]).__round__(4), float(running.variance[0]).__round__(4)
        (2.0, 10.9)
    """

    mean: Any = 0.0
    variance: Any = 1.0
    momentum: float = 0.9

    def __post_init__(self):
        fraction(momentum=self.momentum)
        tensor(mean=self.mean, variance=self.variance)
        for name in ("mean", "variance"):
            _check_moment(name, getattr(self, name), lowest=0 if name == "variance" else -np.inf)

    def update(self, x) -> Self:
        """Return the statistics after another batch x `(B, ..., C)`."""
        x = _features(x)
        axes, share = tuple(range(len(x.shape) - 1)), self.momentum
        mean, variance = _like(x, mean=self.mean, variance=self.variance)
        return dataclasses.replace(
            self,
            mean=share * mean + (1 - share) * ops.mean(x, axis=axes),
            variance=share * variance + (1 - share) * ops.var(x, axis=axes),
        )

    @validate(epsilon=not_negative)
    def normalize(self, x, gamma=1.0, beta=0.0, *, epsilon=1e-5) -> Tensor:
        """Return gamma (x - mu) / sqrt(v + epsilon) + beta, as in inference."""
        x = _features(x)
        mean, variance, gamma, beta = _like(x, mean=self.mean, variance=self.variance, gamma=gamma, beta=beta)
        return gamma * (x - mean) / ops.sqrt(variance + epsilon) + beta


@validate(x=tensor)
def _features(x):
    x = floats(ops.convert_to_tensor(x))
    if len(x.shape) < 2 or 0 in x.shape:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (B, ..., C), with at least one of each")
    return x


def _like(x, **arrays):
    """Return numbers and arrays `(C,)` as tensors of the type of x; another shape would be broadcast silently."""
    tensor(**arrays)
    tensors = {name: ops.convert_to_tensor(a, dtype=x.dtype) for name, a in arrays.items()}
    for name, value in tensors.items():
        if tuple(value.shape) not in ((), (x.shape[-1],)):
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}; it must be a number, or {(x.shape[-1],)} as x has"
            )
    return list(tensors.values())


@validate(kind=choice(*KINDS), groups=whole(1), epsilon=not_negative)
def _standard(kind, x, groups, epsilon):
    """Return (z, sqrt(v + epsilon), S); z is shaped `(B, ..., G, C / G)` for groups."""
    rank, width = len(x.shape), x.shape[-1]
    _check_kind(kind, x, groups)
    if kind == "group":
        x = ops.reshape(x, (*ops.shape(x)[:-1], groups, width // groups))
    axes = {
        "batch": tuple(range(rank - 1)),
        "layer": (-1,),
        "group": (*range(1, rank - 1), rank),
        "instance": tuple(range(1, rank - 1)),
        "rms": (-1,),
    }[kind]
    centered = x - (0.0 if kind == "rms" else ops.mean(x, axis=axes, keepdims=True))
    scale = ops.sqrt(ops.mean(ops.square(centered), axis=axes, keepdims=True) + epsilon)
    return centered / scale, scale, axes


def _check_moment(name, value, lowest):
    """Raise a ValueError for a moment that is not finite or too low, if it has values: not in a compiled function."""
    if isinstance(value, int | float | list | tuple | np.ndarray | np.number):
        if not np.isfinite(value).all():
            raise ValueError(f"{name}={value} must be finite")
        if np.any(np.asarray(value) < lowest):
            raise ValueError(f"{name}={value} must not be negative")


def _check_kind(kind, x, groups):
    if kind == "instance" and len(x.shape) < 3:
        raise ValueError(f"kind='instance' needs positions, but x has shape {tuple(x.shape)}")
    if kind == "group" and x.shape[-1] % groups:
        raise ValueError(f"groups={groups} does not divide the {x.shape[-1]} features of x")
