"""Lecture 10: speed and memory of normalizing flows and of networks with a head (smaller is better)."""

from . import common

BUILDERS = {  # options
    "realnvp": {"num_layers": 5, "hidden_dims": (64, 64)},
    "masked_autoregressive_flow": {"num_layers": 5, "hidden_dims": (64, 64)},
    "neural_spline_flow": {"num_layers": 5, "hidden_dims": (64, 64)},
    "continuous_flow": {"hidden_dims": (64, 64), "num_steps": 8},
}
HEADS = {
    "gaussian_network": {},
    "mdn": {},
    "quantile_network": {},
    "deep_ensemble": {"num_members": 5},
    "bayesian_gaussian_network": {"num_examples": 10_000},
}
FEATURES, EXAMPLES, BATCH, STEPS = 8, 10_000, 256, 8


class Flows:
    """Log-densities, a training step and samples of a flow, per example."""

    params = (common.BACKENDS, list(BUILDERS))
    param_names = ("backend", "builder")
    unit = "us/example"

    def setup(self, backend, builder, num_features=None):
        common.select(backend)
        import numpy as np

        from keras_course import uncertainty

        self.x = np.random.default_rng(0).normal(size=(EXAMPLES, num_features or FEATURES)).astype("float32")
        self.model = getattr(uncertainty, builder)(self.x.shape[1], **BUILDERS[builder])

    def track_log_prob(self, backend, builder):
        """A compiled pass from data to densities."""
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.x)
        log_prob = ops.jit(self.model.log_prob, variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: log_prob(x)) / EXAMPLES

    def track_training(self, backend, builder):
        """A step of `fit`, as a recipe makes it."""
        from keras_course.ops import jit_training

        self.model.compile("adam", jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        rows = self.x[: STEPS * BATCH]
        call = common.fit_examples(self.model, rows, rows[:, 0], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(rows)

    def track_sampling(self, backend, builder):
        """Samples from the base distribution, and back to the data."""
        return 1e6 * common.median_seconds(lambda: self.model.sample(EXAMPLES, seed=1)) / EXAMPLES


class Heads:
    """A forward pass and a training step of a network that predicts a distribution, per example."""

    params = (common.BACKENDS, list(HEADS))
    param_names = ("backend", "builder")
    unit = "us/example"

    def setup(self, backend, builder, num_features=None):
        common.select(backend)
        import numpy as np

        from keras_course import uncertainty

        self.x = np.random.default_rng(0).normal(size=(STEPS * BATCH, num_features or FEATURES)).astype("float32")
        self.model = getattr(uncertainty, builder)(self.x.shape[1:], 1, **HEADS[builder])

    def track_forward(self, backend, builder):
        """A compiled pass from inputs to raw outputs."""
        import keras

        from keras_course import ops

        x = keras.ops.convert_to_tensor(self.x)
        forward = ops.jit(lambda x: self.model(x, training=False), variables=self.model.variables)
        return 1e6 * common.median_seconds(lambda: forward(x)) / len(self.x)

    def track_training(self, backend, builder):
        """A step of `fit`, as a recipe makes it."""
        from keras_course.ops import jit_training

        self.model.compile("adam", self.model.head, jit_compile="auto" if backend == "jax" else False)
        jit_training(self.model)
        call = common.fit_examples(self.model, self.x, self.x[:, :1], BATCH)
        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / len(self.x)


class Samples:
    """Ten samples of the target from the prediction for each example, of weights of their own by Bayes by backprop."""

    params = (common.BACKENDS, ["mdn", "deep_ensemble", "bayesian_gaussian_network"])
    param_names = ("backend", "builder")
    unit = "us/sample"

    def setup(self, backend, builder):
        heads = Heads()
        heads.setup(backend, builder)
        self.x, self.model = heads.x[:BATCH], heads.model

    def track_sampling(self, backend, builder):
        from keras_course.uncertainty import monte_carlo_prediction

        def call():
            if builder == "bayesian_gaussian_network":
                return monte_carlo_prediction(self.model, self.x, 10, seed=1).sample(10, seed=1)
            return self.model.distribution(self.x).sample(10, seed=1)

        return 1e6 * common.median_seconds(call) / (10 * len(self.x))


class Memory:
    """Peak resident memory of a process that trains a spline flow on few and on many features, or an ensemble."""

    params = (common.BACKENDS, (2, 64))
    param_names = ("backend", "num_features")

    def setup(self, backend, num_features):
        common.select(backend)

    def peakmem_training(self, backend, num_features):
        flows = Flows()
        flows.setup(backend, "neural_spline_flow", num_features)
        flows.track_training(backend, "neural_spline_flow")

    def peakmem_ensemble(self, backend, num_features):
        heads = Heads()
        heads.setup(backend, "deep_ensemble", num_features)
        heads.track_training(backend, "deep_ensemble")
