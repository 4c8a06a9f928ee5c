"""The end-to-end memory network: a question is answered by looking at the sentences of a story, hop after hop.

Notation: a story of S sentences of W words, tokens (B, S, W), and a question (B, W), of a vocabulary of V tokens, of
which token 0 is padding; C = `hidden_dim`; K hops.
"""

import itertools

import keras
import numpy as np
from keras import ops

from keras_course._registry import builder
from keras_course.attention._transformer import PADDING, PaddingMask
from keras_course.checks import choice, flag, instance, validate, whole
from keras_course.checks.models import check_built_by
from keras_course.checks.tokens import check_tokens
from keras_course.layers import Dense, PositionEmbedding, sibling
from keras_course.layers._activations import softmax
from keras_course.layers._initializers import get_initializer
from keras_course.ops._types import Tensor


@keras.saving.register_keras_serializable("keras_course")
class SentenceEmbedding(keras.layers.Layer):
    """A sentence as the sum of the embeddings of its words, weighted by their positions.

    Takes tokens `(..., W)` and returns `(..., C)`; padding, token 0, adds nothing. Word j = 1..W has the weights l_j:

        y = sum_j l_j * E[x_j],  l_jc = (1 - j / W) - (c / C) (1 - 2 j / W)  for c = 1..C

    Args:
        vocab_size: number V of tokens.
        hidden_dim: width C.
        positions: whether words are weighted by positions; without them the sum is a bag of words.
        initializer: initializer of the table E, `(V, C)`.

    Call arguments:
        x: tokens; with reverse=True features `(..., C)`, of which the layer then returns the logits x E', `(..., V)`.

    Raises:
        ValueError: a number is out of its range.

    References:
        End-To-End Memory Networks, Sukhbaatar et al., 2015, section 4.1, https://arxiv.org/abs/1503.08895

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import SentenceEmbedding
        >>> SentenceEmbedding(10, 4)(np.array([[[3, 4, 0], [5, 0, 0]]])).shape == (1, 2, 4)
        True
    """

    @validate(vocab_size=whole(2), hidden_dim=whole(1), positions=flag)
    def __init__(self, vocab_size, hidden_dim, *, positions=True, initializer="uniform", **kwargs):
        super().__init__(**kwargs)
        self.vocab_size, self.hidden_dim, self.positions = int(vocab_size), int(hidden_dim), bool(positions)
        self.embeddings_initializer = get_initializer(initializer=initializer)

    def build(self, input_shape) -> None:
        shape = (self.vocab_size, self.hidden_dim)
        self.embeddings = self.add_weight(name="embeddings", shape=shape, initializer=self.embeddings_initializer)
        self.word_weights = _word_weights(input_shape[-1], self.hidden_dim) if self.positions else None

    def call(self, x, reverse=False) -> Tensor:
        table = ops.convert_to_tensor(self.embeddings)
        if reverse:
            return ops.matmul(x, ops.transpose(ops.cast(table, x.dtype)))
        table = ops.cast(table, self.compute_dtype)
        x = ops.cast(x, "int32")
        words = ops.take(table, x, axis=0)  # (..., W, C)
        words = words * ops.cast(ops.not_equal(x, PADDING), words.dtype)[..., None]
        if self.positions:
            words = words * ops.cast(self.word_weights, words.dtype)
        return ops.sum(words, axis=-2)

    def compute_output_spec(self, x, reverse=False) -> keras.KerasTensor:
        return keras.KerasTensor((*x.shape[:-1], self.vocab_size if reverse else self.hidden_dim), self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "hidden_dim": self.hidden_dim,
            "positions": self.positions,
            "initializer": keras.initializers.serialize(self.embeddings_initializer),
        }


def _word_weights(num_words, hidden_dim):
    """Return the weights l `(W, C)` of the words of a sentence."""
    j, c = np.arange(1, num_words + 1)[:, None] / num_words, np.arange(1, hidden_dim + 1) / hidden_dim
    return ((1 - j) - c * (1 - 2 * j)).astype("float32")


