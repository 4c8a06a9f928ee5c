"""Networks of `transformers` with the same weights: Llama, Mistral, Mixtral, BERT, Marian and ViT."""

import json
import pathlib
import shutil
import sys

import keras
import numpy as np
import pytest
from oracles import run_oracle

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from benchmarks.peers.transformers_of_others import copy_marian, kernel, pair
from keras_course.attention import _vit_weights, decoder_only_lm, encoder_only_lm, load_vit, transformer
from keras_course.language._decode import decode, empty_cache
from keras_course.layers import MixtureOfExperts

array = keras.ops.convert_to_numpy

ORACLE = """
import sys
import numpy as np, torch, transformers as t
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

folder, found = sys.argv[1], {}
tokens = torch.from_numpy(np.random.default_rng(0).integers(3, 37, size=(3, 12)))
padded = tokens.clone()
padded[0, 7:] = 0
llama = {"vocab_size": 37, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "head_dim": 6,
         "num_attention_heads": 4, "num_key_value_heads": 2, "attn_implementation": "eager", "rms_norm_eps": 1e-5}
experts = {"num_local_experts": 4, "num_experts_per_tok": 2}

def network(name, model, call):
    torch.manual_seed(0)
    model.eval()
    with torch.no_grad():
        for weight in model.parameters():  # so that biases and gains are not zeros and ones
            weight.copy_(weight * (weight.ndim == 1) + 0.2 * torch.randn_like(weight))
        y = call(model)
    for key, value in {**model.state_dict(), "x": tokens, "padded": padded, "y": y}.items():
        found[f"{name} {key}"] = value.numpy()
    return model

def logits(model):
    return model(tokens).logits

network("llama", t.LlamaForCausalLM(t.LlamaConfig(**llama)), logits)
network("mistral", t.MistralForCausalLM(t.MistralConfig(**llama, sliding_window=4)), logits)
network("mixtral", t.MixtralForCausalLM(t.MixtralConfig(**llama, **experts)), logits)
features = torch.randn(2, 5, 24)
network("block", MixtralSparseMoeBlock(t.MixtralConfig(**llama, **experts)), lambda model: model(features))
found["block x"] = features.numpy()
config = t.BertConfig(vocab_size=37, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40,
                      max_position_embeddings=16)
segments = (torch.arange(12) > 4).long().expand(3, 12)
network("bert", t.BertForMaskedLM(config), lambda model: model(
    padded, attention_mask=padded != 0, token_type_ids=segments).logits)
found["bert segments"] = segments.numpy()
sides = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in {
    "layers": 2, "attention_heads": 4, "ffn_dim": 40}.items()}
config = t.MarianConfig(vocab_size=37, d_model=24, max_position_embeddings=16, scale_embedding=True, pad_token_id=0,
                        activation_function="swish", decoder_start_token_id=1, eos_token_id=2, **sides)
positions = t.MarianMTModel(config).model.encoder.embed_positions.weight

def marian(model):
    for part in (model.model.encoder, model.model.decoder):
        part.embed_positions.weight.copy_(positions)
    return model(padded, attention_mask=padded != 0, decoder_input_ids=tokens).logits

network("marian", t.MarianMTModel(config), marian)
config = t.ViTConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40, image_size=12,
                     patch_size=4, num_labels=5)
images = torch.randn(2, 3, 12, 12)
network("vit", t.ViTForImageClassification(config), lambda model: model(images).logits).save_pretrained(f"{folder}/vit")
found["vit x"] = images.numpy()
np.savez(f"{folder}/found.npz", **found)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformers")
    run_oracle(ORACLE, folder)
    return folder


@pytest.fixture(scope="module")
def oracle(folder):
    found = np.load(folder / "found.npz")
    return {key: found[key] for key in found.files}


def of(oracle, name):
    """Return the arrays of one network by name."""
    return {key.split(" ", 1)[1]: value for key, value in oracle.items() if key.startswith(f"{name} ")}


def assert_equal(y, arrays):
    assert np.abs(arrays["y"]).max() > 0.5
    np.testing.assert_allclose(array(y), arrays["y"], atol=1e-4)


def copy_experts(layer, arrays, prefix):
    """Gate and value are stacked there as they are here."""
    up, down = arrays[f"{prefix}experts.gate_up_proj"], arrays[f"{prefix}experts.down_proj"]
    layer.set_weights([arrays[f"{prefix}gate.weight"].T, up.transpose(0, 2, 1), down.transpose(0, 2, 1)])


def test_mixture_of_experts(oracle):
    theirs = of(oracle, "block")
    layer = MixtureOfExperts(4, 40, top_k=2, activation="silu", gated=True)
    layer.build(theirs["x"].shape)
    copy_experts(layer, theirs, "")
    assert_equal(layer(theirs["x"]), theirs)
    layer.capacity_factor = 2.0  # so many slots that nothing can be dropped
    assert_equal(layer(theirs["x"]), theirs)


FAMILY = {"llama": {}, "mistral": {"window": 4}, "mixtral": {"num_experts": 4, "rotary_base": 1e6}}


@pytest.mark.parametrize("name", FAMILY)
def test_decoder_only(oracle, name):
    theirs = of(oracle, name)
    model = decoder_only_lm(37, 16, hidden_dim=24, num_heads=4, num_kv_heads=2, mlp_dim=40, **FAMILY[name])
    model.get_layer("token_embedding").set_weights([theirs["model.embed_tokens.weight"]])
    model.get_layer("final_norm").set_weights([theirs["model.norm.weight"]])
    model.get_layer("head").set_weights([kernel(theirs, "lm_head")])
    for i in range(2):
        block, start = model.get_layer(f"block_{i}"), f"model.layers.{i}"
        block.attention_norm.set_weights([theirs[f"{start}.input_layernorm.weight"]])
        block.mlp_norm.set_weights([theirs[f"{start}.post_attention_layernorm.weight"]])
        block.attention.qkv.set_weights([kernel(theirs, *(f"{start}.self_attn.{x}_proj" for x in "qkv"))])
        block.attention.projection.set_weights([kernel(theirs, f"{start}.self_attn.o_proj")])
        if name == "mixtral":
            copy_experts(block.experts, theirs, f"{start}.mlp.")
            continue
        block.mlp_in.set_weights([kernel(theirs, f"{start}.mlp.gate_proj", f"{start}.mlp.up_proj")])
        block.mlp_out.set_weights([kernel(theirs, f"{start}.mlp.down_proj")])
    assert_equal(model(theirs["x"]), theirs)
    first, cache = decode(model, theirs["x"][:, :7], empty_cache(model, 3), 0)
    second, _ = decode(model, theirs["x"][:, 7:], cache, 7)
    assert_equal(keras.ops.concatenate([first, second], axis=1), theirs)


def test_encoder_only(oracle):
    theirs = of(oracle, "bert")
    model = encoder_only_lm(37, 16, hidden_dim=24, num_heads=4, mlp_dim=40, num_segments=2)

    def table(kind):
        return [theirs[f"bert.embeddings.{kind}_embeddings.weight"]]

    def norm(name):
        return [theirs[f"{name}.weight"], theirs[f"{name}.bias"]]

    for ours, name in (("token_embedding", "word"), ("position_embedding", "position")):
        model.get_layer(ours).set_weights(table(name))
    model.get_layer("segment_embedding").set_weights(table("token_type"))
    model.get_layer("embedding_norm").set_weights(norm("bert.embeddings.LayerNorm"))
    for i in range(2):
        block, start = model.get_layer(f"block_{i}"), f"bert.encoder.layer.{i}"
        parts = (f"{start}.attention.self.{part}" for part in ("query", "key", "value"))
        block.self_attention.qkv.set_weights(pair(theirs, *parts))
        block.self_attention.projection.set_weights(pair(theirs, f"{start}.attention.output.dense"))
        block.norms["self_attention"].set_weights(norm(f"{start}.attention.output.LayerNorm"))
        block.mlp_in.set_weights(pair(theirs, f"{start}.intermediate.dense"))
        block.mlp_out.set_weights(pair(theirs, f"{start}.output.dense"))
        block.norms["mlp"].set_weights(norm(f"{start}.output.LayerNorm"))
    model.get_layer("head").set_weights(pair(theirs, "cls.predictions.transform.dense"))
    model.get_layer("head_norm").set_weights(norm("cls.predictions.transform.LayerNorm"))
    model.get_layer("head_bias").set_weights([theirs["cls.predictions.bias"]])
    assert_equal(model({"tokens": theirs["padded"], "segments": theirs["segments"]}), theirs)


def test_marian(oracle):
    theirs = of(oracle, "marian")
    model = transformer(37, 16, hidden_dim=24, num_heads=4, mlp_dim=40, activation="silu")
    copy_marian(theirs, model)
    bias = theirs["final_logits_bias"]
    assert not bias.any()  # a buffer that is not trained
    assert_equal(model({"source": theirs["padded"], "target": theirs["x"]}), theirs)


def test_vit_from_a_folder(oracle, folder):
    theirs = of(oracle, "vit")
    model = load_vit(folder / "vit")
    assert model.output_shape == (None, 5)
    assert_equal(model(theirs["x"].transpose(0, 2, 3, 1)), theirs)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model_type": "deit"}, "model_type='deit'"),
        ({"hidden_act": "relu"}, "hidden_act='relu'"),
        ({"qkv_bias": False}, "qkv_bias=False"),
        ({"hidden_dropout_prob": 0.3}, "hidden_dropout_prob, attention_probs_dropout_prob are"),
        ({"hidden_size": "24"}, "hidden_size='24'"),
        ({"id2label": {"0": "cat"}}, r"'classifier.weight' has the shape \(5, 24\); it must be \(1, 24\)"),
        ({"image_size": 16}, "position_embeddings"),
        ({"num_hidden_layers": 10**12}, r"no tensor 'encoder\.layer\.2"),
    ],
)
def test_vit_folders_that_are_refused_before_a_model_is_made(folder, tmp_path, monkeypatch, settings, named):
    shutil.copytree(folder / "vit", tmp_path / "vit")
    config = tmp_path / "vit" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **settings}))
    monkeypatch.setattr(_vit_weights, "vit", lambda *_, **__: pytest.fail("a model was made"))
    with pytest.raises(ValueError, match=named):
        load_vit(tmp_path / "vit")
    (tmp_path / "vit" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"config\.json|is truncated"):
        load_vit(tmp_path / "vit")
    config.unlink()
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        load_vit(tmp_path / "vit")
