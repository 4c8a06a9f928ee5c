"""Tiny models, one of each kind that a builder may return, on which the general checks are tried out."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_course import _registry
from keras_course.checks import whole_number


def toy_network(num_features, *, hidden_dim=4, seed=0, name="toy_network"):
    """A network whose loss is a function of target and output (kind a)."""
    whole_number(1, num_features=num_features, hidden_dim=hidden_dim)
    whole_number(0, seed=seed)
    x = keras.Input((num_features,))
    h = keras.layers.Dense(hidden_dim, activation="tanh", name="hidden")(x)
    h = keras.layers.Dropout(0.1, seed=seed)(h)
    return keras.Model(x, keras.layers.Dense(1, name="out")(h), name=name)


@keras.saving.register_keras_serializable("keras_course_tests")
class Noise(keras.layers.Layer):
    """Add standard normal noise to z (B, D)."""

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, z):
        return z + keras.random.normal(ops.shape(z), dtype=self.compute_dtype, seed=self.seed_generator)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("keras_course_tests")
class ToyOwnLoss(keras.Model):
    """A noisy auto-encoder that draws noise and owns its loss (kind b)."""

    def __init__(self, num_features, *, hidden_dim=2, seed=0, name="toy_own_loss"):
        whole_number(1, num_features=num_features, hidden_dim=hidden_dim)
        whole_number(0, seed=seed)
        x = keras.Input((num_features,))
        z = Noise(seed)(keras.layers.Dense(hidden_dim, name="encode")(x))
        y = keras.layers.Dense(num_features, name="decode")(z)
        super().__init__(x, {"error": keras.layers.Subtract()([x, y]), "z": z}, name=name)
        self.num_features, self.hidden_dim, self.seed = num_features, hidden_dim, seed

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        out = {key: ops.cast(value, "float32") for key, value in y_pred.items()}
        return ops.mean(out["error"] ** 2) + 0.01 * ops.mean(out["z"] ** 2)

    def get_config(self):
        return {
            "num_features": self.num_features,
            "hidden_dim": self.hidden_dim,
            "seed": self.seed,
            "name": self.name,
        }


def toy_own_loss(num_features, *, hidden_dim=2, seed=0, name="toy_own_loss"):
    return ToyOwnLoss(num_features, hidden_dim=hidden_dim, seed=seed, name=name)


@dataclasses.dataclass(frozen=True)
class ToySampler:
    """What is no network (kind c): a random walk of `steps` steps from x (B, D)."""

    steps: int = 3

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps={self.steps} must be at least 1")

    def __call__(self, x, seed=0):
        noise = np.random.default_rng(seed).standard_normal((self.steps, *x.shape)).astype("float32")
        x = ops.convert_to_tensor(x)
        for step in noise:
            x = x + ops.convert_to_tensor(step)
        return x


def register(function):
    """Make a builder of a toy without leaving it in the register of real ones."""
    tiny = {"tiny": {"num_features": 3}}
    built = _registry.builder(reference="a toy of the tests", presets=tiny)(function)
    del _registry._BUILDERS[function.__name__]
    return built


def with_layer(make):
    """Return a builder of the toy network with one more layer, `make()`, at its end."""

    def build(num_features, *, hidden_dim=4):
        base = toy_network(num_features, hidden_dim=hidden_dim)
        return keras.Model(base.input, make()(base.output))

    return build


BUILDERS = {function.__name__: register(function) for function in (toy_network, toy_own_loss)}