@keras.saving.register_keras_serializable("keras_course")
class MemoryHop(keras.layers.Layer):
    """One look at a memory.

    Takes a query u `(B, C)`, inputs m and outputs c of the memory `(B, S, C)`, and booleans in_use
    `(B, S)`; returns what was found, o `(B, C)`, and the weights p `(B, S)`:

        p = softmax(m u),  o = sum_i p_i c_i

    Args:
        linear: whether the softmax is left out (linear start).

    References: as for `SentenceEmbedding`.

    Example:
        >>> import keras
        >>> from keras_course.attention import MemoryHop
        >>> m = keras.ops.ones((1, 4, 3))
        >>> found, weights = MemoryHop()(m[:, 0], m, m, keras.ops.ones((1, 4), "bool"))
        >>> [float(weight) for weight in weights[0]]
        [0.25, 0.25, 0.25, 0.25]
    """

    @validate(linear=flag)
    def __init__(self, *, linear=False, **kwargs):
        super().__init__(**kwargs)
        self.linear = bool(linear)

    def call(self, u, m, c, in_use) -> tuple[Tensor, Tensor]:
        weights = ops.einsum("bc,bsc->bs", u, m)
        if not self.linear:
            weights = softmax(ops.where(in_use, ops.cast(weights, "float32"), -1e30))
        weights = ops.cast(weights, u.dtype) * ops.cast(in_use, u.dtype)
        return ops.einsum("bs,bsc->bc", weights, c), weights

    def compute_output_spec(self, u, m, c, in_use) -> tuple:
        return keras.KerasTensor(u.shape, u.dtype), keras.KerasTensor(in_use.shape, u.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "linear": self.linear}


def example_stories(model, batch_size, rng) -> dict:
    """Return random stories, whose first sentence and last words are padding, and questions."""
    sentences, words = model.input["story"].shape[1:]
    size = next(layer for layer in model.layers if hasattr(layer, "embeddings")).embeddings.shape[0]
    story = rng.integers(1, size, (batch_size, sentences, words))
    story[:, 0], story[..., -1] = PADDING, PADDING
    question = rng.integers(1, size, (batch_size, words))
    return {"story": story.astype("int32"), "question": question.astype("int32")}


