"""SWAG: a Gaussian distribution from the weights that stochastic gradient descent passes through.

Notation: w_t (D,) the weights after epoch t, T epochs that are collected, the last K of which are kept.
"""

import collections

import keras
import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.uncertainty._weights import flat_weights


class Swag(keras.callbacks.Callback):
    """Collect the weights at the ends of epochs, and sample from the Gaussian that fits them (SWA-Gaussian).

        w ~ N(m, (diag(v) + C) / 2),  m = mean_t w_t,  v = mean_t w_t^2 - m^2
        C = sum_k (w_k - m) (w_k - m)' / (K - 1), over the last K epochs

    Pass it to `fit`, with a learning rate that stays constant and rather large in the epochs that are collected: then
    the weights wander about a minimum. `m` alone is stochastic weight averaging. The running sums take memory for
    K + 2 copies of the weights.

    Args:
        start_epoch: the first epoch that is collected, counted from 0.
        rank: K, the largest rank of C.

    Raises:
        ValueError: an argument is out of its range.

    Differences from the paper:
        Deviations are from the last mean, where the paper takes the mean at each epoch. Moving averages of batch
        normalization are not computed anew for a sample.

    References:
        A Simple Baseline for Bayesian Uncertainty in Deep Learning, Maddox et al., 2019,
        https://arxiv.org/abs/1902.02476

    Example:
        >>> import numpy as np
        >>> from keras_course.perceptron import mlp
        >>> from keras_course.uncertainty import Swag, sampled_predictions
        >>> model, swag, x = mlp((1,), 1, hidden_dims=(3,)), Swag(start_epoch=1), np.ones((4, 1), "float32")
        >>> model.compile("sgd", "mean_squared_error")
        >>> _ = model.fit(x, x, epochs=4, verbose=0, callbacks=[swag])
        >>> sampled_predictions(model, swag.sample(5), x).shape
        (5, 4, 1)
    """

    @validate(start_epoch=whole(0), rank=whole(2))
    def __init__(self, start_epoch, *, rank=20):
        super().__init__()
        self.start_epoch, self.count, self.mean, self.squares = int(start_epoch), 0, 0.0, 0.0
        self.last = collections.deque(maxlen=int(rank))

    def on_epoch_end(self, epoch, logs=None) -> None:
        if epoch >= self.start_epoch:
            w = flat_weights(self.model).astype("float64")
            self.count += 1
            self.mean += (w - self.mean) / self.count
            self.squares += (w**2 - self.squares) / self.count
            self.last.append(w)

    @property
    def variance(self) -> np.ndarray:
        """The variance of each weight, v (D,)."""
        return np.maximum(self.squares - self.mean**2, 0)

    @validate(num_samples=whole(1), seed=numpy_seed)
    def sample(self, num_samples, seed=0) -> np.ndarray:
        """Return samples of the weights, (S, D), for `sampled_predictions`.

        Raises:
            ValueError: fewer than two epochs were collected.
        """
        if self.count < 2:
            raise ValueError(f"Swag has seen {self.count} epochs from start_epoch={self.start_epoch} on; it needs two")
        rng, deviations = np.random.default_rng(seed), np.stack(self.last) - self.mean  # (K, D)
        diagonal = np.sqrt(self.variance) * rng.normal(size=(num_samples, len(self.mean)))
        low_rank = rng.normal(size=(num_samples, len(deviations))) @ deviations / np.sqrt(len(deviations) - 1)
        return (self.mean + (diagonal + low_rank) / np.sqrt(2)).astype("float32")
