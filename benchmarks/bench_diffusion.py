"""Lecture 12: speed and memory of diffusion models (smaller is better)."""

from . import common

SAMPLERS = {"ancestral": 100, "ddim": 50, "heun": 25, "dpm_solver": 20}  # steps
FEATURES, EXAMPLES, BATCH, STEPS = 8, 10_000, 256, 8
NETWORK = {"hidden_dim": 64, "num_layers": 3}


class Points:
    """A forward pass, a training step and log-densities of a diffusion model of points, per example."""

    params = (common.BACKENDS, ("cosine", "rectified"))
    param_names = ("backend", "schedule")
    unit = "us/example"

    def setup(self, backend, schedule, num_features=None):
        common.select(backend)
        import numpy as np

        from keras_course.diffusion import diffusion_mlp

        self.x = np.random.default_rng(0).normal(size=(EXAMPLES, num_features or FEATURES)).astype("float32")
        prediction = "flow" if schedule == "rectified" else "noise"
        self.model = diffusion_mlp(self.x.shape[1], schedule=schedule, prediction=prediction, **NETWORK)

    def track_denoising(self, backend, schedule):
        """A compiled call of the denoiser."""
        import keras

        from keras_course import ops

        denoiser, x = self.model.denoiser(), keras.ops.convert_to_tensor(self.x)
        forward = ops.jit(lambda x: denoiser(x, 0.5), variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / EXAMPLES

    def track_training(self, backend, schedule):
        """A step of `fit`, as a recipe makes it."""
        from keras_course.ops import jit_training

        self.model.compile("adam", jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        rows = self.x[: STEPS * BATCH]
        call = common.fit_examples(self.model, rows, rows[:, 0], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(rows)

    def track_log_prob(self, backend, schedule):
        """The likelihood by the probability-flow ODE, with the exact trace."""
        rows = self.x[:BATCH]
        return 1e6 * common.median_seconds(lambda: self.model.log_prob(rows, tolerance=1e-3), repeats=3) / BATCH


class Sampling:
    """Samples of each sampler, with as many steps as it is used with, per sample."""

    params = (common.BACKENDS, list(SAMPLERS))
    param_names = ("backend", "sampler")
    unit = "us/sample"

    def setup(self, backend, sampler):
        points = Points()
        points.setup(backend, "cosine")
        self.model = points.model

    def track_sampling(self, backend, sampler):
        from keras_course import diffusion

        options = {"sampler": getattr(diffusion, sampler), "steps": SAMPLERS[sampler], "seed": 1}
        return 1e6 * common.median_seconds(lambda: self.model.sample(EXAMPLES, **options), repeats=3) / EXAMPLES


class Memory:
    """Peak resident memory of a process that trains a model of points with few and with many features."""

    params = (common.BACKENDS, (2, 256))
    param_names = ("backend", "num_features")

    def setup(self, backend, num_features):
        common.select(backend)

    def peakmem_training(self, backend, num_features):
        points = Points()
        points.setup(backend, "cosine", num_features)
        points.track_training(backend, "cosine")
