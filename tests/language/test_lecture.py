"""What the lecture shows beside the GPT: prefix means, the best bigram, adapters, scaling laws, measures of a text."""

import zlib

import keras
import numpy as np
import pytest

from keras_course import ops
from keras_course.datasets import validation_windows
from keras_course.language import (
    bigram_optimum,
    enable_lora,
    fit_scaling_law,
    generate,
    gpt,
    load_gpt2,
    merge_lora,
    prefix_mean,
    save_gpt2,
    scaling_sweep,
)
from keras_course.metrics import Perplexity, bits_per_character, perplexity, text_loss

TEXT = np.random.default_rng(0).choice(12, size=500, p=np.arange(1, 13) / 78)
GPT2_SHAPE = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "activation": "gelu_tanh", "tie_embeddings": True}


def logits(model, tokens):
    return keras.ops.convert_to_numpy(model(tokens, training=False))


def compile_(model):
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


# Prefix means ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["loop", "matmul", "softmax", "attention"])
def test_prefix_means_equal_the_cumulative_sum(method):
    x = np.random.default_rng(0).standard_normal((3, 9, 5)).astype("float32")
    expected = np.cumsum(x.astype("float64"), axis=1) / np.arange(1, 10)[:, None]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(prefix_mean(x, method)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("x", "method", "named"),
    [
        (np.ones((2, 3, 4), "float32"), "mean", "method='mean'"),
        (np.ones((2, 3), "float32"), "loop", r"\(2, 3\)"),
        (np.ones((2, 0, 3), "float32"), "loop", r"\(2, 0, 3\)"),
        (np.ones((2, 3, 4), "int32"), "loop", "int32"),
    ],
)
def test_prefix_mean_of_something_else(x, method, named):
    with pytest.raises(ValueError, match=named):
        prefix_mean(x, method)


# The best bigram ---------------------------------------------------------------------------------------------------


def test_bigram_optimum_is_the_minimum_of_the_first_stage():
    table, entropy = bigram_optimum(TEXT, 12)
    log_p = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
    assert -log_p[TEXT[:-1], TEXT[1:]].mean() == pytest.approx(entropy, abs=1e-6)
    model = gpt.from_preset("v1", vocab_size=12)
    model.set_weights([table])
    assert text_loss(model, TEXT) == pytest.approx(entropy, abs=1e-5)
    compile_(model)
    evaluated = model.evaluate(TEXT[:-1, None], TEXT[1:, None], batch_size=499, verbose=0)
    assert evaluated == pytest.approx(entropy, abs=1e-5)
    rng = np.random.default_rng(1)
    for _ in range(5):  # and it is a minimum: any other table is worse
        model.set_weights([table + 0.1 * rng.standard_normal(table.shape)])
        assert text_loss(model, TEXT) > entropy


def test_bigram_rows_are_probabilities_even_where_nothing_is_known():
    table, entropy = bigram_optimum(np.array([0, 1, 0, 1]), 4)
    np.testing.assert_allclose(np.exp(table).sum(axis=1), 1, atol=1e-6)
    assert entropy == 0.0
    assert np.isfinite(table).all()
    np.testing.assert_allclose(np.exp(table[2:]), 1 / 4, atol=1e-6)


@pytest.mark.parametrize(("tokens", "size"), [([1], 4), ([], 4), ([0, 4], 4), ([0, -1], 4), ([0.5, 1.0], 4), ([0], 0)])
def test_bigram_of_no_text(tokens, size):
    with pytest.raises(ValueError, match=r"tokens|vocab_size=0"):
        bigram_optimum(np.array(tokens), size)


# Measures ----------------------------------------------------------------------------------------------------------


def test_uniform_model_has_the_loss_ln_v():
    model = gpt.from_preset("v1", context_length=8)
    model.set_weights([np.zeros((104, 104))])
    assert text_loss(model, TEXT) == pytest.approx(4.644, abs=5e-4)  # ln 104
    assert perplexity(text_loss(model, TEXT)) == pytest.approx(104, abs=1e-3)


