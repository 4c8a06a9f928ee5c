"""Batches of labeled examples, each a pure function of its number.

Notation: N examples, batch size B. One pass over the data makes floor(N / B) batches of B different examples; the rest
waits for the next pass, which has another order.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np

from keras_course.checks import as_array, function, numpy_seed, validate, whole


class ExampleBatches(keras.utils.PyDataset):
    """Endless stream of batches; see `example_batches`.

    Like `TokenWindows` it has no length, so that Keras neither shuffles nor starts anew at each epoch.
    """

    @validate(
        batch_size=whole(1),
        steps_per_epoch=whole(1),
        start_epoch=whole(0),
        seed=numpy_seed,
        augment=function,
        trim=function,
    )
    def __init__(self, x, y, batch_size, *, steps_per_epoch, seed=0, start_epoch=0, augment=None, trim=None):
        super().__init__()
        named = isinstance(x, Mapping) and len(x)
        x = {key: as_array(f"x[{key!r}]", part) for key, part in x.items()} if named else as_array("x", x)
        y = as_array("y", y)
        for part in x.values() if named else [x]:
            if len(part) != len(y):
                raise ValueError(f"x has {len(part)} examples and y has {len(y)}; they must be as many.")
        if batch_size > len(y):
            raise ValueError(f"batch_size={batch_size} must be at most {len(y)}, the number of examples.")
        self.x, self.y, self.batch_size, self.augment, self.trim = x, y, batch_size, augment, trim
        self.steps_per_epoch, self.seed, self.start_epoch = steps_per_epoch, seed, start_epoch
        self._order = (None, None)  # the pass that it belongs to, and the order of the examples in it

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index):
        index += self.start_epoch * self.steps_per_epoch
        turn, place = divmod(index, len(self.y) // self.batch_size)
        if self._order[0] != turn:
            self._order = turn, np.random.default_rng((self.seed, turn)).permutation(len(self.y))
        rows = self._order[1][place * self.batch_size : (place + 1) * self.batch_size]
        x = {key: part[rows] for key, part in self.x.items()} if isinstance(self.x, Mapping) else self.x[rows]
        if self.augment is not None:
            x = self.augment(x, np.random.default_rng((self.seed, turn, 1 + place)))  # (seed, turn, 0) is (seed, turn)
        if self.trim is not None and index % self.steps_per_epoch:
            x = self.trim(x)
        return x, self.y[rows]


def example_batches(
    x: np.ndarray | Mapping[str, np.ndarray],
    y: np.ndarray,
    batch_size: int,
    *,
    steps_per_epoch: int,
    seed: int = 0,
    start_epoch: int = 0,
    augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    trim: Callable[[np.ndarray], np.ndarray] | None = None,
) -> ExampleBatches:
    """Return the training data of a model of examples: batches in an order that is new in each pass.

    Examples x (N, ...), y (N, ...) to batches (B, ...). Batch k is a pure function of (seed, k): every backend sees the
    same ones, and a run that starts again at epoch e with `start_epoch=e` sees those that the interrupted one would
    have seen. An epoch is what `steps_per_epoch` says, be it more or less than one pass.

    Args:
        x, y: N examples and their targets: arrays, lists or pandas objects (whose index does not matter). For a model
            of several inputs x is a dict of them.
        batch_size: B, at most N.
        steps_per_epoch: number of batches that make an epoch.
        seed: of the orders.
        start_epoch: number of the epoch that the first batch belongs to.
        augment: function of the examples of a batch and a generator of NumPy that returns them changed, such as
            `crop_and_flip`.
        trim: function of the examples of a batch that returns them without the columns that are padding in all of
            them. It leaves the first batch of each epoch as it is, because Keras on TensorFlow takes the shapes of all
            batches from the first two: an axis stays open only where those differ. So x should be padded by at least
            one column more than any trimmed batch has.

    Returns:
        A `keras.utils.PyDataset`; give `fit` its `steps_per_epoch` and `shuffle=False`.

    Raises:
        ValueError: x or y is not an array of numbers, they differ in length, a number is out of range, or
            `augment` or `trim` is not a function.

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> batches = datasets.example_batches(np.arange(10), np.arange(10), 3, steps_per_epoch=3)
        >>> x, y = batches[0]
        >>> x.shape, len(np.unique(np.concatenate([batches[k][0] for k in range(3)])))
        ((3,), 9)
    """
    return ExampleBatches(
        x,
        y,
        batch_size,
        steps_per_epoch=steps_per_epoch,
        seed=seed,
        start_epoch=start_epoch,
        augment=augment,
        trim=trim,
    )
