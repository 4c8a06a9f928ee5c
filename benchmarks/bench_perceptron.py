"""Lecture 2: speed of multi-layer perceptrons, and of what is fitted in closed form (smaller is better).

Notation: C = width of the two hidden layers; D = 784 inputs; batches of 128.
"""

from . import common

BATCH = 128
STEPS = {64: 400, 512: 60}  # training steps in one call: some tenths of a second


def data(rows, num_features=784, num_classes=10):
    """Return random rows and labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.random((rows, num_features), dtype=np.float32)
    return x, rng.integers(num_classes, size=rows, dtype=np.int32)


class Training:
    """A step of `fit` as the width grows."""

    params = (common.BACKENDS, tuple(STEPS))
    param_names = ("backend", "hidden_dim")
    unit = "us/example"

    def setup(self, backend, hidden_dim):
        common.select(backend)

    def track_fit(self, backend, hidden_dim):
        from keras_course.perceptron import mlp, output_head

        model = mlp((784,), 10, hidden_dims=(hidden_dim, hidden_dim))
        model.compile("adam", output_head("multiclass").loss, jit_compile="auto" if backend == "jax" else False)
        x, y = data(STEPS[hidden_dim] * BATCH)
        return 1e6 * common.median_seconds(common.fit_examples(model, x, y, BATCH), repeats=5) / len(x)


class Descent:
    """Stochastic gradient descent written out, on a linear model: mostly what a step costs beside its arithmetic."""

    params = (common.BACKENDS,)
    param_names = ("backend",)
    unit = "us/step"

    def setup(self, backend):
        common.select(backend)

    def track_sgd(self, backend, rows=6_400):
        import numpy as np
        from keras import ops

        from keras_course.perceptron import stochastic_gradient_descent

        x, y = data(rows, num_features=20)

        def loss(w, x, y):
            return ops.mean(ops.square(ops.subtract(ops.matmul(x, w), y)))

        def call():
            stochastic_gradient_descent(
                loss, np.zeros(20, "float32"), (x, y.astype("float32")), learning_rate=1e-3, batch_size=16
            )

        return 1e6 * common.median_seconds(call, repeats=3, warmups=1) / (rows / 16)


class Closed:
    """Fits in numpy; a backend is chosen only as importing Keras needs one."""

    unit = "ms"

    def setup(self):
        from keras_course import backend

        common.select(backend.available()[0])

    def track_logistic_regression(self, rows=5_000):
        from keras_course.perceptron import fit_logistic_regression

        x, y = data(rows, num_features=30, num_classes=4)
        return 1e3 * common.median_seconds(lambda: fit_logistic_regression(x, y), repeats=5)

    def track_lda(self, rows=20_000):
        from keras_course.perceptron import LinearDiscriminantAnalysis

        x, y = data(rows, num_features=30, num_classes=4)
        return 1e3 * common.median_seconds(lambda: LinearDiscriminantAnalysis().fit(x, y).predict(x), repeats=5)