@pytest.mark.parametrize("batch_size", [4, 64])
def test_text_loss_counts_every_token_once(batch_size):
    model = gpt(12, 8, hidden_dim=16, num_layers=1, dropout=0.5, seed=3)
    model.set_weights(
        [w + 0.3 * np.random.default_rng(i).standard_normal(w.shape) for i, w in enumerate(weights(model))]
    )
    total, rest = 0.0, TEXT[:45]  # five windows of 8, one of 4
    for start in range(0, 44, 8):
        window = rest[start : start + 9]
        scores = logits(model, window[None, :-1])[0].astype("float64")
        log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        total -= log_p[np.arange(len(window) - 1), window[1:]].sum()
    assert text_loss(model, rest, batch_size=batch_size) == pytest.approx(total / 44, abs=1e-5)


@pytest.mark.parametrize("batch_size", [4, 64])
@pytest.mark.parametrize("stride", [1, 3, 8])
def test_text_loss_with_a_stride_gives_every_prediction_its_context(stride, batch_size):
    model = gpt(12, 8, hidden_dim=16, num_layers=1)
    noise = np.random.default_rng(0)
    model.set_weights([w + 0.3 * noise.standard_normal(w.shape) for w in weights(model)])
    text, total = TEXT[:30], 0.0
    for target in range(1, 30):  # the window of the prediction: the first one that reaches it
        start = max(0, -(-(target - 8) // stride)) * stride
        assert min(target, 9 - stride) <= target - start <= 8
        scores = logits(model, text[None, start:target])[0, -1].astype("float64")
        total += np.log(np.exp(scores).sum()) - scores[text[target]]
    assert text_loss(model, text, batch_size, stride=stride) == pytest.approx(total / 29, abs=1e-5)
    with pytest.raises(ValueError, match="stride=9"):
        text_loss(model, text, stride=9)


@pytest.mark.parametrize("length", [41, 45])  # five full windows of 8, and half a window more
def test_validation_loss_of_fit_is_the_loss_of_the_text(length):
    model, text = compile_(gpt(12, 8, hidden_dim=16, num_layers=1)), TEXT[:length]
    held_out = {"validation_data": validation_windows(text, 8), "validation_batch_size": 4}
    reached = model.fit(TEXT[None, 100:108], TEXT[None, 101:109], epochs=3, verbose=0, **held_out).history["val_loss"]
    assert reached[-1] == pytest.approx(text_loss(model, text), abs=1e-6)


def weights(model):
    return [np.asarray(w) for w in model.get_weights() if np.asarray(w).dtype.kind == "f"]


def test_text_loss_sees_later_training():
    model = compile_(gpt(12, 8, hidden_dim=16))
    before = text_loss(model, TEXT)
    model.fit(TEXT[:480].reshape(60, 8), TEXT[1:481].reshape(60, 8), epochs=3, verbose=0)
    assert text_loss(model, TEXT) < before - 0.05


@pytest.mark.parametrize(
    ("tokens", "batch_size", "named"),
    [
        ([3], 4, "1 tokens"),
        ([1, 12], 4, "token 12"),
        ([1, -2], 4, "token -2"),
        ([0.5, 1], 4, "float64"),
        ([1, 2], 0, "batch_size=0"),
        ([1, 2**32 + 1], 4, "token 4294967297"),
    ],
)
def test_text_loss_of_no_text(tokens, batch_size, named):
    with pytest.raises(ValueError, match=named):
        text_loss(gpt(12, 8), np.array(tokens), batch_size=batch_size)
    with pytest.raises(ValueError, match="language model"):
        text_loss(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), TEXT)


def test_perplexity_metric_is_that_of_the_loss():
    model = gpt(12, 8, hidden_dim=16)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[Perplexity()])
    x, y = TEXT[:480].reshape(60, 8), TEXT[1:481].reshape(60, 8)
    loss, metric = model.evaluate(x, y, batch_size=30, verbose=0)
    assert metric == pytest.approx(np.exp(loss), rel=1e-5)
    again = keras.metrics.deserialize(keras.metrics.serialize(Perplexity(name="p", from_logits=False)))
    assert (type(again), again.name) == (Perplexity, "p")


