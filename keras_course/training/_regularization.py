"""Regularization around an optimizer: weight decay, gradient clipping, weight averaging and early stopping.

Notation: w weights, g gradients, structures of arrays; gamma the learning rate, lambda = `strength`, |g| the Euclidean
norm.
"""

import dataclasses
import math
from typing import Any

from keras import ops, tree

from keras_course.checks import as_floats, fraction, not_negative, positive, validate, whole
from keras_course.training._optimizer import Optimizer, floats, pairs, scaled, widen


@dataclasses.dataclass(frozen=True)
class _Decay:
    """An optimizer around an optimizer of this lecture, with the same `init` and `step`."""

    optimizer: Optimizer
    strength: float

    def __post_init__(self):
        if not isinstance(self.optimizer, Optimizer):
            raise ValueError(f"optimizer={self.optimizer!r} must be an optimizer of this lecture, such as Adam(1e-3)")
        not_negative(strength=self.strength)

    def init(self, w):
        """Return the state of the optimizer before the first step."""
        return self.optimizer.init(w)


@dataclasses.dataclass(frozen=True)
class L2(_Decay):
    """L2 regularization: the penalty `(lambda / 2) |w|^2` is part of the loss, so its gradient is part of g.

        g <- g + lambda w, then a step of the optimizer

    An optimizer that divides by the size of gradients divides the penalty as well: weights with large gradients then
    hardly decay. See `Decoupled`.

    Args:
        optimizer: an optimizer of this lecture.
        strength: lambda, at least 0. `keras.regularizers.L2(l2)` has the penalty `l2 |w|^2`, so that lambda = 2 l2.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import GD, L2
        >>> optimizer, w = L2(GD(0.1), strength=0.5), np.array([2.0])
        >>> w, state = optimizer.step(w, np.array([1.0]), optimizer.init(w))      # 2 - 0.1 (1 + 0.5 * 2)
        >>> round(float(w[0]), 4)
        1.8
    """

    def step(self, w, g, state) -> tuple[Any, tuple]:
        """Return `(w, state)` after one step, as `Optimizer.step`."""
        weights, gradients = pairs(floats(w), floats(g, "g"))
        wide = [widen(a) for a in weights]
        g = [ops.cast(b, a.dtype) + self.strength * a for a, b in zip(wide, gradients, strict=True)]
        return self.optimizer.step(w, tree.pack_sequence_as(w, g), state)


@dataclasses.dataclass(frozen=True)
class Decoupled(_Decay):
    """Decoupled weight decay: weights shrink by themselves, whatever the optimizer makes of the gradient.

        w <- (1 - gamma lambda) w, then a step of the optimizer with g as it was

    For `GD` this is `L2`: w - gamma (g + lambda w) = (1 - gamma lambda) w - gamma g. For `Adam` it is `AdamW`.

    Args:
        optimizer: an optimizer of this lecture.
        strength: lambda, at least 0.

    References:
        Decoupled Weight Decay Regularization, Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Adam, Decoupled
        >>> optimizer, w = Decoupled(Adam(0.1), strength=0.5), np.array([2.0])
        >>> w, state = optimizer.step(w, np.array([100.0]), optimizer.init(w))      # (1 - 0.1 * 0.5) 2 - 0.1
        >>> round(float(w[0]), 4)
        1.8
    """

    def step(self, w, g, state) -> tuple[Any, tuple]:
        """Return `(w, state)` after one step, as `Optimizer.step`."""

        def shrink(part):
            wide = widen(part)
            rate = ops.convert_to_tensor(self.optimizer.rate(state[0]), dtype=wide.dtype)
            return ops.cast(wide * (1 - rate * self.strength), part.dtype)

        return self.optimizer.step(tree.map_structure(shrink, floats(w)), g, state)


@validate(limit=positive)
def clip_by_value(g, limit) -> Any:
    """Cut every entry of a gradient to [-limit, limit]; this changes its direction. `clipvalue` in Keras.

    Args:
        g: an array, or nested lists of arrays.
        limit: the largest entry that is left as it is; positive.

    Returns:
        A structure like g.

    Raises:
        ValueError: `limit` is not a finite number above 0.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import clip_by_value
        >>> np.array(clip_by_value(np.array([3.0, -0.5]), 1.0)).tolist()
        [1.0, -0.5]
    """
    return tree.map_structure(lambda part: ops.clip(part, -limit, limit), floats(g, "g"))


@validate(limit=positive)
def clip_by_norm(g, limit) -> Any:
    """Shorten each array of a gradient to `|g_i| <= limit`; each keeps its direction. `clipnorm` in Keras.

    The norm may be larger than the type of the array can hold. An array with an entry that is NaN or infinite has no
    direction: all its entries become NaN.

    Args:
        g: an array, or nested lists of arrays.
        limit: the longest array that is left as it is; positive.

    Returns:
        A structure like g.

    Raises:
        ValueError: `limit` is not a finite number above 0.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import clip_by_norm
        >>> a, b = clip_by_norm([np.array([3.0, 4.0]), np.array([0.5])], 1.0)
        >>> [round(float(entry), 4) for entry in a], float(b[0])
        ([0.6, 0.8], 0.5)
    """
    return tree.map_structure(lambda part: _shorten([part], limit)[0], floats(g, "g"))


