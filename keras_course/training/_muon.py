"""Muon: momentum whose step is made orthogonal.

Notation: W (N, K) a matrix of weights, G its gradient, alpha = `momentum`, U the velocity; U S V' the singular value
decomposition of a matrix, and U V' the orthogonal matrix that is nearest to it.
"""

import dataclasses

from keras import ops

from keras_course.checks import validate, whole
from keras_course.checks.tensors import on_tensors
from keras_course.ops._types import Tensor
from keras_course.training._adaptive import Adam
from keras_course.training._optimizer import floats, scaled

QUINTIC = (3.4445, -4.7750, 2.0315)  # Jordan's polynomial: steep at 0, so that five rounds lift small values to near 1


@dataclasses.dataclass(frozen=True)
class Muon(Adam):
    """Muon: all singular values of a matrix's step are set to about the same, so that no direction is left out.

        U <- alpha U + G,  W <- W - gamma c sqrt(max(N, K)) orthogonalize(G + alpha U)

    That is for matrices. Arrays with more or fewer axes, such as biases, move as in `Adam`; with c = `rms_rate` = 0.2
    an entry of a matrix moves about as far as with Adam, so that one learning rate serves both.

    Args:
        learning_rate: gamma, a positive number or a schedule.
        beta_1: of Adam.
        beta_2: of Adam.
        epsilon: of Adam.
        momentum: alpha in [0, 1).
        rms_rate: c, the root mean square of a step's entries in units of gamma.

    References:
        Muon: An optimizer for hidden layers in neural networks, Jordan et al., 2024,
        https://kellerjordan.github.io/posts/muon/;
        Muon is Scalable for LLM Training, Liu et al., 2025, https://arxiv.org/abs/2502.16982

    Example:
        >>> import numpy as np
        >>> from keras_course.training import Muon
        >>> optimizer, w = Muon(0.1), np.zeros((2, 3))
        >>> g = np.array([[10.0, 0.0, 0.0], [0.0, 0.1, 0.0]])      # one direction is a hundred times as steep
        >>> w, state = optimizer.step(w, g, optimizer.init(w))
        >>> bool(0.2 < w[1, 1] / w[0, 0] < 1.5)
        True
    """

    momentum: float = 0.95
    rms_rate: float = 0.2

    def slots(self, w) -> tuple[Tensor, ...]:
        return (ops.zeros_like(w),) if len(w.shape) == 2 else super().slots(w)

    def update(self, w, g, slots, gamma, t) -> tuple[Tensor, tuple[Tensor, ...]]:
        if len(w.shape) != 2:
            return super().update(w, g, slots, gamma, t)
        (u,) = slots
        u = self.momentum * u + g
        step = orthogonalize(g + self.momentum * u)
        return w - gamma * self.rms_rate * max(w.shape) ** 0.5 * step, (u,)


@on_tensors(matrix=2)
@validate(num_rounds=whole(1))
def orthogonalize(matrix, num_rounds=5) -> Tensor:
    """Bring all singular values of a matrix near 1 (to 0.7 to 1.2), without computing them.

        X <- a X + b (X X') X + c (X X')^2 X,  from `X = matrix / |matrix|`

    An odd polynomial of a matrix is that polynomial of its singular values: U S V' becomes U (a S + b S^3 + c S^5) V'.
    A matrix of zeros stays one.

    Args:
        matrix: tensor `(N, K)`.
        num_rounds: how often the polynomial is applied.

    Returns:
        A tensor `(N, K)`.

    Raises:
        ValueError: no matrix, or `num_rounds` < 1.

    Example:
        >>> import numpy as np
        >>> from keras_course.training import orthogonalize
        >>> q = np.array(orthogonalize(np.diag([1.0, 0.2])))
        >>> bool(np.all(np.abs(np.diag(q) - 1) < 0.35))
        True
    """
    matrix = floats(matrix, "matrix")
    if 0 in matrix.shape:
        raise ValueError(f"matrix has shape {tuple(matrix.shape)}; it must be (N, K), with at least one of each")
    a, b, c = QUINTIC
    (x,), _, length = scaled([matrix])
    x = x / length
    tall = x.shape[0] > x.shape[1]
    x = ops.transpose(x) if tall else x  # the product X X' is the smaller of the two then
    for _ in range(num_rounds):
        gram = ops.matmul(x, ops.transpose(x))
        x = a * x + ops.matmul(b * gram + c * ops.matmul(gram, gram), x)
    return ops.cast(ops.transpose(x) if tall else x, matrix.dtype)