def test_perplexity_does_not_count_ignored_tokens():
    logits = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
    y = np.array([[1, 0, 2], [0, 4, 3]], "int32")
    metric, kept = Perplexity(ignore_class=0), Perplexity()
    metric.update_state(y, logits)
    kept.update_state(y[y != 0][None], logits[y != 0][None])
    assert float(metric.result()) == pytest.approx(float(kept.result()), rel=1e-5)
    for label in (5, -1, 2**32):
        with pytest.raises(ValueError, match=f"y_true holds token {label}; the model knows 0 to 4"):
            kept.update_state(np.full((2, 3), label), logits)


def test_perplexity_of_unknown_tokens_in_a_compiled_step_is_nan():
    metric = Perplexity()

    def step(y, logits):
        metric.update_state(y, logits)
        return metric.result()

    y = np.array([[1, 5]], "int32")
    compiled, logits = ops.jit(step, variables=metric.variables), np.zeros((1, 2, 5), "float32")
    if keras.backend.backend() == "torch":  # which runs once what it compiles, and sees the token
        with pytest.raises(ValueError, match="y_true holds token 5; the model knows 0 to 4"):
            compiled(y, logits)
    else:
        assert np.isnan(float(compiled(y, logits)))


def test_numbers_of_a_loss():
    assert perplexity(0) == 1.0
    assert perplexity(1e4) == np.inf  # a run that diverged can still be reported
    assert bits_per_character(np.log(16), 2) == pytest.approx(2.0)
    for wrong in (lambda: perplexity(-1), lambda: bits_per_character(-1), lambda: bits_per_character(1, 0)):
        with pytest.raises(ValueError, match=r"nats=-1|characters_per_token=0"):
            wrong()


# Adapters ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def adapted():
    return enable_lora(gpt(12, 8, **GPT2_SHAPE), rank=3, alpha=6)


def trained(model):
    x, y = TEXT[:480].reshape(60, 8), TEXT[1:481].reshape(60, 8)
    compile_(model).fit(x, y, batch_size=30, epochs=2, verbose=0)
    return model


def test_adapters_change_nothing_at_first():
    model = gpt(12, 8, **GPT2_SHAPE)
    before = logits(model, TEXT[None, :8])
    assert (logits(enable_lora(model, rank=3), TEXT[None, :8]) == before).all()
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 2 * 16 * 3 * 16  # L * 16 r C


def test_adapters_start_alike_on_every_backend(adapted):
    first = keras.ops.convert_to_numpy(adapted.get_layer("block_0").mlp_in.lora_kernel_a)
    stream, limit = np.random.default_rng((0, zlib.crc32(b"block_0/mlp_in"))), (6 / 16) ** 0.5
    np.testing.assert_allclose(first, stream.uniform(-limit, limit, (16, 3)), rtol=1e-6)


def test_training_moves_the_adapters_only(adapted):
    free = {id(weight) for weight in adapted.trainable_weights}
    before = [keras.ops.convert_to_numpy(weight).copy() for weight in adapted.weights]
    trained(adapted)
    for weight, old in zip(adapted.weights, before, strict=True):
        moved = (keras.ops.convert_to_numpy(weight) != old).any()
        assert moved == (id(weight) in free), weight.path


def test_generation_and_its_cache_see_the_adapters():
    model = gpt(12, 8, **GPT2_SHAPE)
    prompt = TEXT[:3]
    generate(model, prompt, 5, temperature=0)
    enable_lora(model, rank=3)
    for kernel in model.trainable_weights:
        kernel.assign(np.random.default_rng(0).standard_normal(kernel.shape))
    text = generate(model, prompt, 5, temperature=0)
    assert (text == generate(model, prompt, 5, temperature=0, cache=False)).all()
    assert (text[3:] == logits(model, text[None, :7])[0, 2:].argmax(axis=-1)).all()


