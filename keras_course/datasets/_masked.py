"""Masked tokens: what an encoder is trained on.

Notation: N sequences, batch size B, T tokens in a row. Token 0 is padding.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_course.checks import fraction, numpy_seed, validate, whole
from keras_course.checks.tokens import check_tokens
from keras_course.datasets._pairs import MULTIPLE, padded, sequences_of, with_mean_one


@validate(vocab_size=whole(2), mask_token=whole(1), rate=fraction, seed=numpy_seed)
def mask_tokens(
    tokens: np.ndarray, vocab_size: int, mask_token: int, *, rate: float = 0.15, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Choose tokens at random, and replace most of them, so that a model can be trained to restore them.

    A token that is not padding is chosen with probability `rate`. Of the chosen ones 80 % become the mask token, 10 % a
    random token, and 10 % stay as they are: the model cannot rely on a token being right because it is visible.

    Args:
        tokens: integers `(B, T)`, 0 is padding.
        vocab_size: number V of tokens.
        mask_token: token that stands for a masked one; the random tokens are others, and no padding.
        rate: fraction of the tokens that are chosen.
        seed: of the choice.

    Returns:
        `(inputs, weights)`: int32 and float32, both `(B, T)`. The labels are `tokens`. A weight is 0 where a token was
        not chosen, and equal at all others, such that the mean of all is 1: the weighted loss of Keras is then the mean
        over the chosen tokens.

    Raises:
        ValueError: `tokens` has not two axes or holds others than 0 to V - 1, or an argument is out of its range.

    References:
        BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, Devlin et al., 2019, section
        3.1, https://arxiv.org/abs/1810.04805

    Example:
        >>> import numpy as np
        >>> from keras_course import datasets
        >>> tokens = np.full((100, 100), 5)
        >>> inputs, weights = datasets.mask_tokens(tokens, 10, mask_token=1)
        >>> [round(float(x), 2) for x in ((weights > 0).mean(), weights.mean(), (inputs == 1).mean() / 0.15)]
        [0.15, 1.0, 0.81]
    """
    tokens = check_tokens("tokens", tokens, vocab_size, ndim=2)
    if mask_token >= vocab_size:
        raise ValueError(f"mask_token={mask_token} must be less than vocab_size={vocab_size}")
    return _masked(tokens, vocab_size, mask_token, rate, np.random.default_rng(seed))


def _masked(tokens, vocab_size, mask_token, rate, rng):
    chosen = (rng.random(tokens.shape) < rate) & (tokens != 0)
    kind = rng.random(tokens.shape)
    others = np.setdiff1d(np.arange(1, vocab_size), [mask_token])
    inputs = np.where(chosen & (kind < 0.8), mask_token, tokens)
    if len(others):
        inputs = np.where(chosen & (kind >= 0.9), rng.choice(others, tokens.shape), inputs)
    return inputs.astype("int32"), with_mean_one(chosen)


class MaskedBatches(keras.utils.PyDataset):
    """Endless stream of batches; see `masked_batches`."""

    @validate(
        batch_size=whole(1),
        vocab_size=whole(2),
        mask_token=whole(1),
        steps_per_epoch=whole(1),
        rate=fraction,
        start_epoch=whole(0),
        seed=numpy_seed,
    )
    def __init__(
        self, sequences, batch_size, *, vocab_size, mask_token, steps_per_epoch, rate=0.15, seed=0, start_epoch=0
    ):
        super().__init__()
        rows = sequences_of("sequences", sequences)
        self.tokens = padded(rows, -(-max(map(len, rows)) // MULTIPLE) * MULTIPLE)
        self.batch_size, self.steps_per_epoch = batch_size, steps_per_epoch
        self.vocab_size, self.mask_token, self.rate = vocab_size, mask_token, rate
        self.seed, self.start_epoch = seed, start_epoch
        mask_tokens(self.tokens, vocab_size, mask_token, rate=rate)  # refuses now what would fail later

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index):
        number = self.start_epoch * self.steps_per_epoch + index
        rng = np.random.default_rng((self.seed, number))
        y = self.tokens[rng.integers(len(self.tokens), size=self.batch_size)]
        x, weights = _masked(y, self.vocab_size, self.mask_token, self.rate, rng)
        return x, y, weights


def masked_batches(
    sequences: Sequence[np.ndarray],
    batch_size: int,
    *,
    vocab_size: int,
    mask_token: int,
    steps_per_epoch: int,
    rate: float = 0.15,
    seed: int = 0,
    start_epoch: int = 0,
) -> MaskedBatches:
    """Return the training data of a masked language model: random sequences with random masks, see `mask_tokens`.

    A batch is `(inputs, labels, weights)`, all `(B, T)`, with T the length of the longest sequence, rounded up to a
    multiple of 16. It is a pure function of the seed and its number, so every backend sees the same ones.

    Args:
        sequences: N sequences of tokens, without padding.
        batch_size: B.
        vocab_size, mask_token, rate: as in `mask_tokens`.
        steps_per_epoch: number of batches that make an epoch.
        seed: of rows and masks.
        start_epoch: number of the epoch that the first batch belongs to.

    Returns:
        A `keras.utils.PyDataset`; give `fit` its `steps_per_epoch` and `shuffle=False`.

    Raises:
        ValueError: a sequence is empty, has padding or an unknown token, or a number is out of range.

    Example:
        >>> from keras_course import datasets
        >>> options = {"vocab_size": 9, "mask_token": 1, "steps_per_epoch": 10}
        >>> x, y, weights = datasets.masked_batches([[3, 4, 5], [6, 7]], 4, **options)[0]
        >>> x.shape, y.shape, weights.shape
        ((4, 16), (4, 16), (4, 16))
    """
    options = {"steps_per_epoch": steps_per_epoch, "rate": rate, "seed": seed, "start_epoch": start_epoch}
    return MaskedBatches(sequences, batch_size, vocab_size=vocab_size, mask_token=mask_token, **options)
