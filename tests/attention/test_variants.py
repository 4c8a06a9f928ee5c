"""Mixtures of experts, decoder-only and encoder-only models: closed forms, plain loops, what an output depends on."""

import keras
import numpy as np
import pytest
from draws import weights_by_numpy
from programs import program

from keras_course.attention import (
    class_token_maps,
    cross_attention_maps,
    decoder_only_lm,
    encoder_only_lm,
    expert_loads,
    fill_masks,
    kv_cache_bytes,
    translate_sentences,
)
from keras_course.language import BPETokenizer
from keras_course.layers import MixtureOfExperts, Routing, moe_ffn
from keras_course.portable import portable_init

array = keras.ops.convert_to_numpy
rng = np.random.default_rng(0)
B, T, C, E, F = 2, 11, 6, 4, 5
X = rng.normal(size=(B, T, C)).astype("float32")
ROUTER, W_IN, W_OUT = (rng.normal(size=shape).astype("float32") for shape in ((C, E), (E, C, F), (E, F, C)))


def route(x, router, w_in, w_out, **options):
    """Return what `moe_ffn` returns."""
    return program(lambda *args: moe_ffn(*args, **options))(x, router, w_in, w_out)


def relu_experts(top_k, capacity):
    """Send each token to its experts in a plain loop, as long as they have room."""
    y, dropped = np.zeros_like(X), 0
    for b in range(B):
        room = dict.fromkeys(range(E), capacity)
        for t in range(T):
            p = np.exp(X[b, t] @ ROUTER)
            p = p / p.sum()
            best = np.argsort(-p)[:top_k]
            for e in best:
                if not room[e]:
                    dropped += 1
                    continue
                room[e] -= 1
                gate = p[e] if top_k == 1 else p[e] / p[best].sum()
                y[b, t] += gate * np.maximum(X[b, t] @ W_IN[e], 0) @ W_OUT[e]
    return y, dropped / (B * T * top_k)


