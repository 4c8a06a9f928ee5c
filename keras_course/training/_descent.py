"""Gradient descent, and what momentum adds to it.

Notation: w weights, g gradient, gamma = `learning_rate`, alpha = `momentum`, u the velocity, t the number of the step.
"""

import dataclasses

from keras import ops

from keras_course.ops._types import Tensor
from keras_course.training._optimizer import Optimizer


@dataclasses.dataclass(frozen=True)
class GD(Optimizer):
    """Gradient descent: a step against the gradient of the loss on all data.

        w <- w - gamma g

    Along a direction of curvature c it multiplies the distance to the minimum by 1 - gamma c in each step, so it
    converges if and only if gamma < 2 / c for every c.

    Args:
        learning_rate: gamma, a positive number or a schedule.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import GD
        >>> optimizer, w = GD(0.1), np.array([1.0, 2.0])
        >>> w, state = optimizer.step(w, 10 * w, optimizer.init(w))     # the gradient of 5 |w|^2
        >>> np.array(w).tolist()
        [0.0, 0.0]
    """

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        return w - gamma * g, slots


@dataclasses.dataclass(frozen=True)
class SGD(GD):
    """Stochastic gradient descent: the update of `GD`, but g is the gradient on a mini-batch.

    Such a g is right on average, E[g] = the gradient on all data; its variance falls as 1 / (batch size).

    Args:
        learning_rate: gamma, a positive number or a schedule.

    References:
        A Stochastic Approximation Method, Robbins and Monro, 1951, https://doi.org/10.1214/aoms/1177729586

    Example:
        >>> import numpy as np
        >>> from keras_course.training import SGD, minimize
        >>> run = minimize(lambda w: 5 * w**2, np.array(1.0), SGD(0.1), num_steps=50, noise=0.1)
        >>> bool(run.trajectory[-1] != 0), bool(abs(run.trajectory[-1]) < 0.1)      # it trembles around the minimum
        (True, True)
    """


@dataclasses.dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: the step is a decaying sum of all gradients so far.

        u <- alpha u - gamma g,  w <- w + u

    Where the gradient stays the same, u tends to -gamma g / (1 - alpha): with alpha = 0.9 a step ten times as long.

    Args:
        learning_rate: gamma, a positive number or a schedule.
        momentum: alpha in [0, 1).

    Differences from PyTorch: there u <- alpha u + g and w <- w - gamma u, which is the same as long as gamma is.

    References:
        Some Methods of Speeding up the Convergence of Iteration Methods, Polyak, 1964,
        https://doi.org/10.1016/0041-5553(64)90137-5

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Momentum, minimize
        >>> path = minimize(lambda w: w, np.array(0.0), Momentum(0.1), num_steps=100).trajectory      # a slope of 1
        >>> round(float(path[0] - path[1]), 4), round(float(path[-2] - path[-1]), 4)
        (0.1, 1.0)
    """

    momentum: float = 0.9

    def slots(self, w) -> tuple[Tensor, ...]:
        return (ops.zeros_like(w),)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        (u,) = slots
        u = self.momentum * u - gamma * g
        return w + u, (u,)


@dataclasses.dataclass(frozen=True)
class Nesterov(Momentum):
    """Nesterov's momentum: the gradient is taken where the velocity leads, not where the weights are.

        u <- alpha u - gamma g(w + alpha u),  w <- w + u                   as it is told
        u <- alpha u - gamma g(w),            w <- w + alpha u - gamma g   as it is done, here and in Keras

    The second line is the first in the variable w + alpha u: the weights that are kept are those looked ahead to.

    Args:
        learning_rate: gamma, a positive number or a schedule.
        momentum: alpha in [0, 1).

    References:
        A Method for Solving the Convex Programming Problem with Convergence Rate O(1/k^2), Nesterov, 1983,
        https://www.mathnet.ru/eng/dan46009;
        On the Importance of Initialization and Momentum in Deep Learning, Sutskever et al., 2013,
        https://proceedings.mlr.press/v28/sutskever13.html

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Nesterov, minimize
        >>> path = minimize(lambda w: w, np.array(0.0), Nesterov(0.1, momentum=0.5), num_steps=2).trajectory
        >>> [round(float(point), 4) for point in path]      # the first step looks ahead already: 0.1 + 0.5 * 0.1
        [0.0, -0.15, -0.325]
    """

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        (u,) = slots
        u = self.momentum * u - gamma * g
        return w + self.momentum * u - gamma * g, (u,)
