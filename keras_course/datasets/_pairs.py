"""Batches of pairs of token sequences: what a sequence-to-sequence model is trained on.

Notation: N pairs, batch size B. A batch has sources (B, S) and targets (B, S), padded at the end with token 0 to a
length S that is a multiple of 16, so that a compiled model sees few shapes.

Keras on TensorFlow takes the shapes of all batches from the first two: an axis stays open only where those differ. So
the first batch of each epoch is as long as the longest, and the second one is shorter.
"""

from collections.abc import Sequence

import keras
import numpy as np

from keras_course.checks import numpy_seed, validate, whole
from keras_course.checks.tokens import as_tokens

MULTIPLE, _POOL = 16, 50  # a length is a multiple of the first; pairs are sorted by length within 50 batches


class PairBatches(keras.utils.PyDataset):
    """Endless stream of batches; see `pair_batches`."""

    @validate(batch_size=whole(1), steps_per_epoch=whole(1), start_epoch=whole(0), seed=numpy_seed)
    def __init__(self, sources, targets, batch_size, *, steps_per_epoch, seed=0, start_epoch=0):
        super().__init__()
        self.sources, self.targets = sequences_of("sources", sources), sequences_of("targets", targets)
        if len(self.sources) != len(self.targets):
            raise ValueError(
                f"sources has {len(sources)} sequences and targets has {len(targets)}; they must be as many"
            )
        if batch_size > len(self.sources):
            raise ValueError(f"batch_size={batch_size} must be at most {len(sources)}, the number of pairs")
        self.batch_size, self.steps_per_epoch = batch_size, steps_per_epoch
        self.seed, self.start_epoch = seed, start_epoch
        lengths = [max(len(source), len(target) - 1) for source, target in zip(self.sources, self.targets, strict=True)]
        self._lengths = np.array(lengths)
        self._order = (None, None)  # the pass that it belongs to, and the rows of each of its batches

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index):
        step = index + self.start_epoch * self.steps_per_epoch
        turn, place = divmod(step, len(self.sources) // self.batch_size)
        if self._order[0] != turn:
            self._order = turn, self._batches_of(turn)
        rows = self._order[1][place]
        shortest = self._lengths.max() if step % self.steps_per_epoch == 0 else 0
        return in_pairs([self.sources[i] for i in rows], [self.targets[i] for i in rows], shortest)

    def _batches_of(self, turn):
        """Return the rows of the batches of a pass: pairs of similar length, in an order of their own."""
        rng, size = np.random.default_rng((self.seed, turn)), self.batch_size
        order = rng.permutation(len(self.sources))[: len(self.sources) // size * size]
        pools = np.split(order, range(_POOL * size, len(order), _POOL * size))
        rows = np.concatenate([pool[np.argsort(self._lengths[pool], kind="stable")] for pool in pools])
        batches = rng.permutation(rows.reshape(-1, size))
        widths = np.array([_width(self._lengths[batch].max()) for batch in batches])
        second = (np.arange(len(batches)) + turn * len(batches)) % self.steps_per_epoch == 1
        wide = np.flatnonzero(second & (widths == _width(self._lengths.max())))
        short = np.flatnonzero(~second & (widths < _width(self._lengths.max())))[: len(wide)]
        wide = wide[: len(short)]
        batches[wide], batches[short] = batches[short], batches[wide]
        return batches


def pair_batches(
    sources: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    batch_size: int,
    *,
    steps_per_epoch: int,
    seed: int = 0,
    start_epoch: int = 0,
) -> PairBatches:
    """Return the training data of a sequence-to-sequence model.

    A batch is `({"source": (B, S), "target": (B, S)}, labels (B, S), weights (B, S))`: the target without its last
    token, the target without its first token, and weights, which are 0 in the padding and equal elsewhere, with the
    mean 1: the weighted loss of Keras is then the mean over the labels.

    Args:
        sources, targets: N sequences of tokens each, without padding; a target begins with a start token and ends with
            a stop token.
        batch_size: B, at most N.
        steps_per_epoch: number of batches that make an epoch.
        seed: of the orders.
        start_epoch: number of the epoch that the first batch belongs to.

    Returns:
        A `keras.utils.PyDataset`; give `fit` its `steps_per_epoch` and `shuffle=False`.

    Raises:
        ValueError: a sequence is empty or has padding, sources and targets differ in number, or a number is out of
            range.

    Example:
        >>> from keras_course import datasets
        >>> x, y, weights = datasets.pair_batches([[3, 4]], [[1, 5, 6, 2]], 1, steps_per_epoch=1)[0]
        >>> x["target"][0, :4].tolist(), y[0, :4].tolist(), (weights[0, :4] > 0).tolist()
        ([1, 5, 6, 0], [5, 6, 2, 0], [True, True, True, False])
    """
    return PairBatches(
        sources, targets, batch_size, steps_per_epoch=steps_per_epoch, seed=seed, start_epoch=start_epoch
    )


def with_mean_one(chosen) -> np.ndarray:
    """Return weights that are 0 where `chosen` is false, and equal elsewhere, so that their mean is 1."""
    return (chosen / max(chosen.mean(), 1 / chosen.size)).astype("float32")


def _width(length):
    return -(-length // MULTIPLE) * MULTIPLE


def in_pairs(sources, targets, shortest=0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return sequences as one batch, at least as long as `shortest`; see `pair_batches`."""
    width = _width(max(shortest, *map(len, sources), *(len(target) - 1 for target in targets)))
    inputs = {"source": padded(sources, width), "target": padded([target[:-1] for target in targets], width)}
    labels = padded([target[1:] for target in targets], width)
    return inputs, labels, with_mean_one(labels != 0)


def padded(sequences, width) -> np.ndarray:
    """Return sequences as rows of int32 tokens, padded at the end with token 0."""
    rows = np.zeros((len(sequences), width), "int32")
    for row, tokens in zip(rows, sequences, strict=True):
        row[: len(tokens)] = tokens
    return rows


def sequences_of(name, sequences) -> list[np.ndarray]:
    """Return a list of sequences as arrays, or raise a ValueError for one that is empty or has padding."""
    if not isinstance(sequences, list | tuple) or not sequences:
        raise ValueError(f"{name} must be a list of sequences of tokens, got {sequences!r}")
    rows = [as_tokens(f"{name}[{i}]", row) for i, row in enumerate(sequences)]
    for i, row in enumerate(rows):
        if not len(row) or (row <= 0).any():
            raise ValueError(f"{name}[{i}]={row!r} must have tokens, and no padding (0)")
    return rows
