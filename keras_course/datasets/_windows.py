"""Windows of a token sequence: what a language model is trained on.

Notation: N tokens, batch size B, context length T. A window that starts at i is

    x = tokens[i : i + T],  y = tokens[i + 1 : i + T + 1],

so that y holds the successor of every token in x.
"""

import keras
import numpy as np

from keras_course.checks import numpy_seed, validate, whole, whole_number
from keras_course.checks.tokens import as_tokens


class TokenWindows(keras.utils.PyDataset):
    """Endless stream of random windows; see `token_windows`.

    Batch k is number `k % steps_per_epoch` of epoch `start_epoch + k // steps_per_epoch`. There is no length:
    Keras then walks on from one epoch to the next without shuffling, and nothing here has to be restored
    after a restart. (The hooks of a `PyDataset` cannot count epochs: `fit` also calls them before training.)
    """

    @validate(batch_size=whole(1), steps_per_epoch=whole(1), start_epoch=whole(0), seed=numpy_seed)
    def __init__(self, tokens, context_length, batch_size, *, steps_per_epoch, seed=0, start_epoch=0):
        super().__init__()
        tokens = _check(tokens, context_length)
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self.start_epoch = start_epoch
        self._windows = np.lib.stride_tricks.sliding_window_view(tokens, context_length + 1)  # (N - T, T + 1)

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index):
        epoch, step = divmod(index, self.steps_per_epoch)
        random = np.random.default_rng((self.seed, self.start_epoch + epoch, step))
        starts = random.integers(len(self._windows), size=self.batch_size)
        batch = self._windows[starts].astype(np.int32, copy=False)  # (B, T + 1)
        return batch[:, :-1], batch[:, 1:]


def token_windows(
    tokens: np.ndarray,
    context_length: int,
    batch_size: int,
    *,
    steps_per_epoch: int,
    seed: int = 0,
    start_epoch: int = 0,
) -> TokenWindows:
    """Return the training data of a language model: batches of windows that start at random places.

    Tokens (N,) to batches x (B, T), y (B, T). Each start is uniform on {0, ..., N - T - 1}, so windows
    overlap and come again. A batch is a pure function of (seed, epoch, index in the epoch): every backend
    sees the same ones, and a run that starts again at epoch k with `start_epoch=k` sees those that the
    interrupted one would have seen.

    Why not arrays: `fit` on the same windows, put into two arrays before, is faster by 0.02 (JAX) and 0.2 to
    0.3 (TensorFlow, PyTorch) ms a step of 12 x 64 tokens, measured on two CPU cores with a model of one
    embedding and one dense layer. That is little beside the step of any GPT, and arrays take 8 bytes for
    every token of the run.

    Give `fit` the steps, as the stream has no end, and leave the order alone. To go on with the same object,
    set `windows.start_epoch`.

        model.fit(windows, steps_per_epoch=windows.steps_per_epoch, epochs=10, shuffle=False)

    Args:
        tokens: integers (N,), N > T; may be a memory map.
        context_length: T.
        batch_size: B.
        steps_per_epoch: number of batches that make an epoch.
        seed: of the starts.
        start_epoch: number of the epoch that the first batch belongs to.

    Returns:
        A `keras.utils.PyDataset` of int32 batches.

    Raises:
        ValueError: `tokens` is empty, not 1-D, not of integers from 0 to 2^31 - 1 or shorter than T + 1, or a number
            is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> windows = datasets.token_windows(np.arange(100), 8, 4, steps_per_epoch=10)
        >>> x, y = windows[0]
        >>> x.shape, bool((y == x + 1).all())
        ((4, 8), True)
    """
    return TokenWindows(
        tokens,
        context_length,
        batch_size,
        steps_per_epoch=steps_per_epoch,
        seed=seed,
        start_epoch=start_epoch,
    )


def validation_windows(tokens: np.ndarray, context_length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a token sequence into consecutive windows that do not overlap, to measure the loss on all of it.

    Tokens (N,) to x, y and weights, all (M, T), with M = ceil((N - 1) / T): window m starts at m T, and every token
    but the first is predicted exactly once. The last window is filled up with zeros, which count nothing:

        weight = M T / (N - 1) where there is a token to predict, 0 where there is none.

    The factor is there because Keras divides a weighted loss by M T, the number of weights, not by their sum. The
    weights have mean 1, so with them the loss of `fit` and `evaluate` is the mean over the N - 1 tokens, exactly.

        model.fit(windows, validation_data=validation_windows(tokens, context_length))

    Args:
        tokens: integers (N,), N > T.
        context_length: T.

    Returns:
        (x, y, weights): int32, int32 and float32.

    Raises:
        ValueError: `tokens` is empty, not 1-D, not of integers from 0 to 2^31 - 1 or shorter than T + 1.

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> x, y, weights = datasets.validation_windows(np.arange(1, 7), 3)
        >>> x.tolist(), y.tolist()
        ([[1, 2, 3], [4, 5, 0]], [[2, 3, 4], [5, 6, 0]])
        >>> np.round(weights.astype("float64"), 3).tolist()
        [[1.2, 1.2, 1.2], [1.2, 1.2, 0.0]]
    """
    tokens = _check(tokens, context_length)
    count = len(tokens) - 1
    rest = -count % context_length
    weights = np.full(count, (count + rest) / count)
    parts = (tokens[:-1], np.int32), (tokens[1:], np.int32), (weights, np.float32)
    return tuple(np.pad(part, (0, rest)).reshape(-1, context_length).astype(kind) for part, kind in parts)


def _check(tokens, context_length):
    whole_number(1, context_length=context_length)
    tokens = as_tokens("tokens", tokens)
    if len(tokens) < context_length + 1:
        raise ValueError(
            f"tokens has length {len(tokens)}: too short for context_length={context_length}, which needs "
            f"at least {context_length + 1} tokens."
        )
    return tokens
