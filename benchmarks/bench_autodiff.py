"""Lecture 3: speed of derivatives (smaller is better).

The tape is numpy alone, so no backend takes part in it; one is chosen all the same, as importing Keras needs it.
"""

from . import common


def select_any():
    """Choose the first backend that is installed."""
    from keras_course import backend

    common.select(backend.available()[0])


class Tape:
    """Loss and gradient of a network of 784, 100, 100 and 10 units for a batch of 128."""

    unit = "ms"

    def setup(self):
        select_any()

    def track_gradient(self, gradients=50):
        from .peers import autodiff

        gradient, work = autodiff.our_gradient(), autodiff.weights_and_batch()

        def call():
            for _ in range(gradients):
                gradient(*work)

        return 1e3 * common.median_seconds(call) / gradients

    def track_gradient_cost(self, n=10_000, rounds=15):
        """Value and gradient of a scalar function of n numbers, in units of the function: steady on busy machines."""
        from .peers import autodiff

        return autodiff.gradient_cost(n, rounds)[1]

    track_gradient_cost.unit = "times the function"


class Jacobian:
    """The Jacobian of a chain of three layers, from n inputs to m outputs, in each mode."""

    params = ([(4, 256), (256, 4)], ["reverse", "forward"])
    param_names = ("shape", "mode")
    unit = "ms"

    def setup(self, shape, mode):
        select_any()

    def track_jacobian(self, shape, mode):
        import numpy as np

        from keras_course import autodiff

        n, m = shape
        rng = np.random.default_rng(0)
        kernels = [rng.normal(size=s) * s[1] ** -0.5 for s in ((64, n), (64, 64), (m, 64))]

        def chain(x):
            for kernel in kernels:
                x = np.tanh(kernel @ x)
            return x

        x = rng.normal(size=n)
        return 1e3 * common.median_seconds(lambda: autodiff.jacobian(chain, mode=mode)(x))


class Checkpoints:
    """The most memory that the gradient of a chain of 64 links holds, in arrays of its width, with 8 segments."""

    unit = "arrays"

    def setup(self):
        select_any()

    def track_peak(self, links=64, segments=8, width=10_000):
        import numpy as np

        from keras_course import autodiff

        chain = autodiff.checkpointed_chain([np.sin] * links, segments)
        x = np.ones(width)
        return autodiff.peak_memory(lambda: autodiff.grad(lambda x: np.sum(chain(x)))(x)) / x.nbytes
