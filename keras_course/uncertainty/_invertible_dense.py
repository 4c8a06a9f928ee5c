"""An invertible linear layer, and Glow on vectors.

Notation: x (B, D), W (D, D) = P L U with a permutation P, L lower triangular with ones on its diagonal, U upper
triangular with a positive diagonal.
"""

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.checks import validate, whole, wholes
from keras_course.ops._types import Tensor
from keras_course.uncertainty._flow import Flow
from keras_course.uncertainty._functions import Affine
from keras_course.uncertainty._realnvp import SEED, couplings
from keras_course.uncertainty._transforms import DiagonalAffine, Transform, check_length, check_order, take


@keras.saving.register_keras_serializable("keras_course")
class InvertibleDense(Transform):
    """Multiply by an invertible matrix: z = U L P x, with log abs(det J) = sum_i log U_ii.

    It generalizes a permutation, and starts as one: L and U start as identities. The factors make the determinant a
    product of D numbers, and the inverse two triangular systems. On an image, Glow applies such a matrix to the
    channels of each pixel, as an invertible 1x1 convolution.

    Args:
        order: P, for each entry of P x the index of its feature.

    Differences from the paper:
        The paper starts with a random rotation; this layer starts with L = U = I.

    References:
        Glow: Generative Flow with Invertible 1x1 Convolutions, Kingma and Dhariwal, 2018,
        https://arxiv.org/abs/1807.03039

    Example:
        >>> import keras
        >>> from keras_course.uncertainty import InvertibleDense
        >>> z, log_det = InvertibleDense([1, 0])(keras.ops.convert_to_tensor([[3.0, 4.0]]))
        >>> keras.ops.convert_to_numpy(z).tolist()
        [[4.0, 3.0]]
    """

    @validate(order=check_order)
    def __init__(self, order, **kwargs):
        super().__init__(**kwargs)
        self.order = tuple(map(int, order))

    def build(self, x_shape, context_shape=None) -> None:
        size = x_shape[-1]
        check_length(self.order, size)
        self.lower = self.add_weight(shape=(size, size), initializer="zeros", name="lower")
        self.upper = self.add_weight(shape=(size, size), initializer="zeros", name="upper")
        self.log_diagonal = self.add_weight(shape=(size,), initializer="zeros", name="log_diagonal")
        self.built = True

    def _factors(self):
        """Return L, U and the logarithms of the diagonal of U, in float32."""
        lower, upper, log_diagonal = (
            ops.cast(weight, "float32") for weight in (self.lower, self.upper, self.log_diagonal)
        )
        identity = ops.eye(len(self.order), dtype="float32")
        lower, upper = ops.tril(lower, -1) + identity, ops.triu(upper, 1) + identity * ops.exp(log_diagonal)
        return lower, upper, log_diagonal

    def call(self, x, context=None) -> tuple[Tensor, Tensor]:
        lower, upper, log_diagonal = self._factors()
        z = ops.matmul(take(x, self.order), ops.transpose(ops.matmul(upper, lower)))
        return z, ops.sum(log_diagonal) + ops.zeros_like(x[:, 0])

    def inverse(self, z, context=None) -> Tensor:
        lower, upper, _ = self._factors()
        columns = ops.solve_triangular(upper, ops.transpose(z), lower=False)
        x = ops.transpose(ops.solve_triangular(lower, columns, lower=True))
        return take(x, np.argsort(self.order))

    def get_config(self) -> dict:
        return {**super().get_config(), "order": self.order}


@builder(
    reference="Kingma and Dhariwal, 2018, https://arxiv.org/abs/1807.03039",
    presets={"tiny": {"num_features": 2}},
)
@validate(num_features=whole(1), context_dim=whole(0), num_layers=whole(1), hidden_dims=wholes(1), seed=SEED)
def glow_flow(
    num_features, context_dim=0, *, num_layers=4, hidden_dims=(32, 32), activation="relu", seed=0, name="glow_flow"
) -> Flow:
    """Build the step of Glow on vectors: actnorm, an invertible matrix, an affine coupling.

    Takes x (B, D), or {"x": (B, D), "context": (B, C)}; returns {"z": (B, D), "log_prob": (B,)}. L times:

        z = exp(s) z + t                                s, t learned for each feature
        z = U L P z                                     see `InvertibleDense`
        z_b = exp(s) z_b + t,  s, t = network(z_a, c)    an affine coupling, which keeps the same half each time

    Args:
        num_features: D, at least 2.
        context_dim: C; 0 for a flow without context.
        num_layers: L, the number of steps.
        hidden_dims: widths of the hidden layers of each network.
        activation: of the hidden layers.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `Flow`, which owns its loss.

    Raises:
        ValueError: a number is out of its range.

    Differences from the paper:
        Glow is a model of images, with several scales. This flow has its three transforms, for vectors: the matrix
        mixes all features, where the convolution of Glow mixes channels. Actnorm starts as the identity, where the
        paper standardizes the first batch.

    References:
        Glow: Generative Flow with Invertible 1x1 Convolutions, Kingma and Dhariwal, 2018,
        https://arxiv.org/abs/1807.03039

    Example:
        >>> from keras_course.uncertainty import glow_flow
        >>> glow_flow(3).sample(10).shape == (10, 3)
        True
    """
    reverse, layers = tuple(range(num_features))[::-1], []
    options = {"hidden_dims": hidden_dims, "activation": activation, "alternate": False}  # the matrices mix
    for k, coupling in enumerate(couplings(Affine, num_features, num_layers, seed, **options)):
        layers += [DiagonalAffine(name=f"actnorm_{k}"), InvertibleDense(reverse, name=f"matrix_{k}"), coupling]
    return Flow(num_features, layers, context_dim=context_dim, name=name)
