"""Lecture 1: speed of the wide network, and of what is fitted in closed form (smaller is better)."""

from . import common

POINTS, STEPS = 15, 100  # of the wide network: points in a batch, batches in a call


class Wide:
    """A step of `fit` of one hidden layer on few points, as the width grows."""

    params = (common.BACKENDS, (1_000, 100_000))
    param_names = ("backend", "width")
    unit = "ms/step"

    def setup(self, backend, width):
        common.select(backend)

    def track_fit(self, backend, width):
        import numpy as np

        from keras_course.fundamentals import noisy_cubic, wide_mlp

        model = wide_mlp((1,), 1, width=width)
        model.compile("adam", "mse", jit_compile="auto" if backend == "jax" else False)
        x, y = (np.tile(part, STEPS).astype("float32")[:, None] for part in noisy_cubic().sample(POINTS, seed=0))
        return 1e3 * common.median_seconds(common.fit_examples(model, x, y, POINTS), repeats=5) / STEPS


class Closed:
    """Fits in numpy; a backend is chosen only as importing Keras needs one."""

    unit = "ms"

    def setup(self):
        from keras_course import backend

        common.select(backend.available()[0])

    def track_polynomial(self, num_points=100_000):
        from keras_course.fundamentals import PolynomialRegressor, noisy_cubic

        x, y = noisy_cubic().sample(num_points, seed=0)
        return 1e3 * common.median_seconds(lambda: PolynomialRegressor(10).fit(x, y), repeats=5)

    def track_bias_variance(self, num_sets=200):
        from keras_course.fundamentals import PolynomialRegressor, bias_variance_decomposition, noisy_cubic

        def call():
            bias_variance_decomposition(PolynomialRegressor(3), noisy_cubic(), num_sets=num_sets)

        return 1e3 * common.median_seconds(call, repeats=5)

    def track_double_descent(self, num_points=200):
        import numpy as np

        from keras_course.fundamentals import random_features_sweep

        rng = np.random.default_rng(0)
        data = [(rng.standard_normal((n, 20)), rng.standard_normal(n)) for n in (num_points, 500)]
        widths = [num_points // 4, num_points, 4 * num_points]
        return 1e3 * common.median_seconds(lambda: random_features_sweep(*data, widths), repeats=5)
