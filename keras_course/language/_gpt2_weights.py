"""GPT-2's weights, from and to the folders that Hugging Face's `transformers` writes.

A folder holds `config.json` (the sizes, and switches of which GPT-2 has one setting only) and `model.safetensors`.
Kernels are stored there as (in, out), as they are here, and q, k and v come from one kernel; so a weight is copied as
it is, and only names differ. The output layer is the transpose of the token embedding and is not stored.

Notation: V tokens in the vocabulary, N positions of context, C features, F the width of the MLP.
"""

import json
import operator

import keras
import numpy as np

from keras_course.checks import path as check_path
from keras_course.checks.files import atomic_write_all
from keras_course.checks.huggingface import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    check_folder,
    dropout_of,
    read_config,
    read_weights,
    safetensors,
    sizes_of,
)
from keras_course.checks.tokens import context_length, vocab_size
from keras_course.language._gpt import gpt
from keras_course.layers import TransformerBlock, gelu_tanh

_SIZES = {"vocab_size": "V", "n_positions": "N", "n_embd": "C", "n_layer": "L", "n_head": "H"}
_DROPOUTS = ("resid_pdrop", "embd_pdrop", "attn_pdrop")
_SWITCHES = {  # the values that the model built here stands for; those first in a tuple are written
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
}
_OUTSIDE = {  # name there: layer and attribute here, shape
    "wte.weight": ("token_embedding", "embeddings", ("V", "C")),
    "wpe.weight": ("position_embedding", "embeddings", ("N", "C")),
    "ln_f.weight": ("final_norm", "gamma", ("C",)),
    "ln_f.bias": ("final_norm", "beta", ("C",)),
}
_BLOCK = {
    "ln_1.weight": ("attention_norm.gamma", ("C",)),
    "ln_1.bias": ("attention_norm.beta", ("C",)),
    "attn.c_attn.weight": ("attention.qkv.kernel", ("C", "3C")),
    "attn.c_attn.bias": ("attention.qkv.bias", ("3C",)),
    "attn.c_proj.weight": ("attention.projection.kernel", ("C", "C")),
    "attn.c_proj.bias": ("attention.projection.bias", ("C",)),
    "ln_2.weight": ("mlp_norm.gamma", ("C",)),
    "ln_2.bias": ("mlp_norm.beta", ("C",)),
    "mlp.c_fc.weight": ("mlp_in.kernel", ("C", "F")),
    "mlp.c_fc.bias": ("mlp_in.bias", ("F",)),
    "mlp.c_proj.weight": ("mlp_out.kernel", ("F", "C")),
    "mlp.c_proj.bias": ("mlp_out.bias", ("C",)),
}
_IGNORED = (".attn.bias", ".attn.masked_bias", "lm_head.weight")  # causal masks, and the embedding once more


def load_gpt2(path) -> keras.Model:
    """Build a GPT-2 from a Hugging Face folder, with its weights.

    The model takes `(B, T)` tokens and returns the logits `(B, T, V)` of `transformers.GPT2LMHeadModel`. PyTorch and
    `transformers` are not needed, the package `safetensors` is. Nothing from the folder is executed.

    Args:
        path: folder with `config.json` and `model.safetensors` (float32, float16 or bfloat16), as
            `save_pretrained` writes it.

    Returns:
        An uncompiled model as `gpt` builds it. Its dropout is from the configuration.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is truncated or malformed; the configuration asks for what `gpt` does not have; a tensor is
            missing, has another shape than the configuration says, or is not known. No model is made then.
        ImportError: `safetensors` is not installed.

    References:
        Language Models are Unsupervised Multitask Learners, Radford et al., 2019,
        https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

    Example:
        >>> import tempfile
        >>> import keras
        >>> from keras_course.language import gpt, load_gpt2, save_gpt2
        >>> model = gpt(10, 8, hidden_dim=16, activation="gelu_tanh", tie_embeddings=True)
        >>> folder = tempfile.mkdtemp()
        >>> save_gpt2(model, folder)
        >>> tokens = keras.ops.convert_to_tensor([[1, 2, 3]])
        >>> bool(keras.ops.all(load_gpt2(folder)(tokens) == model(tokens)))
        True
    """
    folder = check_folder(path)
    sizes, dropout = _read_sizes(folder)
    tensors = ((name, shape) for name, shape, _ in _tensors(sizes))
    values = read_weights(folder, tensors, prefix="transformer.", ignored=_IGNORED)
    model = gpt(
        sizes["V"],
        sizes["N"],
        hidden_dim=sizes["C"],
        num_layers=sizes["L"],
        num_heads=sizes["H"],
        mlp_dim=sizes["F"],
        activation="gelu_tanh",
        tie_embeddings=True,
        dropout=dropout,
        name="gpt2",
    )
    for name, _, place in _tensors(sizes):
        _weight(model, place).assign(values[name])
    return model


