"""What all benchmarks share: choose the backend, warm up, synchronize, take the median, compare in turn.

A *call* is a function without arguments that does a fixed amount of work and returns a tensor of its result, or
anything but a tensor if the work is over when it returns. Fetching the tensor makes sure that the work itself is timed:
JAX (even on a CPU) and PyTorch (on a GPU) return before it is done.

Nothing here imports Keras before a backend was chosen, as Keras reads the choice once.
"""

import itertools
import multiprocessing
import os
import statistics
import time

from keras_course import backend
from keras_course._memory import keep_working_memory

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

    model.compile(
        RECIPES["nanogpt_shakespeare_cpu"].optimizer.build(model, lambda peak, final: peak),
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


# Comparing implementations in turn ---------------------------------------------------------------------------------

PAUSE = 0.3  # seconds between two turns, in which the threads of the last one stop spinning


def take_turns(makers, rounds):
    """Time several implementations of the same work, one call each in turn, and return the seconds of each round.

    Each has a process of its own that lives from the first round to the last, so that no two frameworks meet in a
    process and none is measured while another computes. Whatever slows the machine down for a while hits all of them
    alike; odd rounds go backwards, so that none is always the one after the slowest.

    Args:
        makers: `{name: (function, *arguments)}`; the function, which must be one of a module, runs in the process of
            its own, so that it may choose a backend. It returns a function without arguments whose work is over when
            it returns.
        rounds: number of timed calls of each, after two to warm up.

    Returns:
        `{name: [seconds of round 0, seconds of round 1, ...]}`.

    Raises:
        RuntimeError: an implementation failed; the message says which one, and with what.
    """
    workers, times = {}, {name: [] for name in makers}
    try:
        for name, (function, *arguments) in makers.items():
            workers[name] = _start(function, arguments)
            _answer(name, workers[name])
        for number in range(rounds):
            for name in sorted(makers, key=list(makers).index, reverse=number % 2 == 1):
                time.sleep(PAUSE)
                times[name].append(_answer(name, workers[name], "go"))
    finally:
        for process, connection in workers.values():
            connection.close()
            process.join(timeout=10)
            process.terminate()
    return times


def compare(benchmark, work, unit, peers, ours, rounds, native=None):
    """Time peers and ours in turn; return rows for each backend of ours, and print a line for each of all.

    One call does `work`, a number of `unit` ("tokens", "examples"); `peers` and `ours` (by backend) are makers as
    `take_turns` wants them. `native` names, by backend, the peers that are written in that framework itself: then a
    backend has a second row beside the fastest of these.

    The ratio of a backend is the median over the rounds of (seconds of the fastest peer) / (seconds of ours), the two
    taken in the same round: above 1 ours is faster. The fastest peer is the one of the smallest median.
    """
    times = take_turns({**peers, **{f"keras_course, {name}": maker for name, maker in ours.items()}}, rounds)
    speed = {name: work / statistics.median(seconds) for name, seconds in times.items()}

    def ratio(name, peer):
        return statistics.median(p / s for p, s in zip(times[peer], times[name], strict=True))

    fastest = max(peers, key=speed.get)
    print(f"\n{benchmark}, {rounds} rounds of {work} {unit}")
    print(f"  {'':34}{unit + '/s':>12}  {'range over rounds':>19}  {'ratio':>6}")
    for name, seconds in times.items():
        span = f"{_rounded(work / max(seconds)):,} - {_rounded(work / min(seconds)):,}"
        print(f"  {name:34}{_rounded(speed[name]):>12,}  {span:>19}  {ratio(name, fastest):>6.2f}", flush=True)
    rows = []
    for each in ours:
        name = f"keras_course, {each}"
        own = max((native or {}).get(each, [fastest]), key=speed.get)
        if own != fastest:
            print(f"  {name} beside {own}: {ratio(name, own):.2f}", flush=True)
        for peer in dict.fromkeys((fastest, own)):
            rows.append(
                {
                    "kind": "speed",
                    "benchmark": benchmark,
                    "backend": each,
                    "value": _rounded(speed[name]),
                    "unit": f"{unit}/s",
                    "peer": peer,
                    "peer_value": _rounded(speed[peer]),
                    "ratio": round(ratio(name, peer), 2),
                    "rounds": rounds,
                }
            )
    return rows


def _rounded(speed):
    return round(speed) if speed >= 100 else round(speed, 2)


def _start(function, arguments):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, function, arguments), daemon=True)
    process.start()
    there.close()
    return process, here


def _answer(name, worker, question=None):
    try:
        if question is not None:
            worker[1].send(question)
        answer = worker[1].recv()
    except (EOFError, ConnectionError):
        raise RuntimeError(f"{name}: its process ended; is there enough memory for all of them?") from None
    if isinstance(answer, str):
        raise RuntimeError(f"{name}: {answer}")
    return answer


def _serve(connection, function, arguments):
    """Be a worker: make the call, warm it up, then time it whenever the parent asks, until the parent is gone."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # several processes share a GPU
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    keep_working_memory()  # all alike, or each would have page faults by luck
    try:
        call = function(*arguments)
        for _ in range(2):
            call()
        connection.send(0.0)
        while connection.recv():
            start = time.perf_counter()
            call()
            connection.send(time.perf_counter() - start)
    except EOFError:
        return
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
