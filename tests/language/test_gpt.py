"""The GPT: what it sees, what it refuses, and what it writes."""

import json
import re

import keras
import numpy as np
import pytest

from keras_course.language import attention_maps, generate, gpt
from keras_course.language._generate import generate_plainly
from keras_course.layers import PositionEmbedding, TransformerBlock, rotate
from keras_course.portable import portable_init

KINDS = {
    "plain": {},
    "rotary": {"positions": "rotary", "norm": "rms", "activation": "relu_squared", "tie_embeddings": True},
    "window": {"positions": "relative", "num_kv_heads": 2, "window": 3},
    "bigram": {"hidden_dim": None, "num_layers": 0, "positions": None},
    "head": {"block": "head", "num_heads": 1, "num_layers": 1},
}


def lively(**arguments):
    """A small GPT with weights large enough that its next token depends on the text."""
    model = gpt(20, **{"context_length": 8, "hidden_dim": 16, "num_layers": 2, **arguments})
    rng = np.random.default_rng(0)
    model.set_weights([w + (0.4 if w.ndim > 1 else 0.1) * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param, lively(**KINDS[request.param])


@pytest.fixture(scope="module")
def model():
    return lively()


@pytest.mark.parametrize(("context_length", "choice"), [(7, {"seed": 3}), (10, {"beams": 3})], ids=["seed", "beams"])
def test_cache_and_full_recompute_write_the_same_at_any_context_length(context_length, choice):
    model = lively(context_length=context_length)
    prompts = [[1, 2, 3], [4] * (context_length + 2)]
    texts = [generate(model, prompts, 2 * context_length, cache=cache, **choice) for cache in (True, False)]
    for cached, full in zip(*texts, strict=True):
        assert cached.tolist() == full.tolist()


def test_a_temperature_too_small_to_divide_by_takes_the_likeliest_token(model):
    assert generate(model, [1, 2], 9, temperature=1e-45).tolist() == generate(model, [1, 2], 9, temperature=0).tolist()


@pytest.mark.parametrize(
    ("choice", "value"),
    [({"temperature": 0}, "nan"), ({"cache": False}, "nan"), ({"top_p": 0.9}, "inf"), ({"beams": 2}, "nan")],
    ids=["greedy", "sample", "filter", "beams"],
)
def test_a_model_that_diverged_writes_nothing(choice, value):
    model = gpt(5, 4, hidden_dim=4, num_layers=0)
    model.get_layer("head").kernel.assign(np.full((4, 5), value, "float32"))
    with pytest.raises(FloatingPointError, match="logits of token 2 are NaN or infinite"):
        generate(model, [1, 2], 3, **choice)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")  # JAX has none by default
@pytest.mark.parametrize(
    ("floatx", "policy", "choice"),
    [
        ("float64", "float64", {"top_p": 0.5}),
        ("float64", "float64", {"beams": 2}),
        ("float32", "mixed_bfloat16", {"beams": 2}),
        ("float32", "mixed_float16", {"top_p": 0.5}),
    ],
)
def test_generate_under_other_types(floatx, policy, choice):
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
    try:
        assert len(generate(gpt(5, 4, hidden_dim=4, num_layers=1, num_heads=2), [1, 2], 4, **choice)) == 6
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


@pytest.mark.parametrize(
    "bad", [{"seed": -1}, {"seed": 1.5}, {"seed": None}, {"seed": True}, {"top_k": 2.5}, {"length": 2.5}]
)
def test_generate_wants_whole_numbers(model, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        generate(model, [1], **{"length": 2, **bad})


@pytest.mark.parametrize(
    "bad", [{"hidden_dim": 0}, {"mlp_dim": 0}, {"activation": "nonsense"}, {"num_layers": 1.5}, {"seed": 2**40}]
)
def test_gpt_names_the_bad_argument(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        gpt(10, 8, **bad)


def logits_of(model, tokens):
    return keras.ops.convert_to_numpy(model(np.asarray(tokens, "int32")))


def last_logits(model, tokens, width):
    """The logits of the last token. The model is causal, so zeros after it change nothing: one shape will do."""
    return logits_of(model, [[*tokens, *[0] * (width - len(tokens))]])[0, len(tokens) - 1]


def full_recompute(model, prompt, length, width):
    """The definition that `generate` must follow: the window moves by half its width when it is full."""
    text, start = list(prompt), 0
    for _ in range(length):
        while len(text) - start > width:
            start += max(1, width // 2)
        text.append(int(last_logits(model, text[start:], width).argmax()))
    return text


# What it sees --------------------------------------------------------------------------------------------------------


def test_causal(kind):
    """Changing the future leaves past outputs as they were; changing the past does not."""
    _, model = kind
    tokens = np.random.default_rng(1).integers(0, 20, (1, 8))
    changed = tokens.copy()
    changed[0, 5] = (changed[0, 5] + 1) % 20
    before, after = logits_of(model, tokens), logits_of(model, changed)
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert np.abs(before[:, 5] - after[:, 5]).max() > 1e-3


def test_causal_while_training_with_dropout():
    model = lively(dropout=0.3)
    tokens = np.random.default_rng(1).integers(0, 20, (1, 8)).astype("int32")
    changed = tokens.copy()
    changed[0, 5] = (changed[0, 5] + 1) % 20
    seeds = [v for v in model.non_trainable_variables if "seed" in v.path]
    outputs = []
    for x in (tokens, changed):
        for i, v in enumerate(seeds):
            v.assign(keras.ops.convert_to_tensor(np.array([i, 0], "uint32"), dtype=v.dtype))
        outputs.append(keras.ops.convert_to_numpy(model(x, training=True)))
    assert seeds
    np.testing.assert_array_equal(outputs[0][:, :5], outputs[1][:, :5])


@pytest.mark.parametrize(
    ("ones", "kept"),
    [
        (["qkv/bias", "projection/kernel"], 0.75**2),  # weights of attention, and then its projection
        (["projection/bias"], 0.75),
        (["mlp_out/bias"], 0.75),
    ],
)
def test_dropout_stands_on_attention_weights_and_on_both_branches(ones, kept):
    """One token of width 1, and ones in the weights of one branch only: of 4,000 copies a share is left, scaled up."""
    block = gpt(2, 1, hidden_dim=1, num_layers=1, num_heads=1, dropout=0.25).get_layer("block_0")
    for weight in block.weights:
        weight.assign(keras.ops.full(weight.shape, float(weight.path.endswith(tuple(ones))), dtype=weight.dtype))
    x = np.zeros((4000, 1, 1), "float32")
    whole, y = (keras.ops.convert_to_numpy(block(x, training=training)) for training in (False, True))
    np.testing.assert_allclose(whole, 1.0 + x, rtol=1e-6)
    np.testing.assert_allclose(np.unique(y), [0, 1 / kept], rtol=1e-6)
    assert (y > 0).mean() == pytest.approx(kept, abs=5 * (kept * (1 - kept) / 4000) ** 0.5)


def test_dropout_stands_on_the_embedding():
    model = gpt(2, 1000, hidden_dim=4, num_layers=0, dropout=0.25)
    before = model.get_layer("position_embedding").output
    dropped = keras.Model(model.input, [before, model.get_layer("dropout").output])
    h, y = (keras.ops.convert_to_numpy(t) for t in dropped(np.zeros((1, 1000), "int32"), training=True))
    np.testing.assert_allclose(y[y != 0], h[y != 0] / 0.75, rtol=1e-6)
    assert (y != 0).mean() == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 4000) ** 0.5)


@pytest.mark.parametrize("start", [lambda model: model, portable_init], ids=["keras", "portable_init"])
def test_what_writes_into_the_residual_stream_starts_smaller(start):
    """The standard deviation of n normal numbers is known up to a share 1 / sqrt(2 n): all within five of these."""
    model = start(gpt(100, 50, hidden_dim=32, num_layers=3))
    kernels = {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights if len(weight.shape) == 2}
    writing = [path for path in kernels if path.endswith(("projection/kernel", "mlp_out/kernel"))]
    assert len(writing) == 2 * 3
    for path, kernel in kernels.items():
        expected = 0.02 / (2 * 3) ** 0.5 if path in writing else 0.02
        assert kernel.std() == pytest.approx(expected, rel=5 / (2 * kernel.size) ** 0.5), path


def test_a_fresh_model_knows_nothing():
    """Its loss is ln V, that of a uniform guess."""
    model = portable_init(gpt.from_preset("v4"))
    tokens = np.random.default_rng(0).integers(0, 104, (8, 9)).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(tokens[:, 1:], logits_of(model, tokens[:, :-1]))) == pytest.approx(np.log(104), abs=0.05)


def test_attention_maps(model):
    maps = attention_maps(model, np.random.default_rng(0).integers(0, 20, (3, 6)))
    assert maps.shape == (2, 3, 4, 6, 6)
    np.testing.assert_allclose(maps.sum(-1), 1.0, rtol=1e-5)
    assert (np.triu(maps, 1) == 0).all()
    with pytest.raises(ValueError, match="no attention layer"):
        attention_maps(lively(**KINDS["bigram"]), np.zeros((1, 3), "int32"))


def test_rotary_scores_depend_on_the_distance_only():
    q, key = np.random.default_rng(0).normal(size=(2, 1, 1, 1, 8)).astype("float32")

    def score(m, n):
        turned = [keras.ops.convert_to_numpy(rotate(x, np.array([p]))) for x, p in ((q, m), (key, n))]
        return float((turned[0] * turned[1]).sum())

    assert score(5, 3) == pytest.approx(score(105, 103), abs=1e-4)
    assert score(5, 3) != pytest.approx(score(5, 2), abs=1e-2)
    assert score(4, 4) == pytest.approx(float((q * key).sum()), abs=1e-5)


# What it writes ------------------------------------------------------------------------------------------------------


def test_greedy_equals_full_recompute_in_any_batch(kind):
    """Prompts of different lengths, longer than the context too, well past the end of the window."""
    name, model = kind
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, 20, n) for n in (3, 11, 1, 30)]
    expected = [full_recompute(model, prompt, 21, 1 if name == "bigram" else 8) for prompt in prompts]
    for cache in (True, False) if name == "plain" else (True,):
        texts = generate(model, prompts, 21, temperature=0, cache=cache)
        assert [text.tolist() for text in texts] == expected
    if name == "plain":
        assert generate(model, prompts[0], 21, temperature=0).tolist() == expected[0]


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_plain_loop_writes_the_same_text(temperature):
    """The context is full after 4 tokens, and its older half is forgotten twice."""
    model, choice = lively(context_length=4, num_layers=1), {"temperature": temperature, "seed": 7}
    assert generate_plainly(model, [1, 2], 7, **choice).tolist() == generate(model, [1, 2], 7, **choice).tolist()


