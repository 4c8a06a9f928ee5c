"""How well a language model predicts a text.

Notation: L the mean of -ln p(x_{t+1} | x_1..x_t), in nats per token: the cross-entropy that models are trained on.
Its exponential is the perplexity, the number of equally likely tokens that would be as hard to predict.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_course.checks import flag, is_number, positive, string, validate, whole, whole_number
from keras_course.checks.tokens import check_tokens, context_length, vocab_size
from keras_course.ops import jit, known
from keras_course.ops._types import Tensor


def perplexity(nats) -> float:
    """Return exp(L), the perplexity that belongs to a cross-entropy.

    Args:
        nats: L, in nats per token.

    Raises:
        ValueError: `nats` is negative.

    Example:
        >>> import math
        >>> from keras_course.metrics import perplexity
        >>> round(perplexity(math.log(104)), 6)      # a uniform guess among 104 characters
        104.0
    """
    _check_nats(nats)
    return math.inf if nats > 700 else math.exp(nats)


@validate(characters_per_token=positive)
def bits_per_character(nats, characters_per_token=1.0) -> float:
    """Return L / (ln 2 * characters per token), which compares models with different tokenizers.

    Args:
        nats: L, in nats per token.
        characters_per_token: mean length of a token, in characters.

    Raises:
        ValueError: `nats` is negative or `characters_per_token` is not positive.

    Example:
        >>> import math
        >>> from keras_course.metrics import bits_per_character
        >>> bits_per_character(math.log(8)), bits_per_character(math.log(8), characters_per_token=4)
        (3.0, 0.75)
    """
    _check_nats(nats)
    return nats / math.log(2) / characters_per_token


def _check_nats(nats):
    if not is_number(nats) or not nats >= 0:
        raise ValueError(f"nats={nats!r} must not be negative or NaN: it is a mean of -ln p")


@keras.saving.register_keras_serializable("keras_course")
class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
    """Perplexity during training: the exponential of the mean cross-entropy over all tokens so far.

    Takes y `(B, T)`, the next tokens, and logits `(B, T, V)`. A y outside 0 to V - 1 is a ValueError; inside a compiled
    step, which cannot raise one, the perplexity is NaN from then on.

    Args:
        name: name of the metric.
        dtype: type of its result.
        from_logits: whether the model returns logits, as `gpt` does, or probabilities.
        ignore_class: token that does not count where it is the one to predict (padding, say), or None.
        axis: axis of the vocabulary.

    Example:
        >>> import numpy as np
        >>> from keras_course.metrics import Perplexity
        >>> metric = Perplexity()
        >>> metric.update_state(np.zeros((2, 3)), np.zeros((2, 3, 8)))
        >>> round(float(metric.result()), 4)
        8.0
    """

    @validate(from_logits=flag, ignore_class=whole(-(2**31)), axis=whole(-(2**31)))
    def __init__(self, name="perplexity", dtype=None, from_logits=True, ignore_class=None, axis=-1):
        if name is not None:
            string(name=name)
        super().__init__(name=name, dtype=dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)

        self._ignored = ignore_class  # Keras's own metric adds nothing for it, but counts it all the same
        self._vocab_axis = axis

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        size, labels = y_pred.shape[self._vocab_axis], known(y_true)
        if labels is not None:
            wrong = labels[((labels < 0) | (labels >= size)) & (labels != self._ignored)]
            if wrong.size:
                raise ValueError(f"y_true holds token {wrong[0]}; the model knows 0 to {size - 1}")
        y_true = ops.cast(y_true, "int32")
        weight = ops.where(ops.logical_or(y_true < 0, y_true >= size), float("nan"), 1.0)
        if self._ignored is not None:
            weight = ops.where(y_true == self._ignored, 0.0, weight)
        weight = ops.cast(weight, self.dtype)
        if sample_weight is not None:
            weight = weight * ops.cast(sample_weight, self.dtype)
        return super().update_state(ops.clip(y_true, 0, size - 1), y_pred, weight)

    def result(self) -> Tensor:
        return ops.exp(super().result())


@validate(batch_size=whole(1))
def text_loss(model, tokens, batch_size=64, *, stride=None) -> float:
    """Measure a language model on a whole text: every token but the first is predicted once.

    The text is cut into windows of T = `context_length` tokens. A window begins `stride` tokens after the one before
    it, and only predictions of tokens that no earlier window predicted count. So a prediction sees at least
    T - stride + 1 tokens (fewer only in the first window), and all T of them with `stride=1`, at T times the cost.
    With stride T, the default, windows do not overlap, and a prediction sees (T + 1) / 2 tokens on average.

    Args:
        model: a model built by `gpt`; it need not be compiled, and nothing in it changes.
        tokens: 1-D array of integer tokens, at least two.
        batch_size: number of windows that go through the model at once. (Those of a bigram table hold one token.)
        stride: distance between the first tokens of two windows, from 1 to T; None is T.

    Returns:
        The mean of -ln p(x_{t+1} | x_1..x_t), in nats per token; a float.

    Raises:
        ValueError: `tokens` is not a 1-D array of at least two integers that the model knows, `batch_size` < 1, or
            `stride` is not from 1 to T.

    Example:
        >>> import math
        >>> import numpy as np
        >>> from keras_course.language import gpt
        >>> from keras_course.metrics import text_loss
        >>> abs(text_loss(gpt(10, 8), np.arange(100) % 10) - math.log(10)) < 0.1    # it has learned nothing yet
        True
    """
    tokens = check_tokens("tokens", tokens, vocab_size(model))
    if len(tokens) < 2:
        raise ValueError(f"tokens holds {len(tokens)} tokens; at least 2 are needed, one to predict from")
    width = context_length(model)
    stride = width if stride is None else stride
    whole_number(1, at_most=width, stride=stride)
    count = len(tokens) - 1
    windows = 1 + -(-max(count - width, 0) // stride)
    batch_size = min(batch_size, windows)
    first = stride * np.arange(-(-windows // batch_size) * batch_size)  # windows that fill up the last batch count 0
    position = first[:, None] + np.arange(width)  # of every prediction in the text
    counted = position < count
    counted[1:, : width - stride] = False  # an earlier window predicted these
    summed_loss, total = _summed_loss(model), 0.0
    for k in range(0, len(first), batch_size):
        batch = position[k : k + batch_size]
        x, y = tokens[np.minimum(batch, count - 1)], tokens[np.minimum(batch + 1, count)]
        total += float(summed_loss(x, y, counted[k : k + batch_size].astype("float32")))
    return total / count


def _summed_loss(model):
    """Return the compiled function of a batch; it is kept with the model for the next call."""

    def summed(x, y, counted):
        logits = ops.cast(model(x, training=False), "float32")
        return ops.sum(counted * ops.sparse_categorical_crossentropy(y, logits, from_logits=True))

    kept = model.__dict__.setdefault("_summed_loss_programs", {})
    key = tuple(id(variable) for variable in model.variables)
    if key not in kept:
        kept[key] = jit(summed, variables=model.variables)
    return kept[key]
