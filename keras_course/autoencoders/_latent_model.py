"""What the models of this lecture share: a loss of several terms, each reported, and checks of the examples."""

import keras
import numpy as np
from keras import ops

from keras_course.checks import finite
from keras_course.checks.examples import to_real
from keras_course.ops._types import Tensor


class LatentModel(keras.Model):
    """Base class of models that own their loss, a weighted sum of terms; compile with an optimizer only, and `fit(x)`.

    A model returns a dict, in which each term is a row of losses (B,). `fit` and `evaluate` report the mean of each
    term beside the loss. They take arrays, whose numbers they check, or batches.

    Args:
        x: the `keras.Input`.
        outputs: the dict.
        weights: `{term: its weight in the loss}`.
        unit_interval: whether examples must lie in [0, 1].
        name: name of the model.
    """

    def __init__(self, x, outputs, *, weights, unit_interval=False, name):
        dtype = keras.config.dtype_policy().compute_dtype
        outputs = {key: ops.cast(value, dtype) if "int" not in value.dtype else value for key, value in outputs.items()}
        super().__init__(x, outputs, name=name)
        self.weights_of_terms, self.unit_interval = dict(weights), unit_interval
        self.trackers = [keras.metrics.Mean(name=term) for term in weights if len(weights) > 1]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Tensor:
        """Return the weighted sum of the terms, averaged over the examples."""
        losses = sum(w * ops.cast(y_pred[term], "float32") for term, w in self.weights_of_terms.items())
        return ops.mean(losses if sample_weight is None else losses * ops.cast(sample_weight, "float32"))

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        for tracker in self.trackers:
            tracker.update_state(y_pred[tracker.name], sample_weight)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def fit(self, x=None, *args, **kwargs) -> keras.callbacks.History:
        return super().fit(self._checked(x), *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs) -> list[float]:
        return super().evaluate(self._checked(x), *args, **kwargs)

    def _checked(self, x):
        return self.as_examples(x) if isinstance(x, np.ndarray | list) else x

    def as_examples(self, x, name="x") -> Tensor:
        """Return examples (B, ...) of the model, float32; what is no tensor yet must hold numbers that may be right.

        Raises:
            ValueError: x has another shape, a number that is not finite, or one outside [0, 1] where it must be inside.
        """
        if isinstance(x, keras.KerasTensor):
            return x
        if not ops.is_tensor(x):
            x = to_real(name, x).astype("float32")
            finite(**{name: x})
            if self.unit_interval and x.size and not (x.min() >= 0 and x.max() <= 1):
                raise ValueError(
                    f"{name} holds numbers from {x.min():.4g} to {x.max():.4g}; a Bernoulli likelihood needs numbers "
                    "in [0, 1]: divide pixels by their largest value"
                )
        shape = self.input_shape[1:]
        if tuple(x.shape[1:]) != shape or not x.shape[0]:
            raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (B, {', '.join(map(str, shape))})")
        return x
