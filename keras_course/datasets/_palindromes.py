"""Palindromes and other sequences of symbols: a task that needs a memory.

Notation: x (N, T) int32, N sequences of up to T symbols 1, 2, ..., padded at the end with 0; y (N,) int32.
"""

import numpy as np

from keras_course.checks import numpy_seed, validate, whole, whole_number


@validate(num_sequences=whole(1), num_symbols=whole(2), min_length=whole(1), max_length=whole(1), seed=numpy_seed)
def palindromes(
    num_sequences: int = 10_000, *, num_symbols: int = 5, min_length: int = 1, max_length: int = 10, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of symbols, half of them palindromes, which read the same backward: 1 2 3 2 1.

    Lengths are uniformly distributed, and so are the symbols. With probability 1/2 one symbol of a palindrome is
    replaced by another one, so that it is not a palindrome any more. A sequence of one symbol always is a palindrome.

    Args:
        num_sequences: number N of sequences.
        num_symbols: number of symbols.
        min_length: shortest length.
        max_length: longest length T.
        seed: of the random numbers.

    Returns:
        x (N, T) int32, symbols 1 to `num_symbols` and 0 in the padding; y (N,) int32, 1 for a palindrome.

    Raises:
        ValueError: an argument is out of its range, or `min_length` is greater than `max_length`.

    Example:
        >>> from keras_course import datasets
        >>> x, y = datasets.palindromes(3, min_length=4, max_length=4)
        >>> x.shape, [bool((row == row[::-1]).all()) for row in x] == y.astype(bool).tolist()
        ((3, 4), True)
    """
    whole_number(min_length, max_length=max_length)
    rng = np.random.default_rng(seed)
    length = rng.integers(min_length, max_length + 1, (num_sequences, 1))
    y = (rng.random((num_sequences, 1)) < 0.5) | (length == 1)
    here = np.broadcast_to(np.arange(max_length), (num_sequences, max_length))
    opposite = np.where(here < length, length - 1 - here, here)
    x = rng.integers(1, num_symbols + 1, (num_sequences, max_length))
    x = np.take_along_axis(x, np.minimum(here, opposite), axis=1)
    changed = here == np.floor(rng.random((num_sequences, 1)) * (length // 2))  # a position in the first half
    other = 1 + (x - 1 + rng.integers(1, num_symbols, (num_sequences, 1))) % num_symbols
    x = np.where(changed & ~y, other, x)
    return np.where(here < length, x, 0).astype("int32"), y[:, 0].astype("int32")
