"""Checks of tokens, the arguments of every function that calls a language model.

Notation: V tokens in the vocabulary, 0 to V - 1; N the context length, in tokens.
"""

import keras
import numpy as np

from keras_course.checks._numbers import HIGHEST


def context_length(model) -> int:
    """Return N, the number of positions that the model can look back on; 1 if it looks at none (a bigram table).

    Raises:
        ValueError: the model is not one that `gpt` builds.
    """
    _check_gpt(model)
    lengths = [layer.context_length for layer in model.layers if getattr(layer, "context_length", None)]
    return min(lengths, default=1)


def vocab_size(model) -> int:
    """Return V, the number of tokens that the model knows.

    Raises:
        ValueError: the model is not one that `gpt` builds.
    """
    _check_gpt(model)
    return model.output.shape[-1]


def _check_gpt(model):
    if not isinstance(model, keras.Model) or "token_embedding" not in [layer.name for layer in model.layers]:
        raise ValueError(f"model={model!r} is not a language model built by keras_course.language.gpt")


def check_tokens(argument, tokens, vocab_size, *, ndim=1) -> np.ndarray:
    """Return `tokens` as an int32 array, or raise a ValueError that names the argument and what is allowed."""
    array = as_tokens(argument, tokens, ndim=ndim)
    if array.max() >= vocab_size:
        raise ValueError(f"{argument} holds token {array.max()}; the model knows 0 to {vocab_size - 1}")
    return array.astype("int32")


def as_tokens(argument, tokens, *, ndim=1) -> np.ndarray:
    """Return tokens of any vocabulary as an array, a memory map as it is, or raise a ValueError for what is none."""
    try:
        array = np.asarray(tokens)
    except ValueError as error:  # lists of several lengths
        raise ValueError(f"{argument} must be an array of integer tokens: {error}") from None
    if array.ndim != ndim or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"{argument} must be a non-empty array of integer tokens with {ndim} axes; it has shape {array.shape} and "
            f"type {array.dtype}"
        )
    if not np.can_cast(array.dtype, "uint16"):  # else no token can be out of range, and nothing need be read for that
        low, high = array.min(), array.max()
        if low < 0 or high > HIGHEST:
            raise ValueError(f"{argument} holds token {low if low < 0 else high}; tokens are 0 to at most {HIGHEST}")
    return array
