"""Training in `fit` by recorded steps: the numbers of Keras, and what is left to Keras."""

import os
import pathlib
import shutil
import sysconfig
import warnings

import keras
import numpy as np
import pytest

from keras_course import backend, ops
from keras_course.layers import BatchNormalization, Conv2D
from keras_course.portable import portable_init


class HeavyBall(keras.optimizers.Optimizer):
    """It keeps the weights of the step before: what one variable gets is what another one had."""

    def build(self, variables):
        super().build(variables)
        self.before = self.add_optimizer_variables(variables, "before")

    def update_step(self, gradient, variable, learning_rate):
        before = self.before[self._get_variable_index(variable)]
        new = variable + 0.5 * (variable - before) - learning_rate * gradient
        self.assign(before, variable)
        self.assign(variable, new)


class Noise(keras.layers.Layer):
    """It adds the noise that a function returns for (shape, seed generator)."""

    def __init__(self, function):
        super().__init__()
        self.function, self.generator = function, keras.random.SeedGenerator(4)

    def call(self, x):
        return x + keras.ops.cast(self.function(x.shape, self.generator), x.dtype)

    def get_config(self):
        return {"function": self.function}


class Half(keras.layers.Layer):
    """It masks the examples whose first feature is negative."""

    supports_masking = True

    def compute_mask(self, x, previous=None):
        return x[:, 0] > 0

    def call(self, x):
        return x


class Idle(keras.layers.Layer):
    """It has a weight that no output depends on."""

    def build(self, shape):
        self.idle = self.add_weight(shape=(2,), initializer="zeros")

    def call(self, x):
        return x


