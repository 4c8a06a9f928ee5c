"""Lecture 4: speed of optimizers, probes and normalizations (smaller is better)."""

from . import common

OPTIMIZERS = ("SGD", "Momentum", "Adam", "Muon")


class Steps:
    """A compiled step of an optimizer on 100,000 weights in ten matrices; a hundred steps a call."""

    params = (common.BACKENDS, list(OPTIMIZERS))
    param_names = ("backend", "optimizer")
    unit = "us"

    def setup(self, backend, optimizer):
        common.select(backend)

    def track_step(self, backend, optimizer, steps=100):
        import keras
        import numpy as np

        from keras_course import ops, training

        rng = np.random.default_rng(0)
        start = [keras.ops.convert_to_tensor(rng.normal(size=(100, 100)), dtype="float32") for _ in range(10)]
        update = getattr(training, optimizer)(1e-3)
        step = ops.jit(update.step)

        def call():
            w, state = start, update.init(start)
            for _ in range(steps):
                w, state = step(w, start, state)
            return w[-1]

        return 1e6 * common.median_seconds(call) / steps


class Minimize:
    """300 steps of Adam on Beale's function, with compilation, as a figure of the tutorial takes."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "ms"

    def setup(self, backend):
        common.select(backend)

    def track_trajectory(self, backend, steps=300):
        import numpy as np

        from keras_course.training import Adam, beale, minimize

        start = np.array([0.7, 1.4], "float32")
        return 1e3 * common.median_seconds(lambda: minimize(beale, start, Adam(0.1), steps).losses, repeats=3)


class Probes:
    """Activations and gradients of the ten layers of the explorer, for a batch of 512."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "ms"

    def setup(self, backend):
        common.select(backend)
        import numpy as np

        from keras_course.training import deep_mlp

        self.model = deep_mlp.from_preset("init_explorer")
        self.x = np.random.default_rng(0).normal(size=(512, 256)).astype("float32")

    def track_activations(self, backend):
        from keras_course.training import probe_activations

        return 1e3 * common.median_seconds(lambda: probe_activations(self.model, self.x))

    def track_gradients(self, backend):
        from keras_course.training import probe_gradients

        return 1e3 * common.median_seconds(lambda: probe_gradients(self.model, self.x))


class Normalizations:
    """Forward and backward of a normalization by hand, compiled, for x (512, 256); a hundred a call."""

    params = (common.BACKENDS, ["batch", "layer", "group", "rms"])
    param_names = ("backend", "kind")
    unit = "us"

    def setup(self, backend, kind):
        common.select(backend)

    def track_both_ways(self, backend, kind, rounds=100):
        import keras

        from keras_course import ops, training

        x = keras.random.normal((512, 256), seed=0)
        gamma, groups = keras.ops.ones(256), 8 if kind == "group" else 1

        def both(x, gamma):
            y = training.normalize(kind, x, gamma, groups=groups)
            return training.normalize_backward(kind, x, gamma, y, groups=groups)[0]

        both = ops.jit(both)

        def call():
            y = x
            for _ in range(rounds):
                y = both(y, gamma)
            return y

        return 1e6 * common.median_seconds(call) / rounds
