"""Lecture 8: speed and memory of language models, in microseconds per token (smaller is better).

Notation: B = batch size, T = tokens in a text, N = context length of a stage. Every process warms up with the call
that it times, then takes the median of several.
"""

from . import common

STAGES = {  # B, training steps in one call: between 0.2 and 1 second each
    "v1": (32, 200),
    "v4": (32, 60),
    "nanogpt_shakespeare_cpu": (12, 12),
}
SMALL_GPT = "nanogpt_shakespeare_cpu"


def build(stage):
    """Return the model of a stage of the lecture."""
    from keras_course.language import gpt

    return gpt.from_preset(stage)


def context_length(stage):
    """Return N of a stage."""
    from keras_course.language import gpt

    return gpt.presets[stage]["context_length"]


class Stages:
    """Each stage of the lecture, from the bigram table to a small GPT."""

    params = (common.BACKENDS, list(STAGES))
    param_names = ("backend", "stage")
    unit = "us/token"

    def setup(self, backend, stage):
        common.select(backend)
        self.model = build(stage)

    def track_forward(self, backend, stage):
        """Logits of B windows of N tokens, compiled with `keras_course.ops.jit`; ten passes a call."""
        import keras

        from keras_course import ops

        length, batch_size = context_length(stage), STAGES[stage][0]
        x = keras.ops.convert_to_tensor(common.random_tokens(65, batch_size * length).reshape(batch_size, length))
        forward = ops.jit(lambda x: self.model(x), variables=self.model.variables)

        def call():
            for _ in range(9):
                forward(x)
            return forward(x)

        return 1e6 * common.median_seconds(call) / (10 * batch_size * length)

    def track_training(self, backend, stage):
        """What a user pays for a token in `fit`: drawing its window, the step, the logs, the start of the epoch."""
        length, (batch_size, steps) = context_length(stage), STAGES[stage]
        call = common.fit_windows(common.compile_gpt(self.model), length, batch_size, steps)
        return 1e6 * common.median_seconds(call) / (steps * batch_size * length)


class Generation:
    """Sampling 63 tokens after a prompt of one, for B texts at once, with and without the cache."""

    params = (common.BACKENDS, (1, 16), (True, False))
    param_names = ("backend", "batch_size", "cache")
    unit = "us/token"

    def setup(self, backend, batch_size, cache):
        common.select(backend)
        self.model = build(SMALL_GPT)

    def track_generate(self, backend, batch_size, cache):
        from keras_course.language import generate

        prompts, length = [[1]] * batch_size, context_length(SMALL_GPT) - 1

        def call():
            return generate(self.model, prompts, length, cache=cache)

        return 1e6 * common.median_seconds(call, repeats=5, warmups=1) / (batch_size * length)


class Steady:
    """The training step of the small GPT in units of a plain Keras network's: for machines that are never quiet."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "steps of the reference"

    def setup(self, backend):
        common.select(backend)

    def track_training(self, backend):
        length, batch_size, steps = context_length(SMALL_GPT), STAGES[SMALL_GPT][0], 6
        call = common.fit_windows(common.compile_gpt(build(SMALL_GPT)), length, batch_size, steps)
        return common.median_ratio(call, common.dense_reference(128, batch_size * length, steps))


class Memory:
    """Peak resident memory of a process that imports Keras, builds the small GPT and trains it for some steps."""

    params = (common.BACKENDS,)
    param_names = ("backend",)

    def setup(self, backend):
        common.select(backend)

    def peakmem_training(self, backend):
        model = common.compile_gpt(build(SMALL_GPT))
        common.synchronize(common.fit_windows(model, context_length(SMALL_GPT), *STAGES[SMALL_GPT])())


class Tokenizer:
    """Learning the merges of byte-level BPE: no backend takes part in it."""

    unit = "us/character"

    def setup(self):
        from keras_course import backend

        common.select(backend.available()[0])

    def track_bpe_training(self, characters=100_000, vocab_size=512):
        from keras_course.datasets import text
        from keras_course.language import BPETokenizer

        sample = text("python_docs")[:characters]
        call = lambda: BPETokenizer.train(sample, vocab_size)  # noqa: E731
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(sample)
