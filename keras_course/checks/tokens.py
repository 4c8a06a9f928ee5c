"""Checks of tokens, the arguments of every function that calls a language model.

Notation: V tokens in the vocabulary, 0 to V - 1; N the context length, in tokens.
"""

import keras
import numpy as np


def context_length(model):
    """Return N, the number of positions that the model can look back on; 1 if it looks at none (a bigram table).

    Raises:
        ValueError: the model is not one that `gpt` builds.
    """
    _check_gpt(model)
    lengths = [layer.context_length for layer in model.layers if getattr(layer, "context_length", None)]
    return min(lengths, default=1)


def vocab_size(model):
    """Return V, the number of tokens that the model knows.

    Raises:
        ValueError: the model is not one that `gpt` builds.
    """
    _check_gpt(model)
    return model.output.shape[-1]


def _check_gpt(model):
    if not isinstance(model, keras.Model) or "token_embedding" not in [layer.name for layer in model.layers]:
        raise ValueError(f"model={model!r} is not a language model built by keras_course.language.gpt")


def check_tokens(argument, tokens, vocab_size, *, ndim=1):
    """Return `tokens` as an int32 array, or raise a ValueError that names the argument and what is allowed."""
    array = np.asarray(tokens)
    if array.ndim != ndim or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(
            f"{argument} must be a non-empty array of integer tokens with {ndim} axes; it has shape {array.shape} and "
            f"type {array.dtype}"
        )
    if array.min() < 0 or array.max() >= vocab_size:
        raise ValueError(
            f"{argument} holds token {array.min() if array.min() < 0 else array.max()}; the model knows 0 to "
            f"{vocab_size - 1}"
        )
    return array.astype("int32")
