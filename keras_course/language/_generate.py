"""Writing text with a language model: greedy, sampled, or by beam search, with a key-value cache.

Notation: B prompts in a batch, K beams (else K = 1), V tokens in the vocabulary, N the context length. p are the
model's probabilities for the next token and u a uniform number: the token drawn is the first whose cumulative
probability reaches u. The u come from NumPy, so one seed gives the same numbers on every backend.

The window. A model sees N tokens at once. Token t is predicted from the tokens from `start` to t - 1, where `start` is
0 until the context is full; then the older half of the window is forgotten and the rest is read again. So a prompt may
be longer than the context and a text as long as you like, and what is written does not depend on the cache, nor on
the other prompts in the batch.
"""

import dataclasses
import math

import numpy as np
from keras import ops

from keras_course.checks import flag, is_number, numpy_seed, whole_number
from keras_course.checks.tokens import check_tokens, context_length, vocab_size
from keras_course.language._choose import best_beams, draw
from keras_course.language._decode import decode, empty_cache
from keras_course.ops import jit, jit_while

_HOTTEST = 1e38  # the largest that float32 holds; all tokens are equally likely long before
_COLDEST = 1e-6  # below it float32 cannot divide by the temperature, and only the likeliest token is left anyway


def generate(
    model,
    prompt,
    length,
    *,
    temperature=1.0,
    top_k=None,
    top_p=None,
    beams=None,
    stop=None,
    seed=0,
    cache=True,
):
    """Continue prompts with a language model.

    The next token is drawn from softmax(logits / temperature), cut to the `top_k` most likely tokens and to the fewest
    tokens whose probabilities reach `top_p`; or, with `beams`, the result is the text of the highest total
    log-probability among those found by keeping the K best texts of each length.

    Args:
        model: a model built by `gpt`.
        prompt: 1-D array of tokens, or a list of B such arrays, which may differ in length.
        length: number of tokens to write after each prompt.
        temperature: above 1 evens the probabilities out, below 1 sharpens them; below 1e-6, so with 0, the most likely
            token is taken.
        top_k: keep this many tokens, or None for all.
        top_p: keep the smallest set of tokens with at least this probability, in (0, 1], or None for all.
        beams: number K of beams, or None to sample; it excludes the three above.
        stop: token that ends a text (it is kept), or None.
        seed: integer, at least 0; on one backend the same seed gives the same text.
        cache: whether to keep keys and values between tokens; without it each token costs a full pass.

    Returns:
        The prompt with what was written after it, a 1-D int32 array; a list of them for a list of prompts.

    Raises:
        ValueError: an empty prompt, an unknown token, a `length`, `top_k` or `beams` below 1, a negative
            temperature or seed, a `top_p` outside (0, 1], or `beams` together with a way of sampling.
        FloatingPointError: the model's logits are NaN or infinite.

    References:
        The Curious Case of Neural Text Degeneration (top-p), Holtzman et al., 2020, https://arxiv.org/abs/1904.09751

        Hierarchical Neural Story Generation (top-k), Fan et al., 2018, https://arxiv.org/abs/1805.04833

    Example:
        >>> import numpy as np
        >>> from keras_course.language import generate, gpt
        >>> generate(gpt(10, 8), np.array([1, 2]), 5, temperature=0).shape
        (7,)
    """
    size = vocab_size(model)
    if not isinstance(prompt, list | tuple):
        prompt = np.asarray(prompt)
    single = np.ndim(prompt[0]) == 0 if isinstance(prompt, list | tuple) and prompt else np.ndim(prompt) < 2
    prompts = [check_tokens("prompt", p, size) for p in ([prompt] if single else prompt)]
    plan = _check(size, length, temperature, top_k, top_p, beams, stop, cache, seed)
    filters = {
        "temperature": np.float32(min(temperature, _HOTTEST)),
        "top_k": np.int32(min(top_k or size, size)),
        "top_p": np.float32(top_p or 1),
    }
    texts = _write(model, plan, prompts, int(length), filters, seed)  # XLA takes no integer of NumPy for a shape
    return texts[0] if single else texts


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is fixed when the loop is compiled."""

    mode: str  # "greedy", "sample", "filter" or "beam"
    beams: int
    stop: int
    cache: bool


def _check(size, length, temperature, top_k, top_p, beams, stop, cache, seed):
    optional = {"top_k": top_k, "beams": beams}
    whole_number(1, length=length)
    whole_number(1, at_most=math.inf, **{name: value for name, value in optional.items() if value is not None})
    numpy_seed(seed=seed)
    flag(cache=cache)
    if not is_number(temperature) or not 0 <= temperature < math.inf:
        raise ValueError(f"temperature={temperature!r} must be 0 (the most likely token) or a finite positive number")
    if top_p is not None and not (is_number(top_p) and 0 < top_p <= 1):
        raise ValueError(f"top_p={top_p!r} must lie in (0, 1]")
    if stop is not None:
        check_tokens("stop", [stop], size)
    filtered = top_k is not None or top_p is not None
    if beams is not None and (temperature != 1.0 or filtered):
        raise ValueError(f"beams={beams} searches for the likeliest text: leave temperature, top_k and top_p alone")
    mode = "beam" if beams else "greedy" if temperature < _COLDEST else "filter" if filtered else "sample"
    return _Plan(mode, min(beams or 1, size), -1 if stop is None else stop, cache)


def _write(model, plan, prompts, length, filters, seed):
    """Fill a table with B K rows of text, window by window."""
    width = context_length(model)
    starts = np.repeat([len(p) for p in prompts], plan.beams).astype("int32")
    ends = starts + length
    total = int(ends.max())
    rows = len(starts)
    text, noise = np.zeros((rows, total + width + 1), "int32"), np.zeros((total + width + 1, rows), "float32")
    for row in range(rows):
        number, beam = divmod(row, plan.beams)
        text[row, : starts[row]] = prompts[number]
        noise[:, row] = np.random.default_rng((seed, number, beam)).random(len(noise))
    scores = np.tile(np.array([0.0] + [-1e30] * (plan.beams - 1), "float32"), len(prompts))  # beams start out equal
    done, known, start = np.zeros(rows, bool), int(starts.min()), 0
    read, loop = _programs(model, plan, rows)

    while known < total and not done.all():  # tokens 0 .. known - 1 of every row are known
        if known - start > width:
            start += max(1, width // 2)
            continue
        here = slice(start, start + width + 1)
        state, first = read(text[:, here], known - start - 1)
        carry = {
            "index": np.int32(first),
            "last": np.int32(min(width, total - 1 - start)),
            "window": text[:, here],
            "noise": noise[start : start + width],
            "starts": np.maximum(starts, known) - start,  # what is known is read, not written again
            "ends": ends - start,
            "done": done,
            "finite": np.True_,
            "scores": scores,
            "rows": np.arange(rows, dtype="int32"),
            "cache": state,
            **filters,
        }
        carry = loop(carry)
        if not bool(carry["finite"]):
            raise FloatingPointError(
                f"model={model.name!r}: the logits of token {start + int(carry['index'])} are NaN or infinite, so it "
                "cannot write: its training diverged, or its numbers overflow their type"
            )
        window, done, scores, parents = (
            ops.convert_to_numpy(carry[key]) for key in ("window", "done", "scores", "rows")
        )
        text = text[parents]  # a beam may have taken over the past of another one
        text[:, here] = window
        known = start + int(carry["last"]) + 1
    best = range(0, rows, plan.beams)  # beams are sorted
    return [_cut(text[row, : ends[row]], starts[row], plan.stop) for row in best]


def _cut(text, start, stop):
    """End a text after the first stop token that was written."""
    found = np.flatnonzero(text[start:] == stop)
    return text[: start + found[0] + 1] if len(found) else text


def _programs(model, plan, rows):
    """Return the two compiled programs, `read` and `loop`; they are kept with the model for the next call."""
    kept = model.__dict__.setdefault("_generation_programs", {})
    key = (plan, rows, tuple(id(v) for v in model.variables))
    if key not in kept:
        kept[key] = _reader(model, plan, rows), _looper(model, plan)
    return kept[key]


def _reader(model, plan, rows):
    """Return `read(window, count)`, which takes in known tokens in one pass and returns the cache and their number."""
    compiled = jit(lambda x, cache: decode(model, x, cache, 0)[1], variables=model.variables)

    def read(window, count):
        if not plan.cache:
            return [], count
        cache = empty_cache(model, rows)
        count = 1 << (count.bit_length() - 1) if count else 0  # powers of two, to compile a few lengths only
        return (compiled(window[:, :count], cache) if count and cache else cache), count

    return read


def _looper(model, plan):
    """Return the compiled loop that reads token `index` and writes token `index + 1`, until `last` is read."""

    def next_logits(c):
        i = c["index"]
        if not plan.cache:  # a full pass; what stands after token i cannot be seen by it
            return ops.take(model(c["window"][:, :-1]), i, axis=1), c["cache"]
        token = ops.take(c["window"], i, axis=1)
        logits, cache = decode(model, token[:, None], c["cache"], i)
        return logits[:, 0], cache

    def body(c):
        logits, cache = next_logits(c)
        logits, position = ops.cast(logits, "float32"), c["index"] + 1
        largest = ops.max(logits, axis=-1, keepdims=True)  # not finite where a logit is NaN or +inf, or all are -inf
        logits = logits - largest
        forced = ops.logical_or(position < c["starts"], c["done"])  # still in the prompt, or finished
        c = {**c, "cache": cache, "index": position, "finite": ops.all(ops.isfinite(largest))}
        if plan.mode == "beam":
            token, c = best_beams(logits, forced, c, plan.beams, plan.stop)
            forced = ops.logical_or(position < c["starts"], c["done"])
        else:
            token = draw(logits, c, plan.mode)
        column = ops.arange(c["window"].shape[1], dtype="int32") == position  # (N + 1)
        written = ops.logical_and(column[None, :], ops.logical_not(forced)[:, None])
        done = ops.logical_or(c["done"], ops.logical_and(token == plan.stop, ops.logical_not(forced)))
        return {
            **c,
            "window": ops.where(written, token[:, None], c["window"]),
            "done": ops.logical_or(done, position + 1 >= c["ends"]),
        }

    def cond(c):
        return ops.logical_and(
            ops.logical_and(c["index"] < c["last"], c["finite"]), ops.logical_not(ops.all(c["done"]))
        )

    return jit_while(cond, body, variables=model.variables)
