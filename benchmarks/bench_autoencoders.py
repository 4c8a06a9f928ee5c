"""Lecture 11: speed and memory of auto-encoders and of generative adversarial networks (smaller is better)."""

from . import common

BUILDERS = {  # the builder, and its preset
    "vae": ("vae", "course"),
    "vae_convolutional": ("vae", "convolutional"),
    "vq_vae": ("vq_vae", "images_28"),
}
GAMES = {  # the builder, its preset, and the penalty
    "gan": ("gan", "eight_gaussians", {}),
    "wgan_gp": ("gan", "eight_gaussians", {"loss": "wasserstein", "gradient_penalty": 10.0}),
    "gan_r1": ("gan", "eight_gaussians", {"r1": 1.0}),
    "dcgan": ("dcgan", "digits", {}),
}
BATCH, STEPS, SAMPLES, BOUND_EXAMPLES = 128, 8, 512, 32


def images(count):
    import numpy as np

    return np.random.default_rng(0).random((count, 28, 28, 1), dtype="float32")


class Models:
    """A pass, a training step and decoding, per image."""

    params = (common.BACKENDS, list(BUILDERS))
    param_names = ("backend", "model")
    unit = "us/image"

    def setup(self, backend, model):
        common.select(backend)
        from keras_course import autoencoders

        builder, preset = BUILDERS[model]
        self.x, self.model = images(STEPS * BATCH), getattr(autoencoders, builder).from_preset(preset)

    def track_forward(self, backend, model):
        """A compiled pass: the terms of the loss of every image."""
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.x)
        call = ops.jit(lambda x: self.model(x)["reconstruction"], variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: call(x)) / len(self.x)

    def track_training(self, backend, model):
        """A step of `fit`, as a recipe makes it."""
        from keras_course.ops import jit_training

        self.model.compile("adam", jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        call = common.fit_examples(self.model, self.x, self.x[:, 0, 0, 0], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)

    def track_decoding(self, backend, model):
        """Images of samples of the prior, or of random indices of a codebook."""
        import numpy as np

        if model == "vq_vae":
            ids = np.random.default_rng(0).integers(self.model.num_codes, size=(SAMPLES, *self.model.grid))
            return 1e6 * common.median_seconds(lambda: self.model.decode(ids)) / SAMPLES
        return 1e6 * common.median_seconds(lambda: self.model.sample(SAMPLES, seed=1)) / SAMPLES


class Games:
    """A training step of both networks, and samples of the generator, per example."""

    params = (common.BACKENDS, list(GAMES))
    param_names = ("backend", "game")
    unit = "us/example"

    def setup(self, backend, game):
        common.select(backend)
        import numpy as np

        from keras_course import autoencoders

        builder, preset, options = GAMES[game]
        self.model = getattr(autoencoders, builder).from_preset(preset, **options)
        shape = (STEPS * BATCH, *self.model.input_shape[1:])
        self.x = np.random.default_rng(0).random(shape, dtype="float32")

    def track_training(self, backend, game):
        """A step of `fit`, as a recipe makes it: one update of the discriminator and one of the generator."""
        from keras_course.ops import jit_training

        self.model.compile("adam", jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        call = common.fit_examples(self.model, self.x, self.x.reshape(len(self.x), -1)[:, 0], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)

    def track_sampling(self, backend, game):
        return 1e6 * common.median_seconds(lambda: self.model.sample(SAMPLES, seed=1)) / SAMPLES


class Strings:
    """A training step of a VAE of strings, and decoding, one character after the other, per string."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/string"

    def setup(self, backend):
        common.select(backend)
        import numpy as np

        from keras_course.autoencoders import string_vae

        self.model = string_vae.from_preset("molecules")
        length, size = self.model.input_shape[1:]
        self.x = np.eye(size, dtype="float32")[np.random.default_rng(0).integers(size, size=(STEPS * BATCH, length))]

    def track_training(self, backend):
        from keras_course.ops import jit_training

        self.model.compile("adam", jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        call = common.fit_examples(self.model, self.x, self.x[:, 0, 0], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)

    def track_decoding(self, backend):
        return 1e6 * common.median_seconds(lambda: self.model.sample(SAMPLES, seed=1)) / SAMPLES


class Bound:
    """The importance-weighted bound, per image and sample."""

    params = (common.BACKENDS, (1, 64))
    param_names = ("backend", "num_samples")
    unit = "us/sample"

    def setup(self, backend, num_samples):
        common.select(backend)
        from keras_course.autoencoders import vae

        self.x, self.model = images(BOUND_EXAMPLES), vae.from_preset("course")

    def track_bound(self, backend, num_samples):
        from keras_course.autoencoders import importance_weighted_bound

        seconds = common.median_seconds(lambda: importance_weighted_bound(self.model, self.x, num_samples))
        return 1e6 * seconds / (len(self.x) * num_samples)


class Memory:
    """Peak resident memory of a process that trains."""

    params = (common.BACKENDS, list(BUILDERS))
    param_names = ("backend", "model")

    def setup(self, backend, model):
        common.select(backend)

    def peakmem_training(self, backend, model):
        models = Models()
        models.setup(backend, model)
        models.track_training(backend, model)
