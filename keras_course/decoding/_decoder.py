"""What decoding asks of a model.

Notation: R rows of text, S new tokens, N the longest sequence, V tokens in the vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
from keras import ops as k

from keras_course.checks import function, string, validate, whole, whole_number
from keras_course.ops import write_at


@dataclass(frozen=True, eq=False)
class Decoder:
    """An autoregressive model, as decoding sees it.

    Everything rests on one function:

        logits, cache = decode(tokens, cache, index, context)

    It reads the tokens `(R, S)`, int32, at the positions `index`, `index + 1`, ... and returns the logits `(R, S, V)`
    of what follows each of them. `cache` is a flat list of tensors `(R, ...)`: what the model keeps of the positions
    before `index`. `context` is what does not change while a text is written, such as the encoded source of a
    translation: any structure of tensors `(R, ...)`, or `()`.

    Attributes:
        decode: the function above; it is compiled.
        empty_cache: function of R that returns the cache of a model that has read nothing.
        vocab_size: number V of tokens.
        context_length: number N of positions that the cache holds.
        variables: every Keras variable that `decode` reads, usually `model.variables`.
        name: what messages call the model.

    Raises:
        ValueError: an attribute is of the wrong kind.

    Example:
        >>> import keras
        >>> from keras_course.decoding import Decoder, generate_tokens
        >>> def decode(tokens, cache, index, context):  # each token is followed by the next number
        ...     return keras.ops.one_hot((tokens + 1) % 5, 5), cache
        >>> decoder = Decoder(decode, empty_cache=lambda rows: [], vocab_size=5, context_length=8)
        >>> generate_tokens(decoder, [2], 4, temperature=0).tolist()
        [2, 3, 4, 0, 1]
    """

    decode: Callable
    empty_cache: Callable
    vocab_size: int
    context_length: int
    variables: Sequence = ()
    name: str = "model"
    programs: dict = field(default_factory=dict, init=False, repr=False)  # what was compiled, for the next call

    def __post_init__(self):
        function(decode=self.decode, empty_cache=self.empty_cache)
        whole_number(1, vocab_size=self.vocab_size, context_length=self.context_length)
        string(name=self.name)
        variables = self.variables
        if not isinstance(variables, list | tuple) or not all(isinstance(v, keras.Variable) for v in variables):
            raise ValueError(f"variables={variables!r} must be a list of keras.Variable")


@validate(forward=function, context_length=whole(1))
def without_cache(forward, context_length) -> tuple[Callable, Callable]:
    """Return `decode` and `empty_cache` of a model that reads the whole text anew for each token.

    Its cache is the text so far. Each token costs a full pass; use it to check a cache, or where there is none.

    Args:
        forward: function `(tokens (R, N), context) -> logits (R, N, V)` of a causal model.
        context_length: number N of positions.

    Raises:
        ValueError: `forward` is not a function, or `context_length` is not a whole number of at least 1.

    Example:
        >>> import keras
        >>> from keras_course.decoding import without_cache
        >>> decode, empty_cache = without_cache(lambda tokens, context: keras.ops.one_hot(tokens, 5), 8)
        >>> logits, cache = decode(keras.ops.array([[2]]), empty_cache(1), 0, ())
        >>> logits.shape == (1, 1, 5)
        True
    """

    def decode(tokens, cache, index, context):
        text = write_at(cache[0], index, k.cast(tokens, "int32"), axis=1)
        here = index + k.arange(tokens.shape[1], dtype="int32")
        return k.take(forward(text, context), here, axis=1), [text]

    return decode, lambda rows: [k.zeros((rows, int(context_length)), dtype="int32")]
