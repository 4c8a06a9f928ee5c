"""How the transformer is trained: label smoothing, and the learning rate of Vaswani et al.

Notation: V tokens; z (B, T, V) logits, y (B, T) labels; n the number of the step.
"""

import keras
from keras import ops

from keras_course.checks import fraction, positive, string, validate, whole
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy with label smoothing, of integer labels and logits.

    The label y has the probability 1 - e, and e is spread evenly over all V tokens:

        loss = -(1 - e) log p_y - e / V sum_v log p_v,  p = softmax(z)

    Its minimum is not 0 but the entropy of the smoothed labels.

    Args:
        smoothing: the fraction e, in [0, 1).
        name: of the loss.

    Raises:
        ValueError: `smoothing` is out of its range.

    References:
        Rethinking the Inception Architecture for Computer Vision, Szegedy et al., 2016, section 7,
        https://arxiv.org/abs/1512.00567

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import SmoothedCrossEntropy
        >>> round(float(SmoothedCrossEntropy(0.1)(np.array([1]), np.zeros((1, 4)))), 3)  # ln 4
        1.386
    """

    @validate(smoothing=fraction, name=string)
    def __init__(self, smoothing=0.1, name="smoothed_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.smoothing = float(smoothing)

    def call(self, y_true, y_pred) -> Tensor:
        z = ops.cast(y_pred, "float32")
        of_label = ops.take_along_axis(z, ops.cast(y_true, "int32")[..., None], axis=-1)[..., 0]
        total = ops.logsumexp(z, axis=-1)
        return total - (1 - self.smoothing) * of_label - self.smoothing * ops.mean(z, axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "smoothing": self.smoothing}


@keras.saving.register_keras_serializable("keras_course")
class NoamSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of Vaswani et al.: a linear warm-up, then a decay with the inverse square root.

        rate = factor C^(-1/2) min(n^(-1/2), n warmup^(-3/2))

    Its largest value, factor (C warmup)^(-1/2), is reached at step n = warmup. Use it with
    `Adam(beta_2=0.98, epsilon=1e-9)`.

    Args:
        hidden_dim: width C of the transformer.
        warmup: number of steps of the warm-up.
        factor: by which the rate is multiplied.

    Raises:
        ValueError: an argument is out of its range.

    References:
        Attention Is All You Need, Vaswani et al., 2017, section 5.3, https://arxiv.org/abs/1706.03762

    Example:
        >>> from keras_course.attention import NoamSchedule
        >>> [round(1e4 * float(NoamSchedule(512)(step)), 2) for step in (0, 1999, 3999, 15999)]
        [0.0, 3.49, 6.99, 3.49]
    """

    @validate(hidden_dim=whole(1), warmup=whole(1), factor=positive)
    def __init__(self, hidden_dim, warmup=4000, factor=1.0):
        self.hidden_dim, self.warmup, self.factor = int(hidden_dim), int(warmup), float(factor)

    def __call__(self, step) -> Tensor:
        n = ops.cast(step, "float32") + 1.0  # Keras counts steps from 0
        return self.factor * self.hidden_dim**-0.5 * ops.minimum(n**-0.5, n * self.warmup**-1.5)

    def get_config(self) -> dict:
        return {"hidden_dim": self.hidden_dim, "warmup": self.warmup, "factor": self.factor}
