"""The weights of a vision transformer, from the folders that Hugging Face's `transformers` writes.

Kernels are stored there as (out, in) and here as (in, out), and queries, keys and values come from one kernel here.

Notation: images of I x I pixels with D channels, patches of P x P pixels, C features, F the width of the MLP, K
classes.
"""

import keras
import numpy as np

from keras_course.attention._vit import vit
from keras_course.checks.huggingface import check_folder, dropout_of, read_config, read_weights, sizes_of

_SIZES = {"image_size": "I", "num_channels": "D", "patch_size": "P", "hidden_size": "C", "num_hidden_layers": "L",
          "num_attention_heads": "H", "intermediate_size": "F"}  # fmt: skip
_SWITCHES = {  # the values that `vit` stands for
    "model_type": ("vit",),
    "hidden_act": ("gelu",),
    "qkv_bias": (True,),
    "layer_norm_eps": (1e-12, 1e-6, 1e-5),
}
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
_PARTS = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))
_BLOCK = {  # name there: shape of the kernel there
    **dict.fromkeys((*_PARTS, "attention.output.dense"), ("C", "C")),
    "intermediate.dense": ("F", "C"),
    "output.dense": ("C", "F"),
    "layernorm_before": ("C",),
    "layernorm_after": ("C",),
}


def load_vit(path) -> keras.Model:
    """Build a vision transformer from a Hugging Face folder, with its weights.

    The model takes images `(B, I, I, D)` and returns the logits `(B, K)` of `transformers.ViTForImageClassification`
    for the same images with channels first. Scale pixels as the file `preprocessor_config.json` of the folder says.
    PyTorch and `transformers` are not needed, the package `safetensors` is. Nothing from the folder is executed.

    Args:
        path: folder with `config.json` and `model.safetensors` (float32, float16 or bfloat16), as
            `save_pretrained` writes it.

    Returns:
        An uncompiled model as `vit` builds it. Its dropout is the one of the configuration.

    Raises:
        FileNotFoundError: one of the two files is missing.
        ValueError: a file is truncated or malformed; the configuration asks for what `vit` does not have; a tensor is
            missing, has another shape than the configuration says, or is not known. No model is made then.
        ImportError: `safetensors` is not installed.

    References:
        An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, Dosovitskiy et al., 2021,
        https://arxiv.org/abs/2010.11929

    Example:
        >>> from keras_course.attention import load_vit
        >>> load_vit("no/such/folder")
        Traceback (most recent call last):
        FileNotFoundError: path='no/such/folder' has no config.json; it must hold config.json and model.safetensors
    """
    folder = check_folder(path)
    config = read_config(folder, _SWITCHES)
    sizes = sizes_of(folder, config, _SIZES)
    labels = config.get("id2label")
    sizes |= {"K": len(labels) if isinstance(labels, dict) else 2}  # two is the default of `transformers`
    dropout = dropout_of(folder, config, _DROPOUTS, default=0.0)
    weights = read_weights(folder, _tensors(sizes), prefix="vit.", ignored=("pooler.dense.weight", "pooler.dense.bias"))
    model = vit(
        (sizes["I"], sizes["I"], sizes["D"]),
        sizes["K"],
        patch_size=sizes["P"],
        hidden_dim=sizes["C"],
        num_layers=sizes["L"],
        num_heads=sizes["H"],
        mlp_dim=sizes["F"],
        epsilon=config.get("layer_norm_eps", 1e-12),
        dropout=dropout,
    )
    _copy(weights, model, sizes["L"])
    return model


def _tensors(sizes):
    """Yield (name, shape) of every tensor; one by one, as a foreign L may be absurdly large."""
    C, P = sizes["C"], sizes["P"]
    yield "embeddings.cls_token", (1, 1, C)
    yield "embeddings.position_embeddings", (1, 1 + (sizes["I"] // P) ** 2, C)
    yield "embeddings.patch_embeddings.projection.weight", (C, sizes["D"], P, P)
    yield "embeddings.patch_embeddings.projection.bias", (C,)
    yield from (("layernorm.weight", (C,)), ("layernorm.bias", (C,)))
    yield from (("classifier.weight", (sizes["K"], C)), ("classifier.bias", (sizes["K"],)))
    for i in range(sizes["L"]):
        for name, symbols in _BLOCK.items():
            shape = tuple(sizes[symbol] for symbol in symbols)
            yield from ((f"encoder.layer.{i}.{name}.weight", shape), (f"encoder.layer.{i}.{name}.bias", shape[:1]))


def _copy(weights, model, num_layers):
    def pair(name):
        """Return the kernel (in, out) or the gain, and the bias."""
        return weights[f"{name}.weight"].T, weights[f"{name}.bias"]

    kernel, bias = pair("embeddings.patch_embeddings.projection")  # (P, P, D, C) after the transposition, columns first
    model.get_layer("patches").set_weights([kernel.swapaxes(0, 1), bias])
    model.get_layer("class_token").set_weights([weights["embeddings.cls_token"][0, 0]])
    model.get_layer("position_embedding").set_weights([weights["embeddings.position_embeddings"][0]])
    for i in range(num_layers):
        block, start = model.get_layer(f"block_{i}"), f"encoder.layer.{i}"
        qkv = [pair(f"{start}.{part}") for part in _PARTS]
        block.attention.qkv.set_weights([np.concatenate(parts, axis=-1) for parts in zip(*qkv, strict=True)])
        for layer, name in (
            (block.attention.projection, "attention.output.dense"),
            (block.attention_norm, "layernorm_before"),
            (block.mlp_norm, "layernorm_after"),
            (block.mlp_in, "intermediate.dense"),
            (block.mlp_out, "output.dense"),
        ):
            layer.set_weights(pair(f"{start}.{name}"))
    model.get_layer("final_norm").set_weights(pair("layernorm"))
    model.get_layer("head").set_weights(pair("classifier"))
