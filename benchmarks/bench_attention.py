"""Lecture 7: speed of attention, of the encoder-decoder transformer and of recurrent networks (smaller is better).

Notation: B = batch size, T = tokens in a sequence.
"""

from . import common

LENGTHS = (128, 512, 2048)
SIZES = {"hidden_dim": 256, "num_layers": 3, "num_heads": 4}
VOCABULARY, BATCH, LENGTH, STEPS = 8_000, 32, 32, 8


class Attention:
    """One layer of self-attention on a sequence, compiled."""

    params = (common.BACKENDS, LENGTHS)
    param_names = ("backend", "length")
    unit = "us/token"

    def setup(self, backend, length):
        common.select(backend)

    def track_forward(self, backend, length):
        import keras
        import numpy as np

        from keras_course import layers, ops

        layer = layers.MultiHeadAttention(4)
        x = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, length, 256)).astype("float32"))
        layer(x)
        forward = ops.jit(lambda x: layer(x), variables=layer.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / length


def random_pairs():
    """Return batches of random sources and targets."""
    from keras_course.datasets import pair_batches

    tokens = 3 + common.random_tokens(VOCABULARY - 3, 2 * BATCH * LENGTH).reshape(2, BATCH, LENGTH)
    targets = [[1, *row[: LENGTH - 1], 2] for row in tokens[1].tolist()]
    return pair_batches(tokens[0].tolist(), targets, BATCH, steps_per_epoch=STEPS)


class Translation:
    """Training and beam search of a small encoder-decoder transformer."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/token"

    def setup(self, backend):
        common.select(backend)
        from keras_course.attention import transformer

        self.model = transformer(VOCABULARY, 2 * LENGTH, **SIZES)

    def track_fit(self, backend):
        """A step of `fit`, per target token."""
        from keras_course.attention import SmoothedCrossEntropy

        batches = random_pairs()
        self.model.compile("adam", SmoothedCrossEntropy(), jit_compile="auto" if backend == "jax" else False)

        def call():
            self.model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH * LENGTH)

    def track_translate(self, backend):
        """Beam search with five beams, per written token."""
        from keras_course.attention import translate

        sources = 3 + common.random_tokens(VOCABULARY - 3, 4 * LENGTH).reshape(4, LENGTH)
        options = {"start": 1, "stop": VOCABULARY - 1, "beams": 5, "max_length": LENGTH}

        def call():
            translate(self.model, list(sources), **options)

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (4 * LENGTH)


class Recurrent:
    """Training of a GRU that classifies sequences, and of a recurrent encoder-decoder with attention."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/token"

    def setup(self, backend):
        common.select(backend)

    def track_fit_gru(self, backend):
        """A step of `fit`, per position."""
        import keras
        import numpy as np

        from keras_course.attention import recurrent_network

        model = recurrent_network((LENGTH, 64), 2, hidden_dim=256)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        rng = np.random.default_rng(0)
        x = rng.normal(size=(STEPS * BATCH, LENGTH, 64)).astype("float32")
        call = common.fit_examples(model, x, np.arange(len(x)) % 2, BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH * LENGTH)

    def track_fit_seq2seq(self, backend):
        """A step of `fit`, per target token."""
        from keras_course.attention import SmoothedCrossEntropy, seq2seq

        model = seq2seq(VOCABULARY, 2 * LENGTH, attention="additive", hidden_dim=256)
        model.compile("adam", SmoothedCrossEntropy(), jit_compile="auto" if backend == "jax" else False)
        batches = random_pairs()

        def call():
            model.fit(batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH * LENGTH)
