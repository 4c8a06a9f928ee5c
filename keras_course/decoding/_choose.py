"""Choosing the next token from logits: the most likely one, or a sample from all or from the most likely ones.

Notation: R rows of text, V tokens in the vocabulary; p the probabilities of the next token, u a uniform number in
[0, 1). The sampled token is the first whose cumulative probability exceeds u.
"""

from keras import ops

from keras_course.ops._types import Tensor


def choose(logits, mode, u, temperature, top_k, top_p) -> Tensor:
    """Return one token for each row, `(R,)`.

    Args:
        logits: `(R, V)` float32, the largest of each row 0, so that no temperature makes them overflow.
        mode: "greedy", "sample" (from all tokens), or "filter" (from the k most likely tokens, within the top p).
        u: `(R,)` uniform numbers.
        temperature, top_k, top_p: scalars. The most likely token is within every top p, however small.
    """
    if mode == "greedy":
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    p = ops.softmax(logits / temperature, axis=-1)
    if mode == "sample":
        return _first_to_exceed(u, ops.cumsum(p, axis=-1), p.shape[-1])
    p, order = ops.top_k(p, p.shape[-1])  # sorted, the most likely first
    before, rank = ops.cumsum(p, axis=-1) - p, ops.arange(p.shape[-1], dtype="int32")
    keep = ops.logical_and(rank < top_k, ops.logical_or(before < top_p, rank == 0))
    kept = p * ops.cast(keep, p.dtype)
    rank = _first_to_exceed(u, ops.cumsum(kept, axis=-1), ops.sum(ops.cast(keep, "int32"), axis=-1))
    return ops.cast(ops.take_along_axis(order, rank[:, None], axis=-1)[:, 0], "int32")


def _first_to_exceed(u, cumulative, count):
    """Return the first of `count` tokens whose fraction of the total cumulative probability exceeds u, `(R,)`."""
    below = ops.sum(ops.cast(cumulative <= u[:, None] * cumulative[:, -1:], "int32"), axis=-1)
    return ops.minimum(below, ops.cast(count - 1, "int32"))