def test_seed_and_limits_of_sampling(model):
    prompt = np.array([1, 2])
    same, again, other = (generate(model, prompt, 30, seed=s).tolist() for s in (3, 3, 2**40))
    assert same == again
    assert same != other
    greedy = generate(model, prompt, 30, temperature=0).tolist()
    assert generate(model, prompt, 30, top_k=1, seed=5).tolist() == greedy
    for top_p in (1e-6, 1e-50):  # the second is 0 in float32
        assert generate(model, prompt, 30, top_p=top_p, seed=5).tolist() == greedy
    everything = [generate(model, prompt, 30, top_k=k, seed=3).tolist() for k in (20, 10**12)]
    assert everything[0] == everything[1]
    assert generate(model, prompt, 30, temperature=1e-4, seed=5).tolist() == greedy
    assert generate(model, prompt, 30, seed=3, cache=False).tolist() == same


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ({}, lambda p: p),
        ({"temperature": 0.5}, lambda p: p**2),
        ({"top_k": 3}, lambda p: p * (p >= np.sort(p)[-3])),
        ({"top_p": 0.6}, lambda p: p * (p >= np.sort(p)[::-1][(np.sort(p)[::-1].cumsum() < 0.6).sum()])),
    ],
    ids=["all", "temperature", "top_k", "top_p"],
)
def test_samples_follow_the_law(model, arguments, law):
    """4,000 draws of one token against the probabilities: all within five standard errors."""
    logits = logits_of(model, [[1, 2]])[0, -1].astype("float64")
    p = law(np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum())
    p /= p.sum()
    draws = np.array([t[-1] for t in generate(model, [np.array([1, 2])] * 4000, 1, **arguments)])
    shares = np.bincount(draws, minlength=20) / len(draws)
    assert (np.abs(shares - p) <= 5 * np.sqrt(p * (1 - p) / len(draws)) + 1e-12).all()


