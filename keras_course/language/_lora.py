"""Fine-tuning with few weights: low-rank adapters beside frozen kernels (LoRA).

Notation: W (C_in, C_out) a kernel that stays as it is, A (C_in, r) and B (r, C_out) its adapter, alpha a scale:

    y = x (W + (alpha / r) A B) + b
"""

import zlib

import keras
import numpy as np

from keras_course.checks import numpy_seed, positive, validate, whole
from keras_course.checks.tokens import vocab_size


@validate(rank=whole(1), seed=numpy_seed, alpha=positive)
def enable_lora(model, rank, alpha=None, *, seed=0) -> keras.Model:
    """Freeze a GPT and put a low-rank adapter beside every kernel of its blocks.

    B starts at zero, so the model computes what it did before. Of each block with width C and MLP width F the adapters
    have r (4 C + 2 C + 2 (C + F)) weights (16 r C for F = 4 C); only they are trained. Compile the model afterwards:
    what it was compiled for before has other weights.

    What is saved has its adapters merged into the kernels, as by `merge_lora`: load it as a plain GPT, by
    `keras.saving.load_model(path, compile=False)` (the saved optimizer belongs to the adapters), by `load_weights` on
    a model without adapters, or by `load_gpt2`. Loading weights into a model with adapters leaves these at zero, where
    they stay; so finish training before you save.

    Args:
        model: a model built by `gpt` with at least one block; it is changed.
        rank: rank r of the adapters, at least 1.
        alpha: scale of the adapters; r by default, which makes their factor 1.
        seed: integer; A is drawn by NumPy from U(-a, a), a = sqrt(6 / C_in), the same on every backend.

    Returns:
        The model.

    Raises:
        ValueError: the model is not a GPT, has no block, or has adapters already; `rank` < 1 or `alpha` not positive.
            The model is unchanged then.

    Differences from the paper: all kernels of a block are adapted, not only the kernels of queries and values; A is
    uniform, not Gaussian.

    References:
        LoRA: Low-Rank Adaptation of Large Language Models, Hu et al., 2021, https://arxiv.org/abs/2106.09685

    Example:
        >>> from keras_course.language import enable_lora, gpt
        >>> model = enable_lora(gpt(10, 8, hidden_dim=16, num_layers=2), rank=2)
        >>> sum(weight.shape[0] * weight.shape[1] for weight in model.trainable_weights) == 2 * 16 * 2 * 16
        True
    """
    vocab_size(model)  # raises where the model is not a GPT
    blocks = [layer for layer in model.layers if layer.name.startswith("block_")]
    kernels = [layer for block in blocks for layer in block._flatten_layers() if isinstance(layer, keras.layers.Dense)]
    _check_kernels(kernels, model)

    for weight in model.trainable_weights:
        weight.trainable = False
    for layer in kernels:
        stream = np.random.default_rng((seed, zlib.crc32(layer.path.encode())))
        layer.enable_lora(rank, lora_alpha=alpha, a_initializer=_uniform(stream))
    return model


def merge_lora(model) -> keras.Model:
    """Return a plain copy of a GPT with its adapters added to the kernels: W + (alpha / r) A B.

    Args:
        model: a model after `enable_lora`; it stays as it is.

    Returns:
        An uncompiled model with the same outputs, all of it trainable.

    Raises:
        ValueError: the model is not a GPT.

    References:
        LoRA: Low-Rank Adaptation of Large Language Models, Hu et al., 2021, https://arxiv.org/abs/2106.09685

    Example:
        >>> from keras_course.language import enable_lora, gpt, merge_lora
        >>> model = gpt(10, 8)
        >>> parameters = model.count_params()
        >>> merge_lora(enable_lora(model, rank=2)).count_params() == parameters
        True
    """
    vocab_size(model)  # raises where the model is not a GPT
    plain = type(model).from_config(model.get_config())
    for layer, twin in zip(model._flatten_layers(), plain._flatten_layers(), strict=True):
        stored = {}
        layer.save_own_variables(stored)  # where Keras merges
        twin.load_own_variables(stored)
    return plain


def _uniform(stream):
    """Return an initializer that draws from U(-a, a) with a = sqrt(6 / fan_in)."""

    def draw(shape, dtype=None):
        limit = (6 / shape[0]) ** 0.5
        return keras.ops.convert_to_tensor(stream.uniform(-limit, limit, shape), dtype=dtype)

    return draw


def _check_kernels(kernels, model):
    if not kernels:
        raise ValueError(f"model={model.name!r} has no block to adapt")
    if any(layer.lora_enabled for layer in kernels):
        raise ValueError(f"model={model.name!r} has adapters already")
