"""The best bigram model of a text, from counts.

Notation: n_ab is how often token b follows token a, n_a = sum_b n_ab, n the number of pairs. The most likely table is
p(b | a) = n_ab / n_a, and its loss on the text is the conditional entropy H = -(1/n) sum_ab n_ab ln p(b | a), in nats.
No training can bring a model that sees one token below H on that text.
"""

import numpy as np

from keras_course.checks import validate, whole
from keras_course.checks.tokens import check_tokens

NEVER = -1e4  # stands for ln 0: its exponential is zero in any float type, and it is finite in float16


@validate(vocab_size=whole(1))
def bigram_optimum(tokens, vocab_size) -> tuple[np.ndarray, float]:
    """Return the table of next-token logits that fits a text best, and its loss there.

    Args:
        tokens: 1-D array of N integers, N at least 2.
        vocab_size: number V of tokens.

    Returns:
        `(table, entropy)`: the float32 table `(V, V)` of ln p(b | a), in row a and column b, and H in nats per token.
        Pairs that never occur hold -10,000 instead of minus infinity; rows of tokens that nothing follows are uniform.
        The table is the embedding of the preset "v1" of `gpt` at the exact minimum of its training loss.

    Raises:
        ValueError: `tokens` is not a 1-D array of at least two integers in [0, V), or `vocab_size` < 1.

    References:
        A Mathematical Theory of Communication (section 3: approximations to English), Shannon, 1948,
        https://doi.org/10.1002/j.1538-7305.1948.tb01338.x

    Example:
        >>> import numpy as np
        >>> from keras_course.language import bigram_optimum
        >>> table, entropy = bigram_optimum(np.array([0, 1, 0, 2, 0]), vocab_size=3)    # after 0: 1 or 2, evenly
        >>> bool(np.isclose(entropy, np.log(2) / 2)), np.exp(table[0]).round(3).tolist()
        (True, [0.0, 0.5, 0.5])
    """
    tokens = check_tokens("tokens", tokens, vocab_size)
    if len(tokens) < 2:
        raise ValueError("tokens holds one token; a pair needs two")
    pairs = tokens[:-1].astype("int64") * vocab_size + tokens[1:]
    counts = np.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size)  # n_ab
    totals = counts.sum(axis=1, keepdims=True)
    chances = np.where(totals > 0, counts / np.maximum(totals, 1), 1 / vocab_size)
    table = np.log(chances, where=chances > 0, out=np.full(chances.shape, NEVER))
    entropy = -float((counts * table).sum()) / (len(tokens) - 1)
    return table.astype("float32"), entropy
