"""Every check of conformance fails on a fault planted for it."""

import itertools

import conformance
import keras
import numpy as np
import pytest
import toys
from keras import ops
from toys import with_layer


def fault_no_model(num_features):
    return keras.layers.Dense(num_features)


def fault_not_built(num_features):
    return keras.Sequential([keras.layers.Dense(num_features)])


def fault_no_weights(num_features):
    x = keras.Input((num_features,))
    return keras.Model(x, keras.layers.Rescaling(2.0)(x))


def fault_born_compiled(num_features, *, hidden_dim=4):
    model = toys.toy_network(num_features, hidden_dim=hidden_dim)
    model.compile()
    return model


@keras.saving.register_keras_serializable("keras_course_tests")
class BatchMean(keras.layers.Layer):
    def call(self, x):
        return x - ops.mean(x, axis=0)


@keras.saving.register_keras_serializable("keras_course_tests")
class Logarithm(keras.layers.Layer):
    def call(self, x):
        return ops.log(x * 0.0)


@keras.saving.register_keras_serializable("keras_course_tests")
class Gram(keras.layers.Layer):
    def call(self, x):
        return ops.matmul(x, ops.transpose(x))


@keras.saving.register_keras_serializable("keras_course_tests")
class Root(keras.layers.Layer):
    def call(self, x):
        return ops.sqrt(x * 0.0)


@keras.saving.register_keras_serializable("keras_course_tests")
class Dead(keras.layers.Layer):
    def build(self, shape):
        self.unused = self.add_weight(shape=(3,), name="unused", initializer="zeros")

    def call(self, x):
        return x


@keras.saving.register_keras_serializable("keras_course_tests")
class Counting(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = 0

    def call(self, x):
        self.calls += 1
        return x + self.calls


@keras.saving.register_keras_serializable("keras_course_tests")
class Float32(keras.layers.Layer):
    def call(self, x):
        return ops.cast(x, "float32") + 1.0


@keras.saving.register_keras_serializable("keras_course_tests")
class Forgetful(keras.layers.Layer):
    def __init__(self, shift=0.0, **kwargs):
        super().__init__(**kwargs)
        self.shift = shift

    def call(self, x):
        return x + self.shift

    def get_config(self):
        return {**super(keras.layers.Layer, self).get_config(), "name": self.name}


class Unregistered(keras.layers.Layer):
    def call(self, x):
        return 2.0 * x


def fault_twins(num_features, *, hidden_dim=4):
    normal = keras.initializers.GlorotNormal(seed=0)
    layers = [keras.layers.Dense(hidden_dim, kernel_initializer=normal) for _ in range(3)]
    return keras.Sequential([keras.Input((num_features,)), *layers])


def fault_names_no_argument(num_features, *, hidden_dim=4):
    if min(num_features, hidden_dim) < 1:
        raise ValueError("a size must be at least 1")
    return toys.toy_network(num_features, hidden_dim=hidden_dim)


def fault_accepts_anything(num_features, *, hidden_dim=4):
    return toys.toy_network(max(1, num_features), hidden_dim=max(1, hidden_dim))


@keras.saving.register_keras_serializable("keras_course_tests")
class LosesItsLoss(toys.ToyOwnLoss):
    """A clone keeps graph and weights, but not the class that holds the loss."""

    @classmethod
    def from_config(cls, config):
        model = toys.ToyOwnLoss(**config)
        return keras.Model(model.input, model.output)


@keras.saving.register_keras_serializable("keras_course_tests")
class OverflowsInBfloat16(toys.ToyOwnLoss):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) * (np.inf if self.compute_dtype == "bfloat16" else 1.0)


def fault_bfloat16_loss(num_features, *, hidden_dim=2):
    return OverflowsInBfloat16(num_features, hidden_dim=hidden_dim)


@keras.saving.register_keras_serializable("keras_course_tests")
class InfiniteLoss(toys.ToyOwnLoss):
    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs) * np.inf


def fault_infinite_loss(num_features, *, hidden_dim=2):
    return InfiniteLoss(num_features, hidden_dim=hidden_dim)


