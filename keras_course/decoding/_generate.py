"""Writing texts with an autoregressive model: greedy, sampled, or by beam search.

Notation: B prompts in a batch, K beams (else K = 1), V tokens in the vocabulary, N the context length. One row of
uniform numbers belongs to each text; they come from NumPy, so they are equal on every backend for one seed.

The window. A model sees N tokens at once. Token t is predicted from the tokens from `start` to t - 1, where `start` is
0 until the context is full; then the older half of the window is forgotten and the rest is read again. So a prompt may
be longer than the context and a text as long as you like, and a text does not depend on the cache, nor on the other
prompts in the batch.
"""

import math

import numpy as np
from keras import ops, tree

from keras_course.checks import instance, is_number, is_whole, not_negative, numpy_seed, validate, whole
from keras_course.checks.tokens import check_tokens
from keras_course.decoding._beams import best_rows
from keras_course.decoding._decoder import Decoder
from keras_course.decoding._loop import Plan, programs

_HOTTEST = 1e38  # the largest that float32 holds; all tokens are equally likely long before
_COLDEST = 1e-6  # below it float32 cannot divide by the temperature, and only the most likely token is left anyway


def _check_temperature(temperature):
    if not is_number(temperature) or not 0 <= temperature < math.inf:
        raise ValueError(f"temperature={temperature!r} must be 0 (the most likely token) or a finite positive number")


def _check_probability(top_p):
    if not (is_number(top_p) and 0 < top_p <= 1):
        raise ValueError(f"top_p={top_p!r} must lie in (0, 1]")


@validate(
    decoder=instance(Decoder),
    length=whole(1),
    temperature=_check_temperature,
    top_k=whole(1, math.inf),
    top_p=_check_probability,
    beams=whole(1, math.inf),
    length_penalty=not_negative,
    seed=numpy_seed,
)
def generate_tokens(
    decoder,
    prompt,
    length,
    *,
    temperature=1.0,
    top_k=None,
    top_p=None,
    beams=None,
    length_penalty=0.0,
    stop=None,
    seed=0,
    context=(),
) -> np.ndarray:
    """Continue prompts with an autoregressive model.

    The next token is sampled from softmax(logits / temperature), cut to the `top_k` most likely tokens and to the
    fewest tokens whose probabilities reach `top_p`. With `beams`, the result is the text of the highest
    log P / lp(n) among those found by keeping the K best texts of each length; see `length_penalty`.

    Args:
        decoder: a `Decoder`.
        prompt: 1-D array of tokens, or a list of B of them, which may differ in length.
        length: number of tokens to write after each prompt. If prompt and text are longer than the decoder's
            `context_length` N, the decoder sees a window of the last tokens, and forgets its older half when it is
            full.
        temperature: above 1 flattens the distribution, below 1 sharpens it; below 1e-6, so with 0, the most likely
            token is taken.
        top_k: keep this many tokens, or None for all.
        top_p: keep the smallest set of tokens with at least this probability, in (0, 1], or None for all.
        beams: number K of beams, or None to sample; it excludes the three above.
        length_penalty: strength alpha of the length penalty of beam search, at least 0.
        stop: token that ends a text (it is kept), a list of such tokens, or None.
        seed: integer, at least 0; on one backend the same seed gives the same text.
        context: structure of tensors `(B, ...)` that is handed to the decoder, one row for each prompt.

    Returns:
        The prompt with the new tokens after it, a 1-D int32 array; a list of them for a list of prompts.

    Raises:
        ValueError: an empty prompt, an unknown token, a `length`, `top_k` or `beams` below 1, a negative temperature,
            length penalty or seed, a `top_p` outside (0, 1], or `beams` together with a way of sampling.
        FloatingPointError: the model's logits are NaN or infinite.

    References: as for `keras_course.language.generate`.
    """
    if not isinstance(prompt, list | tuple):
        prompt = np.asarray(prompt)
    single = np.ndim(prompt[0]) == 0 if isinstance(prompt, list | tuple) and prompt else np.ndim(prompt) < 2
    size = decoder.vocab_size
    prompts = [check_tokens("prompt", p, size) for p in ([prompt] if single else prompt)]
    _check_search(temperature, top_k, top_p, beams, length_penalty)
    plan = _plan(size, length, temperature, top_k, top_p, beams, length_penalty, stop)
    filters = {
        "temperature": np.float32(min(temperature, _HOTTEST)),
        "top_k": np.int32(min(top_k or size, size)),
        "top_p": np.float32(top_p or 1),
    }
    texts = _write(decoder, plan, prompts, int(length), filters, seed, _rows_of(context, len(prompts), plan.beams))
    return texts[0] if single else texts


