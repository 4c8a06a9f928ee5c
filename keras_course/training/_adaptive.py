"""Optimizers with a learning rate of its own for each weight.

Notation: w weights, g gradient, gamma = `learning_rate`, t = 1, 2, ... the number of the step; m a running mean of g,
r or v a sum or running mean of g^2. All operations are on each entry by itself.

Every one of them divides by the size of recent gradients, and so takes steps that do not change when the loss is
multiplied by a constant.
"""

import dataclasses

from keras import ops

from keras_course.ops._types import Tensor
from keras_course.training._optimizer import Optimizer, one_for_zero


@dataclasses.dataclass(frozen=True)
class AdaGrad(Optimizer):
    """AdaGrad: divide by the root of the sum of all squared gradients so far.

        r <- r + g^2,  w <- w - gamma g / (sqrt(r) + epsilon)

    Args:
        learning_rate: gamma, a positive number or a schedule.
        initial_accumulator_value: r before the first step. Keras starts at 0.1, which shortens the first steps.
        epsilon: keeps the quotient finite. Keras has sqrt(r + epsilon).

    References:
        Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, Duchi et al., 2011,
        https://jmlr.org/papers/v12/duchi11a.html

    Example:
        >>> import numpy as np
        >>> from keras_course.training import AdaGrad, minimize
        >>> path = minimize(lambda w: 7 * w, np.array(0.0), AdaGrad(1.0), num_steps=4).trajectory
        >>> [round(float(step), 4) for step in np.diff(path)]      # 1 / sqrt(t), whatever the slope
        [-1.0, -0.7071, -0.5774, -0.5]
    """

    initial_accumulator_value: float = 0.0
    epsilon: float = 1e-7

    def slots(self, w) -> tuple[Tensor, ...]:
        return (ops.full_like(w, self.initial_accumulator_value),)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        (r,) = slots
        r = r + g**2
        return w - gamma * g / one_for_zero(ops.sqrt(r) + self.epsilon), (r,)


@dataclasses.dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp: AdaGrad that forgets, by a running mean in place of the sum.

        r <- rho r + (1 - rho) g^2,  w <- w - gamma g / (sqrt(r) + epsilon)

    Args:
        learning_rate: gamma, a positive number or a schedule.
        rho: decay rate of the mean, in [0, 1).
        epsilon: keeps the quotient finite. Keras has sqrt(r + epsilon).

    References:
        Lecture 6.5: RMSProp, Tieleman and Hinton, 2012,
        https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

    Example:
        >>> import numpy as np
        >>> from keras_course.training import RMSProp, minimize
        >>> path = minimize(lambda w: 7 * w, np.array(0.0), RMSProp(1.0), num_steps=100).trajectory
        >>> [round(float(path[t] - path[t + 1]), 2) for t in (0, 99)]      # the mean begins at 0, too small
        [3.16, 1.0]
    """

    rho: float = 0.9
    epsilon: float = 1e-7

    def slots(self, w) -> tuple[Tensor, ...]:
        return (ops.zeros_like(w),)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        (r,) = slots
        r = self.rho * r + (1 - self.rho) * g**2
        return w - gamma * g / one_for_zero(ops.sqrt(r) + self.epsilon), (r,)


@dataclasses.dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: momentum and RMSProp together, without the bias of means that start at zero.

        m <- beta_1 m + (1 - beta_1) g,  v <- beta_2 v + (1 - beta_2) g^2
        w <- w - gamma m' / (sqrt(v') + epsilon)  with  m' = m / (1 - beta_1^t),  v' = v / (1 - beta_2^t)

    Its first step is gamma sign(g), whatever the size of the gradient (as long as `|g| >> epsilon`).

    Args:
        learning_rate: gamma, a positive number or a schedule.
        beta_1: decay rate of m, in [0, 1).
        beta_2: decay rate of v, in [0, 1).
        epsilon: keeps the quotient finite. Keras has 1e-7, and adds it to sqrt(v), not to sqrt(v'): there it counts
            for more in the first steps.

    References:
        Adam: A Method for Stochastic Optimization, Kingma and Ba, 2014, https://arxiv.org/abs/1412.6980

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Adam
        >>> optimizer, w = Adam(0.5), np.array([1.0, 2.0])
        >>> w, state = optimizer.step(w, np.array([1e-3, -1e3]), optimizer.init(w))
        >>> np.array(w).round(4).tolist()
        [0.5, 2.5]
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def slots(self, w) -> tuple[Tensor, ...]:
        return ops.zeros_like(w), ops.zeros_like(w)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        m, v = slots
        m = self.beta_1 * m + (1 - self.beta_1) * g
        v = self.beta_2 * v + (1 - self.beta_2) * g**2
        mean, square = m / (1 - self.beta_1**t), v / (1 - self.beta_2**t)
        return w - gamma * mean / one_for_zero(ops.sqrt(square) + self.epsilon), (m, v)


@dataclasses.dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: weights shrink by themselves, outside of the quotient.

        w <- (1 - gamma lambda) w, then the update of Adam with g, which is the gradient of the loss alone

    Args:
        learning_rate: gamma, a positive number or a schedule.
        beta_1: decay rate of m, in [0, 1).
        beta_2: decay rate of v, in [0, 1).
        epsilon: as in `Adam`.
        weight_decay: lambda. PyTorch has 0.01 as well, Keras 0.004; `keras.optimizers.Adam(weight_decay=...)` is this
            optimizer, and so is decoupled, where PyTorch's `Adam(weight_decay=...)` adds lambda w to g.

    References:
        Decoupled Weight Decay Regularization, Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101

    Example:
        >>> import numpy as np
        >>> from keras_course.training import AdamW
        >>> optimizer, w = AdamW(0.1, weight_decay=0.5), np.array([2.0])
        >>> w, state = optimizer.step(w, np.array([0.0]), optimizer.init(w))
        >>> round(float(w[0]), 4)      # no gradient, and still it shrinks
        1.9
    """

    weight_decay: float = 0.01

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        return super().update(w * (1 - gamma * self.weight_decay), g, slots, gamma, t)


@dataclasses.dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: the sign of a mean of gradients; every weight moves by the same length.

        w <- w - gamma sign(beta_1 m + (1 - beta_1) g),  m <- beta_2 m + (1 - beta_2) g

    Args:
        learning_rate: gamma, a positive number or a schedule; a tenth of Adam's is usual.
        beta_1: weight of the past in the step, in [0, 1).
        beta_2: decay rate of m, in [0, 1).

    References:
        Symbolic Discovery of Optimization Algorithms, Chen et al., 2023, https://arxiv.org/abs/2302.06675

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Lion
        >>> optimizer, w = Lion(0.1), np.array([1.0, 2.0])
        >>> w, state = optimizer.step(w, np.array([1e-3, -1e3]), optimizer.init(w))
        >>> [round(float(part), 4) for part in w]
        [0.9, 2.1]
    """

    beta_1: float = 0.9
    beta_2: float = 0.99

    def slots(self, w) -> tuple[Tensor, ...]:
        return (ops.zeros_like(w),)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        (m,) = slots
        step = ops.sign(self.beta_1 * m + (1 - self.beta_1) * g)
        return w - gamma * step, (self.beta_2 * m + (1 - self.beta_2) * g,)