def fault_loses_its_loss(num_features, *, hidden_dim=2):
    return LosesItsLoss(num_features, hidden_dim=hidden_dim)


FAULTS = {  # the fault, the check that must find it, and what it must say
    "no model": (fault_no_model, conformance.check_built_at_birth, "returns a keras.Model"),
    "not built": (fault_not_built, conformance.check_built_at_birth, "is not built"),
    "no weights": (fault_no_weights, conformance.check_built_at_birth, "has no weights"),
    "compiled at birth": (fault_born_compiled, conformance.check_built_at_birth, "is compiled"),
    "twins": (fault_twins, conformance.check_no_twins, "of another weight"),
    "infinite outputs": (with_layer(Logarithm), conformance.check_outputs, "outputs are not finite"),
    "a shape of the batch": (with_layer(Gram), conformance.check_outputs, "shapes depend on the batch"),
    "mixes the batch": (with_layer(BatchMean), conformance.check_outputs, "depends on the others"),
    "depends on how often it ran": (with_layer(Counting), conformance.check_outputs, "predict and eager"),
    "infinite loss": (fault_infinite_loss, conformance.check_training_moves_every_weight, "the loss is not finite"),
    "infinite gradient": (
        with_layer(Root),
        conformance.check_training_moves_every_weight,
        "gradient of .* is not finite",
    ),
    "a dead weight": (
        with_layer(Dead),
        conformance.check_training_moves_every_weight,
        "does not move|Gradients do not exist",
    ),
    "always float32": (with_layer(Float32), conformance.check_policies, "gives .*float32"),
    "infinite loss in bfloat16": (fault_bfloat16_loss, conformance.check_policies, "bfloat16: the loss is not finite"),
    "cannot be loaded": (with_layer(Unregistered), conformance.check_saving, "Unregistered"),
    "loses its type, and with it its loss": (
        fault_loses_its_loss,
        conformance.check_saving,
        "LosesItsLoss was loaded as a Functional",
    ),
    "forgets an argument when saved": (with_layer(lambda: Forgetful(1.0)), conformance.check_saving, "loaded model"),
    "accepts any argument": (fault_accepts_anything, conformance.check_bad_arguments, "is accepted"),
    "names no argument": (fault_names_no_argument, conformance.check_bad_arguments, "does not name num_features"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found(fault):
    function, check, message = FAULTS[fault]
    function.__name__ = "fault"
    with pytest.raises((AssertionError, TypeError, UserWarning), match=message):
        check(conformance.Subject(toys.register(function)))


@pytest.mark.usefixtures("drawn_by_numpy")
def test_twins_are_found_among_draws_by_numpy():
    with pytest.raises(AssertionError, match="of another weight"):
        conformance.check_no_twins(conformance.Subject(toys.register(fault_twins)))


def test_a_compiler_that_changes_the_outputs_is_found(monkeypatch):
    monkeypatch.setattr(conformance.course_ops, "jit", lambda function, variables: lambda x: function(x) + 1.0)
    with pytest.raises(AssertionError, match="compiled and eager calls differ"):
        conformance.check_outputs(conformance.Subject(toys.BUILDERS["toy_network"]))


def test_inputs_that_do_not_fit_are_found_without_an_example():
    with pytest.raises(AssertionError, match="outputs are not finite"):
        conformance.check_outputs(conformance.Subject(toys.register(toys.toy_graph)))


def test_a_sampler_with_hidden_state_is_found():
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="two calls differ"):
        conformance.check_function(lambda x: x + rng.normal(), np.zeros(3, "float32"))


def test_a_sampler_whose_shape_changes_is_found():
    calls = itertools.count(1)
    with pytest.raises(AssertionError, match=r"shapes \(1,\) and \(2,\) differ"):
        conformance.check_function(lambda x: x[: next(calls)], np.zeros(3, "float32"))


def test_a_sampler_that_compiles_to_something_else_is_found():
    calls = itertools.count()
    with pytest.raises(AssertionError, match="compiled and eager calls differ"):
        conformance.check_function(lambda x: x + next(calls) // 2, np.zeros(3, "float32"))
