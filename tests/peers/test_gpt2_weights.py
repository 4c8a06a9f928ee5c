"""GPT-2's weights: equal logits with `transformers` in both directions, and what is refused.

`transformers` runs in processes of its own, so that PyTorch need not live beside another backend.
"""

import errno
import json
import os
import subprocess
import sys

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_course.checks import files
from keras_course.language import _gpt2_weights, gpt, load_gpt2, save_gpt2

ORACLE = """
import sys
import numpy as np, torch, transformers
folder, action = sys.argv[1:]
if action == "save":
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=37, n_positions=16, n_embd=24, n_layer=3, n_head=4, n_inner=40)
    model = transformers.GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in model.parameters():  # so that biases and gains are not zeros and ones
            weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    np.save(f"{folder}/tokens.npy", np.random.default_rng(0).integers(37, size=(3, 16)).astype("int32"))
else:
    model, report = transformers.GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
tokens = torch.from_numpy(np.load(f"{folder}/tokens.npy")).long()
with torch.no_grad():
    np.save(f"{folder}/logits_{action}.npy", model.eval()(tokens).logits.numpy())
"""


def oracle(folder, action):
    """Run `transformers` on a folder; return the tokens that it has read and its logits."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", ORACLE, str(folder), action]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "tokens.npy"), np.load(folder / f"logits_{action}.npy")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A folder that `transformers` saved, with tokens and its logits for them."""
    folder = tmp_path_factory.mktemp("theirs")
    return folder, *oracle(folder, "save")


@pytest.fixture
def small():
    return gpt(11, 6, hidden_dim=8, num_layers=2, num_heads=2, activation="gelu_tanh", tie_embeddings=True, dropout=0.1)


@pytest.fixture
def folder(small, tmp_path):
    save_gpt2(small, tmp_path)
    return tmp_path


def logits(model, tokens):
    return keras.ops.convert_to_numpy(model(tokens, training=False))


