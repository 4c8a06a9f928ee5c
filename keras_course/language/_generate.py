"""Writing text with a language model.

`generate_plainly` is the whole idea. `generate` writes the same texts faster: with a cache of keys and values, many
prompts at once, in one compiled loop (`keras_course.decoding`), and by beam search, too.

Notation: V tokens in the vocabulary, N the context length; z (V) the logits of the next token, p (V) their softmax.
"""

import numpy as np
from keras import ops

from keras_course.checks import flag, numpy_seed, positive, validate, whole
from keras_course.checks.tokens import check_tokens, context_length, vocab_size
from keras_course.decoding import generate_tokens
from keras_course.language._decode import decoder


@validate(length=whole(1), temperature=positive, seed=numpy_seed)
def generate_plainly(model, prompt, length, *, temperature=1.0, seed=0) -> np.ndarray:
    """Continue one prompt, a token at a time.

    Args:
        model: a model built by `gpt`.
        prompt: 1-D array of tokens.
        length, seed: as in `generate`.
        temperature: as in `generate`, but above 0.

    Example:
        >>> from keras_course.language import generate, gpt
        >>> from keras_course.language._generate import generate_plainly
        >>> model = gpt(10, 8)
        >>> generate_plainly(model, [1, 2], 3).tolist() == generate(model, [1, 2], 3).tolist()
        True
    """
    text, start, width = list(check_tokens("prompt", prompt, vocab_size(model))), 0, context_length(model)
    u = np.random.default_rng((seed, 0, 0)).random(len(text) + length)
    for t in range(len(text), len(text) + length):
        while t - start > width:  # the context is full: forget its older half
            start += max(1, width // 2)
        z = ops.convert_to_numpy(model(np.array([text[start:]], "int32")))[0, -1]  # logits of the last position
        p = np.exp((z - z.max()) / temperature)
        p = p / p.sum()  # softmax
        token = np.searchsorted(np.cumsum(p), u[t - 1], side="right")  # a sample from p
        text.append(int(min(token, len(p) - 1)))
    return np.array(text, "int32")


@validate(cache=flag)
def generate(
    model,
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
    cache=True,
) -> np.ndarray:
    """Continue prompts with a language model.

    The next token is sampled from softmax(logits / temperature), cut to the `top_k` most likely tokens and to the
    fewest tokens whose probabilities reach `top_p`. With `beams`, the result is the text of the highest
    log P / lp(n) among those found by keeping the K best texts of each length, where lp is
    `keras_course.decoding.length_penalty`.

    Args:
        model: a model built by `gpt`.
        prompt: 1-D array of tokens, or a list of B such arrays, which may differ in length.
        length: number of tokens to write after each prompt.
        temperature: above 1 flattens the distribution, below 1 sharpens it; below 1e-6, so with 0, the most likely
            token is taken.
        top_k: keep this many tokens, or None for all.
        top_p: keep the smallest set of tokens with at least this probability, in (0, 1], or None for all.
        beams: number K of beams, or None to sample; it excludes the three above.
        length_penalty: strength alpha of the length penalty of beam search, at least 0.
        stop: token that ends a text (it is kept), a list of such tokens, or None.
        seed: integer, at least 0; on one backend the same seed gives the same text.
        cache: whether to keep keys and values between tokens; without it each token costs a full pass.

    Returns:
        The prompt with the new tokens after it, a 1-D int32 array; a list of them for a list of prompts.

    Raises:
        ValueError: an empty prompt, an unknown token, a `length`, `top_k` or `beams` below 1, a negative temperature,
            length penalty or seed, a `top_p` outside (0, 1], or `beams` together with a way of sampling.
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
    return generate_tokens(
        decoder(model, cache),
        prompt,
        length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        beams=beams,
        length_penalty=length_penalty,
        stop=stop,
        seed=seed,
    )