TRAINED = {  # layers, and what compile() gets beside them
    "dense": ([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(3)], {}),
    "pictures": (
        [keras.layers.Reshape((4, 4, 1)), Conv2D(3, 3), BatchNormalization(), keras.layers.Flatten()],
        {"metrics": ["accuracy"]},
    ),
    "regularized, clipped": (
        [keras.layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")],
        {"optimizer": keras.optimizers.AdamW(0.01, clipnorm=0.1, gradient_accumulation_steps=2)},
    ),
    "noisy": ([keras.layers.Dense(8), keras.layers.Dropout(0.5), keras.layers.Dense(3)], {}),
    "noisy, seeded": ([keras.layers.GaussianNoise(0.5, seed=1), keras.layers.Dropout(0.5, seed=2)], {}),
    "noisy channels": (
        [keras.layers.Reshape((4, 4)), keras.layers.SpatialDropout1D(0.5, seed=3), keras.layers.Flatten()],
        {},
    ),
    "augmented": (
        [
            keras.layers.Reshape((4, 4, 1)),
            keras.layers.RandomBrightness(0.5, value_range=(-2, 2), seed=4),  # it changes its input
            keras.layers.Flatten(),
        ],
        {},
    ),
    "noisy, with Keras's generator": ([Noise(lambda shape, _: keras.random.normal(shape))], {}),
    "noisy, with one integer": ([Noise(lambda shape, _: keras.random.normal(shape, seed=1))], {}),
    "noisy, not recorded": ([Noise(lambda shape, seed: keras.random.gamma(shape, 2.0, seed=seed))], {}),
    "noisy, scaled by a tensor": (
        [Noise(lambda shape, seed: keras.random.normal(shape, stddev=keras.ops.ones(()), seed=seed))],
        {},
    ),
    "half frozen": ([keras.layers.Dense(4, trainable=False), keras.layers.BatchNormalization(trainable=False)], {}),
    "masked": ([Half()], {"metrics": ["accuracy"]}),
    "idle": ([Idle()], {}),
    "scaled": ([keras.layers.Dense(4)], {"optimizer": keras.optimizers.SGD(0.1, loss_scale_factor=8.0)}),
    "scaled as needed": (
        [keras.layers.Dense(4)],
        {"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), dynamic_growth_steps=2)},
    ),
    "mixed": ([keras.layers.Dense(3, dtype="mixed_bfloat16")], {"weighted_metrics": ["accuracy"]}),
}


FUSED = {
    "dense": TRAINED["dense"],
    "pictures": TRAINED["pictures"],
    "decayed, clipped": (
        [keras.layers.Dense(4, use_bias=False)],
        {
            "optimizer": keras.optimizers.AdamW(
                keras.optimizers.schedules.CosineDecay(0.1, 10), weight_decay=0.1, global_clipnorm=0.1
            )
        },
    ),
    "nadam": ([keras.layers.Dense(4)], {"optimizer": keras.optimizers.Nadam(0.01)}),
    "scaled": ([keras.layers.Dense(4)], {"optimizer": keras.optimizers.SGD(0.1, loss_scale_factor=8.0)}),
    "heavy ball": ([keras.layers.Dense(4)], {"optimizer": HeavyBall(0.1)}),
    "noisy, seeded": TRAINED["noisy, seeded"],
}
header = pathlib.Path(sysconfig.get_path("include"), "Python.h")
compiles = shutil.which(os.environ.get("CXX", "g++")) and header.exists()
needs_compiler = pytest.mark.skipif(
    backend.current() == "torch" and not compiles, reason="PyTorch fuses with a C++ compiler and Python's headers"
)
on_torch = pytest.mark.skipif(backend.current() != "torch", reason="Keras compiles the steps of the others")


def trained(layers, options, jit, fits=1, fuse=False):
    """Return the history and the variables after two epochs of three steps, the last one of fewer examples."""
    keras.utils.set_random_seed(0)
    layers = [type(layer).from_config(layer.get_config()) for layer in layers]  # each model has its own
    model = portable_init(keras.Sequential([keras.Input((16,)), *layers, keras.layers.Dense(3)]), 0)
    options = {"optimizer": keras.optimizers.SGD(0.1, momentum=0.9), **options}
    options["optimizer"] = type(options["optimizer"]).from_config(options["optimizer"].get_config())
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    model = ops.jit_training(model, fuse=fuse) if jit else model
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 16)).astype("float32"), rng.integers(3, size=20)
    weights = rng.uniform(0.5, 2, 20) if "weighted_metrics" in options else None
    data = {"x": x, "y": y, "sample_weight": weights, "validation_data": (x, y)}
    history = [model.fit(**data, batch_size=8, epochs=2, shuffle=False, verbose=0).history for _ in range(fits)]
    return history, [keras.ops.convert_to_numpy(v) for v in model.variables]  # with the states of seed generators


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("name", TRAINED if backend.current() == "torch" else ["dense"])  # others keep Keras's step
def test_jit_training_changes_no_number(name):
    history, weights = trained(*TRAINED[name], jit=True, fits=2)
    expected_history, expected = trained(*TRAINED[name], jit=False, fits=2)
    for one, other in zip(history, expected_history, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_allclose(one[key], other[key], rtol=1e-5, err_msg=key)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@needs_compiler
@on_torch
@pytest.mark.parametrize(  # each takes PyTorch's compiler 10 s
    "name",
    [name if name in ("pictures", "heavy ball") else pytest.param(name, marks=pytest.mark.full) for name in FUSED],
)
def test_fusing_changes_rounding_alone(name):
    [history], weights = trained(*FUSED[name], jit=True, fuse=True)
    [expected_history], expected = trained(*FUSED[name], jit=False)
    for key in expected_history:
        np.testing.assert_allclose(history[key], expected_history[key], rtol=1e-5, err_msg=key)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@needs_compiler
@on_torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy, about tensors
def test_the_optimizer_is_fused_where_it_can_be_recorded(monkeypatch):
    import torch

    compile, compiled = torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda program, **how: compiled.append(how) or compile(program, **how))

    def applied(steps, accumulated=None):
        compiled.clear()
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulated), "mse")
        ops.jit_training(model, fuse=True)
        calls, apply = [], model.optimizer.apply
        monkeypatch.setattr(model.optimizer, "apply", lambda *arguments: calls.append(1) or apply(*arguments))
        model.fit(np.ones((4 * steps, 3)), np.ones(4 * steps), batch_size=4, verbose=0)
        assert int(model.optimizer.iterations) == steps // (accumulated or 1)
        assert compiled == [{"dynamic": False, "options": {"layout_optimization": False}}]
        return len(calls)

    assert applied(3) == applied(6) == 1
    with pytest.warns(UserWarning, match="step of sgd.* is not fused, as it looks at the value"):
        assert applied(3, accumulated=3) == 1 + 3  # one that failed to be recorded, and one a step


@on_torch
def test_without_a_compiler_it_says_what_to_do():
    from torch._inductor import config

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    message = r"needs a C\+\+ compiler, and there is none: install one"
    with config.patch({"cpp.cxx": (None, "/nowhere/g++")}), pytest.raises(RuntimeError, match=message):
        ops.jit_training(model, fuse=True)
    assert ops.jit_training(model).fit(np.ones((4, 3)), np.ones(4), verbose=0).history["loss"][0] >= 0


