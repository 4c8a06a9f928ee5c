"""Distograms: for each pair of residues a distribution over bins of distances.

Notation: positions (B, L, 3) in Angstrom; logits (B, L, L, K) of K bins of equal width from 0 to D = `max_distance`.
"""

import keras
import numpy as np
from keras import ops

from keras_course.checks import as_floats, finite, positive, string, validate
from keras_course.ops._types import Tensor

MAX_DISTANCE = 40.0  # Angstrom


@keras.saving.register_keras_serializable("keras_course")
class DistogramLoss(keras.losses.Loss):
    """Cross-entropy of the bins of the distances between residues, in nats per pair.

    Takes positions `(B, L, 3)` and logits `(B, L, L, K)`. A distance above D counts for the last bin.

    Args:
        max_distance: D, in Angstrom.

    Raises:
        ValueError: `max_distance` is not positive.

    Example:
        >>> import math
        >>> import numpy as np
        >>> from keras_course.attention import DistogramLoss
        >>> abs(float(DistogramLoss()(np.zeros((1, 3, 3)), np.zeros((1, 3, 3, 8)))) - math.log(8)) < 1e-5
        True
    """

    @validate(max_distance=positive, name=string)
    def __init__(self, max_distance=MAX_DISTANCE, name="distogram_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.max_distance = float(max_distance)

    def call(self, y_true, y_pred) -> Tensor:
        x, logits = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        distances = ops.sqrt(ops.sum(ops.square(x[:, :, None] - x[:, None]), axis=-1))
        num_bins = logits.shape[-1]
        bins = ops.minimum(ops.cast(distances * (num_bins / self.max_distance), "int32"), num_bins - 1)
        losses = ops.sparse_categorical_crossentropy(bins, logits, from_logits=True)
        return ops.mean(losses, axis=(1, 2))

    def get_config(self) -> dict:
        return {**super().get_config(), "max_distance": self.max_distance}


@validate(max_distance=positive)
def expected_distances(logits, *, max_distance=MAX_DISTANCE) -> np.ndarray:
    """Return the mean of each distribution of a distogram, sum_k p_k (k + 1/2) D / K, in Angstrom.

    Args:
        logits: an array (..., K).
        max_distance: D, in Angstrom.

    Raises:
        ValueError: `logits` is not an array of numbers with an axis of bins, or `max_distance` is not positive.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import expected_distances
        >>> expected_distances(np.array([[0.0, 0.0], [0.0, 100.0]])).tolist()
        [20.0, 30.0]
    """
    logits = as_floats("logits", logits)
    if not logits.ndim or not logits.size:
        raise ValueError(f"logits has shape {logits.shape}; its last axis must be the bins")
    finite(logits=logits)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    num_bins = logits.shape[-1]
    centers = (np.arange(num_bins) + 0.5) * (max_distance / num_bins)
    return (weights @ centers) / weights.sum(axis=-1)