def save_gpt2(model, path) -> None:
    """Write a model as a folder that `transformers.GPT2LMHeadModel.from_pretrained` and `load_gpt2` read.

    Args:
        model: a model of `gpt` in the shape of GPT-2: `activation="gelu_tanh"`, `tie_embeddings=True`, and the
            defaults of `positions`, `norm`, `use_bias`, `qkv_bias` and `block`. Adapters of `enable_lora` are merged.
        path: folder, made where it is missing; it gets `config.json` and `model.safetensors` (float32). The files
            are replaced together once both are on the disk. The tokenizer is saved apart, by its own `save`.

    Raises:
        ValueError: the model has another shape; the message names what differs. Nothing is written then.
        OSError: the files could not be written (disk full); earlier ones are untouched.
        ImportError: `safetensors` is not installed.

    References: as for `load_gpt2`.

    Example:
        >>> import os, tempfile
        >>> from keras_course.language import gpt, save_gpt2
        >>> folder = tempfile.mkdtemp()
        >>> save_gpt2(gpt(10, 8, hidden_dim=16, activation="gelu_tanh", tie_embeddings=True), folder)
        >>> sorted(os.listdir(folder))
        ['config.json', 'model.safetensors']
    """
    sizes, dropout = _describe(model)
    arrays = {
        f"transformer.{name}": np.ascontiguousarray(keras.ops.convert_to_numpy(_weight(model, place)), dtype="float32")
        for name, _, place in _tensors(sizes)
    }
    config = {
        "architectures": ["GPT2LMHeadModel"],
        **{key: allowed[0] for key, allowed in _SWITCHES.items()},
        **{key: sizes[symbol] for key, symbol in _SIZES.items()},
        "n_inner": sizes["F"],
        **dict.fromkeys(_DROPOUTS, dropout),
        "bos_token_id": None,  # the default is the last token of GPT-2's own vocabulary
        "eos_token_id": None,
    }
    packed = safetensors().numpy.save(arrays, metadata={"format": "pt"})  # transformers insists on this entry
    folder = check_path(path=path)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_all({folder / CONFIG_FILE: json.dumps(config, indent=2) + "\n", folder / WEIGHTS_FILE: packed})


def _tensors(sizes):
    """Yield (name, shape, place in the model) of every tensor; one by one, as a foreign L may be absurdly large."""

    def numbers(symbols):
        return tuple(3 * sizes["C"] if s == "3C" else sizes[s] for s in symbols)

    for name, (layer, attribute, symbols) in _OUTSIDE.items():
        yield name, numbers(symbols), (layer, attribute)
    for i in range(sizes["L"]):
        for name, (attribute, symbols) in _BLOCK.items():
            yield f"h.{i}.{name}", numbers(symbols), (f"block_{i}", attribute)


def _weight(model, place):
    layer, attribute = place
    return operator.attrgetter(attribute)(model.get_layer(layer))


def _read_sizes(folder):
    """Return `({symbol: size}, dropout)` from the `config.json` of a folder."""
    config = read_config(folder, _SWITCHES)
    sizes = sizes_of(folder, config, _SIZES)
    if config.get("n_inner") is None:
        config["n_inner"] = 4 * sizes["C"]
    sizes |= sizes_of(folder, config, {"n_inner": "F"})
    return sizes, dropout_of(folder, config, _DROPOUTS, default=0.1)  # the default of `transformers`


# Describing a model ------------------------------------------------------------------------------------------------


def _describe(model):
    """Return `({symbol: size}, dropout)` of a model, or raise a ValueError that names what is not as in GPT-2."""
    sizes = {"V": vocab_size(model), "N": context_length(model)}
    layers = {layer.name: layer for layer in model.layers}
    embedding = layers["token_embedding"]
    if not isinstance(embedding, keras.layers.ReversibleEmbedding):
        raise ValueError("model has tie_embeddings=False; GPT-2 has True")
    if "position_embedding" not in layers:
        raise ValueError('model has no learned positions; GPT-2 has positions="learned"')
    blocks = [layer for name, layer in layers.items() if name.startswith("block_")]
    if not blocks or not all(isinstance(block, TransformerBlock) for block in blocks):
        raise ValueError("model has num_layers=0 or bare attention heads; GPT-2 consists of transformer blocks")
    settings = blocks[0].get_config()
    needed = {"norm": "layer", "use_bias": True, "qkv_bias": True, "positions": None, "window": None, "epsilon": 1e-5}
    needed["num_kv_heads"] = settings["num_heads"]
    for key, value in needed.items():
        if settings[key] != value:
            raise ValueError(f"model has {key}={settings[key]!r}; GPT-2 has {value!r}")
    if blocks[0].activation is not gelu_tanh:
        name = getattr(blocks[0].activation, "__name__", blocks[0].activation)
        raise ValueError(f"model has activation={name!r}; GPT-2 has 'gelu_tanh'")
    sizes |= {"C": embedding.output_dim, "F": settings["mlp_dim"], "H": settings["num_heads"], "L": len(blocks)}
    return sizes, settings["dropout"]