def test_stop_token(model):
    greedy = generate(model, np.array([3]), 20, temperature=0)
    stop = int(greedy[6])
    first = 1 + int(np.flatnonzero(greedy[1:] == stop)[0])
    stopped = generate(model, [np.array([3]), np.array([stop, 5])], 20, temperature=0, stop=stop)
    assert stopped[0].tolist() == greedy[: first + 1].tolist()
    assert len(stopped[1]) > 2  # a stop token in the prompt stops nothing


def test_beam_search_finds_the_best_text(model):
    """With as many beams as there are texts of two tokens it is exhaustive search."""
    prompt = [1, 2]
    scores = {}
    first = log_softmax(last_logits(model, prompt, 8))
    for a in range(20):
        second = log_softmax(last_logits(model, [*prompt, a], 8))
        scores |= {(a, b): first[a] + second[b] for b in range(20)}
    best = max(scores, key=scores.get)
    assert generate(model, np.array(prompt), 2, beams=20).tolist() == [*prompt, *best]


def test_one_beam_is_greedy_and_more_are_no_worse(model):
    prompts = [np.array([1, 2, 3]), np.array([4])]
    one, greedy = generate(model, prompts, 15, beams=1), generate(model, prompts, 15, temperature=0)
    assert [t.tolist() for t in one] == [t.tolist() for t in greedy]
    four = generate(model, prompts, 4, beams=4)  # 4 tokens: the texts stay within the context of 8
    for text, better, prompt in zip(greedy, four, prompts, strict=True):
        start = len(prompt)
        assert score(model, better, start) >= score(model, text[: start + 4], start) - 1e-4