@pytest.mark.parametrize("top_k", [1, 2])
def test_experts_are_those_of_a_plain_loop(top_k):
    for factor, capacity in ((None, T), (1.0, -(-top_k * T // E)), (0.1, 1)):
        y, routing = route(X, ROUTER, W_IN, W_OUT, top_k=top_k, capacity_factor=factor, activation="relu")
        expected, dropped = relu_experts(top_k, capacity)
        np.testing.assert_allclose(array(y), expected, atol=1e-4)
        assert float(routing.dropped) == pytest.approx(dropped, abs=1e-6)
        assert (dropped > 0) == (factor is not None)
        used = array(routing.gates) > 0
        assert float(array(routing.load).sum()) == pytest.approx(1, abs=1e-5)
        assert used.sum() == round(B * T * top_k * (1 - dropped))
    mlp = np.maximum(X @ W_IN[0], 0) @ W_OUT[0]
    y, _ = route(X, ROUTER[:, :1], W_IN[:1], W_OUT[:1], top_k=1, activation="relu")
    np.testing.assert_allclose(array(y), mlp, atol=1e-4)  # one expert is the MLP itself


def test_balance_loss_is_one_where_routing_is_uniform_and_e_where_one_expert_takes_all():
    basis = np.tile(np.eye(E, C, dtype="float32"), (B, 3, 1))  # a token for each expert in turn
    router = np.eye(C, E, dtype="float32")
    assert float(route(basis, router, W_IN, W_OUT, top_k=1)[1].balance_loss) == pytest.approx(1, abs=1e-5)
    all_to_one = np.zeros((C, E), "float32")
    all_to_one[:, 2] = 50
    routing = route(np.abs(X) + 1, all_to_one, W_IN, W_OUT, top_k=1)[1]
    assert float(routing.balance_loss) == pytest.approx(E, abs=1e-4)
    np.testing.assert_allclose(array(routing.load), [0, 0, 1, 0], atol=1e-6)


def test_router_is_computed_in_float32():
    """In bfloat16, 1 and 1.001 are equal, and the first expert, whose output is 0, would process every token."""
    layer = MixtureOfExperts(2, F, top_k=1, dtype="mixed_bfloat16")
    layer.build((B, T, C))
    zeros_ones = np.arange(2.0)[:, None, None] * np.ones((2, F, C))
    layer.set_weights([np.tile([1.0, 1.001], (C, 1)), np.ones((2, C, F)), zeros_ones])
    assert array(keras.ops.cast(layer(np.ones((1, T, C))), "float32")).min() > 0


def test_training_balances_the_experts():
    """All tokens of the untrained layer go to one expert; with the loss alone they spread."""
    x = keras.Input((T, C))
    layer = MixtureOfExperts(E, F, top_k=1, capacity_factor=1.0, balance_weight=1.0)
    model = portable_init(keras.Model(x, 0.0 * layer(x)), seed=0)
    layer.router.assign(0.1 * ROUTER + np.eye(1, E, dtype="float32"))
    inputs = np.abs(X) + rng.uniform(size=X.shape).astype("float32")
    before = Routing(*map(array, program(layer.route)(inputs)))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(np.tile(inputs, (8, 1, 1)), np.zeros((8 * B, T, C)), epochs=60, verbose=0).history["loss"]
    after = Routing(*map(array, program(layer.route)(inputs)))
    assert losses[0] == pytest.approx(before.balance_loss, rel=0.05)
    assert before.balance_loss > 2 > 1.5 > after.balance_loss
    assert before.load.max() > 0.9 > after.load.max()
    assert after.dropped < before.dropped


@pytest.fixture(scope="module")
def experts():
    options = {"hidden_dim": 16, "num_experts": 3, "capacity_factor": 0.7, "num_layers": 1}
    with weights_by_numpy():
        return portable_init(decoder_only_lm(12, 10, **options), seed=3)


def test_capacity_does_not_look_ahead(experts):
    tokens = rng.integers(12, size=(2, 10))
    changed = np.concatenate([tokens[:, :6], rng.integers(12, size=(2, 4))], axis=1)
    one, two = (array(experts(x)) for x in (tokens, changed))
    np.testing.assert_allclose(one[:, :6], two[:, :6], atol=1e-5)
    assert np.abs(one[:, 6:] - two[:, 6:]).max() > 1e-3
    loads = expert_loads(experts, tokens)
    assert loads.shape == (1, 3)
    np.testing.assert_allclose(loads.sum(axis=1), 1, atol=1e-5)
    h = experts.get_layer("token_embedding")(tokens)
    assert 0 < float(program(experts.get_layer("block_0").routing)(h).dropped) < 1


def test_positions_tell_orders_apart():
    one, other = np.array([[3, 5, 7, 4]]), np.array([[5, 3, 7, 4]])
    found = {}
    for positions in ("rotary", "sinusoidal", None):
        model = decoder_only_lm(9, 8, hidden_dim=16, num_layers=1, positions=positions)
        model.set_weights([rng.normal(size=weight.shape, scale=0.5) for weight in model.weights])
        found[positions] = np.abs(array(model(one)) - array(model(other)))[0, -1].max()
    assert found.pop(None) < 1e-4  # one layer of attention without positions sees a set of tokens before it
    assert min(found.values()) > 1e-2, found


def test_an_encoder_sees_both_sides_and_no_padding():
    model = portable_init(encoder_only_lm(12, 10, hidden_dim=16, num_layers=1), seed=3)
    tokens = np.tile([3, 4, 5, 6, 0, 0], (5, 1))
    tokens[range(1, 5), range(4)] = 9  # row 0 stays as it is
    logits = array(model(tokens))
    assert (np.abs(logits[1:, :4] - logits[0, :4]).max(axis=-1) > 1e-4).all()
    masked = np.where(tokens == 9, 1, tokens)
    expected = array(model(masked))[..., 2:].argmax(axis=-1) + 2
    np.testing.assert_array_equal(fill_masks(model, masked, mask_token=1), np.where(masked == 1, expected, masked))
    table = model.get_layer("position_embedding")
    table.set_weights([np.where(np.arange(10)[:, None] < 4, table.get_weights()[0], 7.0)])
    np.testing.assert_allclose(array(model(tokens))[:, :4], logits[:, :4], atol=1e-5)


def test_memory_of_a_cache():
    """80 layers of 64 heads of width 128 and 4,096 tokens in half precision take 10.7 GB, not 40."""
    assert kv_cache_bytes(80, 64, 128, 4096) == 10_737_418_240
    model = decoder_only_lm(12, 10, hidden_dim=16, num_kv_heads=2)  # 2 layers, 2 heads of width 4 for keys and values
    cache = [tensor for layer in model.layers if hasattr(layer, "empty_cache") for tensor in layer.empty_cache(3)]
    ours = kv_cache_bytes(2, 2, 4, 10, batch_size=3, bytes_per_number=4)
    assert sum(array(tensor).nbytes for tensor in cache) == ours


BYTES = BPETokenizer.train("a", 256)


def tiny_experts():
    return decoder_only_lm(12, 10, hidden_dim=8, num_layers=1, num_experts=2)


def other_model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="other")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: decoder_only_lm(12, 10, hidden_dim=18), "num_heads=4 must divide hidden_dim=18"),
        (lambda: decoder_only_lm(12, 10, num_kv_heads=3), "num_kv_heads=3 must divide"),
        (lambda: decoder_only_lm(12, 10, hidden_dim=12, num_heads=4), "needs an even width"),
        (lambda: decoder_only_lm(12, 10, positions="absolute"), "positions='absolute'"),
        (lambda: decoder_only_lm(12, 10, num_experts=1), "num_experts=1"),
        (lambda: decoder_only_lm(12, 10, num_experts=2, top_k=3), "top_k=3 must be at most num_experts=2"),
        (lambda: decoder_only_lm(12, 10, num_experts=2, capacity_factor=0), "capacity_factor=0"),
        (lambda: encoder_only_lm(12, 10, num_heads=3), "not divisible by num_heads=3"),
        (lambda: encoder_only_lm(12, 10, num_segments=1), "num_segments=1"),
        (lambda: encoder_only_lm(12, 4, num_layers=1)(np.ones((1, 5), "int32")), "longer than context_length=4"),
        (lambda: expert_loads(decoder_only_lm(12, 10, num_layers=1), [[1]]), "'decoder_only_lm' must be built by"),
        (lambda: expert_loads(tiny_experts(), [[1, 12]]), "tokens holds token 12"),
        (lambda: expert_loads(tiny_experts(), [[-1]]), "tokens holds token -1"),
        (lambda: fill_masks(encoder_only_lm(12, 4, num_layers=1), [[1, 12]], mask_token=1), "tokens holds token 12"),
        (lambda: fill_masks(encoder_only_lm(12, 4, num_layers=1), [[1]], mask_token=12), "mask_token holds token 12"),
        (lambda: expert_loads(other_model(), [[1]]), "model='other' must be built by decoder_only_lm with"),
        (lambda: fill_masks(other_model(), [[1]], mask_token=1), "model='other' must be built by encoder_only_lm with"),
        (
            lambda: fill_masks(encoder_only_lm(12, 10, num_layers=1, num_segments=2), [[1]], mask_token=1),
            "without segments",
        ),
        (lambda: class_token_maps(other_model(), [[1]]), "model='other' must be built by vit or spectrogram"),
        (lambda: cross_attention_maps(other_model(), [[1]], [[1]]), "model='other' must be built by transformer or"),
        (lambda: translate_sentences(other_model(), BYTES, ["a"]), "model='other' must be built by transformer or"),
        (lambda: moe_ffn(X, ROUTER, W_IN, W_OUT, top_k=5), "top_k=5 must be at most 4"),
        (lambda: moe_ffn(X, ROUTER, W_IN, W_OUT, gated=True), "w_router and w_in have shapes"),
        (lambda: moe_ffn(X, ROUTER, W_IN, W_OUT[:3]), "w_out has shape"),
    ],
)
def test_bad_variants(call, named):
    with pytest.raises(ValueError, match=named):
        call()
