"""Beam search: keep the K best texts of each length.

Notation: R = B K rows of text (B prompts, K beams), V tokens in the vocabulary; log P(y) is the total log-probability
of the n tokens y written so far, and texts are ranked by log P(y) / lp(n).
"""

import numpy as np
from keras import ops, tree

from keras_course.checks import not_negative, tensor, validate
from keras_course.ops._types import Tensor


@validate(alpha=not_negative, length=tensor)
def length_penalty(length, alpha) -> Tensor:
    """Return the length penalty lp(n) = ((5 + n) / 6)^alpha, by which a log-probability is divided.

    Each further token lowers the log-probability of a text, so that a search prefers short texts; dividing by lp
    counters that.

    Args:
        length: number n of tokens, a number or a tensor.
        alpha: strength, at least 0, which means none. Vaswani et al. (2017) translate with 0.6.

    Returns:
        A float32 tensor.

    Raises:
        ValueError: `alpha` is negative, or `length` is not a number or tensor.

    References:
        Google's Neural Machine Translation System: Bridging the Gap between Human and Machine Translation, Wu et al.,
        2016, https://arxiv.org/abs/1609.08144

    Example:
        >>> from keras_course.decoding import length_penalty
        >>> float(length_penalty(7, alpha=1.0))
        2.0
    """
    return ((5.0 + ops.cast(length, "float32")) / 6.0) ** alpha


def extend_beams(logits, forced, carry, beams, alpha) -> tuple[Tensor, dict]:
    """Extend every beam by every token and keep the K best of each prompt.

    The best finished text of a prompt is kept even if K unfinished texts rank above it, because all of these may end up
    below it.

    Args:
        logits: `(R, V)` float32.
        forced: `(R,)` booleans: rows that take no new token, as they still read the prompt or are finished.
        carry: what the loop carries. `scores` (log P), `written` (n), `rows`, `window`, `done` and `cache` follow the
            beams that are kept.
        beams: number K.
        alpha: strength of the length penalty.

    Returns:
        `(token, carry)`: the token `(R,)` that each kept beam takes, and the reordered carry.
    """
    size = logits.shape[-1]
    gain = ops.log_softmax(logits, axis=-1)
    first = np.eye(1, size, dtype="float32")[0]  # a forced row continues as it is, once
    nothing = -1e30 * (1 - first)
    total = carry["scores"][:, None] + ops.where(forced[:, None], nothing, gain)  # (R, V)
    written = carry["written"] + ops.cast(ops.logical_not(forced), "int32")
    ranked = total / length_penalty(written, alpha)[:, None] if alpha else total
    ranked = ranked + _best_finished(ranked[:, 0], carry["done"], beams)[:, None] * ops.convert_to_tensor(1e30 * first)
    _, best = ops.top_k(ops.reshape(ranked, (-1, beams * size)), beams)  # (B, K)
    scores = ops.take_along_axis(ops.reshape(total, (-1, beams * size)), best, axis=1)
    best = ops.cast(best, "int32")
    row = beams * ops.arange(best.shape[0], dtype="int32")[:, None]  # the first of each prompt
    parent = ops.reshape(row + best // size, (-1,))
    token = ops.reshape(best % size, (-1,))
    follow = {"written": written} | {key: carry[key] for key in ("rows", "window", "done", "cache")}
    follow = tree.map_structure(lambda x: ops.take(x, parent, axis=0), follow)
    return token, {**carry, **follow, "scores": ops.reshape(scores, (-1,))}


def _best_finished(ranks, done, beams):
    """Return (R,) 1 at the best finished row of each prompt, and 0 elsewhere."""
    finished = ops.reshape(ops.where(done, ranks, -np.inf), (-1, beams))
    best = ops.one_hot(ops.argmax(finished, axis=1), beams, dtype="float32")
    return ops.reshape(best, (-1,)) * ops.cast(done, "float32")


def best_rows(scores, written, beams, alpha) -> np.ndarray:
    """Return the row (B,) with the highest log P / lp(n) among the K beams of each prompt."""
    ranks = scores / ops.convert_to_numpy(length_penalty(written, alpha))
    return beams * np.arange(len(scores) // beams) + ranks.reshape(-1, beams).argmax(axis=1)