def log_softmax(x):
    x = x.astype("float64")
    return x - x.max() - np.log(np.exp(x - x.max()).sum())


def score(model, text, start):
    """The log-probability of a text of up to 9 tokens, given the first `start` of them."""
    logits = logits_of(model, [[*text[:-1], *[0] * (9 - len(text))]])[0]
    return sum(log_softmax(logits[t - 1])[text[t]] for t in range(start, len(text)))


def test_generation_sees_later_training(model):
    model = lively()
    before = generate(model, np.array([1]), 12, temperature=0)
    model.set_weights([-w for w in model.get_weights()])
    after = generate(model, np.array([1]), 12, temperature=0)
    assert after.tolist() == full_recompute(model, [1], 12, 8)
    assert before.tolist() != after.tolist()


def test_generation_after_loading(model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    texts = [generate(m, np.array([1, 2]), 20, seed=1).tolist() for m in (model, loaded)]
    assert texts[0] == texts[1]


# What it refuses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_dim": 130}, "hidden_dim=130 is not divisible by num_heads=4"),
        ({"dropout": 1.0}, r"dropout=1.0 must be in \[0, 1\)"),
        ({"positions": "absolute"}, "positions='absolute' is none of 'learned', 'rotary', 'alibi', 'relative', None"),
        ({"num_kv_heads": 3}, "num_kv_heads=3 must divide num_heads=4"),
        ({"norm": "batch"}, "norm='batch' is none of"),
        ({"block": "conv"}, "block='conv' is none of"),
        ({"hidden_dim": None}, "hidden_dim=None is a bigram table"),
        ({"tie_embeddings": True, "head_bias": True}, "head_bias=True has no place"),
        ({"num_layers": -1}, "num_layers=-1 must be a whole number, at least 0"),
        ({"hidden_dim": 12, "positions": "rotary"}, "heads of odd width 3"),
    ],
)
def test_bad_architecture(arguments, message):
    with pytest.raises(ValueError, match=message):
        gpt(10, 8, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": []}, "prompt must be a non-empty array"),
        ({"prompt": [1.5]}, "integer tokens"),
        ({"prompt": [20]}, "prompt holds token 20; the model knows 0 to 19"),
        ({"prompt": [-1]}, "prompt holds token -1"),
        ({"prompt": [2**32]}, "prompt holds token 4294967296"),
        ({"length": 0}, "length=0 must be a whole number, at least 1"),
        ({"temperature": -0.1}, "temperature=-0.1 must be 0"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"temperature": "warm"}, "temperature='warm'"),
        ({"cache": None}, "cache=None must be True or False"),
        ({"prompt": None}, "prompt must be a non-empty array"),
        ({"top_p": "most"}, "top_p='most'"),
        ({"top_k": 0}, "top_k=0 must be a whole number, at least 1"),
        ({"top_p": 0.0}, r"top_p=0.0 must lie in \(0, 1\]"),
        ({"top_p": 1.1}, r"top_p=1.1 must lie in \(0, 1\]"),
        ({"beams": 0}, "beams=0 must be a whole number, at least 1"),
        ({"beams": 2, "top_k": 3}, "beams=2 searches for the most likely text"),
        ({"beams": 2, "length_penalty": -0.5}, "length_penalty=-0.5"),
        ({"length_penalty": 0.5}, "length_penalty=0.5 ranks the texts of beam search"),
        ({"stop": 20}, "stop holds token 20"),
        ({"stop": [1, 20]}, "stop holds token 20"),
    ],
)
def test_bad_generation(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(model, **{"prompt": [1], "length": 3, **arguments})


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        (TransformerBlock, {"num_heads": 2, "mlp_dim": 8, "epsilon": -1.0}),
        (TransformerBlock, {"num_heads": 2, "mlp_dim": 8, "dropout": 1.0}),
        (TransformerBlock, {"num_heads": 2, "mlp_dim": 8, "seed": None}),
        (PositionEmbedding, {"context_length": 2.5}),
    ],
)
def test_layers_name_the_bad_argument(make, bad):
    name, value = list(bad.items())[-1]
    with pytest.raises(ValueError, match=re.escape(f"{name}={value!r}")):
        make(**bad)


def test_layers_take_the_integers_of_numpy():
    config = TransformerBlock(np.int64(2), np.int64(8), context_length=np.int64(4), seed=np.int64(1)).get_config()
    assert TransformerBlock.from_config(json.loads(json.dumps(config))).context_length == 4


def test_generate_needs_a_gpt():
    with pytest.raises(ValueError, match="is not a language model"):
        generate(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), [1], 3)


def test_sequences_longer_than_the_context(kind):
    name, model = kind
    if name == "bigram":
        assert logits_of(model, np.zeros((1, 9))).shape == (1, 9, 20)  # it looks back on nothing
        return
    with pytest.raises(ValueError, match="9 tokens is longer than context_length=8"):
        model(np.zeros((1, 9), "int32"))
