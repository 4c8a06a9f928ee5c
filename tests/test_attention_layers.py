"""Attention: a softmax written out in NumPy, Keras's own layers, the cache, and what is refused."""

import re

import keras
import numpy as np
import pytest

from keras_course import ops
from keras_course.layers import MultiHeadAttention, TransformerBlock, alibi_slopes, attention, attention_weights, rotate
from keras_course.portable import portable_init

B, T, N, C, H = 2, 7, 5, 16, 4
RNG = np.random.default_rng(1)
X = np.random.default_rng(0).normal(size=(B, T, C)).astype("float32")
CONTEXT = np.random.default_rng(1).normal(size=(B, N, 6)).astype("float32")
PADDING = np.arange(T) < np.array([[T], [4]])  # the second sequence has four tokens


def random_mask(*shape):
    """A mask under which every position sees itself, at least."""
    return (np.random.default_rng(2).random(shape) < 0.6) | np.eye(T, dtype=bool)


CASES = {  # arguments of the layer, of the call
    "plain": ({}, {}),
    "causal": ({"causal": True}, {}),
    "causal, padded": ({"causal": True}, {"attention_mask": PADDING}),
    "window": ({"causal": True, "window": 4}, {}),
    "window, in blocks": ({"causal": True, "window": 3, "num_kv_heads": 2}, {}),
    "window of one": ({"causal": True, "window": 1}, {}),
    "window on both sides": ({"window": 2}, {"attention_mask": random_mask(B, T, T)}),
    "mask of each head": ({}, {"attention_mask": random_mask(B, H, T, T)}),
    "bias": ({"causal": True}, {"bias": np.random.default_rng(3).normal(size=(1, H, T, T)).astype("float32")}),
    "rotary, grouped": ({"positions": "rotary", "num_kv_heads": 2, "causal": True}, {}),
    "alibi, multi-query": ({"positions": "alibi", "num_kv_heads": 1}, {"attention_mask": PADDING}),
    "relative": ({"positions": "relative", "context_length": 9}, {}),
    "relative, causal": ({"positions": "relative", "context_length": 9, "causal": True, "num_kv_heads": 2}, {}),
    "cross": ({"num_kv_heads": 2}, {"context": CONTEXT, "attention_mask": np.arange(N) < np.array([[3], [5]])}),
}


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(options, **given):
    """A layer with weights that are far from their first values, biases and relative positions included."""
    layer = MultiHeadAttention(H, **options)
    layer(X, given.get("context"))
    rng = np.random.default_rng(4)
    layer.set_weights([0.5 * rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def by_hand(layer, attention_mask=None, bias=0.0, context=None):
    """Return the output and the weights of a layer for `X`, one query at a time, in float64."""
    source, width = X if context is None else context, C // H

    def heads(x, kernel, b):
        return (x.astype("float64") @ array(kernel) + array(b)).reshape(B, x.shape[1], -1, width)

    if context is None:
        q, k, v = np.split(heads(X, layer.qkv.kernel, layer.qkv.bias), [H, H + layer.num_kv_heads], axis=2)
    else:
        q = heads(X, layer.query.kernel, layer.query.bias)
        k, v = np.split(heads(source, layer.key_value.kernel, layer.key_value.bias), 2, axis=2)
    if layer.positions == "rotary":
        q, k = (array(rotate(x.astype("float32"), np.arange(T))).astype("float64") for x in (q, k))
    y, weights = np.zeros((B, T, H, width)), np.zeros((B, H, T, source.shape[1]))
    for b, h, t in np.ndindex(B, H, T):
        group, scores = h // (H // layer.num_kv_heads), np.zeros(source.shape[1])
        for s in range(len(scores)):
            scores[s] = q[b, t, h] @ k[b, s, group] / np.sqrt(width) + np.broadcast_to(bias, weights.shape)[b, h, t, s]
            hidden = (layer.causal and s > t) or (layer.window and abs(t - s) >= layer.window)
            if attention_mask is not None:
                shape = {2: (B, 1, 1, -1), 3: (B, 1, T, -1), 4: (B, H, T, -1)}[attention_mask.ndim]
                hidden = hidden or not np.broadcast_to(attention_mask.reshape(shape), weights.shape)[b, h, t, s]
            if layer.positions == "alibi":
                scores[s] -= 2.0 ** (-8 * (h + 1) / H) * abs(t - s)
            if layer.positions == "relative" and not hidden:
                scores[s] += array(layer.relative_embedding)[t - s + (0 if layer.causal else 8), h]
            scores[s] = -np.inf if hidden else scores[s]
        weights[b, h, t] = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        y[b, t, h] = weights[b, h, t] @ v[b, :, group]
    return y.reshape(B, T, C) @ array(layer.projection.kernel) + array(layer.projection.bias), weights


@pytest.mark.parametrize("case", CASES)
def test_a_softmax_written_out(case):
    options, given = CASES[case]
    layer = built(options, **given)
    y, weights = by_hand(layer, **given)
    np.testing.assert_allclose(array(layer(X, **given)), y, atol=2e-5)
    ours = layer(X, **given, return_weights=True)
    np.testing.assert_allclose(array(ours[0]), y, atol=2e-5)
    np.testing.assert_allclose(array(ours[1]), weights, atol=2e-5)
    again = MultiHeadAttention.from_config(layer.get_config())
    again(X, given.get("context"))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(array(again(X, **given)), array(layer(X, **given)))


def split_kernels(layer):
    """The weights of our layer as Keras's layers hold them: a kernel and a bias for each of q, k and v."""
    width, groups, pieces = C // H, layer.num_kv_heads, []
    cuts = {"qkv": [H, H + groups], "query": [], "key_value": [groups]}
    for part in (layer.query, layer.key_value) if layer.is_cross else (layer.qkv,):
        kernel = array(part.kernel).reshape(part.kernel.shape[0], -1, width)
        bias = array(part.bias).reshape(-1, width)
        for pair in zip(np.split(kernel, cuts[part.name], axis=1), np.split(bias, cuts[part.name]), strict=True):
            pieces += pair
    return [*pieces, array(layer.projection.kernel).reshape(H, width, C), array(layer.projection.bias)]


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"causal": True}, {"attention_mask": PADDING}),
        ({}, {"context": CONTEXT, "attention_mask": np.arange(N) < np.array([[3], [5]])}),
        ({"num_kv_heads": 2}, {"attention_mask": random_mask(B, T, T)}),
    ],
    ids=["causal", "cross", "grouped"],
)
def test_equal_to_the_layers_of_keras(options, given):
    ours = built(options, **given)
    theirs = keras.layers.MultiHeadAttention(H, C // H)
    if ours.num_kv_heads != H:
        theirs = keras.layers.GroupQueryAttention(C // H, H, ours.num_kv_heads)
    source = given.get("context", X)
    theirs.build(X.shape, source.shape)
    theirs.set_weights(split_kernels(ours))
    mask = given["attention_mask"]
    mask = np.repeat(mask[:, None], T, axis=1) if mask.ndim == 2 else mask
    call = {"attention_mask": mask, "use_causal_mask": ours.causal}
    np.testing.assert_allclose(array(ours(X, **given)), array(theirs(X, source, **call)), atol=2e-5)
    slopes = [
        array(ops.grad(lambda x, layer=layer: keras.ops.sum(layer(x) ** 2))(X))
        for layer in (lambda x: ours(x, **given), lambda x: theirs(x, given.get("context", x), **call))
    ]
    np.testing.assert_allclose(*slopes, atol=1e-4 * np.abs(slopes[1]).max())


def test_grouped_queries_equal_repeated_keys():
    q = RNG.normal(size=(B, T, H, 4)).astype("float32")
    k, v = RNG.normal(size=(2, B, T, 2, 4)).astype("float32")
    repeated = attention(q, *(np.repeat(x, 2, axis=2) for x in (k, v)), causal=True)
    np.testing.assert_allclose(array(attention(q, k, v, causal=True)), array(repeated), atol=1e-6)


def test_a_query_that_may_see_no_key_gets_zeros_and_harms_no_gradient():
    """Query 2 is masked, and query 0 of a sequence with padding on its left sees only what the causal mask hides."""
    q, k, v = RNG.normal(size=(3, B, T, H, 4)).astype("float32")
    mask = np.ones((B, 1, T, T), bool)
    mask[1, :, 2], mask[1, :, :, 0] = False, False
    given = {"mask": mask, "causal": True}
    y, weights = array(attention(q, k, v, **given)), array(attention_weights(q, k, **given))
    np.testing.assert_array_equal(y[1, [0, 2]], 0)
    np.testing.assert_array_equal(weights[1][:, [0, 2]], 0)
    np.testing.assert_allclose(np.delete(weights.sum(axis=-1)[1], [0, 2], axis=1), 1, rtol=1e-5)
    for bias in (None, np.zeros((1, 1, T, T), "float32")):
        slopes = ops.grad(lambda *x, b=bias: keras.ops.sum(attention(*x, **given, bias=b) ** 2), argnums=(0, 1, 2))
        assert all(np.isfinite(array(slope)).all() for slope in slopes(q, k, v))


@pytest.mark.parametrize(
    "options",
    [
        {"num_kv_heads": 2, "positions": "rotary"},
        {"positions": "alibi", "window": 3},
        {"positions": "relative", "num_kv_heads": 1},
    ],
    ids=lambda options: options["positions"],
)
def test_cache_equals_recompute(options):
    layer = built({"causal": True, "context_length": 9, **options})
    cache, outputs = layer.empty_cache(B), []
    assert cache[0].shape == (B, 9, layer.num_kv_heads, C // H)
    for first, last in ((0, 4), (4, 5), (5, T)):  # a prompt, a token, two tokens
        y, cache = layer.decode(X[:, first:last], cache, first)
        outputs.append(array(y))
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), array(layer(X)), atol=2e-5)


def test_the_cache_of_a_context_equals_recompute():
    options, given = CASES["cross"]
    layer = built(options, **given)
    cache = layer.context_cache(given["context"])
    steps = [array(layer.decode(X[:, t : t + 1], cache, t, given["attention_mask"])[0]) for t in range(T)]
    np.testing.assert_allclose(np.concatenate(steps, axis=1), array(layer(X, **given)), atol=2e-5)


def test_a_block_does_not_see_padding():
    """What a block of an encoder returns for four tokens does not depend on what the padding after them holds."""
    block = TransformerBlock(H, 8, causal=False, positions="rotary")
    padded = array(block(X, attention_mask=np.arange(T)[None] < 4))
    np.testing.assert_allclose(padded[:, :4], array(block(X[:, :4])), atol=2e-5)
    assert np.abs(array(block(X))[:, :4] - padded[:, :4]).max() > 1e-3


def test_dropout_falls_on_the_weights():
    """Values of ones make each output the sum of the weights that are left, scaled up."""
    layer = MultiHeadAttention(1, dropout=0.5, project=False)
    layer(X)
    layer.set_weights([np.zeros((C, 3 * C)), np.repeat([0.0, 0.0, 1.0], C)])
    np.testing.assert_allclose(array(layer(X)), 1, rtol=1e-6)
    dropped = array(layer(X, training=True))
    np.testing.assert_allclose(dropped, np.round(dropped * T / 2) * 2 / T, atol=1e-6)
    assert dropped.std() > 0.1


def test_a_model_with_masks_and_a_context_is_saved(tmp_path):
    x, context, mask = keras.Input((None, C)), keras.Input((None, 6)), keras.Input((None,), dtype="bool")
    h = MultiHeadAttention(H, causal=True, positions="alibi", name="own")(x)
    y, weights = MultiHeadAttention(H, name="other")(h, context, attention_mask=mask, return_weights=True)
    model = portable_init(keras.Model([x, context, mask], [y, weights]))
    assert (y.shape, weights.shape) == ((None, None, C), (None, H, None, None))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = X, CONTEXT, np.arange(N) < np.array([[3], [5]])
    for ours, theirs in zip(model(inputs), loaded(inputs), strict=True):
        np.testing.assert_array_equal(array(ours), array(theirs))
    assert model(inputs)[1].shape == (B, H, T, N)


def test_alibi_slopes():
    """The published slopes of 8 heads, and of 6: those of 4 and two between those of 8."""
    np.testing.assert_allclose(alibi_slopes(8), 0.5 ** np.arange(1, 9))
    np.testing.assert_allclose(alibi_slopes(6), [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads=0"),
        ({"context_length": float("nan")}, "context_length=nan"),
        ({"num_kv_heads": 3}, "num_kv_heads=3 must divide num_heads=4"),
        ({"window": 0}, "window=0"),
        ({"positions": "sinusoidal"}, "positions='sinusoidal' is none of"),
        ({"positions": "relative"}, "it needs a context_length"),
        ({"causal": "no"}, "causal='no'"),
        ({"num_heads": 3}, "hidden_dim=16 is not divisible by num_heads=3"),
        ({"num_heads": 16, "positions": "rotary"}, "heads of width 1 are odd"),
        ({"context_length": 3}, "7 tokens is longer than context_length=3"),
    ],
)
def test_bad_layer(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MultiHeadAttention(**{"num_heads": H, **options})(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiHeadAttention(H, causal=True)(X, CONTEXT), "cross-attention has two"),
        (lambda: built({})(X, CONTEXT), "was built for self-attention: it takes no context"),
        (lambda: built({}, context=CONTEXT)(X), "was built for cross-attention: it needs context"),
        (lambda: built({})(X, attention_mask=np.ones(T, bool)), "attention_mask has shape (7,)"),
        (lambda: built({})(X, attention_mask=np.ones((B, T + 1), bool)), "mask has shape (2, 1, 1, 8)"),
        (lambda: built({})(X, attention_mask=np.ones((B, T))), "mask must be boolean"),
        (lambda: built({})(X, bias=np.ones((3, 1, T, T), "float32")), "bias has shape (3, 1, 7, 7)"),
        (lambda: built({}).empty_cache(2), "a cache needs causal=True and a length"),
        (lambda: attention(X[None], X[None], X[None, :, :, :2]), None),
        (lambda: attention(X[None], X[None, :, :3], X[None, :, :3]), "which divides the number of heads of q"),
    ],
)
def test_bad_call(call, message):
    if message is None:  # values may have another width
        assert call().shape == (1, B, T, 2)
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("positions", [None, "rotary", "alibi", "relative"])
def test_gradient_with_respect_to_the_input(positions):
    layer = built({"positions": positions, "context_length": 9, "causal": True})
    direction, step = np.cos(np.arange(X.size)).reshape(X.shape).astype("float32"), 1e-2
    slope = np.sum(array(ops.grad(lambda x: keras.ops.sum(layer(x) ** 2))(X)) * direction)
    above, below = (np.sum(array(layer(X + move * direction)) ** 2) for move in (step, -step))
    secant = (above - below) / (2 * step)
    assert slope == pytest.approx(secant, rel=1e-2)
