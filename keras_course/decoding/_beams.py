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
    """Extend every beam by every token and keep the K best of each prompt, the best first.

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
    nothing = np.array([0.0] + [-1e30] * (size - 1), "float32")  # a forced row continues as it is, once
    total = carry["scores"][:, None] + ops.where(forced[:, None], nothing, gain)  # (R, V)
    written = carry["written"] + ops.cast(ops.logical_not(forced), "int32")
    ranked = total / length_penalty(written, alpha)[:, None] if alpha else total
    _, best = ops.top_k(ops.reshape(ranked, (-1, beams * size)), beams)  # (B, K)
    scores = ops.take_along_axis(ops.reshape(total, (-1, beams * size)), best, axis=1)
    best = ops.cast(best, "int32")
    first = beams * ops.arange(best.shape[0], dtype="int32")[:, None]
    parent = ops.reshape(first + best // size, (-1,))
    token = ops.reshape(best % size, (-1,))
    follow = {"written": written} | {key: carry[key] for key in ("rows", "window", "done", "cache")}
    follow = tree.map_structure(lambda x: ops.take(x, parent, axis=0), follow)
    return token, {**carry, **follow, "scores": ops.reshape(scores, (-1,))}