def _check_search(temperature, top_k, top_p, beams, length_penalty):
    if beams is not None and (temperature != 1.0 or top_k is not None or top_p is not None):
        raise ValueError(f"beams={beams} searches for the most likely text: leave temperature, top_k and top_p alone")
    if beams is None and length_penalty:
        raise ValueError(f"length_penalty={length_penalty} ranks the texts of beam search: it needs beams")


def _plan(size, length, temperature, top_k, top_p, beams, length_penalty, stop):
    """Return how tokens are chosen."""
    stops = () if stop is None else check_tokens("stop", [stop] if is_whole(stop) else stop, size).tolist()
    filtered = top_k is not None or top_p is not None
    mode = "beam" if beams else "greedy" if temperature < _COLDEST else "filter" if filtered else "sample"
    texts = size ** min(int(length), 64)  # how many there are, or many; more beams would stay empty
    return Plan(mode, int(min(beams or 1, texts)), float(length_penalty), tuple(stops))


def _rows_of(context, prompts, beams):
    """Return the context with a row for each beam, or raise a ValueError where it has not one for each prompt."""

    def repeat(x):
        x = ops.stop_gradient(ops.convert_to_tensor(x))  # what encoded it is not trained here
        if not len(x.shape) or x.shape[0] != prompts:
            raise ValueError(f"context has a tensor of shape {tuple(x.shape)}; it needs a row for each of {prompts}")
        return ops.repeat(x, beams, axis=0) if beams > 1 else x

    return tree.map_structure(repeat, context)


def _write(decoder, plan, prompts, length, filters, seed, context):
    """Fill a table with B K rows of text, window by window."""
    width = decoder.context_length
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
    done, written, known, start = np.zeros(rows, bool), np.zeros(rows, "int32"), int(starts.min()), 0
    read, loop = programs(decoder, plan, rows)

    while known < total and not done.all():  # tokens 0 .. known - 1 of every row are known
        if known - start > width:
            start += max(1, width // 2)
            continue
        here = slice(start, start + width + 1)
        cache, first = read(text[:, here], known - start - 1, context)
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
            "written": written,
            "rows": np.arange(rows, dtype="int32"),
            "cache": cache,
            "context": context,
            **filters,
        }
        carry = loop(carry)
        if not bool(carry["finite"]):
            raise FloatingPointError(
                f"model={decoder.name!r}: the logits of token {start + int(carry['index'])} are NaN or infinite, so it "
                "cannot write: its training diverged, or its numbers overflow their type"
            )
        window, done, scores, written, parents = (
            ops.convert_to_numpy(carry[key]) for key in ("window", "done", "scores", "written", "rows")
        )
        text = text[parents]  # a beam may have taken over the past of another one
        text[:, here] = window
        known = start + int(carry["last"]) + 1
    best = best_rows(scores, written, plan.beams, plan.alpha)
    return [_cut(text[row, : ends[row]], starts[row], plan.stop) for row in best]


def _cut(text, start, stop):
    """End a text after the first stop token that was written."""
    found = np.flatnonzero(np.isin(text[start:], stop))
    return text[: start + found[0] + 1] if len(found) else text
