"""What all benchmarks share: choose the backend, warm up, synchronize, take the median.

A *call* is a function without arguments that does a fixed amount of work and returns a tensor of its result, or
anything but a tensor if the work is over when it returns. Fetching the tensor makes sure that the work itself is timed:
JAX (even on a CPU) and PyTorch (on a GPU) return before it is done.

Nothing here imports Keras before a backend was chosen, as Keras reads the choice once.
"""

import itertools
import os
import statistics
import time

from keras_course import backend
from keras_course.backend import keep_working_memory

BACKENDS = backend.BACKENDS
TOKENS = 20_000  # length of the random text that models are timed on


def select(name):
    """Choose the backend of this process; a benchmark of one that is not installed is skipped.

    Raises:
        NotImplementedError: the backend is not installed. In `setup` this is asv's word for "skip".
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        backend.use(name)
    except ModuleNotFoundError as error:
        raise NotImplementedError(str(error)) from error
    if name == "torch":
        torch_device()  # sets the precision that the peers use
    keep_working_memory()  # as recipes do


def seconds(call):
    """Return how long one call takes, until its result can be read."""
    start = time.perf_counter()
    synchronize(call())
    return time.perf_counter() - start


def synchronize(result):
    """Wait until a result is there."""
    import keras

    if keras.ops.is_tensor(result):
        keras.ops.convert_to_numpy(result)


def median_seconds(call, repeats=7, warmups=2):
    """Return the median time of a call in seconds.

    Args:
        call: see the top of this file.
        repeats: number of calls that are timed.
        warmups: number of the same calls before; the first one compiles.
    """
    for _ in range(warmups):
        seconds(call)
    return statistics.median(seconds(call) for _ in range(repeats))


def median_ratio(call, reference, repeats=15, warmups=2):
    """Return the median of (seconds of a call) / (seconds of a reference), the two timed one after the other.

    What slows the machine down for longer than a pair takes cancels out, so this is steady where seconds are not. The
    reference should load the machine as the call does, by code that is not under test.
    """
    for _ in range(warmups):
        seconds(call), seconds(reference)
    return statistics.median(seconds(call) / seconds(reference) for _ in range(repeats))


def torch_device():
    """Return what PyTorch computes on here: the GPU where there is one, else the CPU.

    On a GPU it lets float32 products round their factors to TF32, as JAX and TensorFlow do by default.
    """
    import torch

    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda")


def fit_examples(model, x, y, batch_size):
    """Return the call that trains a compiled model on all whole batches once, the same ones in each call.

    It is `fit` on the batches that recipes have; on TensorFlow without the tuner that they have, see `_untuned`.
    """
    from keras_course.datasets import example_batches

    steps = len(x) // batch_size
    return _fit_call(model, example_batches(x, y, batch_size, steps_per_epoch=steps), steps)


def _fit_call(model, batches, steps):
    import keras

    if keras.backend.backend() == "tensorflow":
        batches = _untuned(batches)

    def call():
        model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
        return model.optimizer.iterations.value

    return call


def _untuned(batches):
    """Return batches as a `tf.data.Dataset` without the tuning thread that Keras's own pipeline starts.

    That thread sometimes misses the end of an epoch and sleeps on, for up to as long as the epoch took.
    """
    import tensorflow as tf

    signature = tuple(tf.TensorSpec(part.shape, part.dtype) for part in batches[0])
    endless = tf.data.Dataset.from_generator(
        lambda: map(batches.__getitem__, itertools.count()), output_signature=signature
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    return endless.prefetch(2).with_options(options)


# Language models ---------------------------------------------------------------------------------------------------


def random_tokens(vocab_size, length=TOKENS, seed=0):
    """Return a text of `length` random tokens: what a token is makes no difference to the time it takes."""
    import numpy as np

    return np.random.default_rng(seed).integers(vocab_size, size=length, dtype=np.int32)


def compile_gpt(model, fuse=False):
    """Compile a GPT as the recipe `nanogpt_shakespeare_cpu` does, at its highest learning rate; return the model.

    Where `fuse` is true, PyTorch's compiler fuses the step.
    """
    import keras

    from keras_course import ops
    from keras_course.recipes import RECIPES

    optimizer = RECIPES["nanogpt_shakespeare_cpu"].optimizer
    model.compile(
        optimizer.build(model, optimizer.peak_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return ops.jit_training(model, fuse=fuse)


def dense_reference(width, rows, steps):
    """Return the call that trains a plain Keras network of eight dense layers; of this package it has batches only."""
    import keras
    import numpy as np

    layers = [keras.layers.Dense(units, activation="relu") for units in (4 * width, width) * 4]
    model = keras.Sequential([keras.Input((width,)), *layers])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).standard_normal((steps * rows, width), dtype=np.float32)
    return fit_examples(model, x, x, rows)


def fit_windows(model, context_length, batch_size, steps):
    """Return the call that trains a compiled GPT for some steps: `fit` on random windows; see `fit_examples`."""
    from keras_course.datasets import token_windows

    windows = token_windows(
        random_tokens(model.output.shape[-1]), context_length, batch_size, steps_per_epoch=steps, seed=0
    )
    return _fit_call(model, windows, steps)
