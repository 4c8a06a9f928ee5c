"""Lecture 7: speed and memory of attention and of the networks built on it (smaller is better).

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


VARIANTS = {  # builder, options
    "decoder_only": ("decoder_only_lm", {}),
    "experts": ("decoder_only_lm", {"num_experts": 8, "capacity_factor": 1.25}),
    "every_expert": ("decoder_only_lm", {"num_experts": 8}),
    "encoder_only": ("encoder_only_lm", {}),
}


class Variants:
    """Training a decoder-only model, with and without experts, and an encoder-only model."""

    params = (common.BACKENDS, list(VARIANTS))
    param_names = ("backend", "variant")
    unit = "us/token"

    def setup(self, backend, variant):
        common.select(backend)
        from keras_course import attention

        builder, options = VARIANTS[variant]
        self.model = getattr(attention, builder)(VOCABULARY, 2 * LENGTH, **SIZES, **options)

    def track_training(self, backend, variant):
        """A step of `fit` on windows of random tokens, per token; which token is the label takes no time."""
        import keras

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile("adam", loss, jit_compile="auto" if backend == "jax" else False)
        call = common.fit_windows(self.model, LENGTH, BATCH, STEPS)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH * LENGTH)


class Memory:
    """Peak resident memory of a process that calls a layer of self-attention on one long sequence."""

    params = (common.BACKENDS, (128, 4096))
    param_names = ("backend", "length")

    def setup(self, backend, length):
        common.select(backend)

    def peakmem_forward(self, backend, length):
        Attention().track_forward(backend, length)


class Stories:
    """A training step of the two networks that answer questions about stories."""

    params = (common.BACKENDS, ("memory_network", "story_transformer"))
    param_names = ("backend", "builder")
    unit = "us/story"

    def setup(self, backend, builder):
        common.select(backend)
        import keras

        from keras_course import attention, datasets

        train, _ = datasets.stories(2, num_train=BATCH * STEPS)
        words = datasets.story_words(train)
        x, y = datasets.encode_stories(train, words, num_sentences=15, num_words=5)
        self.model = getattr(attention, builder)(15, 5, 1 + len(words))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile("adam", loss, jit_compile="auto" if backend == "jax" else False)
        self.batches = datasets.example_batches(x, y, BATCH, steps_per_epoch=STEPS)

    def track_fit(self, backend, builder):
        """A step of `fit`, per story."""

        def call():
            self.model.fit(self.batches, steps_per_epoch=STEPS, shuffle=False, verbose=0)

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH)


class Images:
    """The small vision transformer: a training step, and a prediction."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/image"

    def setup(self, backend):
        common.select(backend)
        import numpy as np

        from keras_course.attention import vit

        self.model = vit((32, 32, 3), 10)
        self.x = np.random.default_rng(0).normal(size=(BATCH * STEPS, 32, 32, 3)).astype("float32")

    def track_fit(self, backend):
        """A step of `fit`, per image."""
        import keras
        import numpy as np

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile("adam", loss, jit_compile="auto" if backend == "jax" else False)
        call = common.fit_examples(self.model, self.x, np.arange(len(self.x)) % 10, BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)

    def track_forward(self, backend):
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.x[:BATCH])
        forward = ops.jit(lambda x: self.model(x), variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / BATCH


class Spectrogram:
    """The audio spectrogram transformer, and the spectrogram alone."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/sound"

    def setup(self, backend):
        common.select(backend)
        import keras
        import numpy as np

        from keras_course.attention import spectrogram_transformer

        self.model = spectrogram_transformer((4096,), 7)
        waves = np.random.default_rng(0).normal(size=(BATCH, 4096)).astype("float32")
        self.x = keras.ops.convert_to_tensor(waves)

    def track_spectrogram(self, backend):
        return self._forward(self.model.get_layer("spectrogram"))

    def track_forward(self, backend):
        return self._forward(self.model)

    def _forward(self, layer):
        from keras_course import ops

        forward = ops.jit(lambda x: layer(x), variables=layer.variables)
        return 1e6 * common.median_seconds(lambda: forward(self.x)) / BATCH


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


class Folding:
    """The small Evoformer with a structure module: a training step, and a prediction."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/chain"

    def setup(self, backend):
        common.select(backend)
        from keras_course import datasets
        from keras_course.attention import DistogramLoss, StructureLoss, evoformer

        self.chains = datasets.toy_chains(BATCH * STEPS, num_test=1, num_sequences=16)[0]
        self.model = evoformer(24, 4, num_blocks=2, structure_layers=3)
        losses = {"distogram": DistogramLoss(), "frames": StructureLoss()}
        self.model.compile("adam", losses, jit_compile="auto" if backend == "jax" else False)

    def track_fit(self, backend):
        """A step of `fit`, per chain."""
        y = {"distogram": self.chains.positions, "frames": self.chains.positions}

        def call():
            self.model.fit(self.chains.alignment, y, batch_size=BATCH, shuffle=False, verbose=0)

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (STEPS * BATCH)

    def track_forward(self, backend):
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.chains.alignment[:BATCH])
        forward = ops.jit(lambda x: self.model(x)["frames"], variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / BATCH
