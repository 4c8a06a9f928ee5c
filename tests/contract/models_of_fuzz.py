"""Models, folders and functions that the examples of the tests of bad input need; see `examples_of_fuzz`."""

import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Callable

import keras
import numpy as np

import keras_course


@dataclasses.dataclass(frozen=True)
class Make:
    """A value that is made anew for each call, because the call changes it."""

    build: Callable

    def __call__(self):
        return self.build()


@functools.cache
def image_model():
    layers = [keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2, name="head")]
    return compiled(keras.Sequential([keras.Input((8, 8, 1)), *layers]))


def row_model():
    return compiled(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="head")]))


def compiled(model):
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@functools.cache
def forecaster():
    return keras.Sequential([keras.Input((2, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])


@functools.cache
def attention_on_graphs():
    from keras_course.graphs import gat

    return gat(3, 2, hidden_dim=4, num_layers=1, num_heads=2)


def small_mlp():
    return keras_course.perceptron.mlp((2,), 3, hidden_dims=(4,))


@functools.cache
def image_transformer():
    return keras_course.attention.vit((8, 8, 1), 2, hidden_dim=8, num_layers=1, num_heads=2)


@functools.cache
def language_model():
    from keras_course.language import gpt

    return gpt(10, 8, hidden_dim=8, num_layers=1, num_heads=2)


@functools.cache
def sentence_transformer():
    return keras_course.attention.transformer(260, 8, hidden_dim=8, num_layers=1, num_heads=2)


@functools.cache
def expert_model():
    return keras_course.attention.decoder_only_lm(10, 8, hidden_dim=8, num_layers=1, num_experts=2)


@functools.cache
def masked_model():
    return keras_course.attention.encoder_only_lm(10, 8, hidden_dim=8, num_layers=1)


@functools.cache
def story_model():
    return keras_course.attention.memory_network(4, 3, 10, hidden_dim=8, num_hops=1)


def low_rank_model():
    from keras_course.language import enable_lora, gpt

    return enable_lora(gpt(10, 8, hidden_dim=8, num_layers=1, num_heads=2), 2)


def saved(what):
    """Return a folder with a tokenizer, or a file with the weights of GPT-2."""
    from keras_course.language import CharTokenizer, gpt, save_gpt2

    folder = tempfile.mkdtemp()
    if what == "tokenizer":
        CharTokenizer.train("to be").save(folder)
    else:
        save_gpt2(gpt(10, 8, hidden_dim=8, activation="gelu_tanh", tie_embeddings=True), folder)
    return folder


def saved_vit():
    """Return a folder with a vision transformer whose weights are 0, as `transformers` would write it."""
    from safetensors.numpy import save_file

    from keras_course.attention import _vit_weights

    folder, sizes = tempfile.mkdtemp(), {"I": 4, "D": 1, "P": 2, "C": 4, "L": 1, "H": 2, "F": 8, "K": 2}
    arrays = {name: np.zeros(shape, "float32") for name, shape in _vit_weights._tensors(sizes)}
    save_file(arrays, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({key: sizes[symbol] for key, symbol in _vit_weights._SIZES.items()}, file)
    return folder


def square(w):
    return float(w @ w), 2 * w


def average(x, y):
    return lambda points: np.zeros(len(points)) + np.mean(y)


def half(x):
    return x * x / 2


def next_number(tokens, cache, index, context):
    return keras.ops.one_hot((tokens + 1) % 10, 10), cache