@validate(limit=positive)
def clip_by_global_norm(g, limit) -> Any:
    """Shorten a gradient as a whole to `|g| <= limit`; it keeps its direction. `global_clipnorm` in Keras.

    The arrays may differ in type. Where an entry of one is NaN or infinite, all entries of all become NaN.

    Args:
        g: an array, or nested lists of arrays.
        limit: the longest that is left as it is; positive.

    Returns:
        A structure like g.

    Raises:
        ValueError: `limit` is not a finite number above 0.

    References:
        On the Difficulty of Training Recurrent Neural Networks, Pascanu et al., 2013,
        https://arxiv.org/abs/1211.5063

    Example:
        >>> import numpy as np
        >>> from keras_course.training import clip_by_global_norm
        >>> a, b = clip_by_global_norm([np.array([3.0]), np.array([4.0])], 1.0)
        >>> round(float(a[0]), 4), round(float(b[0]), 4)
        (0.6, 0.8)
    """
    return tree.pack_sequence_as(g, _shorten(tree.flatten(floats(g, "g")), limit))


def _shorten(parts, limit):
    """Return arrays whose norm together is at most `limit`, each in its type."""
    units, largest, length = scaled(parts)
    fits = largest * length <= limit
    factor = ops.where(ops.isfinite(length), limit / length, math.nan)

    def shorten(part, unit):
        return ops.cast(ops.where(fits, ops.cast(part, unit.dtype), unit * factor), part.dtype)

    return [shorten(part, unit) for part, unit in zip(parts, units, strict=True)]


@validate(momentum=fraction)
def average_weights(average, w, momentum=0.99) -> Any:
    """Return the exponential moving average (EMA) of weights after another step of training.

        average <- momentum average + (1 - momentum) w

    Late in training the weights wander around a minimum, and their average is nearer to it. It looks back on about
    1 / (1 - momentum) steps. Begin with the weights after the first step, as Keras does (`use_ema=True`): a mean that
    begins at zero would need the correction of `Adam`.

    Args:
        average: structure of arrays.
        w: structure like it.
        momentum: weight of the past, in [0, 1).

    Returns:
        A structure like `average`.

    Raises:
        ValueError: `momentum` outside [0, 1), or structures or shapes that differ.

    References:
        Acceleration of Stochastic Approximation by Averaging, Polyak and Juditsky, 1992,
        https://doi.org/10.1137/0330046

    Example:
        >>> import numpy as np
        >>> from keras_course.training import average_weights
        >>> average = np.array([1.0])
        >>> for w in (3.0, 5.0):
        ...     average = average_weights(average, np.array([w]), momentum=0.5)
        >>> float(average[0])
        3.5
    """
    old, new = pairs(floats(average, "average"), floats(w), ("average", "w"))
    mixed = [_mix(momentum, a, b) for a, b in zip(old, new, strict=True)]
    return tree.pack_sequence_as(average, mixed)


def _mix(momentum, a, b):
    wide = widen(a)
    return ops.cast(momentum * wide + (1 - momentum) * ops.cast(b, wide.dtype), a.dtype)


@validate(patience=whole(1), min_delta=not_negative)
def early_stop(losses, patience, *, min_delta=0.0) -> tuple[int, int]:
    """Return when early stopping ends training: once the validation loss has not improved for `patience` epochs.

    Args:
        losses: validation loss after each epoch; NaN does not count as an improvement.
        patience: number of epochs that may pass without a new lowest loss, at least 1.
        min_delta: how much lower a loss has to be to count as lower.

    Returns:
        `(last, best)`: the last epoch that is trained, and the one whose weights are kept, counted from 0. If
        training is not stopped early, `last` is the last epoch.

    Raises:
        ValueError: `losses` is not a series of numbers, `patience` < 1, or `min_delta` is negative or not finite.

    References:
        Early Stopping, but When?, Prechelt, 1998, https://doi.org/10.1007/3-540-49430-8_3

    Example:
        >>> from keras_course.training import early_stop
        >>> early_stop([3.0, 2.0, 2.5, 2.2, 1.0], patience=2)
        (3, 1)
    """
    losses = as_floats("losses", losses)
    if losses.ndim != 1 or losses.size == 0:
        raise ValueError(f"losses has shape {losses.shape}; it must hold one loss for each epoch, of one epoch or more")
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta or (math.isnan(losses[best]) and not math.isnan(loss)):
            best = epoch
        if epoch - best >= patience:
            return epoch, best
    return len(losses) - 1, best