def rewrite(folder, change):
    """Save the tensors of a folder again after `change(tensors)`, by the reference implementation."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def reconfigure(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))


def test_logits_equal_those_of_transformers(theirs):
    folder, tokens, expected = theirs
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(logits(load_gpt2(folder), tokens), expected, atol=1e-4)


def test_transformers_reads_what_is_saved(theirs, tmp_path):
    model = load_gpt2(theirs[0])
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in model.get_weights()])
    save_gpt2(model, tmp_path / "new" / "folder")
    np.save(tmp_path / "new" / "folder" / "tokens.npy", theirs[1])
    tokens, expected = oracle(tmp_path / "new" / "folder", "load")
    assert np.abs(expected - theirs[2]).max() > 0.1
    np.testing.assert_allclose(logits(model, tokens), expected, atol=1e-4)


def test_what_is_saved_comes_back_bit_for_bit(small, folder):
    back = load_gpt2(folder)
    assert all((a == b).all() for a, b in zip(small.get_weights(), back.get_weights(), strict=True))
    assert back.get_layer("dropout").rate == 0.1


def test_keys_without_the_prefix_with_masks_and_with_the_head(small, folder):
    def rename(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        tensors["h.0.attn.bias"] = np.tril(np.ones((1, 1, 6, 6), "uint8"))
        tensors["h.0.attn.masked_bias"] = np.array(-1e4, "float32")
        tensors["lm_head.weight"] = tensors["wte.weight"]

    rewrite(folder, rename)
    assert (load_gpt2(folder).get_weights()[0] == small.get_weights()[0]).all()


def test_half_precision(small, folder):
    def halve(tensors):
        tensors.update({name: array.astype("float16") for name, array in tensors.items()})

    rewrite(folder, halve)
    expected = small.get_weights()[0].astype("float16").astype("float32")
    assert (load_gpt2(folder).get_weights()[0] == expected).all()


def test_bfloat16(small, folder):
    def cut(tensors):
        tensors.update({name: array.astype(ml_dtypes.bfloat16) for name, array in tensors.items()})

    rewrite(folder, cut)
    expected = small.get_weights()[0].astype(ml_dtypes.bfloat16).astype("float32")
    assert (load_gpt2(folder).get_weights()[0] == expected).all()


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_missing_file(folder, file):
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=file):
        load_gpt2(folder)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_truncated_file(folder, kept):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"model\.safetensors is .*(truncated|fewer)"):
        load_gpt2(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("transformer.h.1.mlp.c_fc.bias"), r"no tensor 'h\.1\.mlp\.c_fc\.bias'"),
        (
            lambda t: t.update({"transformer.wpe.weight": np.ones((6, 9))}),
            r"'wpe\.weight' has the shape \(6, 9\).*6, 8",
        ),
        (lambda t: t.update({"transformer.h.2.ln_1.bias": np.ones(8)}), r"'h\.2\.ln_1\.bias', which no model"),
        (lambda t: t.update({"transformer.ln_f.bias": np.ones(8, "int64")}), r"'ln_f\.bias'.*I64"),
    ],
    ids=["missing", "misshapen", "unknown", "integers"],
)
def test_wrong_tensor_is_named_before_a_model_is_made(folder, monkeypatch, change, message):
    rewrite(folder, change)
    monkeypatch.setattr(_gpt2_weights, "gpt", lambda *_, **__: pytest.fail("a model was made"))
    with pytest.raises(ValueError, match=message):
        load_gpt2(folder)


@pytest.mark.parametrize(
    "setting",
    [
        {"model_type": "llama"},
        {"activation_function": "relu"},
        {"layer_norm_epsilon": 1e-6},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"add_cross_attention": True},
        {"tie_word_embeddings": False},
        {"attn_pdrop": 0.3},
        {"n_layer": 0},
        {"n_embd": "8"},
        {"n_inner": 2.5},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_configuration_that_gpt_does_not_have(folder, setting):
    reconfigure(folder, **setting)
    with pytest.raises(ValueError, match=next(iter(setting))):
        load_gpt2(folder)


def test_absurd_size_costs_nothing(folder):
    reconfigure(folder, n_layer=10**12)
    with pytest.raises(ValueError, match=r"no tensor 'h\.2\.ln_1\.weight'"):
        load_gpt2(folder)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_configuration_that_is_no_table(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json"):
        load_gpt2(folder)


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"[" * 100_000,
        b"[]",
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 12]}}',  # outside of the 8 bytes
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}',
        b'{"x": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F2", "shape": [2], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}',
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',  # the other 4 belong to nobody
        b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
        b' "y": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
    ],
)
def test_malformed_safetensors(folder, header):
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ValueError, match=r"model\.safetensors is truncated, or no safetensors file"):
        load_gpt2(folder)


def test_without_the_package_of_the_format(small, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install .*\[hf\]"):
        load_gpt2(folder)
    with pytest.raises(ImportError, match=r"pip install .*\[hf\]"):
        save_gpt2(small, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tie_embeddings": False}, "tie_embeddings"),
        ({"positions": "rotary"}, "positions"),
        ({"positions": None}, "positions"),
        ({"num_layers": 0}, "num_layers"),
        ({"norm": "rms"}, "norm"),
        ({"use_bias": False}, "use_bias"),
        ({"qkv_bias": False}, "qkv_bias"),
        ({"activation": "gelu"}, "activation"),
        ({"block": "head"}, "heads"),
    ],
)
def test_only_the_shape_of_gpt2_is_saved(tmp_path, settings, named):
    model = gpt(11, 6, **{"hidden_dim": 8, "activation": "gelu_tanh", "tie_embeddings": True, **settings})
    with pytest.raises(ValueError, match=named):
        save_gpt2(model, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_full_disk_leaves_the_earlier_folder(small, folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    small.set_weights([w + 1 for w in small.get_weights()])
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:  # the first file still had room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_gpt2(small, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