@needs_compiler
@on_torch
def test_a_schedule_in_numpy_is_not_frozen():
    class Rising(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * np.minimum(1.0, (keras.ops.convert_to_numpy(step) + 1) / 5)

    def losses(fuse):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(Rising()), "mse")
        ops.jit_training(model, fuse=fuse)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return model.fit(np.ones((8, 3)), np.zeros(8), batch_size=4, epochs=3, verbose=0).history["loss"]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-6)


@on_torch
def test_a_variable_gets_what_another_one_had():
    class Delay(keras.layers.Layer):
        def build(self, shape):
            self.before = self.add_weight(shape=(), initializer="zeros", trainable=False)
            self.now = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.before.assign(self.now)
            self.now.assign(self.now + 1.0)
            return x

    model = keras.Sequential([keras.Input((3,)), Delay(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    ops.jit_training(model).fit(np.ones((12, 3)), np.zeros(12), batch_size=4, verbose=0)
    delay = model.layers[0]
    assert float(delay.now.value) == float(delay.before.value) + 1.0


@on_torch
def test_jit_training_goes_through_the_layers_once_for_each_shape():
    def calls(*layers):
        class Counting(keras.layers.Layer):
            count = 0

            def call(self, x):
                Counting.count += 1
                return x

        model = keras.Sequential([keras.Input((3,)), Counting(), *layers, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        ops.jit_training(model)
        before = Counting.count
        model.fit(np.ones((20, 3)), np.ones(20), batch_size=8, epochs=5, verbose=0)  # 15 steps of two shapes
        return Counting.count - before

    noises = [keras.layers.Dropout(0.1), keras.layers.Dropout(0.1, seed=0), keras.layers.GaussianNoise(0.1)]
    assert [calls(*layers) for layers in ((), noises)] == [5, 5]  # one by Keras, then two for each shape
    for name in ("noisy, with Keras's generator", "noisy, not recorded"):
        assert calls(*TRAINED[name][0]) > 15  # every step


def test_jit_training_of_single_batches():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    ops.jit_training(model)
    assert float(model.train_on_batch(np.ones((4, 3)), np.zeros(4))) == 9.0
    weights = np.array([2.0, 0.0, 0.0, 0.0])
    assert float(model.train_on_batch(np.ones((4, 3)), np.zeros(4), sample_weight=weights)) < 9.0
    batches = ((np.ones((4, 3)), np.zeros(4), None) for _ in range(2))
    assert model.fit(batches, steps_per_epoch=2, shuffle=False, verbose=0).history["loss"] == [9.0]


@pytest.mark.filterwarnings("ignore")  # each backend warns in words of its own
def test_a_model_without_weights_is_left_to_keras():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert ops.jit_training(model).fit(np.ones((4, 3)), np.zeros((4, 3)), verbose=0).history["loss"] == [4.0]


def test_another_compile_takes_the_recording_back():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    x, y = np.ones((4, 3)), np.zeros(4)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    assert ops.jit_training(model).fit(x, y, verbose=0).history["loss"] == [9.0]
    model.compile(keras.optimizers.SGD(0.0), "mae")
    assert model.fit(x, y, verbose=0).history["loss"] == [3.0]


def test_jit_training_refuses_what_it_would_get_wrong():
    class Own(keras.Model):
        def call(self, x):
            return x

        def train_step(self, *args):
            return {}

    with pytest.raises(ValueError, match=r"must be a keras.Model, and model\.compile must"):
        ops.jit_training(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    own = Own()
    own.compile("sgd", "mse")
    with pytest.raises(ValueError, match="train_step of its own"):
        ops.jit_training(own)


@pytest.mark.skipif(backend.current() != "torch", reason="the others refuse it in their own words")
def test_a_loss_that_looks_at_its_value_cannot_be_recorded():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", lambda y, prediction: keras.ops.mean(prediction) * (1 if float(y[0]) > 0 else 2))
    with pytest.raises(RuntimeError, match="data-dependent"):
        ops.jit_training(model).fit(np.ones((4, 3)), np.ones(4), verbose=0)


@pytest.mark.skipif(backend.current() != "torch", reason="the others lay out arrays by themselves")
def test_what_the_optimizer_keeps_lies_in_memory_as_the_weights_do():
    model = keras.Sequential([keras.Input((4, 4, 2)), Conv2D(3, 3), keras.layers.Flatten()])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    ops.jit_training(model).fit(np.ones((2, 4, 4, 2)), np.ones((2, 12)), verbose=0)
    kernel, momentum = model.trainable_variables[0].value, model.optimizer.momentums[0].value
    assert momentum.stride() == kernel.stride()
    assert not kernel.is_contiguous()