def test_saving_merges_the_adapters(adapted, tmp_path):
    expected = logits(trained(adapted), TEXT[None, :8])
    adapted.save(tmp_path / "model.keras")
    save_gpt2(adapted, tmp_path / "gpt2")
    adapted.save_weights(tmp_path / "model.weights.h5")
    plain = gpt(12, 8, **GPT2_SHAPE)
    plain.load_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    for back in (loaded, load_gpt2(tmp_path / "gpt2"), plain, merge_lora(adapted)):
        np.testing.assert_allclose(logits(back, TEXT[None, :8]), expected, atol=1e-5)
        assert not any("lora" in weight.path for weight in back.weights)
        assert len(back.trainable_weights) == len(plain.weights)
    adapted.load_weights(tmp_path / "model.weights.h5")  # as documented: the adapters are spent
    assert not any(keras.ops.convert_to_numpy(weight).any() for weight in adapted.trainable_weights)
    np.testing.assert_allclose(logits(adapted, TEXT[None, :8]), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "arguments", "named"),
    [
        (lambda: gpt(12, 8), {"rank": 0}, "rank=0"),
        (lambda: gpt(12, 8), {"rank": 2, "alpha": 0.0}, "alpha=0.0"),
        (lambda: gpt.from_preset("v1"), {"rank": 2}, "no block"),
        (lambda: enable_lora(gpt(12, 8), 2), {"rank": 2}, "already"),
        (lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), {"rank": 2}, "language model"),
    ],
)
def test_adapters_that_cannot_be(model, arguments, named):
    with pytest.raises(ValueError, match=named):
        enable_lora(model(), **arguments)


# Scaling laws ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("floor", [0.0, 1.7])
def test_scaling_law_is_found_again(floor):
    sizes = np.array([1e3, 1e4, 3e4, 1e6])
    law = fit_scaling_law(sizes, floor + 11.0 * sizes**-0.076, floor=floor)
    assert (law.exponent, law.coefficient) == (pytest.approx(0.076), pytest.approx(11.0))
    assert (law.floor, law.r2) == (floor, pytest.approx(1.0))
    np.testing.assert_allclose(law(sizes), floor + 11.0 * sizes**-0.076)


def test_scaling_law_with_noise_has_an_r2_below_one():
    rng = np.random.default_rng(0)
    sizes = np.logspace(3, 6, 30)
    law = fit_scaling_law(sizes, 5 * sizes**-0.1 * np.exp(0.05 * rng.standard_normal(30)))
    assert 0.8 < law.r2 < 1
    assert abs(law.exponent - 0.1) < 0.02
    assert fit_scaling_law([1, 2, 3], [2, 2, 2]).r2 == 1.0


@pytest.mark.parametrize(
    ("sizes", "losses", "floor", "named"),
    [
        ([1, 2], [2, 1], 0, "at least 3"),
        ([1, 2, 3], [2, 1], 0, "one length"),
        ([0, 2, 3], [3, 2, 1], 0, "sizes"),
        ([1, 2, np.inf], [3, 2, 1], 0, "sizes"),
        ([1, 2, 3], [3, np.nan, 1], 0, "losses"),
        ([1, 2, 3], [3, 2, 1], 1, "above 1"),
        ([1, 2, 3], [3, 2, 1], -1, "floor=-1"),
        ([2, 2, 2], [3, 2, 1], 0, "differ"),
    ],
)
def test_scaling_law_of_bad_points(sizes, losses, floor, named):
    with pytest.raises(ValueError, match=named):
        fit_scaling_law(sizes, losses, floor=floor)


def test_sweep_trains_each_width():
    text = np.tile(np.arange(7), 60)  # what follows is certain
    settings = {"vocab_size": 7, "context_length": 8, "num_layers": 1, "steps": 30}
    parameters, losses = scaling_sweep(text, text[:50], [4, 16], **settings)
    assert parameters.tolist() == [12 * w**2 + 15 * w for w in (4, 16)]  # a block has 12 C^2 + 13 C, the last norm 2 C
    assert losses[1] < losses[0] < np.log(7)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 0}, "steps=0"),
        ({"widths": []}, "widths"),
        ({"steps": 1.5}, "steps=1.5"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"widths": [8, 6]}, "hidden_dim=6"),
        ({"widths": [4.7]}, "width=4.7"),
        ({"train": TEXT[:8]}, "8 and 500 tokens"),
        ({"train": np.array([], "int32")}, "train"),
        ({"vocab_size": 5}, "train holds token"),
    ],
)
def test_sweep_of_bad_input(change, named):
    settings = {"train": TEXT, "validation": TEXT, "widths": [4], "steps": 2, "vocab_size": 12, "context_length": 8}
    with pytest.raises(ValueError, match=named):
        scaling_sweep(**{**settings, **change})