@builder(
    reference="Sukhbaatar et al., 2015, https://arxiv.org/abs/1503.08895",
    presets={"tiny": {"num_sentences": 15, "num_words": 7, "vocab_size": 30}},
    example=example_stories,
)
@validate(
    num_sentences=whole(1),
    num_words=whole(1),
    vocab_size=whole(2),
    hidden_dim=whole(1),
    num_hops=whole(1),
    tying=choice("adjacent", "layer"),
    word_positions=flag,
    sentence_positions=flag,
    linear=flag,
    seed=whole(0, 2_000_000_000),
)
def memory_network(
    num_sentences,
    num_words,
    vocab_size,
    *,
    hidden_dim=64,
    num_hops=3,
    tying="adjacent",
    word_positions=True,
    sentence_positions=True,
    linear=False,
    seed=0,
    name="memory_network",
) -> keras.Model:
    """Build an end-to-end memory network, which answers a question about a story with one word.

    Takes a dict of tokens, int32: story `(B, S, W)` and question `(B, W)`, in which token 0 is padding; returns logits
    `(B, V)` of the answer. Hop k = 1..K compares the query u with the sentences in one embedding and reads them in
    another:

        m_i = A_k(x_i) + T_k,i,  c_i = C_k(x_i) + T'_k,i,  p = softmax(u'm_1, ..., u'm_S)
        u = B(question),  u <- u + sum_i p_i c_i for each hop,  logits = W u

    With tying="adjacent" the embeddings are shared by neighbors, A_{k+1} = C_k, B = A_1 and W = C_K'. With "layer" all
    hops have the same A and C, as in a recurrent network, and a matrix H: u <- H u + sum_i p_i c_i.

    Args:
        num_sentences: S, sentences of a story, with padding before the first one: the last sentence comes last.
        num_words: W, words of a sentence and of a question, with padding after the last one.
        vocab_size: V, number of tokens, the padding included.
        hidden_dim: width C of the embeddings.
        num_hops: number K of hops.
        tying: "adjacent" or "layer".
        word_positions: whether words are weighted by their positions (see `SentenceEmbedding`).
        sentence_positions: whether a learned vector T is added for each position of a sentence (temporal encoding).
        linear: whether the softmax of all hops is left out, as in the first part of training with a linear start.
        seed: whole number, at most 2 billion, seed of the initial weights.
        name: name of the model.

    Returns:
        An uncompiled `keras.Model`. `hop_attention` returns the weights p of each hop.

    Raises:
        ValueError: a number is out of its range, or an unknown `tying`.

    Differences from the paper: rows of padding have the weight 0; the paper lets the network look at them.

    References:
        End-To-End Memory Networks, Sukhbaatar et al., 2015, https://arxiv.org/abs/1503.08895

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import memory_network
        >>> model = memory_network(10, 5, 20)
        >>> model({"story": np.ones((2, 10, 5)), "question": np.ones((2, 5))}).shape == (2, 20)
        True
    """
    small = keras.initializers.RandomNormal(stddev=0.1, seed=seed)

    def embed(k):
        initializer = sibling(small, 2 * k)
        return SentenceEmbedding(
            vocab_size, hidden_dim, positions=word_positions, initializer=initializer, name=f"embedding_{k}"
        )

    story = keras.Input((num_sentences, num_words), dtype="int32", name="story")
    question = keras.Input((num_words,), dtype="int32", name="question")
    in_use = PaddingMask(name="in_use")(story[:, :, 0])  # (B, S)
    embeddings = [embed(k) for k in range(num_hops + 1 if tying == "adjacent" else 3)]
    memories = [embedding(story) for embedding in embeddings[: num_hops + 1 if tying == "adjacent" else 2]]
    if sentence_positions:
        memories = [
            PositionEmbedding(num_sentences, initializer=sibling(small, 2 * k + 1), name=f"sentence_positions_{k}")(m)
            for k, m in enumerate(memories)
        ]
    if tying == "adjacent":
        pairs, u = itertools.pairwise(memories), embeddings[0](question)
    else:
        pairs, u = [memories] * num_hops, embeddings[2](question)
        mix = Dense(hidden_dim, use_bias=False, kernel_initializer=sibling(small, 2 * num_hops + 2), name="mix")
    for k, (m, c) in enumerate(pairs):
        found, _ = MemoryHop(linear=linear, name=f"hop_{k}")(u, m, c, in_use)
        u = (u if tying == "adjacent" else mix(u)) + found
    if tying == "adjacent":
        logits = embeddings[-1](u, reverse=True)
    else:
        kernels = sibling(small, 2 * num_hops + 3)
        logits = Dense(vocab_size, use_bias=False, kernel_initializer=kernels, name="answer")(u)
    return keras.Model({"story": story, "question": question}, logits, name=name)


@validate(model=instance(keras.Model))
def hop_attention(model, story, question) -> np.ndarray:
    """Return at which sentences a memory network looks in each hop.

    Args:
        model: a model built by `memory_network`, with K hops.
        story: `(B, S, W)` tokens.
        question: `(B, W)` tokens.

    Returns:
        A NumPy array `(K, B, S)` of attention weights.

    Raises:
        ValueError: `model` was built by another builder, or an array has another shape or an unknown token.

    Example:
        >>> import numpy as np
        >>> from keras_course.attention import hop_attention, memory_network
        >>> hop_attention(memory_network(10, 5, 20), np.ones((2, 10, 5), int), np.ones((2, 5), int)).shape
        (3, 2, 10)
    """
    check_built_by("memory_network", model, ["hop_0"])
    hops = [layer for layer in model.layers if isinstance(layer, MemoryHop)]
    size, shape = model.get_layer("embedding_0").vocab_size, tuple(model.input["story"].shape[1:])
    story, question = check_tokens("story", story, size, ndim=3), check_tokens("question", question, size, ndim=2)
    if story.shape[1:] != shape or question.shape != (len(story), shape[1]):
        raise ValueError(
            f"story and question have shapes {story.shape} and {question.shape}; they must be (B, {shape[0]}, "
            f"{shape[1]}) and (B, {shape[1]})"
        )
    weights = keras.Model(model.input, [hop.output[1] for hop in hops])({"story": story, "question": question})
    weights = keras.tree.flatten(weights)  # of one hop, Keras returns the tensor without the list
    return np.stack([ops.convert_to_numpy(ops.cast(p, "float32")) for p in weights])
