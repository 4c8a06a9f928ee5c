"""The compiled programs: one reads a known beginning at once, one writes token after token.

Notation: R rows of text, N the context length. A *carry* is what the loop takes from one token to the next:
    index, last     position of the token to read next, and of the last one to read
    window          (R, N + 1) tokens of each row, from the first that the model sees
    noise           (N, R) uniform numbers, one for each token to write
    starts, ends    (R) a row is written from `starts` to `ends - 1`; what is before is known
    done, finite    (R) whether a row is finished; whether all logits were finite
    scores, written (R) log-probability and number of the tokens written so far, for beams
    rows            (R) from which row at the beginning each row stems, for beams
    cache, context  what the model keeps; see `Decoder`
    temperature, top_k, top_p
"""

from dataclasses import dataclass

from keras import ops

from keras_course.decoding._beams import extend_beams
from keras_course.decoding._choose import choose
from keras_course.ops import jit, jit_while


@dataclass(frozen=True)
class Plan:
    """What is fixed when the loop is compiled."""

    mode: str  # "greedy", "sample", "filter" or "beam"
    beams: int  # 1 without beam search
    alpha: float  # of the length penalty
    stop: tuple[int, ...]  # the tokens that end a text


def programs(decoder, plan, rows) -> tuple:
    """Return the compiled programs `read` and `loop` of a model; they are kept for the next call."""
    if (plan, rows) not in decoder.programs:
        decoder.programs[plan, rows] = _reader(decoder, rows), _looper(decoder, plan)
    return decoder.programs[plan, rows]


def _reader(decoder, rows):
    """Return `read(window, count, context)`, which reads known tokens at once; it returns the cache and how many."""
    compiled = jit(lambda x, cache, context: decoder.decode(x, cache, 0, context)[1], variables=decoder.variables)

    def read(window, count, context):
        cache = decoder.empty_cache(rows)
        count = 1 << (count.bit_length() - 1) if count else 0  # powers of two, to compile a few lengths only
        return (compiled(window[:, :count], cache, context) if count and cache else cache), count

    return read


def _looper(decoder, plan):
    """Return the compiled loop that reads token `index` and writes token `index + 1`, until `last` is read."""

    def body(c):
        token = ops.take(c["window"], c["index"], axis=1)
        logits, cache = decoder.decode(token[:, None], c["cache"], c["index"], c["context"])
        logits, position = ops.cast(logits[:, 0], "float32"), c["index"] + 1
        largest = ops.max(logits, axis=-1, keepdims=True)  # not finite where a logit is NaN or +inf, or all are -inf
        logits = logits - largest
        forced = ops.logical_or(position < c["starts"], c["done"])  # still in the prompt, or finished
        c = {**c, "cache": cache, "index": position, "finite": ops.all(ops.isfinite(largest))}
        if plan.mode == "beam":
            token, c = extend_beams(logits, forced, c, plan.beams, plan.alpha)
            forced = ops.logical_or(position < c["starts"], c["done"])
        else:
            u = ops.take(c["noise"], position - 1, axis=0)
            token = choose(logits, plan.mode, u, c["temperature"], c["top_k"], c["top_p"])
        column = ops.arange(c["window"].shape[1], dtype="int32") == position  # (N + 1)
        written = ops.logical_and(column[None, :], ops.logical_not(forced)[:, None])
        done = ops.logical_or(c["done"], position + 1 >= c["ends"])
        for stop in plan.stop:
            done = ops.logical_or(done, ops.logical_and(token == stop, ops.logical_not(forced)))
        return {**c, "window": ops.where(written, token[:, None], c["window"]), "done": done}

    def cond(c):
        unfinished = ops.logical_not(ops.all(c["done"]))
        return ops.logical_and(ops.logical_and(c["index"] < c["last"], c["finite"]), unfinished)

    return jit_while(cond, body, variables=list(decoder.variables))
