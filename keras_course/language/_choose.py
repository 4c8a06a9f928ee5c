"""How the next token is chosen from the logits: the likeliest, a drawn one, or by beam search.

Notation: R = B K rows (B prompts, K beams), V tokens. logits (R, V) are float32, and the largest of each row is 0, so
that no temperature makes them overflow. `c` is what the loop carries: `noise`
(N, R) uniform numbers, `index` the position to write, `scores` (R) the log-probability of what was written so far.
"""

import numpy as np
from keras import ops, tree


def draw(logits, c, mode):
    """Return one token for each row, `(R,)`.

    The likeliest token is kept by every top p, also by one that is 0 in float32.

    Args:
        logits: `(R, V)`.
        c: the carry; read are `noise`, `index`, `temperature`, `top_k` and `top_p`.
        mode: "greedy", "sample" (from all tokens), or "filter" (from the top k, within the top p).
    """
    if mode == "greedy":
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    p = ops.softmax(logits / c["temperature"], axis=-1)
    u = ops.take(c["noise"], c["index"] - 1, axis=0)
    if mode == "sample":
        return _first_to_reach(u, ops.cumsum(p, axis=-1), p.shape[-1])
    p, order = ops.top_k(p, p.shape[-1])  # sorted, the likeliest first
    before, rank = ops.cumsum(p, axis=-1) - p, ops.arange(p.shape[-1], dtype="int32")
    keep = ops.logical_and(rank < c["top_k"], ops.logical_or(before < c["top_p"], rank == 0))
    kept = p * ops.cast(keep, p.dtype)
    rank = _first_to_reach(u, ops.cumsum(kept, axis=-1), ops.sum(ops.cast(keep, "int32"), axis=-1))
    return ops.cast(ops.take_along_axis(order, rank[:, None], axis=-1)[:, 0], "int32")


def _first_to_reach(u, cumulative, count):
    """Return the first of `count` tokens whose share of the total cumulative probability exceeds u, `(R,)`."""
    below = ops.sum(ops.cast(cumulative <= u[:, None] * cumulative[:, -1:], "int32"), axis=-1)
    return ops.minimum(below, ops.cast(count - 1, "int32"))


def best_beams(logits, forced, c, beams, stop):
    """Extend every beam by every token and keep the K best of each prompt, the best first.

    Args:
        logits: `(R, V)`.
        forced: `(R,)` booleans: rows that take no new token (still reading the prompt, or finished).
        c: the carry; `scores`, `rows`, `window`, `done` and `cache` follow the beams that are kept.
        beams: number K.
        stop: the stop token.

    Returns:
        `(token, c)`: the token `(R,)` that each kept beam gains, and the carry reordered.
    """
    size = logits.shape[-1]
    gain = ops.log_softmax(logits, axis=-1)
    nothing = np.array([0.0] + [-1e30] * (size - 1), "float32")  # a forced row goes on as it is, once
    total = c["scores"][:, None] + ops.where(forced[:, None], nothing, gain)  # (R, V)
    scores, best = ops.top_k(ops.reshape(total, (-1, beams * size)), beams)  # (B, K)
    best = ops.cast(best, "int32")
    first = beams * ops.arange(best.shape[0], dtype="int32")[:, None]
    parent = ops.reshape(first + best // size, (-1,))
    token = ops.reshape(best % size, (-1,))
    follow = {key: c[key] for key in ("rows", "window", "done", "cache")}
    follow = tree.map_structure(lambda x: ops.take(x, parent, axis=0), follow)
    return token, {**c, **follow, "scores": ops.reshape(scores, (-1,))}
